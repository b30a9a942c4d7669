#pragma once

#include <string>

#include "api/http/message.h"
#include "base/roles.h"
#include "engine/actor.h"
#include "engine/loop.h"
#include "engine/tokens.h"

namespace settle {

/// Who may use a route (docs/roles.md has them all, printed from the routes). It has no default, so that a route
/// without a rule does not compile.
class Rule {
 public:
  /// Anybody, also without a token: for what holds nothing of any namespace.
  static constexpr Rule open() { return {Kind::open, Roles::all()}; }
  /// Whoever has one of the roles. Nothing is changed.
  static constexpr Rule reads(Roles roles) { return {Kind::reads, roles}; }
  static constexpr Rule changes(Roles roles) { return {Kind::changes, roles}; }

  constexpr bool is_open() const { return kind_ == Kind::open; }
  constexpr bool is_read() const { return kind_ != Kind::changes; }
  constexpr Roles roles() const { return roles_; }

 private:
  enum class Kind : std::uint8_t { open, reads, changes };
  constexpr Rule(Kind kind, Roles roles) : kind_(kind), roles_(roles) {}

  Kind kind_;
  Roles roles_;
};

/// Lets requests in: finds out who asks, and whether the rule of the route allows it. Loop: its own.
class AccessGate {
 public:
  /// Without tokens everybody is "dev" and may everything (--dev).
  AccessGate(const TokenRegistry* tokens, Loop& loop);

  /// Errors: unauthenticated; insufficient_scope, naming what is needed; forbidden (a namespace that the token is not
  /// of); invalid_argument (Settle-Namespace is no name). For an open route an actor without a token.
  Result<Actor> admit(const HttpRequest& request, const Rule& rule) const;
  /// Whether the actor of a request that is still being answered may go on.
  bool stands(const Actor& actor) const;
  const TokenRegistry* tokens() const { return tokens_; }

 private:
  Result<std::shared_ptr<const Token>> token_of(const HttpRequest& request) const;

  const TokenRegistry* tokens_;
  Loop& loop_;
};

/// The refusal of access as an answer, with the WWW-Authenticate that belongs to it (RFC 6750 §3).
HttpResponse access_refused(const Error& error, std::string_view request_id);

}  // namespace settle
