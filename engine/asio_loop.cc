#include "engine/asio_loop.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <memory>

#include "base/error.h"

namespace settle {
namespace {

std::chrono::nanoseconds steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace

AsioLoop::AsioLoop(boost::asio::io_context& io, std::shared_ptr<Clock> clock)
    : io_(io), timer_(io), clock_(std::move(clock)) {}

void AsioLoop::run() {
  thread_ = std::this_thread::get_id();
  const auto keep = boost::asio::make_work_guard(io_);
  io_.run();
}

void AsioLoop::not_before(Time time) {
  clock_->not_before(time, steady_now());
}

Time AsioLoop::now() {
  const std::chrono::nanoseconds wall = std::chrono::system_clock::now().time_since_epoch();
  return clock_->now(wall, steady_now());
}

/// Many at a time: the processor's own dice, asked for each, take longer than everything else that makes an id.
std::uint64_t AsioLoop::entropy() {
  if (thrown_ == dice_.size()) {
    SETTLE_ASSERT(::getentropy(dice_.data(), sizeof dice_) == 0);
    thrown_ = 0;
  }
  return dice_[thrown_++];
}

void AsioLoop::post(std::function<void()> task) {
  boost::asio::post(io_, std::move(task));
}

void AsioLoop::deliver(std::vector<Completion> completions) {
  auto held = std::make_shared<std::vector<Completion>>(std::move(completions));
  boost::asio::post(io_, [held] {
    for (Completion& completion : *held) completion.done(completion.result);
  });
}

std::uint64_t AsioLoop::schedule(Time at, std::function<void()> task) {
  const Duration wait = std::max(Duration(0), at - now());
  const auto due = std::chrono::steady_clock::now() + wait;
  const std::uint64_t id = next_id_++;
  timers_.emplace(Key(due, id), std::move(task));
  by_id_.emplace(id, due);
  arm();
  return id;
}

void AsioLoop::cancel(std::uint64_t timer) {
  const auto found = by_id_.find(timer);
  if (found == by_id_.end()) return;
  timers_.erase(Key(found->second, timer));
  by_id_.erase(found);
}

/// One kernel timer for all; it is moved only when something earlier comes, so cancelled ones cost one idle wake-up.
void AsioLoop::arm() {
  if (timers_.empty() || timers_.begin()->first.first >= armed_) return;
  armed_ = timers_.begin()->first.first;
  timer_.expires_at(armed_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) fire();
  });
}

void AsioLoop::fire() {
  armed_ = std::chrono::steady_clock::time_point::max();
  const auto due = std::chrono::steady_clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= due) {
    const auto first = timers_.begin();
    const std::function<void()> task = std::move(first->second);
    by_id_.erase(first->first.second);
    timers_.erase(first);
    task();
  }
  arm();
}

}  // namespace settle
