#pragma once

#include <functional>
#include <optional>

#include "storage/memory/memory_store.h"
#include "tests/sim/sim_loop.h"

namespace settle::sim {

/// The in-memory store with a disk that is slow, dies and forgets, and with somebody who sees every batch.
class SimStore final : public Store {
 public:
  using Observer = std::function<void(const WriteBatch&, CompletionSink&)>;
  SimStore(Schedule& schedule, std::uint64_t seed) : schedule_(schedule), dice_(seed) {}

  void commit(WriteBatch batch, CompletionSink& sink, CompletionSink::Done done) override;
  std::unique_ptr<Reader> snapshot() const override {
    ++looks;
    return inner_.snapshot();
  }
  std::uint64_t ledger_size() const override { return inner_.ledger_size(); }
  std::uint64_t feed_size() const override { return inner_.feed_size(); }
  bool has_room() const override { return inner_.has_room(); }

  /// The process is gone: of what was queued a random number of batches became durable, in their order.
  void crash();
  /// Everything queued becomes durable now, as at an orderly end.
  void sync_now() { inner_.sync(); }
  std::size_t queued() const { return inner_.queued(); }
  /// Something happens to what is stored, while no engine runs.
  void put(WriteBatch batch) {
    inner_.commit(std::move(batch), nobody_, [](const CommitResult&) {});
    inner_.sync();
  }

  Observer observer;
  double slow_rate = 0;  ///< of the syncs, those that take up to `slow_max`
  Duration slow_max{2'000};
  bool dead = false;  ///< no sync ends any more: the process is about to die of it
  /// Counts down with every commit and every sync; at 0 `crash_due` is set.
  std::optional<std::uint64_t> crash_after;
  bool crash_due = false;
  mutable std::size_t looks = 0;  ///< how often somebody looked at what is stored

 private:
  struct Nobody final : CompletionSink {
    void deliver(std::vector<Completion>) override {}
  };

  void sync_later();
  void count();

  Schedule& schedule_;
  Dice dice_;
  MemoryStore inner_;
  Nobody nobody_;
  bool sync_is_coming_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace settle::sim
