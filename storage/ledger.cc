#include "storage/ledger.h"

#include <utility>

#include "storage/big_endian.h"

namespace settle {
namespace {

constexpr char group_letter = 'G';
constexpr char single_letter = 'L';  // a record for each leaf, as store formats up to 4 have it
constexpr std::size_t length_bytes = 4;

std::string key_of(char letter, std::uint64_t index) {
  std::string key(1, letter);
  append_be64(key, index);
  return key;
}

Error damaged() {
  return fail(ErrorCode::corruption, "a record of the ledger can't be read");
}

struct Record {
  std::uint64_t first;
  std::string value;
};

/// The last record with this letter whose first index is below `before`.
Result<std::optional<Record>> record_before(const Reader& reader, char letter, std::uint64_t before) {
  std::optional<Record> found;
  bool is_damaged = false;
  const Reader::Range range{.from = key_of(letter, 0), .to = key_of(letter, before), .reverse = true};
  const Result<void> scanned = reader.scan(Family::receipts, range, [&](std::string_view key, std::string_view value) {
    is_damaged = key.size() != range.from.size();
    if (!is_damaged) found = Record{read_be64(key, 1), std::string(value)};
    return false;
  });
  if (!scanned) return scanned.error();
  if (is_damaged) return damaged();
  return found;
}

Hash hash_at(std::string_view bytes) {
  Hash hash;
  bytes.copy(reinterpret_cast<char*>(hash.data()), hash.size());
  return hash;
}

}  // namespace

std::string ledger_key(std::uint64_t first) {
  return key_of(group_letter, first);
}

/// Of each leaf its hash (32 bytes), the length of its key (4), and the key.
std::string encode_leaves(const std::vector<LedgerLeaf>& leaves) {
  std::size_t bytes = 0;
  for (const LedgerLeaf& leaf : leaves) bytes += sizeof(Hash) + length_bytes + leaf.key.size();
  std::string out;
  out.reserve(bytes);
  for (const LedgerLeaf& leaf : leaves) {
    out.append(reinterpret_cast<const char*>(leaf.hash.data()), leaf.hash.size());
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
    out.push_back({hash_at(bytes), std::string(bytes.substr(fixed, length))});
    bytes.remove_prefix(fixed + length);
  }
  if (out.empty()) return damaged();
  return out;
}

Result<std::optional<LedgerLeaf>> ledger_leaf(const Reader& reader, std::uint64_t index) {
  const Result<std::optional<Record>> group = record_before(reader, group_letter, index + 1);
  if (!group) return group.error();
  if (*group) {
    Result<std::vector<LedgerLeaf>> leaves = decode_leaves((*group)->value);
    if (!leaves) return leaves.error();
    const std::uint64_t place = index - (*group)->first;
    if (place >= leaves->size()) return std::optional<LedgerLeaf>();
    return std::optional(std::move((*leaves)[place]));
  }
  const Result<std::optional<std::string>> single = reader.get(Family::receipts, key_of(single_letter, index));
  if (!single) return single.error();
  if (!*single) return std::optional<LedgerLeaf>();
  if ((*single)->size() < sizeof(Hash)) return damaged();
  return std::optional(LedgerLeaf{hash_at(**single), (*single)->substr(sizeof(Hash))});
}

Result<std::uint64_t> ledger_end(const Reader& reader) {
  const Result<std::optional<Record>> group = record_before(reader, group_letter, UINT64_MAX);
  if (!group) return group.error();
  if (*group) {
    const Result<std::vector<LedgerLeaf>> leaves = decode_leaves((*group)->value);
    if (!leaves) return leaves.error();
    return (*group)->first + leaves->size();
  }
  const Result<std::optional<Record>> single = record_before(reader, single_letter, UINT64_MAX);
  if (!single) return single.error();
  return *single ? (*single)->first + 1 : 0;
}

}  // namespace settle
