#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "storage/big_endian.h"
#include "storage/ledger.h"
#include "storage/memory/memory_store.h"
#include "storage/rocks/rocks_store.h"
#include "tests/unit/storage/collecting_sink.h"
#include "tests/unit/storage/test_directory.h"

// What every store promises, whatever is below it.

namespace settle {
namespace {

/// A store under test that can be closed and opened again.
class Bench {
 public:
  virtual ~Bench() = default;
  virtual Store& store() = 0;
  virtual void reopen() = 0;
};

class MemoryBench final : public Bench {
 public:
  Store& store() override { return store_; }
  void reopen() override { store_.crash(0); }

 private:
  MemoryStore store_{true};
};

class RocksBench final : public Bench {
 public:
  RocksBench() { open(); }
  Store& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    open();
  }

 private:
  void open() {
    Result<std::unique_ptr<RocksStore>> opened = RocksStore::open({.directory = directory_.sub("data")});
    if (!opened) throw std::runtime_error(opened.error().message);
    store_ = *std::move(opened);
  }
  TestDirectory directory_;
  std::unique_ptr<RocksStore> store_;
};

struct Kind {
  const char* name;
  std::function<std::unique_ptr<Bench>()> make;
};

class StoreContractTest : public testing::TestWithParam<Kind> {
 protected:
  Store& store() { return bench_->store(); }
  void reopen() { bench_->reopen(); }

  std::string value_of(Family family, const std::string& key) {
    const Result<std::optional<std::string>> value = store().snapshot()->get(family, key);
    EXPECT_TRUE(value);
    return value->value_or("(absent)");
  }

  void put(Family family, const std::string& key, const std::string& value) {
    WriteBatch batch;
    batch.put(family, key, value);
    EXPECT_TRUE(commit_and_wait(store(), std::move(batch)).applied);
  }

  std::string keys_in(Family family, const Reader::Range& range, std::size_t count_max = 100) {
    std::string keys;
    std::size_t count = 0;
    const Result<void> scanned =
        store().snapshot()->scan(family, range, [&](std::string_view key, std::string_view value) {
          EXPECT_EQ(value, "value of " + std::string(key));
          keys.append(key).append(" ");
          return ++count < count_max;
        });
    EXPECT_TRUE(scanned);
    return keys;
  }

 private:
  std::unique_ptr<Bench> bench_ = GetParam().make();
};

WriteBatch guarded(const std::string& key, const std::string& value) {
  WriteBatch batch;
  batch.guards.push_back({Family::keys, key});
  batch.put(Family::keys, key, value);
  batch.put(Family::state, key, value);
  return batch;
}

TEST_P(StoreContractTest, AMarkComesAndGoesAnyNumberOfTimes) {
  for (int round = 0; round < 6; ++round) {
    WriteBatch comes;
    comes.mark(Family::index, "m");
    EXPECT_TRUE(commit_and_wait(store(), std::move(comes)).applied);
    if (round % 2 == 0) reopen();
    EXPECT_EQ(value_of(Family::index, "m"), "") << round;
    WriteBatch goes;
    goes.unmark(Family::index, "m");
    EXPECT_TRUE(commit_and_wait(store(), std::move(goes)).applied);
    if (round % 3 == 0) reopen();
    EXPECT_EQ(value_of(Family::index, "m"), "(absent)") << round;
  }
}

TEST_P(StoreContractTest, ABatchIsAppliedWholeInEveryFamily) {
  WriteBatch batch;
  for (std::size_t i = 0; i < family_count; ++i) batch.put(static_cast<Family>(i), "k", "family " + std::to_string(i));
  EXPECT_TRUE(commit_and_wait(store(), std::move(batch)).applied);
  for (std::size_t i = 0; i < family_count; ++i) {
    EXPECT_EQ(value_of(static_cast<Family>(i), "k"), "family " + std::to_string(i));
  }
}

TEST_P(StoreContractTest, BytesOfAnyKindComeBackAsTheyWere) {
  const std::string bytes("\0\xff key\n", 7);
  const std::string large(3U << 20, '\xaa');
  put(Family::state, bytes, large);
  put(Family::state, bytes + "2", "");
  EXPECT_EQ(value_of(Family::state, bytes), large);
  EXPECT_EQ(value_of(Family::state, bytes + "2"), "");
}

TEST_P(StoreContractTest, ABatchThatLosesItsGuardLeavesNothing) {
  EXPECT_TRUE(commit_and_wait(store(), guarded("k", "first")).applied);
  WriteBatch late = guarded("k", "second");
  late.put(Family::history, "trace", "left");
  late.ledger.push_back({"Rtrace", "left", sha256("left")});
  const CommitResult lost = commit_and_wait(store(), std::move(late));
  EXPECT_FALSE(lost.applied);
  EXPECT_EQ(lost.guard, 0U);
  EXPECT_EQ(lost.existing, "first");
  EXPECT_EQ(value_of(Family::state, "k"), "first");
  EXPECT_EQ(value_of(Family::history, "trace"), "(absent)");
  EXPECT_EQ(store().ledger_size(), 0U);
}

TEST_P(StoreContractTest, AGuardHoldsAgainAfterTheKeyIsErased) {
  EXPECT_TRUE(commit_and_wait(store(), guarded("k", "first")).applied);
  WriteBatch erase;
  erase.erase(Family::keys, "k");
  commit_and_wait(store(), std::move(erase));
  EXPECT_TRUE(commit_and_wait(store(), guarded("k", "second")).applied);
  EXPECT_EQ(value_of(Family::state, "k"), "second");
}

TEST_P(StoreContractTest, BatchesOfOneThreadCompleteInTheirOrderAndTheLastOneStands) {
  CollectingSink sink;
  std::vector<int> order;
  constexpr int count = 2000;
  for (int i = 0; i < count; ++i) {
    WriteBatch batch;
    batch.put(Family::state, "k", std::to_string(i));
    store().commit(std::move(batch), sink, [&order, i](const CommitResult&) { order.push_back(i); });
  }
  sink.wait_for(count);
  ASSERT_EQ(order.size(), static_cast<std::size_t>(count));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(value_of(Family::state, "k"), std::to_string(count - 1));
}

TEST_P(StoreContractTest, ACompletionComesOnlyWhenASnapshotShowsTheBatch) {
  CollectingSink sink;
  int wrong = 0;
  constexpr int count = 200;
  for (int i = 0; i < count; ++i) {
    const std::string key = "k" + std::to_string(i / 2);  // the second of each pair loses
    store().commit(guarded(key, "v" + std::to_string(i)), sink, [&, key, i](const CommitResult& result) {
      const std::string want = "v" + std::to_string(i - i % 2);
      const bool is_right = result.applied == (i % 2 == 0) && (result.applied || result.existing == want) &&
                            value_of(Family::state, key) == want;
      if (!is_right) ++wrong;
    });
  }
  sink.wait_for(count);
  EXPECT_EQ(wrong, 0);
}

TEST_P(StoreContractTest, AnEmptyBatchCompletesAfterAllThatWereQueuedBefore) {
  CollectingSink sink;
  std::string seen;
  WriteBatch batch;
  batch.put(Family::state, "k", "v");
  store().commit(std::move(batch), sink, [](const CommitResult&) {});
  store().commit({}, sink, [&](const CommitResult& result) {
    EXPECT_TRUE(result.applied);
    seen = value_of(Family::state, "k");
  });
  sink.wait_for(2);
  EXPECT_EQ(seen, "v");
}

TEST_P(StoreContractTest, TheLedgerIsContiguousInCommitOrderAcrossReopening) {
  constexpr std::uint64_t rounds = 3;
  constexpr std::uint64_t per_round = 100;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    CollectingSink sink;
    for (std::uint64_t i = 0; i < per_round; ++i) {
      const std::string name = "R" + std::to_string(round * per_round + i);
      WriteBatch batch;
      batch.ledger.push_back({name, "receipt " + name, sha256("receipt " + name)});
      store().commit(std::move(batch), sink, [](const CommitResult&) {});
    }
    sink.wait_for(per_round);
    EXPECT_EQ(store().ledger_size(), (round + 1) * per_round);
    reopen();
    EXPECT_EQ(store().ledger_size(), (round + 1) * per_round);
  }
  const auto reader = store().snapshot();
  for (std::uint64_t index = 0; index < rounds * per_round; ++index) {
    const std::string name = "R" + std::to_string(index);
    EXPECT_EQ(*ledger_leaf(*reader, index), (LedgerLeaf{sha256("receipt " + name), name}));
    std::string want;
    append_be64(want, index);
    EXPECT_EQ(reader->get(Family::receipts, name)->value_or(""), want + "receipt " + name);
  }
  EXPECT_EQ(*ledger_leaf(*reader, rounds * per_round), std::nullopt);
  EXPECT_EQ(*ledger_end(*reader), rounds * per_round);
}

TEST_P(StoreContractTest, TheAuditLogGoesOnBehindItsLastRecordAfterReopening) {
  for (std::uint64_t round = 0; round < 3; ++round) {
    WriteBatch batch;
    batch.audit = {"one", "two"};
    EXPECT_TRUE(commit_and_wait(store(), std::move(batch)).applied);
    const Result<std::uint64_t> size = audit_size(*store().snapshot());
    ASSERT_TRUE(size);
    EXPECT_EQ(*size, 2 * (round + 1));
    reopen();
  }
}

TEST_P(StoreContractTest, TheFeedGoesOnBehindItsLastRecordAfterReopening) {
  for (std::uint64_t round = 0; round < 3; ++round) {
    WriteBatch batch;
    batch.feed = {{"default", "w", static_cast<std::uint32_t>(round + 1), 1}};
    EXPECT_TRUE(commit_and_wait(store(), std::move(batch)).applied);
    EXPECT_EQ(store().feed_size(), round + 1);
    reopen();
    EXPECT_EQ(store().feed_size(), round + 1);
  }
}

TEST_P(StoreContractTest, EverythingIsThereAfterReopening) {
  for (int i = 0; i < 50; ++i) put(Family::state, "k" + std::to_string(i), std::to_string(i));
  EXPECT_TRUE(commit_and_wait(store(), guarded("g", "kept")).applied);
  reopen();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(value_of(Family::state, "k" + std::to_string(i)), std::to_string(i));
  EXPECT_EQ(commit_and_wait(store(), guarded("g", "late")).existing, "kept");
}

TEST_P(StoreContractTest, AScanVisitsItsRangeInOrderInBothDirections) {
  // `index` has no prefix filter, `state` has one that knows the records of one workflow.
  const std::string w("\0\1ns\0id\0", 8);
  const std::string after_w("\0\1ns\0id\1", 8);
  const std::vector<std::string> keys = {w, w + "1", w + "2", after_w, "a", "b", "c", "d", "short\xff"};
  for (const Family family : {Family::index, Family::state}) {
    for (const std::string& key : keys) put(family, key, "value of " + key);
  }
  struct Row {
    const char* name;
    Reader::Range range;
    std::string want;
    std::size_t count_max = 100;
  };
  const std::string of_w = w + " " + w + "1 " + w + "2 ";
  const std::string of_w_back = w + "2 " + w + "1 " + w + " ";
  const Row rows[] = {
      {"all", {"", "", false}, of_w + after_w + " a b c d short\xff "},
      {"all, back", {"", "", true}, "short\xff d c b a " + after_w + " " + of_w_back},
      {"`from` is in, `to` is out", {"b", "d", false}, "b c "},
      {"`from` is in, `to` is out, back", {"b", "d", true}, "c b "},
      {"bounds that are no keys", {"aa", "cc", false}, "b c "},
      {"bounds that are no keys, back", {"aa", "cc", true}, "c b "},
      {"to the end", {"d", "", false}, "d short\xff "},
      {"to the end, back", {"d", "", true}, "short\xff d "},
      {"from the beginning", {"", "b", false}, of_w + after_w + " a "},
      {"empty: equal bounds", {"b", "b", false}, ""},
      {"empty: crossed bounds", {"c", "b", true}, ""},
      {"empty: nothing between", {"e", "f", false}, ""},
      {"until the visitor has enough", {"a", "", false}, "a b ", 2},
      {"until the visitor has enough, back", {"", "d", true}, "c ", 1},
      {"one workflow", {w, after_w, false}, of_w},
      {"one workflow, back", {w, after_w, true}, of_w_back},
      {"inside one workflow", {w + "2", w + "3", false}, w + "2 "},
      {"past the workflow", {w + "2", "a0", false}, w + "2 " + after_w + " a "},
      {"from before the workflow", {w.substr(0, 7), w + "1", false}, w + " "},
      {"a workflow that is not there", {std::string("\0\1ns\0no\0", 8), std::string("\0\1ns\0no\1", 8), false}, ""},
  };
  const auto check_all = [&] {
    for (const Family family : {Family::index, Family::state}) {
      for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(keys_in(family, row.range, row.count_max), row.want);
      }
    }
  };
  check_all();
  reopen();  // now, on a disk, from files with filters
  check_all();
}

TEST_P(StoreContractTest, ASnapshotStaysAsItWasTaken) {
  put(Family::state, "a", "old");
  put(Family::state, "b", "old");
  const auto before = store().snapshot();
  WriteBatch batch;
  batch.put(Family::state, "a", "new");
  batch.erase(Family::state, "b");
  batch.put(Family::state, "c", "new");
  commit_and_wait(store(), std::move(batch));
  EXPECT_EQ(before->get(Family::state, "a")->value_or(""), "old");
  std::string seen;
  EXPECT_TRUE(before->scan(Family::state, {}, [&](std::string_view key, std::string_view value) {
    seen.append(key).append("=").append(value).append(" ");
    return true;
  }));
  EXPECT_EQ(seen, "a=old b=old ");
  EXPECT_EQ(value_of(Family::state, "b"), "(absent)");
}

TEST_P(StoreContractTest, ASnapshotNeverShowsHalfABatch) {
  CollectingSink sink;
  constexpr int count = 2000;
  std::thread writer([&] {
    for (int i = 0; i < count; ++i) {
      WriteBatch batch;
      batch.put(Family::state, "pair", std::to_string(i));
      batch.put(Family::due, "pair", std::to_string(i));
      store().commit(std::move(batch), sink, [](const CommitResult&) {});
    }
  });
  int torn = 0;
  while (sink.delivered() < count) {
    const auto reader = store().snapshot();
    const std::string one = reader->get(Family::state, "pair")->value_or("");
    const std::string other = reader->get(Family::due, "pair")->value_or("");
    const std::string again = reader->get(Family::state, "pair")->value_or("");
    if (one != other || one != again) ++torn;
  }
  writer.join();
  EXPECT_EQ(torn, 0);
}

TEST_P(StoreContractTest, OfEightThreadsThatRaceForAKeyExactlyOneWinsAndAllSeeIt) {
  constexpr int thread_count = 8;
  constexpr int key_count = 300;
  struct Seen {
    bool applied = false;
    std::string existing;
  };
  std::vector<std::vector<Seen>> seen(thread_count, std::vector<Seen>(key_count));
  std::vector<std::unique_ptr<CollectingSink>> sinks;
  for (int t = 0; t < thread_count; ++t) sinks.push_back(std::make_unique<CollectingSink>());
  std::vector<std::thread> threads;
  for (int t = 0; t < thread_count; ++t) {
    threads.emplace_back([&, t] {
      for (int k = 0; k < key_count; ++k) {
        WriteBatch batch = guarded("k" + std::to_string(k), "of " + std::to_string(t));
        const std::string receipt = std::to_string(t) + "/" + std::to_string(k);
        batch.ledger.push_back({"R" + receipt, receipt, sha256(receipt)});
        store().commit(std::move(batch), *sinks[t],
                       [&seen, t, k](const CommitResult& result) { seen[t][k] = {result.applied, result.existing}; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& sink : sinks) sink->wait_for(key_count);

  for (int k = 0; k < key_count; ++k) {
    const std::string winner = value_of(Family::state, "k" + std::to_string(k));
    int wins = 0;
    for (int t = 0; t < thread_count; ++t) {
      const Seen& one = seen[t][k];
      if (one.applied) ++wins;
      EXPECT_EQ(one.applied ? "of " + std::to_string(t) : one.existing, winner);
    }
    EXPECT_EQ(wins, 1);
  }
  EXPECT_EQ(store().ledger_size(), static_cast<std::uint64_t>(key_count));
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContractTest,
                         testing::Values(Kind{"memory", [] { return std::make_unique<MemoryBench>(); }},
                                         Kind{"rocks", [] { return std::make_unique<RocksBench>(); }}),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace settle
