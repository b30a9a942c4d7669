// What the simulator found out about schedules, by itself.
#include <gtest/gtest.h>

#include "tests/sim/schedule_world.h"

namespace settle::sim {
namespace {

constexpr Duration second{1'000};

/// A schedule each ten seconds whose runs take five, and an engine that dies `after` one of its times has come.
struct DiedAfter {
  DiedAfter(std::uint64_t seed, Duration after, const std::string& rules) : world(seed) {
    world.start();
    EXPECT_TRUE(world.put("s", R"({"every": "10s", "plan": )" + sleeping_plan("5s") + rules + "}"));
    const Duration since = world.now().time_since_epoch() % (10 * second);
    world.run(10 * second - since + after);
    world.crash();
  }

  void expect_no_two_open() {
    const std::vector<ScheduleWorld::Run> runs = world.runs();
    for (std::size_t i = 1; i < runs.size(); ++i)
      EXPECT_LE(runs[i - 1].ended_at.value_or(Time::max()), runs[i].created_at) << runs[i - 1].id << " " << runs[i].id;
  }

  ScheduleWorld world;
};

/// Seed 16: the schedule did not know yet of the run that had begun before the crash.
TEST(ScheduleFound, a_run_that_is_asked_for_at_once_after_a_crash_is_not_beside_another) {
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    for (int after = 0; after <= 12; ++after) {
      SCOPED_TRACE(std::to_string(seed) + ", " + std::to_string(after) + " ms");
      DiedAfter died(seed, Duration(after), "");
      died.world.start();
      refused += died.world.trigger("s", "key") == "wrong_state" ? 1 : 0;
      died.world.run(8 * second);
      died.expect_no_two_open();
    }
  }
  EXPECT_GT(refused, 20U);
}

/// Seed 1400: the time whose run had begun was over when the engine came back, so it was missed; the next one began
/// beside it.
TEST(ScheduleFound, a_run_that_began_just_before_a_long_stop_is_not_missed) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    for (int after = 0; after <= 12; ++after) {
      SCOPED_TRACE(std::to_string(seed) + ", " + std::to_string(after) + " ms");
      DiedAfter died(seed, Duration(after),
                     R"(, "overlap": "queue_all", "catch_up": {"runs": "all", "window": "30s"})");
      died.world.schedule.wall_offset += 3'600 * second;
      died.world.start();
      died.world.run(40 * second);
      died.expect_no_two_open();
      EXPECT_EQ(died.world.count("s", "started"), static_cast<std::int64_t>(died.world.runs().size()));
    }
  }
}

}  // namespace
}  // namespace settle::sim
