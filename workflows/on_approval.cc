// What people have to agree to before it is sent: the request, what they say, and what follows from it.

#include <algorithm>

#include "base/text.h"
#include "workflows/stepper.h"

namespace settle {
namespace {

std::string count_text(std::uint32_t count) {
  return std::to_string(count) + (count == 1 ? " person" : " people");
}

/// Null: this may be said now.
std::optional<Error> not_allowed(const Workflow& workflow, ActionIndex run, const Verdict& verdict, Time now) {
  const ActionState& state = workflow.actions[run];
  const ApprovalRequest& request = *state.approval;
  const WorkflowHeader& header = workflow.header;
  const std::string which = "approval \"" + approval_id(workflow, run, request.number) + "\"";
  if (verdict.digest != request.digest)
    return fail(ErrorCode::approval_changed, which + " is for another digest; look at what it shows now");
  if (request.state != ApprovalState::open)
    return fail(ErrorCode::wrong_state, which + " is " + std::string(name_of(request.state)) + " already");
  if (state.wake_at && *state.wake_at <= now) return fail(ErrorCode::wrong_state, which + " has expired");
  const bool passed = header.deadline_at && *header.deadline_at <= now && !is_undoing(state.role);
  if (passed) return fail(ErrorCode::wrong_state, which + " comes too late: the plan's deadline has passed");
  if (std::any_of(request.decisions.begin(), request.decisions.end(),
                  [&](const ApprovalDecision& one) { return one.by == verdict.who; }))
    return fail(ErrorCode::wrong_state, "\"" + shorten(verdict.who, 80) + "\" has approved " + which + " already");
  if (verdict.approve && request.four_eyes && verdict.who == header.submitted_by)
    return fail(ErrorCode::forbidden, "\"" + shorten(verdict.who, 80) +
                                          "\" has submitted this workflow; somebody else has to approve " + which);
  return std::nullopt;
}

bool was_said(const ApprovalRequest& request, const Verdict& verdict) {
  return verdict.digest == request.digest &&
         std::any_of(request.decisions.begin(), request.decisions.end(), [&](const ApprovalDecision& one) {
           return one.by == verdict.who && one.approved == verdict.approve;
         });
}

}  // namespace

/// Asks for what would be sent now. An earlier request was for something else.
void Stepper::await_approval(ActionIndex index) {
  const std::optional<ApprovalTerms> needed = approval_needed(workflow_, index);
  SETTLE_ASSERT(needed.has_value());
  void_approval(index);
  ActionState& state = action(index);
  if (state.attempt == 0) {  // what was looked at before may be from elsewhere, and will be old by then
    state.before = nullptr;
    state.before_at = std::nullopt;
  }
  ApprovalRequest request;
  request.number = ++state.approval_requests;
  request.digest = approval_digest(workflow_, index);
  request.requested_at = moment_.now;
  request.expires_at = moment_.now + needed->expires;
  request.approvers = needed->approvers;
  request.on_expiry = needed->on_expiry;
  request.four_eyes = needed->four_eyes;
  state.approval = std::move(request);
  enter(index, Stage::awaiting_approval, state.approval->expires_at);
  tell_approval(index);
  note("action.approval_requested", index,
       approval_data(index, {{"digest", state.approval->digest},
                             {"approvers", static_cast<std::int64_t>(state.approval->approvers)},
                             {"expires_at", format_time(state.approval->expires_at)}}));
}

/// What was said to the latest request counts for nothing that is sent from here on.
void Stepper::void_approval(ActionIndex index) {
  ActionState& state = action(index);
  if (!state.approval) return;
  const std::vector<ApprovalDecision>& said = state.approval->decisions;
  state.earlier_decisions.insert(state.earlier_decisions.end(), said.begin(), said.end());
  state.approval = std::nullopt;
}

void Stepper::tell_approval(ActionIndex index) {
  out_.approvals.push_back({index, *workflow_.actions[index].approval});
}

Json Stepper::approval_data(ActionIndex index, std::initializer_list<std::pair<std::string_view, Json>> members) const {
  Json out = Json::object(members);
  out.set("approval", approval_id(workflow_, index, workflow_.actions[index].approval->number));
  return out;
}

/// Whatever ends the wait without a decision takes the request back.
void Stepper::withdraw_approval(ActionIndex index) {
  ActionState& state = action(index);
  if (!state.approval || state.approval->state != ApprovalState::open) return;
  state.approval->state = ApprovalState::withdrawn;
  tell_approval(index);
  note("action.approval_withdrawn", index, approval_data(index, {}));
}

void Stepper::decide(ActionIndex index, const Verdict& verdict) {
  expire_if_due();
  ActionState& state = action(index);
  ApprovalRequest& request = *state.approval;
  request.decisions.push_back({verdict.approve, verdict.who, verdict.reason, moment_.now, verdict.digest});
  const bool enough = request.approvals() >= request.approvers;
  if (!verdict.approve) request.state = ApprovalState::rejected;
  if (verdict.approve && enough) request.state = ApprovalState::approved;
  tell_approval(index);
  note(verdict.approve ? "action.approved" : "action.rejected", index,
       approval_data(index, {{"by", verdict.who},
                             {"reason", verdict.reason.empty() ? Json() : Json(verdict.reason)},
                             {"approved", static_cast<std::int64_t>(request.approvals())},
                             {"approvers", static_cast<std::int64_t>(request.approvers)}}));
  if (!verdict.approve)
    return not_released(index, "approval_rejected", verdict.who + " has rejected it: " + verdict.reason);
  if (enough) released(index);
}

/// Enough people have agreed. Their time is not the tool's: its limits count from here.
void Stepper::released(ActionIndex index) {
  action(index).scheduled_at = moment_.now;
  if (tool(index).builtin != Builtin::approve) return wake_to_send(index);  // which looks whether it is still the same
  if (!is_released(workflow_, index)) return await_approval(index);
  Json::Array by;
  for (const ApprovalDecision& one : workflow_.actions[index].approval->decisions) by.push_back(one.by);
  builtin_done(index, Json::object({{"approved_by", std::move(by)}, {"approved_at", format_time(moment_.now)}}));
}

/// Nothing is sent. What an earlier send left open (it was, before a retry) is looked at.
void Stepper::not_released(ActionIndex index, std::string code, std::string message) {
  if (!workflow_.actions[index].unclear) return fail(index, std::move(code), std::move(message), Effect::none);
  action(index).error = ActionError{std::move(code), std::move(message)};
  resolve_doubt(index);
}

/// Nobody has decided in time.
void Stepper::approval_over(ActionIndex index) {
  ActionState& state = action(index);
  ApprovalRequest& request = *state.approval;
  if (request.on_expiry == OnExpiry::escalate) {
    request.escalated = true;
    enter(index, Stage::awaiting_approval);
    tell_approval(index);
    return note("action.approval_escalated", index, approval_data(index, {}));
  }
  request.state = ApprovalState::expired;
  tell_approval(index);
  note("action.approval_expired", index, approval_data(index, {}));
  not_released(index, "approval_expired",
               "it needs the agreement of " + count_text(request.approvers) + " by " + format_time(request.expires_at) +
                   ", and got that of " + std::to_string(request.approvals()));
}

Result<Transition> on_decide(Workflow& workflow, ActionIndex run, const Verdict& verdict, const Moment& moment) {
  SETTLE_ASSERT(run < workflow.actions.size() && workflow.actions[run].approval);
  if (was_said(*workflow.actions[run].approval, verdict)) return Transition{};
  if (std::optional<Error> refused = not_allowed(workflow, run, verdict, moment.now)) return *std::move(refused);
  SETTLE_ASSERT(is_legal(workflow.actions[run].stage, EventKind::decide));
  Stepper stepper(workflow, moment);
  stepper.decide(run, verdict);
  return stepper.finish();
}

std::optional<ActionIndex> run_of_approval(const Workflow& workflow, std::string_view id) {
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const Rare<ApprovalRequest>& request = workflow.actions[i].approval;
    if (request && approval_id(workflow, i, request->number) == id) return i;
  }
  return std::nullopt;
}

}  // namespace settle
