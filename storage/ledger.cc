#include "storage/ledger.h"

#include <utility>

#include "storage/big_endian.h"
#include "storage/hash_bytes.h"
#include "storage/numbered.h"

namespace settle {
namespace {

constexpr char group_letter = 'G';
constexpr char single_letter = 'L';  // a record for each leaf, as store formats up to 4 have it
constexpr std::size_t length_bytes = 4;

Error damaged() {
  return fail(ErrorCode::corruption, "a record of the ledger can't be read");
}

/// The last record that begins below leaf `end`, or of all.
Result<std::optional<NumberedRecord>> last_group(const Reader& reader, std::optional<std::uint64_t> end) {
  return last_numbered(reader, Family::receipts, group_letter, end ? ledger_key(*end) : "H", "the ledger");
}

}  // namespace

std::string ledger_key(std::uint64_t first) {
  return numbered_key(group_letter, first);
}

/// Of each leaf its hash (32 bytes), the length of its key (4), and the key.
std::string encode_leaves(const std::vector<LedgerLeaf>& leaves) {
  std::size_t bytes = 0;
  for (const LedgerLeaf& leaf : leaves) bytes += sizeof(Hash) + length_bytes + leaf.key.size();
  std::string out;
  out.reserve(bytes);
  for (const LedgerLeaf& leaf : leaves) {
    append_hash(out, leaf.hash);
    append_be32(out, static_cast<std::uint32_t>(leaf.key.size()));
    out += leaf.key;
  }
  return out;
}

Result<std::vector<LedgerLeaf>> decode_leaves(std::string_view bytes) {
  std::vector<LedgerLeaf> out;
  while (!bytes.empty()) {
    constexpr std::size_t fixed = sizeof(Hash) + length_bytes;
    if (bytes.size() < fixed) return damaged();
    const std::size_t length = read_be32(bytes, sizeof(Hash));
    if (length > bytes.size() - fixed) return damaged();
    out.push_back({read_hash(bytes, 0), std::string(bytes.substr(fixed, length))});
    bytes.remove_prefix(fixed + length);
  }
  if (out.empty()) return damaged();
  return out;
}

Result<std::optional<LedgerLeaf>> ledger_leaf(const Reader& reader, std::uint64_t index) {
  const Result<std::optional<NumberedRecord>> group = last_group(reader, index + 1);
  if (!group) return group.error();
  if (*group) {
    Result<std::vector<LedgerLeaf>> leaves = decode_leaves((*group)->value);
    if (!leaves) return leaves.error();
    const std::uint64_t place = index - (*group)->number;
    if (place >= leaves->size()) return std::optional<LedgerLeaf>();
    return std::optional(std::move((*leaves)[place]));
  }
  const Result<std::optional<std::string>> single = reader.get(Family::receipts, numbered_key(single_letter, index));
  if (!single) return single.error();
  if (!*single) return std::optional<LedgerLeaf>();
  if ((*single)->size() < sizeof(Hash)) return damaged();
  return std::optional(LedgerLeaf{read_hash(**single, 0), (*single)->substr(sizeof(Hash))});
}

Result<std::uint64_t> ledger_end(const Reader& reader) {
  const Result<std::optional<NumberedRecord>> group = last_group(reader, std::nullopt);
  if (!group) return group.error();
  if (*group) {
    const Result<std::vector<LedgerLeaf>> leaves = decode_leaves((*group)->value);
    if (!leaves) return leaves.error();
    return (*group)->number + leaves->size();
  }
  const Result<std::optional<NumberedRecord>> single =
      last_numbered(reader, Family::receipts, single_letter, "M", "the ledger");
  if (!single) return single.error();
  return *single ? (*single)->number + 1 : 0;
}

}  // namespace settle
