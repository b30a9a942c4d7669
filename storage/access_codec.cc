#include "storage/access_codec.h"

#include <records.pb.h>

#include <algorithm>

#include "base/text.h"
#include "storage/record_values.h"

namespace settle {

std::string encode_token(const Token& token) {
  records::TokenRecord record;
  record.set_name(token.name);
  record.set_name_space(token.name_space);
  record.set_roles(token.roles.bits());
  record.set_secret_hash(token.secret_hash.data(), token.secret_hash.size());
  record.set_created_at(number(token.created_at));
  record.set_created_by(token.created_by);
  record.set_expires_at(number(token.expires_at));
  record.set_revoked_at(number(token.revoked_at));
  record.set_revoked_by(token.revoked_by);
  return record.SerializeAsString();
}

Result<Token> decode_token(std::string_view bytes, std::string id) {
  const Error damaged = fail(ErrorCode::corruption, "the record of token " + shorten(id, 40) + " can't be read");
  records::TokenRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return damaged;
  Token token;
  const std::optional<Roles> roles = Roles::of_bits(record.roles());
  // A role that this version does not know is refused, not left out: what it may do is not known either.
  if (!roles || roles->empty() || record.secret_hash().size() != token.secret_hash.size()) return damaged;
  if (record.name_space() != all_name_spaces && !is_name(record.name_space())) return damaged;
  token.id = std::move(id);
  token.name = record.name();
  token.name_space = record.name_space();
  token.roles = *roles;
  std::copy(record.secret_hash().begin(), record.secret_hash().end(), token.secret_hash.begin());
  token.created_at = Time(Duration(record.created_at()));
  token.created_by = record.created_by();
  token.expires_at = optional_time(record.expires_at());
  token.revoked_at = optional_time(record.revoked_at());
  token.revoked_by = record.revoked_by();
  return token;
}

std::string encode_audit(const AuditEntry& entry) {
  records::AuditRecord record;
  record.set_at(number(entry.at));
  record.set_token(entry.token_id);
  record.set_who(entry.who);
  record.set_roles(entry.roles.bits());
  record.set_name_space(entry.name_space);
  record.set_peer(entry.peer);
  record.set_action(entry.action);
  record.set_target(entry.target);
  record.set_outcome(entry.outcome);
  record.set_status(entry.status);
  record.set_why(entry.why);
  record.set_request(entry.request_id);
  record.set_unwritten(entry.unwritten);
  return record.SerializeAsString();
}

Result<AuditEntry> decode_audit(std::string_view bytes) {
  records::AuditRecord record;
  const bool read = record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  const std::optional<Roles> roles = Roles::of_bits(record.roles());
  if (!read || !roles) return fail(ErrorCode::corruption, "a record of the audit log can't be read");
  AuditEntry entry;
  entry.at = Time(Duration(record.at()));
  entry.token_id = record.token();
  entry.who = record.who();
  entry.roles = *roles;
  entry.name_space = record.name_space();
  entry.peer = record.peer();
  entry.action = record.action();
  entry.target = record.target();
  entry.outcome = record.outcome();
  entry.status = record.status();
  entry.why = record.why();
  entry.request_id = record.request();
  entry.unwritten = record.unwritten();
  return entry;
}

}  // namespace settle
