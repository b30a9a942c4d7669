#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace settle {

/// The key of what the committer numbers: a letter, and the number in 8 bytes, big-endian.
std::string numbered_key(char letter, std::uint64_t number);

struct NumberedRecord {
  std::uint64_t number = 0;
  std::string value;
};
/// The record of `letter` with the greatest number, among the keys below `end`. Errors: corruption (its key is no such
/// one; `what` is for the message).
Result<std::optional<NumberedRecord>> last_numbered(const Reader& reader, Family family, char letter,
                                                    std::string_view end, const char* what);

}  // namespace settle
