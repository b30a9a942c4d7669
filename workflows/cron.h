#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "workflows/time_zone.h"

namespace settle {

/// One cron expression: which minutes of the local calendar it names. It knows no time zone; Recurrence lays it over
/// one. The grammar is in docs/schedules.md. Immutable, pure; thread: any.
class Cron {
 public:
  /// Null with every problem of the expression noted at `place`.
  static std::optional<Cron> read(std::string_view text, const std::string& place, std::vector<Problem>& problems);

  /// The first minute it names that begins at or after `from`; none when there is none within 50 years.
  std::optional<LocalTime> first_from(LocalTime from) const;
  /// The last minute it names that begins at or before `until`; none when there is none within 50 years.
  std::optional<LocalTime> last_until(LocalTime until) const;

  /// The hour field begins with `*`: it goes by the hours of the clock, as often as the clock shows them.
  bool any_hour() const { return any_hour_; }
  /// The expression again: names in lower case but for L, one space between fields.
  const std::string& text() const { return text_; }

 private:
  /// Bit n for day n (1 to 31) of this month.
  std::uint32_t days_of(std::chrono::year_month month) const;

  std::uint64_t minutes_ = 0;   ///< bit n: minute n
  std::uint32_t hours_ = 0;     ///< bit n: hour n
  std::uint32_t days_ = 0;      ///< bit n: day n of the month
  std::uint32_t months_ = 0;    ///< bit n: month n, from 1
  std::uint32_t weekdays_ = 0;  ///< bit n: weekday n, Sunday 0
  bool last_day_ = false;       ///< L: the last day of the month too
  bool either_day_ = false;     ///< a day of the month or a weekday is enough
  bool any_hour_ = false;
  std::string text_;
};

}  // namespace settle
