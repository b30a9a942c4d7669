#include "storage/store.h"

#include "storage/big_endian.h"
#include "storage/numbered.h"

namespace settle {
namespace {

/// The greatest number among the keys of family `index` that begin with `letter`; 0: there is none.
Result<std::uint64_t> last_number(const Reader& reader, char letter, std::string_view end, const char* what) {
  const Result<std::optional<NumberedRecord>> last = last_numbered(reader, Family::index, letter, end, what);
  if (!last) return last.error();
  return *last ? (*last)->number : 0;
}

}  // namespace

std::string numbered_key(char letter, std::uint64_t number) {
  std::string key(1, letter);
  append_be64(key, number);
  return key;
}

Result<std::optional<NumberedRecord>> last_numbered(const Reader& reader, Family family, char letter,
                                                    std::string_view end, const char* what) {
  std::optional<NumberedRecord> last;
  bool damaged = false;
  const Reader::Range range{.from = numbered_key(letter, 0), .to = std::string(end), .reverse = true};
  const Result<void> scanned = reader.scan(family, range, [&](std::string_view key, std::string_view value) {
    damaged = key.size() != range.from.size();
    if (!damaged) last = NumberedRecord{number_of_key(key), std::string(value)};
    return false;
  });
  if (!scanned) return scanned.error();
  if (damaged) return fail(ErrorCode::corruption, std::string("the last record of ") + what + " has a wrong key");
  return last;
}

std::string audit_key(std::uint64_t number) {
  return numbered_key('U', number);
}

std::uint64_t number_of_key(std::string_view key) {
  SETTLE_ASSERT(key.size() == 9);
  return read_be64(key, 1);
}

Result<std::uint64_t> audit_size(const Reader& reader) {
  return last_number(reader, 'U', audit_end, "the audit log");
}

std::string feed_key(std::uint64_t number) {
  return numbered_key('F', number);
}

Result<std::uint64_t> feed_size(const Reader& reader) {
  return last_number(reader, 'F', feed_end, "the feed");
}

}  // namespace settle
