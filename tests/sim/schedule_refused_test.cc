// Schedules whose runs can't begin at once, and what people do meanwhile.
#include <gtest/gtest.h>

#include "base/json_parts.h"
#include "tests/sim/schedule_world.h"

namespace settle::sim {
namespace {

constexpr Duration second{1'000}, minute{60'000}, hour{3'600'000}, day{86'400'000};

std::string document(const std::string& every, const std::string& plan, const std::string& more = "") {
  return R"({"every": ")" + every + R"(", "plan": )" + plan + (more.empty() ? "" : ", " + more) + "}";
}

const std::string brief = sleeping_plan("1ms"), endless = sleeping_plan("1000h");

/// An engine with room for three workflows, which can be taken for a while.
class FullEngine : public ::testing::Test {
 protected:
  FullEngine() {
    world.limits.live_max = 2;  // and one for the loop
    world.limits.rest_after = 1'000 * hour;
    world.start(1);
  }

  void fill(const std::string& time) {
    for (int i = 0; i < 3; ++i) {
      const Json body = Json::object({{"plan", *read_json(sleeping_plan(time))}});
      world.engine().submit({.name_space = "default", .idempotency_key = "", .body = body}, world.loop(),
                            [](const Result<Engine::Started>& started) { EXPECT_TRUE(started); });
    }
  }
  /// Until shortly before the next whole `period`, when others take the room.
  void fill_before_next(Duration period, const std::string& time) {
    world.run(period - world.now().time_since_epoch() % period - second);
    fill(time);
    world.run(2 * second);
  }
  std::string last_missed() { return text_member(*world.shown("s").find("last_missed"), "why"); }
  std::vector<ScheduleWorld::Run> own_runs() {
    std::vector<ScheduleWorld::Run> runs = world.runs();
    std::erase_if(runs, [](const ScheduleWorld::Run& run) { return run.schedule.empty(); });
    return runs;
  }

  ScheduleWorld world{1};
};

TEST_F(FullEngine, a_time_that_is_put_off_makes_way_for_the_next_one) {
  ASSERT_TRUE(world.put("s", document("1h", brief)));
  fill_before_next(hour, "61m");
  world.run(hour + 3 * minute);
  const std::vector<ScheduleWorld::Run> runs = own_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(parse_time(runs[0].scheduled_at)->time_since_epoch() / hour, world.now().time_since_epoch() / hour);
  EXPECT_EQ(world.count("s", "missed"), 1);
  EXPECT_EQ(world.count("s", "skipped"), 0);
  EXPECT_EQ(last_missed(), "superseded");
  EXPECT_EQ(world.notices(), std::vector<std::string>{"schedule.missed"});
}

TEST_F(FullEngine, a_time_that_waited_before_a_long_stop_costs_no_other_its_run) {
  for (const char* policy : {"skip", "allow"}) {
    SCOPED_TRACE(policy);
    ASSERT_TRUE(world.put("s", document("1h", brief, R"("overlap": ")" + std::string(policy) + "\"")));
    fill_before_next(hour, "5m");
    ASSERT_EQ(world.shown("s").find("waiting")->size(), 1U);
    world.crash();
    world.idle(hour);
    const std::size_t before = own_runs().size();
    world.start(1);
    world.run(2 * minute);
    const std::vector<ScheduleWorld::Run> runs = own_runs();
    ASSERT_EQ(runs.size(), before + 1);
    EXPECT_EQ(parse_time(runs.back().scheduled_at)->time_since_epoch() / hour, world.now().time_since_epoch() / hour);
    EXPECT_EQ(world.count("s", "missed"), 1);
    EXPECT_EQ(last_missed(), "late");
    ASSERT_TRUE(world.remove("s"));
  }
}

TEST_F(FullEngine, what_was_refused_before_a_pause_does_not_begin_days_after_it) {
  for (const bool put : {false, true}) {
    SCOPED_TRACE(put);
    ASSERT_TRUE(world.put("s", document("168h", brief)));
    fill_before_next(168 * hour, "5m");
    world.run(10 * second);
    ASSERT_TRUE(world.pause("s"));
    world.run(2 * day);
    if (put) {
      ASSERT_TRUE(world.put("s", document("168h", brief, R"("labels": {"team": "ops"})")));
    }
    ASSERT_TRUE(world.resume("s"));
    world.run(minute);
    EXPECT_TRUE(own_runs().empty());
    EXPECT_EQ(world.count("s", "missed"), 1);
    EXPECT_EQ(last_missed(), "late");
    ASSERT_TRUE(world.remove("s"));
  }
}

class ScheduleHeldBack : public ::testing::Test {
 protected:
  ScheduleHeldBack() { world.start(); }
  ScheduleWorld world{1};
};

TEST_F(ScheduleHeldBack, times_are_not_lost_while_a_queue_is_full) {
  ASSERT_TRUE(world.put("s", document("1s", sleeping_plan("150s"), R"("overlap": "queue_all")")));
  world.run(320 * second);
  EXPECT_EQ(world.count("s", "started"), 3);
  EXPECT_EQ(world.count("s", "missed"), 0);
  const Json shown = world.shown("s");
  const Json::Array& waiting = shown.find("waiting")->as_array();
  ASSERT_EQ(waiting.size(), ScheduleLimits::waiting_max);
  for (std::size_t i = 1; i < waiting.size(); ++i)
    EXPECT_EQ(*parse_time(waiting[i].as_string()) - *parse_time(waiting[i - 1].as_string()), second);
}

TEST_F(ScheduleHeldBack, times_are_not_lost_while_too_many_runs_are_open) {
  ASSERT_TRUE(world.put("s", document("1s", sleeping_plan("250s"), R"("overlap": "allow")")));
  world.run(600 * second);
  EXPECT_GE(world.count("s", "started"), 200);
  EXPECT_EQ(world.count("s", "missed"), 0);
  std::optional<Time> before;
  for (const ScheduleWorld::Run& run : world.runs()) {
    const Time at = *parse_time(run.scheduled_at);
    if (before) {
      EXPECT_EQ(at - *before, second) << run.id;
    }
    before = at;
  }
}

class ScheduleAsked : public ::testing::Test {
 protected:
  ScheduleAsked() { world.start(); }

  std::string pause_code() { return text_member(*world.shown("s").find("pause"), "code"); }
  void revoke() {
    world.revoked.insert("t1");
    world.engine().schedules().token_revoked("t1");
    world.run(second);
  }
  /// Its record is kept for some time only.
  void forget_token() {
    world.revoked.clear();
    world.crash();
    world.start();
    world.run(second);
  }
  void expect_taken_over() {
    EXPECT_EQ(world.trigger("s", "", true), "wrong_state") << "nobody answers for it";
    ASSERT_TRUE(world.resume("s", {"t2", "operator"}));
    EXPECT_EQ(text_member(world.shown("s"), "submitted_by"), "operator");
    EXPECT_NE(world.trigger("s", "", true), "wrong_state");
    ASSERT_TRUE(world.pause("s"));
    ASSERT_TRUE(world.resume("s", {"t3", "another"}));
    EXPECT_EQ(text_member(world.shown("s"), "submitted_by"), "operator") << "who answers for it already";
  }

  const std::string mine = document("1h", brief, R"("holder": "t1")");
  ScheduleWorld world{1};
};

TEST_F(ScheduleAsked, who_resumes_answers_for_it_though_the_revoked_token_is_forgotten) {
  ASSERT_TRUE(world.put("s", mine));
  revoke();
  EXPECT_EQ(pause_code(), "token_revoked");
  forget_token();
  expect_taken_over();
}

TEST_F(ScheduleAsked, the_same_when_a_person_had_paused_it_before) {
  ASSERT_TRUE(world.put("s", mine));
  ASSERT_TRUE(world.pause("s"));
  revoke();
  EXPECT_EQ(pause_code(), "paused");
  forget_token();
  expect_taken_over();
}

TEST_F(ScheduleAsked, the_same_when_a_person_pauses_it_after) {
  ASSERT_TRUE(world.put("s", mine));
  revoke();
  ASSERT_TRUE(world.pause("s"));
  forget_token();
  expect_taken_over();
}

TEST_F(ScheduleAsked, the_same_when_the_engine_died_as_the_token_was_revoked) {
  ASSERT_TRUE(world.put("s", mine));
  ASSERT_TRUE(world.pause("s"));
  world.crash();
  world.revoked.insert("t1");
  world.start();
  world.run(second);
  forget_token();
  expect_taken_over();
}

TEST_F(ScheduleAsked, whoever_puts_the_same_again_answers_for_it) {
  ASSERT_TRUE(world.put("s", mine));
  ASSERT_TRUE(world.pause("s"));
  revoke();
  ASSERT_TRUE(world.put("s", document("1h", brief, R"("holder": "t2")")));
  EXPECT_EQ(pause_code(), "paused");
  EXPECT_NE(world.trigger("s", "", true), "wrong_state");
}

TEST_F(ScheduleAsked, whoever_puts_the_same_again_has_seen_to_what_failed) {
  const std::string unknown = R"({"name": "p", "actions": [{"id": "a", "tool": "no.such_tool", "input": {}}]})";
  ASSERT_TRUE(world.put("s", document("1h", unknown)));
  world.run(hour);
  ASSERT_EQ(world.count("s", "failed_to_start"), 1);
  ASSERT_TRUE(world.shown("s").find("attention")->as_bool());
  ASSERT_TRUE(world.put("s", document("1h", unknown)));
  EXPECT_FALSE(world.shown("s").find("attention")->as_bool());
  const std::string changed_at = text_member(world.shown("s"), "changed_at");
  world.run(second);
  ASSERT_TRUE(world.put("s", document("1h", unknown)));
  EXPECT_EQ(text_member(world.shown("s"), "changed_at"), changed_at) << "without a difference nothing changes";
}

}  // namespace
}  // namespace settle::sim
