#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "storage/codec.h"
#include "storage/feed.h"
#include "storage/outbox_codec.h"
#include "storage/store.h"

namespace settle {

/// A place in the feed of all events: what stands before it was seen. Events are counted over all namespaces, so a
/// place stays the same whoever reads.
using FeedCursor = FeedPlace;
/// "1207.3"
std::string write_cursor(const FeedCursor& cursor);
std::optional<FeedCursor> read_cursor(std::string_view text);

/// What events say of their workflow.
struct FeedWorkflow {
  std::string name;  ///< of the plan
  std::map<std::string, std::string> labels;
  std::vector<std::string> actions;  ///< their ids, in plan order
};

struct FeedEvent {
  FeedCursor at;    ///< its place
  FeedCursor next;  ///< the place behind it
  std::string name_space;
  std::string workflow;  ///< its id; empty: an event of the engine's own, of the namespace or (empty) of all
  std::shared_ptr<const FeedWorkflow> about;  ///< null for the engine's own
  StoredEvent event;
};

/// The name under which an event goes outside: its type, of flow.emit "emitted." and the name that the plan gave.
std::string outside_type(const FeedEvent& event);
/// The event as a CloudEvent 1.0 in structured JSON; its `id` within its `source` is the same for ever.
Json cloud_event(const FeedEvent& event);
/// The same event has the same id wherever it is delivered: "NAMESPACE.WORKFLOW.SEQ" hashed, "evt_…".
std::string message_id(const FeedEvent& event);

/// An event of the engine's own, as a batch adds it to the feed. `name_space` empty: of all.
FeedEntry notice_of(HistoryEvent event, std::string name_space = {});
/// The same bytes of one that was read.
std::string encode_notice(const StoredEvent& event);

/// Reads the feed and finds what its records name. Keeps what it has read of workflows. Thread: one.
class FeedReader {
 public:
  /// Whether events of this namespace are wanted at all; the others are not looked up.
  using Wants = std::function<bool(std::string_view name_space)>;
  /// False: enough; this event counts as not seen.
  using Visit = std::function<bool(FeedEvent event)>;

  /// Visits the durable events from `from` on, in the order in which they became durable, and returns the place behind
  /// the last one that was seen or passed over. Looks at no more than `looks_max` records, and looks up what no more
  /// than `looks_max` of their entries name; so it may end inside of a record. Events whose history is gone are passed
  /// over. Errors: cursor_expired, invalid_argument (it is none that the feed gave), corruption.
  Result<FeedCursor> read(const Reader& reader, FeedCursor from, std::size_t looks_max, const Wants& wants,
                          const Visit& visit);
  /// What stands at a place whose entry is known, whatever has become of the feed's record. Null: its history is gone.
  Result<std::optional<FeedEvent>> find(const Reader& reader, const FeedCursor& at, const FeedEntry& entry);

 private:
  Result<std::shared_ptr<const FeedWorkflow>> about(const Reader& reader, const std::string& name_space,
                                                    const std::string& id);
  Result<std::vector<FeedEvent>> events_of(const Reader& reader, const FeedEntry& entry);

  std::map<std::pair<std::string, std::string>, std::shared_ptr<const FeedWorkflow>> known_;
  std::size_t known_actions_ = 0;
};

/// The oldest place that is kept, and the place behind everything. Errors: corruption.
Result<FeedCursor> feed_begin(const Reader& reader);
Result<FeedCursor> feed_tail(const Reader& reader);
/// Whether the feed can be read from there. Errors: cursor_expired, which says where one can; invalid_argument.
Result<void> check_cursor(const Reader& reader, const FeedCursor& cursor);

/// When the first event of a record became durable; null when nothing of it is left. Errors: corruption.
Result<std::optional<Time>> time_of_record(const Reader& reader, std::uint64_t record);

}  // namespace settle
