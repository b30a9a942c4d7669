#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "storage/store.h"

namespace settle {

/// What the ledger says of one receipt. Leaves are numbered from 0 on, in the order in which they were committed.
struct LedgerLeaf {
  Hash hash{};      ///< SHA-256 of the receipt's canonical bytes
  std::string key;  ///< of the receipt, in family `receipts`
  friend bool operator==(const LedgerLeaf&, const LedgerLeaf&) = default;
};

/// The key in family `receipts` of the leaves of one commit group, of which the first has the index `first`.
std::string ledger_key(std::uint64_t first);
std::string encode_leaves(const std::vector<LedgerLeaf>& leaves);
/// Errors: corruption.
Result<std::vector<LedgerLeaf>> decode_leaves(std::string_view bytes);

/// The leaf `index`, or null beyond the end. Reads stores of every format. Errors: corruption.
Result<std::optional<LedgerLeaf>> ledger_leaf(const Reader& reader, std::uint64_t index);

/// The index after that of the last leaf. Reads stores of every format. Errors: corruption.
Result<std::uint64_t> ledger_end(const Reader& reader);

}  // namespace settle
