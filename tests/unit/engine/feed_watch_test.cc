// Who waits for the feed is told in bounded steps, at the latest when the deadline has come.
#include "engine/feed_watch.h"

#include <gtest/gtest.h>

#include <deque>

#include "storage/memory/memory_store.h"

namespace settle {
namespace {

/// What is posted and scheduled is run by the test.
class HandLoop final : public Loop {
 public:
  Time now() override { return time; }
  void not_before(Time) override {}
  Time leapt() const override { return Time::min(); }
  void knows_leap(Time) override {}
  std::uint64_t entropy() override { return 1; }
  void post(std::function<void()> task) override { posted.push_back(std::move(task)); }
  std::uint64_t schedule(Time at, std::function<void()> task) override {
    timers.emplace(++scheduled, std::pair(at, std::move(task)));
    return scheduled;
  }
  void cancel(std::uint64_t timer) override { timers.erase(timer); }
  bool here() const override { return true; }
  void deliver(std::vector<Completion>) override {}

  bool run_posted() {
    if (posted.empty()) return false;
    const std::function<void()> task = std::move(posted.front());
    posted.pop_front();
    task();
    return true;
  }

  void run_due() {
    for (auto at = timers.begin(); at != timers.end();) {
      if (at->second.first > time) {
        ++at;
        continue;
      }
      const std::function<void()> task = std::move(at->second.second);
      timers.erase(at);
      task();
      at = timers.begin();
    }
  }

  Time time{Duration(1'000)};
  std::deque<std::function<void()>> posted;
  std::map<std::uint64_t, std::pair<Time, std::function<void()>>> timers;
  std::uint64_t scheduled = 0;
};

TEST(Watch, those_who_are_due_have_turns_of_64_and_one_timer_serves_all) {
  HandLoop loop;
  MemoryStore store{true};
  FeedBell bell;
  const auto watch = std::make_shared<FeedWatch>(store, loop, bell);
  std::size_t told = 0;
  for (int i = 0; i < 200; ++i) watch->wait(1, loop.time + Duration(100), [&] { ++told; });
  watch->wait(1, loop.time + Duration(200), [&] { told += 1'000; });
  EXPECT_EQ(loop.scheduled, 1U);
  watch->wait(1, loop.time + Duration(50), [&] { ++told; });
  EXPECT_EQ(loop.scheduled, 2U) << "an earlier one";
  EXPECT_EQ(loop.timers.size(), 1U);
  loop.time += Duration(50);
  loop.run_due();
  EXPECT_EQ(told, 1U);
  loop.time += Duration(50);
  loop.run_due();
  EXPECT_EQ(told, 65U);
  EXPECT_TRUE(loop.run_posted());
  EXPECT_EQ(told, 129U);
  while (loop.run_posted()) {
  }
  EXPECT_EQ(told, 201U);
  EXPECT_EQ(watch->waiting(), 1U);
  loop.time += Duration(100);
  loop.run_due();
  EXPECT_EQ(told, 1'201U);
}

TEST(Watch, all_are_told_when_the_feed_has_grown) {
  HandLoop loop;
  MemoryStore store{true};
  FeedBell bell;
  const auto watch = std::make_shared<FeedWatch>(store, loop, bell);
  std::size_t told = 0;
  for (int i = 0; i < 100; ++i) watch->wait(1, Time::max(), [&] { ++told; });
  WriteBatch batch;
  batch.feed.push_back({"default", "w", 1, 1});
  store.commit(std::move(batch), loop, nullptr);
  bell.ring();
  while (loop.run_posted()) {
  }
  EXPECT_EQ(told, 100U);
}

}  // namespace
}  // namespace settle
