// The limits of tools in the engine, in virtual time: what no number of workflows, loops and crashes can exceed, and
// that whoever waits gets a turn.
#include "engine/limits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "engine/operations.h"
#include "tests/sim/sim_engine.h"

namespace settle::sim {
namespace {

/// A line with a sink that notes who got a permit.
struct Line final : PermitSink {
  explicit Line(RateLimit limits) : limits_now(limits), line([this] { return limits_now; }, limits, schedule.now()) {}

  void permitted(PermitLine&, const std::string& workflow, ActionIndex run) override {
    granted.push_back(workflow + "/" + std::to_string(run));
    at.push_back(schedule.now());
  }
  void join(const std::string& workflow, ActionIndex run) { line.join(workflow, run, *this, loop); }
  void run(Duration duration) {
    bool over = false;
    schedule.at(schedule.now() + duration, [&over] { over = true; });
    while (!over) schedule.run_one();
  }

  Schedule schedule;
  SimLoop loop{schedule, 1};
  RateLimit limits_now;
  PermitLine line;
  std::vector<std::string> granted;
  std::vector<Time> at;
};

TEST(PermitLine, the_bucket_is_empty_at_first_and_holds_a_second_s_worth_of_calls) {
  for (const double rate : {0.1, 1.0, 2.5, 20.0, 1'000.0}) {
    SCOPED_TRACE(rate);
    Line test({rate, 0});
    EXPECT_EQ(test.line.enter(test.loop.now()), Limit::per_second);
    test.run(Duration(static_cast<std::int64_t>(std::ceil(1'000 / rate))));
    EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none);
    test.run(Duration(3'600'000));
    int burst = 0;
    while (test.line.enter(test.loop.now()) == Limit::none) ++burst;
    EXPECT_EQ(burst, std::max(1, static_cast<int>(std::ceil(rate))));
  }
}

TEST(PermitLine, concurrency_is_what_is_under_way_and_comes_back) {
  Line test({0, 2});
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none);
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none);
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::concurrency);
  test.join("a", 7);
  test.run(Duration(60'000));
  EXPECT_TRUE(test.granted.empty());
  test.line.give_back(test.loop);
  test.run(Duration(1));
  EXPECT_EQ(test.granted, std::vector<std::string>{"a/7"});
  EXPECT_EQ(test.line.standing().under_way, 2U);
}

TEST(PermitLine, each_workflow_has_its_turn_and_nobody_passes_those_who_wait) {
  Line test({0, 1});
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none);
  for (ActionIndex run = 0; run < 4; ++run) test.join("big", run);
  test.join("small", 9);
  test.join("other", 2);
  test.join("other", 1);
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(test.line.enter(test.loop.now()), Limit::concurrency);
    test.line.give_back(test.loop);
    test.run(Duration(1));
  }
  EXPECT_EQ(test.granted,
            (std::vector<std::string>{"big/0", "small/9", "other/1", "big/1", "other/2", "big/2", "big/3"}));
  EXPECT_EQ(test.line.standing().waiting, 0U);
}

TEST(PermitLine, whoever_leaves_gets_none_and_joining_twice_is_joining_once) {
  Line test({0, 1});
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none);
  test.join("a", 1);
  test.join("a", 1);
  test.join("b", 1);
  test.join("b", 2);
  EXPECT_EQ(test.line.standing().waiting, 3U);
  test.line.leave("a", 1);
  test.line.leave("a", 1);
  test.line.leave("b", 5);
  for (int i = 0; i < 3; ++i) {
    test.line.give_back(test.loop);
    test.run(Duration(1));
    if (test.granted.size() < static_cast<std::size_t>(i) + 1) break;
  }
  EXPECT_EQ(test.granted, (std::vector<std::string>{"b/1", "b/2"}));
}

TEST(PermitLine, what_is_given_back_late_does_not_make_up_for_time) {
  Line test({1, 0});
  test.run(Duration(1'000));
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none) << "one, whose call is never made";
  test.run(Duration(1'000));
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none) << "another one, whose call leaves";
  test.run(Duration(200));
  test.line.give_back(test.loop);
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::per_second) << "0.2 s after it, at one a second";
  test.run(Duration(800));
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none);
}

TEST(PermitLine, a_provider_that_asks_for_a_pause_gets_it_from_all_for_a_minute_at_most_and_no_burst_after_it) {
  Line test({10, 0});
  test.run(Duration(10'000));
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none);
  test.line.pause(test.loop.now() + Duration(5'000), test.loop);
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::retry_after);
  for (ActionIndex run = 0; run < 5; ++run) test.join("a", run);
  const Time paused = test.schedule.now();
  test.run(Duration(5'450));
  ASSERT_EQ(test.at.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(test.at[i], paused + Duration(5'000) + Duration(100) * static_cast<std::int64_t>(i));
  test.line.pause(test.loop.now() + Duration(86'400'000), test.loop);
  test.run(Duration(59'999));
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::retry_after);
  test.run(Duration(1));
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none);
}

TEST(PermitLine, new_limits_count_within_a_second) {
  Line test({0.01, 0});
  for (ActionIndex run = 0; run < 30; ++run) test.join("a", run);
  test.run(Duration(5'000));
  EXPECT_TRUE(test.granted.empty());
  test.limits_now = {10, 0};
  test.run(Duration(3'000));
  EXPECT_GE(test.granted.size(), 20U);
  test.limits_now = {};
  test.run(Duration(1'100));
  EXPECT_EQ(test.granted.size(), 30U) << "the limit is gone";
}

TEST(PermitLine, after_close_nobody_gets_a_permit) {
  Line test({0, 1});
  EXPECT_EQ(test.line.enter(test.loop.now()), Limit::none);
  test.join("a", 1);
  test.line.close();
  test.line.give_back(test.loop);
  test.run(Duration(10'000));
  EXPECT_TRUE(test.granted.empty());
}

/// The engine on several loops, with one tool that has limits and that nothing can be known about (mode none), and an
/// outside that counts.
class Limited {
 public:
  Limited(std::uint64_t seed, RateLimit limits, std::size_t loops = 3) : dice_(seed), limits_(limits), count_(loops) {
    start();
  }

  void start() {
    under_way = 0;
    alive_ = std::make_shared<int>(0);
    std::vector<Engine::Part> parts;
    for (std::size_t i = 0; i < count_; ++i) {
      loops_.push_back(std::make_unique<SimLoop>(schedule, dice_.next()));
      outsides_.push_back(std::make_unique<Outside>(*this));
      parts.push_back({loops_.back().get(), outsides_.back().get()});
    }
    tools_ = std::make_unique<ToolRegistry>(store_, Values());
    ASSERT_TRUE(tools_->load());
    Json limits = Json::object();
    if (limits_.per_second > 0) limits.set("per_second", limits_.per_second);
    if (limits_.concurrency > 0) limits.set("concurrency", static_cast<std::int64_t>(limits_.concurrency));
    Result<Json> tool = read_json(R"({"name": "shop.order", "risk": "write",
      "input_schema": {"type": "object", "additionalProperties": false, "properties": {"n": {"type": "integer"}}},
      "output_schema": {}, "idempotency": {"mode": "none"}, "verify": "none", "reason": "the shop shows no orders",
      "execute": {"connector": "http", "method": "POST", "url": "http://shop.test/orders", "body": {"$from": "/input"}},
      "schedule_to_close_timeout": "1d"})");
    tool->set("rate_limit", limits);
    tools_->put("default", *tool, schedule.now(), *loops_[0],
                [](const Result<ToolRegistry::Put>& put) { ASSERT_TRUE(put) << put.error().message; });
    engine_ = std::make_unique<Engine>(store_, *tools_, std::move(parts));
    ASSERT_TRUE(engine_->recover([] {}, [](const Error&) { FAIL(); }));
    run(Duration(1));
  }
  void crash() {
    alive_ = nullptr;
    engine_ = nullptr;
    outsides_.clear();
    tools_ = nullptr;
    loops_.clear();
    store_.crash(0);
  }

  void submit(const std::string& id, int actions, const char* on_failure = "continue") {
    Json::Array list;
    for (int i = 0; i < actions; ++i) {
      list.push_back(
          Json::object({{"id", "a" + std::to_string(i)}, {"tool", "shop.order"}, {"input", Json::object({{"n", i}})}}));
    }
    SubmitRequest request;
    request.body = Json::object(
        {{"id", id}, {"plan", Json::object({{"name", id}, {"on_failure", on_failure}, {"actions", std::move(list)}})}});
    engine_->submit(std::move(request), *loops_[0],
                    [](const Result<Engine::Started>& started) { ASSERT_TRUE(started) << started.error().message; });
  }
  void cancel(const std::string& id) {
    engine_->operate("default", id, cancel_operation(), *loops_[0], [](const Result<WorkflowText>&) {});
  }
  void run(Duration duration) {
    bool over = false;
    schedule.at(schedule.now() + duration, [&over] { over = true; });
    while (!over) schedule.run_one();
  }
  /// All that happens at this very moment: every durable intent has become a call.
  void finish_moment() {
    while (!schedule.empty() && schedule.next() == schedule.now()) schedule.run_one();
  }
  Workflow stored(const std::string& id) const {
    const Result<std::optional<Workflow>> loaded = load_for_show(*store_.snapshot(), "default", id);
    SETTLE_ASSERT(loaded && *loaded);
    return **loaded;
  }
  void stop() {
    engine_->shutdown(Duration(1'000), [this] { stopped = true; });
  }

  /// Never more than the rate allows, over every stretch of time from one call to another.
  void check_rate() const {
    const double burst = std::max(1.0, std::ceil(limits_.per_second));
    for (std::size_t first = 0; limits_.per_second > 0 && first < sends.size(); ++first) {
      for (std::size_t last = first; last < sends.size(); ++last) {
        const double seconds = static_cast<double>((sends[last] - sends[first]).count()) / 1'000;
        ASSERT_LE(static_cast<double>(last - first + 1), burst + limits_.per_second * seconds + 1e-6)
            << "calls " << first << " to " << last;
      }
    }
  }

  Schedule schedule;
  std::vector<Time> sends;
  std::uint32_t under_way = 0, under_way_max = 0;
  Duration takes_max{300};
  int refuse_percent = 0;
  bool stopped = false;

 private:
  class Outside final : public Connector {
   public:
    explicit Outside(Limited& owner) : owner_(owner) {}
    void start(Call, CallDone done) override {
      owner_.sends.push_back(owner_.schedule.now());
      owner_.under_way_max = std::max(owner_.under_way_max, ++owner_.under_way);
      const auto most = static_cast<std::uint64_t>(owner_.takes_max.count());
      const Time began = owner_.schedule.now();
      const Time ends = began + Duration(1 + static_cast<std::int64_t>(owner_.dice_.below(most)));
      const bool refuses = owner_.dice_.below(100) < static_cast<std::uint64_t>(owner_.refuse_percent);
      owner_.schedule.at(ends, [this, alive = std::weak_ptr<int>(owner_.alive_), done, began, ends, refuses] {
        if (alive.expired()) return;
        --owner_.under_way;
        Outcome outcome;
        outcome.kind = refuses ? OutcomeClass::not_sent : OutcomeClass::answered;
        outcome.status = refuses ? 429 : 200;
        outcome.code = refuses ? "http_429" : "";
        if (!refuses) outcome.body = Json::object();
        outcome.started = began;
        outcome.ended = ends;
        done(std::move(outcome));
      });
    }
    void stop() override {}

   private:
    Limited& owner_;
  };

  Dice dice_;
  const RateLimit limits_;
  const std::size_t count_;
  std::shared_ptr<int> alive_;
  MemoryStore store_{true};
  std::vector<std::unique_ptr<SimLoop>> loops_;
  std::vector<std::unique_ptr<Outside>> outsides_;
  std::unique_ptr<ToolRegistry> tools_;
  std::unique_ptr<Engine> engine_;
};

TEST(Limits, never_more_calls_than_the_tool_allows_whatever_is_submitted_and_however_often_it_crashes) {
  const RateLimit all[] = {{0, 3}, {7, 0}, {20, 4}, {0.5, 1}, {200, 8}};
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const RateLimit limits = all[seed % 5];
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + std::to_string(limits.per_second) + " per second, " +
                 std::to_string(limits.concurrency) + " at a time");
    Dice dice(seed);
    Limited run(seed, limits);
    run.refuse_percent = seed % 2 == 0 ? 10 : 0;
    int workflows = 0, actions = 0;
    std::size_t lost = 0;
    for (int step = 0; step < 30; ++step) {
      if (dice.chance(0.3)) {
        const int count = 1 + static_cast<int>(dice.below(25));
        run.submit("w" + std::to_string(workflows++), count);
        actions += count;
      }
      if (dice.chance(0.1)) {
        run.finish_moment();
        lost += run.under_way;
        run.crash();
        run.start();
      }
      run.run(Duration(static_cast<std::int64_t>(dice.below(1'500))));
    }
    run.run(Duration(3'600'000));
    run.check_rate();
    if (limits.concurrency > 0) {
      EXPECT_LE(run.under_way_max, limits.concurrency);
    }
    std::size_t executed = 0, in_doubt = 0;
    for (int i = 0; i < workflows; ++i) {
      for (const ActionState& action : run.stored("w" + std::to_string(i)).actions) {
        executed += action.stage == Stage::executed ? 1 : 0;
        in_doubt += action.stage == Stage::in_doubt ? 1 : 0;
      }
    }
    EXPECT_EQ(executed + in_doubt, static_cast<std::size_t>(actions)) << "somebody still waits";
    EXPECT_LE(in_doubt, lost) << "in doubt, and it was never sent";
  }
}

TEST(Limits, a_big_workflow_does_not_starve_the_small_ones) {
  Limited run(1, {50, 4});
  run.submit("big", 2'000);
  run.run(Duration(200));
  for (int i = 0; i < 5; ++i) run.submit("small" + std::to_string(i), 1);
  run.run(Duration(2'000));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(run.stored("small" + std::to_string(i)).header.outcome, WorkflowOutcome::executed) << i;
  const Workflow big = run.stored("big");
  EXPECT_GT(big.gated + big.held.size(), 1'500U) << "in line, or not even that yet";
}

TEST(Limits, a_cancelled_workflow_leaves_the_line_at_once) {
  Limited run(1, {0, 1});
  run.takes_max = Duration(100);
  run.submit("big", 500);
  run.submit("small", 3);
  run.run(Duration(1));
  run.cancel("big");
  run.run(Duration(1'000));
  EXPECT_EQ(run.stored("big").header.status, WorkflowStatus::ended);
  EXPECT_EQ(run.stored("small").header.outcome, WorkflowOutcome::executed);
  EXPECT_LE(run.sends.size(), 4U);
}

TEST(Limits, a_stop_sends_nothing_that_waits_and_the_next_start_goes_on) {
  Limited run(1, {20, 2});
  run.submit("w", 40);
  run.run(Duration(500));
  run.stop();
  run.run(Duration(2'000));
  EXPECT_TRUE(run.stopped);
  const std::size_t sent = run.sends.size();
  run.run(Duration(10'000));
  EXPECT_EQ(run.sends.size(), sent);
  run.crash();
  run.start();
  run.run(Duration(30'000));
  EXPECT_EQ(run.stored("w").header.outcome, WorkflowOutcome::executed);
  EXPECT_EQ(run.sends.size(), 40U) << "each order once";
  run.check_rate();
}

}  // namespace
}  // namespace settle::sim
