#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <thread>

#include "engine/clock.h"
#include "engine/loop.h"

namespace settle {

/// The real loop: one io_context, run by one thread.
class AsioLoop final : public Loop {
 public:
  /// The loops of one engine share their clock.
  explicit AsioLoop(boost::asio::io_context& io, std::shared_ptr<Clock> clock = std::make_shared<Clock>());

  /// Runs the io_context on the calling thread until it is stopped.
  void run();

  Time now() override;
  void not_before(Time time) override;
  Time leapt() const override { return clock_->leapt(); }
  void knows_leap(Time leap) override { clock_->knows_leap(leap); }
  std::uint64_t entropy() override;
  void post(std::function<void()> task) override;
  std::uint64_t schedule(Time at, std::function<void()> task) override;
  void cancel(std::uint64_t timer) override;
  bool here() const override { return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
  void deliver(std::vector<Completion> completions) override;

 private:
  using Key = std::pair<std::chrono::steady_clock::time_point, std::uint64_t>;
  void arm();
  void fire();

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point armed_ = std::chrono::steady_clock::time_point::max();
  std::map<Key, std::function<void()>> timers_;
  std::map<std::uint64_t, std::chrono::steady_clock::time_point> by_id_;
  std::uint64_t next_id_ = 1;
  std::shared_ptr<Clock> clock_;
  std::atomic<std::thread::id> thread_;
  std::array<std::uint64_t, 32> dice_{};  ///< of the kernel's
  std::size_t thrown_ = dice_.size();     ///< so many of them are used up
};

}  // namespace settle
