#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "base/error.h"
#include "storage/rocks/floor.h"
#include "storage/rocks/head.h"
#include "storage/rocks/inspect.h"
#include "storage/rocks/rocks_store.h"
#include "tests/unit/storage/collecting_sink.h"
#include "tests/unit/storage/test_directory.h"

// Damage of every kind must end in "detected", never in fewer rows, and a store that is refused must be left as it was.

namespace settle {
namespace {

namespace fs = std::filesystem;

constexpr int row_count = 200;

/// Acknowledged rows in a store that was never closed: a copy of its files is what a kill -9 leaves.
class DamageTest : public testing::Test {
 protected:
  DamageTest() {
    const std::string live = temporary_.sub("live");
    fill(live, copy_);
  }

  /// Makes a store in `live` and copies it, while it runs, to `copy`.
  static void fill(const std::string& live, const std::string& copy, int rows = row_count) {
    Result<std::unique_ptr<RocksStore>> store = RocksStore::open({.directory = live});
    ASSERT_TRUE(store) << store.error().message;
    for (int i = 0; i < rows; ++i) {
      WriteBatch batch;
      batch.put(Family::state, "k" + std::to_string(i), live);
      commit_and_wait(**store, std::move(batch));
    }
    (*store)->sync_floor();
    copy_running_store(live, copy);
  }

  static int rows_in(const Reader& reader) {
    int rows = 0;
    EXPECT_TRUE(reader.scan(Family::state, {}, [&](std::string_view, std::string_view) { return ++rows > 0; }));
    return rows;
  }

  /// Opens the copy and expects a refusal that changes nothing.
  Error refusal() {
    const auto before = contents_of(copy_);
    const Result<std::unique_ptr<RocksStore>> opened = RocksStore::open({.directory = copy_});
    if (opened) {
      ADD_FAILURE() << "opened with " << rows_in(*(*opened)->snapshot()) << " rows";
      return {};
    }
    EXPECT_EQ(contents_of(copy_), before) << "a refused store was changed";
    return opened.error();
  }

  int rows_after_opening() {
    const Result<std::unique_ptr<RocksStore>> opened = RocksStore::open({.directory = copy_});
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      return -1;
    }
    return rows_in(*(*opened)->snapshot());
  }

  /// As CURRENT names it.
  std::string manifest_number() const {
    const std::string name = read_bytes(file("CURRENT"));
    return name.substr(std::string("MANIFEST-").size(), name.find('\n') - std::string("MANIFEST-").size());
  }

  void put_floor(const FloorRecord& record) { ASSERT_TRUE(create_floor(copy_, record)); }
  fs::path file(const std::string& name) const { return fs::path(copy_) / name; }

  TestDirectory temporary_;
  const std::string copy_ = temporary_.sub("copy");
};

TEST_F(DamageTest, AStoreThatWasKilledOpensWithAllItsRows) {
  EXPECT_EQ(rows_after_opening(), row_count);
}

TEST_F(DamageTest, ALostLogIsNoticed) {
  fs::remove(log_of(copy_));
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::data_missing);
  EXPECT_NE(error.message.find("settle restore"), std::string::npos) << error.message;
  EXPECT_EQ(refusal().code, ErrorCode::data_missing) << "and the second time as well";
}

TEST_F(DamageTest, ALogThatLostItsEndIsNoticed) {
  const fs::path log = log_of(copy_);
  fs::resize_file(log, fs::file_size(log) - 10);
  EXPECT_EQ(refusal().code, ErrorCode::data_missing);
}

TEST_F(DamageTest, AByteThatFlippedInTheLogNeverCostsRowsSilently) {
  const fs::path log = log_of(copy_);
  const std::string good = read_bytes(log);
  constexpr std::size_t places = 25;
  for (std::size_t i = 0; i < places; ++i) {
    const std::size_t at = (good.size() - 1) * i / (places - 1);
    SCOPED_TRACE(at);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    write_bytes(log, bad);
    const ErrorCode code = refusal().code;
    EXPECT_TRUE(code == ErrorCode::data_missing || code == ErrorCode::corruption) << info(code).name;
  }
  write_bytes(log, good);
  EXPECT_EQ(rows_after_opening(), row_count) << "the damage was undone, so nothing is lost";
}

TEST_F(DamageTest, GarbageBehindTheSyncedEndOfTheLogIsNoDamage) {
  // What a power cut may leave of a write that nobody was told of. The last one looks like a record of RocksDB's log
  // (checksum, length, type, bytes) but for its checksum: the one that the strict recovery modes refuse to start over.
  const std::string record = std::string("\x01\x02\x03\x04\x0a\x00\x01", 7) + std::string(10, 'x');
  for (const std::string& garbage :
       {std::string(1000, '\x5a'), std::string(5000, '\0'), record + std::string(1000, 'x')}) {
    const std::string copy = temporary_.sub("tail" + std::to_string(garbage.size()));
    fs::copy(copy_, copy, fs::copy_options::recursive);
    const fs::path log = log_of(copy);
    write_bytes(log, read_bytes(log) + garbage);
    const Result<std::unique_ptr<RocksStore>> opened = RocksStore::open({.directory = copy});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(rows_in(*(*opened)->snapshot()), row_count);
  }
}

TEST_F(DamageTest, AMissingFloorIsNoticed) {
  fs::remove(file(floor_file));
  EXPECT_EQ(refusal().code, ErrorCode::data_missing);
  const Result<std::unique_ptr<ReadOnlyStore>> rest = open_read_only(copy_, {.accept_missing = true});
  ASSERT_TRUE(rest) << "what remains can be looked at";
  EXPECT_EQ(rows_in(*(*rest)->snapshot()), row_count);
}

TEST_F(DamageTest, AMissingCurrentFileIsNoticed) {
  fs::remove(file("CURRENT"));
  EXPECT_EQ(refusal().code, ErrorCode::data_missing);
}

TEST_F(DamageTest, AStoreWithoutItsCurrentFileIsNotLookedAtEither) {
  fs::remove(file("CURRENT"));
  EXPECT_EQ(open_read_only(copy_).error().code, ErrorCode::data_missing);
}

TEST_F(DamageTest, ADatabaseThatIsGoneAltogetherIsNoticed) {
  const std::string floor = read_bytes(file(floor_file));
  fs::remove_all(copy_);
  fs::create_directory(copy_);
  write_bytes(file(floor_file), floor);
  EXPECT_EQ(refusal().code, ErrorCode::data_missing);
}

TEST_F(DamageTest, ANewerFormatIsRefused) {
  FloorRecord floor = *read_floor(copy_);
  floor.format = store_format + 1;
  put_floor(floor);
  EXPECT_EQ(refusal().code, ErrorCode::newer_format);
}

TEST_F(DamageTest, OneDamagedSlotOfTheFloorIsSurvivedAndHealedAndTwoAreNot) {
  for (const std::size_t slot : {std::size_t{0}, floor_slot_stride}) {
    SCOPED_TRACE(slot);
    std::string bytes = read_bytes(file(floor_file));
    bytes[slot + 20] = static_cast<char>(bytes[slot + 20] ^ 1);
    write_bytes(file(floor_file), bytes);
    EXPECT_EQ(rows_after_opening(), row_count);
    bytes = read_bytes(file(floor_file));
    EXPECT_TRUE(decode_slot(bytes.substr(slot, floor_slot_bytes)));
  }
  std::string bytes = read_bytes(file(floor_file));
  bytes[20] = static_cast<char>(bytes[20] ^ 1);
  bytes[floor_slot_stride + 20] = static_cast<char>(bytes[floor_slot_stride + 20] ^ 1);
  write_bytes(file(floor_file), bytes);
  EXPECT_EQ(refusal().code, ErrorCode::corruption);
}

TEST_F(DamageTest, AFloorAheadOfTheStoreIsNoticed) {
  FloorRecord floor = *read_floor(copy_);
  ++floor.group;
  put_floor(floor);
  EXPECT_EQ(refusal().code, ErrorCode::data_missing);
}

TEST_F(DamageTest, AFloorOfAnotherStoreIsNoticedAtTheSameGroupAndAtAnOlderOne) {
  for (const int rows : {row_count, row_count - 20}) {
    SCOPED_TRACE(rows);
    const std::string name = "other" + std::to_string(rows);
    fill(temporary_.sub(name), temporary_.sub(name + "-copy"), rows);
    fs::copy_file(fs::path(temporary_.sub(name + "-copy")) / floor_file, file(floor_file),
                  fs::copy_options::overwrite_existing);
    EXPECT_EQ(refusal().code, ErrorCode::corruption);
  }
}

TEST_F(DamageTest, AnOlderFloorOfTheSameStoreIsNoDamage) {
  // The ring remembers group 150 with its chain hash.
  const Result<std::unique_ptr<ReadOnlyStore>> view = open_read_only(copy_);
  ASSERT_TRUE(view);
  FloorRecord floor = *read_floor(copy_);
  floor.group = 150;
  const std::string entry = (*view)->snapshot()->get(Family::meta, ring_key(150))->value_or("");
  ASSERT_EQ(entry.size(), 8U + floor.chain.size());
  entry.copy(reinterpret_cast<char*>(floor.chain.data()), floor.chain.size(), 8);
  put_floor(floor);
  EXPECT_EQ(rows_after_opening(), row_count);
}

TEST_F(DamageTest, AFloorWithAnotherNumberOfPartitionsIsNoticed) {
  FloorRecord floor = *read_floor(copy_);
  floor.partitions = 7;
  put_floor(floor);
  EXPECT_EQ(refusal().code, ErrorCode::corruption);
}

TEST_F(DamageTest, AnOlderCopyOfTheDatabaseUnderItsFloorIsNoticed) {
  const std::string live = temporary_.sub("live");
  const std::string floor = read_bytes(file(floor_file));
  {
    Result<std::unique_ptr<RocksStore>> store = RocksStore::open({.directory = live});
    ASSERT_TRUE(store);
    WriteBatch batch;
    batch.put(Family::state, "one more", "row");
    commit_and_wait(**store, std::move(batch));
  }
  fs::copy_file(fs::path(live) / floor_file, file(floor_file), fs::copy_options::overwrite_existing);
  EXPECT_EQ(refusal().code, ErrorCode::data_missing);
  write_bytes(file(floor_file), floor);
  EXPECT_EQ(rows_after_opening(), row_count);
}

TEST_F(DamageTest, AManifestThatLostItsEndIsNoticed) {
  {
    ASSERT_TRUE(RocksStore::open({.directory = copy_}));
  }  // recovery writes the log into table files
  ASSERT_EQ(rows_after_opening(), row_count);
  const std::string path = file("MANIFEST-").string() + manifest_number();
  const std::string whole = read_bytes(path);
  const std::string floor = read_bytes(file(floor_file));
  // RocksDB may add to it after the floor was written; what lies below the floor is what was promised.
  const std::size_t promised = read_floor(copy_)->manifest.bytes;
  ASSERT_GT(promised, 0U);
  ASSERT_LE(promised, whole.size());
  for (std::size_t left = 0; left < promised; left += 13) {
    SCOPED_TRACE(left);
    write_bytes(path, whole.substr(0, left));
    EXPECT_FALSE(open_read_only(copy_));
    const ErrorCode cut = refusal().code;
    EXPECT_TRUE(cut == ErrorCode::data_missing || cut == ErrorCode::corruption);
    // RocksDB takes a zeroed rest for the room that a crash left.
    write_bytes(path, whole.substr(0, left) + std::string(whole.size() - left, '\0'));
    EXPECT_EQ(refusal().code, ErrorCode::corruption);
  }
  write_bytes(path, whole);
  EXPECT_EQ(rows_after_opening(), row_count);
}

TEST_F(DamageTest, GarbageBehindTheManifestsDurableEndIsNoDamage) {
  {
    ASSERT_TRUE(RocksStore::open({.directory = copy_}));
  }
  const std::string path = file("MANIFEST-").string() + manifest_number();
  const std::string whole = read_bytes(path);
  const std::string record = std::string("\x01\x02\x03\x04\x0a\x00\x01", 7) + std::string(10, 'x');
  for (const std::string& garbage : {std::string(3, '\x5a'), std::string(1000, '\x5a'), record}) {
    SCOPED_TRACE(garbage.size());
    write_bytes(path, whole + garbage);
    EXPECT_TRUE(open_read_only(copy_));
  }
  EXPECT_EQ(rows_after_opening(), row_count);
}

TEST_F(DamageTest, AMissingTableFileIsNoticed) {
  {
    ASSERT_TRUE(RocksStore::open({.directory = copy_}));
  }  // recovery writes the log into table files
  for (const auto& entry : fs::directory_iterator(copy_)) {
    if (entry.path().extension() == ".sst") fs::remove(entry.path());
  }
  EXPECT_EQ(refusal().code, ErrorCode::corruption);
}

/// A store in which one family was written to a table, so that the others still need the log before the newest.
class TwoLogsTest : public testing::Test {
 protected:
  TwoLogsTest() {
    const std::string live = temporary_.sub("live");
    RocksOptions options{.directory = live};
    options.write_buffer_bytes = 3U << 20;
    Result<std::unique_ptr<RocksStore>> store = RocksStore::open(options);
    EXPECT_TRUE(store);
    put(**store, Family::state, "k0", "in the older log");
    while (logs_in(live).size() < 2) put(**store, Family::meta, "large", std::string(100'000, 'x'));
    put(**store, Family::state, "k1", "in the newer log");
    (*store)->sync_floor();
    copy_running_store(live, copy_);
  }

  static void put(Store& store, Family family, const std::string& key, const std::string& value) {
    WriteBatch batch;
    batch.put(family, key, value);
    commit_and_wait(store, std::move(batch));
  }

  /// Those with content, oldest first.
  static std::vector<fs::path> logs_in(const std::string& directory) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(directory)) {
      if (entry.path().extension() == ".log" && entry.file_size() > 0) out.push_back(entry.path());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  Error refusal() {
    const auto before = contents_of(copy_);
    EXPECT_FALSE(open_read_only(copy_)) << "shown with a hole";
    const Result<std::unique_ptr<RocksStore>> opened = RocksStore::open({.directory = copy_});
    EXPECT_FALSE(opened) << "opened with a hole";
    EXPECT_TRUE(contents_of(copy_) == before) << "a refused store was changed";
    return opened ? Error{} : opened.error();
  }

  TestDirectory temporary_;
  const std::string copy_ = temporary_.sub("copy");
};

TEST_F(TwoLogsTest, BothAreReplayed) {
  const Result<std::unique_ptr<RocksStore>> opened = RocksStore::open({.directory = copy_});
  ASSERT_TRUE(opened) << opened.error().message;
  for (const char* key : {"k0", "k1"}) EXPECT_TRUE((*opened)->snapshot()->get(Family::state, key)->has_value()) << key;
}

TEST_F(TwoLogsTest, AnOlderLogThatIsLostIsNoticed) {
  fs::remove(logs_in(copy_).front());
  const Error error = refusal();
  EXPECT_TRUE(error.code == ErrorCode::data_missing || error.code == ErrorCode::corruption) << error.message;
}

TEST_F(TwoLogsTest, AnOlderLogThatLostItsEndIsNoticed) {
  const fs::path log = logs_in(copy_).front();
  const std::string whole = read_bytes(log);
  for (std::size_t left = 0; left < whole.size(); left += whole.size() / 9) {
    SCOPED_TRACE(left);
    write_bytes(log, whole.substr(0, left));
    // RocksDB may find a record that was cut off before we look at the length.
    const ErrorCode code = refusal().code;
    EXPECT_TRUE(code == ErrorCode::data_missing || code == ErrorCode::corruption) << info(code).name;
  }
}

TEST(StoreHeadTest, AHeadReadsBackAndANewerOneIsRefused) {
  StoreHead head;
  head.partitions = 3;
  head.group = 0x0102030405060708;
  head.ledger_size = 99;
  head.chain = sha256("chain");
  const Result<StoreHead> read = decode_head(encode_head(head));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->partitions, 3U);
  EXPECT_EQ(read->group, head.group);
  EXPECT_EQ(read->ledger_size, 99U);
  EXPECT_EQ(read->chain, head.chain);
  head.format = store_format + 1;
  EXPECT_EQ(decode_head(encode_head(head) + "more").error().code, ErrorCode::newer_format);
  EXPECT_EQ(decode_head("").error().code, ErrorCode::corruption);
  EXPECT_EQ(decode_head(encode_head({}) + "more").error().code, ErrorCode::corruption);
}

}  // namespace
}  // namespace settle
