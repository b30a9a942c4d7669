#include "storage/store.h"

#include "storage/big_endian.h"

namespace settle {

std::string ledger_key(std::uint64_t index) {
  std::string key = "L";
  append_be64(key, index);
  return key;
}

std::string audit_key(std::uint64_t number) {
  std::string key = "U";
  append_be64(key, number);
  return key;
}

std::uint64_t audit_number(std::string_view key) {
  SETTLE_ASSERT(key.size() == 9);
  return read_be64(key, 1);
}

Result<std::uint64_t> audit_size(const Reader& reader) {
  std::uint64_t last = 0;
  bool damaged = false;
  const Result<void> scanned =
      reader.scan(Family::index, {.from = audit_key(0), .to = std::string(audit_end), .reverse = true},
                  [&](std::string_view key, std::string_view) {
                    damaged = key.size() != audit_key(0).size();
                    if (!damaged) last = audit_number(key);
                    return false;
                  });
  if (!scanned) return scanned.error();
  if (damaged) return fail(ErrorCode::corruption, "the last record of the audit log has a wrong key");
  return last;
}

}  // namespace settle
