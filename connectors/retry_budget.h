#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"

namespace settle {

struct RetryBudgetOptions {
  std::uint32_t percent = 20;     ///< of the calls of the last 10 s; 100: no budget
  std::uint32_t per_second = 10;  ///< and so many more
};

/// Bounds how many calls to one host are repeats, over the last 10 s: a host in trouble is not met with a storm of
/// them. A repeat that was answered counts no more, so a healthy host takes any number, one after the other. Pure.
class RetryBudget {
 public:
  explicit RetryBudget(const RetryBudgetOptions& options) : options_(options) {}

  /// A call is made at `now`.
  void call(Time now);
  /// One that repeats an earlier send wants to be made. False: beyond the budget; it counts for nothing.
  bool repeat(Time now);
  /// The repeat that was made at `made` has been answered.
  void answered(Time made, Time now);

 private:
  static constexpr std::int64_t slots = 10;
  struct Slot {
    std::int64_t second = -1;
    std::uint32_t calls = 0, repeats = 0;
  };
  Slot& slot(std::int64_t second);

  const RetryBudgetOptions& options_;
  std::array<Slot, slots> slots_;
};

}  // namespace settle
