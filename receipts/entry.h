#pragma once

#include <string_view>

#include "base/hash.h"

namespace settle {

/// The ledger's entry for a receipt: SHA-256 of its canonical bytes (RFC 8785), never of a signature (CONTRACT §5). The
/// bytes hold no index and no earlier hash: the committer gives the index. Thread: any.
Hash ledger_entry(std::string_view canonical_receipt);

/// True when `receipt` is one JSON object in exactly its canonical form, so that its entry can be recomputed by anyone.
bool is_canonical_receipt(std::string_view receipt);

}  // namespace settle
