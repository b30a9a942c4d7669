#include "tests/sim/sim_loop.h"

namespace settle::sim {

std::uint64_t Dice::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

void Schedule::at(Time time, std::function<void()> task) {
  tasks_.emplace(std::pair(std::max(time, now_), sequence_++), std::move(task));
}

bool Schedule::run_one() {
  if (tasks_.empty()) return false;
  const auto first = tasks_.begin();
  now_ = first->first.first;
  const std::function<void()> task = std::move(first->second);
  tasks_.erase(first);
  task();
  return true;
}

void SimLoop::post(std::function<void()> task) {
  schedule_.at(schedule_.now(), [alive = std::weak_ptr<int>(alive_), task = std::move(task)] {
    if (!alive.expired()) task();
  });
}

std::uint64_t SimLoop::schedule(Time at, std::function<void()> task) {
  const std::uint64_t id = next_timer_++;
  timers_.insert(id);
  schedule_.at(at, [this, alive = std::weak_ptr<int>(alive_), id, task = std::move(task)] {
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
