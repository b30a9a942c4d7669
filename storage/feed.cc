#include "storage/feed.h"

#include <records.pb.h>

#include "base/hash.h"
#include "base/text.h"
#include "storage/big_endian.h"
#include "storage/keys.h"

namespace settle {
namespace {

constexpr std::string_view usual_name_space = "default";
constexpr std::string_view made_id = "wf_";
constexpr std::size_t uuid_bytes = 16;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string dashed(std::string_view hex) {
  return std::string(hex.substr(0, 8)) + "-" + std::string(hex.substr(8, 4)) + "-" + std::string(hex.substr(12, 4)) +
         "-" + std::string(hex.substr(16, 4)) + "-" + std::string(hex.substr(20));
}

/// The 16 bytes of an id that Settle made itself ("wf_" and a UUID); empty for any other, which is written as it is.
std::string packed(std::string_view id) {
  if (!id.starts_with(made_id)) return {};
  std::string hex, bytes;
  for (const char c : id.substr(made_id.size())) {
    if (c != '-') hex.push_back(c);
  }
  if (hex.size() != 2 * uuid_bytes) return {};
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit_of(hex[i]), low = digit_of(hex[i + 1]);
    if (high < 0 || low < 0) return {};
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return id.substr(made_id.size()) == dashed(hex) ? bytes : std::string();
}

void write_entry(const FeedEntry& entry, records::FeedEntry& out) {
  if (!entry.notice.empty()) {
    out.set_notice(entry.notice);
    return out.set_name_space(entry.name_space);  // empty: of all
  }
  if (entry.name_space != usual_name_space) out.set_name_space(entry.name_space);
  const std::string uuid = packed(entry.workflow);
  if (uuid.empty()) out.set_workflow(entry.workflow);
  if (!uuid.empty()) out.set_uuid(uuid);
  out.set_first(entry.first);
  out.set_more(entry.count - 1);
}

}  // namespace

std::string encode_feed(const std::vector<FeedEntry>& entries) {
  records::FeedRecord record;
  for (const FeedEntry& entry : entries) write_entry(entry, *record.add_entries());
  return record.SerializeAsString();
}

Result<std::vector<FeedEntry>> decode_feed(std::string_view bytes) {
  const auto damaged = [] { return fail(ErrorCode::corruption, "a record of the feed can't be read"); };
  records::FeedRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return damaged();
  std::vector<FeedEntry> out;
  for (const records::FeedEntry& entry : record.entries()) {
    FeedEntry& read = out.emplace_back();
    read.notice = entry.notice();
    if (!read.notice.empty()) {
      read.name_space = entry.name_space();
      continue;
    }
    read.name_space = entry.name_space().empty() ? std::string(usual_name_space) : entry.name_space();
    read.workflow =
        entry.uuid().size() == uuid_bytes ? std::string(made_id) + dashed(to_hex(entry.uuid())) : entry.workflow();
    read.first = entry.first();
    read.count = entry.more() + 1;
    if (!is_name(read.name_space) || !is_name(read.workflow) || read.first == 0 || read.count == 0) return damaged();
  }
  return out;
}

Result<std::uint64_t> feed_floor(const Reader& reader) {
  const Result<std::optional<std::string>> stored = reader.get(Family::meta, keys::feed_floor);
  if (!stored) return stored.error();
  if (!*stored) return std::uint64_t{1};
  if ((*stored)->size() != 8) return fail(ErrorCode::corruption, "the floor of the feed can't be read");
  return read_be64(**stored, 0);
}

void trim_feed(std::uint64_t floor, std::uint64_t next, WriteBatch& batch) {
  for (std::uint64_t number = floor; number < next; ++number) batch.erase(Family::index, feed_key(number));
  std::string value;
  append_be64(value, next);
  batch.put(Family::meta, std::string(keys::feed_floor), std::move(value));
}

}  // namespace settle
