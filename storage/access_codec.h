#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"
#include "base/roles.h"
#include "base/time.h"

namespace settle {

/// The namespace of a token that may act in all of them. It is no name, so no namespace is called so.
inline constexpr std::string_view all_name_spaces = "*";

/// What is kept about a token. The token itself is known to its holder alone.
struct Token {
  std::string id;
  std::string name;        ///< of who holds it; what receipts and the audit log call it
  std::string name_space;  ///< or all_name_spaces
  Roles roles;
  Hash secret_hash{};  ///< SHA-256 of its secret
  Time created_at{};
  std::string created_by;  ///< name of the token that made it
  std::optional<Time> expires_at;
  std::optional<Time> revoked_at;
  std::string revoked_by;
};

/// TokenRecord of docs/formats/records.md; the id stands in the key.
std::string encode_token(const Token& token);
/// Errors: corruption.
Result<Token> decode_token(std::string_view bytes, std::string id);

/// One record of the audit log: what somebody asked for that changes something, or was refused.
struct AuditEntry {
  Time at{};
  std::string token_id;    ///< empty: none, or --dev
  std::string who;         ///< name of the token; empty: nobody that is known
  Roles roles;             ///< of the token
  std::string name_space;  ///< empty: of none, since nobody is known
  std::string peer;        ///< address
  std::string action;      ///< "workflow.submit"
  std::string target;      ///< id of what it was about
  std::string outcome;     ///< "done", or the code of the refusal
  std::uint32_t status = 0;
  std::string why;  ///< as whoever asked put it
  std::string request_id;
  std::uint64_t unwritten = 0;  ///< refusals before it that were too many to write down
};

/// AuditRecord of docs/formats/records.md.
std::string encode_audit(const AuditEntry& entry);
/// Errors: corruption.
Result<AuditEntry> decode_audit(std::string_view bytes);

}  // namespace settle
