// Requests for approval: listed, shown, and decided.

#include "api/api.h"
#include "api/request_parts.h"
#include "base/text.h"
#include "workflows/fields.h"

namespace settle {
namespace {

constexpr std::size_t reason_bytes_max = 4'096;
constexpr std::size_t who_bytes_max = 256;

Result<std::optional<ApprovalState>> state_of(const std::string* given) {
  using enum ApprovalState;
  if (given == nullptr) return std::optional<ApprovalState>(open);
  if (*given == "all") return std::optional<ApprovalState>();
  for (const ApprovalState state : {open, approved, rejected, expired, withdrawn}) {
    if (name_of(state) == *given) return std::optional<ApprovalState>(state);
  }
  return fail(
      ErrorCode::invalid_argument,
      "\"state\" takes one of open, approved, rejected, expired, withdrawn, all, not \"" + shorten(*given, 60) + "\"");
}

/// Text that says something, of a length that people write.
std::string spoken(Fields& fields, std::string_view name, std::size_t bytes_max, bool needed) {
  if (!needed && fields.take(name) == nullptr) return "";
  std::string text = fields.needed_text(name);
  const bool blank = text.find_first_not_of(" \t\r\n") == std::string::npos;
  if (fields.take(name) != nullptr && fields.take(name)->is_string() && !text.empty() &&
      (blank || text.size() > bytes_max))
    fields.problem(name, "evidence_missing", "1 to " + std::to_string(bytes_max) + " bytes of text",
                   "a decision names who takes it, and a rejection says why");
  return text;
}

/// With a token it is the token that says who decides; a `who` beside it has to be the same.
std::string decider(Fields& fields, const Actor& actor) {
  if (!actor.is_known()) return spoken(fields, "who", who_bytes_max, true);
  const std::string who = spoken(fields, "who", who_bytes_max, false);
  if (!who.empty() && who != actor.who())
    fields.problem("who", "not_the_token", "no \"who\", or \"" + actor.who() + "\"",
                   "who decides is who has the token");
  return actor.who();
}

Result<Verdict> read_verdict(const Json& body, bool approve, const Actor& actor) {
  std::vector<Problem> problems;
  Fields fields(body, "", problems);
  Verdict out;
  out.approve = approve;
  out.digest = fields.needed_text("digest");
  out.who = decider(fields, actor);
  out.reason = spoken(fields, "reason", reason_bytes_max, !approve);
  fields.finish();
  if (problems.empty()) return out;
  return fail_for(ErrorCode::invalid_argument, std::move(problems));
}

}  // namespace

std::vector<Route> HttpApi::approval_routes() {
  using enum Role;
  const Rule everyone = Rule::reads(Roles::all());
  const auto approvers = [](std::string_view action) { return Rule::changes({approver}, action); };
  const auto decides = [this](bool approve) { return [this, approve](Ask ask) { decide(std::move(ask), approve); }; };
  return {
      {"GET",
       "/v1/approvals",
       {"state", "workflow", "limit", "cursor"},
       false,
       everyone,
       [this](Ask ask) { approvals(std::move(ask)); }},
      {"GET", "/v1/approvals/{id}", {}, false, everyone, [this](Ask ask) { approval(std::move(ask)); }},
      {"POST", "/v1/approvals/{id}:approve", {}, true, approvers("approval.approve"), decides(true)},
      {"POST", "/v1/approvals/{id}:reject", {}, true, approvers("approval.reject"), decides(false)},
  };
}

void HttpApi::approvals(Ask ask) {
  const Result<std::optional<ApprovalState>> state = state_of(ask.query("state"));
  if (!state) return ask.refuse(state.error());
  const Result<std::int64_t> limit = number_of(ask, "limit", 50, static_cast<std::int64_t>(options_.page_max));
  if (!limit) return ask.refuse(limit.error());
  ApprovalQuery query{.name_space = ask.name_space(), .state = *state};
  query.limit = static_cast<std::size_t>(std::max<std::int64_t>(1, *limit));
  if (const std::string* workflow = ask.query("workflow")) query.workflow = *workflow;
  if (const std::string* cursor = ask.query("cursor")) query.cursor = *cursor;
  const Result<Json> page = engine_.approvals(query);
  if (!page) return ask.refuse(page.error());
  ask.json(200, *page);
}

void HttpApi::approval(Ask ask) {
  const Result<Json> document = engine_.approval(ask.name_space(), ask.param(0));
  if (!document) return ask.refuse(document.error());
  ask.json(200, *document);
}

void HttpApi::decide(Ask ask, bool approve) {
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  Result<Verdict> verdict = read_verdict(*body, approve, ask.actor);
  if (!verdict) return ask.refuse(verdict.error());
  const std::string name_space = ask.name_space(), id = ask.param(0);
  const AuditNotePtr audit = ask.audit;
  audit->entry.why = shorten(verdict->who + ": " + verdict->reason, 1'000);
  const auto answer = [ask = std::move(ask)](const Result<Json>& document) {
    if (!document) return ask.refuse(document.error());
    ask.json(200, *document);
  };
  engine_.decide(name_space, id, *std::move(verdict), loop_, answer, audit);
}

}  // namespace settle
