#include "engine/feed_watch.h"

#include <algorithm>
#include <vector>

namespace settle {

/// What became durable without a bell (a notice of the engine's own) is found by then.
constexpr Duration looked_at_every{5'000};
/// Others have their turn on the loop between so many tasks.
constexpr std::size_t tasks_at_once = 64;

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
  arm(deadline);
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

/// A timer for this deadline, if it comes before the one that is set, and for what did not ring.
void FeedWatch::arm(Time deadline) {
  const Time first = std::min(deadline, loop_.now() + looked_at_every);
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
  Time first = Time::max();
  for (auto at = waiting_.begin(); at != waiting_.end() && due.size() < tasks_at_once;) {
    const bool over = at->second.record <= last || at->second.deadline <= now;
    if (over) due.push_back(std::move(at->second.task));
    if (!over) first = std::min(first, at->second.deadline);
    at = over ? waiting_.erase(at) : std::next(at);
  }
  if (due.size() == tasks_at_once) look_later();  // the others may be due as well
  if (!waiting_.empty()) arm(first);
  for (const std::function<void()>& task : due) task();
}

}  // namespace settle
