// People's agreement (P6): nothing that needs it leaves without a standing quorum for exactly what is sent. Written
// from the contract and judged by the drawn plan; digests and ids are computed here once more.

#include <algorithm>

#include "base/hash.h"
#include "tests/sim/monitor.h"

namespace settle::sim {
namespace {

std::string base32_of(const std::vector<std::string>& parts) {
  std::string joined;
  for (std::size_t i = 0; i < parts.size(); ++i) joined += (i == 0 ? "" : std::string(1, '\0')) + parts[i];
  return to_base32hex(sha256(joined), 32);
}

}  // namespace

std::string Monitor::approval_of(const Shadow& workflow, ActionIndex run) {
  const ActionState& state = workflow.runs[run];
  return "ap_" +
         base32_of({"default", workflow.header.id, workflow.planned(run).id, std::to_string(state.element.value_or(0)),
                    "approval " + std::string(name_of(state.role)), std::to_string(state.approval_requests)});
}

std::optional<SimRule> Monitor::rule_of(const Shadow& workflow, ActionIndex run) {
  const ActionState& state = workflow.runs[run];
  if (workflow.flow_of(run) == Builtin::approve) {
    const FlowCall& call = workflow.flow_call(run);
    SimRule out;
    out.approvers = call.approvers;
    out.expires = call.wait.value_or(out.expires);
    return out;
  }
  if (!workflow.calls(run)) return std::nullopt;
  const std::vector<SimRule> rules = workflow.planned(run).rules_of(state.role);
  const bool asks =
      std::any_of(rules.begin(), rules.end(), [&](const SimRule& rule) { return rule.asks_for(state.input.get()); });
  if (!asks) return std::nullopt;
  SimRule out = rules[0];
  for (const SimRule& rule : rules) {  // whichever asks, the stricter of each counts
    out.approvers = std::max(out.approvers, rule.approvers);
    out.expires = std::min(out.expires, rule.expires);
    out.escalates = out.escalates && rule.escalates;
    out.four_eyes = out.four_eyes || rule.four_eyes;
  }
  return out;
}

/// Of what would be sent now, and of where it goes.
std::string Monitor::digest_of(const Step& step, ActionIndex index) const {
  const Shadow& now = step.after;
  const ActionState& run = now.runs[index];
  const SimTool& tool = now.planned(index).tool_of(run.role);
  std::string version;
  if (tool.is_flow()) return "";  // of the binary; there is nothing that could change
  version = "sha256:" + to_hex(sha256(canonical(tool.document())));
  const Json document = Json::object({{"namespace", "default"},
                                      {"workflow", now.header.id},
                                      {"plan_digest", now.header.plan_digest},
                                      {"action", now.planned(index).id},
                                      {"element", run.element ? Json(static_cast<std::int64_t>(*run.element)) : Json()},
                                      {"role", name_of(run.role)},
                                      {"tool", Json::object({{"name", tool.name}, {"version", version}})},
                                      {"input", run.input == nullptr ? Json() : *run.input},
                                      {"url", origin + "/" + tool.name + (tool.reads_only() ? "/fetch/" : "/effects")},
                                      {"credential", ""}});
  return "sha256:" + to_hex(sha256(canonical(document)));
}

void Monitor::judge_approval(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  const bool awaits = after.stage == Stage::awaiting_approval;
  const bool open = after.approval && after.approval->state == ApprovalState::open;
  if (awaits != open) violated(step, "P6", index, "is asked about and does not wait for it, or the other way round");
  if (after.approval) asked_[approval_of(step.after, index)] = {step.after.header.id, index, *after.approval};
  const std::uint32_t asked_before = before == nullptr ? 0 : before->approval_requests;
  if (after.approval_requests < asked_before) violated(step, "P6", index, "forgot how often it was asked about");
  if (after.approval_requests > asked_before) judge_request(step, index, after);
  judge_decisions(step, index, before, after);
  const bool over = before != nullptr && before->stage == Stage::awaiting_approval && !awaits;
  const std::string code = over && after.stage == Stage::failed && after.error ? after.error->code : "";
  if (code == "approval_expired" && step.now < before->approval->expires_at)
    violated(step, "P21", index, "its request expired too early");
  if (awaits && after.approval->escalated) counters_.note("an approval waits on after its time");
  const auto receipt = step.receipts.find(after.receipt);
  if (receipt == step.receipts.end()) return;
  std::size_t said = after.earlier_decisions.size() + (after.approval ? after.approval->decisions.size() : 0);
  if (receipt->second.find("approvals")->size() != said)
    violated(step, "P6", index, "its receipt names other decisions than were taken");
}

/// A new request: by a rule that asks, for what would be sent now, as long and of as many people as the rule says.
void Monitor::judge_request(const Step& step, ActionIndex index, const ActionState& after) {
  counters_.note("asked for agreement");
  if (after.role == CallRole::fallback) counters_.note("asked for agreement, of a fallback");
  if (is_undoing(after.role)) counters_.note("asked for agreement, of a compensation");
  if (after.unclear) counters_.note("asked for agreement over a doubt");
  const bool again = after.approval_requests > 1;
  const bool known = index < step.before.runs.size();
  const Rare<ApprovalRequest>* was = known ? &step.before.runs[index].approval : nullptr;
  if (again && step.after.header.retries > 0) counters_.note("asked anew after a retry");
  if (again && was != nullptr && *was && (*was)->digest != after.approval->digest && step.after.calls(index))
    counters_.note("asked anew, since it would go elsewhere");
  const std::optional<SimRule> rule = rule_of(step.after, index);
  if (!rule) return violated(step, "P6", index, "asks for agreement without need");
  const ApprovalRequest& request = *after.approval;
  if (request.approvers != rule->approvers || request.four_eyes != rule->four_eyes ||
      (request.on_expiry == OnExpiry::escalate) != rule->escalates)
    violated(step, "P6", index, "asks for less or more than its rule says");
  if (request.requested_at != step.now || request.expires_at != step.now + rule->expires)
    violated(step, "P21", index, "asks for another time than its rule says");
  if (const std::string digest = digest_of(step, index); !digest.empty() && request.digest != digest)
    violated(step, "P6", index, "asks for something else than would be sent");
  if (!request.decisions.empty()) violated(step, "P6", index, "takes over decisions about something else");
}

/// Each decision is one that somebody took, about just this, in time; and none is ever forgotten.
void Monitor::judge_decisions(const Step& step, ActionIndex index, const ActionState* before,
                              const ActionState& after) {
  if (!after.approval) return;
  const ApprovalRequest& request = *after.approval;
  const bool same = before != nullptr && before->approval && before->approval->number == request.number;
  const std::size_t known = same ? before->approval->decisions.size() : 0;
  if (request.decisions.size() < known) violated(step, "P6", index, "forgot a decision");
  for (std::size_t i = known; i < request.decisions.size(); ++i) {
    const ApprovalDecision& one = request.decisions[i];
    const std::string id = approval_of(step.after, index);
    const auto says_so = [&](const SentVerdict& sent) {
      return sent.approval == id && sent.who == one.by && sent.approve == one.approved &&
             sent.digest == request.digest && one.digest == request.digest;
    };
    const auto may_say_so = [&](const SentVerdict& sent) { return says_so(sent) && sent.stood; };
    if (std::none_of(sent_verdicts.begin(), sent_verdicts.end(), says_so))
      violated(step, "P6", index, "a decision that nobody took about this");
    else if (std::none_of(sent_verdicts.begin(), sent_verdicts.end(), may_say_so))
      violated(step, "P15", index, "a decision of somebody who had no right to it");
    const bool late = one.at >= request.expires_at && request.on_expiry != OnExpiry::escalate;
    if (late) violated(step, "P6", index, "a decision was taken after the request had expired");
    if (one.approved && request.four_eyes && one.by == step.after.header.submitted_by)
      violated(step, "P6", index, "was approved by who submitted it");
  }
}

/// P6: at every intent there is a standing quorum for exactly what is sent.
void Monitor::judge_released(const Step& step, ActionIndex index, const ActionState& after) {
  const std::optional<SimRule> rule = rule_of(step.after, index);
  if (!rule) return;
  if (!after.approval) return violated(step, "P6", index, "sent without agreement");
  const std::string digest = digest_of(step, index);
  std::set<std::string> people_for, people_against;
  for (const ApprovalDecision& one : after.approval->decisions) {
    const bool just_this = digest.empty() || one.digest == digest;
    if (just_this) (one.approved ? people_for : people_against).insert(one.by);
  }
  if (rule->four_eyes) people_for.erase(step.after.header.submitted_by);
  if (people_for.size() < rule->approvers)
    violated(step, "P6", index, "sent with the agreement of " + std::to_string(people_for.size()) + " people to this");
  if (!people_against.empty()) violated(step, "P6", index, "sent though somebody had rejected it");
  const std::string id = approval_of(step.after, index);
  const auto counted_and_over = [&](const SentVerdict& sent) {
    return sent.approval == id && sent.approve && people_for.contains(sent.who) && sent.stood && is_over(sent.token);
  };
  // What was decided stands; whoever has lost the token since can only decide nothing more.
  if (is_over && std::any_of(sent_verdicts.begin(), sent_verdicts.end(), counted_and_over))
    counters_.note("sent on the word of a token that was revoked since");
  counters_.note(people_for.size() == 1 ? "sent with the agreement of one" : "sent with the agreement of several");
  const ActionState* before = index < step.before.runs.size() ? &step.before.runs[index] : nullptr;
  const bool revived = before != nullptr && before->stage == Stage::revived;
  if (step.retried() || revived) violated(step, "P6", index, "sent again after a retry, and nobody was asked anew");
}

/// flow.approve: an action that is a request and nothing else.
void Monitor::judge_gate(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  const Stage was = before == nullptr ? Stage::blocked : before->stage;
  const bool could_begin = is_unstarted(was) || was == Stage::failed || was == Stage::cancelled;
  if (could_begin && after.stage == Stage::awaiting_approval) {
    judge_may_begin(step, index, after);
    judge_first_send(step, index, after);
  }
  if (after.effect != Effect::none) violated(step, "P5", index, "a request for agreement claims an effect");
  if (was != Stage::awaiting_approval || after.stage == was) {
    if (after.stage == Stage::verified && was != Stage::verified)
      violated(step, "P6", index, "verified without having asked anybody");
    return;
  }
  const std::string code = after.stage == Stage::failed && after.error ? after.error->code : "";
  counters_.note("flow.approve " + (code.empty() ? std::string(name_of(after.stage)) : code));
  const bool stopped_now = step.after.header.status != WorkflowStatus::running || stopped(step.after, index);
  const bool fair = after.stage == Stage::verified || code == "approval_rejected" || code == "approval_expired" ||
                    (after.stage == Stage::cancelled && stopped_now) ||
                    (code == "deadline_exceeded" && step.after.header.expired);
  if (!fair) violated(step, "P6", index, "its wait ended as " + std::string(name_of(after.stage)) + " " + code);
  if (after.stage != Stage::verified) return;
  judge_released(step, index, after);
  if (after.confidence != Confidence::response)
    violated(step, "P4", index, "claims " + std::string(name_of(after.confidence)));
}

}  // namespace settle::sim
