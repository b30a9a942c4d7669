#include "receipts/entry.h"

#include "base/json.h"

namespace settle {

Hash ledger_entry(std::string_view canonical_receipt) {
  return sha256(canonical_receipt);
}

bool is_canonical_receipt(std::string_view receipt) {
  const JsonLimits limits{
      .bytes_max = receipt.size(), .depth_max = 256, .nodes_max = receipt.size() + 1, .numbers = JsonNumbers::exact};
  const Result<Json> read = read_json(receipt, limits);
  return read && read->is_object() && canonical(*read) == receipt;
}

}  // namespace settle
