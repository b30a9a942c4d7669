// Schedules as data: what decide() makes of times that are due, late, over or in the way; ids and documents of runs.
#include "workflows/schedule.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace settle::test {
namespace {

class NoZones final : public TimeZones {
 public:
  Result<std::shared_ptr<const TimeZone>> find(std::string_view) const override { return utc_zone(); }
  const std::vector<std::string>& names() const override {
    static const std::vector<std::string> none;
    return none;
  }
};

Time at(std::int64_t seconds) {
  return Time(Duration(1'700'000'000'000 + seconds * 1'000));
}

struct Read {
  std::optional<ScheduleRules> rules;
  std::vector<Problem> problems;
};

Read read(const std::string& document) {
  Read out;
  const Result<Json> json = read_json(document);
  EXPECT_TRUE(json) << document;
  Fields fields(*json, "", out.problems);
  out.rules = read_schedule_rules(fields, NoZones());
  fields.finish();
  return out;
}

/// Every 10 s; 1'700'000'000 is such a time.
ScheduleRules every_10s(const std::string& more) {
  const Read made = read(R"({"every": "10s", )" + more + "}");
  EXPECT_TRUE(made.problems.empty()) << made.problems.front().message;
  return *made.rules;
}

ScheduleProgress from(std::int64_t seconds) {
  ScheduleProgress progress;
  progress.handled = at(seconds);
  return progress;
}

/// Decides all there is, as the runner does, and says which times wait, in seconds. `held`: as it was found last, and
/// is now.
std::string decided(const ScheduleRules& rules, ScheduleProgress& progress, std::int64_t now, bool starting,
                    bool& held) {
  for (bool more = true; more;) {
    const Decided found = decide(rules, "s", progress, {at(now), starting, starting, held});
    held = found.held;
    more = found.more;
  }
  std::string out;
  for (const Time time : progress.waiting)
    out += std::to_string((time - at(0)).count() / 1'000) + (time == progress.waiting.back() ? "" : " ");
  return out;
}

std::string decided(const ScheduleRules& rules, ScheduleProgress& progress, std::int64_t now, bool starting = false) {
  bool held = false;
  return decided(rules, progress, now, starting, held);
}

ScheduledRun run(std::int64_t seconds) {
  return {at(seconds), run_id("s", at(seconds)), at(seconds), false, std::nullopt, WorkflowOutcome::none};
}

struct OverlapRow {
  const char* name;
  const char* policy;
  bool open;
  const char* waiting;  ///< after the times 10, 20 and 30
  std::uint64_t skipped;
};

TEST(ScheduleDecisions, what_comes_while_a_run_is_open_is_the_policys) {
  const OverlapRow rows[] = {
      {"skip takes the first", "skip", false, "10", 2},
      {"skip takes none beside an open one", "skip", true, "", 3},
      {"queue_one takes one that begins and one behind it", "queue_one", false, "10 20", 1},
      {"queue_one takes one behind an open one", "queue_one", true, "10", 2},
      {"queue_all takes all", "queue_all", true, "10 20 30", 0},
      {"cancel_running takes the last", "cancel_running", true, "30", 2},
      {"allow takes all", "allow", true, "10 20 30", 0},
  };
  for (const OverlapRow& row : rows) {
    SCOPED_TRACE(row.name);
    const ScheduleRules rules =
        every_10s(R"("catch_up": {"runs": "all"}, "overlap": ")" + std::string(row.policy) + "\"");
    ScheduleProgress progress = from(5);
    if (row.open) progress.open.push_back(run(0));
    EXPECT_EQ(decided(rules, progress, 31), row.waiting);
    EXPECT_EQ(progress.counts.skipped, row.skipped);
    EXPECT_EQ(progress.handled, at(30));
    EXPECT_EQ(progress.counts.missed, 0U);
  }
}

TEST(ScheduleDecisions, one_that_is_being_started_is_not_taken_away) {
  const ScheduleRules rules = every_10s(R"("overlap": "cancel_running")");
  ScheduleProgress progress = from(5);
  EXPECT_EQ(decided(rules, progress, 10), "10");
  EXPECT_EQ(decided(rules, progress, 20, true), "10 20");
  EXPECT_EQ(decided(rules, progress, 30, true), "10 30");
  EXPECT_FALSE(must_cancel(rules, progress));
  note_started(progress, run(10));
  EXPECT_TRUE(must_cancel(rules, progress));
  EXPECT_FALSE(may_start(rules, progress));
}

TEST(ScheduleDecisions, skip_gives_one_that_was_put_off_up_for_a_newer_one) {
  const ScheduleRules rules = every_10s(R"("overlap": "skip")");
  ScheduleProgress progress = from(5);
  EXPECT_EQ(decided(rules, progress, 10), "10");
  EXPECT_EQ(decided(rules, progress, 20, true), "10") << "it is being started";
  EXPECT_EQ(progress.skipped, (SkippedTime{at(20), "start_pending"}));
  EXPECT_EQ(decide(rules, "s", progress, {.now = at(30), .beginning = true}).missed.size(), 0U) << "it is in line";
  EXPECT_EQ(progress.waiting, std::vector<Time>{at(10)});
  const Decided put_off = decide(rules, "s", progress, {.now = at(40)});
  EXPECT_EQ(progress.waiting, std::vector<Time>{at(40)});
  ASSERT_EQ(put_off.missed.size(), 1U);
  EXPECT_EQ(put_off.missed[0], (MissedTimes{at(10), at(10), 1, "superseded", at(40)}));
  EXPECT_EQ(progress.missed, put_off.missed[0]);
  EXPECT_EQ(progress.counts.missed, 1U);
  EXPECT_EQ(progress.counts.skipped, 2U);
  progress.open.push_back(run(0));
  EXPECT_EQ(decided(rules, progress, 50), "40") << "a triggered run is open";
  EXPECT_EQ(progress.skipped, (SkippedTime{at(50), "run_open"}));
}

struct CatchUpRow {
  const char* name;
  const char* catch_up;
  std::int64_t now;
  const char* waiting;
  std::uint64_t missed;
  const char* why;
};

TEST(ScheduleDecisions, what_is_late_is_caught_up_with_as_asked) {
  const CatchUpRow rows[] = {
      {"a little late is not missed", R"({"runs": "none"})", 20, "10 20", 0, ""},
      {"latest runs the last one", R"({"runs": "latest"})", 55, "50", 4, "not_latest"},
      {"latest within its window", R"({"runs": "latest", "window": "12s"})", 55, "50", 4, "late"},
      {"all within the window", R"({"runs": "all", "window": "30s"})", 55, "30 40 50", 2, "late"},
      {"none but what is due just now", R"({"runs": "none"})", 55, "50", 4, "late"},
  };
  for (const CatchUpRow& row : rows) {
    SCOPED_TRACE(row.name);
    const ScheduleRules rules = every_10s(R"("overlap": "allow", "catch_up": )" + std::string(row.catch_up));
    ScheduleProgress progress = from(5);
    EXPECT_EQ(decided(rules, progress, row.now), row.waiting);
    EXPECT_EQ(progress.counts.missed, row.missed);
    EXPECT_EQ(progress.missed ? progress.missed->why : "", row.why);
  }
}

TEST(ScheduleDecisions, a_year_of_missed_times_costs_little) {
  const ScheduleRules rules = every_10s(R"("overlap": "allow", "catch_up": {"runs": "all", "window": "1m"})");
  ScheduleProgress progress = from(5);
  constexpr std::int64_t year = 365 * 86'400;
  const Decided first = decide(rules, "s", progress, {at(year)});
  ASSERT_EQ(first.missed.size(), 1U);
  EXPECT_EQ(first.missed[0].count, ScheduleLimits::counted_max);
  EXPECT_EQ(first.missed[0].first, at(10));
  EXPECT_EQ(progress.handled, at(year));
  EXPECT_EQ(progress.waiting.size(), 7U) << "those of the last minute, its ends included";
}

TEST(ScheduleDecisions, a_full_queue_holds_the_rest_back_until_it_is_over) {
  const ScheduleRules rules = every_10s(R"("overlap": "queue_all", "catch_up": {"runs": "all", "window": "1m"})");
  ScheduleProgress progress = from(5);
  progress.open.push_back(run(0));
  for (std::int64_t now = 10; now <= 1'050; now += 10) decided(rules, progress, now);
  EXPECT_EQ(progress.waiting.size(), ScheduleLimits::waiting_max);
  EXPECT_EQ(progress.handled, at(1'000));
  EXPECT_EQ(next_decision(rules, "s", progress, at(1'050)), at(1'070) + Duration(2));
  decided(rules, progress, 1'075);
  EXPECT_EQ(progress.counts.missed, 1U);
  progress.waiting.erase(progress.waiting.begin());
  decided(rules, progress, 1'076);
  EXPECT_EQ(progress.waiting.back(), at(1'020));
}

TEST(ScheduleDecisions, what_is_held_back_has_come_in_time) {
  for (const char* policy : {"queue_all", "allow"}) {
    SCOPED_TRACE(policy);
    const ScheduleRules rules = every_10s(R"("overlap": ")" + std::string(policy) + "\"");
    ScheduleProgress progress = from(5);
    bool held = false;
    for (std::int64_t now = 10; now <= 1'000; now += 10) decided(rules, progress, now, false, held);
    EXPECT_TRUE(held);
    for (std::int64_t room : {1, 40, 100}) {
      progress.waiting.erase(progress.waiting.begin(), progress.waiting.begin() + room);
      decided(rules, progress, 2'500, false, held);
      EXPECT_EQ(progress.counts.missed, 0U) << room;
    }
    EXPECT_EQ(progress.waiting.front(), at(1'420));
    EXPECT_EQ(progress.waiting.back(), at(2'410));
    progress.waiting.clear();
    decided(rules, progress, 2'500, false, held);
    EXPECT_FALSE(held);
    decided(rules, progress, 3'000, false, held);
    EXPECT_EQ(progress.waiting.back(), at(3'000));
    EXPECT_EQ(progress.missed->why, "not_latest") << "there was room, and nobody looked";
    EXPECT_EQ(progress.counts.missed, 49U);
  }
}

TEST(ScheduleDecisions, after_a_start_nobody_knows_what_was_held_back_and_it_is_caught_up_with) {
  const ScheduleRules rules = every_10s(R"("overlap": "queue_all")");
  ScheduleProgress progress = from(5);
  for (std::int64_t now = 10; now <= 1'000; now += 10) decided(rules, progress, now);
  bool held = false;
  decided(rules, progress, 1'500, false, held);
  EXPECT_TRUE(held);
  EXPECT_EQ(progress.counts.missed, 49U);
  EXPECT_EQ(progress.handled, at(1'490)) << "the latest waits for room";
}

TEST(ScheduleDecisions, jitter_puts_off_the_start_and_not_the_time) {
  const ScheduleRules rules = every_10s(R"("jitter": "8s")");
  ScheduleProgress progress = from(5);
  const Duration delay = rules.recurrence.delay("s", at(10));
  ASSERT_GT(delay, Duration(0));
  EXPECT_EQ(next_decision(rules, "s", progress, at(5)), at(10) + delay);
  EXPECT_FALSE(decide(rules, "s", progress, {at(10) + delay - Duration(1)}).changed);
  EXPECT_TRUE(decide(rules, "s", progress, {at(10) + delay}).changed);
  EXPECT_EQ(progress.waiting, std::vector<Time>{at(10)});
}

TEST(ScheduleDecisions, what_was_queued_behind_a_run_is_never_too_late) {
  for (const auto& [policy, late] : {std::pair{"skip", true},
                                     {"allow", true},
                                     {"queue_one", false},
                                     {"queue_all", false},
                                     {"cancel_running", false}}) {
    SCOPED_TRACE(policy);
    const ScheduleRules rules = every_10s(R"("overlap": ")" + std::string(policy) + "\"");
    ScheduleProgress progress = from(10);
    progress.waiting = {at(10)};
    EXPECT_FALSE(is_too_late(rules, "s", progress, at(10 + 3'600)));
    EXPECT_EQ(is_too_late(rules, "s", progress, at(11 + 3'600)), late);
  }
}

TEST(ScheduleDecisions, runs_move_from_waiting_to_open_to_recent) {
  ScheduleProgress progress = from(0);
  for (std::int64_t i = 1; i <= 12; ++i) {
    progress.waiting = {at(10 * i)};
    note_started(progress, run(10 * i));
    EXPECT_TRUE(progress.waiting.empty());
    EXPECT_FALSE(note_ended(progress, "another", WorkflowOutcome::verified, at(0)));
    EXPECT_TRUE(note_ended(progress, run_id("s", at(10 * i)), WorkflowOutcome::verified, at(10 * i + 1)));
  }
  EXPECT_TRUE(progress.open.empty());
  ASSERT_EQ(progress.recent.size(), ScheduleLimits::recent_max);
  EXPECT_EQ(progress.recent.front().scheduled_at, at(30));
  EXPECT_EQ(progress.counts.started, 12U);
}

TEST(ScheduleRunIds, they_follow_from_name_and_time_alone) {
  EXPECT_EQ(run_id("nightly", *parse_time("2026-11-27T10:00:00+01:00")), "nightly-2026-11-27T09-00-00Z");
  EXPECT_EQ(run_id("nightly", *parse_time("2026-11-27T09:00:00.250Z")), "nightly-2026-11-27T09-00-00.250Z");
  EXPECT_TRUE(is_name(run_id(std::string(schedule_name_max, 'n'), *parse_time("2026-11-27T09:00:00.250Z"))));
  EXPECT_TRUE(is_name(triggered_run_id("default", std::string(schedule_name_max, 'n'), "key")));
  EXPECT_NE(triggered_run_id("a", "s", "key"), triggered_run_id("b", "s", "key"));
}

TEST(ScheduleRunIds, a_body_holds_the_time_and_says_whose_it_is) {
  const ScheduleRules rules = every_10s(R"("scheduled_at_input": "at", "labels": {"team": "sales"})");
  const Json body = run_body(rules, "s", "id", *read_json(R"({"name": "p", "actions": []})"), at(0));
  EXPECT_EQ(body, *read_json(R"({"id": "id",
      "plan": {"name": "p", "actions": [], "input": {"at": "2023-11-14T22:13:20.000Z"}},
      "labels": {"team": "sales", "schedule": "s", "scheduled_at": "2023-11-14T22:13:20.000Z"}})"));
  EXPECT_TRUE(is_run_of(*body.find("labels"), "s", at(0)));
  EXPECT_TRUE(is_run_of(*body.find("labels"), "s", std::nullopt));
  EXPECT_FALSE(is_run_of(*body.find("labels"), "s", at(1)));
  EXPECT_FALSE(is_run_of(*body.find("labels"), "t", std::nullopt));
  EXPECT_EQ(plan_at(*read_json(R"({"input": 7})"), "at", at(0)), *read_json(R"({"input": 7})")) << "its check says no";
}

TEST(ScheduleRulesDocument, says_its_defaults_and_reads_itself) {
  const ScheduleRules rules = every_10s(R"("labels": {"team": "sales"})");
  const Json document = rules_document(rules);
  EXPECT_EQ(*document.find("overlap"), Json("skip"));
  EXPECT_EQ(*document.find("catch_up"), *read_json(R"({"runs": "latest", "window": "1h"})"));
  const Read again = read(canonical(document));
  ASSERT_TRUE(again.rules);
  EXPECT_EQ(rules_document(*again.rules), document);
}

TEST(ScheduleRulesDocument, every_problem_is_told_at_once_with_its_place) {
  const Read wrong = read(R"({"every": "0s", "overlap": "queue", "catch_up": {"runs": "some", "window": 5, "x": 1},
      "pause_on_failure": 1, "scheduled_at_input": "", "labels": {"schedule": "mine", "scheduled_at": "now", "a b": "c"},
      "cronn": "* * * * *"})");
  EXPECT_FALSE(wrong.rules);
  std::vector<std::string> places;
  for (const Problem& problem : wrong.problems) places.push_back(problem.pointer);
  for (const char* place :
       {"/every", "/overlap", "/catch_up/runs", "/catch_up/window", "/catch_up/x", "/pause_on_failure",
        "/scheduled_at_input", "/labels/schedule", "/labels/scheduled_at", "/labels/a b", "/cronn"})
    EXPECT_EQ(std::count(places.begin(), places.end(), place), 1) << place;
}

}  // namespace
}  // namespace settle::test
