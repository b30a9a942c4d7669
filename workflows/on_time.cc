// The events that come from inside: the beginning, timers, a restart and a cancellation.

#include <algorithm>

#include "workflows/stepper.h"

namespace settle {

void Stepper::start_all() {
  workflow_.header.created_at = moment_.now;
  note(
      "workflow.submitted", std::nullopt,
      Json::object({{"name", workflow_.plan->name}, {"actions", static_cast<std::int64_t>(workflow_.actions.size())}}));
  for (ActionIndex i = 0; i < workflow_.actions.size(); ++i) {
    if (workflow_.unmet[i] == 0) ready_.push_back(i);
  }
}

void Stepper::answer(ActionIndex index, std::uint32_t number, Outcome outcome) {
  SETTLE_ASSERT(workflow_.actions[index].call == number);
  expire_if_due();
  switch (workflow_.actions[index].stage) {
    case Stage::sending:
      return send_ended(index, outcome);
    case Stage::looking:
      return look_ended(index, outcome);
    case Stage::settling:
      return settle_ended(index, outcome);
    case Stage::reading:
      return read_ended(index, outcome);
    case Stage::before_reading:
      return before_ended(index, outcome);
    case Stage::rechecking:
      return recheck_ended(index, outcome);
    default:
      SETTLE_ASSERT(!"an answer is legal only while a call is under way");
  }
}

void Stepper::timer() {
  expire_if_due();
  while (!workflow_.wakes.empty() && workflow_.wakes.begin()->first <= moment_.now) {
    const ActionIndex index = workflow_.wakes.begin()->second;
    const Stage stage = workflow_.actions[index].stage;
    SETTLE_ASSERT(is_legal(stage, EventKind::timer));
    if (stage == Stage::backing_off || stage == Stage::gated) {
      wake_to_send(index);
    } else if (stage == Stage::look_wait) {
      look(index);
    } else if (stage == Stage::settle_wait) {
      settle(index);
    } else if (stage == Stage::waiting) {
      wait_over(index);
    } else if (stage == Stage::awaiting_approval) {
      approval_over(index);
    } else if (stage == Stage::before_wait) {
      look_before(index);
    } else if (stage == Stage::verified) {
      recheck(index);
    } else {
      read(index);
    }
    // Each of these leaves the stage that was due, or sets a later time.
    SETTLE_ASSERT(!workflow_.actions[index].wake_at || *workflow_.actions[index].wake_at > moment_.now);
  }
}

/// An intent without an answer says that the call may have happened; a look that was under way is taken again.
void Stepper::restart() {
  std::vector<ActionIndex> under_way;  // now: what the deadline sets off is new, and not to be taken again
  for (ActionIndex i = 0; i < workflow_.actions.size(); ++i) {
    if (is_calling(workflow_.actions[i].stage)) under_way.push_back(i);
  }
  const bool waits = std::any_of(workflow_.actions.begin(), workflow_.actions.end(),
                                 [](const ActionState& run) { return run.stage == Stage::waiting; });
  if (!under_way.empty() || waits || !workflow_.wakes.empty()) note("workflow.resumed", std::nullopt);
  expire_if_due();
  newly_failed_ = workflow_.failed > 0;
  for (ActionIndex i = 0; i < workflow_.actions.size(); ++i) {
    const Stage stage = workflow_.actions[i].stage;
    const bool of_plan = i < workflow_.unmet.size();
    if (stage == Stage::blocked && of_plan && workflow_.unmet[i] == 0) ready_.push_back(i);
    if (stage == Stage::gathering && workflow_.unmet[i] == 0) start_elements(i);
    if (stage == Stage::waiting && tool(i).builtin == Builtin::run_plan) ask_child(i);
    if (stage == Stage::gated) wake_to_send(i);  // the line is forgotten: it asks again
  }
  for (const ActionIndex i : under_way) take_up(i);
  if (workflow_.header.status == WorkflowStatus::compensating)
    next_compensation(static_cast<ActionIndex>(workflow_.plan->actions.size()));
}

void Stepper::take_up(ActionIndex index) {
  const Stage stage = workflow_.actions[index].stage;
  if (stage == Stage::looking) {
    look(index);
  } else if (stage == Stage::settling) {
    settle(index);
  } else if (stage == Stage::reading) {
    read(index);
  } else if (stage == Stage::before_reading) {
    look_before(index);
  } else if (stage == Stage::rechecking) {
    recheck(index);
  } else if (tool(index).reads_only() && !cancelling()) {
    wake_to_send(index);
  } else {
    unclear(index, "engine_restart", "the engine stopped between the intent and the answer", moment_.now);
  }
}

void Stepper::cancel() {
  expire_if_due();
  workflow_.header.status = WorkflowStatus::cancelling;
  workflow_.header.paused = false;
  note("workflow.cancel_requested", std::nullopt);
  forget_deadline();
  for (ActionIndex i = 0; i < workflow_.actions.size(); ++i) {
    const ActionState& state = workflow_.actions[i];
    if (is_unstarted(state.stage) || state.stage == Stage::before_wait) {
      cancelled(i);
    } else if (state.stage == Stage::fallback_held) {
      give_up_fallback(i);
    } else if (state.stage == Stage::revived) {
      give_back(i);
    } else if (state.stage == Stage::waiting) {
      stop_waiting(i);
    } else if (state.stage == Stage::backing_off || state.stage == Stage::gated ||
               state.stage == Stage::awaiting_approval) {
      if (state.unclear) {
        resolve_doubt(i);
      } else {
        cancelled(i);
      }
    }
  }
}

}  // namespace settle
