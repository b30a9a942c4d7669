// What waits for the quota of its namespace, in virtual time; what will never fit; and what of the workflows that can't
// be read.
#include <gtest/gtest.h>

#include "base/json_parts.h"
#include "engine/child_line.h"
#include "storage/keys.h"
#include "tests/sim/schedule_world.h"

namespace settle::sim {
namespace {

constexpr Duration second{1'000}, minute{60'000};

class QuotasInTime : public ::testing::Test {
 protected:
  void start(std::optional<std::int64_t> open_workflows, std::optional<std::int64_t> bytes = std::nullopt) {
    world.quotas.usual = {std::nullopt, open_workflows, bytes};
    world.start(1);
  }
  /// The workflow "parent", which runs so many, called c0, c1, …; each sleeps for `time`.
  void run_children(int count, const std::string& time, const std::string& more = "") {
    std::string actions;
    for (int i = 0; i < count; ++i) {
      const std::string name = "c" + std::to_string(i);
      const std::string plan = R"({"name": ")" + name +
                               R"(", "actions": [{"id": "a", "tool": "flow.sleep", "input": )" + R"({"for": ")" + time +
                               R"("}}]})";
      actions += (i == 0 ? "" : ", ") + (R"({"id": ")" + name) +
                 R"(", "tool": "flow.run_plan", "input": {"plan": {"$literal": )" + plan + "}}}";
    }
    submit(R"({"id": "parent", "plan": {"name": "parent", "actions": [)" + actions + "]" + more + "}}");
    world.run(second / 10);
  }
  void submit(const std::string& body) {
    const Json document = *read_json(body);
    world.engine().submit(
        {.name_space = "default", .idempotency_key = "", .body = document}, world.loop(),
        [](const Result<Engine::Started>& started) { ASSERT_TRUE(started) << started.error().message; });
  }
  /// Names and outcomes of all that there are, in the order in which they began.
  std::string begun() {
    std::string out;
    const Result<Json> page = list_workflows(*world.store.snapshot(), {.limit = 1'000});
    for (const Json& one : page->find("workflows")->as_array())
      out = text_member(one, "name") + " " + text_member(one, "outcome") + ", " + out;
    return out;
  }

  ScheduleWorld world{1};
};

TEST_F(QuotasInTime, children_begin_one_after_the_other_for_as_long_as_places_come_free) {
  start(2);
  run_children(8, "4m");
  world.run(40 * minute);
  EXPECT_EQ(begun(),
            "parent verified, c0 verified, c1 verified, c2 verified, c3 verified, c4 verified, c5 verified, "
            "c6 verified, c7 verified, ");
}

TEST_F(QuotasInTime, those_who_wait_cost_nothing_but_a_look_at_the_first) {
  start(1);
  run_children(50, "1m");
  const std::size_t looks = world.store.looks;
  world.run(9 * minute);
  EXPECT_LT(world.store.looks, looks + 50);
  world.run(2 * minute);
  EXPECT_EQ(begun(), "parent failed, ") << "none had room, and no place came free for 10 minutes";
}

TEST_F(QuotasInTime, the_end_of_one_parent_lets_the_children_of_the_others_begin) {
  start(2);
  const std::string child =
      R"({"name": "child", "actions": [{"id": "a", "tool": "flow.sleep", "input": {"for": "1m"}}]})";
  for (const char* id : {"p", "q"}) {
    submit(R"({"id": ")" + std::string(id) + R"(", "plan": {"name": ")" + id +
           R"(", "actions": [{"id": "a", "tool": "flow.run_plan", "input": {"plan": {"$literal": )" + child + "}}}]}}");
  }
  world.run(15 * minute);
  EXPECT_EQ(begun(), "q verified, p failed, child verified, ") << "both parents began in one moment";
}

TEST_F(QuotasInTime, more_wait_than_may_and_those_who_came_last_have_failed) {
  world.limits.children_waiting_max = 3;
  start(1);
  run_children(5, "1m", R"(, "on_failure": "continue")");
  const auto failed = [&] {
    int count = 0;
    world.engine().get("default", "parent", WaitFor::now, Duration(0), world.loop(),
                       [&](const Result<WorkflowText>& parent) {
                         ASSERT_TRUE(parent);
                         const Json shown = parent->document();
                         for (const Json& action : shown.find("actions")->as_array())
                           if (text_member(action, "state") == "failed") ++count;
                       });
    return count;
  };
  world.run(second);
  EXPECT_EQ(failed(), 2);
}

TEST_F(QuotasInTime, a_scheduled_run_that_will_never_fit_has_failed_to_start) {
  start(std::nullopt, 20);
  ASSERT_TRUE(world.put("s", R"({"every": "10s", "plan": )" + sleeping_plan("1ms") + "}"));
  world.run(35 * second);
  EXPECT_EQ(world.count("s", "failed_to_start"), 3);
  EXPECT_EQ(text_member(*world.shown("s").find("last_failure"), "code"), "payload_too_large");
}

TEST_F(QuotasInTime, a_workflow_that_can_not_be_read_keeps_no_other_from_going_on) {
  start(5, 100'000);
  for (const char* id : {"damaged", "whole"}) {
    submit(R"({"id": ")" + std::string(id) + R"(", "plan": {"name": ")" + id +
           R"(", "actions": [{"id": "a", "tool": "flow.sleep", "input": {"for": "1m"}}]}})");
  }
  world.store.sync_now();
  world.crash();
  WriteBatch damage;
  damage.put(Family::state, keys::OfWorkflow("default", "damaged").header(), "no record");
  world.store.put(std::move(damage));
  world.damaged = 0;
  world.start(1);
  EXPECT_EQ(world.damaged, 1U) << "it was counted, and told";
  EXPECT_EQ(world.engine().usage().now("default").workflows, 2);
  world.run(2 * minute);
  EXPECT_EQ(world.engine().usage().now("default").workflows, 1);
}

}  // namespace
}  // namespace settle::sim
