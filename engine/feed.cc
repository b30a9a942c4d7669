#include "engine/feed.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json_parts.h"
#include "base/text.h"
#include "engine/load.h"
#include "storage/keys.h"

namespace settle {
namespace {

constexpr std::size_t known_max = 512, known_actions_max = 100'000;
constexpr std::size_t records_at_once = 64;
constexpr JsonLimits stored_plan{.bytes_max = 64U << 20, .depth_max = 512, .nodes_max = 10'000'000};

/// "0000000017": texts in the order of their numbers, as the extension "sequence" wants them.
std::string sequence_text(std::uint32_t seq) {
  const std::string digits = std::to_string(seq);
  return std::string(10 - digits.size(), '0') + digits;
}

/// An id is never twice in one source; what the engine says of itself has sources of its own.
std::string source_of(const FeedEvent& event) {
  if (event.name_space.empty()) return "/engine";
  return "/namespaces/" + event.name_space + (event.about == nullptr ? "/engine" : "");
}

bool is_emitted(const FeedEvent& event) {
  return event.event.event.type == "action.emitted";
}

Json data_of(const FeedEvent& event) {
  const HistoryEvent& what = event.event.event;
  if (event.about == nullptr) return what.data;
  const std::vector<std::string>& actions = event.about->actions;
  const Json* payload = is_emitted(event) ? what.data.find("data") : nullptr;
  return Json::object({{"workflow", event.workflow},
                       {"name", event.about->name},
                       {"labels", texts_document(event.about->labels)},
                       {"action", what.action && *what.action < actions.size() ? Json(actions[*what.action]) : Json()},
                       {"data", payload != nullptr ? *payload : what.data}});
}

std::vector<std::string> ids_of(const Json& plan) {
  std::vector<std::string> ids;
  const Json* actions = plan.find("actions");
  if (actions == nullptr || !actions->is_array()) return ids;
  for (const Json& action : actions->as_array()) ids.push_back(text_member(action, "id"));
  return ids;
}

}  // namespace

std::string write_cursor(const FeedCursor& cursor) {
  return std::to_string(cursor.record) + "." + std::to_string(cursor.seen);
}

std::optional<FeedCursor> read_cursor(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::optional<std::size_t> record = parse_index(text.substr(0, dot));
  const std::optional<std::size_t> seen = parse_index(text.substr(dot + 1));
  if (!record || !seen || *record == 0 || *seen > 0xffffffffU) return std::nullopt;
  return FeedCursor{*record, static_cast<std::uint32_t>(*seen)};
}

std::string outside_type(const FeedEvent& event) {
  return is_emitted(event) ? "emitted." + text_member(event.event.event.data, "type") : event.event.event.type;
}

Json cloud_event(const FeedEvent& event) {
  const bool own = event.about == nullptr;
  Json out = Json::object({{"specversion", "1.0"},
                           {"id", own ? "engine." + write_cursor(event.at) : event_id(event.workflow, event.event.seq)},
                           {"source", source_of(event)},
                           {"type", outside_type(event)},
                           {"time", format_time(event.event.at)},
                           {"datacontenttype", "application/json"}});
  if (!own) {
    out.set("subject", event.workflow);
    out.set("sequence", sequence_text(event.event.seq));
  } else if (const std::string schedule = text_member(event.event.event.data, "schedule"); !schedule.empty()) {
    out.set("subject", schedule);
  }
  out.set("cursor", write_cursor(event.next));
  out.set("data", data_of(event));
  return out;
}

std::string encode_notice(const StoredEvent& event) {
  HistoryEvent own = event.event;
  own.at = event.at;
  return encode_events({std::move(own)});
}

FeedEntry notice_of(HistoryEvent event, std::string name_space) {
  FeedEntry entry;
  entry.name_space = std::move(name_space);
  entry.notice = encode_events({std::move(event)});
  return entry;
}

std::string message_id(const FeedEvent& event) {
  std::string named = event.name_space;
  named.push_back('\0');
  named += event.workflow;
  named.push_back('\0');
  named += event.about == nullptr ? write_cursor(event.at) : std::to_string(event.event.seq);
  return "evt_" + to_base32hex(sha256(named), 32);
}

Result<std::shared_ptr<const FeedWorkflow>> FeedReader::about(const Reader& reader, const std::string& name_space,
                                                              const std::string& id) {
  const std::pair key(name_space, id);
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  const keys::OfWorkflow records(name_space, id);
  const Result<std::optional<std::string>> header = reader.get(Family::state, records.header());
  if (!header) return header.error();
  const Result<std::optional<std::string>> plan = reader.get(Family::state, records.plan());
  if (!plan) return plan.error();
  if (!*header || !*plan) return std::shared_ptr<const FeedWorkflow>();
  const Result<StoredHeader> stored = decode_header(**header);
  if (!stored) return stored.error();
  const Result<Json> document = read_json(**plan, stored_plan);
  if (!document) return fail(ErrorCode::corruption, "the plan of workflow \"" + id + "\" can't be read");
  auto made = std::make_shared<FeedWorkflow>();
  made->name = stored->plan_name;
  made->labels = stored->header.labels;
  made->actions = ids_of(*document);
  if (known_.size() >= known_max || known_actions_ >= known_actions_max) {
    known_.clear();
    known_actions_ = 0;
  }
  known_actions_ += made->actions.size();
  known_.emplace(key, made);
  return std::shared_ptr<const FeedWorkflow>(std::move(made));
}

/// Without their places. Empty: they are gone.
Result<std::vector<FeedEvent>> FeedReader::events_of(const Reader& reader, const FeedEntry& entry) {
  std::vector<FeedEvent> out;
  if (!entry.notice.empty()) {
    Result<std::vector<StoredEvent>> own = decode_events(entry.notice, 0);
    if (!own || own->size() != 1) return fail(ErrorCode::corruption, "a notice in the feed can't be read");
    out.push_back({{}, {}, entry.name_space, "", nullptr, std::move(own->front())});
    return out;
  }
  Result<std::vector<StoredEvent>> stored =
      load_events(reader, entry.name_space, entry.workflow, entry.first - 1, entry.count);
  if (!stored) return std::move(stored).error();
  const Result<std::shared_ptr<const FeedWorkflow>> workflow = about(reader, entry.name_space, entry.workflow);
  if (!workflow) return workflow.error();
  if (*workflow == nullptr) return out;
  for (StoredEvent& event : *stored)
    out.push_back({{}, {}, entry.name_space, entry.workflow, *workflow, std::move(event)});
  return out;
}

Result<FeedCursor> FeedReader::read(const Reader& reader, FeedCursor from, std::size_t looks_max, const Wants& wants,
                                    const Visit& visit) {
  if (const Result<void> usable = check_cursor(reader, from); !usable) return usable.error();
  std::vector<std::pair<std::uint64_t, std::string>> records;
  std::size_t looked_up = 0;
  for (std::size_t read = 0; read < looks_max; read += records.size()) {
    // Gathered first: what they name is read from the same view.
    records.clear();
    const std::size_t most = std::min(records_at_once, looks_max - read);
    const Result<void> scanned =
        reader.scan(Family::index, {.from = feed_key(from.record), .to = std::string(feed_end)},
                    [&](std::string_view key, std::string_view value) {
                      records.emplace_back(number_of_key(key), value);
                      return records.size() < most;
                    });
    if (!scanned) return scanned.error();
    for (const auto& [number, bytes] : records) {
      if (number != from.record) return fail(ErrorCode::corruption, "the feed has a gap before " + write_cursor(from));
      const Result<std::vector<FeedEntry>> entries = decode_feed(bytes);
      if (!entries) return entries.error();
      std::uint32_t place = 0;
      for (const FeedEntry& entry : *entries) {
        const std::uint32_t first = place;
        place += settle::events_of(entry);
        const bool own = !entry.notice.empty();
        const bool of_all = own && entry.name_space.empty();
        if (place <= from.seen || (!of_all && !wants(entry.name_space))) continue;
        if (looked_up++ == looks_max) return FeedCursor{number, std::max(from.seen, first)};
        Result<std::vector<FeedEvent>> events = events_of(reader, entry);
        if (!events) return std::move(events).error();
        for (FeedEvent& event : *events) {
          const std::uint32_t at = first + (own ? 0 : event.event.seq - entry.first);
          if (at < from.seen) continue;
          event.at = {number, at};
          event.next = {number, at + 1};
          from.seen = at;
          if (!visit(std::move(event))) return from;
          from.seen = at + 1;
        }
      }
      from = {number + 1, 0};
    }
    if (records.size() < most) return from;
  }
  return from;
}

Result<std::optional<FeedEvent>> FeedReader::find(const Reader& reader, const FeedCursor& at, const FeedEntry& entry) {
  Result<std::vector<FeedEvent>> events = events_of(reader, entry);
  if (!events) return std::move(events).error();
  if (events->empty()) return std::optional<FeedEvent>();
  FeedEvent found = std::move(events->front());
  found.at = at;
  found.next = {at.record, at.seen + 1};
  return std::optional(std::move(found));
}

Result<FeedCursor> feed_begin(const Reader& reader) {
  const Result<std::uint64_t> floor = feed_floor(reader);
  if (!floor) return floor.error();
  return FeedCursor{*floor, 0};
}

Result<FeedCursor> feed_tail(const Reader& reader) {
  const Result<std::uint64_t> floor = feed_floor(reader);
  if (!floor) return floor.error();
  const Result<std::uint64_t> size = feed_size(reader);
  if (!size) return size.error();
  return FeedCursor{std::max(*floor, *size + 1), 0};
}

Result<void> check_cursor(const Reader& reader, const FeedCursor& cursor) {
  const Result<FeedCursor> begin = feed_begin(reader);
  if (!begin) return begin.error();
  const std::string oldest = write_cursor(*begin);
  if (cursor.record < begin->record) {
    const std::string text = "events before " + oldest + " are not kept any more, and some of them were not seen by " +
                             write_cursor(cursor) + "; go on from " + oldest;
    return fail(ErrorCode::cursor_expired, text,
                {{"", "cursor_expired", oldest, write_cursor(cursor), "the oldest cursor is " + oldest, oldest}});
  }
  const Result<FeedCursor> end = feed_tail(reader);
  if (!end) return end.error();
  if (cursor.record > end->record || (cursor.record == end->record && cursor.seen > 0))
    return fail(ErrorCode::invalid_argument, "the cursor " + write_cursor(cursor) + " is none that this feed gave");
  return {};
}

Result<std::optional<Time>> time_of_record(const Reader& reader, std::uint64_t record) {
  const Result<std::optional<std::string>> bytes = reader.get(Family::index, feed_key(record));
  if (!bytes) return bytes.error();
  if (!*bytes) return std::optional<Time>();
  const Result<std::vector<FeedEntry>> entries = decode_feed(**bytes);
  if (!entries) return entries.error();
  for (const FeedEntry& entry : *entries) {
    const Result<std::vector<StoredEvent>> events =
        entry.notice.empty() ? load_events(reader, entry.name_space, entry.workflow, entry.first - 1, 1)
                             : decode_events(entry.notice, 0);
    if (!events) return events.error();
    if (!events->empty()) return std::optional(events->front().at);
  }
  return std::optional<Time>();
}

}  // namespace settle
