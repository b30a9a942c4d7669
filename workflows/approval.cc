#include "workflows/approval.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json_parts.h"
#include "base/text.h"
#include "workflows/call.h"
#include "workflows/state.h"

namespace settle {
namespace {

/// flow.approve asks always; its input says whom.
ApprovalTerms terms_of_gate(const Json& input) {
  ApprovalTerms out;
  if (const Json* approvers = input.find("approvers"); approvers != nullptr && approvers->is_integer())
    out.approvers = static_cast<std::uint32_t>(approvers->as_integer());
  out.expires = parse_duration(text_member(input, "expires")).value_or(out.expires);
  return out;
}

}  // namespace

std::string_view name_of(ApprovalState state) {
  constexpr std::string_view names[] = {"open", "approved", "rejected", "expired", "withdrawn"};
  return names[static_cast<std::size_t>(state)];
}

std::uint32_t ApprovalRequest::approvals() const {
  std::uint32_t out = 0;
  for (auto at = decisions.begin(); at != decisions.end(); ++at) {
    const bool earlier =
        std::any_of(decisions.begin(), at, [&](const ApprovalDecision& one) { return one.by == at->by; });
    out += at->approved && at->digest == digest && !earlier ? 1 : 0;
  }
  return out;
}

std::string approval_id(const Workflow& workflow, ActionIndex run, std::uint32_t number) {
  const ActionState& state = workflow.actions[run];
  const std::string role = "approval " + std::string(name_of(state.role));  // which no key of a call has
  return "ap_" + idempotency_key(workflow.header.name_space, workflow.header.id, workflow.action_of(run).id,
                                 state.element.value_or(0), role, number);
}

std::string approval_digest(const Workflow& workflow, ActionIndex run) {
  const ActionState& state = workflow.actions[run];
  const Tool& tool = *workflow.call_of(run).tool;
  return digest_text(
      canonical(Json::object({{"action", workflow.action_of(run).id},
                              {"credential", tool.execute.credential},
                              {"element", state.element ? Json(static_cast<std::int64_t>(*state.element)) : Json()},
                              {"input", state.input ? *state.input : Json()},
                              {"namespace", workflow.header.name_space},
                              {"url", tool.execute.url.constant_prefix()},
                              {"plan_digest", workflow.header.plan_digest},
                              {"role", name_of(state.role)},
                              {"tool", Json::object({{"name", tool.name}, {"version", tool.version_text()}})},
                              {"workflow", workflow.header.id}})));
}

std::optional<ApprovalTerms> approval_needed(const Workflow& workflow, ActionIndex run) {
  const PlannedCall& call = workflow.call_of(run);
  const ActionState& state = workflow.actions[run];
  if (state.input == nullptr || workflow.gathers(run)) return std::nullopt;
  if (call.tool->builtin == Builtin::approve) return terms_of_gate(*state.input);
  if (!call.approval || !call.approval->asks(*state.input)) return std::nullopt;
  return *call.approval;
}

bool is_released(const Workflow& workflow, ActionIndex run) {
  const std::optional<ApprovalTerms> needed = approval_needed(workflow, run);
  if (!needed) return true;
  const Rare<ApprovalRequest>& request = workflow.actions[run].approval;
  return request && request->state == ApprovalState::approved && request->approvals() >= needed->approvers &&
         request->digest == approval_digest(workflow, run);
}

std::string why_asked(const Workflow& workflow, ActionIndex run) {
  const PlannedCall& call = workflow.call_of(run);
  const ActionState& state = workflow.actions[run];
  if (call.tool->builtin == Builtin::approve) return "the plan asks here";
  if (!call.approval || state.input == nullptr || call.approval->when.empty()) return "every call of it needs approval";
  Scope scope;
  scope.add("input", state.input.get());
  std::string out;
  for (const Condition& condition : call.approval->when) {
    if (condition.is_refuted(scope)) continue;
    out += (out.empty() ? "asked for by " : " and ") + shorten(canonical(condition.resolved(scope)), 500);
  }
  return out;
}

std::vector<ApprovalDecision> decisions_of(const Workflow& workflow, ActionIndex run) {
  const ActionState& state = workflow.actions[run];
  std::vector<ApprovalDecision> out = state.earlier_decisions;
  if (state.approval) out.insert(out.end(), state.approval->decisions.begin(), state.approval->decisions.end());
  return out;
}

}  // namespace settle
