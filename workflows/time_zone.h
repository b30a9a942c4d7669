#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace settle {

/// What the clock on a wall shows, in milliseconds, without saying where: of some local times there are none or two.
using LocalTime = std::chrono::local_time<Duration>;

/// The clocks of one place: which offset from UTC they have when. Immutable; thread: any.
class TimeZone {
 public:
  /// The instants from `from`, until before `until`, in which local time is UTC plus `offset`. The first span of a zone
  /// begins with Time::min(), the last ends with Time::max(). |offset| < 26 h. Right until the year 2300.
  struct Span {
    Time from;
    Time until;
    Duration offset;
  };

  virtual ~TimeZone() = default;
  /// The span that holds `instant`. Neighbours may have the same offset.
  virtual Span at(Time instant) const = 0;
};

/// Finds zones by their names in the IANA database. Thread: any.
class TimeZones {
 public:
  virtual ~TimeZones() = default;

  /// Errors: not_found (no such zone), configuration (there is no database; the message says where it was looked for).
  virtual Result<std::shared_ptr<const TimeZone>> find(std::string_view name) const = 0;

  /// All names, for suggestions; empty when there is no database.
  virtual const std::vector<std::string>& names() const = 0;
};

/// UTC, which needs no database.
std::shared_ptr<const TimeZone> utc_zone();

}  // namespace settle
