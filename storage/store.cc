#include "storage/store.h"

#include "storage/big_endian.h"

namespace settle {

namespace {

std::string numbered(char letter, std::uint64_t number) {
  std::string key(1, letter);
  append_be64(key, number);
  return key;
}

/// The greatest number among the keys of family `index` that begin with `letter`.
Result<std::uint64_t> last_number(const Reader& reader, char letter, std::string_view end, const char* what) {
  std::uint64_t last = 0;
  bool damaged = false;
  const std::string first = numbered(letter, 0);
  const Result<void> scanned = reader.scan(Family::index, {.from = first, .to = std::string(end), .reverse = true},
                                           [&](std::string_view key, std::string_view) {
                                             damaged = key.size() != first.size();
                                             if (!damaged) last = read_be64(key, 1);
                                             return false;
                                           });
  if (!scanned) return scanned.error();
  if (damaged) return fail(ErrorCode::corruption, std::string("the last record of ") + what + " has a wrong key");
  return last;
}

}  // namespace

std::string audit_key(std::uint64_t number) {
  return numbered('U', number);
}

std::uint64_t number_of_key(std::string_view key) {
  SETTLE_ASSERT(key.size() == 9);
  return read_be64(key, 1);
}

Result<std::uint64_t> audit_size(const Reader& reader) {
  return last_number(reader, 'U', audit_end, "the audit log");
}

std::string feed_key(std::uint64_t number) {
  return numbered('F', number);
}

Result<std::uint64_t> feed_size(const Reader& reader) {
  return last_number(reader, 'F', feed_end, "the feed");
}

}  // namespace settle
