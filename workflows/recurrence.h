#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "workflows/cron.h"
#include "workflows/fields.h"
#include "workflows/time_zone.h"

namespace settle {

/// When something recurs: cron expressions in a time zone, or an interval. The rules, also those for changes of the
/// clock, are in docs/schedules.md ("When it runs"). Immutable, pure; thread: any.
class Recurrence {
 public:
  /// Takes the members `cron` (a string, or a list of 1 to 20), `time_zone`, `every`, `offset`, `jitter`, `from` and
  /// `until` of `fields`, of which `cron` or `every` must be there. Null with every problem noted in `fields`.
  static std::optional<Recurrence> read(Fields& fields, const TimeZones& zones);

  /// The first scheduled time after `after` (never `after` itself); none when no more come before the year 2300.
  std::optional<Time> next(Time after) const;
  /// The last scheduled time after `after`, at or before `until`; its cost does not grow with their number.
  std::optional<Time> last(Time after, Time until) const;

  /// By how much the run of `scheduled` (a scheduled time) is put off: a share of `jitter` that depends on `seed` and
  /// `scheduled` only, and is smaller than the time to the next one. Zero without jitter.
  Duration delay(std::string_view seed, Time scheduled) const;

  /// The members that read() takes, in canonical form.
  Json document() const;

 private:
  void read_zone(Fields& fields, const TimeZones& zones);

  std::vector<Cron> crons_;  ///< empty: an interval
  std::string zone_name_;
  std::shared_ptr<const TimeZone> zone_;  ///< null: an interval
  Duration every_ = {};
  Duration offset_ = {};
  Duration jitter_ = {};
  std::optional<Time> from_;   ///< no scheduled time before
  std::optional<Time> until_;  ///< no scheduled time after
};

}  // namespace settle
