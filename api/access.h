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
  /// The same for what changes something; `action` is what the audit log calls it.
  static constexpr Rule changes(Roles roles, std::string_view action) { return {Kind::changes, roles, action}; }

  constexpr bool is_open() const { return kind_ == Kind::open; }
  constexpr bool is_read() const { return kind_ != Kind::changes; }
  constexpr Roles roles() const { return roles_; }
  constexpr std::string_view action() const { return action_; }

 private:
  enum class Kind : std::uint8_t { open, reads, changes };
  constexpr Rule(Kind kind, Roles roles, std::string_view action = {}) : kind_(kind), roles_(roles), action_(action) {}

  Kind kind_;
  Roles roles_;
  std::string_view action_;
};

/// Lets requests in: finds out who asks, and whether the rule of the route allows it. Loop: its own.
class AccessGate {
 public:
  /// Without tokens everybody is "dev" and may everything (--dev).
  AccessGate(const TokenRegistry* tokens, Loop& loop);

  /// Fills in `actor` as far as it is known, also where this refuses; on open routes it has no token. Errors:
  /// unauthenticated; insufficient_scope, naming what is needed; forbidden (a namespace that the token is not of);
  /// invalid_argument (Settle-Namespace is no name).
  Result<void> admit(const HttpRequest& request, const Rule& rule, Actor& actor) const;
  /// Whether the actor of a request that is still being answered may go on.
  bool stands(const Actor& actor) const;
  Time now() const { return loop_.now(); }

 private:
  Result<std::shared_ptr<const Token>> token_of(const HttpRequest& request) const;

  const TokenRegistry* tokens_;
  Loop& loop_;
};

/// The refusal of access as an answer, with the WWW-Authenticate that belongs to it (RFC 6750 §3).
HttpResponse access_refused(const Error& error, std::string_view request_id);

}  // namespace settle
