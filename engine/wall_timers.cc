#include "engine/wall_timers.h"

#include <algorithm>

namespace settle {

std::uint64_t WallTimers::schedule(Time at, std::function<void()> task) {
  const std::uint64_t id = next_id_++;
  due_.emplace(std::pair(at, id), std::move(task));
  by_id_.emplace(id, at);
  arm();
  return id;
}

void WallTimers::cancel(std::uint64_t id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  due_.erase({found->second, id});
  by_id_.erase(found);
}

void WallTimers::arm() {
  // After a leap, what was armed may be due already and still wait as long as before.
  const bool late = armed_ <= loop_.now();
  if (due_.empty() || (due_.begin()->first.first >= armed_ && !late)) return;
  if (timer_ != 0) loop_.cancel(timer_);
  armed_ = std::min(due_.begin()->first.first, loop_.now() + wait_max);
  timer_ = loop_.schedule(armed_, [this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) fire();
  });
}

void WallTimers::fire() {
  timer_ = 0;
  armed_ = Time::max();
  const Time now = loop_.now();
  constexpr int batch_max = 1'000;  // then other events get their turn
  for (int i = 0; i < batch_max && !due_.empty() && due_.begin()->first.first <= now; ++i) {
    const auto first = due_.begin();
    const std::function<void()> task = std::move(first->second);
    by_id_.erase(first->first.second);
    due_.erase(first);
    task();
  }
  arm();
}

}  // namespace settle
