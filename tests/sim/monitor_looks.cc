// The rules of limits and of looks beside the plain read-back, judged at the commit.

#include <algorithm>

#include "tests/sim/monitor.h"

namespace settle::sim {

/// CONTRACT §2: what was verified may be found out later to hold no longer, and nothing else that is final changes.
bool Monitor::may_fall(const Step& step, ActionIndex index, const ActionState& before, const ActionState& after) {
  const Shadow& now = step.after;
  const SimTool& tool = now.sketch->actions[after.planned].tool_of(after.role);
  const bool was_so = before.stage == Stage::verified || before.stage == Stage::rechecking;
  if (now.calls(index) && was_so && tool.promises.recheck_times > 0) {
    if (after.stage == Stage::verified || after.stage == Stage::rechecking) return after.effect == before.effect;
    return after.stage == Stage::failed && after.error->code == "no_longer_holds";
  }
  // An operator who has seen to it may say that nothing of it is left.
  if (before.stage == Stage::failed && after.stage == Stage::failed)
    return before.error->code == "no_longer_holds" && after.word != before.word;
  if (now.calls(index) || after.stage != Stage::failed || !after.error || after.error->code != "no_longer_holds")
    return false;
  // A list falls with its element.
  for (ActionIndex i = after.first_element; i < after.first_element + after.elements; ++i) {
    if (is_fallen(now, i) || (now.runs[i].fallback != 0 && is_fallen(now, now.runs[i].fallback))) return true;
  }
  return false;
}

/// It was verified, no longer holds, and nobody has seen to it since.
bool Monitor::is_fallen(const Shadow& shadow, ActionIndex index) {
  const ActionState& run = shadow.runs[index];
  const bool seen_to = run.word && run.verified_at && run.word->at > *run.verified_at;
  return shadow.calls(index) && run.stage == Stage::failed && run.error && run.error->code == "no_longer_holds" &&
         !seen_to;
}

/// P21 and docs/tools.md: so long after it was verified, and again so long after each such look, and so often.
void Monitor::judge_recheck(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  if (before == nullptr || after.stage != Stage::rechecking || before->stage == Stage::rechecking) return;
  const SimPromises& promises = step.after.sketch->actions[after.planned].tool_of(after.role).promises;
  counters_.note("looked at again");
  if (step.after.header.status == WorkflowStatus::ended) counters_.note("looked at again after the end");
  if (after.rechecks >= promises.recheck_times) violated(step, "P21", index, "is looked at again once too often");
  const Duration waited = promises.recheck_after * (after.rechecks + 1);
  if (step.now < *after.verified_at + waited && !step.clock_ahead)
    violated(step, "P21", index, "is looked at again before its time");
  // The undoing may begin in the step in which it was due; what is seen then counts no more.
  for (const ActionState& other : step.before.runs) {
    if (is_undoing(other.role) && other.parent == index)
      violated(step, "P6", index, "is looked at again though it was undone on purpose");
  }
}

/// Held is only what the pause holds, or the calls of others, whose end lets it begin.
void Monitor::judge_held(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  const std::vector<ActionState>& runs = step.after.runs;
  const auto calling = static_cast<std::uint32_t>(
      std::count_if(runs.begin(), runs.end(), [](const ActionState& run) { return is_calling(run.stage); }));
  const bool begins = is_calling(after.stage) && (before == nullptr || is_unstarted(before->stage));
  if (begins && calling > calls_max) violated(step, "C4", index, "begins beside too many calls of its workflow");
  if (after.stage != Stage::ready || step.after.header.paused) return;
  const auto gated = static_cast<std::uint32_t>(
      std::count_if(runs.begin(), runs.end(), [](const ActionState& run) { return run.stage == Stage::gated; }));
  if (calling < calls_least && gated < calls_least) violated(step, "P7", index, "is held for nothing");
  if (before == nullptr || before->stage != Stage::ready) counters_.note("held while others call");
}

/// CONTRACT §2: what waits in line was never sent, says that it waits, and for which limit.
void Monitor::judge_gated(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  if (after.stage != Stage::gated) return;
  const SimTool& tool = step.after.sketch->actions[after.planned].tool_of(after.role);
  if (before == nullptr || before->stage != Stage::gated)
    counters_.note("rate limited: " + std::string(name_of(after.limit)));
  if (!tool.promises.limited()) violated(step, "P6", index, "waits for limits that its tool does not have");
  if (after.limit == Limit::none) violated(step, "P7", index, "waits in line and does not say for what");
  if (after.attempt > (before == nullptr ? 0 : before->attempt))
    violated(step, "P2", index, "waits in line with an intent");
  if (!after.wake_at) violated(step, "P7", index, "waits in line for ever");
}

/// Before the step's own intents are counted: what is over makes room for them, whatever their order in the batch.
void Monitor::tell_intents_over(const Step& step) {
  for (ActionIndex i = 0; on_intent_over && i < step.before.runs.size(); ++i) {
    const ActionState& before = step.before.runs[i];
    const ActionState& after = step.after.runs[i];
    const bool over = after.stage != Stage::sending || after.attempt != before.attempt;
    if (before.stage != Stage::sending || !over || !step.after.calls(i)) continue;
    const SimTool& tool = step.after.sketch->actions[after.planned].tool_of(after.role);
    if (tool.promises.limited()) on_intent_over(tool, step.after.value_of(i));
  }
}

/// docs/plans.md: a fallback that waits for a person is given up when another failure stops the plan.
void Monitor::judge_held(const Step& step) {
  const Shadow& now = step.after;
  if (now.sketch->on_failure == OnFailure::continue_others) return;
  bool failed = false;
  for (ActionIndex i = 0; i < now.sketch->actions.size(); ++i)
    failed = failed || now.effective(i).stage == Stage::failed;
  for (ActionIndex i = 0; failed && i < now.runs.size(); ++i) {
    if (now.runs[i].stage == Stage::fallback_held)
      violated(step, "P7", i, "waits for a person to decide about a fallback that no plan will try");
  }
}

/// P7: a list that may go on has as many elements under way as its plan allows, unless one of them waits for room: the
/// others may not overtake it.
void Monitor::judge_lists(const Step& step) {
  const Shadow& now = step.after;
  if (now.header.paused || now.header.status != WorkflowStatus::running) return;
  for (ActionIndex i = 0; i < now.sketch->actions.size(); ++i) {
    const SketchAction& planned = now.sketch->actions[i];
    const auto is_done = [&](std::size_t need) {
      const Stage stage = now.effective(static_cast<ActionIndex>(need)).stage;
      return stage == Stage::verified || stage == Stage::executed || stage == Stage::skipped;
    };
    const bool goes_on =
        now.runs[i].stage == Stage::gathering && std::all_of(planned.needs.begin(), planned.needs.end(), is_done);
    if (!goes_on) continue;
    const ActionIndex first = now.runs[i].first_element;
    std::size_t waiting = 0, under_way = 0;
    bool held = false;
    for (ActionIndex element = first; element < first + now.runs[i].elements; ++element) {
      const Stage stage = now.effective(element).stage;
      waiting += waits_for_turn(stage) ? 1 : 0;
      under_way += !waits_for_turn(stage) && !is_final(stage) ? 1 : 0;
      held = held || now.runs[element].stage == Stage::ready;
    }
    if (waiting > 0 && under_way > 1) counters_.note("elements beside each other, and others wait for their turn");
    if (waiting > 0 && !held && (planned.max_parallel == 0 || under_way < planned.max_parallel))
      violated(step, "P7", i, std::to_string(under_way) + " elements under way, and others wait for nothing");
  }
}

/// P7: nobody is left waiting in a line that nobody uses.
void Monitor::judge_line(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  const bool gave_up = before != nullptr && before->stage == Stage::gated && after.stage != Stage::gated &&
                       after.attempt == before->attempt && after.error &&
                       after.error->code == "schedule_to_close_timeout";
  if (!gave_up || !on_given_up) return;
  const SimTool& tool = step.after.sketch->actions[after.planned].tool_of(after.role);
  on_given_up(tool, step.after.value_of(index), step.now - before->since);
}

void Monitor::note_waiting_children() {
  for (const auto& [id, workflow] : workflows_) {
    for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
      const bool waits = workflow.runs[i].stage == Stage::waiting && workflow.flow_of(i) == Builtin::run_plan;
      if (waits && !workflows_.contains(workflow.child_of(i))) counters_.note("a child waits for the quota");
    }
  }
}

}  // namespace settle::sim
