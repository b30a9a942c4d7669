#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workflows/recurrence.h"
#include "workflows/state.h"

namespace settle {

// Schedules: which of the times of a recurrence become runs (docs/schedules.md). Data in, data out; who starts the
// runs is engine/schedule_runner.h.

/// What becomes of a time that comes while an earlier run is open.
enum class Overlap : std::uint8_t { skip, queue_one, queue_all, cancel_running, allow };
std::string_view name_of(Overlap overlap);

/// Which of the times that were missed (the engine was down, behind, or the clock leapt) are run after all.
enum class CatchUp : std::uint8_t { latest, all, none };
std::string_view name_of(CatchUp catch_up);

/// What somebody asked for, but for the plan.
struct ScheduleRules {
  Recurrence recurrence;
  Overlap overlap = Overlap::skip;
  CatchUp catch_up = CatchUp::latest;
  Duration window{3'600'000};  ///< older times are not run any more
  bool pause_on_failure = false;
  std::string time_input = {};  ///< member of the plan's input that gets the scheduled time; empty: none
  std::map<std::string, std::string> labels = {};
};

/// Takes the members of the rules from `fields`. Null with every problem noted there.
std::optional<ScheduleRules> read_schedule_rules(Fields& fields, const TimeZones& zones);
/// The members that read_schedule_rules() takes, in canonical form.
Json rules_document(const ScheduleRules& rules);

/// Labels that every run has: the name of its schedule, and its scheduled time.
inline constexpr std::string_view schedule_label = "schedule", scheduled_at_label = "scheduled_at";
/// So that the id of a run is an id.
inline constexpr std::size_t schedule_name_max = 100;

/// "NAME-2026-11-27T09-00-00Z" (with milliseconds where there are any): the one workflow of a scheduled time.
std::string run_id(std::string_view schedule, Time scheduled_at);
/// The one workflow of a run that somebody asked for: `key` tells it from the others.
std::string triggered_run_id(std::string_view name_space, std::string_view schedule, std::string_view key);

/// The plan with the scheduled time in its input, where a member is named for it.
Json plan_at(Json plan, const std::string& time_input, Time scheduled_at);
/// What a run submits: {id, plan, labels}.
Json run_body(const ScheduleRules& rules, std::string_view schedule, std::string id, Json plan, Time scheduled_at);
/// Whether a workflow with these labels is the run of that schedule. `scheduled_at` null: one of its runs.
bool is_run_of(const Json& labels, std::string_view schedule, std::optional<Time> scheduled_at);

/// One run, begun.
struct ScheduledRun {
  Time scheduled_at{};
  std::string workflow;
  Time started_at{};
  bool triggered = false;
  std::optional<Time> ended_at;
  WorkflowOutcome outcome = WorkflowOutcome::none;
  friend bool operator==(const ScheduledRun&, const ScheduledRun&) = default;
};

/// The last time that did not become a run since an earlier one was open.
struct SkippedTime {
  Time scheduled_at{};
  std::string why;  ///< run_open, start_pending, superseded
  friend bool operator==(const SkippedTime&, const SkippedTime&) = default;
};

/// The last times that did not become runs since they were over.
struct MissedTimes {
  Time first{}, last{};     ///< scheduled
  std::uint64_t count = 0;  ///< at least; see counted_max
  std::string why;          ///< late, not_latest, superseded, or the code of the refusal
  Time at{};                ///< when that was found
  friend bool operator==(const MissedTimes&, const MissedTimes&) = default;
};

/// The last run that could not begin.
struct FailedStart {
  Time scheduled_at{}, at{};
  std::string code, message;
  std::string problems;  ///< canonical JSON: a list, as in a problem document
  friend bool operator==(const FailedStart&, const FailedStart&) = default;
};

struct ScheduleCounts {
  std::uint64_t started = 0, triggered = 0, skipped = 0, missed = 0, failed = 0;
  friend bool operator==(const ScheduleCounts&, const ScheduleCounts&) = default;
};

/// How far a schedule is.
struct ScheduleProgress {
  Time handled{};                    ///< what becomes of every time up to here is decided
  std::vector<Time> waiting;         ///< decided to run, and not yet begun, in order
  std::vector<ScheduledRun> open;    ///< begun, and not known to have ended
  std::vector<ScheduledRun> recent;  ///< ended; the newest last
  ScheduleCounts counts;
  std::optional<SkippedTime> skipped;
  std::optional<MissedTimes> missed;
  std::optional<FailedStart> failure;
  bool failing = false;  ///< no start succeeded since
  friend bool operator==(const ScheduleProgress&, const ScheduleProgress&) = default;
};

struct ScheduleLimits {
  static constexpr std::size_t waiting_max = 100;      ///< further times wait undecided, for as long as `window`
  static constexpr std::size_t open_max = 100;         ///< with `allow`
  static constexpr std::size_t recent_max = 10;        ///< runs that are remembered after their end
  static constexpr std::uint64_t counted_max = 1'000;  ///< missed times are counted one by one up to here
  static constexpr int decided_at_once = 100;
  static constexpr Duration late_after{10'000};  ///< nearer times are not missed yet
};

/// How long after it was due a time may still begin.
Duration grace_of(const ScheduleRules& rules);

/// What decide() has to know beside how far a schedule is.
struct DecideAt {
  Time now{};
  bool beginning = false;   ///< the first that waits has its turn, or is in line for it; false: it was put off
  bool submitting = false;  ///< its run is on its way into the engine
  bool held = false;        ///< as decide() found last; false after a start
};

/// What decide() found out.
struct Decided {
  bool changed = false;
  bool more = false;  ///< it stopped in the middle, so that others have their turn
  bool held = false;  ///< there is no room: times that come from now on are held back, and that is not being late
  std::vector<MissedTimes> missed;
};

/// Decides what becomes of the times that are due by `when.now`. Of bounded cost.
Decided decide(const ScheduleRules& rules, std::string_view schedule, ScheduleProgress& progress, const DecideAt& when);
/// When decide() has something to do next; null: never, as far as is known.
std::optional<Time> next_decision(const ScheduleRules& rules, std::string_view schedule,
                                  const ScheduleProgress& progress, Time now);
/// Whether the first that waits may begin.
bool may_start(const ScheduleRules& rules, const ScheduleProgress& progress);
/// Whether what is open is to be cancelled for what waits.
bool must_cancel(const ScheduleRules& rules, const ScheduleProgress& progress);
/// Whether the first that waits has waited for too long, and not since it was queued behind an open run.
bool is_too_late(const ScheduleRules& rules, std::string_view schedule, const ScheduleProgress& progress, Time now);

/// The first that waits has begun. `outcome`: it has ended already.
void note_started(ScheduleProgress& progress, ScheduledRun run);
/// The first that waits is given up.
void note_missed(ScheduleProgress& progress, MissedTimes missed);
void note_failed(ScheduleProgress& progress, FailedStart failed);
/// False: it was not open.
bool note_ended(ScheduleProgress& progress, std::string_view workflow, WorkflowOutcome outcome, Time now);

}  // namespace settle
