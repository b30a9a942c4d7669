// What the feed lets go of, and when it must not.
#include "engine/feed_retention.h"

#include <gtest/gtest.h>

#include "engine/feed.h"
#include "storage/keys.h"
#include "storage/memory/memory_store.h"

namespace settle {
namespace {

using std::chrono::seconds;

/// Time as a test sets it; nothing is ever run.
class StillLoop final : public Loop {
 public:
  explicit StillLoop(Clock& clock) : clock_(clock) {}
  Time now() override { return clock_.now(wall, steady); }
  void not_before(Time) override {}
  Time leapt() const override { return clock_.leapt(); }
  void knows_leap(Time leap) override { clock_.knows_leap(leap); }
  std::uint64_t entropy() override { return 1; }
  void post(std::function<void()>) override {}
  std::uint64_t schedule(Time, std::function<void()>) override { return 1; }
  void cancel(std::uint64_t) override {}
  bool here() const override { return true; }
  void deliver(std::vector<Completion>) override {}

  void pass(std::chrono::nanoseconds time) {
    wall += time;
    steady += time;
  }
  std::chrono::nanoseconds wall{seconds(1'000'000)}, steady{seconds(10)};

 private:
  Clock& clock_;
};

class Retention : public ::testing::Test {
 protected:
  void add_event() {
    WriteBatch batch;
    const auto number = static_cast<std::uint32_t>(store.feed_size() + 1);
    batch.put(Family::history, keys::OfWorkflow("default", "w").events(number),
              encode_events({{"action.started", std::nullopt, Json::object(), loop.now()}}));
    batch.feed.push_back({"default", "w", number, 1});
    store.commit(std::move(batch), loop, nullptr);
  }
  std::uint64_t floor() { return *feed_floor(*store.snapshot()); }
  std::shared_ptr<FeedRetention> make(FeedRetentionOptions options) {
    return std::make_shared<FeedRetention>(store, loop, options, clock);
  }

  std::shared_ptr<Clock> clock = std::make_shared<Clock>();
  StillLoop loop{*clock};
  MemoryStore store{true};
};

TEST_F(Retention, too_many_go_even_if_their_age_can_not_be_read_and_what_is_wrong_is_told) {
  for (int i = 0; i < 20; ++i) add_event();
  WriteBatch damage;
  for (std::uint64_t number = 1; number <= 20; ++number) damage.put(Family::index, feed_key(number), "\xff");
  store.commit(std::move(damage), loop, nullptr);
  std::size_t told = 0;
  const auto retention = std::make_shared<FeedRetention>(store, loop, FeedRetentionOptions{.records_max = 15}, clock,
                                                         [&](const Error& error) {
                                                           EXPECT_EQ(error.code, ErrorCode::corruption);
                                                           ++told;
                                                         });
  EXPECT_EQ(*retention->look(), 5U);
  const Result<std::uint64_t> none = retention->look();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::corruption);
  EXPECT_EQ(told, 1U) << "once, not at each look";
}

TEST_F(Retention, what_is_older_goes_and_nothing_else) {
  for (int i = 0; i < 20; ++i) {
    add_event();
    loop.pass(seconds(10));
  }
  const auto retention = make({.keep = Duration(95'000)});
  while (*retention->look() > 0) {
  }
  EXPECT_EQ(floor(), 12U) << "event 11 is 100 s old, event 12 is 90 s old";
  EXPECT_EQ(store.feed_size(), 20U);
}

TEST_F(Retention, the_last_record_always_stays) {
  for (int i = 0; i < 3; ++i) add_event();
  loop.pass(seconds(1'000));
  const auto retention = make({.keep = Duration(1)});
  while (*retention->look() > 0) {
  }
  EXPECT_EQ(floor(), 3U);
  EXPECT_EQ(*feed_size(*store.snapshot()), 3U);
}

TEST_F(Retention, beyond_so_many_the_oldest_go_whatever_their_age) {
  for (int i = 0; i < 2'500; ++i) add_event();
  const auto retention = make({.keep = Duration(std::int64_t{1} << 40), .records_max = 100});
  EXPECT_EQ(*retention->look(), FeedRetention::step_max) << "a few at a time";
  while (*retention->look() > 0) {
  }
  EXPECT_EQ(floor(), 2'401U);
}

TEST_F(Retention, a_leap_of_the_clock_is_told_and_nothing_goes_by_its_age_until_somebody_agrees) {
  for (int i = 0; i < 5; ++i) add_event();
  const auto retention = make({.keep = Duration(60'000)});
  EXPECT_EQ(*retention->look(), 0U);
  loop.wall += std::chrono::hours(24);
  EXPECT_EQ(*retention->look(), 0U);
  EXPECT_EQ(store.feed_size(), 6U) << "an event of the engine's own";
  loop.pass(seconds(100));
  EXPECT_EQ(*retention->look(), 0U);
  EXPECT_EQ(store.feed_size(), 6U) << "told once";
  EXPECT_TRUE(retention_held_since(*store.snapshot())->has_value());
  std::string seen;
  FeedReader reader;
  ASSERT_TRUE(reader.read(
      *store.snapshot(), {6, 0}, 10, [](std::string_view) { return false; },
      [&](const FeedEvent& event) {
        seen += outside_type(event) + " " + write_json(event.event.event.data);
        return true;
      }));
  EXPECT_TRUE(seen.starts_with("engine.clock_leapt ")) << seen;
  EXPECT_NE(seen.find(R"("by_ms":86400000)"), std::string::npos) << seen;

  // It holds over a restart, too.
  const auto next = make({.keep = Duration(60'000)});
  EXPECT_EQ(*next->look(), 0U);
  WriteBatch batch;
  release_retention(batch);
  store.commit(std::move(batch), loop, nullptr);
  EXPECT_EQ(*next->look(), 5U);
}

TEST_F(Retention, a_small_leap_is_nothing_to_speak_of) {
  for (int i = 0; i < 3; ++i) add_event();
  const auto retention = make({.keep = Duration(1'000)});
  EXPECT_EQ(*retention->look(), 0U);
  loop.wall += seconds(59);
  EXPECT_EQ(*retention->look(), 2U);
  EXPECT_EQ(store.feed_size(), 3U);
}

}  // namespace
}  // namespace settle
