#include "workflows/stepper.h"

#include <algorithm>

#include "base/text.h"

namespace settle {
namespace {

/// What the calls of a tool can see. Owns the small values; input and output stay where they are.
struct ToolScope {
  Json record_id, workflow_id, workflow_name, action_id, attempt;
  const std::map<std::string, std::string>* labels = nullptr;
  mutable Json label;

  static const Json* workflow_root(const void* owner, const std::vector<std::string>& tokens) {
    const auto* self = static_cast<const ToolScope*>(owner);
    if (tokens.size() == 2 && tokens[1] == "id") return &self->workflow_id;
    if (tokens.size() == 2 && tokens[1] == "name") return &self->workflow_name;
    if (tokens.size() != 3 || tokens[1] != "labels") return nullptr;
    const auto found = self->labels->find(tokens[2]);
    if (found == self->labels->end()) return nullptr;
    self->label = found->second;
    return &self->label;
  }
  static const Json* action_root(const void* owner, const std::vector<std::string>& tokens) {
    const auto* self = static_cast<const ToolScope*>(owner);
    if (tokens.size() != 2) return nullptr;
    if (tokens[1] == "id") return &self->action_id;
    return tokens[1] == "attempt" ? &self->attempt : nullptr;
  }
};

bool safe_in_header(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

std::uint64_t next_dice(std::uint64_t& state) {  // splitmix64
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

Stepper::Stepper(Workflow& workflow, const Moment& moment)
    : workflow_(workflow), moment_(moment), dice_(moment.entropy), attention_before_(workflow.needs_person()) {}

/// Every mutable access goes through here, so that what changed is known.
ActionState& Stepper::action(ActionIndex index) {
  if (out_.actions.empty() || out_.actions.back() != index) out_.actions.push_back(index);
  ActionState& state = workflow_.actions[index];
  if (!std::exchange(state.recorded, true)) ++workflow_.header.recorded;
  return state;
}

Time Stepper::deadline(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  const Time own = state.scheduled_at.value_or(moment_.now) + planned(index).schedule_to_close_timeout;
  const std::optional<Time>& whole = workflow_.header.deadline_at;
  return whole && !is_undoing(state.role) ? std::min(own, *whole) : own;
}

/// A run that the plan's text does not have: an element, a fallback, a compensation. References to other runs do not
/// survive this.
ActionIndex Stepper::add_run(ActionIndex planned, CallRole role, ActionIndex parent,
                             std::optional<std::uint32_t> element) {
  const auto index = static_cast<ActionIndex>(workflow_.actions.size());
  ActionState& state = workflow_.actions.emplace_back();
  state.planned = planned;
  state.role = role;
  state.parent = parent;
  state.element = element;
  state.since = moment_.now;
  ++workflow_.open;
  action(index);
  return index;
}

void Stepper::forget_deadline() {
  if (const std::optional<Time>& at = workflow_.header.deadline_at)
    workflow_.wakes.erase({*at, Workflow::deadline_wake});
}

void Stepper::enter(ActionIndex index, Stage stage, std::optional<Time> wake_at) {
  ActionState& state = action(index);
  if (!awaits_person(state.stage) && awaits_person(stage)) ++workflow_.parked;
  if (awaits_person(state.stage) && !awaits_person(stage)) --workflow_.parked;
  if (state.stage == Stage::awaiting_approval && stage != Stage::awaiting_approval) withdraw_approval(index);
  if (is_fallen(state) && stage != Stage::failed) --workflow_.fallen;
  if (!is_fallen(state) && stage == Stage::failed && state.recheck_failed) ++workflow_.fallen;
  if (!is_final(state.stage) && is_final(stage)) --workflow_.open;
  if (is_final(state.stage) && !is_final(stage)) ++workflow_.open;
  if (state.child_attention && stage != Stage::waiting) {
    state.child_attention = false;
    --workflow_.parked;
  }
  if (state.wake_at) workflow_.wakes.erase({*state.wake_at, index});
  if (wake_at) workflow_.wakes.emplace(*wake_at, index);
  state.wake_at = wake_at;
  const bool gated_before = state.stage == Stage::gated, gated = stage == Stage::gated;
  if (gated_before || gated) out_.gates.push_back(index);
  if (gated && !gated_before) ++workflow_.gated;
  if (gated_before && !gated) --workflow_.gated;
  if (workflow_.waits_for_child(index)) --workflow_.children;
  if (is_calling(state.stage)) --workflow_.calling;
  if (is_calling(stage)) ++workflow_.calling;
  if (state.stage == Stage::ready) workflow_.held.erase(index);
  if (stage == Stage::ready) workflow_.held.insert(index);
  if (state_of(state.stage) != state_of(stage) || is_unstarted(state.stage) || is_parked(stage) ||
      (gated && !gated_before) || (stage == Stage::awaiting_approval && stage != state.stage))
    state.since = moment_.now;
  state.held = false;
  state.stage = stage;
  if (workflow_.waits_for_child(index)) ++workflow_.children;
}

/// What every failure leaves in the state and in the history. What follows from it is the caller's matter.
void Stepper::enter_failure(ActionIndex index, Stage stage, ActionError error, Effect effect) {
  ActionState& state = action(index);
  state.error = std::move(error);
  state.effect = effect;
  state.confidence = Confidence::none;
  enter(index, stage);
  note("action.failed", index,
       Json::object({{"code", state.error->code}, {"message", state.error->message}, {"effect", name_of(effect)}}));
}

void Stepper::fail(ActionIndex index, std::string code, std::string message, Effect effect) {
  action(index).unclear = false;
  // What left something behind is no matter for the fallback alone, unless the plan says so.
  const bool held = effect != Effect::none && wants_fallback(index) && !workflow_.action_of(index).fallback_after_any;
  enter_failure(index, held ? Stage::fallback_held : Stage::failed, {std::move(code), std::move(message)}, effect);
  if (held) note("action.fallback_held", index, Json::object({{"effect", name_of(effect)}}));
  issue_receipt(index);
  if (!held) ended(index);
}

void Stepper::cancelled(ActionIndex index, Effect effect) {
  ActionState& state = action(index);
  state.effect = effect;
  state.unclear = false;
  enter(index, Stage::cancelled);
  note("action.cancelled", index);
  issue_receipt(index);
  ended(index);
}

void Stepper::issue_receipt(ActionIndex index) {
  ActionState& state = action(index);
  const bool replaces = state.receipt > moment_.receipts_taken;
  if (!replaces) state.receipt_before = std::exchange(state.receipt, ++workflow_.header.receipts);
  out_.receipts.push_back({index, state.receipt, state.receipt_before, moment_.now});
}

/// `index` is a run; the history names its action, and says which run of it where there are several.
std::string event_id(std::string_view workflow, std::uint32_t seq) {
  return std::string(workflow) + "." + std::to_string(seq);
}

void Stepper::note(std::string type, std::optional<ActionIndex> index, Json data) {
  ++workflow_.header.events;
  if (index) {
    const ActionState& state = workflow_.actions[*index];
    if (state.element) data.set("element", static_cast<std::int64_t>(*state.element));
    if (state.role != CallRole::main) data.set("role", name_of(state.role));
    index = state.planned;
  }
  out_.history.push_back({std::move(type), index, std::move(data), moment_.now});
}

std::string Stepper::key_of(ActionIndex index) const {
  const WorkflowHeader& header = workflow_.header;
  const ActionState& state = workflow_.actions[index];
  return idempotency_key(header.name_space, header.id, workflow_.action_of(index).id, state.element.value_or(0),
                         name_of(state.role), state.generation);
}

const Json* Stepper::KeyRoot::find(const void* owner, const std::vector<std::string>& tokens) {
  const auto* self = static_cast<const KeyRoot*>(owner);
  if (tokens.size() != 1) return nullptr;
  if (self->key.is_null()) self->key = self->stepper.key_of(self->index);
  return &self->key;
}

Stepper::CheckScope::CheckScope(const Stepper& stepper, ActionIndex index, const Json* output) : key{stepper, index} {
  const ActionState& state = stepper.workflow_.actions[index];
  std::optional<std::string> id;
  if (state.record_id) {
    id = *state.record_id;
  } else if (output != nullptr) {
    id = stepper.tool(index).record_id_in(*output);
  }
  scope.add("input", state.input.get());
  scope.add("output", output);
  scope.add("before", state.before.get());
  scope.add("idempotency_key", &key, &KeyRoot::find);
  if (!id) return;
  record_id = *std::move(id);
  scope.add("record_id", &record_id);
}

Result<Call> Stepper::prepare(const CallSpec& spec, ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  const WorkflowHeader& header = workflow_.header;
  ToolScope values;
  const KeyRoot key{*this, index};
  values.workflow_id = header.id;
  values.workflow_name = workflow_.plan->name;
  values.action_id = workflow_.action_of(index).id;
  values.attempt = static_cast<std::int64_t>(state.attempt);
  values.labels = &header.labels;
  Scope scope;
  scope.add("input", state.input.get());
  scope.add("output", state.output.get());
  scope.add("before", state.before.get());
  scope.add("idempotency_key", &key, &KeyRoot::find);
  scope.add("workflow", &values, &ToolScope::workflow_root);
  scope.add("action", &values, &ToolScope::action_root);
  if (state.record_id) {
    values.record_id = *state.record_id;
    scope.add("record_id", &values.record_id);
  }

  Call call;
  call.connector = spec.connector;
  call.method = spec.method;
  call.credential = spec.credential;
  call.write = !spec.safe;
  call.timeout = planned(index).start_to_close_timeout;
  Result<std::string> url = spec.url.resolve_text(scope, true);
  if (!url) return std::move(url).error();
  call.url = *std::move(url);
  for (const auto& [name, value] : spec.headers) {
    Result<std::string> text = value.resolve_text(scope, false);
    if (!text) return std::move(text).error();
    if (!safe_in_header(*text))
      return settle::fail(ErrorCode::invalid_argument, "header " + name + " would hold a control character");
    call.headers.emplace_back(name, *std::move(text));
  }
  if (spec.body) {
    Result<Json> body = spec.body->resolve(scope);
    if (!body) return std::move(body).error();
    call.body = canonical(*body);
  }
  return call;
}

bool Stepper::begin_call(ActionIndex index, const CallSpec& spec, bool write) {
  Result<Call> call = prepare(spec, index);
  if (!call) {
    action(index).error = ActionError{"call_unresolved", call.error().message};
    return false;
  }
  issue_call(index, spec, *std::move(call), write);
  return true;
}

void Stepper::issue_call(ActionIndex index, const CallSpec& spec, Call call, bool write) {
  ActionState& state = action(index);
  state.call += 1;
  state.call_write = write;
  if (write) state.target = tool(index).target;
  out_.calls.push_back({index, state.call, std::move(call), spec.safe});
}

/// Full jitter: uniform between 0 and `most`, at least 1 ms.
Duration Stepper::jittered(Duration most) {
  const auto span = static_cast<std::uint64_t>(std::max<std::int64_t>(1, most.count()));
  return Duration(1 + static_cast<std::int64_t>(next_dice(dice_) % span));
}

void Stepper::run_ready() {
  while (!ready_.empty()) {
    const ActionIndex index = ready_.front();
    ready_.pop_front();
    if (workflow_.actions[index].stage == Stage::revived) take_turn(index);
    if (!is_unstarted(workflow_.actions[index].stage)) continue;
    const bool is_held = workflow_.header.paused || (!has_room() && calls(index));
    if (!is_held) {
      start(index);
      give_turns_behind(index);
    } else if (workflow_.actions[index].stage == Stage::blocked) {
      enter(index, Stage::ready);
      action(index).scheduled_at = moment_.now;
    }
  }
}

/// One workflow has only so many calls under way at a time, and as many in line for a permit: what leaves then is soon
/// on its way, and others have their turn between.
bool Stepper::has_room() const {
  return moment_.calls_max == 0 || std::max(workflow_.calling, workflow_.gated) < moment_.calls_max;
}

bool Stepper::calls(ActionIndex index) const {
  return tool(index).builtin == Builtin::none && !workflow_.gathers(index);
}

/// Calls have ended, so others that were held may start.
void Stepper::use_room() {
  while (!workflow_.header.paused && !workflow_.held.empty() && has_room()) {
    ready_.push_back(*workflow_.held.begin());
    run_ready();
  }
}

Transition Stepper::finish() {
  run_ready();
  use_room();
  while (std::exchange(newly_failed_, false)) {
    give_up_fallbacks();
    run_ready();
    use_room();
  }
  WorkflowHeader& header = workflow_.header;
  const bool undo = workflow_.plan->on_failure == OnFailure::compensate && workflow_.failed > 0;
  if (workflow_.open == 0 && header.status == WorkflowStatus::running && undo) {
    begin_compensation();
    run_ready();
  }
  const bool attention = workflow_.needs_person();
  if (attention != attention_before_) {
    header.attention = attention;
    note(attention ? "workflow.attention" : "workflow.attention_over", std::nullopt);
  }
  if (workflow_.open == 0 && header.status != WorkflowStatus::ended) finish_workflow();
  if (header.status == WorkflowStatus::ended && header.outcome != outcome_now()) {
    header.outcome = outcome_now();
    note("workflow.outcome_changed", std::nullopt, Json::object({{"outcome", name_of(header.outcome)}}));
  }
  std::sort(out_.actions.begin(), out_.actions.end());
  out_.actions.erase(std::unique(out_.actions.begin(), out_.actions.end()), out_.actions.end());
  std::sort(out_.signals.begin(), out_.signals.end());
  out_.signals.erase(std::unique(out_.signals.begin(), out_.signals.end()), out_.signals.end());
  out_.changed = !out_.actions.empty() || !out_.history.empty();
  if (out_.changed) ++header.version;
  return std::move(out_);
}

// ---- the face: step.h ----

Transition start_workflow(Workflow& workflow, const Moment& moment) {
  workflow.actions.clear();
  workflow.actions.reserve(workflow.plan->actions.size());
  for (ActionIndex i = 0; i < workflow.plan->actions.size(); ++i)
    workflow.actions.push_back(fresh_action(i, moment.now));
  if (workflow.plan->deadline) workflow.header.deadline_at = moment.now + *workflow.plan->deadline;
  derive(workflow);
  Stepper stepper(workflow, moment);
  stepper.start_all();
  return stepper.finish();
}

Transition on_answer(Workflow& workflow, ActionIndex action, std::uint32_t number, Outcome outcome,
                     const Moment& moment) {
  if (action >= workflow.actions.size()) return {};
  const ActionState& state = workflow.actions[action];
  if (!is_legal(state.stage, EventKind::answer) || state.call != number) return {};
  Stepper stepper(workflow, moment);
  stepper.answer(action, number, std::move(outcome));
  return stepper.finish();
}

Transition on_timer(Workflow& workflow, const Moment& moment) {
  if (workflow.wakes.empty() || workflow.wakes.begin()->first > moment.now) return {};
  Stepper stepper(workflow, moment);
  stepper.timer();
  return stepper.finish();
}

Transition on_permit(Workflow& workflow, ActionIndex run, const Moment& moment) {
  if (run >= workflow.actions.size() || !is_legal(workflow.actions[run].stage, EventKind::permit)) return {};
  Stepper stepper(workflow, moment);
  stepper.permit(run);
  return stepper.finish();
}

Transition on_restart(Workflow& workflow, const Moment& moment) {
  const auto rechecks = [](const ActionState& action) { return action.stage == Stage::rechecking; };
  const bool ended = workflow.header.status == WorkflowStatus::ended;
  if (ended && std::none_of(workflow.actions.begin(), workflow.actions.end(), rechecks)) return {};
  Stepper stepper(workflow, moment);
  stepper.restart();
  return stepper.finish();
}

Transition on_pause(Workflow& workflow, const Moment& moment) {
  const WorkflowStatus status = workflow.header.status;
  const bool goes_on = status == WorkflowStatus::running || status == WorkflowStatus::compensating;
  if (!goes_on || workflow.header.paused) return {};
  Stepper stepper(workflow, moment);
  stepper.pause();
  return stepper.finish();
}

Transition on_resume(Workflow& workflow, const Moment& moment) {
  if (!workflow.header.paused) return {};
  Stepper stepper(workflow, moment);
  stepper.resume();
  return stepper.finish();
}

Transition on_cancel(Workflow& workflow, const Moment& moment) {
  if (workflow.header.status != WorkflowStatus::running) return {};
  Stepper stepper(workflow, moment);
  stepper.cancel();
  return stepper.finish();
}

}  // namespace settle
