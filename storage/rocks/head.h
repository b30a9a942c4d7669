#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"
#include "storage/rocks/floor.h"
#include "storage/store.h"

namespace settle {

/// What the store says of itself: one record in family `meta`, rewritten in the same atomic write as every commit
/// group. Bytes: docs/formats/store.md.
struct StoreHead {
  std::uint32_t format = store_format;
  std::uint32_t partitions = 0;
  std::uint64_t group = 0;  ///< number of the last commit group; the first is 1
  std::uint64_t ledger_size = 0;
  Hash chain{};  ///< of all groups up to this one
};

inline constexpr std::string_view head_key = "store/head";
std::string encode_head(const StoreHead& head);
/// Errors: newer_format, corruption.
Result<StoreHead> decode_head(std::string_view bytes);

/// The chain values of the last groups, so that a floor that is a little behind the store can still be compared with
/// it. The floor is written at most every 100 ms; 512 groups are about what a fast disk syncs in that time.
inline constexpr std::uint64_t ring_size = 512;
std::string ring_key(std::uint64_t group);
std::string encode_ring(std::uint64_t group, const Hash& chain);

/// chain(n) = SHA-256(chain(n - 1) || n, 8 bytes big-endian || SHA-256(the group's serialized batch)).
Hash next_chain(const Hash& previous, std::uint64_t group, std::string_view batch_bytes);

/// The head of a store; all zero for one that was never committed to. Errors: newer_format, corruption.
Result<StoreHead> read_head(const Reader& reader);

/// Checks that the store holds everything that the floor says was acknowledged, on the same chain, that its ledger
/// ends where its head says, and that its manifest still names every table that it named, and that no log
/// from number `oldest_log` on is missing. `directory` is for the messages. Errors: data_missing, corruption; each
/// message says what to do.
Result<void> check_against_floor(const FloorRecord& floor, const StoreHead& head, const Reader& reader,
                                 std::uint64_t oldest_log, const std::string& directory);

}  // namespace settle
