// Where workflows live: on which loop, and how long in memory.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>

#include "storage/keys.h"
#include "storage/memory/memory_store.h"

namespace settle {
namespace {

/// Loops that take turns on one thread: `current` is the one whose thread this is.
class TurnLoop final : public Loop {
 public:
  TurnLoop(const TurnLoop*& current, std::uint64_t seed) : current_(current), dice_(seed) {}
  Time now() override { return Time(Duration(1'700'000'000'000)); }
  void not_before(Time) override {}
  Time leapt() const override { return Time::min(); }
  void knows_leap(Time) override {}
  std::uint64_t entropy() override { return dice_ = dice_ * 6364136223846793005ULL + 1442695040888963407ULL; }
  void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  std::uint64_t schedule(Time, std::function<void()>) override { return ++timers_; }
  void cancel(std::uint64_t) override {}
  bool here() const override { return current_ == this; }
  void deliver(std::vector<Completion> completions) override {
    for (Completion& one : completions) post([one = std::move(one)] { one.done(one.result); });
  }

  bool run_one() {
    if (tasks_.empty()) return false;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    current_ = this;
    task();
    return true;
  }

 private:
  const TurnLoop*& current_;
  std::uint64_t dice_, timers_ = 0;
  std::deque<std::function<void()>> tasks_;
};

struct NoConnector final : Connector {
  void start(Call, CallDone) override { FAIL() << "a call"; }
  void stop() override {}
};

/// Counts how often somebody looks at what is stored.
class WatchedStore final : public Store {
 public:
  void commit(WriteBatch batch, CompletionSink& sink, CompletionSink::Done done) override {
    store_.commit(std::move(batch), sink, std::move(done));
  }
  std::unique_ptr<Reader> snapshot() const override {
    ++looks;
    return store_.snapshot();
  }
  std::uint64_t ledger_size() const override { return store_.ledger_size(); }
  std::uint64_t feed_size() const override { return store_.feed_size(); }
  bool has_room() const override { return store_.has_room(); }

  mutable std::size_t looks = 0;

 private:
  MemoryStore store_{true};
};

constexpr std::string_view ends_at_once = R"({"tool":"flow.assert","input":{"that":{"equals":[1,1]}}})";
constexpr std::string_view goes_on = R"({"tool":"flow.sleep","input":{"for":"20s"}})";

class Homes : public ::testing::Test {
 protected:
  static constexpr std::size_t loop_count = 2;

  explicit Homes(EngineOptions options = {})
      : engine(store, tools, {{&loops[0], &connector}, {&loops[1], &connector}}, std::move(options)) {}

  /// The id of a workflow of one action that was submitted on this loop, without an id.
  std::string submit(std::size_t loop, std::string_view action) {
    const Result<std::string> id = try_to_submit(loop, action);
    EXPECT_TRUE(id) << id.error().message;
    return id ? *id : "";
  }
  Result<std::string> try_to_submit(std::size_t loop, std::string_view action) {
    Json document = *read_json(action);
    document.set("id", "a");
    Json actions = Json::array();
    actions.push_back(std::move(document));
    SubmitRequest request;
    request.body = Json::object({{"plan", Json::object({{"name", "p"}, {"actions", std::move(actions)}})}});
    Result<std::string> id = fail(ErrorCode::internal, "no answer");
    loops[loop].post([&] {
      engine.submit(std::move(request), loops[loop], [&](const Result<Engine::Started>& started) {
        id = started ? Result<std::string>(started->workflow.header.id) : started.error();
      });
    });
    run();
    return id;
  }
  std::string status_of(const std::string& id, std::size_t loop) {
    std::string status;
    loops[loop].post([&] {
      engine.get("default", id, WaitFor::ended, Duration(0), loops[loop], [&](const Result<WorkflowText>& shown) {
        ASSERT_TRUE(shown) << shown.error().message;
        status = shown->document().find("status")->as_string();
      });
    });
    run();
    return status;
  }
  std::size_t in_memory() {
    std::size_t live = 0;
    loops[0].post([&] { engine.counters(loops[0], [&](const Shard::Counters& counters) { live = counters.live; }); });
    run();
    return live;
  }
  static std::size_t home_of(const std::string& id) { return partition_of("default", id) % loop_count; }

  const TurnLoop* current = nullptr;
  WatchedStore store;
  ToolRegistry tools{store, Values()};
  NoConnector connector;
  std::array<TurnLoop, loop_count> loops{TurnLoop(current, 1), TurnLoop(current, 2)};
  Engine engine;

  void run() {
    while (std::any_of(loops.begin(), loops.end(), [](TurnLoop& loop) { return loop.run_one(); })) {
    }
  }
};

TEST_F(Homes, a_workflow_without_an_id_lives_where_it_was_submitted) {
  for (std::size_t i = 0; i < 60; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(home_of(submit(i % loop_count, ends_at_once)), i % loop_count);
  }
}

TEST_F(Homes, a_loop_with_more_than_its_share_leaves_them_to_chance) {
  std::array<std::size_t, loop_count> lives{};
  for (int i = 0; i < 600; ++i) ++lives[home_of(submit(0, goes_on))];
  for (const std::size_t count : lives) EXPECT_GT(count, 200U);
}

TEST_F(Homes, what_ended_last_is_answered_from_memory_and_the_rest_from_the_store) {
  const std::string first = submit(0, ends_at_once);
  std::size_t looks = store.looks;
  EXPECT_EQ(status_of(first, 0), "ended");
  EXPECT_EQ(status_of(first, 1), "ended");
  EXPECT_EQ(store.looks, looks);
  const std::size_t kept = ShardLimits().ended_kept;
  for (std::size_t i = 0; i < kept; ++i) submit(0, ends_at_once);
  looks = store.looks;
  EXPECT_EQ(status_of(first, 0), "ended");
  EXPECT_GT(store.looks, looks);
}

struct NobodyMayWait : Homes {
  NobodyMayWait() : Homes({.shard = {.watches_max = 0}}) {}
};

TEST_F(NobodyMayWait, and_who_is_told_so_leaves_nothing_in_memory) {
  const std::string id = submit(0, R"({"tool":"flow.sleep","input":{"for":"1h"}})");
  ASSERT_EQ(in_memory(), 0U);
  std::optional<ErrorCode> refused;
  loops[0].post([&] {
    engine.get("default", id, WaitFor::ended, Duration(1'000), loops[0], [&](const Result<WorkflowText>& shown) {
      if (!shown) refused = shown.error().code;
    });
  });
  run();
  EXPECT_EQ(refused, ErrorCode::overloaded);
  EXPECT_EQ(in_memory(), 0U);
}

/// There is room for a plan of 200 bytes, and not for what it keeps beside.
struct LittleRoom : Homes {
  LittleRoom() : Homes({.quotas = {.usual = {{}, {}, 220}, .own = {}}}) {}
};

TEST_F(LittleRoom, a_refused_submission_does_not_take_the_clock_with_it) {
  const std::string long_name(120, 'x');
  const Result<std::string> refused =
      try_to_submit(0, R"({"tool":"flow.wait_signal","input":{"name":")" + long_name + R"("}})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::payload_too_large);
  EXPECT_NE(refused.error().message.find("keep 3"), std::string::npos) << refused.error().message;
  EXPECT_FALSE(*store.snapshot()->get(Family::meta, keys::clock));
  submit(0, goes_on);
  EXPECT_TRUE(*store.snapshot()->get(Family::meta, keys::clock));
}

}  // namespace
}  // namespace settle
