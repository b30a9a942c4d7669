#pragma once

#include <string>
#include <vector>

#include "tests/sim/sim_loop.h"
#include "workflows/schedule.h"

namespace settle::sim {

/// What one PUT of a schedule asks for.
struct ScheduleSketch {
  ScheduleRules rules;
  Json plan;
  bool startable = true;  ///< the engine takes its plan
  /// The most that passes between two of its times where no clock changes.
  Duration period{};
  /// Its rules let no time be lost, whatever happens to the engine: each becomes a run.
  bool whole() const;
};

/// A schedule of any policy that is put at `now`, with times each minute and more often (`fast`), or less often than
/// that. `whole`: one that loses no time; never fast.
ScheduleSketch draw_schedule(Dice& dice, Time now, bool fast, bool whole);

/// The real time zones, read once.
const TimeZones& zones_of_the_machine();

}  // namespace settle::sim
