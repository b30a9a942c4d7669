// What must be so of the runs of schedules, read from the feed: it has every beginning and every end in the order in
// which they became durable. The rules are written anew from docs/schedules.md, and judge what was asked for.

#include <algorithm>

#include "engine/feed.h"
#include "storage/keys.h"
#include "storage/schedule_codec.h"
#include "tests/sim/schedule_ledger.h"

namespace settle::sim {
namespace {

constexpr std::size_t never = ~std::size_t{0};
/// How late a run may be that has had its turn in time: the longest pause between two tries, and a slow disk.
constexpr Duration tries_apart{75'000};
/// A time is late from here on.
constexpr Duration late{10'000};

struct SeenRun {
  std::string id, schedule;
  Time scheduled_at{}, begun_at{};
  bool triggered = false;
  std::size_t begun = never, ended = never;  ///< places in the feed
};

/// An event of a schedule's own.
struct SeenNotice {
  std::string type, schedule;
  Time at{};
  Json data;
};

struct Seen {
  std::vector<SeenRun> runs;  ///< in the order of their beginnings
  std::vector<SeenNotice> notices;
};

Seen see(const Reader& store) {
  Seen seen;
  std::map<std::string, std::size_t> by_id;
  std::size_t place = 0;
  FeedReader feed;
  const auto visit = [&](const FeedEvent& one) {
    ++place;
    const HistoryEvent& event = one.event.event;
    if (one.workflow.empty()) {
      const Json* schedule = event.data.find("schedule");
      if (schedule != nullptr) seen.notices.push_back({event.type, schedule->as_string(), one.event.at, event.data});
      return true;
    }
    const auto label = one.about->labels.find("schedule");
    if (label == one.about->labels.end()) return true;
    if (event.type == "workflow.submitted") {
      const Time scheduled_at = *parse_time(one.about->labels.at("scheduled_at"));
      by_id[one.workflow] = seen.runs.size();
      seen.runs.push_back({one.workflow, label->second, scheduled_at, one.event.at,
                           one.workflow.starts_with(label->second + "-now-"), place, never});
    }
    const auto run = by_id.find(one.workflow);
    if (event.type == "workflow.ended" && run != by_id.end()) seen.runs[run->second].ended = place;
    return true;
  };
  const Result<FeedCursor> end = feed.read(store, {}, 10'000'000, [](std::string_view) { return true; }, visit);
  SETTLE_ASSERT(end);
  return seen;
}

bool allows(const ScheduleSketch& sketch) {
  return sketch.rules.overlap == Overlap::allow;
}

Time due_of(const ScheduleSketch& sketch, const SeenRun& run) {
  return run.scheduled_at + sketch.rules.recurrence.delay(run.schedule, run.scheduled_at);
}

class ScheduleJudge {
 public:
  explicit ScheduleJudge(const ScheduleEvidence& evidence) : evidence_(evidence), seen_(see(evidence.reader)) {}

  void judge() {
    for (const auto& [name, ledger] : evidence_.ledgers) {
      judge_existence(name, ledger);
      for (const SeenRun& run : seen_.runs) {
        if (run.schedule == name) judge_run(ledger, run);
      }
      judge_overlap(name, ledger);
      judge_progress(name, ledger);
      count(name, ledger);
    }
    judge_once();
    count_notices();
  }

 private:
  void violated(const std::string& promise, const std::string& about, const std::string& text) {
    evidence_.verdict.violated(promise, about, text);
  }

  /// P1: what was acknowledged is there.
  void judge_existence(const std::string& name, const ScheduleLedger& ledger) {
    if (!ledger.exists) return;
    const bool there = stored(keys::schedule("default", name)).has_value();
    if (there != *ledger.exists)
      violated("P1", name, there ? "a schedule that was removed is there" : "an acknowledged schedule is gone");
  }

  std::optional<std::string> stored(const std::string& key) const { return *evidence_.reader.get(Family::meta, key); }

  /// P3: one workflow for each scheduled time, whatever became of the schedule.
  void judge_once() {
    std::map<std::pair<std::string, Time>, std::string> first;
    for (const SeenRun& run : seen_.runs) {
      if (run.triggered) continue;
      const auto [other, fresh] = first.emplace(std::pair(run.schedule, run.scheduled_at), run.id);
      if (!fresh) violated("P3", run.id, "the time of this run had one already: " + other->second);
    }
  }

  /// The PUT that asked for this time; null: none did.
  const ScheduleLedger::Put* asked_for(const ScheduleLedger& ledger, const SeenRun& run) const {
    for (const ScheduleLedger::Put& put : ledger.puts) {
      const Recurrence& recurrence = put.sketch.rules.recurrence;
      const bool names_it = recurrence.next(run.scheduled_at - Duration(1)) == run.scheduled_at;
      const bool stood = run.scheduled_at > put.sent - evidence_.unsure &&
                         (!put.over || run.scheduled_at <= *put.over + evidence_.unsure);
      if (names_it && stood && due_of(put.sketch, run) <= run.begun_at + evidence_.unsure) return &put;
    }
    return nullptr;
  }

  void judge_run(const ScheduleLedger& ledger, const SeenRun& run) {
    if (run.triggered) return;
    const ScheduleLedger::Put* put = asked_for(ledger, run);
    if (put == nullptr) return violated("P21", run.id, "nobody asked for a run at this time, or not so early");
    for (const ScheduleLedger::Rest& rest : rests_of(ledger, run.schedule)) {
      const Time end = rest.ended.value_or(evidence_.ended);
      if (run.scheduled_at > rest.begun + evidence_.unsure && run.scheduled_at < end - evidence_.unsure)
        violated("P6", run.id, "a time that passed while the schedule was paused is a run");
    }
    judge_lateness(ledger, *put, run);
    note_lateness(*put, run);
  }

  /// Those that people asked for, and those that it took by itself.
  std::vector<ScheduleLedger::Rest> rests_of(const ScheduleLedger& ledger, const std::string& name) const {
    std::vector<ScheduleLedger::Rest> rests = ledger.rests;
    for (const SeenNotice& notice : seen_.notices) {
      if (notice.type != "schedule.paused" || notice.schedule != name) continue;
      const auto woken = std::find_if(ledger.woken.begin(), ledger.woken.end(),
                                      [&](Time at) { return at >= notice.at - evidence_.unsure; });
      rests.push_back({notice.at, woken == ledger.woken.end() ? std::nullopt : std::optional<Time>(*woken)});
    }
    return rests;
  }

  /// How far the wall clock leapt ahead from `begin` to `end`: the engine could do nothing in that time.
  Duration leapt(Time begin, Time end) const {
    Duration sum{};
    for (const Leap& leap : evidence_.leaps) {
      if (leap.from >= begin - evidence_.unsure && leap.from <= end) sum += leap.by;
    }
    return sum;
  }

  /// Where runs don't wait for each other, none begins when its time is long over.
  void judge_lateness(const ScheduleLedger& ledger, const ScheduleLedger::Put& put, const SeenRun& run) {
    const bool queues = put.sketch.rules.overlap != Overlap::skip && put.sketch.rules.overlap != Overlap::allow;
    if (queues || ledger.puts.size() > 1) return;
    const Duration window = put.sketch.rules.catch_up == CatchUp::none ? late : std::max(late, put.sketch.rules.window);
    const Time due = due_of(put.sketch, run);
    if (run.begun_at > due + 2 * window + tries_apart + leapt(due, run.begun_at))
      violated("P6", run.id,
               "it was due at " + format_time(due) + " and began at " + format_time(run.begun_at) +
                   ", when its window was over");
  }

  void note_lateness(const ScheduleLedger::Put& put, const SeenRun& run) {
    const Time due = due_of(put.sketch, run);
    if (run.begun_at < due + late) return;
    const std::string how = std::string(name_of(put.sketch.rules.catch_up));
    evidence_.counters.note("schedules: caught up, " + how);
    const auto between = [&](Time at) { return at >= due && at <= run.begun_at; };
    if (std::any_of(evidence_.restarts.begin(), evidence_.restarts.end(), between))
      evidence_.counters.note("schedules: caught up after a restart");
    for (const Leap& leap : evidence_.leaps) {
      if (due >= leap.from && due <= leap.from + leap.by) evidence_.counters.note("schedules: caught up after a leap");
    }
  }

  /// P6: but with `allow`, no run begins while one is open.
  void judge_overlap(const std::string& name, const ScheduleLedger& ledger) {
    const auto of_put = [](const ScheduleLedger::Put& put) { return allows(put.sketch); };
    if (std::any_of(ledger.puts.begin(), ledger.puts.end(), of_put)) return;
    std::vector<const SeenRun*> open;
    for (const SeenRun& run : seen_.runs) {
      if (run.schedule != name || ledger.anyway.contains(run.id)) continue;
      std::erase_if(open,
                    [&](const SeenRun* other) { return other->ended < run.begun || made_anew(ledger, *other, run); });
      if (!open.empty()) violated("P6", run.id, "it began while " + open.front()->id + " was open");
      open.push_back(&run);
    }
  }

  /// A schedule that was removed and made again knows nothing of its runs of before.
  bool made_anew(const ScheduleLedger& ledger, const SeenRun& before, const SeenRun& run) const {
    return std::any_of(ledger.removed.begin(), ledger.removed.end(), [&](Time at) {
      return at >= before.begun_at - evidence_.unsure && at <= run.begun_at + evidence_.unsure;
    });
  }

  /// Each time has become something, and just one thing.
  void judge_progress(const std::string& name, const ScheduleLedger& ledger) {
    const std::optional<std::string> schedule = stored(keys::schedule("default", name));
    const std::optional<std::string> far = stored(keys::schedule_progress("default", name));
    if (!schedule || !far || !ledger.plain()) return;
    const Result<StoredSchedule> made = decode_schedule(*schedule, "default", name);
    const Result<ScheduleProgress> progress = decode_schedule_progress(*far);
    if (made->pause) return;  // it stopped by itself
    std::set<Time> begun;
    for (const SeenRun& run : seen_.runs) {
      if (run.schedule == name && !run.triggered) begun.insert(run.scheduled_at);
    }
    if (progress->counts.started != begun.size())
      violated("P1", name,
               std::to_string(progress->counts.started) + " runs are counted, and " + std::to_string(begun.size()) +
                   " began");
    judge_missed(name, *progress);
    judge_times(name, ledger, made->created_at, *progress, begun);
  }

  /// What was missed was told.
  void judge_missed(const std::string& name, const ScheduleProgress& progress) {
    std::uint64_t told = 0;
    for (const SeenNotice& notice : seen_.notices) {
      if (notice.type == "schedule.missed" && notice.schedule == name)
        told += static_cast<std::uint64_t>(notice.data.find("count")->as_integer());
    }
    if (told != progress.counts.missed)
      violated("P1", name,
               std::to_string(progress.counts.missed) + " times were missed, and " + std::to_string(told) + " told");
  }

  void judge_times(const std::string& name, const ScheduleLedger& ledger, Time from, const ScheduleProgress& progress,
                   const std::set<Time>& begun) {
    const ScheduleSketch& sketch = ledger.puts.front().sketch;
    const std::set<Time> waiting(progress.waiting.begin(), progress.waiting.end());
    std::uint64_t times = 0;
    std::optional<Time> at = sketch.rules.recurrence.next(from);
    for (; at && *at <= progress.handled; at = sketch.rules.recurrence.next(*at)) {
      ++times;
      const bool there = begun.contains(*at) || waiting.contains(*at) || !ledger.taken.empty();
      if (sketch.whole() && !there)
        violated("P7", name, "no time is lost by its rules, and " + format_time(*at) + " did not run");
    }
    const ScheduleCounts& counts = progress.counts;
    const std::uint64_t told = counts.started + counts.skipped + counts.missed + counts.failed + waiting.size();
    const bool capped =
        progress.counts.missed >= ScheduleLimits::counted_max;  // beyond, they are not counted one by one
    if (told != times && !(capped && told < times))
      violated("P7", name, std::to_string(times) + " times came, and " + std::to_string(told) + " became something");
    if (sketch.whole() && times > 0) evidence_.counters.note("schedules: none lost", times);
  }

  void count(const std::string& name, const ScheduleLedger& ledger) {
    for (const SeenRun& run : seen_.runs) {
      if (run.schedule != name || run.triggered || ledger.puts.size() > 1) continue;
      evidence_.counters.note("schedules: run, " + std::string(name_of(ledger.puts.front().sketch.rules.overlap)));
    }
    const std::optional<std::string> far = stored(keys::schedule_progress("default", name));
    if (!far) return;
    const Result<ScheduleProgress> progress = decode_schedule_progress(*far);
    if (progress->skipped) evidence_.counters.note("schedules: skipped, " + progress->skipped->why);
    if (progress->failure) evidence_.counters.note("schedules: failed to start, " + progress->failure->code);
  }

  void count_notices() {
    for (const SeenNotice& notice : seen_.notices) {
      const Json* why = notice.data.find(notice.type == "schedule.missed" ? "why" : "code");
      evidence_.counters.note("schedules: " + notice.type + (why == nullptr ? "" : ", " + why->as_string()));
    }
  }

  const ScheduleEvidence& evidence_;
  const Seen seen_;
};

}  // namespace

void judge_schedules(const ScheduleEvidence& evidence) {
  ScheduleJudge(evidence).judge();
}

}  // namespace settle::sim
