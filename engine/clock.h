#pragma once

#include <atomic>
#include <chrono>
#include <limits>

#include "base/time.h"

namespace settle {

/// The time of one process (contract, promise 9), the same for all of its loops, so that what one of them stores is not
/// overtaken by the older time of another. The clocks themselves are read by whoever asks. Thread: any.
class Clock {
 public:
  using Nanoseconds = std::chrono::nanoseconds;

  /// The greater of the wall clock and every time that was given or told before; where the wall clock was set back, it
  /// goes on with the monotonic one. `wall`, `steady`: since their epochs, read in this order, so that what passes
  /// between the readings never looks like a leap.
  Time now(Nanoseconds wall, Nanoseconds steady);
  /// `time` was seen in stored data.
  void not_before(Time time, Nanoseconds steady);

  /// now() after the wall clock last leapt ahead of the monotonic one; Time::min(): never. What has to have lasted by
  /// the outside's time, too, counts from there.
  Time leapt() const { return Time(Duration(leapt_.load(std::memory_order_relaxed))); }
  /// How far that was, when this process saw it; 0: it did not, or nobody knows.
  Duration leapt_by() const { return Duration(leapt_by_.load(std::memory_order_relaxed)); }
  /// A leap that an earlier process has stored.
  void knows_leap(Time leap);

 private:
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::min();

  std::atomic<std::int64_t> ahead_{never / 2};  ///< now() minus the monotonic clock, in nanoseconds; only grows
  std::atomic<std::int64_t> wall_{never};       ///< the most that the wall clock was seen ahead of it
  std::atomic<std::int64_t> leapt_by_{0};       ///< of the same leap, in milliseconds
  std::atomic<std::int64_t> leapt_{Time::min().time_since_epoch().count()};
};

}  // namespace settle
