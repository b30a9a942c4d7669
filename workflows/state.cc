#include "workflows/state.h"

#include <algorithm>

#include "base/hash.h"

namespace settle {

std::string_view name_of(Stage stage) {
  constexpr std::array<std::string_view, stage_count> names = {
      "blocked",     "sending",          "backing_off", "looking",        "look_wait",   "settling",
      "settle_wait", "in_doubt",         "reading",     "read_wait",      "unverified",  "executed",
      "verified",    "failed",           "skipped",     "cancelled",      "gathering",   "fallback_held",
      "ready",       "waiting",          "gated",       "before_reading", "before_wait", "rechecking",
      "revived",     "awaiting_approval"};
  return names[static_cast<std::size_t>(stage)];
}

std::string_view name_of(EventKind kind) {
  constexpr std::array<std::string_view, event_kind_count> names = {
      "start", "answer", "timer", "restart", "cancel", "resolve", "retry", "signal", "child", "permit", "decide"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view name_of(CallRole role) {
  constexpr std::string_view names[] = {"main", "fallback", "compensate", "compensate_fallback"};
  return names[static_cast<std::size_t>(role)];
}

std::string_view name_of(Effect effect) {
  constexpr std::string_view names[] = {"none", "complete", "partial", "unknown"};
  return names[static_cast<std::size_t>(effect)];
}

std::string_view name_of(Confidence confidence) {
  constexpr std::string_view names[] = {"none",   "acknowledged", "response", "read_back",
                                        "lookup", "state_match",  "operator"};
  return names[static_cast<std::size_t>(confidence)];
}

std::string_view name_of(Limit limit) {
  constexpr std::string_view names[] = {"none", "per_second", "concurrency", "retry_after"};
  return names[static_cast<std::size_t>(limit)];
}

std::string_view name_of(WorkflowStatus status) {
  constexpr std::string_view names[] = {"running", "cancelling", "ended", "compensating", "paused"};
  return names[static_cast<std::size_t>(status)];
}

WorkflowStatus shown_status(const WorkflowHeader& header) {
  return header.paused ? WorkflowStatus::paused : header.status;
}

std::string_view name_of(WorkflowOutcome outcome) {
  constexpr std::string_view names[] = {"", "verified", "executed", "failed", "cancelled"};
  return names[static_cast<std::size_t>(outcome)];
}

std::string_view state_of(Stage stage) {
  switch (stage) {
    case Stage::reading:
    case Stage::read_wait:
    case Stage::unverified:
    case Stage::executed:
      return "executed";
    case Stage::rechecking:
      return "verified";
    case Stage::verified:
    case Stage::failed:
    case Stage::skipped:
    case Stage::cancelled:
      return name_of(stage);
    case Stage::fallback_held:
      return "failed";
    default:
      return "pending";
  }
}

std::string_view phase_of(const ActionState& action) {
  switch (action.stage) {
    case Stage::blocked:
    case Stage::revived:
      return "blocked";
    case Stage::ready:
      return "ready";
    case Stage::sending:
    case Stage::gathering:
    case Stage::before_reading:
    case Stage::before_wait:
      return "executing";
    case Stage::backing_off:
      if (action.held) return "ready";
      return action.throttled ? "rate_limited" : "backing_off";
    case Stage::looking:
    case Stage::look_wait:
    case Stage::settling:
    case Stage::settle_wait:
    case Stage::in_doubt:
      return "in_doubt";
    case Stage::reading:
    case Stage::read_wait:
      return "verifying";
    case Stage::unverified:
      return "unverified";
    case Stage::fallback_held:
      return "fallback_held";
    case Stage::waiting:
      return "waiting";
    case Stage::gated:
      return "rate_limited";
    case Stage::awaiting_approval:
      return "awaiting_approval";
    case Stage::failed:
      return action.error ? std::string_view(action.error->code) : std::string_view();
    default:
      return {};
  }
}

const PlannedCall& Workflow::call_of(ActionIndex run) const {
  const PlanAction& action = action_of(run);
  switch (actions[run].role) {
    case CallRole::main:
      return action;
    case CallRole::fallback:
      return *action.fallback;
    case CallRole::compensate:
      return *action.compensate;
    case CallRole::compensate_fallback:
      return *action.fallback->compensate;
  }
  return action;
}

bool Workflow::waits_for_child(ActionIndex run) const {
  return actions[run].stage == Stage::waiting && call_of(run).tool->builtin == Builtin::run_plan;
}

namespace {

Gathering gathering_of(const Workflow& workflow, const ActionState& action) {
  Gathering out;
  out.next = action.first_element + action.elements;
  for (ActionIndex i = action.first_element; i < action.first_element + action.elements; ++i) {
    const bool waits = workflow.awaits_turn(i);
    const Stage stage = workflow.effective(i).stage;
    const bool concluded = is_final(stage);
    if (waits) out.next = std::min(out.next, i);
    out.running += !waits && !concluded ? 1 : 0;
    out.left += concluded ? 0 : 1;
    out.failed += stage == Stage::failed ? 1 : 0;
  }
  return out;
}

}  // namespace

void derive(Workflow& workflow) {
  const std::vector<PlanAction>& plan = workflow.plan->actions;
  SETTLE_ASSERT(workflow.actions.size() >= plan.size());
  workflow.unmet.assign(plan.size(), 0);
  workflow.wakes.clear();
  workflow.gatherings.clear();
  workflow.held.clear();
  workflow.calling = workflow.children = 0;
  workflow.open = workflow.parked = workflow.fallen = workflow.gated = workflow.failed = 0;
  for (ActionIndex i = 0; i < plan.size(); ++i) {
    for (const ActionIndex need : plan[i].needs)
      workflow.unmet[i] += is_satisfied(workflow.effective(need).stage) ? 0 : 1;
    workflow.failed += workflow.effective(i).stage == Stage::failed ? 1 : 0;
    if (workflow.actions[i].stage == Stage::gathering)
      workflow.gatherings[i] = gathering_of(workflow, workflow.actions[i]);
  }
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const ActionState& action = workflow.actions[i];
    if (action.wake_at) workflow.wakes.emplace(*action.wake_at, i);
    workflow.open += is_final(action.stage) ? 0 : 1;
    workflow.parked += awaits_person(action.stage) || action.child_attention ? 1 : 0;
    workflow.fallen += is_fallen(action) ? 1 : 0;
    workflow.gated += action.stage == Stage::gated ? 1 : 0;
    workflow.calling += is_calling(action.stage) ? 1 : 0;
    workflow.children += workflow.waits_for_child(i) ? 1 : 0;
    if (action.stage == Stage::ready) workflow.held.insert(i);
  }
  const WorkflowHeader& header = workflow.header;
  if (header.deadline_at && !header.expired && header.status == WorkflowStatus::running)
    workflow.wakes.emplace(*header.deadline_at, Workflow::deadline_wake);
}

std::uint32_t parallel_of(const PlanAction& planned, const ActionState& list) {
  const std::uint32_t given = planned.for_each->max_parallel;
  return given == 0 ? list.elements : std::min(given, list.elements);
}

ActionState fresh_action(ActionIndex index, Time submitted) {
  ActionState out;
  out.planned = index;
  out.since = submitted;
  return out;
}

ActionState fresh_element(const PlanAction& planned, const ActionState& list, std::uint32_t element) {
  ActionState out;
  out.planned = out.parent = list.planned;
  out.element = element;
  out.since = list.since;
  if (element >= parallel_of(planned, list)) return out;
  out.stage = Stage::ready;
  out.scheduled_at = list.since;  // counted as under way, whatever ends it
  return out;
}

std::string idempotency_key(std::string_view name_space, std::string_view workflow, std::string_view action,
                            std::uint32_t element, std::string_view role, std::uint32_t generation) {
  std::string joined;
  for (const std::string_view part : {name_space, workflow, action}) {
    joined += part;
    joined.push_back('\0');
  }
  joined += std::to_string(element);
  joined.push_back('\0');
  joined += role;
  joined.push_back('\0');
  joined += std::to_string(generation);
  return to_base32hex(sha256(joined), 32);
}

}  // namespace settle
