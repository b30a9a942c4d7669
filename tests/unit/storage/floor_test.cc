#include "storage/rocks/floor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "storage/rocks/disk.h"
#include "tests/unit/storage/test_directory.h"

namespace settle {
namespace {

FloorRecord sample(std::uint64_t group) {
  FloorRecord record;
  record.partitions = 64;
  record.group = group;
  record.chain = sha256("chain " + std::to_string(group));
  return record;
}

class FloorTest : public testing::Test {
 protected:
  FloorTest() { std::filesystem::create_directory(directory_); }

  ErrorCode code_of_read() {
    const Result<FloorRecord> read = read_floor(directory_);
    EXPECT_FALSE(read);
    return read ? ErrorCode::internal : read.error().code;
  }

  /// Replaces byte `at` of the floor file with its complement.
  void flip(std::size_t at) {
    std::string bytes = read_bytes(path());
    bytes.at(at) = static_cast<char>(~bytes.at(at));
    write_bytes(path(), bytes);
  }

  std::filesystem::path path() const { return std::filesystem::path(directory_) / floor_file; }

  TestDirectory temporary_;
  const std::string directory_ = temporary_.sub("data");
};

TEST_F(FloorTest, ASlotReadsBackAsItWasWritten) {
  FloorRecord record = sample(0x0102030405060708);
  record.sequence = 77;
  for (std::uint64_t number = 1; number <= log_marks_max; ++number) record.logs.push_back({number, number << 40});
  const std::string bytes = encode_slot(record);
  EXPECT_EQ(bytes.size(), floor_slot_bytes);
  EXPECT_EQ(bytes.substr(0, 8), "SETTLEFL");
  const Result<FloorRecord> read = decode_slot(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->group, record.group);
  EXPECT_EQ(read->sequence, 77U);
  EXPECT_EQ(read->partitions, 64U);
  EXPECT_EQ(read->chain, record.chain);
  EXPECT_EQ(read->logs, record.logs);
}

TEST_F(FloorTest, EveryDamagedByteOfASlotIsNoticed) {
  const std::string bytes = encode_slot(sample(5));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const Result<FloorRecord> read = decode_slot(damaged);
    ASSERT_FALSE(read) << at;
    EXPECT_EQ(read.error().code, ErrorCode::corruption);
  }
  EXPECT_FALSE(decode_slot(""));
  EXPECT_FALSE(decode_slot(bytes.substr(1)));
}

TEST_F(FloorTest, ANewerFormatIsRefusedEvenWhenTheOtherSlotIsOurs) {
  ASSERT_TRUE(create_floor(directory_, sample(1)));
  FloorRecord newer = sample(2);
  newer.format = store_format + 1;
  std::string bytes = read_bytes(path());
  bytes.replace(0, floor_slot_bytes, encode_slot(newer));
  write_bytes(path(), bytes);
  EXPECT_EQ(code_of_read(), ErrorCode::newer_format);
}

TEST_F(FloorTest, OneDamagedSlotLeavesTheOtherAndTwoLeaveNone) {
  ASSERT_TRUE(create_floor(directory_, sample(1)));  // sequences 0 and 1
  {
    auto keeper = FloorKeeper::open(directory_, *read_floor(directory_), [] {});
    ASSERT_TRUE(keeper);
    (*keeper)->sync();  // sequence 2
    (*keeper)->push(2, sample(2).chain);
    (*keeper)->sync();  // sequence 3, to slot 1
    (*keeper)->push(3, sample(3).chain);
  }
  EXPECT_EQ(read_floor(directory_)->group, 3U);
  flip(100);
  EXPECT_EQ(read_floor(directory_)->group, 2U);
  flip(floor_slot_stride + 100);
  EXPECT_EQ(code_of_read(), ErrorCode::corruption);
}

TEST_F(FloorTest, ADamagedSlotIsWholeAgainAfterOpeningAndTheGoodOneIsNotTouched) {
  for (const std::size_t damaged : {std::size_t{0}, floor_slot_stride}) {
    SCOPED_TRACE(damaged);
    ASSERT_TRUE(create_floor(directory_, sample(1)));
    const std::size_t good = floor_slot_stride - damaged;
    const std::string before = read_bytes(path()).substr(good, floor_slot_bytes);
    flip(damaged + 100);
    {
      auto keeper = FloorKeeper::open(directory_, *read_floor(directory_), [] {});
      ASSERT_TRUE(keeper);
      (*keeper)->sync();
    }
    const std::string after = read_bytes(path());
    EXPECT_EQ(after.substr(good, floor_slot_bytes), before);
    EXPECT_TRUE(decode_slot(after.substr(damaged, floor_slot_bytes)));
    EXPECT_EQ(read_floor(directory_)->group, 1U);
  }
}

TEST_F(FloorTest, AMissingOrCutFileIsNoticed) {
  EXPECT_EQ(code_of_read(), ErrorCode::data_missing);
  write_bytes(path(), "");
  EXPECT_EQ(code_of_read(), ErrorCode::corruption);
  write_bytes(path(), std::string(2 * floor_slot_stride, '\0'));
  EXPECT_EQ(code_of_read(), ErrorCode::corruption);
}

TEST_F(FloorTest, TheLastPushIsOnDiskAfterDestruction) {
  ASSERT_TRUE(create_floor(directory_, sample(0)));
  {
    auto keeper = FloorKeeper::open(directory_, *read_floor(directory_), [] {});
    ASSERT_TRUE(keeper);
    for (std::uint64_t group = 1; group <= 1000; ++group) (*keeper)->push(group, sample(group).chain);
  }
  EXPECT_EQ(read_floor(directory_)->group, 1000U);
  EXPECT_EQ(read_floor(directory_)->chain, sample(1000).chain);
  EXPECT_LT(read_floor(directory_)->sequence, 100U) << "a write for every push";
}

TEST_F(FloorTest, TheKeeperLooksAroundAgainAndAgain) {
  ASSERT_TRUE(create_floor(directory_, sample(0)));
  std::mutex mutex;
  std::condition_variable changed;
  int looks = 0;
  auto keeper = FloorKeeper::open(directory_, *read_floor(directory_), [&] {
    const std::lock_guard lock(mutex);
    ++looks;
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return looks >= 2; });  // the second after a look that found nothing new
}

TEST(DiskTest, NewWorkIsRefusedUnderATenthOrHalfAGigabyteWhicheverIsLess) {
  constexpr std::uint64_t mib = 1U << 20;
  struct Row {
    const char* name;
    DiskSpace space;
    bool want;
  };
  const Row rows[] = {
      {"large disk, above the cap", {512 * mib, 100'000 * mib}, true},
      {"large disk, below the cap", {512 * mib - 1, 100'000 * mib}, false},
      {"small disk, above a tenth", {100 * mib, 1000 * mib}, true},
      {"small disk, below a tenth", {100 * mib - 1, 1000 * mib}, false},
      {"full", {0, 1000 * mib}, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(has_room(row.space), row.want);
  }
}

}  // namespace
}  // namespace settle
