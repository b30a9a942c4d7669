// After a start: what was under way is taken up again and what sleeps gets its timer, a few at a time, so that calls
// leave, answers come and requests are heard meanwhile.

#include "engine/due_keys.h"
#include "engine/shard.h"
#include "storage/big_endian.h"

namespace settle {

void DueKeys::add(std::string_view key) {
  append_be32(bytes_, static_cast<std::uint32_t>(key.size()));
  bytes_ += key;
}

std::optional<keys::Due> DueKeys::next() {
  while (!empty()) {
    const std::uint32_t size = read_be32(bytes_, at_);
    std::optional<keys::Due> due = keys::parse_due(std::string_view(bytes_).substr(at_ + 4, size));
    at_ += 4 + size;
    if (empty()) *this = {};
    if (due) return due;
  }
  return std::nullopt;
}

void Shard::recover(DueKeys at_once, DueKeys sleepers, std::function<void()> ready,
                    std::function<void(const Error&)> damaged) {
  damaged_ = std::move(damaged);
  while (const std::optional<keys::Due> due = at_once.next())
    timers_.emplace(due->at, key_of(due->name_space, due->id));
  recovery_ = Recovery{std::move(sleepers), loop_.now(), std::move(ready)};
  put_to_sleep();
}

/// The timers of those that sleep, some at a time. One that has been asked for meanwhile may have another by now; then
/// its timer finds nothing to do.
void Shard::put_to_sleep() {
  if (draining_) return;
  constexpr int at_a_time = 1'000;
  for (int i = 0; i < at_a_time; ++i) {
    const std::optional<keys::Due> due = recovery_->sleepers.next();
    if (!due) break;
    timers_.emplace(due->at, key_of(due->name_space, due->id));
  }
  arm_timer();
  if (!recovery_->sleepers.empty()) return loop_.post([this] { put_to_sleep(); });
  tell_recovered();
}

/// Ready is who has taken up all that was due when it began, and knows of all that will be.
void Shard::tell_recovered() {
  if (!recovery_ || !recovery_->sleepers.empty()) return;
  if (!timers_.empty() && timers_.begin()->first <= recovery_->began) return;
  const std::function<void()> ready = std::move(recovery_->ready);
  recovery_.reset();
  ready();
}

/// What was under way becomes a question; but for what has been taken up already, when somebody asked for it.
void Shard::take_up(Live& live) {
  const bool taken_up = live.commits > 0 || live.calls > 0;
  if (!taken_up) apply(live, on_restart(live.workflow, moment(live)));
}

}  // namespace settle
