// Tokens: made, listed and revoked by admins.

#include "api/api.h"
#include "base/json_parts.h"
#include "base/text.h"
#include "workflows/fields.h"

namespace settle {
namespace {

constexpr Duration usual_life{std::int64_t{90} * 24 * 3'600'000};

Json scopes_of(Roles roles) {
  Json::Array out;
  for (const Role role : all_roles) {
    if (roles.has(role)) out.emplace_back(name_of(role));
  }
  return Json(std::move(out));
}

Json token_document(const Token& token) {
  return Json::object({{"id", token.id},
                       {"name", token.name},
                       {"namespace", token.name_space},
                       {"scopes", scopes_of(token.roles)},
                       {"created_at", format_time(token.created_at)},
                       {"created_by", token.created_by},
                       {"expires_at", time_or_null(token.expires_at)},
                       {"revoked_at", time_or_null(token.revoked_at)},
                       {"revoked_by", token.revoked_by.empty() ? Json() : Json(token.revoked_by)}});
}

Roles read_scopes(Fields& fields) {
  constexpr std::string_view wanted = "a list of planner, approver, operator, auditor, admin";
  Roles roles;
  const Json* list = fields.need("scopes", wanted);
  if (list == nullptr) return roles;
  bool known = list->is_array() && list->size() > 0;
  for (std::size_t i = 0; known && i < list->size(); ++i) {
    const Json& one = list->as_array()[i];
    const std::optional<Role> role = one.is_string() ? role_of(one.as_string()) : std::nullopt;
    known = role.has_value();
    if (role) roles.add(*role);
  }
  if (!known) fields.problem("scopes", "unknown_scope", std::string(wanted), "a token has one scope or more of these");
  return roles;
}

/// Null: never.
std::optional<Time> read_expiry(Fields& fields, Time now) {
  const std::optional<std::string> given = fields.text("expires");
  if (!given) return now + usual_life;
  if (*given == "never") return std::nullopt;
  const std::optional<Duration> life = parse_duration(*given);
  if (!life || life->count() == 0)
    fields.problem("expires", "not_a_duration", "a duration such as 90d, or never", "a token lives for a while");
  return now + life.value_or(Duration(0));
}

/// {name, scopes, namespace?, expires?}; without a namespace that of the request.
Result<Token> read_new_token(const Json& body, const Actor& actor, Time now) {
  std::vector<Problem> problems;
  Fields fields(body, "", problems);
  Token out;
  out.name = fields.needed_text("name");
  if (!out.name.empty() && !is_name(out.name))
    fields.problem("name", "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -", "a token's name has other characters");
  out.roles = read_scopes(fields);
  out.name_space = fields.text("namespace").value_or(actor.name_space);
  if (out.name_space != all_name_spaces && !is_name(out.name_space))
    fields.problem("namespace", "not_a_name", "a name, or * for all", "a namespace has other characters");
  out.expires_at = read_expiry(fields, now);
  fields.finish();
  if (problems.empty()) return out;
  return fail_for(ErrorCode::invalid_argument, std::move(problems));
}

/// Nobody makes a token for where it has no say itself.
std::optional<Error> beyond(const Actor& actor, const Token& wanted) {
  if (actor.token->name_space == all_name_spaces || wanted.name_space == actor.token->name_space) return std::nullopt;
  return fail(ErrorCode::forbidden, "an admin of namespace \"" + actor.token->name_space +
                                        "\" makes tokens of that namespace only, not of \"" +
                                        shorten(wanted.name_space, 60) + "\"");
}

}  // namespace

std::vector<Route> HttpApi::token_routes() {
  using enum Role;
  return {
      {"POST",
       "/v1/tokens",
       {},
       true,
       Rule::changes({admin}, "token.create"),
       [this](Ask ask) { make_token(std::move(ask)); }},
      {"GET", "/v1/tokens", {}, false, Rule::reads({auditor, admin}), [this](Ask ask) { tokens(std::move(ask)); }},
      {"POST",
       "/v1/tokens/{id}:revoke",
       {},
       false,
       Rule::changes({admin}, "token.revoke"),
       [this](Ask ask) { revoke_token(std::move(ask)); }},
  };
}

void HttpApi::make_token(Ask ask) {
  if (engine_.stopping()) return ask.refuse(fail(ErrorCode::shutting_down, "the engine is shutting down"));
  if (!engine_.store().has_room()) return ask.refuse(fail(ErrorCode::disk_full, "the disk is nearly full"));
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  Result<Token> wanted = read_new_token(*body, ask.actor, loop_.now());
  if (!wanted) return ask.refuse(wanted.error());
  if (const std::optional<Error> error = beyond(ask.actor, *wanted)) return ask.refuse(*error);
  wanted->created_by = ask.actor.who();
  const TokenText text = fresh_token();
  ask.audit->entry.target = text.id;
  ask.audit->entry.status = 201;
  ask.audit->entry.why = wanted->name + " of namespace " + wanted->name_space;
  const auto answer = [ask, text](const Result<std::shared_ptr<const Token>>& made) {
    if (!made) return ask.refuse(made.error());
    Json document = token_document(**made);
    document.set("token", write_token(text));
    ask.json(201, document, {{"Cache-Control", "no-store"}});
  };
  tokens_.create(text, *std::move(wanted), loop_.now(), loop_, answer, ask.audit);
}

void HttpApi::tokens(Ask ask) {
  Json::Array out;
  for (const std::shared_ptr<const Token>& token : tokens_.list(ask.actor.token->name_space))
    out.push_back(token_document(*token));
  ask.json(200, Json::object({{"tokens", std::move(out)}}));
}

/// Also while the engine is shutting down: what has leaked must not wait.
void HttpApi::revoke_token(Ask ask) {
  const std::string name_space = ask.actor.token->name_space, id = ask.param(0), by = ask.actor.who();
  const AuditNotePtr audit = ask.audit;
  const auto answer = [ask = std::move(ask)](const Result<std::shared_ptr<const Token>>& revoked) {
    if (!revoked) return ask.refuse(revoked.error());
    ask.json(200, token_document(**revoked));
  };
  tokens_.revoke(name_space, id, by, loop_.now(), loop_, answer, audit);
}

}  // namespace settle
