// What Settle's own tools may do at each step: waits for a time, and conditions. Signals and workflows of workflows
// have files of their own.

#include "tests/sim/monitor.h"

namespace settle::sim {
namespace {

bool is_done(Stage stage) {
  return stage == Stage::verified || stage == Stage::executed;
}

/// Whether it holds, by what its sources have answered. Where nothing is, no comparison holds, nor its negation.
bool holds(const Monitor::Shadow& workflow, const Demand& demand) {
  const Json* found = nullptr;
  const Json input = Json::object({{"go", true}});  // of every plan, as its parent or its author gives it
  if (demand.of) {
    const ActionState& source = workflow.effective(static_cast<ActionIndex>(*demand.of));
    if (source.output != nullptr) found = source.output->find(demand.member);
  } else {
    found = input.find(demand.member);
  }
  if (demand.kind == Demand::Kind::exists) return found != nullptr;
  return found != nullptr && (*found == demand.expected) == (demand.kind == Demand::Kind::equals);
}

}  // namespace

/// The only event of a run of Settle's own tools that waits for nobody is its beginning; the others come from outside.
void Monitor::judge_flow(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  const Stage was = before == nullptr ? Stage::blocked : before->stage;
  const Builtin kind = step.after.flow_of(index);
  if (kind == Builtin::approve) return judge_gate(step, index, before, after);
  const bool waited = was == Stage::waiting;
  const bool could_begin = is_unstarted(was) || was == Stage::failed || was == Stage::cancelled;
  const bool begun = could_begin && (after.stage == Stage::waiting || is_done(after.stage));
  if (begun) {
    judge_may_begin(step, index, after);
    judge_first_send(step, index, after);
  }
  if (kind == Builtin::run_plan) judge_asking(step, index, before, after);
  if (begun && after.stage == Stage::waiting) judge_waiting(step, index, after);
  if ((waited || begun) && after.stage != Stage::waiting) judge_wait_over(step, index, waited, after);
  if (kind == Builtin::run_plan) return;
  if (after.effect != Effect::none) violated(step, "P5", index, "a wait or a condition claims an effect");
  if (after.stage == Stage::executed || is_parked(after.stage))
    violated(step, "P4", index, "a wait or a condition is " + std::string(name_of(after.stage)));
  if (after.stage == Stage::verified && after.confidence != Confidence::response)
    violated(step, "P4", index, "claims " + std::string(name_of(after.confidence)));
  if (kind == Builtin::assertion) judge_assertion(step, index, after);
}

/// A wait has begun: for just as long as the plan says.
void Monitor::judge_waiting(const Step& step, ActionIndex index, const ActionState& after) {
  const FlowCall& call = step.after.flow_call(index);
  waits_[step.after.value_of(index)] = {real_now, step.after.header.retries};
  const std::optional<Time> end = call.wait ? std::optional<Time>(step.now + *call.wait) : call.until;
  if (after.wake_at != end) violated(step, "P21", index, "waits until another time than the plan says");
  if (end && *end <= step.now) violated(step, "P21", index, "waits for a time that has passed");
}

/// P21: a wait ends by its time, its signal or its workflow, and else only because nothing may come after it.
void Monitor::judge_wait_over(const Step& step, ActionIndex index, bool waited, const ActionState& after) {
  const Builtin kind = step.after.flow_of(index);
  const FlowCall& call = step.after.flow_call(index);
  const std::string code = after.stage == Stage::failed && after.error ? after.error->code : "";
  const bool by_time = (kind == Builtin::sleep && after.stage == Stage::verified) || code == "signal_timeout";
  counters_.note(flow_tool(kind).name + " " + (code.empty() ? std::string(name_of(after.stage)) : code));
  if (by_time) {
    std::optional<Time> end = call.wait ? std::optional<Time>(step.now + *call.wait) : call.until;
    if (waited) end = step.before.runs[index].wake_at;
    if (!end || step.now < *end) violated(step, "P21", index, "its wait ended before its time");
    const auto since = waits_.find(step.after.value_of(index));
    const bool early = waited && call.wait && since != waits_.end() && real_now - since->second.since < *call.wait;
    if (early && !clock_jumped) violated(step, "P21", index, "waited less than it should have, by a good clock");
  } else if (kind == Builtin::sleep || kind == Builtin::wait_signal) {
    const bool cancelling = step.after.header.status != WorkflowStatus::running || stopped(step.after, index);
    const bool fair = (kind == Builtin::wait_signal && after.stage == Stage::verified) ||
                      (after.stage == Stage::cancelled && cancelling) ||
                      (code == "deadline_exceeded" && step.after.header.expired);
    if (!fair) violated(step, "P6", index, "its wait ended as " + std::string(name_of(after.stage)) + " " + code);
  }
  if (kind == Builtin::run_plan && waited) judge_child_end(step, index, after);
  if (kind == Builtin::run_plan && !waited) violated(step, "P6", index, "ended without having run anything");
}

/// Another action, or another element of its list, has failed in such a way that nothing else may begin.
bool Monitor::stopped(const Shadow& workflow, ActionIndex index) {
  const ActionState& run = workflow.runs[index];
  if (is_undoing(run.role)) return false;
  const auto failed = [&](ActionIndex i) { return workflow.effective(i).stage == Stage::failed; };
  for (ActionIndex i = 0; i < workflow.sketch->actions.size(); ++i) {
    if (workflow.sketch->on_failure != OnFailure::continue_others && failed(i)) return true;
  }
  return list_stopped(workflow, run.role == CallRole::main ? run : workflow.runs[run.parent]);
}

bool Monitor::list_stopped(const Shadow& workflow, const ActionState& element) {
  if (!element.element || workflow.sketch->actions[element.planned].all_elements) return false;
  const ActionState& list = workflow.runs[element.parent];
  for (ActionIndex i = list.first_element; i < list.first_element + list.elements; ++i) {
    if (workflow.effective(i).stage == Stage::failed) return true;
  }
  return false;
}

/// plans.md: a wait for a time or a signal is ended by a cancel, by the deadline, and by a failure that stops the plan.
void Monitor::judge_idle_waits(const Step& step) {
  const WorkflowHeader& header = step.after.header;
  for (ActionIndex i = 0; i < step.after.runs.size(); ++i) {
    // What an operator lets be sent once more began before, so it may still ask.
    const bool asks_first = step.after.awaits_people(i) && step.after.runs[i].attempt == 0;
    const bool idle = step.after.waits_idly(i) || asks_first;
    if (!idle || is_undoing(step.after.runs[i].role)) continue;
    if (header.status != WorkflowStatus::running || header.expired || stopped(step.after, i))
      violated(step, "P6", i, "still waits, and nothing may come after it");
  }
}

void Monitor::judge_assertion(const Step& step, ActionIndex index, const ActionState& after) {
  const bool failed = after.stage == Stage::failed && after.error && after.error->code == "assertion_failed";
  const bool fresh = step.receipts.contains(after.receipt);
  if (!fresh || (after.stage != Stage::verified && !failed)) return;
  if (failed) counters_.note("flow.assert assertion_failed");
  const bool held = holds(step.after, step.after.flow_call(index).demand);
  if (held == failed) violated(step, "P4", index, held ? "failed, and it holds" : "verified, and it does not hold");
}

}  // namespace settle::sim
