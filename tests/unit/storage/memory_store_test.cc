#include "storage/memory/memory_store.h"

#include <gtest/gtest.h>

#include "tests/unit/storage/collecting_sink.h"

namespace settle {
namespace {

void put(MemoryStore& store, CollectingSink& sink, const std::string& key, const std::string& value) {
  WriteBatch batch;
  batch.guards.push_back({Family::state, key});
  batch.put(Family::state, key, value);
  batch.ledger.push_back({"R" + key, value, sha256(value)});
  store.commit(std::move(batch), sink, [](const CommitResult&) {});
}

bool has(const MemoryStore& store, const std::string& key) {
  return store.snapshot()->get(Family::state, key)->has_value();
}

TEST(MemoryStoreTest, NothingIsSeenOrCompletedBeforeItIsSynced) {
  MemoryStore store;
  CollectingSink sink;
  put(store, sink, "a", "1");
  put(store, sink, "a", "2");
  EXPECT_FALSE(has(store, "a"));
  EXPECT_EQ(store.ledger_size(), 0U);
  EXPECT_EQ(sink.delivered(), 0U);
  EXPECT_EQ(store.queued(), 2U);
  store.sync();
  EXPECT_TRUE(has(store, "a"));
  EXPECT_EQ(store.ledger_size(), 1U);
  EXPECT_EQ(sink.delivered(), 2U);
  EXPECT_EQ(sink.calls(), 1U);
  EXPECT_EQ(store.queued(), 0U);
}

TEST(MemoryStoreTest, ACrashKeepsTheFirstBatchesOfTheQueueAndAnswersNobody) {
  for (std::size_t keep = 0; keep <= 4; ++keep) {
    SCOPED_TRACE(keep);
    MemoryStore store;
    CollectingSink sink;
    put(store, sink, "synced", "0");
    store.sync();
    for (const char* key : {"a", "b", "c"}) put(store, sink, key, "1");
    store.crash(keep);
    store.sync();
    EXPECT_TRUE(has(store, "synced"));
    EXPECT_EQ(has(store, "a"), keep >= 1);
    EXPECT_EQ(has(store, "b"), keep >= 2);
    EXPECT_EQ(has(store, "c"), keep >= 3);
    EXPECT_EQ(store.ledger_size(), 1 + std::min<std::size_t>(keep, 3));
    EXPECT_EQ(sink.delivered(), 1U);
  }
}

TEST(MemoryStoreTest, ASinkMayCommitFromWithinItsDelivery) {
  MemoryStore store(true);
  CollectingSink sink;
  std::vector<int> order;
  WriteBatch batch;
  batch.put(Family::state, "a", "1");
  store.commit(std::move(batch), sink, [&](const CommitResult&) {
    store.commit({}, sink, [&](const CommitResult&) { order.push_back(2); });
    order.push_back(1);
  });
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(MemoryStoreTest, RoomIsWhatTheTestSays) {
  MemoryStore store;
  EXPECT_TRUE(store.has_room());
  store.set_has_room(false);
  EXPECT_FALSE(store.has_room());
}

}  // namespace
}  // namespace settle
