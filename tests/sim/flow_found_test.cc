// What the simulator has found in the engine about signals and workflows of workflows, each as the smallest world that
// shows it.
#include <gtest/gtest.h>

#include "engine/load.h"
#include "storage/keys.h"
#include "tests/sim/oracles.h"

namespace settle::sim {
namespace {

SimTool plain_tool() {
  SimTool tool;
  tool.name = "box";
  tool.mode = IdempotencyMode::none;
  tool.verify = VerifyKind::none;
  tool.within = tool.maximum = tool.timeout = Duration(1'000);
  tool.interval = tool.initial = Duration(100);
  tool.limit = Duration(60'000);
  return tool;
}

SketchAction action_of(const std::string& id, const SimTool& tool) {
  SketchAction action;
  action.id = id;
  action.tool = &tool;
  return action;
}

/// The workflow "w", of one action: of the tool with a provider, or of one of Settle's own, which runs or waits for
/// 60 ms.
class OneCall {
 public:
  explicit OneCall(Builtin kind, bool after_another = false, std::optional<std::int64_t> open_workflows = {}) {
    engine.quotas.usual.open_workflows = open_workflows;
    Sketch& sketch = sketches_["w"];
    sketch.id = "w";
    sketch.actions.push_back(action_of("a", kind == Builtin::none ? tools_[0] : flow_tool(kind)));
    if (kind == Builtin::sleep) sketch.actions[0].flows[CallRole::main].wait = Duration(60);
    if (kind == Builtin::run_plan) {
      auto plan = std::make_shared<Sketch>();
      plan->id = "child";
      plan->is_child = true;
      plan->actions.push_back(action_of("b", tools_[0]));
      sketch.actions[0].flows[CallRole::main].plan = std::move(plan);
    }
    sketches_["x"].id = "x";
    sketches_["x"].actions.push_back(action_of("a", tools_[0]));
    start();
    if (after_another) {
      engine.submit({"x", false, ""});
      engine.run(Duration(30));
    }
    engine.submit({"w", false, ""});
  }
  /// Nothing stays in memory that has nothing to do there.
  void start() { engine.start(tools_, "http://sim", 1, {.rest_after = Duration(50)}); }
  void run_until(Time time) { engine.run(time - engine.schedule.now()); }
  const Monitor::Shadow& parent() { return engine.monitor.workflows().at("w"); }
  const Monitor::Shadow& child() { return engine.monitor.workflows().at(parent().child_of(0)); }
  bool is_stored(const std::string& id) {
    return engine.store.snapshot()->get(Family::state, keys::OfWorkflow("default", id).header())->has_value();
  }
  bool durably_ended() {
    const auto stored = load_for_show(*engine.store.snapshot(), "default", "w");
    return *stored && (*stored)->header.status == WorkflowStatus::ended;
  }

  Verdict verdict;

 private:
  std::vector<SimTool> tools_{plain_tool()};
  std::map<std::string, Sketch> sketches_;
  Counters counters_;

 public:
  SimEngine engine{1, sketches_, verdict, counters_};
};

TEST(Signals, are_refused_for_an_end_only_once_it_is_durable) {
  OneCall world(Builtin::none);
  while (world.engine.monitor.workflows().empty() || world.parent().header.status != WorkflowStatus::ended)
    world.engine.run(Duration(1));
  ASSERT_FALSE(world.durably_ended());
  world.engine.signal("w", {"go", "", Json()});
  world.engine.cancel("w");
  world.engine.run(Duration(100));
  EXPECT_TRUE(world.durably_ended());
  EXPECT_TRUE(world.verdict.good());
}

TEST(Children, are_begun_after_a_crash_though_the_clock_was_set_back_before_their_parent_came) {
  OneCall world(Builtin::run_plan, true);
  while (!world.is_stored("w")) world.engine.run(Duration(1));
  world.engine.crash();
  ASSERT_FALSE(world.is_stored(world.parent().child_of(0)));
  world.engine.jump(Duration(-86'400'000));  // the stored clock is that of the other workflow
  world.start();
  world.engine.run(Duration(2'000));
  EXPECT_EQ(world.parent().header.outcome, WorkflowOutcome::executed);
}

TEST(Children, need_a_person_in_the_moment_in_which_they_are_cancelled_and_their_parent_hears_of_it) {
  for (int before_the_end = 1; before_the_end <= 12; ++before_the_end) {
    SCOPED_TRACE(before_the_end);
    OneCall world(Builtin::run_plan);
    world.engine.world.faults[Fault::slow] = 1;
    world.engine.run(Duration(100));
    ASSERT_EQ(world.child().runs.at(0).stage, Stage::sending);
    const Time over = *world.child().runs[0].first_send_at + Duration(1'000);
    world.run_until(over - Duration(before_the_end));
    world.engine.cancel("w");
    world.engine.run(Duration(200));
    EXPECT_EQ(world.child().runs[0].stage, Stage::in_doubt);
    EXPECT_TRUE(world.parent().header.attention);
  }
}

TEST(Children, that_were_retried_and_did_their_work_are_not_begun_once_more_for_their_parent) {
  OneCall world(Builtin::run_plan);
  world.engine.world.faults[Fault::refused] = 1;
  world.engine.run(Duration(200));
  ASSERT_EQ(world.parent().header.outcome, WorkflowOutcome::failed);
  world.engine.world.heal();
  const std::string id = world.child().header.id;
  world.engine.retry(id, false);
  world.engine.run(Duration(200));
  world.engine.retry("w", false);
  world.engine.run(Duration(200));
  EXPECT_EQ(world.parent().header.outcome, WorkflowOutcome::executed);
  EXPECT_EQ(world.child().header.id, id);
  EXPECT_TRUE(world.verdict.good());
}

TEST(Children, whose_place_another_has_taken_are_not_retried) {
  OneCall world(Builtin::run_plan);
  world.engine.world.faults[Fault::refused] = 1;
  world.engine.run(Duration(200));
  const std::string old = world.child().header.id;
  world.engine.retry("w", false);
  world.engine.run(Duration(200));
  ASSERT_NE(world.child().header.id, old) << "nothing of the old one had happened";
  world.engine.world.heal();
  world.engine.retry(old, false);
  world.engine.run(Duration(200));
  EXPECT_EQ(world.engine.monitor.workflows().at(old).header.retries, 0U);
  world.engine.retry("w", false);
  world.engine.run(Duration(200));
  EXPECT_EQ(world.parent().header.outcome, WorkflowOutcome::executed);
  EXPECT_TRUE(world.verdict.good());
}

/// Each of them finds that it is too late only at the disk, one after the other.
void submit_again(OneCall& world, int times) {
  for (int i = 0; i < times; ++i) world.engine.submit({"w", false, ""});
}

TEST(Submissions, of_what_is_there_change_nothing_though_a_child_ends_meanwhile) {
  for (int times = 1; times <= 12; ++times) {
    OneCall world(Builtin::run_plan);
    submit_again(world, times);
    world.engine.run(Duration(2'000));
    EXPECT_EQ(world.parent().header.status, WorkflowStatus::ended);
    EXPECT_TRUE(world.verdict.good());
  }
}

TEST(Submissions, of_what_is_there_take_no_timer_away_though_the_disk_is_slow) {
  OneCall world(Builtin::sleep);
  world.engine.store.slow_rate = 1;  // from the second commit on
  world.engine.submit({"w", true, ""});
  world.engine.run(Duration(4'500));
  EXPECT_EQ(world.parent().header.status, WorkflowStatus::ended);
  EXPECT_TRUE(world.verdict.good());
}

TEST(Quotas, a_child_without_room_waits_and_has_failed_without_effect_when_there_is_none_for_long) {
  OneCall world(Builtin::run_plan, false, 1);
  world.engine.run(Duration(300'000));
  EXPECT_EQ(world.parent().runs[0].stage, Stage::waiting);
  world.engine.crash();
  world.start();
  world.engine.run(Duration(595'000));
  EXPECT_EQ(world.parent().runs[0].stage, Stage::waiting) << "a restart begins to wait anew";
  world.engine.run(Duration(10'000));
  EXPECT_EQ(world.parent().header.outcome, WorkflowOutcome::failed);
  ASSERT_TRUE(world.parent().runs[0].error);
  EXPECT_EQ(world.parent().runs[0].error->code, "quota_exceeded");
  EXPECT_EQ(world.parent().runs[0].effect, Effect::none);
  EXPECT_FALSE(world.engine.monitor.workflows().contains(world.parent().child_of(0)));
  EXPECT_TRUE(world.verdict.good()) << world.verdict.violations()[0].text;
}

TEST(Quotas, a_child_that_has_waited_is_begun_once_there_is_room) {
  OneCall world(Builtin::run_plan, false, 1);
  world.engine.run(Duration(5'000));
  ASSERT_EQ(world.parent().runs[0].stage, Stage::waiting);
  world.engine.quotas.usual.open_workflows = 2;
  world.engine.crash();
  world.start();
  world.engine.run(Duration(2'000));
  EXPECT_EQ(world.parent().header.outcome, WorkflowOutcome::executed);
  EXPECT_TRUE(world.verdict.good()) << world.verdict.violations()[0].text;
}

TEST(Quotas, a_child_that_will_never_fit_has_failed_at_once) {
  OneCall world(Builtin::run_plan);
  while (!world.is_stored("w")) world.engine.run(Duration(1));
  world.engine.crash();
  world.engine.quotas.usual.bytes = 10;
  world.start();
  world.engine.run(Duration(500));
  EXPECT_EQ(world.parent().header.outcome, WorkflowOutcome::failed);
  ASSERT_TRUE(world.parent().runs[0].error);
  EXPECT_EQ(world.parent().runs[0].error->code, "payload_too_large");
  EXPECT_EQ(world.parent().runs[0].effect, Effect::none);
  EXPECT_TRUE(world.verdict.good()) << world.verdict.violations()[0].text;
}

}  // namespace
}  // namespace settle::sim
