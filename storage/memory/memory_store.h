#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/committer.h"
#include "storage/store.h"

namespace settle {

/// A store that forgets everything when it is destroyed, and on `crash` what was not synced. For tests and the
/// simulator, which decides when the "disk" has caught up; it runs no thread of its own. Readers must not outlive it.
class MemoryStore final : public Store {
 public:
  /// With `auto_sync`, commit() makes its batch durable and delivers its completion before it returns (or, when
  /// another commit is delivering at that moment, leaves the delivery to that one, so that order is kept).
  explicit MemoryStore(bool auto_sync = false);

  void commit(WriteBatch batch, CompletionSink& sink, CompletionSink::Done done) override;
  std::unique_ptr<Reader> snapshot() const override;
  std::uint64_t ledger_size() const override;
  std::uint64_t feed_size() const override;
  bool has_room() const override;

  /// Makes everything queued durable as one group and delivers its completions. Thread: any.
  void sync();

  /// Power cut: the first `keep` queued batches become durable as one group without an answer to anyone, the others are
  /// forgotten. The store stays usable, as if it had been opened again. Thread: any.
  void crash(std::size_t keep);

  /// Batches that are queued and not synced.
  std::size_t queued() const;

  /// What has_room() says from now on; true at first.
  void set_has_room(bool has_room);

 private:
  using Table = std::map<std::string, std::string, std::less<>>;
  using Tables = std::array<std::shared_ptr<Table>, family_count>;
  class Snapshot;

  CommitGroup decide(std::vector<QueuedCommit> queue) const;
  void apply(CommitGroup& group);
  void apply(const Write& write);
  void sync_locked(std::unique_lock<std::mutex>& lock);

  const bool auto_sync_;
  mutable std::mutex mutex_;
  /// Shared with snapshots; a table that a snapshot holds is copied before it is changed.
  Tables tables_;
  std::vector<QueuedCommit> queue_;
  std::deque<Delivery> deliveries_;
  bool is_delivering_ = false;
  std::uint64_t ledger_size_ = 0;
  std::uint64_t audit_size_ = 0;
  std::uint64_t feed_size_ = 0;
  bool has_room_ = true;
};

}  // namespace settle
