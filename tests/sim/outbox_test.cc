// Subscriptions in virtual time: receivers that refuse, lose, hang and die, an engine that crashes at any commit,
// retention that goes on. Whatever happens, nothing that was to come is missing, and each workflow keeps its order.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/engine.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_store.h"

namespace settle::sim {
namespace {

/// The receiver, and the way to it.
class Receiver final {
 public:
  explicit Receiver(std::uint64_t seed) : dice_(seed) {}

  /// What comes of one call: after which time, and how it ends.
  std::pair<Duration, Outcome> take(const Call& call) {
    const Json event = *read_json(*call.body);
    const std::string id = call.headers.at(1).second;
    const std::string key = event.find("source")->as_string() + " " + event.find("id")->as_string();
    EXPECT_TRUE(ids.emplace(id, key).first->second == key) << "one webhook-id, two events";
    Outcome out;
    out.kind = OutcomeClass::ambiguous;
    const bool fails = dead || dice_.chance(failures);
    const bool has_it = !dead && (!fails || dice_.chance(0.5));
    if (has_it) taken.push_back(event);
    if (!fails) {
      out.kind = OutcomeClass::answered;
      out.status = 204;
    } else if (dice_.chance(0.3)) {
      out.status = 500;
      out.code = "http_500";
    } else {
      out.code = "connection_lost";
    }
    ++calls;
    return {dice_.between(Duration(1), Duration(fails ? 10'000 : 50)), out};
  }

  double failures = 0;
  bool dead = false;
  std::size_t calls = 0;
  std::map<std::string, std::string> ids;
  std::vector<Json> taken;

 private:
  Dice dice_;
};

class Carrier final : public Connector {
 public:
  Carrier(Receiver& receiver, SimLoop& loop) : receiver_(receiver), loop_(loop) {}
  void start(Call call, CallDone done) override {
    EXPECT_EQ(call.reach, Reach::public_only);
    auto [after, outcome] = receiver_.take(call);
    loop_.schedule(loop_.now() + after, [done = std::move(done), ended = outcome] { done(ended); });
  }
  void stop() override {}

 private:
  Receiver& receiver_;
  SimLoop& loop_;
};

/// An engine that runs plans without calls, so that all that leaves are events.
class Subscribed {
 public:
  explicit Subscribed(std::uint64_t seed) : dice(seed), store(schedule, seed ^ 1), receiver(seed ^ 2) {}

  void start(std::size_t loops) {
    const auto clock = std::make_shared<Clock>();
    std::vector<Engine::Part> parts;
    for (std::size_t i = 0; i < loops; ++i) {
      loops_.push_back(std::make_unique<SimLoop>(schedule, dice.next(), clock));
      carriers_.push_back(std::make_unique<Carrier>(receiver, *loops_.back()));
      parts.push_back({loops_.back().get(), carriers_.back().get()});
    }
    OutboxOptions outbox;
    outbox.key = std::string(32, 'k');
    outbox.limits.attempts_max = attempts_max;
    outbox.limits.dead_letters_max = dead_letters_max;
    outbox.limits.calls_max = 1 + dice.below(6);
    outbox.limits.window_events = 4 + dice.below(40);
    tools_ = std::make_unique<ToolRegistry>(store, Values{});
    engine_ = std::make_unique<Engine>(store, *tools_, std::move(parts), EngineOptions{.outbox = std::move(outbox)});
    EXPECT_TRUE(engine_->recover([] {}, [](const Error& error) { ADD_FAILURE() << error.message; }));
  }

  void crash() {
    engine_ = nullptr;
    carriers_.clear();
    loops_.clear();
    store.crash();
  }

  void run(Duration time) {
    bool over = false;
    const auto told = std::make_shared<bool*>(&over);
    schedule.after(time, [told] {
      if (*told != nullptr) **told = true;
    });
    while (!over && !store.crash_due) schedule.run_one();
    *told = nullptr;
    if (!store.crash_due) return;
    crash();
    start(1 + dice.below(3));
    ++crashes;
  }

  void subscribe() {
    bool made = false;
    engine_->outbox().put(
        {.name_space = "default", .name = "hook", .url = "https://example.org/", .by = "test"}, *loops_[0],
        [&](const Result<Outbox::Answer>& done) { made = bool(done); }, nullptr);
    while (!made) ASSERT_TRUE(schedule.run_one());
  }

  void submit(const std::string& id) {
    const Result<Json> body = read_json(R"({"id": ")" + id + R"(", "plan": {"name": "p", "actions": [
        {"id": "a", "tool": "flow.sleep", "input": {"for": "20ms"}},
        {"id": "b", "tool": "flow.emit", "input": {"type": "x", "data": 1}, "after": ["a"]}]}})");
    engine_->submit({.name_space = "default", .idempotency_key = "", .body = *body}, *loops_[0],
                    [](const Result<Engine::Started>&) {});
  }

  /// What a new subscription and a pause of that one get when the deliveries have been drained.
  std::vector<ErrorCode> after_drain() {
    bool quiet = false;
    engine_->outbox().drain([&] { quiet = true; });
    while (!quiet && schedule.run_one()) {
    }
    std::vector<ErrorCode> out;
    const auto note = [&](const Result<Outbox::Answer>& done) {
      if (!done) out.push_back(done.error().code);
    };
    engine_->outbox().put({.name_space = "default", .name = "new", .url = "https://example.org/", .by = "test"},
                          *loops_[0], note, nullptr);
    engine_->outbox().pause({"default", "hook"}, *loops_[0], note, nullptr);
    run(Duration(1'000));
    return out;
  }

  /// All dead letters again; what comes of it is looked at by nobody.
  void redrive() {
    engine_->outbox().redrive({"default", "hook"}, std::nullopt, *loops_[0], [](const Result<Json>&) {}, nullptr);
  }

  Json shown() {
    Json document;
    bool seen = false;
    engine_->outbox().show({"default", "hook"}, *loops_[0], [&](const Result<Json>& done) {
      if (done) document = *done;
      seen = true;
    });
    while (!seen && schedule.run_one()) {
    }
    return document;
  }

  /// "workflow seq" of every event that became durable, in the order of the feed.
  std::vector<std::string> feed() {
    std::vector<std::string> out;
    FeedReader reader;
    const Result<FeedCursor> end = reader.read(
        *store.snapshot(), {}, 1'000'000, [](std::string_view) { return true; },
        [&](const FeedEvent& event) {
          out.push_back(event.workflow + "." + std::to_string(event.event.seq));
          return true;
        });
    EXPECT_TRUE(end) << (end ? "" : end.error().message);
    return out;
  }

  void expect_order() const {
    std::map<std::string, std::string> latest;
    std::set<std::string> seen;
    for (const Json& event : receiver.taken) {
      if (!seen.insert(event.find("id")->as_string()).second) continue;
      std::string& last = latest[event.find("subject")->as_string()];
      EXPECT_LT(last, event.find("sequence")->as_string()) << event.find("id")->as_string();
      last = event.find("sequence")->as_string();
    }
  }

  Schedule schedule;
  Dice dice;
  SimStore store;
  Receiver receiver;
  std::uint32_t attempts_max = 1'000;
  std::uint64_t dead_letters_max = 10'000;
  std::size_t crashes = 0;

 private:
  std::vector<std::unique_ptr<SimLoop>> loops_;
  std::unique_ptr<ToolRegistry> tools_;
  std::vector<std::unique_ptr<Carrier>> carriers_;
  std::unique_ptr<Engine> engine_;
};

std::set<std::string> ids_of(const std::vector<Json>& events) {
  std::set<std::string> out;
  for (const Json& event : events) out.insert(event.find("id")->as_string());
  return out;
}

TEST(OutboxSim, nothing_is_lost_and_each_workflow_keeps_its_order_whatever_fails) {
  std::size_t crashes = 0, twice = 0, events = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Subscribed world(seed);
    world.start(1 + world.dice.below(3));
    world.subscribe();
    world.receiver.failures = static_cast<double>(world.dice.below(60)) / 100;
    for (int round = 0; round < 20; ++round) {
      if (world.dice.chance(0.3)) world.store.crash_after = 1 + world.dice.below(60);
      world.receiver.dead = world.dice.chance(0.15);
      for (std::uint64_t i = 0, count = world.dice.below(6); i < count; ++i)
        world.submit("w" + std::to_string(round) + "-" + std::to_string(i));
      world.run(world.dice.between(Duration(1), Duration(5'000)));
    }
    world.store.crash_after = std::nullopt;
    world.receiver.dead = false;
    world.receiver.failures = 0;
    for (int i = 0; i < 200 && *world.shown().find("behind") != Json(0); ++i) world.run(Duration(3'600'000));
    const std::vector<std::string> feed = world.feed();
    EXPECT_EQ(ids_of(world.receiver.taken), std::set<std::string>(feed.begin(), feed.end()));
    world.expect_order();
    crashes += world.crashes;
    twice += world.receiver.taken.size() - feed.size();
    events += feed.size();
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(crashes, 50U);
  EXPECT_GT(twice, 50U);
  EXPECT_GT(events, 5'000U);
}

TEST(OutboxSim, a_dead_receiver_gets_few_calls_and_holds_no_workflow_up) {
  Subscribed world(7);
  world.start(2);
  world.subscribe();
  world.receiver.dead = true;
  for (int i = 0; i < 300; ++i) world.submit("w" + std::to_string(i));
  world.run(Duration(60'000));
  EXPECT_GE(world.feed().size(), 300U * 6);
  EXPECT_LT(world.receiver.calls, 1'000U);
  world.run(Duration(std::int64_t{6} * 24 * 3'600'000));
  const Json document = world.shown();
  EXPECT_EQ(*document.find("state"), Json("disabled"));
  EXPECT_EQ(*document.find("reason"), Json("failing"));
  EXPECT_EQ(*document.find("dead_letters"), Json(0)) << "its place in the feed is kept instead";
  const std::size_t before = world.receiver.calls;
  world.run(Duration(std::int64_t{6} * 24 * 3'600'000));
  EXPECT_EQ(world.receiver.calls, before);
}

TEST(OutboxSim, what_is_given_up_is_a_dead_letter_and_nothing_else_is_missing) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Subscribed world(seed);
    world.attempts_max = 3;
    world.start(2);
    world.subscribe();
    world.receiver.failures = 0.5;
    for (int round = 0; round < 10; ++round) {
      if (world.dice.chance(0.3)) world.store.crash_after = 1 + world.dice.below(60);
      for (int i = 0; i < 4; ++i) world.submit("w" + std::to_string(round) + "-" + std::to_string(i));
      world.run(Duration(5'000));
    }
    world.store.crash_after = std::nullopt;
    for (int i = 0; i < 200 && *world.shown().find("behind") != Json(0); ++i) world.run(Duration(3'600'000));
    world.run(Duration(10'000));
    std::set<std::string> all = ids_of(world.receiver.taken);
    std::size_t letters = 0;
    const Result<void> scanned = world.store.snapshot()->scan(
        Family::index, {.from = "E", .to = "F"}, [&](std::string_view, std::string_view value) {
          const Result<DeadLetter> letter = decode_dead_letter(value, {});
          all.insert(letter->workflow + "." + std::to_string(letter->seq));
          ++letters;
          return true;
        });
    EXPECT_TRUE(scanned);
    EXPECT_GT(letters, 0U);
    EXPECT_EQ(*world.shown().find("dead_letters"), Json(static_cast<std::int64_t>(letters)));
    const std::vector<std::string> feed = world.feed();
    EXPECT_EQ(all, std::set<std::string>(feed.begin(), feed.end()));
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(OutboxSim, while_the_engine_ends_nothing_is_changed) {
  Subscribed world(3);
  world.start(2);
  world.subscribe();
  EXPECT_EQ(world.after_drain(), (std::vector{ErrorCode::shutting_down, ErrorCode::shutting_down}));
  EXPECT_EQ(*world.shown().find("state"), Json("active"));
}

TEST(OutboxSim, dead_letters_are_counted_right_and_too_many_go_while_others_are_redriven) {
  std::int64_t dropped = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Subscribed world(seed);
    world.attempts_max = 1;
    world.dead_letters_max = 5;
    world.start(2);
    world.subscribe();
    world.receiver.failures = 0.6;
    for (int round = 0; round < 15; ++round) {
      if (world.dice.chance(0.2)) world.store.crash_after = 1 + world.dice.below(60);
      for (int i = 0; i < 4; ++i) world.submit("w" + std::to_string(round) + "-" + std::to_string(i));
      world.run(world.dice.between(Duration(1), Duration(5'000)));
      for (std::uint64_t i = world.dice.below(3); i > 0; --i) world.redrive();
    }
    world.store.crash_after = std::nullopt;
    for (int i = 0; i < 200 && *world.shown().find("behind") != Json(0); ++i) world.run(Duration(3'600'000));
    world.run(Duration(3'600'000));
    std::int64_t letters = 0;
    const Result<void> scanned = world.store.snapshot()->scan(Family::index, {.from = "E", .to = "F"},
                                                              [&](std::string_view, std::string_view value) {
                                                                EXPECT_FALSE(decode_dead_letter(value, {})->redriving);
                                                                ++letters;
                                                                return true;
                                                              });
    EXPECT_TRUE(scanned);
    EXPECT_LE(letters, 5);
    const Json document = world.shown();
    EXPECT_EQ(*document.find("dead_letters"), Json(letters));
    EXPECT_EQ(*document.find("failing_since"), Json()) << "nothing is open";
    dropped += document.find("dead_letters_dropped")->as_integer();
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(dropped, 30);
}

}  // namespace
}  // namespace settle::sim
