// What the simulator has found in the engine, each as the smallest world that shows it.
#include <gtest/gtest.h>

#include "tests/sim/sim_engine.h"

namespace settle::sim {
namespace {

constexpr Duration day{86'400'000};

SimTool plain_tool(IdempotencyMode mode) {
  SimTool tool;
  tool.name = "box";
  tool.mode = mode;
  tool.read_by = ReadBy::key;
  tool.quiet = Duration(500);
  tool.window = Duration(5'000);
  tool.within = tool.maximum = Duration(1'000);
  tool.interval = tool.initial = Duration(100);
  tool.timeout = Duration(1'000);
  tool.limit = Duration(60'000);
  tool.attempts = 5;
  return tool;
}

/// Workflows of one action each, "w" submitted to an engine that has just started.
class OneAction {
 public:
  explicit OneAction(IdempotencyMode mode) : OneAction(plain_tool(mode)) {}
  explicit OneAction(SimTool tool) : tools_{std::move(tool)} {
    for (const std::string id : {"w", "x"}) {
      Sketch& sketch = sketches_[id];
      sketch.id = id;
      SketchAction& action = sketch.actions.emplace_back();
      action.id = "a";
      action.tool = &tools_[0];
      action.attempts = tools_[0].attempts;
    }
    start();
    engine.submit({"w", false, "key"});
  }
  void start() { engine.start(tools_, "http://sim", 1, {}); }
  const ActionState& run() { return engine.monitor.workflows().at("w").runs.at(0); }
  std::size_t effects() { return engine.world.truths["w.a.main.0"].effects.size(); }

  Verdict verdict;

 private:
  std::vector<SimTool> tools_;
  std::map<std::string, Sketch> sketches_;
  Counters counters_;

 public:
  SimEngine engine{1, sketches_, verdict, counters_};
};

TEST(Clock, a_call_under_way_at_a_crash_is_taken_up_though_the_clock_was_set_back) {
  OneAction world(IdempotencyMode::key);
  world.engine.run(Duration(8));
  ASSERT_EQ(world.run().stage, Stage::sending);
  world.engine.schedule.wall_offset -= day;
  world.engine.crash();
  world.start();
  world.engine.run(Duration(5'000));
  EXPECT_EQ(world.run().stage, Stage::verified);
  EXPECT_TRUE(world.verdict.good());
}

TEST(Clock, what_waits_goes_on_though_the_clock_was_set_back) {
  OneAction world(IdempotencyMode::key);
  world.engine.world.outage(Duration(500), true);
  world.engine.run(Duration(100));
  world.engine.schedule.wall_offset -= day;
  world.engine.run(Duration(10'000));
  EXPECT_EQ(world.run().stage, Stage::verified);
}

TEST(Clock, a_look_long_after_that_a_crash_took_is_taken_again_and_not_before_its_time) {
  SimTool tool = plain_tool(IdempotencyMode::key);
  tool.promises.recheck_after = Duration(900);
  tool.promises.recheck_times = 1;
  OneAction world(tool);
  while (world.run().stage != Stage::rechecking) world.engine.run(Duration(1));
  world.engine.store.sync_now();
  world.engine.schedule.wall_offset -= Duration(800);
  world.engine.crash();
  world.start();
  world.engine.run(Duration(100));
  EXPECT_EQ(world.run().stage, Stage::verified);
  EXPECT_EQ(world.run().rechecks, 1U);
  EXPECT_TRUE(world.verdict.good()) << world.verdict.violations()[0].text;
}

TEST(Disk, a_repeat_that_the_disk_held_back_past_the_keys_window_does_not_leave) {
  OneAction world(IdempotencyMode::key);
  world.engine.world.faults[Fault::lost_after] = 1;
  while (world.run().attempt < 2) world.engine.run(Duration(1));
  world.engine.store.dead = true;  // for now
  world.engine.run(Duration(5'000));
  world.engine.world.heal();
  world.engine.store.dead = false;
  world.engine.store.sync_now();
  world.engine.run(Duration(10'000));
  EXPECT_EQ(world.effects(), 1U);
}

TEST(Stop, waits_for_nobody_who_has_lost_the_race_for_an_idempotency_key) {
  OneAction world(IdempotencyMode::key);
  world.engine.submit({"x", false, "key"});
  EXPECT_TRUE(world.engine.stop(Duration(0)));
  EXPECT_TRUE(world.verdict.good()) << world.verdict.violations()[0].text;
}

}  // namespace
}  // namespace settle::sim
