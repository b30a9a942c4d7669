#include "engine/limits.h"

#include <algorithm>
#include <cmath>

#include "engine/tools.h"

namespace settle {
namespace {

constexpr Duration refresh_interval{1'000};
constexpr Duration pause_max{60'000};

std::int64_t micros(Time time) {
  return time.time_since_epoch().count() * 1'000;
}

Time not_before(std::int64_t micros) {
  return Time(Duration((micros + 999) / 1'000));
}

}  // namespace

void PermitLine::refresh(Time now) {
  if (now < refreshed_at_ + refresh_interval) return;
  refreshed_at_ = now;
  if (const std::optional<RateLimit> current = current_()) limits_ = *current;
}

/// Between two tokens.
std::int64_t PermitLine::interval() const {
  return static_cast<std::int64_t>(std::ceil(1e6 / limits_.per_second));
}

/// How far ahead of a full bucket one may be: a burst of a second's worth of calls, at least one.
std::int64_t PermitLine::tolerance() const {
  return (static_cast<std::int64_t>(std::ceil(limits_.per_second)) - 1) * interval();
}

/// Checks pause, bucket and concurrency, in this order; takes nothing.
Limit PermitLine::in_the_way(Time now) {
  refresh(now);
  if (now < paused_until_) return Limit::retry_after;
  if (limits_.per_second > 0) {
    const std::int64_t empty = tolerance() + interval();
    if (!full_at_) full_at_ = micros(empty_at_) + empty;
    full_at_ = std::min(*full_at_, micros(std::max(now, empty_at_)) + empty);  // the rate may have risen
    if (*full_at_ > micros(now) + tolerance()) return Limit::per_second;
  }
  if (limits_.concurrency > 0 && under_way_ >= limits_.concurrency) return Limit::concurrency;
  return Limit::none;
}

void PermitLine::take(Time now) {
  ++under_way_;
  if (limits_.per_second > 0) full_at_ = std::max(*full_at_, micros(now)) + interval();
}

Limit PermitLine::enter(Time now) {
  const std::lock_guard lock(mutex_);
  now = forward(now);
  const Limit limit = in_the_way(now);
  if (limit != Limit::none) return limit;
  if (!turns_.empty()) return limits_.per_second > 0 ? Limit::per_second : Limit::concurrency;
  take(now);
  return Limit::none;
}

void PermitLine::join(const std::string& workflow, ActionIndex run, PermitSink& sink, Loop& loop) {
  const std::lock_guard lock(mutex_);
  auto found = waiting_.find(workflow);
  if (found == waiting_.end()) {
    turns_.push_back(workflow);
    found = waiting_.emplace(workflow, Waiting{&sink, &loop, {}, std::prev(turns_.end())}).first;
  }
  if (!found->second.runs.insert(run).second) return;
  ++runs_waiting_;
  serve(loop);
}

void PermitLine::leave(const std::string& workflow, ActionIndex run) {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(workflow);
  if (found == waiting_.end() || found->second.runs.erase(run) == 0) return;
  --runs_waiting_;
  if (!found->second.runs.empty()) return;
  turns_.erase(found->second.turn);
  waiting_.erase(found);
}

void PermitLine::give_back(Loop& loop) {
  const std::lock_guard lock(mutex_);
  SETTLE_ASSERT(under_way_ > 0);
  --under_way_;
  serve(loop);
}

void PermitLine::pause(Time until, Loop& loop) {
  const std::lock_guard lock(mutex_);
  const Time now = forward(loop.now());
  const Time believed = std::min(until, now + pause_max);
  if (believed <= now || believed <= paused_until_) return;
  paused_until_ = believed;
  // One token is there when the pause is over: who was overwhelmed is not met with a burst.
  if (limits_.per_second > 0) full_at_ = std::max(full_at_.value_or(0), micros(believed) + tolerance());
  serve(loop);
}

void PermitLine::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

PermitLine::Standing PermitLine::standing() const {
  const std::lock_guard lock(mutex_);
  return {runs_waiting_, under_way_};
}

/// Gives out what there is; a timer comes back for what time will bring. Concurrency comes back with give_back().
void PermitLine::serve(Loop& loop) {
  while (!closed_ && !turns_.empty()) {
    const Time now = forward(loop.now());
    const Limit limit = in_the_way(now);
    if (limit == Limit::concurrency) return;
    if (limit == Limit::retry_after) return arm(loop, paused_until_);
    if (limit == Limit::per_second) return arm(loop, not_before(*full_at_ - tolerance()));
    take(now);
    give_next();
  }
}

void PermitLine::give_next() {
  const auto found = waiting_.find(turns_.front());
  SETTLE_ASSERT(found != waiting_.end() && !found->second.runs.empty());
  Waiting& next = found->second;
  const ActionIndex run = *next.runs.begin();
  next.runs.erase(next.runs.begin());
  --runs_waiting_;
  next.loop->post([this, sink = next.sink, workflow = found->first, run] { sink->permitted(*this, workflow, run); });
  if (next.runs.empty()) {
    turns_.erase(next.turn);
    waiting_.erase(found);
  } else {
    turns_.splice(turns_.end(), turns_, next.turn);  // to the end of the line
  }
}

/// One timer at a time. It looks again within a second, since the limits may have changed.
void PermitLine::arm(Loop& loop, Time at) {
  if (armed_) return;
  armed_ = true;
  loop.schedule(std::min(at, loop.now() + refresh_interval), [this, &loop] {
    const std::lock_guard lock(mutex_);
    armed_ = false;
    serve(loop);
  });
}

PermitLines::PermitLines(const ToolRegistry& tools) : tools_(tools) {}

void PermitLines::begin(Time now) {
  const std::lock_guard lock(mutex_);
  begun_ = now;
}

PermitLine& PermitLines::line(const std::string& name_space, const Tool& tool) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<PermitLine>& line = lines_[name_space + '\0' + tool.name];
  if (line == nullptr) {
    const auto current = [this, name_space, name = tool.name]() -> std::optional<RateLimit> {
      const std::shared_ptr<const Tool> newest = tools_.latest(name_space, name);
      return newest ? std::optional(newest->rate_limit) : std::nullopt;
    };
    line = std::make_unique<PermitLine>(current, tool.rate_limit, begun_);
    if (closed_) line->close();
  }
  return *line;
}

void PermitLines::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const auto& [name, line] : lines_) line->close();
}

Limit ShardGate::enter(const std::string& name_space, const Tool& tool, ActionIndex run, Time now) {
  if (held_ == run) {
    held_ = std::nullopt;
    return Limit::none;
  }
  return line(name_space, tool).enter(now);
}

PermitLine& ShardGate::line(const std::string& name_space, const Tool& tool) {
  PermitLine*& line = known_[name_space + '\0' + tool.name];
  if (line == nullptr) line = &lines_.line(name_space, tool);
  return *line;
}

}  // namespace settle
