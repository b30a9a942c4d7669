#include "storage/rocks/rocks_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "storage/ledger.h"
#include "storage/rocks/floor.h"
#include "storage/rocks/inspect.h"
#include "tests/unit/storage/collecting_sink.h"
#include "tests/unit/storage/fault_fs.h"
#include "tests/unit/storage/test_directory.h"

namespace settle {
namespace {

namespace fs = std::filesystem;

class RocksStoreTest : public testing::Test {
 protected:
  RocksOptions options() const { return {.directory = data_}; }

  std::unique_ptr<RocksStore> open(const RocksOptions& options) {
    Result<std::unique_ptr<RocksStore>> opened = RocksStore::open(options);
    if (!opened) ADD_FAILURE() << opened.error().message;
    return opened ? *std::move(opened) : nullptr;
  }
  std::unique_ptr<RocksStore> open() { return open(options()); }

  Error error_of_open(const RocksOptions& options) {
    const Result<std::unique_ptr<RocksStore>> opened = RocksStore::open(options);
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }

  static void put(Store& store, const std::string& key, const std::string& value) {
    WriteBatch batch;
    batch.put(Family::state, key, value);
    EXPECT_TRUE(commit_and_wait(store, std::move(batch)).applied);
  }

  TestDirectory temporary_;
  const std::string data_ = temporary_.sub("above/data");
};

TEST_F(RocksStoreTest, ANewDirectoryIsForItsOwnerOnlyAndHasItsFloorBeforeFirstUse) {
  const auto store = open();
  const auto mode = fs::status(data_).permissions();
  EXPECT_EQ(mode & (fs::perms::group_all | fs::perms::others_all), fs::perms::none);
  const Result<FloorRecord> floor = read_floor(data_);
  ASSERT_TRUE(floor);
  EXPECT_EQ(floor->group, 1U);
  EXPECT_EQ(floor->partitions, 64U);
}

TEST_F(RocksStoreTest, ASecondOpenIsRefusedWithTheNameOfTheDirectory) {
  const auto store = open();
  const Error error = error_of_open(options());
  EXPECT_EQ(error.code, ErrorCode::in_use);
  EXPECT_NE(error.message.find(data_), std::string::npos);
  put(*store, "k", "the first goes on");
}

TEST_F(RocksStoreTest, ForeignDirectoriesAreRefusedAndLeftAlone) {
  fs::create_directories(data_);
  write_bytes(data_ + "/thesis.tex", "years of work");
  EXPECT_EQ(error_of_open(options()).code, ErrorCode::configuration);
  EXPECT_EQ(contents_of(data_).size(), 1U);
  EXPECT_FALSE(fs::exists(data_ + "/LOCK"));
  fs::remove(data_ + "/thesis.tex");

  rocksdb::Options foreign;
  foreign.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(foreign, data_, &db).ok());
  delete db;
  const auto before = contents_of(data_);
  EXPECT_EQ(error_of_open(options()).code, ErrorCode::configuration);
  EXPECT_EQ(contents_of(data_), before);
}

TEST_F(RocksStoreTest, OptionsThatCanNotBeAreRefused) {
  EXPECT_EQ(error_of_open({}).code, ErrorCode::configuration);
  RocksOptions none = options();
  none.partitions = 0;
  EXPECT_EQ(error_of_open(none).code, ErrorCode::configuration);
  write_bytes(temporary_.sub("file"), "");
  EXPECT_EQ(error_of_open({.directory = temporary_.sub("file")}).code, ErrorCode::configuration);
}

TEST_F(RocksStoreTest, TheNumberOfPartitionsIsFixedWhenTheStoreIsMade) {
  RocksOptions three = options();
  three.partitions = 3;
  EXPECT_EQ(open(three)->partitions(), 3U);
  EXPECT_EQ(open()->partitions(), 3U);
  RocksOptions four = options();
  four.partitions = 4;
  EXPECT_EQ(error_of_open(four).code, ErrorCode::configuration);
}

TEST_F(RocksStoreTest, AnInterruptedCreationIsFinished) {
  fs::create_directories(data_);
  FloorRecord floor;
  floor.partitions = 5;
  ASSERT_TRUE(create_floor(data_, floor));
  write_bytes(data_ + "/FLOOR.new", "half");
  EXPECT_EQ(open()->partitions(), 5U);
}

TEST_F(RocksStoreTest, ManyBatchesThatAreQueuedAtOnceTakeFewSyncs) {
  const auto store = open();
  CollectingSink sink;
  constexpr int count = 5000;
  for (int i = 0; i < count; ++i) {
    WriteBatch batch;
    batch.put(Family::state, "k" + std::to_string(i), "v");
    store->commit(std::move(batch), sink, [](const CommitResult&) {});
  }
  sink.wait_for(count);
  const RocksStats stats = store->stats();
  EXPECT_EQ(stats.batches, static_cast<std::uint64_t>(count));
  EXPECT_LT(stats.groups, static_cast<std::uint64_t>(count) / 4);
  EXPECT_EQ(stats.last_group, stats.groups + 1);
  EXPECT_EQ(stats.wal_syncs, stats.last_group) << "one sync per group";
}

TEST_F(RocksStoreTest, AGroupIsNoLargerThanItsLimits) {
  RocksOptions small = options();
  small.group_batches_max = 10;
  small.group_bytes_max = 1000;
  const auto store = open(small);
  CollectingSink sink;
  for (int i = 0; i < 20; ++i) {
    WriteBatch batch;
    batch.put(Family::state, "k" + std::to_string(i), std::string(900, 'x'));
    store->commit(std::move(batch), sink, [](const CommitResult&) {});
  }
  WriteBatch huge;
  huge.put(Family::state, "huge", std::string(100'000, 'x'));
  store->commit(std::move(huge), sink, [](const CommitResult&) {});
  sink.wait_for(21);
  EXPECT_EQ(store->stats().groups, 21U);
}

TEST_F(RocksStoreTest, WhatIsQueuedWhenTheStoreIsClosedIsCommittedAndAnswered) {
  CollectingSink sink;
  auto store = open();
  for (int i = 0; i < 500; ++i) {
    WriteBatch batch;
    batch.put(Family::state, "k" + std::to_string(i), "v");
    store->commit(std::move(batch), sink, [](const CommitResult&) {});
  }
  store.reset();
  EXPECT_EQ(sink.delivered(), 500U);
  EXPECT_TRUE(open()->snapshot()->get(Family::state, "k499")->has_value());
}

TEST_F(RocksStoreTest, ALargeLogIsFlushedAtTheEndSoThatTheNextStartIsShort) {
  auto store = open();
  for (int i = 0; i < 8; ++i) put(*store, "k" + std::to_string(i), std::string(1U << 20, 'x'));
  const std::uint64_t groups = store->stats().last_group;
  store.reset();
  std::uintmax_t log_bytes = 0;
  for (const auto& entry : fs::directory_iterator(data_)) {
    if (entry.path().extension() == ".log") log_bytes += entry.file_size();
  }
  EXPECT_LT(log_bytes, 1U << 20);
  EXPECT_EQ(read_floor(data_)->group, groups);
  EXPECT_TRUE(open()->snapshot()->get(Family::state, "k7")->has_value());
}

TEST_F(RocksStoreTest, RoomFollowsTheDisk) {
  std::atomic<std::uint64_t> free_bytes{std::uint64_t{1} << 40};
  RocksOptions measured = options();
  measured.disk_space_for_tests = [&]() -> Result<DiskSpace> { return DiskSpace{free_bytes, std::uint64_t{1} << 40}; };
  {
    const auto store = open(measured);
    EXPECT_TRUE(store->has_room());
    free_bytes = 1000;
    while (store->has_room()) std::this_thread::yield();
    EXPECT_FALSE(fs::exists(data_ + "/" + ballast_file)) << "work under way gets the reserve";
    free_bytes = std::uint64_t{1} << 40;
    while (!store->has_room()) std::this_thread::yield();
    EXPECT_EQ(fs::file_size(data_ + "/" + ballast_file), ballast_bytes);
  }
  free_bytes = 1000;
  EXPECT_FALSE(open(measured)->has_room()) << "known from the first moment";
}

TEST_F(RocksStoreTest, TheBallastIsGivenUpWhenTheStoreCanNotBeOpenedForLackOfSpace) {
  put(*open(), "k", "v");
  ASSERT_TRUE(fs::exists(data_ + "/" + ballast_file));
  const auto is_full = [this](FaultFs::Operation operation, const std::string&) {
    return operation != FaultFs::Operation::sync && fs::exists(data_ + "/" + ballast_file);
  };
  const auto full_disk = std::make_shared<FaultFs>(is_full, rocksdb::IOStatus::NoSpace("no space left on device"));
  full_disk->arm();
  const auto env = rocksdb::NewCompositeEnv(full_disk);
  RocksOptions limited = options();
  limited.env_for_tests = env.get();
  limited.disk_space_for_tests = []() -> Result<DiskSpace> { return DiskSpace{1000, std::uint64_t{1} << 40}; };
  {
    const auto store = open(limited);
    ASSERT_NE(store, nullptr);
    EXPECT_FALSE(fs::exists(data_ + "/" + ballast_file));
    EXPECT_FALSE(store->has_room());
    EXPECT_TRUE(store->snapshot()->get(Family::state, "k")->has_value());
    put(*store, "work in progress", "is finished");
  }
  open();
  EXPECT_TRUE(fs::exists(data_ + "/" + ballast_file)) << "taken again once there is room";
}

TEST_F(RocksStoreTest, AStoreWithoutRoomAndWithoutBallastIsRefusedAndOpensAgainLater) {
  put(*open(), "k", "v");
  fs::remove(data_ + "/" + ballast_file);
  const auto is_full = [](FaultFs::Operation operation, const std::string&) {
    return operation != FaultFs::Operation::sync;
  };
  const auto full_disk = std::make_shared<FaultFs>(is_full, rocksdb::IOStatus::NoSpace("no space left on device"));
  full_disk->arm();
  const auto env = rocksdb::NewCompositeEnv(full_disk);
  RocksOptions limited = options();
  limited.env_for_tests = env.get();
  EXPECT_EQ(error_of_open(limited).code, ErrorCode::disk_full);
  EXPECT_TRUE(open()->snapshot()->get(Family::state, "k")->has_value());
}

WriteBatch two_receipts() {
  WriteBatch batch;
  batch.ledger.push_back({"R0", "first", sha256("first")});
  batch.ledger.push_back({"R1", "second", sha256("second")});
  return batch;
}

TEST_F(RocksStoreTest, ALedgerThatDoesNotEndWithItsHeadIsDamage) {
  const auto refusal_after = [&](WriteBatch damage) {
    fs::remove_all(data_);
    {
      const auto store = open();
      commit_and_wait(*store, two_receipts());
      commit_and_wait(*store, std::move(damage));
    }
    const Error error = error_of_open(options());
    EXPECT_EQ(error.code, ErrorCode::corruption);
    return error.message;
  };
  WriteBatch beyond;
  beyond.put(Family::receipts, ledger_key(2), encode_leaves({{sha256("third"), "R2"}}));
  EXPECT_THAT(refusal_after(std::move(beyond)), testing::HasSubstr("goes on past entry 2"));
  WriteBatch lost;
  lost.erase(Family::receipts, ledger_key(0));
  EXPECT_THAT(refusal_after(std::move(lost)), testing::HasSubstr("entry 1 of the ledger is missing"));
}

TEST_F(RocksStoreTest, ALedgerOfAnOlderFormatIsGoneOnWith) {
  {
    const auto store = open();
    commit_and_wait(*store, two_receipts());
    WriteBatch as_format_4;
    as_format_4.erase(Family::receipts, ledger_key(0));
    const auto put_leaf = [&](char index, const Hash& hash, const std::string& key) {
      as_format_4.put(Family::receipts, "L" + std::string(7, '\0') + index,
                      std::string(hash.begin(), hash.end()) + key);
    };
    put_leaf(0, sha256("first"), "R0");
    put_leaf(1, sha256("second"), "R1");
    commit_and_wait(*store, std::move(as_format_4));
  }
  {
    const auto store = open();
    EXPECT_EQ(store->ledger_size(), 2U);
    WriteBatch batch;
    batch.ledger.push_back({"R2", "third", sha256("third")});
    commit_and_wait(*store, std::move(batch));
  }
  const auto store = open();
  EXPECT_EQ(store->ledger_size(), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ((*ledger_leaf(*store->snapshot(), i))->key, "R" + std::to_string(i));
}

TEST_F(RocksStoreTest, ARunningStoreCanBeLookedAtWithoutDisturbingIt) {
  const auto store = open();
  CollectingSink sink;
  std::atomic<bool> is_enough{false};
  std::atomic<std::uint64_t> acknowledged{0};
  std::thread writer([&] {
    for (std::uint64_t i = 1; !is_enough; ++i) {
      WriteBatch batch;
      batch.put(Family::state, "k" + std::to_string(i), std::string(20'000, 'x'));
      batch.ledger.push_back({"R" + std::to_string(i), "receipt", sha256("receipt")});
      commit_and_wait(*store, std::move(batch));
      acknowledged = i;
    }
  });
  for (int look = 0; look < 10; ++look) {
    const std::uint64_t before = acknowledged;
    const Result<std::unique_ptr<ReadOnlyStore>> view = open_read_only(data_);
    if (!view) {
      ADD_FAILURE() << view.error().message;
      continue;
    }
    EXPECT_GE((*view)->ledger_size(), before);
    EXPECT_EQ((*view)->partitions(), 64U);
    const auto reader = (*view)->snapshot();
    std::uint64_t rows = 0;
    EXPECT_TRUE(reader->scan(Family::state, {}, [&](std::string_view, std::string_view) { return ++rows > 0; }));
    EXPECT_EQ(rows, (*view)->ledger_size()) << "the view has a hole";
  }
  is_enough = true;
  writer.join();
}

TEST_F(RocksStoreTest, LookingAtAStoppedStoreChangesNothing) {
  put(*open(), "k", "v");
  const auto before = contents_of(data_);
  {
    const Result<std::unique_ptr<ReadOnlyStore>> view = open_read_only(data_);
    ASSERT_TRUE(view) << view.error().message;
    EXPECT_EQ((*view)->snapshot()->get(Family::state, "k")->value_or(""), "v");
    EXPECT_EQ((*view)->last_group(), 2U);
  }
  EXPECT_EQ(contents_of(data_), before);
  const Result<std::unique_ptr<ReadOnlyStore>> none = open_read_only(temporary_.sub("nothing"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
}

/// Nice values of this process's threads of that name (proc(5): field 19 of stat).
std::vector<int> nice_of_threads(const std::string& name) {
  std::vector<int> out;
  std::error_code gone;
  for (const auto& thread : fs::directory_iterator("/proc/self/task", gone)) {
    std::string comm, stat;
    std::getline(std::ifstream(thread.path() / "comm"), comm);
    std::getline(std::ifstream(thread.path() / "stat"), stat);
    if (comm != name || stat.find(')') == std::string::npos) continue;
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));  // from field 3 on
    std::string field;
    for (int number = 3; number <= 19; ++number) fields >> field;
    out.push_back(std::stoi(field));
  }
  return out;
}

TEST_F(RocksStoreTest, CompactionGivesWayToEverythingElse) {
  RocksOptions small = options();
  small.write_buffer_bytes = 256U << 10;
  const std::unique_ptr<RocksStore> store = open(small);
  const auto gives_way = [] {
    const std::vector<int> nice = nice_of_threads("rocksdb:low");
    return std::find(nice.begin(), nice.end(), 5) != nice.end();
  };
  for (int i = 0; i < 2'000 && !gives_way(); ++i) put(*store, std::to_string(i), std::string(16 << 10, 'x'));
  EXPECT_TRUE(gives_way());
  for (const int nice : nice_of_threads("rocksdb:high")) EXPECT_EQ(nice, 0) << "flushes are waited for";
}

}  // namespace
}  // namespace settle
