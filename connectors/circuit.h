#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "workflows/call.h"

namespace settle {

struct CircuitOptions {
  std::size_t failures = 10;  ///< in a row, within `window`; 0: never opens
  Duration window{30'000};
  Duration open{5'000};  ///< the first time, up to a fifth shorter; doubles each time a probe fails
  Duration open_max{60'000};
};

/// What the end of a call says about the host.
enum class HostSeen : std::uint8_t { alive, failed, nothing };

/// A complete answer below 500 comes from a host that is alive; no connection, no answer and errors of the server (5xx)
/// are failures. What says nothing about the host: refusals on our side, our own end, 503 with Retry-After.
HostSeen host_seen(const Outcome& outcome);

/// A circuit breaker: after so many failures in a row calls to the host are not even tried for a while, then one is.
/// Pure: time and dice are given. Thread: one.
class Circuit {
 public:
  enum class State : std::uint8_t { closed, open, half_open };

  explicit Circuit(const CircuitOptions& options) : options_(options) {}

  /// How long until a call may be tried; null: now, and when the circuit was open this call is the probe.
  std::optional<Duration> refuses(Time now);
  /// Whether the call that was just let through is a probe.
  bool probing() const { return state_ == State::half_open; }
  /// A call has ended with `code`. True when the state has changed. `dice`: any number.
  bool ended(HostSeen seen, bool probe, std::string_view code, Time now, std::uint64_t dice);

  State state() const { return state_; }
  Time since() const { return since_; }  ///< of the first opening
  Time until() const { return until_; }
  const std::string& last_code() const { return last_code_; }
  bool quiet() const { return state_ == State::closed && failures_.empty(); }

 private:
  bool open(Time now, std::uint64_t dice);

  const CircuitOptions& options_;
  State state_ = State::closed;
  std::deque<Time> failures_;  ///< in a row, within the window; at most options_.failures
  std::string last_code_;
  std::uint32_t openings_ = 0;  ///< in a row
  Time since_{};
  Time until_{};
};

}  // namespace settle
