// Settle's own tools: waiting for a time, a signal or a workflow, and demanding a condition. No call leaves, so nothing
// here can be unclear: what is waited for is in the store, and a restart finds it there.

#include <algorithm>
#include <tuple>

#include "base/json_parts.h"
#include "base/text.h"
#include "workflows/builtin_tools.h"
#include "workflows/stepper.h"
#include "workflows/waiting.h"

namespace settle {

/// The input is resolved and fits the schema.
void Stepper::begin_builtin(ActionIndex index) {
  action(index).first_send_at = moment_.now;
  const Json& input = *workflow_.actions[index].input;
  if (const std::optional<Problem> wrong = builtin_input_problem(tool(index), input, moment_.now))
    return fail(index, "input_invalid", wrong->message + ", got " + wrong->got, Effect::none);
  switch (tool(index).builtin) {
    case Builtin::sleep:
      return wait(index, builtin_wait_end(input, moment_.now));
    case Builtin::wait_signal:
      return begin_wait_signal(index);
    case Builtin::run_plan:
      return begin_child(index);
    case Builtin::assertion:
      return held(index);
    case Builtin::approve:
      return await_approval(index);
    case Builtin::emit:
      return emit(index);
    case Builtin::none:
      break;
  }
  SETTLE_ASSERT(!"a tool of Settle's own");
}

/// A wait that is over before it began ends in the same step.
void Stepper::wait(ActionIndex index, std::optional<Time> until) {
  if (until && *until <= moment_.now) return wait_over(index);
  enter(index, Stage::waiting, until);
  Json data = waits_for(workflow_, index);
  if (tool(index).builtin == Builtin::wait_signal) data.set("until", time_or_null(until));
  data.erase("attention");
  note("action.waiting", index, std::move(data));
}

void Stepper::wait_over(ActionIndex index) {
  if (tool(index).builtin == Builtin::sleep)
    return builtin_done(index, Json::object({{"woke_at", format_time(moment_.now)}}));
  const Json& input = *workflow_.actions[index].input;
  fail(index, "signal_timeout",
       "no signal \"" + text_member(input, "name") + "\" came within " + text_member(input, "timeout"), Effect::none);
}

/// Nothing was done outside, and the engine itself saw what the action is about.
void Stepper::builtin_done(ActionIndex index, Json output) {
  ActionState& state = action(index);
  state.output = std::make_shared<const Json>(std::move(output));
  out_.new_outputs.push_back(index);
  state.executed_at = state.verified_at = moment_.now;
  state.error = std::nullopt;
  state.effect = Effect::none;
  state.confidence = Confidence::response;
  enter(index, Stage::verified);
  note("action.verified", index, Json::object({{"confidence", name_of(state.confidence)}}));
  issue_receipt(index);
  ended(index);
}

// ---- flow.assert

void Stepper::held(ActionIndex index) {
  SETTLE_ASSERT(planned(index).that.has_value());  // the check of the plan demands it
  if (holds(*planned(index).that, index)) return builtin_done(index, Json::object());
  const Json& input = *workflow_.actions[index].input;
  const std::string message = text_member(input, "message");
  fail(index, "assertion_failed",
       (message.empty() ? "it does not hold: " : message + ": ") + shorten(canonical(*input.find("that")), 500),
       Effect::none);
}

// ---- flow.emit

/// The event is durable together with what says so; the feed and the subscriptions take it from the history.
void Stepper::emit(ActionIndex index) {
  const Json& input = *workflow_.actions[index].input;
  const Json* data = input.find("data");
  note("action.emitted", index,
       Json::object({{"type", text_member(input, "type")}, {"data", data == nullptr ? Json() : *data}}));
  builtin_done(index, Json::object({{"event", event_id(workflow_.header.id, workflow_.header.events)}}));
}

// ---- flow.wait_signal

void Stepper::begin_wait_signal(ActionIndex index) {
  const Json& input = *workflow_.actions[index].input;
  const std::string name = text_member(input, "name");
  const std::vector<SignalState>& signals = workflow_.signals;
  const auto oldest = std::find_if(signals.begin(), signals.end(), [&name](const SignalState& signal) {
    return !signal.taken_by && signal.name == name;
  });
  if (oldest != signals.end()) return take_signal(index, static_cast<std::size_t>(oldest - signals.begin()));
  wait(index, builtin_wait_end(input, moment_.now));
}

void Stepper::take_signal(ActionIndex index, std::size_t taken) {
  SignalState& signal = workflow_.signals[taken];
  signal.taken_by = index;
  out_.signals.push_back(static_cast<std::uint32_t>(taken));
  note("action.signalled", index,
       Json::object({{"name", signal.name}, {"signal", static_cast<std::int64_t>(taken + 1)}}));
  builtin_done(index, Json::object({{"name", signal.name},
                                    {"payload", *signal.payload},
                                    {"key", signal.key.empty() ? Json() : Json(signal.key)},
                                    {"received_at", format_time(signal.received_at)}}));
}

/// It goes to the first run in the order of the plan that waits for this name; else it is kept.
void Stepper::signal(Signal signal) {
  expire_if_due();
  const std::size_t number = workflow_.signals.size();
  workflow_.signals.push_back({signal.name, std::move(signal.payload), std::move(signal.key), std::move(signal.digest),
                               moment_.now, signal.bytes, std::nullopt});
  out_.signals.push_back(static_cast<std::uint32_t>(number));
  const SignalState& kept = workflow_.signals.back();
  note("workflow.signalled", std::nullopt,
       Json::object({{"name", kept.name},
                     {"signal", static_cast<std::int64_t>(number + 1)},
                     {"key", kept.key.empty() ? Json() : Json(kept.key)}}));
  std::optional<ActionIndex> first;
  const auto place = [this](ActionIndex i) {
    const ActionState& run = workflow_.actions[i];
    return std::tuple(run.planned, run.element.value_or(0), i);
  };
  for (ActionIndex i = 0; i < workflow_.actions.size(); ++i) {
    const bool waits = workflow_.actions[i].stage == Stage::waiting && tool(i).builtin == Builtin::wait_signal;
    if (!waits || text_member(*workflow_.actions[i].input, "name") != signal.name) continue;
    if (!first || place(i) < place(*first)) first = i;
  }
  if (first) take_signal(*first, number);
}

// ---- flow.run_plan

void Stepper::begin_child(ActionIndex index) {
  ++action(index).attempt;  // so that a retry of one of which nothing happened gets a child of its own
  action(index).record_id = child_id(workflow_, index);
  wait(index, std::nullopt);
  ask_child(index);
}

void Stepper::begin_another_child(ActionIndex index) {
  if (workflow_.actions[index].child_attention) child_attention(index, false);
  ActionState& state = action(index);
  state.unclear = false;
  ++state.generation;
  note_retry(index, "anew");
  begin_child(index);
}

/// Has the workflow begun, or asked to end where this one is to end. Asked again after every restart; both are harmless
/// when they come twice. A workflow that was not begun by then is not begun only to be cancelled.
void Stepper::ask_child(ActionIndex index) {
  const bool asked = std::any_of(out_.children.begin(), out_.children.end(),
                                 [index](const ChildEffect& effect) { return effect.action == index; });
  if (asked) return;
  out_.children.push_back({index, child_id(workflow_, index), cancelling() || out_of_time(index)});
}

bool Stepper::out_of_time(ActionIndex index) const {
  return workflow_.header.expired && !is_undoing(workflow_.actions[index].role);
}

void Stepper::child_ended(ActionIndex index, const ChildEnd& end) {
  expire_if_due();
  std::erase_if(out_.children, [index](const ChildEffect& effect) { return effect.action == index; });
  const bool done = end.outcome == WorkflowOutcome::verified || end.outcome == WorkflowOutcome::executed;
  if (end.how == ChildEnd::How::ended && done) return child_succeeded(index, end);
  // Retried, and the old one still did nothing: another may take its place.
  const bool idle = end.how == ChildEnd::How::ended && !end.ran_others;
  const bool nothing = end.effect == Effect::none && (idle || end.code == "child_conflict");
  if (workflow_.actions[index].unclear && nothing && !cancelling() && !out_of_time(index))
    return begin_another_child(index);
  const std::string which = "workflow " + child_id(workflow_, index);
  const bool own_failure = end.how == ChildEnd::How::ended && end.outcome == WorkflowOutcome::failed;
  if (own_failure) return fail(index, "child_failed", which + " failed: " + end.message, end.effect);
  if (cancelling()) return cancelled(index, end.effect);
  if (out_of_time(index))
    return fail(index, "deadline_exceeded", "the plan's deadline passed while " + which + " ran", end.effect);
  if (end.how == ChildEnd::How::refused)
    return fail(index, end.code, which + " was not begun: " + end.message, Effect::none);
  fail(index, "child_cancelled", which + " was cancelled", end.effect);
}

void Stepper::child_succeeded(ActionIndex index, const ChildEnd& end) {
  const bool verified = end.outcome == WorkflowOutcome::verified;
  ActionState& state = action(index);
  state.output = std::make_shared<const Json>(
      Json::object({{"workflow", child_id(workflow_, index)}, {"outcome", name_of(end.outcome)}}));
  out_.new_outputs.push_back(index);
  state.executed_at = moment_.now;
  if (verified) state.verified_at = moment_.now;
  state.error = std::nullopt;
  state.unclear = false;
  state.effect = end.effect;
  state.confidence = end.confidence;
  enter(index, verified ? Stage::verified : Stage::executed);
  note(verified ? "action.verified" : "action.executed", index,
       Json::object({{"confidence", name_of(end.confidence)}, {"workflow", child_id(workflow_, index)}}));
  issue_receipt(index);
  ended(index);
}

void Stepper::child_attention(ActionIndex index, bool attention) {
  action(index).child_attention = attention;
  workflow_.parked = attention ? workflow_.parked + 1 : workflow_.parked - 1;
  note(attention ? "action.child_attention" : "action.child_attention_over", index,
       Json::object({{"workflow", child_id(workflow_, index)}}));
}

// ---- waits that end early

/// For a time or a signal: nothing is under way that would have to come to an end.
bool Stepper::waits_idly(ActionIndex index) const {
  return workflow_.actions[index].stage == Stage::waiting && tool(index).builtin != Builtin::run_plan;
}

/// The workflow is to end. A child is asked to end, and waited for.
void Stepper::stop_waiting(ActionIndex index) {
  if (waits_idly(index)) return cancelled(index);
  ask_child(index);
}

/// Another action failed and stops the plan: a wait has nothing left to wait for. What undoes goes on.
void Stepper::stop_idle_waits() {
  for (ActionIndex i = 0; i < workflow_.actions.size(); ++i) {
    const ActionState& run = workflow_.actions[i];
    if (is_undoing(run.role)) continue;
    if (waits_idly(i)) cancelled(i);
    if (run.stage == Stage::awaiting_approval && run.unclear) resolve_doubt(i);  // it will not be sent again
  }
}

/// The plan's deadline has passed.
void Stepper::expire_wait(ActionIndex index) {
  if (!waits_idly(index)) return ask_child(index);
  fail(index, "deadline_exceeded", "the plan's deadline passed while it waited", Effect::none);
}

// ---- the face: step.h

Transition on_signal(Workflow& workflow, Signal signal, const Moment& moment) {
  if (workflow.header.status == WorkflowStatus::ended) return {};
  Stepper stepper(workflow, moment);
  stepper.signal(std::move(signal));
  return stepper.finish();
}

namespace {

bool waits_for_child(const Workflow& workflow, ActionIndex run, const std::string& child) {
  if (run >= workflow.actions.size() || !is_legal(workflow.actions[run].stage, EventKind::child)) return false;
  return workflow.call_of(run).tool->builtin == Builtin::run_plan && child_id(workflow, run) == child;
}

}  // namespace

Transition on_child_ended(Workflow& workflow, ActionIndex run, const std::string& child, const ChildEnd& end,
                          const Moment& moment) {
  if (!waits_for_child(workflow, run, child)) return {};
  Stepper stepper(workflow, moment);
  stepper.child_ended(run, end);
  return stepper.finish();
}

Transition on_child_attention(Workflow& workflow, ActionIndex run, const std::string& child, bool attention,
                              const Moment& moment) {
  if (!waits_for_child(workflow, run, child) || workflow.actions[run].child_attention == attention) return {};
  Stepper stepper(workflow, moment);
  stepper.child_attention(run, attention);
  return stepper.finish();
}

}  // namespace settle
