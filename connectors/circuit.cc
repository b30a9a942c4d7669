#include "connectors/circuit.h"

#include <algorithm>

namespace settle {
namespace {

/// While a probe is under way, the others ask again this much later.
constexpr Duration probe_wait{1'000};

}  // namespace

HostSeen host_seen(const Outcome& outcome) {
  if (outcome.kind == OutcomeClass::ambiguous) {
    if (outcome.code == "engine_shutdown") return HostSeen::nothing;
    const bool whole = outcome.status != 0 && outcome.status < 500 && outcome.code != "truncated_response";
    return whole ? HostSeen::alive : HostSeen::failed;
  }
  if (outcome.status == 503) return HostSeen::nothing;
  if (outcome.status != 0) return HostSeen::alive;
  if (outcome.kind != OutcomeClass::not_sent) return HostSeen::nothing;
  const bool unreachable = outcome.code == "connect_failed" || outcome.code == "connect_timeout" ||
                           outcome.code == "resolve_failed" || outcome.code == "tls_failed";
  return unreachable ? HostSeen::failed : HostSeen::nothing;
}

std::optional<Duration> Circuit::refuses(Time now) {
  if (state_ == State::closed) return std::nullopt;
  if (state_ == State::half_open) return probe_wait;
  if (now < until_) return until_ - now;
  state_ = State::half_open;
  return std::nullopt;
}

bool Circuit::ended(HostSeen seen, bool probe, std::string_view code, Time now, std::uint64_t dice) {
  if (options_.failures == 0) return false;
  if (state_ != State::closed) {
    if (!probe) return false;  // it began before; the probe decides
    if (seen == HostSeen::nothing) {
      state_ = State::open;  // and the next call is the probe
      until_ = now;
      return false;
    }
    if (seen == HostSeen::failed) {
      last_code_ = code;
      return open(now, dice);
    }
    state_ = State::closed;
    openings_ = 0;
    failures_.clear();
    return true;
  }
  if (seen == HostSeen::alive) failures_.clear();
  if (seen != HostSeen::failed) return false;
  last_code_ = code;
  failures_.push_back(now);
  while (failures_.front() + options_.window < now) failures_.pop_front();
  if (failures_.size() < options_.failures) return false;
  since_ = now;
  return open(now, dice);
}

bool Circuit::open(Time now, std::uint64_t dice) {
  Duration most = options_.open;
  for (std::uint32_t i = 0; i < openings_ && most < options_.open_max; ++i) most *= 2;
  most = std::max(Duration(1), std::min(most, options_.open_max));
  const auto fifth = static_cast<std::uint64_t>(most.count() / 5 + 1);
  until_ = now + most - Duration(static_cast<std::int64_t>(dice % fifth));
  state_ = State::open;
  ++openings_;
  failures_.clear();
  return true;
}

}  // namespace settle
