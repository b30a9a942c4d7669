#include "workflows/waiting.h"

#include <algorithm>

#include "base/json_parts.h"

namespace settle {

Confidence weaker(Confidence a, Confidence b) {
  constexpr Confidence from_weak[] = {Confidence::none,      Confidence::acknowledged, Confidence::state_match,
                                      Confidence::operator_, Confidence::lookup,       Confidence::response,
                                      Confidence::read_back};
  return *std::find_if(std::begin(from_weak), std::end(from_weak), [&](Confidence c) { return c == a || c == b; });
}

std::string child_id(std::string_view name_space, std::string_view workflow, std::string_view action,
                     const ActionState& run) {
  return "wf_" +
         idempotency_key(name_space, workflow, action, run.element.value_or(0), name_of(run.role), run.generation);
}

std::string child_id(const Workflow& workflow, ActionIndex run) {
  return child_id(workflow.header.name_space, workflow.header.id, workflow.action_of(run).id, workflow.actions[run]);
}

Json waits_for(const Workflow& workflow, ActionIndex run) {
  const ActionState& state = workflow.actions[run];
  if (state.stage == Stage::gated) {
    return Json::object({{"limit", name_of(state.limit)},
                         {"tool", workflow.call_of(run).tool->name},
                         {"since", format_time(state.since)},
                         {"until", time_or_null(state.wake_at)}});
  }
  if (state.stage == Stage::awaiting_approval) {
    const ApprovalRequest& request = *state.approval;
    return Json::object({{"approval", approval_id(workflow, run, request.number)},
                         {"approvers", static_cast<std::int64_t>(request.approvers)},
                         {"approved", static_cast<std::int64_t>(request.approvals())},
                         {"since", format_time(request.requested_at)},
                         {"until", time_or_null(state.wake_at)},
                         {"escalated", request.escalated}});
  }
  if (state.stage != Stage::waiting) return {};
  switch (workflow.call_of(run).tool->builtin) {
    case Builtin::sleep:
      return Json::object({{"until", time_or_null(state.wake_at)}});
    case Builtin::wait_signal:
      return Json::object({{"signal", state.input == nullptr ? "" : text_member(*state.input, "name")}});
    case Builtin::run_plan:
      return Json::object({{"workflow", child_id(workflow, run)}, {"attention", state.child_attention}});
    default:
      return {};
  }
}

ChildEnd child_end_of(const Workflow& workflow) {
  ChildEnd out;
  out.outcome = workflow.header.outcome;
  bool changed = false, unknown = false;
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const ActionState& run = workflow.actions[i];
    out.ran_others = out.ran_others || (run.attempt > 0 && workflow.call_of(i).tool->builtin == Builtin::run_plan);
    changed = changed || run.effect == Effect::complete || run.effect == Effect::partial;
    unknown = unknown || run.effect == Effect::unknown;
  }
  out.confidence = Confidence::read_back;
  bool any = false;
  for (ActionIndex i = 0; i < workflow.plan->actions.size(); ++i) {
    const ActionState& action = workflow.effective(i);
    if (action.stage == Stage::failed && out.message.empty()) {
      out.message = "action \"" + workflow.plan->actions[i].id +
                    "\" failed: " + (action.error ? action.error->code + ": " + action.error->message : "");
    }
    // A skipped action and an empty list claim nothing.
    if (action.stage == Stage::skipped || (action.stage == Stage::verified && action.confidence == Confidence::none))
      continue;
    any = true;
    out.confidence = weaker(out.confidence, action.confidence);
  }
  if (!any) out.confidence = Confidence::response;
  const bool done = out.outcome == WorkflowOutcome::verified || out.outcome == WorkflowOutcome::executed;
  if (done) {
    out.effect = changed || unknown ? Effect::complete : Effect::none;
  } else {
    out.effect = unknown ? Effect::unknown : changed ? Effect::partial : Effect::none;
  }
  return out;
}

}  // namespace settle
