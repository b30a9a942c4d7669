#include "tests/sim/sim_loop.h"

#include <algorithm>

namespace settle::sim {

std::uint64_t Dice::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

Duration Dice::between(Duration least, Duration most) {
  return least + Duration(static_cast<std::int64_t>(below(static_cast<std::uint64_t>((most - least).count()) + 1)));
}

void Schedule::at(Time time, std::function<void()> task) {
  tasks_.emplace(std::pair(std::max(time, now_), sequence_++), std::move(task));
}

bool Schedule::run_one() {
  if (tasks_.empty()) return false;
  auto first = tasks_.extract(tasks_.begin());
  now_ = first.key().first;
  ++tasks_run;
  first.mapped()();
  return true;
}

void SimLoop::not_before(Time time) {
  clock_->not_before(time, schedule_.now().time_since_epoch());
}

Time SimLoop::now() {
  return clock_->now(schedule_.wall().time_since_epoch(), schedule_.now().time_since_epoch());
}

void SimLoop::post(std::function<void()> task) {
  schedule_.at(schedule_.now(), [alive = std::weak_ptr<int>(alive_), task = std::move(task)] {
    if (!alive.expired()) task();
  });
}

std::uint64_t SimLoop::schedule(Time at, std::function<void()> task) {
  const std::uint64_t id = next_timer_++;
  timers_.insert(id);
  schedule_.after(std::max(Duration(0), at - now()),
                  [this, alive = std::weak_ptr<int>(alive_), id, task = std::move(task)] {
                    if (!alive.expired() && timers_.erase(id) == 1) task();
                  });
  return id;
}

void SimLoop::deliver(std::vector<Completion> completions) {
  post([held = std::make_shared<std::vector<Completion>>(std::move(completions))] {
    for (Completion& completion : *held) completion.done(completion.result);
  });
}

}  // namespace settle::sim
