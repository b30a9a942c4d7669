#include "storage/rocks/head.h"

#include <utility>

#include "storage/big_endian.h"
#include "storage/hash_bytes.h"
#include "storage/ledger.h"

namespace settle {
namespace {

constexpr std::size_t head_size = 4 + 4 + 8 + 8 + 32;
constexpr std::size_t ring_entry_size = 8 + 32;

Error missing(const std::string& directory, std::uint64_t held, std::uint64_t acknowledged) {
  return fail(
      ErrorCode::data_missing,
      "the store in " + directory + " ends at commit group " + std::to_string(held) + ", but group " +
          std::to_string(acknowledged) +
          " was acknowledged (file FLOOR): commits are missing. Nothing was changed. Put back the files that are"
          " missing (the newest *.log files above all), or restore a backup with settle restore; settle doctor"
          " shows what is there. Deleting FLOOR does not help");
}

Error other_history(const std::string& directory, const std::string& what) {
  return fail(ErrorCode::corruption,
              "the store in " + directory + " and its file FLOOR disagree: " + what +
                  ". They are not of the same store, or one was damaged. Nothing was changed. Put back the FLOOR that"
                  " belongs to this store, or restore a backup with settle restore");
}

/// The chain value of `group`, when the store still remembers it. Errors: corruption.
Result<std::optional<Hash>> chain_at(std::uint64_t group, const StoreHead& head, const Reader& reader) {
  if (group == head.group) return std::optional(head.chain);
  Result<std::optional<std::string>> entry = reader.get(Family::meta, ring_key(group));
  if (!entry) return std::move(entry.error());
  if (!entry->has_value()) return std::optional<Hash>();
  if ((*entry)->size() != ring_entry_size) return fail(ErrorCode::corruption, "a meta key of store/ring/ is damaged");
  if (read_be64(**entry, 0) != group) return std::optional<Hash>();
  return std::optional(read_hash(**entry, 8));
}

Result<void> check_ledger_end(const StoreHead& head, const Reader& reader, const std::string& directory) {
  const std::uint64_t size = head.ledger_size;
  const Result<std::uint64_t> end = ledger_end(reader);
  if (!end) return end.error();
  if (*end > size) return other_history(directory, "the ledger goes on past entry " + std::to_string(size));
  if (*end < size) return other_history(directory, "entry " + std::to_string(size - 1) + " of the ledger is missing");
  return {};
}

}  // namespace

std::string encode_head(const StoreHead& head) {
  std::string out;
  out.reserve(head_size);
  append_be32(out, head.format);
  append_be32(out, head.partitions);
  append_be64(out, head.group);
  append_be64(out, head.ledger_size);
  append_hash(out, head.chain);
  return out;
}

Result<StoreHead> decode_head(std::string_view bytes) {
  if (bytes.size() < 4) return fail(ErrorCode::corruption, "meta key store/head is damaged");
  StoreHead head;
  head.format = read_be32(bytes, 0);
  if (head.format > store_format) return newer_store_format(head.format);
  if (head.format == 0 || bytes.size() != head_size)
    return fail(ErrorCode::corruption, "meta key store/head is damaged");
  head.partitions = read_be32(bytes, 4);
  head.group = read_be64(bytes, 8);
  head.ledger_size = read_be64(bytes, 16);
  head.chain = read_hash(bytes, 24);
  return head;
}

std::string ring_key(std::uint64_t group) {
  std::string key = "store/ring/";
  append_be32(key, static_cast<std::uint32_t>(group % ring_size));
  return key;
}

std::string encode_ring(std::uint64_t group, const Hash& chain) {
  std::string out;
  out.reserve(ring_entry_size);
  append_be64(out, group);
  append_hash(out, chain);
  return out;
}

Hash next_chain(const Hash& previous, std::uint64_t group, std::string_view batch_bytes) {
  std::string bytes;
  bytes.reserve(32 + 8 + 32);
  append_hash(bytes, previous);
  append_be64(bytes, group);
  append_hash(bytes, sha256(batch_bytes));
  return sha256(bytes);
}

Result<StoreHead> read_head(const Reader& reader) {
  Result<std::optional<std::string>> bytes = reader.get(Family::meta, head_key);
  if (!bytes) return std::move(bytes.error());
  if (!bytes->has_value()) return StoreHead{};
  return decode_head(**bytes);
}

Result<void> check_against_floor(const FloorRecord& floor, const StoreHead& head, const Reader& reader,
                                 std::uint64_t oldest_log, const std::string& directory) {
  if (head.group < floor.group) return missing(directory, head.group, floor.group);
  if (head.group > 0 && head.partitions != floor.partitions) {
    return other_history(directory, "they were made with different numbers of partitions");
  }
  if (floor.group > 0) {
    Result<std::optional<Hash>> chain = chain_at(floor.group, head, reader);
    if (!chain) return std::move(chain.error());
    const bool differs = chain->has_value() && **chain != floor.chain;
    if (differs)
      return other_history(directory, "commit group " + std::to_string(floor.group) + " has another chain hash");
  }
  Result<void> ended = check_ledger_end(head, reader, directory);
  if (!ended) return ended;
  Result<void> logged = check_logs(floor.logs, oldest_log, directory);
  if (!logged) return logged;
  return check_manifest(floor.manifest, directory);
}

}  // namespace settle
