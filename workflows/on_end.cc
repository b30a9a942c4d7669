// What follows when a run has come to its end: dependents, the fallback, the undoing, the end of the workflow.

#include <algorithm>

#include "workflows/stepper.h"

namespace settle {

/// A run is final. What that means depends on what it was for.
void Stepper::ended(ActionIndex index) {
  const ActionState& state = workflow_.actions[index];
  if (is_undoing(state.role)) return next_compensation(index + 1);
  if (state.role == CallRole::fallback) return concluded(state.parent);
  if (state.stage == Stage::failed && wants_fallback(index)) return begin_fallback(index);
  concluded(index);
}

/// An action or an element has its result, its own or its fallback's.
void Stepper::concluded(ActionIndex index) {
  if (workflow_.actions[index].element) return element_concluded(index);
  action_concluded(index);
}

/// Dependents start, or will never. Works through a list, since chains may be thousands long.
void Stepper::action_concluded(ActionIndex index) {
  const Stage stage = workflow_.effective(index).stage;
  const std::vector<PlanAction>& plan = workflow_.plan->actions;
  if (stage == Stage::failed) {
    ++workflow_.failed;
    newly_failed_ = true;
  }
  if (is_satisfied(stage)) {
    for (const ActionIndex dependent : plan[index].dependents) {
      if (--workflow_.unmet[dependent] == 0) go_on(dependent);
    }
  }
  if (stage == Stage::failed) cancel_what_depends(index);
}

/// All that an action needs is there: it begins, or goes on after a retry.
void Stepper::go_on(ActionIndex index) {
  const ActionIndex run = workflow_.effective_run(index);
  const Stage stage = workflow_.actions[run].stage;
  if (waits_for_turn(stage)) ready_.push_back(run);
  if (stage == Stage::gathering) start_elements(run);
}

/// An action failed: what waits for it will never start, nor anything else where the plan says so.
void Stepper::cancel_what_depends(ActionIndex index) {
  const std::vector<PlanAction>& plan = workflow_.plan->actions;
  const bool stop = stopping();
  std::vector<ActionIndex> never;
  if (stop) {
    for (ActionIndex i = 0; i < plan.size(); ++i) never.push_back(i);
  } else {
    never = plan[index].dependents;
  }
  std::vector<bool> told(plan.size());
  for (std::size_t i = 0; i < never.size(); ++i) {
    if (told[never[i]]) continue;
    told[never[i]] = true;
    if (!will_never_begin(never[i]) || stop) continue;
    const std::vector<ActionIndex>& more = plan[never[i]].dependents;
    never.insert(never.end(), more.begin(), more.end());
  }
  if (stop) stop_idle_waits();
}

/// Ends what was not sent yet, in whatever way it waits. True when nothing can come of this action any more.
bool Stepper::will_never_begin(ActionIndex index) {
  const ActionIndex run = workflow_.effective_run(index);
  const Stage stage = workflow_.actions[run].stage;
  if (stage == Stage::before_reading) return true;  // when that look is heard
  if (stage == Stage::revived) {
    ready_.push_back(run);  // its turn comes, and is none
    return true;
  }
  if (stage == Stage::gathering) {  // those of its elements that have begun go on
    cancel_elements(run);
    return workflow_.actions[run].stage == Stage::cancelled;
  }
  const bool never = never_begun(run);
  if (never) cancelled(run);
  return never;
}

/// A failed run has a fallback that may still be tried. In a `for_each` that is a matter of each element; a list that
/// is none has no element to try it for.
bool Stepper::wants_fallback(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  if (!workflow_.action_of(index).fallback || state.role != CallRole::main || workflow_.gathers(index)) return false;
  if (state.element && list_stopped(index)) return false;
  if (state.recheck_failed) return false;                // others have built on it since
  if (workflow_.unmet[state.planned] > 0) return false;  // what it needs no longer holds
  return !stopping() && !cancelling() && !workflow_.header.expired;
}

void Stepper::begin_fallback(ActionIndex index) {
  const ActionState& failed = workflow_.actions[index];
  const ActionIndex idle = failed.idle_fallback;
  const ActionIndex run = idle != 0 ? idle : add_run(failed.planned, CallRole::fallback, index, failed.element);
  if (idle != 0) revive_run(idle);
  ActionState& state = action(index);
  state.fallback = run;
  state.idle_fallback = 0;
  note("action.fallback", index, Json::object({{"tool", workflow_.action_of(index).fallback->tool->name}}));
  if (workflow_.actions[run].stage == Stage::blocked) ready_.push_back(run);
}

/// What waits for a person to decide about its fallback fails without it.
void Stepper::give_up_fallback(ActionIndex index) {
  enter(index, Stage::failed);
  note("action.fallback_given_up", index, Json::object({{"effect", name_of(workflow_.actions[index].effect)}}));
  issue_receipt(index);
  concluded(index);
}

/// Nothing new may start any more, so nobody has to decide about a fallback: the workflow can come to its end.
void Stepper::give_up_fallbacks() {
  if (workflow_.parked == 0) return;
  for (ActionIndex i = 0; i < workflow_.actions.size(); ++i) {
    const ActionState& state = workflow_.actions[i];
    const bool idle = stopping() || (state.element && list_stopped(i)) || workflow_.unmet[state.planned] > 0;
    if (state.stage == Stage::fallback_held && idle) give_up_fallback(i);
  }
}

/// The call that undoes this run, or null: nothing is declared.
const PlannedCall* Stepper::undoing_of(ActionIndex index) const {
  const PlanAction& planned = workflow_.action_of(index);
  const bool fallback = workflow_.actions[index].role == CallRole::fallback;
  const Rare<PlannedCall>& call = fallback ? planned.fallback->compensate : planned.compensate;
  return call ? &*call : nullptr;
}

/// Undoes what was done, the latest first, one after the other: each run that left something behind, an action's own as
/// well as its fallback's. Only what is known to have happened is undone.
void Stepper::begin_compensation() {
  struct Done {
    Time at;
    ActionIndex run;
  };
  std::vector<Done> done;
  for (ActionIndex i = 0; i < workflow_.actions.size(); ++i) {
    const ActionState& run = workflow_.actions[i];
    if (run.effect == Effect::none || workflow_.gathers(i)) continue;
    const bool unknown = run.effect == Effect::unknown;
    if (unknown || undoing_of(i) == nullptr) {
      note("action.not_compensated", i, Json::object({{"reason", unknown ? "effect_unknown" : "nothing_declared"}}));
      continue;
    }
    if (run.stage == Stage::verified && run.wake_at)
      enter(i, Stage::verified);  // what is undone on purpose is not looked at again
    done.push_back({run.executed_at.value_or(run.first_send_at.value_or(run.since)), i});
  }
  if (done.empty()) return;
  std::sort(done.begin(), done.end(),
            [](const Done& a, const Done& b) { return a.at != b.at ? a.at > b.at : a.run > b.run; });
  forget_deadline();
  workflow_.header.status = WorkflowStatus::compensating;
  note("workflow.compensating", std::nullopt, Json::object({{"actions", static_cast<std::int64_t>(done.size())}}));
  const auto first = static_cast<ActionIndex>(workflow_.actions.size());
  for (const Done& one : done) {
    const ActionState& run = workflow_.actions[one.run];
    const bool fallback = run.role == CallRole::fallback;
    add_run(run.planned, fallback ? CallRole::compensate_fallback : CallRole::compensate, one.run, run.element);
  }
  next_compensation(first);
}

/// They lie one behind the other, in the order in which they run: the first one from there on that is not done begins,
/// unless it is under way. One that failed does not stop the others: as much as possible is undone.
void Stepper::next_compensation(ActionIndex from) {
  for (ActionIndex i = from; i < workflow_.actions.size(); ++i) {
    const ActionState& run = workflow_.actions[i];
    if (!is_undoing(run.role) || is_final(run.stage)) continue;
    if (waits_for_turn(run.stage)) ready_.push_back(i);
    return;
  }
}

/// Every event finds the deadline applied: what is heard of in the moment in which it passes, or later while its timer
/// is late, starts nothing any more.
void Stepper::expire_if_due() {
  const WorkflowHeader& header = workflow_.header;
  const bool bound = header.deadline_at && !header.expired && header.status == WorkflowStatus::running;
  if (bound && *header.deadline_at <= moment_.now) expire();
}

/// The plan's deadline has passed: nothing new is sent, what is unclear is looked at, what is sent is waited for.
void Stepper::expire() {
  forget_deadline();
  workflow_.header.expired = true;
  note("workflow.deadline_exceeded", std::nullopt);
  for (ActionIndex i = 0; i < workflow_.actions.size(); ++i) {
    const Stage stage = workflow_.actions[i].stage;
    if (is_unstarted(stage)) {
      action(i);
      fail(i, "deadline_exceeded", "the plan's deadline passed before this could start", Effect::none);
    } else if (stage == Stage::backing_off || stage == Stage::before_wait || stage == Stage::gated ||
               stage == Stage::awaiting_approval) {
      wake_to_send(i);
    } else if (stage == Stage::fallback_held) {
      give_up_fallback(i);
    } else if (stage == Stage::revived) {
      give_back(i);
    } else if (stage == Stage::waiting) {
      expire_wait(i);
    }
  }
}

/// As true as the weakest action.
WorkflowOutcome Stepper::outcome_now() const {
  bool cancelled = false, unverifiable = false;
  for (ActionIndex i = 0; i < workflow_.plan->actions.size(); ++i) {
    cancelled = cancelled || workflow_.effective(i).stage == Stage::cancelled;
    unverifiable = unverifiable || workflow_.effective(i).stage == Stage::executed;
  }
  return workflow_.failed > 0 ? WorkflowOutcome::failed
         : cancelled          ? WorkflowOutcome::cancelled
         : unverifiable       ? WorkflowOutcome::executed
                              : WorkflowOutcome::verified;
}

void Stepper::finish_workflow() {
  WorkflowHeader& header = workflow_.header;
  header.outcome = outcome_now();
  header.status = WorkflowStatus::ended;
  header.paused = false;
  header.ended_at = moment_.now;
  forget_deadline();
  note("workflow.ended", std::nullopt, Json::object({{"outcome", name_of(header.outcome)}}));
}

}  // namespace settle
