// What a namespace uses: never beyond its limits, whoever asks at the same time.
#include "engine/usage.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "engine/kept_bytes.h"
#include "engine/listing.h"
#include "storage/codec.h"
#include "storage/keys.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/storage/collecting_sink.h"

namespace settle {
namespace {

QuotaLimits limits(std::optional<std::int64_t> open_workflows, std::optional<std::int64_t> bytes) {
  return {std::nullopt, open_workflows, bytes};
}

TEST(NamespaceUse, threads_that_race_get_just_what_there_is) {
  NamespaceUse use("n", limits(1'000, 5'000));
  std::atomic<std::int64_t> taken{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 20'000; ++n) {
        if (!use.take({1, 3})) continue;
        const Share now = use.now();
        if (now.workflows > 1'000 || now.bytes > 5'000) most = 1;
        if (n % 2 == 0 && i % 2 == 0) {
          use.give_back({1, 3});
        } else {
          ++taken;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 0) << "more than there may be";
  while (use.take({1, 3})) ++taken;
  EXPECT_EQ(taken, 1'000);
  EXPECT_EQ(use.now().workflows, 1'000);
  EXPECT_EQ(use.now().bytes, 3'000);
}

TEST(NamespaceUse, what_is_refused_takes_nothing) {
  NamespaceUse use("n", limits(2, 100));
  EXPECT_TRUE(use.take({1, 60}));
  const Result<void> bytes = use.take({1, 60});
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::quota_exceeded);
  EXPECT_NE(bytes.error().message.find("bytes"), std::string::npos) << bytes.error().message;
  EXPECT_TRUE(use.take({1, 40})) << "the place of the refused one is free, and so are its bytes";
  const Result<void> workflows = use.take({1, 0});
  ASSERT_FALSE(workflows);
  EXPECT_NE(workflows.error().message.find("open workflows"), std::string::npos) << workflows.error().message;
  use.give_back({1, 60});
  EXPECT_TRUE(use.has_room({1, 60}));
  EXPECT_FALSE(use.has_room({1, 61}));
}

TEST(NamespaceUse, what_grows_beyond_the_limit_keeps_others_out_and_itself_goes_on) {
  NamespaceUse use("n", limits(std::nullopt, 100));
  EXPECT_TRUE(use.take({1, 50}));
  use.add({0, 90});
  EXPECT_FALSE(use.take({1, 1}));
  EXPECT_FALSE(use.take({0, 1}));
  EXPECT_TRUE(use.take({1, 0})) << "what brings nothing takes nothing";
  use.give_back({1, 140});
  EXPECT_TRUE(use.take({1, 100}));
}

TEST(Usage, each_namespace_has_its_own_limits) {
  QuotaOptions options;
  options.usual.open_workflows = 1;
  options.own["big"].open_workflows = 2;
  Usage usage(options);
  EXPECT_EQ(usage.now("a").workflows, 0);
  EXPECT_TRUE(usage.of("a").take({1, 0}));
  EXPECT_EQ(usage.now("a").workflows, 1);
  EXPECT_FALSE(usage.of("a").take({1, 0}));
  EXPECT_TRUE(usage.of("b").take({1, 0}));
  EXPECT_TRUE(usage.of("big").take({1, 0}));
  EXPECT_TRUE(usage.of("big").take({1, 0}));
  EXPECT_FALSE(usage.of("big").take({1, 0}));
}

TEST(NamespaceUse, what_would_never_fit_is_not_told_to_come_later) {
  NamespaceUse use("n", limits(1, 100));
  EXPECT_TRUE(use.take({1, 100}));
  for (const Share& share : {Share{1, 101}, Share{0, 101}}) {
    EXPECT_EQ(use.has_room(share).error().code, ErrorCode::payload_too_large);
    EXPECT_EQ(use.take(share).error().code, ErrorCode::payload_too_large);
  }
  EXPECT_EQ(use.take({1, 100}).error().code, ErrorCode::quota_exceeded);
  EXPECT_EQ(use.now().workflows, 1);
  EXPECT_EQ(use.now().bytes, 100);
}

TEST(NamespaceUse, places_that_came_free_are_counted) {
  NamespaceUse use("n", limits(10, 100));
  EXPECT_TRUE(use.take({3, 50}));
  use.give_back({0, 20});
  EXPECT_EQ(use.freed(), 0U);
  use.give_back({2, 0});
  EXPECT_EQ(use.freed(), 2U);
  EXPECT_FALSE(use.take({1, 90}));
  EXPECT_EQ(use.freed(), 2U) << "what was refused had no place";
}

TEST(Usage, counts_one_that_can_not_be_read_without_its_bytes_and_tells) {
  MemoryStore store{true};
  WriteBatch batch;
  for (const char* id : {"a", "b", "c"}) {
    Workflow workflow;
    workflow.header.name_space = "n";
    workflow.header.id = id;
    workflow.plan = std::make_shared<const Plan>();
    const keys::OfWorkflow records("n", id);
    const bool damaged = workflow.header.id == "b";
    batch.put(Family::state, records.header(), damaged ? "no record" : encode_header(workflow, std::nullopt, 70));
    batch.put(Family::state, records.progress(), encode_progress(workflow.header, std::nullopt, 70));
    change_marks(workflow.header, 0, marks_of(workflow.header), batch);
  }
  commit_and_wait(store, std::move(batch));
  QuotaOptions options;
  options.usual.bytes = 1'000;
  Usage usage(options);
  std::vector<Error> told;
  ASSERT_TRUE(usage.count(*store.snapshot(), std::nullopt, [&](const Error& error) { told.push_back(error); }));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].code, ErrorCode::corruption);
  EXPECT_EQ(usage.now("n").workflows, 3);
  EXPECT_EQ(usage.now("n").bytes, 140);
}

TEST(KeptBytes, what_takes_the_place_of_something_is_counted_once) {
  using enum KeptBytes::Of;
  KeptBytes kept;
  kept.plan(100);
  kept.set(input, 3, 10);
  kept.set(output, 3, 20);
  kept.set(before, 0, 5);
  EXPECT_EQ(kept.total(), 135U);
  kept.set(output, 3, 7);
  kept.set(input, 3, 0);
  kept.set(input, 90, 0);
  EXPECT_EQ(kept.total(), 112U);
  std::vector<SignalState> signals(2);
  signals[0].bytes = signals[1].bytes = 50;
  kept.signals(signals);
  signals.emplace_back().bytes = 1;
  kept.signals(signals);
  kept.signals(signals);
  EXPECT_EQ(kept.total(), 213U);
}

}  // namespace
}  // namespace settle
