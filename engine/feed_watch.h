#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "engine/loop.h"

namespace settle {

class FeedWatch;

/// Rung by every loop when something of its own has become durable; wakes those that wait for the feed. While nobody
/// waits, a ring is one look at an atomic. Outlives the loops' last commit. Thread: any.
class FeedBell {
 public:
  void ring() {
    if (wanted_.load() && wanted_.exchange(false)) wake();
  }

 private:
  friend class FeedWatch;
  void add(const std::shared_ptr<FeedWatch>& watch);
  void want() { wanted_.store(true); }
  void wake();

  std::atomic<bool> wanted_{false};
  std::mutex mutex_;
  std::vector<std::weak_ptr<FeedWatch>> watches_;
};

/// Tells those who wait for the feed of all events that it has grown. Loop: its own.
class FeedWatch : public std::enable_shared_from_this<FeedWatch> {
 public:
  /// All of it outlives this.
  FeedWatch(Store& store, Loop& loop, FeedBell& bell) : store_(store), loop_(loop), bell_(bell) {}

  /// Runs `task` later, on the loop, once the feed has a record `record` or `deadline` has come. Returns a number for
  /// forget().
  std::uint64_t wait(std::uint64_t record, Time deadline, std::function<void()> task);
  /// The task will not run. Unknown numbers are fine.
  void forget(std::uint64_t number) { waiting_.erase(number); }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  friend class FeedBell;
  struct Waiter {
    std::uint64_t record;
    Time deadline;
    std::function<void()> task;
  };
  void arm(Time deadline);
  void look_later();
  void look();

  Store& store_;
  Loop& loop_;
  FeedBell& bell_;
  std::map<std::uint64_t, Waiter> waiting_;
  std::uint64_t next_ = 1;
  bool known_ = false;  ///< to the bell
  bool look_posted_ = false;
  std::optional<std::pair<std::uint64_t, Time>> timer_;
};

}  // namespace settle
