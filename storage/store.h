#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace settle {

/// The column families of docs/formats/store.md.
enum class Family : std::uint8_t { meta, state, history, due, receipts, index, keys };
inline constexpr std::size_t family_count = 7;

struct Write {
  Family family = Family::state;
  std::string key;
  std::optional<std::string> value;  ///< null deletes
  bool is_mark = false;              ///< the key comes and goes, and is never written over
};

/// A condition of a commit: `key` must be absent when the batch comes to its place in the queue (what earlier batches
/// of the same group write counts as present).
struct Guard {
  Family family = Family::state;
  std::string key;
};

/// A receipt that enters the ledger. The committer gives it the next index and stores `index(8, big-endian) || bytes`
/// at (receipts, key), and what the ledger says of it (storage/ledger.h) in one record for all of a group, in the same
/// batch as the rest.
struct LedgerEntry {
  std::string key;
  std::string bytes;  ///< the receipt's canonical bytes
  Hash hash{};        ///< SHA-256 of them
};

/// Events of one workflow that become durable with the batch: `count` of them from number `first` on. They stand in
/// `history`; the feed of all events (storage/feed.h) names them only.
struct FeedEntry {
  std::string name_space;
  std::string workflow;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  /// Instead of a workflow's events one of the engine's own, which stands in the feed itself: an EventsRecord. It is of
  /// `name_space`; empty: of all.
  std::string notice = {};

  friend bool operator==(const FeedEntry&, const FeedEntry&) = default;
};

struct WriteBatch {
  std::vector<Guard> guards;
  std::vector<Write> writes;
  std::vector<LedgerEntry> ledger;
  /// What the feed of all events is to name. The committer writes one record for all batches of a group, under the next
  /// number, from 1 on. So whoever has read up to a number misses nothing below it, whichever loop it came from.
  std::vector<FeedEntry> feed;
  /// Records that enter the audit log. The committer gives each the next number, from 1 on, in commit order, and stores
  /// it at (index, audit_key(number)), in the same batch as the rest. So whoever has read up to a number misses nothing
  /// below it.
  std::vector<std::string> audit;

  void put(Family family, std::string key, std::string value) {
    writes.push_back({family, std::move(key), std::move(value)});
  }
  void erase(Family family, std::string key) { writes.push_back({family, std::move(key), std::nullopt}); }
  /// A key without a value that is absent so far, and goes by unmark() only; then nothing of it remains in the store's
  /// files, where an erased key leaves a note that readers have to pass.
  void mark(Family family, std::string key) { writes.push_back({family, std::move(key), std::string(), true}); }
  void unmark(Family family, std::string key) { writes.push_back({family, std::move(key), std::nullopt, true}); }
};

struct CommitResult {
  bool applied = true;
  /// When a guard did not hold: which one, and the value that stands there.
  std::size_t guard = 0;
  std::string existing;
};

/// Where the completions of one event loop are handed back. Implemented by the loop; outlives the store's last commit.
class CompletionSink {
 public:
  using Done = std::function<void(const CommitResult&)>;
  struct Completion {
    Done done;
    CommitResult result;
  };
  virtual ~CompletionSink() = default;
  /// Called on the committer's thread, once per group: runs all of them later, in order, on the loop. Never blocks.
  virtual void deliver(std::vector<Completion> completions) = 0;
};

/// A consistent view of what is durable.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Errors: corruption.
  virtual Result<std::optional<std::string>> get(Family family, std::string_view key) const = 0;

  struct Range {
    std::string from;      ///< inclusive
    std::string to;        ///< exclusive; empty: to the end of the family
    bool reverse = false;  ///< from the largest key below `to` down to `from`
  };
  /// Calls `visit` with keys and values in order until it returns false or the range ends. Errors: corruption.
  virtual Result<void> scan(Family family, const Range& range,
                            const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

/// Durable, ordered home of everything the engine knows. Owned by main(); outlives every service that holds it.
class Store {
 public:
  virtual ~Store() = default;

  /// Queues a batch that is applied whole or not at all; batches become durable in the order in which they were queued
  /// by one thread. Durability: `done` is handed to `sink` once the batch (or, for a guard that did not hold, what it
  /// lost to) has reached the disk (fsync). Errors: none are returned but a guard's; a failed write or sync ends the
  /// process at once (exit code of io_error). Thread: any; never blocks.
  virtual void commit(WriteBatch batch, CompletionSink& sink, CompletionSink::Done done) = 0;

  /// What is durable at this moment. Keep it for short: it holds old data. Thread: any.
  virtual std::unique_ptr<Reader> snapshot() const = 0;

  /// Entries of the ledger that are durable.
  virtual std::uint64_t ledger_size() const = 0;

  /// Number of the last record of the feed that is durable; 0: none. Cheap.
  virtual std::uint64_t feed_size() const = 0;

  /// False when so little disk is left that new work must be refused (docs/operating.md). Cheap. Thread: any.
  virtual bool has_room() const = 0;
};

/// The key in family `index` of the audit log's record `number`.
std::string audit_key(std::uint64_t number);
/// The end of those keys.
inline constexpr std::string_view audit_end = "V";
/// The number in such a key, or in one of the feed.
std::uint64_t number_of_key(std::string_view key);
/// Records in the audit log. Errors: corruption.
Result<std::uint64_t> audit_size(const Reader& reader);

/// The key in family `index` of the feed's record `number`.
std::string feed_key(std::uint64_t number);
/// The end of those keys.
inline constexpr std::string_view feed_end = "G";
/// The number of the feed's last record; 0: none. Errors: corruption.
Result<std::uint64_t> feed_size(const Reader& reader);

}  // namespace settle
