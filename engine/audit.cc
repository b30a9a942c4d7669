#include "engine/audit.h"

#include "base/json_parts.h"

namespace settle {
namespace {

constexpr std::size_t scanned_max = 20'000;

Json audit_document(std::uint64_t number, const AuditEntry& entry) {
  Json::Array scopes;
  for (const Role role : all_roles) {
    if (entry.roles.has(role)) scopes.emplace_back(name_of(role));
  }
  return Json::object({{"seq", static_cast<std::int64_t>(number)},
                       {"at", format_time(entry.at)},
                       {"who", text_or_null(entry.who)},
                       {"token", text_or_null(entry.token_id)},
                       {"scopes", std::move(scopes)},
                       {"namespace", text_or_null(entry.name_space)},
                       {"peer", entry.peer},
                       {"action", entry.action},
                       {"target", text_or_null(entry.target)},
                       {"outcome", entry.outcome},
                       {"status", static_cast<std::int64_t>(entry.status)},
                       {"why", text_or_null(entry.why)},
                       {"request_id", entry.request_id},
                       {"unwritten", static_cast<std::int64_t>(entry.unwritten)}});
}

}  // namespace

Result<Json> audit_page(const Reader& reader, std::string_view name_space, std::uint64_t after, std::size_t limit) {
  Json::Array records;
  std::optional<Error> error;
  std::size_t scanned = 0;
  const Result<void> result = reader.scan(Family::index, {.from = audit_key(after + 1), .to = std::string(audit_end)},
                                          [&](std::string_view key, std::string_view value) {
                                            if (records.size() >= limit || scanned >= scanned_max) return false;
                                            ++scanned;
                                            const Result<AuditEntry> entry = decode_audit(value);
                                            if (!entry) {
                                              error = entry.error();
                                              return false;
                                            }
                                            after = number_of_key(key);
                                            const bool visible =
                                                name_space == all_name_spaces || entry->name_space == name_space;
                                            if (visible) records.push_back(audit_document(after, *entry));
                                            return true;
                                          });
  if (!result) return result.error();
  if (error) return *std::move(error);
  return Json::object({{"records", std::move(records)}, {"next_after", static_cast<std::int64_t>(after)}});
}

}  // namespace settle
