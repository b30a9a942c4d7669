#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "engine/loop.h"

namespace settle {

/// Many timers for moments of now(), with one of the loop's. That one waits by the monotonic clock, so it is set for a
/// few seconds at most: a wall clock that leaps ahead moves these moments nearer. Without a timer it sleeps. Loop: all
/// of it on its own.
class WallTimers {
 public:
  explicit WallTimers(Loop& loop) : loop_(loop) {}

  /// Runs `task` once `at` has come.
  std::uint64_t schedule(Time at, std::function<void()> task);
  /// Unknown ids are fine.
  void cancel(std::uint64_t id);

  static constexpr Duration wait_max{5'000};

 private:
  void arm();
  void fire();

  Loop& loop_;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> due_;
  std::unordered_map<std::uint64_t, Time> by_id_;
  std::uint64_t next_id_ = 1;
  std::uint64_t timer_ = 0;  ///< of the loop; 0: none
  Time armed_ = Time::max();
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace settle
