#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/store.h"
#include "tests/sim/counters.h"
#include "tests/sim/schedule_sketch.h"
#include "tests/sim/verdict.h"

namespace settle::sim {

/// What was asked for of one schedule, and when that was answered, in the engine's time.
struct ScheduleLedger {
  struct Put {
    ScheduleSketch sketch;
    Time sent{};
    std::optional<Time> over;  ///< another PUT or a DELETE was acknowledged
  };
  /// Nothing that is scheduled in here becomes a run.
  struct Rest {
    Time begun{};
    std::optional<Time> ended;  ///< somebody asked to go on
  };

  std::vector<Put> puts;
  std::vector<Rest> rests;
  std::vector<Time> woken;       ///< a PUT, a resume or a DELETE was sent
  std::vector<Time> removed;     ///< a DELETE was sent
  std::set<std::string> anyway;  ///< triggered runs that may begin beside others
  std::set<std::string> taken;   ///< ids of runs that somebody else used
  std::optional<bool> exists;    ///< as acknowledged last; null: the answer is missing
  std::string token;             ///< of whoever answers for the runs
  bool rested = false;           ///< a pause was asked for, acknowledged or not

  /// One PUT, and nothing since that lets times pass.
  bool plain() const { return puts.size() == 1 && !rested && removed.empty(); }
};

struct Leap {
  Time from{};
  Duration by{};
};

/// What a seed has left behind.
struct ScheduleEvidence {
  const Reader& reader;
  const std::map<std::string, ScheduleLedger>& ledgers;
  const std::vector<Leap>& leaps;     ///< of the wall clock, ahead
  const std::vector<Time>& restarts;  ///< in the engine's time
  Duration unsure{};                  ///< how far the engine's time may have gone back over a crash
  Time ended{};                       ///< the engine's time at the end
  Verdict& verdict;
  Counters& counters;
};

/// All rules of schedules that can be judged when all is over.
void judge_schedules(const ScheduleEvidence& evidence);

}  // namespace settle::sim
