#include "engine/clock.h"

namespace settle {
namespace {

/// What a slewed clock may gain while nobody looks, and readings that were interrupted.
constexpr std::chrono::nanoseconds tolerance = std::chrono::milliseconds(100);

/// The value before.
std::int64_t raise(std::atomic<std::int64_t>& value, std::int64_t to) {
  std::int64_t seen = value.load(std::memory_order_relaxed);
  while (seen < to && !value.compare_exchange_weak(seen, to, std::memory_order_relaxed)) {
  }
  return seen;
}

}  // namespace

Time Clock::now(Nanoseconds wall, Nanoseconds steady) {
  const std::int64_t offset = (wall - steady).count();
  raise(ahead_, offset);
  const Time now(std::chrono::floor<Duration>(steady + Nanoseconds(ahead_.load(std::memory_order_relaxed))));
  const std::int64_t most = raise(wall_, offset);
  if (most != never && offset > most + tolerance.count()) {
    leapt_by_.store((offset - most) / 1'000'000, std::memory_order_relaxed);
    knows_leap(now);
  }
  return now;
}

/// Also this makes what was stored look older than it is.
void Clock::not_before(Time time, Nanoseconds steady) {
  const std::int64_t offset = (time.time_since_epoch() - steady).count();
  if (offset > raise(ahead_, offset) + tolerance.count()) knows_leap(time);
}

void Clock::knows_leap(Time leap) {
  raise(leapt_, leap.time_since_epoch().count());
}

}  // namespace settle
