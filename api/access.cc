#include "api/access.h"

#include "api/http/server.h"
#include "base/text.h"

namespace settle {
namespace {

std::shared_ptr<const Token> dev_token() {
  static const std::shared_ptr<const Token> token = [] {
    Token dev;
    dev.name = "dev";
    dev.name_space = all_name_spaces;
    dev.roles = Roles::all();
    return std::make_shared<const Token>(std::move(dev));
  }();
  return token;
}

/// "planner or operator"
std::string text_of(Roles roles) {
  std::string out;
  for (const Role role : all_roles) {
    if (roles.has(role)) out += (out.empty() ? "" : " or ") + std::string(name_of(role));
  }
  return out;
}

Error insufficient(Roles needed, const Token& token) {
  const std::string need = text_of(needed);
  return fail(ErrorCode::insufficient_scope,
              "token \"" + token.name + "\" has the scope " + text_of(token.roles) + "; this needs " + need,
              {{"", "insufficient_scope", need, text_of(token.roles), "the token has not the scope for this"}});
}

/// The namespace in which the request acts.
Result<std::string> name_space_of(const HttpRequest& request, const Token& token) {
  const bool any = token.name_space == all_name_spaces;
  const std::string* wanted = request.header("settle-namespace");
  if (wanted == nullptr) return any ? std::string("default") : token.name_space;
  if (!is_name(*wanted))
    return fail(ErrorCode::invalid_argument, "Settle-Namespace takes a name of 1 to 128 of A-Z a-z 0-9 . _ ~ -");
  if (any || *wanted == token.name_space) return *wanted;
  return fail(ErrorCode::forbidden,
              "token \"" + token.name + "\" is of namespace \"" + token.name_space + "\" and acts in no other");
}

}  // namespace

AccessGate::AccessGate(const TokenRegistry* tokens, Loop& loop) : tokens_(tokens), loop_(loop) {}

Result<std::shared_ptr<const Token>> AccessGate::token_of(const HttpRequest& request) const {
  if (tokens_ == nullptr) return dev_token();
  const std::string* given = request.header("authorization");
  if (given == nullptr) return fail(ErrorCode::unauthenticated, "a token is needed: Authorization: Bearer TOKEN");
  const std::size_t space = given->find(' ');
  if (space == std::string::npos || to_lower(std::string_view(*given).substr(0, space)) != "bearer")
    return fail(ErrorCode::unauthenticated, "only tokens are taken: Authorization: Bearer TOKEN");
  return tokens_->find(std::string_view(*given).substr(space + 1), loop_.now());
}

Result<void> AccessGate::admit(const HttpRequest& request, const Rule& rule, Actor& actor) const {
  actor.peer = request.remote;
  if (rule.is_open()) return {};
  Result<std::shared_ptr<const Token>> token = token_of(request);
  if (!token) return std::move(token).error();
  actor.token = *std::move(token);
  const bool any = actor.token->name_space == all_name_spaces;
  if (!any) actor.name_space = actor.token->name_space;
  if (!actor.token->roles.meets(rule.roles())) return insufficient(rule.roles(), *actor.token);
  Result<std::string> name_space = name_space_of(request, *actor.token);
  if (!name_space) return std::move(name_space).error();
  actor.name_space = *std::move(name_space);
  return {};
}

bool AccessGate::stands(const Actor& actor) const {
  return tokens_ == nullptr || (actor.token != nullptr && tokens_->stands(*actor.token, loop_.now()));
}

HttpResponse access_refused(const Error& error, std::string_view request_id) {
  HttpResponse response = problem_response(error, request_id);
  if (error.code == ErrorCode::unauthenticated) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.code == ErrorCode::insufficient_scope)
    response.headers.emplace_back("WWW-Authenticate", "Bearer error=\"insufficient_scope\"");
  return response;
}

}  // namespace settle
