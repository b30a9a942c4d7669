#include "tests/unit/workflows/support/event_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/workflows/support/fixture.h"
#include "workflows/fields.h"

namespace settle::test {
namespace {

using Types = std::set<std::string_view>;

/// The events of which one says that a run has come to this stage; none: it is on its way, or was said before.
Types events_of(Stage from, Stage stage) {
  if (from == Stage::rechecking && stage == Stage::verified) return {};  // a look that was cut off says nothing new
  if (from == Stage::fallback_held && stage == Stage::failed) return {"action.fallback_given_up", "action.resolved"};
  switch (stage) {
    case Stage::in_doubt:
      return {"action.in_doubt"};
    case Stage::unverified:
      return {"action.unverified"};
    case Stage::fallback_held:
      return {"action.fallback_held"};
    case Stage::awaiting_approval:
      return {"action.approval_requested"};
    case Stage::gated:
      return {"action.rate_limited"};
    case Stage::waiting:
      return {"action.waiting"};
    case Stage::executed:
      return {"action.executed"};
    case Stage::verified:
      return {"action.verified"};
    case Stage::failed:
      return {"action.failed"};
    case Stage::skipped:
      return {"action.skipped"};
    case Stage::cancelled:
      return {"action.cancelled"};
    default:
      return {};
  }
}

bool is_of(const HistoryEvent& event, const ActionState& run) {
  const Json* element = event.data.find("element");
  const Json* role = event.data.find("role");
  const bool same_element = run.element
                                ? element != nullptr && *element == Json(static_cast<std::int64_t>(*run.element))
                                : element == nullptr;
  const bool same_role =
      run.role == CallRole::main ? role == nullptr : role != nullptr && *role == Json(name_of(run.role));
  return event.action == run.planned && same_element && same_role;
}

void expect_one(const std::vector<HistoryEvent>& history, std::string_view type) {
  const auto is_it = [type](const HistoryEvent& event) { return event.type == type; };
  EXPECT_TRUE(std::any_of(history.begin(), history.end(), is_it)) << "nobody is told: " << type;
}

}  // namespace

void check_events(const Workflow& before, const Workflow& after, const Transition& transition) {
  const std::vector<HistoryEvent>& history = transition.history;
  for (ActionIndex i = 0; i < after.actions.size(); ++i) {
    const ActionState& is = after.actions[i];
    const bool is_new = i >= before.actions.size();
    const Stage from = is_new ? Stage::blocked : before.actions[i].stage;
    const Types wanted = events_of(from, is.stage);
    if (wanted.empty() || from == is.stage) continue;
    const bool told = std::any_of(history.begin(), history.end(), [&](const HistoryEvent& event) {
      return wanted.contains(event.type) && is_of(event, is);
    });
    EXPECT_TRUE(told) << "nobody is told that run " << i << " of action " << after.action_of(i).id << " came from "
                      << name_of(from) << " to " << name_of(is.stage);
  }
  const WorkflowHeader& was = before.header;
  const WorkflowHeader& is = after.header;
  const bool retried = is.retries > was.retries;  // that says it, too
  const bool ends = is.status == WorkflowStatus::ended && (was.status != is.status || retried);
  if (ends) expect_one(history, "workflow.ended");
  if (is.status == WorkflowStatus::ended && !ends && was.outcome != is.outcome)
    expect_one(history, "workflow.outcome_changed");
  if (is.status == WorkflowStatus::compensating && was.status != is.status && !retried)
    expect_one(history, "workflow.compensating");
  if (is.status == WorkflowStatus::cancelling && was.status != is.status)
    expect_one(history, "workflow.cancel_requested");
  if (is.attention != was.attention)
    expect_one(history, is.attention ? "workflow.attention" : "workflow.attention_over");
  if (is.paused && !was.paused) expect_one(history, "workflow.paused");
}

void check_recorded(const Workflow& workflow) {
  EXPECT_EQ(workflow.header.recorded, std::count_if(workflow.actions.begin(), workflow.actions.end(),
                                                    [](const ActionState& run) { return run.recorded; }));
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const ActionState& run = workflow.actions[i];
    if (run.recorded) continue;
    EXPECT_EQ(dump(run),
              dump(run.element ? fresh_element(workflow.action_of(i), workflow.actions[run.parent], *run.element)
                               : fresh_action(i, workflow.header.created_at)))
        << "nothing is stored of it, and something has happened";
  }
}

}  // namespace settle::test
