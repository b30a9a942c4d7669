// What the simulator once held against the engine and the contract allows, each as small as it gets; and beside it what
// must still be told.
#include <gtest/gtest.h>

#include "tests/sim/sim_limits.h"
#include "tests/sim/world.h"

namespace settle::sim {
namespace {

/// Two runs of workflow w write the record "box", a1 after a0.
class TwoWriters {
 public:
  TwoWriters() {
    tool_.name = "box";
    tool_.mode = IdempotencyMode::natural;
    tool_.read_by = ReadBy::record;
    tool_.timeout = Duration(1'000);
    world.add(tool_);
    write("w.a0.main.0");
    write("w.a1.main.0");
  }
  Glimpse look(const std::string& value) {
    Call call;
    call.method = "GET";
    call.url = "http://sim/box/by-name/box/w/" + value;
    return *world.serve(call).glimpse;
  }

 private:
  void write(const std::string& value) {
    Call call;
    call.method = "PUT";
    call.url = "http://sim/box/effects";
    call.body = canonical(Json::object(
        {{"workflow", "w"}, {"key", "key of " + value}, {"attempt", 1}, {"value", value}, {"record", "box"}}));
    world.serve(call);
  }

  Schedule schedule_;
  Counters counters_;
  SimTool tool_;

 public:
  World world{schedule_, 1, counters_};
};

TEST(Looks, by_name_are_about_the_run_that_looks_whoever_wrote_last) {
  TwoWriters test;
  const Glimpse first = test.look("w.a0.main.0"), second = test.look("w.a1.main.0");
  EXPECT_EQ(first.about, "w.a0.main.0");
  EXPECT_EQ(first.kind, Glimpse::Kind::different) << "it was written over";
  EXPECT_EQ(second.about, "w.a1.main.0");
  EXPECT_EQ(second.kind, Glimpse::Kind::match);
}

TEST(Looks, by_name_at_what_is_gone_are_about_the_run_that_looks) {
  TwoWriters test;
  Glimpse first = test.look("w.a0.main.0");
  while (first.kind != Glimpse::Kind::absent) {  // a person edits, or deletes
    test.world.tamper();
    first = test.look("w.a0.main.0");
  }
  EXPECT_EQ(first.about, "w.a0.main.0");
}

/// One send in a second, and a second has passed.
class OneToken {
 public:
  OneToken() {
    tool.name = "box";
    tool.promises.per_second = 1;
    limits.begin();
    schedule_.after(Duration(1'000), [] {});
    schedule_.run_one();
  }

  SimTool tool;

 private:
  Schedule schedule_;

 public:
  SimLimits limits{schedule_};
};

TEST(RatesJudged, an_intent_whose_call_never_left_makes_room_for_just_one_other) {
  OneToken test;
  EXPECT_FALSE(test.limits.intent(test.tool, "a"));
  test.limits.over(test.tool, "a");
  test.limits.over(test.tool, "a");
  EXPECT_FALSE(test.limits.intent(test.tool, "b"));
  EXPECT_FALSE(test.limits.left(test.tool, "b"));
  EXPECT_TRUE(test.limits.intent(test.tool, "c"));
}

TEST(RatesJudged, a_call_that_left_makes_no_room_when_it_is_over) {
  OneToken test;
  EXPECT_FALSE(test.limits.intent(test.tool, "a"));
  EXPECT_FALSE(test.limits.left(test.tool, "a"));
  test.limits.over(test.tool, "a");
  EXPECT_TRUE(test.limits.intent(test.tool, "b"));
}

}  // namespace
}  // namespace settle::sim
