#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "engine/clock.h"
#include "engine/loop.h"

namespace settle::sim {

/// A generator with a mapping of its own: the standard distributions differ between libraries.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// 0 to `below` - 1.
  std::uint64_t below(std::uint64_t below) { return next() % below; }
  bool chance(double probability) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability; }
  /// `least` to `most`, both included.
  Duration between(Duration least, Duration most);
  /// One of them.
  template <class T>
  const T& of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

 private:
  std::uint64_t state_;
};

/// Virtual time: everything that is going to happen, in order of (time, sequence). Its own time is the monotonic clock;
/// the wall clock stands `wall_offset` beside it, and may jump.
class Schedule {
 public:
  Time now() const { return now_; }
  Time wall() const { return now_ + wall_offset; }
  void at(Time time, std::function<void()> task);
  void after(Duration wait, std::function<void()> task) { at(now_ + wait, std::move(task)); }
  /// Runs the next task; false when there is none.
  bool run_one();
  bool empty() const { return tasks_.empty(); }
  /// When the next task runs; there must be one.
  Time next() const { return tasks_.begin()->first.first; }

  Duration wall_offset{0};
  std::uint64_t tasks_run = 0;

 private:
  Time now_{Duration(1'700'000'000'000)};
  std::uint64_t sequence_ = 0;
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> tasks_;
};

/// A loop on the schedule, as AsioLoop is one on the machine's clocks. What it still had to do goes with it: a crash
/// destroys the loop.
class SimLoop final : public Loop {
 public:
  /// The loops of one engine share their clock.
  SimLoop(Schedule& schedule, std::uint64_t seed, std::shared_ptr<Clock> clock = std::make_shared<Clock>())
      : schedule_(schedule), dice_(seed), clock_(std::move(clock)) {}

  Time now() override;
  void not_before(Time time) override;
  Time leapt() const override { return clock_->leapt(); }
  void knows_leap(Time leap) override { clock_->knows_leap(leap); }
  std::uint64_t entropy() override { return dice_.next(); }
  void post(std::function<void()> task) override;
  std::uint64_t schedule(Time at, std::function<void()> task) override;
  void cancel(std::uint64_t timer) override { timers_.erase(timer); }
  bool here() const override { return true; }
  void deliver(std::vector<Completion> completions) override;

 private:
  Schedule& schedule_;
  Dice dice_;
  std::shared_ptr<Clock> clock_;
  std::uint64_t next_timer_ = 1;
  std::set<std::uint64_t> timers_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace settle::sim
