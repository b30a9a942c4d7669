#include "connectors/retry_budget.h"

namespace settle {
namespace {

std::int64_t second_of(Time time) {
  return time.time_since_epoch().count() / 1'000;
}

}  // namespace

/// The slot of a second; what stood there of an older one is forgotten.
RetryBudget::Slot& RetryBudget::slot(std::int64_t second) {
  Slot& out = slots_[static_cast<std::size_t>(second % slots)];
  if (out.second != second) out = {second, 0, 0};
  return out;
}

void RetryBudget::call(Time now) {
  ++slot(second_of(now)).calls;
}

bool RetryBudget::repeat(Time now) {
  if (options_.percent >= 100) return true;
  const std::int64_t second = second_of(now);
  std::uint64_t calls = 0, repeats = 0;
  for (const Slot& each : slots_) {
    if (each.second <= second - slots || each.second > second) continue;
    calls += each.calls;
    repeats += each.repeats;
  }
  const std::uint64_t allowed = calls * options_.percent / 100 + std::uint64_t{options_.per_second} * slots;
  if (repeats >= allowed) return false;
  ++slot(second).repeats;
  return true;
}

void RetryBudget::answered(Time made, Time now) {
  if (second_of(made) <= second_of(now) - slots) return;
  Slot& of_then = slots_[static_cast<std::size_t>(second_of(made) % slots)];
  if (of_then.second == second_of(made) && of_then.repeats > 0) --of_then.repeats;
}

}  // namespace settle
