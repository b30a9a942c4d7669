#pragma once

#include <cstddef>
#include <string_view>

namespace settle {

/// Length of the part of a key that all records of its workflow begin with (keys::workflow_prefix): two bytes of
/// partition and two names that a NUL ends. 0 when the key has no such part.
inline std::size_t workflow_prefix_length(std::string_view key) {
  constexpr std::size_t partition_bytes = 2;
  const std::size_t first = key.find('\0', partition_bytes);
  if (first == std::string_view::npos) return 0;
  const std::size_t second = key.find('\0', first + 1);
  return second == std::string_view::npos ? 0 : second + 1;
}

/// The same of a key of the family `receipts`: the letter and then that part; of an entry of the ledger, the letter.
inline std::size_t receipt_prefix_length(std::string_view key) {
  if (key.empty()) return 0;
  const std::size_t rest = workflow_prefix_length(key.substr(1));
  return key[0] == 'R' && rest > 0 ? rest + 1 : 1;
}

}  // namespace settle
