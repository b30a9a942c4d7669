#include "engine/feed_watch.h"

#include <algorithm>
#include <vector>

namespace settle {

/// What became durable without a bell (a notice of the engine's own) is found by then.
constexpr Duration looked_at_every{5'000};

void FeedBell::add(const std::shared_ptr<FeedWatch>& watch) {
  const std::lock_guard lock(mutex_);
  std::erase_if(watches_, [](const std::weak_ptr<FeedWatch>& one) { return one.expired(); });
  watches_.push_back(watch);
}

void FeedBell::wake() {
  const std::lock_guard lock(mutex_);
  for (const std::weak_ptr<FeedWatch>& one : watches_) {
    const std::shared_ptr<FeedWatch> watch = one.lock();
    if (watch == nullptr) continue;
    watch->loop_.post([one] {
      if (const auto here = one.lock()) here->look();
    });
  }
}

std::uint64_t FeedWatch::wait(std::uint64_t record, Time deadline, std::function<void()> task) {
  if (!std::exchange(known_, true)) bell_.add(shared_from_this());
  const std::uint64_t number = next_++;
  waiting_.emplace(number, Waiter{record, deadline, std::move(task)});
  bell_.want();
  // What became durable before the bell knew is seen here, what came after rings it.
  if (store_.feed_size() >= record) look_later();
  arm();
  return number;
}

void FeedWatch::look_later() {
  if (std::exchange(look_posted_, true)) return;
  loop_.post([self = weak_from_this()] {
    const auto here = self.lock();
    if (here == nullptr) return;
    here->look_posted_ = false;
    here->look();
  });
}

/// A timer for the first deadline, and for what did not ring.
void FeedWatch::arm() {
  if (waiting_.empty()) return;
  Time first = loop_.now() + looked_at_every;
  for (const auto& [number, waiter] : waiting_) first = std::min(first, waiter.deadline);
  if (timer_ && timer_->second <= first) return;
  if (timer_) loop_.cancel(timer_->first);
  const std::uint64_t id = loop_.schedule(first, [self = weak_from_this()] {
    const auto here = self.lock();
    if (here == nullptr) return;
    here->timer_.reset();
    here->look();
  });
  timer_ = std::pair(id, first);
}

void FeedWatch::look() {
  if (!waiting_.empty()) bell_.want();
  const std::uint64_t last = store_.feed_size();
  const Time now = loop_.now();
  std::vector<std::function<void()>> due;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const bool over = at->second.record <= last || at->second.deadline <= now;
    if (over) due.push_back(std::move(at->second.task));
    at = over ? waiting_.erase(at) : std::next(at);
  }
  arm();
  for (const std::function<void()>& task : due) task();
}

}  // namespace settle
