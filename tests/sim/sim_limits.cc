#include "tests/sim/sim_limits.h"

namespace settle::sim {
namespace {

/// A provider is believed for a minute at most.
constexpr Duration pause_max{60'000};

}  // namespace

void SimLimits::begin() {
  tools_.clear();
  begun_ = schedule_.now();
}

SimLimits::Standing& SimLimits::of(const SimTool& tool) {
  const auto [found, fresh] = tools_.try_emplace(tool.name);
  if (fresh) found->second.intents.at = found->second.calls.at = begun_;
  return found->second;
}

/// `waited`: what may have gathered in front of this bucket.
bool SimLimits::Bucket::take(const SimPromises& promises, Time now, Duration waited) {
  constexpr double rounding = 1e-6;
  const auto seconds = [](Duration time) { return static_cast<double>(time.count()) / 1'000; };
  tokens = std::min(promises.burst(), tokens + promises.per_second * seconds(now - at));
  at = now;
  tokens -= 1;
  return tokens >= -rounding - promises.per_second * seconds(waited);
}

std::optional<std::string> SimLimits::intent(const SimTool& tool, const std::string& run) {
  Standing& standing = of(tool);
  const Time now = schedule_.now();
  standing.due[run] = now;
  standing.used_at = now;
  if (now > standing.asked_at && now < standing.not_before)
    return "is sent though the provider asks for a pause of another " + format_duration(standing.not_before - now);
  if (tool.promises.per_second > 0 && !standing.intents.take(tool.promises, now, Duration(0)))
    return "is sent sooner than its tool's rate allows";
  return std::nullopt;
}

std::optional<std::string> SimLimits::left(const SimTool& tool, const std::string& run) {
  Standing& standing = of(tool);
  const Time now = schedule_.now();
  if (const auto due = standing.due.extract(run); !due.empty())
    standing.waited_max = std::max(standing.waited_max, now - due.mapped());
  ++standing.under_way;
  if (tool.promises.concurrency > 0 && standing.under_way > tool.promises.concurrency)
    return std::to_string(standing.under_way) + " calls at once";
  if (tool.promises.per_second > 0 && !standing.calls.take(tool.promises, now, standing.waited_max))
    return "more calls left than its tool's rate allows";
  return std::nullopt;
}

void SimLimits::over(const SimTool& tool, const std::string& run) {
  Standing& standing = of(tool);
  if (standing.due.erase(run) > 0) standing.intents.tokens += 1;  // never more than a burst: take() sees to that
}

std::optional<std::string> SimLimits::given_up(const SimTool& tool, Duration waited) {
  constexpr Duration grace{2'000};  // a limit that has changed counts within a second
  const Standing& standing = of(tool);
  const double rate = tool.promises.per_second;
  const Duration token(rate > 0 ? static_cast<std::int64_t>(1'000 / rate) : 0);
  const Time free_from = std::max({begun_ + token, standing.used_at + token, standing.not_before});
  // An intent that waits for a slow disk has a place already.
  const std::size_t taken = standing.under_way + standing.due.size();
  const bool free = tool.promises.concurrency == 0 || taken < tool.promises.concurrency;
  if (!free || schedule_.now() - free_from < grace || waited < grace + token) return std::nullopt;
  return "was left waiting in a line that nobody used";
}

void SimLimits::closed(const SimTool& tool, int status, std::optional<Duration> retry_after) {
  if (!tool.promises.limited()) return;
  Standing& standing = of(tool);
  if (standing.under_way > 0) --standing.under_way;
  standing.used_at = schedule_.now();
  if (!retry_after || (status != 429 && status != 503)) return;
  const Time until = schedule_.now() + std::min(*retry_after, pause_max);
  if (until <= standing.not_before) return;
  standing.asked_at = schedule_.now();
  standing.not_before = until;
}

}  // namespace settle::sim
