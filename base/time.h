#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace settle {

using Duration = std::chrono::milliseconds;

/// A moment of the wall clock, UTC, in milliseconds. `now` never goes back: see engine/loop.h.
using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

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
