#include "api/quotas.h"

#include <algorithm>

namespace settle {

std::atomic<std::int64_t>* Quotas::counter_of(const std::string& name_space) {
  const std::lock_guard lock(mutex_);
  const bool full = counters_.size() >= counted_max && counters_.find(name_space) == counters_.end();
  std::unique_ptr<std::atomic<std::int64_t>>& counter = counters_[full ? "" : name_space];
  if (counter == nullptr) counter = std::make_unique<std::atomic<std::int64_t>>(0);
  return counter.get();
}

bool Quotas::Meter::take(const std::string& name_space, Time now) {
  if (quotas_ == nullptr) return true;
  auto known = known_.find(name_space);
  if (known == known_.end()) {
    if (known_.size() >= counted_max) known_.clear();
    const std::uint32_t per_second = quotas_->options_.of(name_space).requests_per_second.value_or(0);
    known = known_.emplace(name_space, Known{per_second, per_second == 0 ? nullptr : quotas_->counter_of(name_space)})
                .first;
  }
  if (known->second.per_second == 0) return true;
  constexpr std::int64_t second = 1'000'000;
  const std::int64_t at = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  const std::int64_t cost = second / known->second.per_second;
  std::atomic<std::int64_t>& full_at = *known->second.full_at;
  std::int64_t was = full_at.load(std::memory_order_relaxed);
  while (true) {
    const std::int64_t next = std::max(was, at) + cost;
    if (next > at + second) return false;
    if (full_at.compare_exchange_weak(was, next, std::memory_order_relaxed)) return true;
  }
}

}  // namespace settle
