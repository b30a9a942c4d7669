// In virtual time, with tools that never answer: the order in which things are taken up after a start, what is possible
// meanwhile, and how many calls one workflow has beside others.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/engine.h"
#include "engine/operations.h"
#include "storage/memory/memory_store.h"
#include "tests/sim/sim_loop.h"

namespace settle::sim {
namespace {

/// The engine on one loop, and an outside that notes the calls and never answers.
class Restarted {
 public:
  Restarted() {
    start();
    run(Duration(1));  // the tool is there
  }
  ~Restarted() { engine_ = nullptr; }
  Restarted(const Restarted&) = delete;
  Restarted& operator=(const Restarted&) = delete;

  void start() {
    ready = false;
    called.clear();
    loop = std::make_unique<SimLoop>(schedule, 7);
    outside_ = std::make_unique<Outside>(*this);
    tools_ = std::make_unique<ToolRegistry>(store, Values());
    ASSERT_TRUE(tools_->load());
    const Result<Json> tool = read_json(R"({"name": "shop.look", "risk": "read",
      "input_schema": {"type": "object", "additionalProperties": false, "properties": {"n": {"type": "integer"}}},
      "output_schema": {}, "schedule_to_close_timeout": "1d",
      "execute": {"connector": "http", "method": "GET", "url": {"$text": "http://shop.test/${/input/n}"}}})");
    tools_->put("default", *tool, schedule.now(), *loop,
                [](const Result<ToolRegistry::Put>& put) { ASSERT_TRUE(put) << put.error().message; });
    engine_ = std::make_unique<Engine>(store, *tools_, std::vector<Engine::Part>{{loop.get(), outside_.get()}});
    ASSERT_TRUE(engine_->recover([this] { ready = true; }, [](const Error& error) { FAIL() << error.message; }));
    bool begun = false;  // whatever else the loop is asked comes later
    loop->post([&begun] { begun = true; });
    run_until([&] { return begun; });
  }
  void crash() {
    engine_ = nullptr;
    outside_ = nullptr;
    tools_ = nullptr;
    loop = nullptr;
    store.crash(0);
  }

  /// `count` workflows "w0" …, one a millisecond.
  void submit(int count, const std::function<Json(int)>& action) {
    for (int i = 0; i < count; ++i) submit_one("w" + std::to_string(i), action(i));
  }
  void submit_one(const std::string& id, Json action) {
    SubmitRequest request;
    const Json plan = Json::object({{"name", "p"}, {"actions", Json(Json::Array{std::move(action)})}});
    request.body = Json::object({{"id", id}, {"plan", plan}});
    engine_->submit(std::move(request), *loop,
                    [](const Result<Engine::Started>& started) { ASSERT_TRUE(started) << started.error().message; });
    run(Duration(1));
  }
  void run(Duration duration) {
    bool over = false;
    schedule.at(schedule.now() + duration, [&over] { over = true; });
    while (!over) schedule.run_one();
  }
  void run_until(const std::function<bool()>& holds) {
    while (!holds() && schedule.run_one()) {
    }
    ASSERT_TRUE(holds());
  }
  Workflow stored(const std::string& id) const {
    const Result<std::optional<Workflow>> loaded = load_for_show(*store.snapshot(), "default", id);
    SETTLE_ASSERT(loaded && *loaded);
    return **loaded;
  }
  std::size_t happened(const std::string& id, const std::string& type) const {
    const auto events = load_events(*store.snapshot(), "default", id, 0, 1'000);
    SETTLE_ASSERT(events);
    return static_cast<std::size_t>(std::count_if(events->begin(), events->end(),
                                                  [&](const StoredEvent& event) { return event.event.type == type; }));
  }
  Engine& engine() { return *engine_; }

  Schedule schedule;
  MemoryStore store{true};
  std::unique_ptr<SimLoop> loop;
  bool ready = false;
  std::vector<std::string> called;  ///< URLs

 private:
  class Outside final : public Connector {
   public:
    explicit Outside(Restarted& owner) : owner_(owner) {}
    void start(Call call, CallDone) override { owner_.called.push_back(call.url); }
    void stop() override {}

   private:
    Restarted& owner_;
  };

  std::unique_ptr<Outside> outside_;
  std::unique_ptr<ToolRegistry> tools_;
  std::unique_ptr<Engine> engine_;
};

Json look(int n) {
  return Json::object({{"id", "a"}, {"tool", "shop.look"}, {"input", Json::object({{"n", n}})}});
}
Json sleep_a_minute(int) {
  return Json::object({{"id", "a"}, {"tool", "flow.sleep"}, {"input", Json::object({{"for", "60s"}})}});
}

TEST(Recovery, calls_leave_before_all_is_taken_up_the_oldest_first_and_ready_is_said_after_the_last) {
  constexpr std::size_t count = 1'000;
  Restarted run;
  run.submit(count, look);
  ASSERT_EQ(run.called.size(), count);
  run.crash();
  run.start();
  run.run_until([&] { return !run.called.empty(); });
  EXPECT_EQ(run.called[0], "http://shop.test/0");
  EXPECT_LT(run.called.size(), count / 2) << "the others have not been looked at yet";
  EXPECT_FALSE(run.ready);
  run.run_until([&] { return run.ready; });
  EXPECT_EQ(run.called.size(), count);
}

TEST(Recovery, what_is_asked_for_meanwhile_is_taken_up_then_and_only_once) {
  constexpr int count = 1'000;
  Restarted run;
  run.submit(count, look);
  run.crash();
  run.start();
  const std::string last = "w" + std::to_string(count - 1);
  bool shown = false;
  run.run_until([&] { return !run.called.empty(); });
  run.engine().get("default", last, WaitFor::now, Duration(0), *run.loop, [&](const Result<WorkflowText>& seen) {
    EXPECT_TRUE(seen);
    shown = true;
  });
  run.run_until([&] { return shown; });
  EXPECT_NE(std::find(run.called.begin(), run.called.end(), "http://shop.test/999"), run.called.end());
  EXPECT_FALSE(run.ready);
  run.run_until([&] { return run.ready; });
  run.run(Duration(1'000));
  EXPECT_EQ(run.called.size(), static_cast<std::size_t>(count));
  EXPECT_EQ(run.happened(last, "workflow.resumed"), 1U);
}

TEST(Recovery, sleepers_wake_at_their_time_also_those_that_were_changed_before_their_timer_was_set) {
  constexpr int count = 2'500;
  Restarted run;
  run.submit(count, sleep_a_minute);
  run.crash();
  run.start();
  run.engine().operate("default", "w2499", cancel_operation(), *run.loop,
                       [](const Result<WorkflowText>& done) { EXPECT_TRUE(done); });
  run.run_until([&] { return run.ready; });
  EXPECT_EQ(run.stored("w2499").header.outcome, WorkflowOutcome::cancelled);
  EXPECT_EQ(run.stored("w0").header.status, WorkflowStatus::running);
  run.run(Duration(61'000));
  for (int i = 0; i < count - 1; ++i)
    ASSERT_EQ(run.stored("w" + std::to_string(i)).header.status, WorkflowStatus::ended) << i;
  EXPECT_EQ(run.happened("w0", "workflow.resumed"), 0U) << "nothing of it was interrupted";
}

TEST(Recovery, sleepers_whose_time_came_while_nobody_ran_go_on_at_once) {
  Restarted run;
  run.submit(300, sleep_a_minute);
  run.crash();
  run.run(Duration(3'600'000));
  run.start();
  run.run_until([&] { return run.ready; });
  run.run(Duration(1));
  for (int i = 0; i < 300; ++i)
    ASSERT_EQ(run.stored("w" + std::to_string(i)).header.status, WorkflowStatus::ended) << i;
}

/// One look for each of `elements`, all at once.
Json look_at_all(int elements) {
  Json::Array list;
  for (int i = 0; i < elements; ++i) list.emplace_back(1'000 + i);
  return Json::object({{"id", "a"},
                       {"tool", "shop.look"},
                       {"for_each", Json(std::move(list))},
                       {"input", Json::object({{"n", Json::object({{"$from", "/item"}})}})}});
}

TEST(Room, a_list_has_as_many_calls_as_all_others_together_and_eight_at_least) {
  const ShardLimits limits;
  for (const auto& [others, expected] : std::vector<std::pair<int, std::size_t>>{
           {0, limits.calls_per_workflow}, {3, 8}, {20, 20}, {100, limits.calls_per_workflow}}) {
    SCOPED_TRACE(std::to_string(others) + " others");
    Restarted run;
    run.submit(others, look);
    ASSERT_EQ(run.called.size(), static_cast<std::size_t>(others));
    run.submit_one("list", look_at_all(50));
    EXPECT_EQ(run.called.size() - static_cast<std::size_t>(others), expected);
  }
}

TEST(Room, calls_that_only_hang_are_in_nobodys_way) {
  Restarted run;
  run.submit(20, look);
  run.run(Duration(2'000));
  run.submit_one("list", look_at_all(50));
  EXPECT_EQ(run.called.size(), 20U + ShardLimits().calls_per_workflow);
}

}  // namespace
}  // namespace settle::sim
