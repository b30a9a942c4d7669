// Schedules in virtual time: which times become runs, by each policy; what a crash, a stop, a leap of the clock and a
// revoked token do to them. Whatever happens, a scheduled time never has two runs.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/json_parts.h"
#include "storage/keys.h"
#include "tests/sim/schedule_world.h"

namespace settle::sim {
namespace {

constexpr Duration second{1'000}, minute{60'000}, hour{3'600'000};

/// {"plan": …, "every": …, …}
std::string document(const std::string& every, const std::string& plan, const std::string& more = "") {
  return R"({"every": ")" + every + R"(", "plan": )" + plan + (more.empty() ? "" : ", " + more) + "}";
}

std::string catch_up(const std::string& runs, const std::string& window = "1h") {
  return R"("catch_up": {"runs": ")" + runs + R"(", "window": ")" + window + R"("})";
}

std::string overlap(const std::string& policy) {
  return R"("overlap": ")" + policy + R"(")";
}

/// Stays open until it is stopped, as far as these tests go.
const std::string endless = sleeping_plan("1000h"), brief = sleeping_plan("1ms"), broken = sleeping_plan("1ms", true);

class ScheduleRuns : public ::testing::Test {
 protected:
  ScheduleRuns() { world.start(); }

  std::string why(const std::string& what) { return text_member(*world.shown("s").find(what), "why"); }
  std::string pause_code() { return text_member(*world.shown("s").find("pause"), "code"); }
  std::size_t list_of(const std::string& what) { return world.shown("s").find(what)->size(); }

  ScheduleWorld world{1};
};

TEST_F(ScheduleRuns, each_time_has_its_run_which_says_whose_it_is) {
  ASSERT_TRUE(world.put("s", document("10s", brief)));
  world.run(105 * second);
  const std::vector<ScheduleWorld::Run> runs = world.runs();
  ASSERT_EQ(runs.size(), 10U);
  for (const ScheduleWorld::Run& run : runs) {
    const Time at = *parse_time(run.scheduled_at);
    EXPECT_EQ(run.id, run_id("s", at));
    EXPECT_EQ(run.schedule, "s");
    EXPECT_EQ(at.time_since_epoch().count() % 10'000, 0);
    EXPECT_LT(run.created_at - at, 100 * Duration(1));
  }
  EXPECT_EQ(world.count("s", "started"), 10);
  EXPECT_EQ(world.count("s", "skipped"), 0);
  EXPECT_EQ(list_of("open"), 0U);
  EXPECT_EQ(list_of("recent"), 10U);
  EXPECT_EQ(list_of("next"), 10U);
}

TEST_F(ScheduleRuns, skip_begins_none_while_one_is_open_and_tells) {
  ASSERT_TRUE(world.put("s", document("10s", sleeping_plan("25s"))));
  world.run(124 * second);
  Time free_at{};
  for (const ScheduleWorld::Run& run : world.runs()) {
    EXPECT_GE(run.created_at, free_at);
    free_at = run.ended_at.value_or(Time::max());
  }
  EXPECT_EQ(world.count("s", "started"), 4);
  EXPECT_EQ(world.count("s", "skipped"), 8);
  EXPECT_EQ(why("last_skipped"), "run_open");
}

TEST_F(ScheduleRuns, queue_one_lets_one_wait) {
  ASSERT_TRUE(world.put("s", document("10s", endless, overlap("queue_one"))));
  world.run(65 * second);
  EXPECT_EQ(list_of("open"), 1U);
  EXPECT_EQ(list_of("waiting"), 1U);
  EXPECT_EQ(world.count("s", "skipped"), 4);
}

TEST_F(ScheduleRuns, queue_all_runs_all_of_them_one_after_the_other) {
  ASSERT_TRUE(world.put(
      "s", document("10s", sleeping_plan("15s"),
                    overlap("queue_all") + R"(, "until": ")" + format_time(world.now() + 100 * second) + "\"")));
  world.run(300 * second);
  const std::vector<ScheduleWorld::Run> runs = world.runs();
  ASSERT_EQ(runs.size(), 10U);
  for (std::size_t i = 1; i < runs.size(); ++i) {
    EXPECT_LT(runs[i - 1].scheduled_at, runs[i].scheduled_at);
    EXPECT_GE(runs[i].created_at, *runs[i - 1].ended_at);
  }
}

TEST_F(ScheduleRuns, a_full_queue_holds_times_back_and_tells_when_they_are_over) {
  ASSERT_TRUE(world.put("s", document("10s", endless, overlap("queue_all") + ", " + catch_up("all", "10m"))));
  world.run(101 * 10 * second + 9 * minute);
  EXPECT_EQ(list_of("waiting"), ScheduleLimits::waiting_max);
  EXPECT_EQ(world.count("s", "missed"), 0);
  world.run(5 * minute);
  EXPECT_EQ(list_of("waiting"), ScheduleLimits::waiting_max);
  EXPECT_GT(world.count("s", "missed"), 10);
  EXPECT_GE(world.notices().size(), 1U);
  EXPECT_EQ(world.notices().front(), "schedule.missed");
}

TEST_F(ScheduleRuns, cancel_running_makes_way_for_the_newest) {
  ASSERT_TRUE(world.put("s", document("10s", endless, overlap("cancel_running"))));
  world.run(65 * second);
  const std::vector<ScheduleWorld::Run> runs = world.runs();
  ASSERT_EQ(runs.size(), 6U);
  for (std::size_t i = 0; i + 1 < runs.size(); ++i) {
    EXPECT_EQ(runs[i].outcome, "cancelled");
    EXPECT_LE(*runs[i].ended_at, runs[i + 1].created_at);
  }
  EXPECT_EQ(runs.back().outcome, "");
}

TEST_F(ScheduleRuns, allow_has_many_open_but_not_too_many) {
  ASSERT_TRUE(world.put("s", document("1s", endless, overlap("allow"))));
  world.run(50 * second + Duration(500));
  EXPECT_EQ(list_of("open"), 50U);
  world.run(200 * second);
  EXPECT_EQ(list_of("open"), ScheduleLimits::open_max);
}

TEST_F(ScheduleRuns, after_a_stop_the_latest_missed_time_runs_unless_it_is_too_old) {
  ASSERT_TRUE(world.put("s", document("1h", brief, catch_up("latest", "30m"))));
  world.run(hour);
  EXPECT_EQ(world.count("s", "started"), 1);
  const Duration past(world.now().time_since_epoch().count() % hour.count());
  world.stop();
  world.idle((hour - past) + 2 * hour + 10 * minute);
  world.start();
  world.run(second);
  EXPECT_EQ(world.count("s", "started"), 2) << "10 minutes late";
  EXPECT_EQ(world.count("s", "missed"), 2);
  world.stop();
  world.idle(hour + 25 * minute);
  world.start();
  world.run(second);
  EXPECT_EQ(world.count("s", "started"), 2) << "35 minutes late";
  EXPECT_EQ(world.count("s", "missed"), 3);
  EXPECT_EQ(why("last_missed"), "late");
}

TEST_F(ScheduleRuns, a_leap_of_the_clock_is_caught_up_with_at_once) {
  ASSERT_TRUE(world.put("all", document("1m", brief, overlap("allow") + ", " + catch_up("all"))));
  ASSERT_TRUE(world.put("latest", document("1m", brief)));
  ASSERT_TRUE(world.put("none", document("1m", brief, catch_up("none"))));
  world.run(second);
  world.schedule.wall_offset += 30 * minute + 20 * second;
  world.run(7 * second);
  EXPECT_EQ(world.count("all", "started"), 30);
  EXPECT_EQ(world.count("all", "missed"), 0);
  EXPECT_EQ(world.count("latest", "started"), 1);
  EXPECT_EQ(world.count("latest", "missed"), 29);
  EXPECT_EQ(world.count("none", "started"), 0);
  EXPECT_EQ(world.count("none", "missed"), 30);
  const std::size_t before = world.runs().size();
  world.schedule.wall_offset -= 25 * minute;  // set back: time goes on from where it was
  world.run(5 * minute);
  const std::vector<ScheduleWorld::Run> runs = world.runs();
  EXPECT_EQ(runs.size(), before + 15);
}

TEST_F(ScheduleRuns, what_passes_in_a_pause_is_not_run_later) {
  ASSERT_TRUE(world.put("s", document("10s", brief, overlap("allow") + ", " + catch_up("all"))));
  world.run(35 * second);
  ASSERT_TRUE(world.pause("s"));
  world.run(10 * minute);
  EXPECT_EQ(world.count("s", "started"), 3);
  EXPECT_EQ(pause_code(), "paused");
  EXPECT_FALSE(world.put("s", document("10s", brief, overlap("allow") + R"(, "paused": false)")));
  EXPECT_EQ(world.refusal, ErrorCode::forbidden) << "it was an operator's doing";
  EXPECT_TRUE(world.put("s", document("20s", brief)));
  EXPECT_EQ(pause_code(), "paused") << "another rule lifts no pause";
  ASSERT_TRUE(world.resume("s"));
  world.run(40 * second);
  EXPECT_EQ(world.count("s", "started"), 5);
  EXPECT_EQ(world.count("s", "missed"), 0);
}

TEST_F(ScheduleRuns, made_anew_it_runs_no_time_again) {
  ASSERT_TRUE(world.put("s", document("10s", brief)));
  world.run(55 * second);
  ASSERT_TRUE(world.remove("s"));
  EXPECT_TRUE(world.shown("s").is_null());
  ASSERT_TRUE(world.put("s", document("10s", sleeping_plan("2ms"))));
  world.run(50 * second);
  EXPECT_EQ(world.runs().size(), 10U);
  ASSERT_TRUE(world.put("s", document("5s", brief)));
  world.run(52 * second);
  EXPECT_EQ(world.runs().size(), 20U);
}

TEST_F(ScheduleRuns, a_time_whose_run_exists_counts_as_run_also_with_another_plan) {
  ASSERT_TRUE(world.put("s", document("10s", brief)));
  world.run(15 * second);
  ASSERT_EQ(world.runs().size(), 1U);
  // As a crash would leave it that met the moment between the run and what is stored of it; and then another plan came.
  const Result<std::optional<std::string>> stored =
      world.store.snapshot()->get(Family::meta, keys::schedule_progress("default", "s"));
  ScheduleProgress progress = *decode_schedule_progress(**stored);
  progress.handled = *parse_time(world.runs()[0].scheduled_at) - second;
  progress.recent.clear();
  world.stop();
  world.start();
  WriteBatch batch;
  batch.put(Family::meta, keys::schedule_progress("default", "s"), encode_schedule_progress(progress));
  const std::string other = sleeping_plan("3ms");
  batch.put(Family::meta, keys::schedule_plan("default", "s"), canonical(*read_json(other)));
  world.store.commit(std::move(batch), world.loop(), [](const CommitResult&) {});
  world.store.sync_now();
  world.crash();
  world.start();
  world.run(second);
  EXPECT_EQ(world.runs().size(), 1U);
  EXPECT_EQ(list_of("recent"), 1U);
  EXPECT_FALSE(world.shown("s").find("attention")->as_bool());
}

TEST_F(ScheduleRuns, an_id_that_somebody_else_has_is_told) {
  const Time next = world.now() + 10 * second - Duration(world.now().time_since_epoch().count() % 10'000);
  const Json body = Json::object({{"id", run_id("s", next)}, {"plan", *read_json(brief)}});
  world.engine().submit({.name_space = "default", .idempotency_key = "", .body = body}, world.loop(),
                        [](const Result<Engine::Started>& started) { EXPECT_TRUE(started); });
  ASSERT_TRUE(world.put("s", document("10s", brief)));
  world.run(12 * second);
  EXPECT_EQ(world.count("s", "failed_to_start"), 1);
  EXPECT_TRUE(world.shown("s").find("attention")->as_bool());
  world.run(10 * second);
  EXPECT_FALSE(world.shown("s").find("attention")->as_bool()) << "the next one began";
  EXPECT_EQ(world.notices(), std::vector<std::string>{"schedule.start_failed"});
}

TEST_F(ScheduleRuns, a_plan_that_is_refused_is_told_and_pauses_if_asked) {
  const std::string unknown = R"({"name": "p", "actions": [{"id": "a", "tool": "no.such_tool", "input": {}}]})";
  ASSERT_TRUE(world.put("s", document("10s", unknown)));
  ASSERT_TRUE(world.put("stops", document("10s", unknown, R"("pause_on_failure": true)")));
  world.run(35 * second);
  EXPECT_EQ(world.count("s", "failed_to_start"), 3);
  EXPECT_EQ(world.count("stops", "failed_to_start"), 1);
  const Json failure = *world.shown("s").find("last_failure");
  EXPECT_EQ(text_member(failure, "code"), "invalid_plan");
  EXPECT_EQ(text_member(failure.find("errors")->as_array().at(0), "code"), "unknown_tool");
  EXPECT_EQ(text_member(*world.shown("stops").find("pause"), "code"), "start_failed");
  EXPECT_TRUE(world.put("stops", document("10s", brief)));
  EXPECT_TRUE(world.shown("stops").find("pause")->is_null()) << "whoever puts it anew has seen to it";
}

TEST_F(ScheduleRuns, a_failed_run_pauses_if_asked) {
  ASSERT_TRUE(world.put("s", document("10s", broken, R"("pause_on_failure": true)")));
  world.run(50 * second);
  EXPECT_EQ(world.runs().size(), 1U);
  EXPECT_EQ(pause_code(), "run_failed");
  EXPECT_TRUE(world.shown("s").find("attention")->as_bool());
  EXPECT_EQ(world.notices(), std::vector<std::string>{"schedule.paused"});
  ASSERT_TRUE(world.resume("s"));
  world.run(12 * second);
  EXPECT_EQ(world.runs().size(), 2U);
}

TEST_F(ScheduleRuns, a_revoked_token_stops_it_until_somebody_answers_for_it) {
  ASSERT_TRUE(world.put("s", document("10s", brief, R"("holder": "t1")")));
  world.run(15 * second);
  world.revoked.insert("t1");
  world.engine().schedules().token_revoked("t1");
  world.run(second);
  EXPECT_EQ(pause_code(), "token_revoked");
  world.run(50 * second);
  EXPECT_EQ(world.runs().size(), 1U);
  EXPECT_EQ(world.trigger("s"), "wrong_state");
  ASSERT_TRUE(world.resume("s", {"t2", "operator"}));
  world.run(10 * second);
  EXPECT_EQ(world.runs().size(), 2U);
}

TEST_F(ScheduleRuns, a_token_that_was_revoked_before_a_crash_stops_it_at_the_next_time) {
  ASSERT_TRUE(world.put("s", document("10s", brief, R"("holder": "t1")")));
  world.crash();
  world.revoked.insert("t1");
  world.start();
  world.run(20 * second);
  EXPECT_EQ(pause_code(), "token_revoked");
  EXPECT_TRUE(world.runs().empty());
}

TEST_F(ScheduleRuns, a_full_engine_is_asked_again_until_it_is_too_late) {
  world.crash();
  world.limits.live_max = 2;  // and one for the loop
  world.start(1);
  const auto fill = [&](const std::string& time) {
    for (int i = 0; i < 3; ++i) {
      const Json body = Json::object({{"plan", *read_json(sleeping_plan(time))}});
      world.engine().submit({.name_space = "default", .idempotency_key = "", .body = body}, world.loop(),
                            [](const Result<Engine::Started>& started) { EXPECT_TRUE(started); });
    }
  };
  ASSERT_TRUE(world.put("s", document("5m", brief, catch_up("latest", "10s"))));
  const Duration to_next = 5 * minute - Duration(world.now().time_since_epoch().count() % (5 * minute).count());
  world.run(to_next - 20 * second);
  fill("25s");
  world.run(30 * second);
  EXPECT_EQ(world.count("s", "started"), 1) << "5 s late";
  world.run(5 * minute - 15 * second);
  fill("29s");
  world.run(30 * second);
  EXPECT_EQ(world.count("s", "started"), 1);
  EXPECT_EQ(world.count("s", "missed"), 1);
  EXPECT_EQ(why("last_missed"), "overloaded");
}

TEST_F(ScheduleRuns, one_run_now_is_one_run_for_one_key) {
  ASSERT_TRUE(world.put("s", document("1h", endless)));
  const std::string first = world.trigger("s", "k");
  EXPECT_EQ(first, triggered_run_id("default", "s", "key k"));
  EXPECT_EQ(world.trigger("s", "k"), first);
  EXPECT_EQ(world.trigger("s", "other"), "wrong_state") << "one is open";
  EXPECT_NE(world.trigger("s", "other", true), first);
  EXPECT_EQ(world.runs().size(), 2U);
  EXPECT_EQ(world.count("s", "triggered"), 2);
  world.run(hour);
  EXPECT_EQ(world.count("s", "skipped"), 1) << "it is open for the times, too";
  world.crash();
  world.start();
  world.run(second);
  EXPECT_EQ(list_of("open"), 2U);
  EXPECT_EQ(world.trigger("s", "k"), first);
}

/// A database that knows one zone, as long as it does.
class OneZone final : public TimeZones {
 public:
  explicit OneZone(const bool& there) : there_(there) {}
  Result<std::shared_ptr<const TimeZone>> find(std::string_view name) const override {
    if (there_ && name == "Some/Where") return utc_zone();
    return fail(ErrorCode::not_found, "there is no time zone " + std::string(name));
  }
  const std::vector<std::string>& names() const override {
    static const std::vector<std::string> none;
    return none;
  }

 private:
  const bool& there_;
};

TEST_F(ScheduleRuns, a_time_zone_that_is_gone_stops_its_schedule_and_no_other) {
  bool there = true;
  world.crash();
  world.options.zones = std::make_shared<OneZone>(there);
  world.start();
  const std::string daily = R"({"cron": "* * * * *", "time_zone": "Some/Where", "plan": )" + brief + "}";
  ASSERT_TRUE(world.put("s", daily));
  ASSERT_TRUE(world.put("other", document("10s", brief)));
  world.run(minute);
  EXPECT_EQ(world.count("s", "started"), 1);
  world.crash();
  there = false;
  world.start();
  world.run(5 * minute);
  EXPECT_NE(text_member(world.shown("s"), "trouble").find("Some/Where"), std::string::npos);
  EXPECT_TRUE(world.shown("s").find("attention")->as_bool());
  EXPECT_EQ(world.count("s", "started"), 1);
  EXPECT_GT(world.count("other", "started"), 30);
  EXPECT_EQ(world.trigger("s"), "wrong_state");
  ASSERT_TRUE(world.put("s", document("10s", brief)));
  EXPECT_EQ(text_member(world.shown("s"), "trouble"), "");
  world.run(15 * second);
  EXPECT_EQ(world.count("s", "started"), 2);
}

TEST_F(ScheduleRuns, there_are_no_more_than_agreed) {
  world.crash();
  world.options.schedules_max = 3;
  world.options.name_space_max = 2;
  world.start();
  ASSERT_TRUE(world.put("a", document("1h", brief)));
  ASSERT_TRUE(world.put("b", document("1h", brief)));
  EXPECT_FALSE(world.put("c", document("1h", brief)));
  EXPECT_EQ(world.refusal, ErrorCode::quota_exceeded);
  ASSERT_TRUE(world.remove("a"));
  EXPECT_TRUE(world.put("c", document("1h", brief)));
}

TEST_F(ScheduleRuns, when_the_engine_ends_nothing_begins_and_nothing_changes) {
  ASSERT_TRUE(world.put("s", document("1s", brief)));
  bool ended = false;
  world.engine().shutdown(Duration(10'000), [&] { ended = true; });
  world.run(5 * second);
  EXPECT_TRUE(ended);
  EXPECT_FALSE(world.pause("s"));
  EXPECT_EQ(world.refusal, ErrorCode::shutting_down);
  EXPECT_LE(world.runs().size(), 1U);
}

/// Every second up to where the schedule is has had its one run, and no other time has.
void expect_all_runs(ScheduleWorld& world, Time from) {
  Json document = world.shown("s");
  while (document.find("waiting")->size() > 0) {
    world.run(Duration(100));
    document = world.shown("s");
  }
  const Time until = *parse_time(text_member(document, "handled_until"));
  std::set<std::string> scheduled;
  for (const ScheduleWorld::Run& run : world.runs()) EXPECT_TRUE(scheduled.insert(run.scheduled_at).second) << run.id;
  const auto whole_seconds = [](Time time) { return time.time_since_epoch().count() / 1'000; };
  std::int64_t due = 0;
  for (std::int64_t at = whole_seconds(from) + 1; at <= whole_seconds(until); ++at, ++due)
    EXPECT_EQ(scheduled.erase(format_time(Time(Duration(at * 1'000)))), 1U) << "of " << at;
  EXPECT_EQ(document.find("started")->as_integer(), due);
  for (const std::string& time : scheduled) EXPECT_GT(time, format_time(until)) << "it was not due";
}

TEST(ScheduleCrashes, no_time_is_lost_or_doubled) {
  std::size_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ScheduleWorld world(seed);
    world.store.slow_rate = 0.1;
    world.start(1 + world.dice.below(3));
    ASSERT_TRUE(world.put("s", document("1s", brief, overlap("allow") + ", " + catch_up("all"))));
    const Time from = *parse_time(text_member(world.shown("s"), "created_at"));
    for (int round = 0; round < 15; ++round) {
      world.store.crash_after = 1 + world.dice.below(40);
      world.run(world.dice.between(Duration(1), Duration(20'000)));
    }
    world.store.crash_after = std::nullopt;
    world.store.slow_rate = 0;
    world.run(10 * second);
    expect_all_runs(world, from);
    crashes += world.crashes;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(crashes, 200U);
}

}  // namespace
}  // namespace settle::sim
