#pragma once

#include <memory>
#include <string>

#include "storage/access_codec.h"

namespace settle {

/// Who asks, in which namespace, and from where. A request without one (of an open route) has a null token.
struct Actor {
  std::shared_ptr<const Token> token;  ///< of --dev: one that is nowhere stored, named "dev", without an id
  std::string name_space;              ///< that the request acts in
  std::string peer;                    ///< address

  /// What receipts and the audit log call whoever asks.
  const std::string& who() const { return token->name; }
  bool has(Role role) const { return token->roles.has(role); }
  /// With --dev nobody is: whoever asks says who they are.
  bool is_known() const { return token != nullptr && !token->id.empty(); }
  /// Who can't approve what they submit; empty: not known.
  std::string submitter() const { return is_known() ? who() : ""; }
};

}  // namespace settle
