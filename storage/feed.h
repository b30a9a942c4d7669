#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/store.h"

namespace settle {

/// FeedRecord of docs/formats/records.md: which events became durable with one commit group, in order. It names events
/// and holds none, so that it costs a step some 25 bytes.
std::string encode_feed(const std::vector<FeedEntry>& entries);
/// Errors: corruption.
Result<std::vector<FeedEntry>> decode_feed(std::string_view bytes);

/// How many events an entry stands for.
inline std::uint32_t events_of(const FeedEntry& entry) {
  return entry.notice.empty() ? entry.count : 1;
}

/// The number of the oldest record that is kept; those before it are gone for good. 1 where nothing was removed.
/// Errors: corruption.
Result<std::uint64_t> feed_floor(const Reader& reader);
/// Removes the records from `floor` up to `next` (exclusive), and remembers it.
void trim_feed(std::uint64_t floor, std::uint64_t next, WriteBatch& batch);

}  // namespace settle
