// Decisions as people take them, and what they are answered; what the index shows of requests in the end.

#include <algorithm>

#include "storage/keys.h"
#include "tests/sim/oracles.h"
#include "tests/sim/sim_engine.h"

namespace settle::sim {

void SimEngine::decide(SentVerdict sent) {
  const SimToken& token = people.at(sent.token);
  sent.stood = token.approves && !token.ended && (!token.expires_at || now() < *token.expires_at);
  monitor.sent_verdicts.push_back(sent);
  ask(sent.token, {"v1", "approvals", sent.approval + (sent.approve ? ":approve" : ":reject")},
      Json::object({{"digest", sent.digest}, {"reason", "because"}}),
      [this, sent](const Result<Json>& decided) { judge_verdict(sent, decided); });
}

/// P15: who has no token that stands, or not the scope, decides nothing; who has both is not turned away. False: it was
/// refused for the token.
bool SimEngine::judge_token(const SentVerdict& sent, const Result<Json>& decided) {
  const SimToken& token = people.at(sent.token);
  if (decided) {
    if (!sent.stood)
      verdict_.violated("P15", sent.approval, "a decision was taken with a token that gives no right to it");
    return true;
  }
  const ErrorCode code = decided.error().code;
  const bool over = token.ending || (token.expires_at && *token.expires_at <= now());
  if (code == ErrorCode::unauthenticated) {
    if (!over) verdict_.violated("P15", sent.approval, "a token that stands was turned away");
    counters_.note(token.ending ? "a revoked token was turned away" : "an expired token was turned away");
  }
  if (code == ErrorCode::insufficient_scope && token.approves)
    verdict_.violated("P15", sent.approval, "a token was turned away for a scope that it has");
  return code != ErrorCode::unauthenticated && code != ErrorCode::insufficient_scope;
}

/// P1 and P6: what is taken is durable and shown, and nobody is refused what they may say.
void SimEngine::judge_verdict(const SentVerdict& sent, const Result<Json>& decided) {
  const bool let_in = judge_token(sent, decided);
  const auto found = monitor.asked().find(sent.approval);
  const Monitor::Asked* asked = found == monitor.asked().end() ? nullptr : &found->second;
  if (decided) {
    counters_.note("decision taken");
    bool shown = false;
    for (const Json& one : decided->find("decisions")->as_array()) {
      const bool approved = *one.find("decision") == Json("approved");
      shown = shown || (*one.find("by") == Json(sent.who) && approved == sent.approve);
    }
    if (!shown) verdict_.violated("P1", sent.approval, "a decision was acknowledged before it was durable");
    if (asked != nullptr && asked->request.digest != sent.digest)
      verdict_.violated("P6", sent.approval, "a decision about something else was taken");
    return;
  }
  const ErrorCode code = decided.error().code;
  counters_.note("decision refused: " + std::string(info(code).name));
  if (asked == nullptr || !let_in) return;  // a crash took it, or the gate did
  bool fair = code == ErrorCode::wrong_state || code == ErrorCode::shutting_down || code == ErrorCode::not_found;
  if (code == ErrorCode::approval_changed) fair = sent.digest != asked->request.digest;
  if (code == ErrorCode::forbidden) fair = sent.who == submitter && sent.approve && asked->request.four_eyes;
  if (!fair) verdict_.violated("P6", sent.approval, "a decision was refused: " + decided.error().message);
}

void judge_approvals(const Evidence& evidence) {
  std::set<std::string> open;
  const auto state_at = [&](const std::string& key) -> std::optional<ApprovalState> {
    const auto stored = evidence.reader->get(Family::index, key);
    if (!stored || !*stored) return std::nullopt;
    const Result<StoredApproval> read = decode_approval(**stored);
    return read ? std::optional(read->state) : std::nullopt;
  };
  for (const auto& [id, workflow] : evidence.durable.workflows()) {
    for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
      const Rare<ApprovalRequest>& request = workflow.runs[i].approval;
      if (!request) continue;
      const std::string approval = Monitor::approval_of(workflow, i);
      const bool is_open = request->state == ApprovalState::open;
      if (is_open) open.insert(approval);
      evidence.counters.note("approval " + std::string(name_of(request->state)));
      const std::string line = keys::approval_line("default", is_open, request->requested_at, approval);
      const std::string other = keys::approval_line("default", !is_open, request->requested_at, approval);
      if (state_at(keys::approval("default", approval)) != request->state || state_at(line) != request->state ||
          state_at(other))
        evidence.verdict.violated("P7", id, workflow.value_of(i) + ": the index shows its approval otherwise");
    }
  }
  const std::string prefix = keys::approval_lines("default", true);
  std::size_t listed = 0;
  const Result<void> scanned = evidence.reader->scan(Family::index, {.from = prefix, .to = keys::after(prefix)},
                                                     [&](std::string_view, std::string_view) { return ++listed > 0; });
  if (!scanned || listed != open.size())
    evidence.verdict.violated("P7", "",
                              "the list of open approvals has " + std::to_string(listed) + " lines for " +
                                  std::to_string(open.size()) + " requests");
}

}  // namespace settle::sim
