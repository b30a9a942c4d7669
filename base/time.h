#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace settle {

using Duration = std::chrono::milliseconds;

/// A moment of the wall clock, UTC, in milliseconds. `now` never goes back: see engine/loop.h.
using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// A std::optional<Time> of half its size: Time::min() stands for none, which is no moment that anything is at.
class MaybeTime {
 public:
  constexpr MaybeTime() = default;
  // Conversions are the point of all of these.
  constexpr MaybeTime(std::nullopt_t) {}                                         // NOLINT
  constexpr MaybeTime(Time time) : time_(time) {}                                // NOLINT
  constexpr MaybeTime(std::optional<Time> time) : time_(time.value_or(none)) {}  // NOLINT
  constexpr operator std::optional<Time>() const {                               // NOLINT
    return has_value() ? std::optional<Time>(time_) : std::nullopt;
  }

  constexpr bool has_value() const { return time_ != none; }
  constexpr explicit operator bool() const { return has_value(); }
  constexpr const Time& operator*() const { return time_; }
  constexpr Time value_or(Time other) const { return has_value() ? time_ : other; }

  friend constexpr bool operator==(const MaybeTime& a, const MaybeTime& b) = default;
  // As exact as the template that std::optional brings, which would take two that are none for different.
  friend constexpr bool operator==(const MaybeTime& a, const std::optional<Time>& b) { return a == MaybeTime(b); }
  friend constexpr bool operator==(const MaybeTime& a, Time b) { return a.time_ == b; }
  friend constexpr bool operator==(const MaybeTime& a, std::nullopt_t) { return !a.has_value(); }

 private:
  static constexpr Time none = Time::min();
  Time time_ = none;
};

/// RFC 3339 in UTC with milliseconds: "2026-11-22T20:14:18.007Z".
std::string format_time(Time time);

/// Reads what format_time writes, and RFC 3339 with any offset and fraction (truncated to milliseconds).
std::optional<Time> parse_time(std::string_view text);

/// Reads a duration as plans and tools write it: a decimal number and one of ms, s, m, h, d ("1.5s", "24h").
/// Null when it is not one, is negative, or is longer than 100 years.
std::optional<Duration> parse_duration(std::string_view text);

/// The shortest exact form that parse_duration reads: "200ms", "10s", "24h".
std::string format_duration(Duration duration);

}  // namespace settle
