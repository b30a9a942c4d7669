#include "storage/rocks/store_fs.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "tests/unit/storage/test_directory.h"

namespace settle {
namespace {

/// The log of a database with one small and one large record, which spans blocks.
std::string two_records(std::size_t large) {
  const TestDirectory temporary;
  const std::string directory = temporary.sub("db");
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  EXPECT_TRUE(rocksdb::DB::Open(options, directory, &db).ok());
  EXPECT_TRUE(db->Put({}, "small", "s").ok());
  EXPECT_TRUE(db->Put({}, "large", std::string(large, 'l')).ok());
  const std::string bytes = read_bytes(log_of(directory));
  delete db;
  return bytes;
}

TEST(WholeRecordsTest, EndWhereRocksDbEndedThem) {
  // From one block to several, and to ends that leave no place for a header in the block.
  for (std::size_t large : {10UL, 32'000UL, 100'000UL, 32'690UL, 32'691UL, 32'692UL, 32'693UL, 32'694UL, 32'700UL}) {
    const std::string bytes = two_records(large);
    EXPECT_EQ(end_of_whole_records(bytes), bytes.size()) << large;
  }
}

TEST(WholeRecordsTest, OneThatIsTornOrDamagedEndsThem) {
  const std::string bytes = two_records(100'000);
  const std::size_t first = end_of_whole_records(bytes.substr(0, 200));
  EXPECT_GT(first, 0U);
  EXPECT_LT(first, 100U);
  for (std::size_t left = first; left < bytes.size(); left += 997)
    EXPECT_EQ(end_of_whole_records(bytes.substr(0, left)), first) << left;
  for (std::size_t at = first; at < bytes.size(); at += 997) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_EQ(end_of_whole_records(bad), first) << at;
  }
  EXPECT_EQ(end_of_whole_records(bytes + std::string(5000, '\0')), bytes.size());
  EXPECT_EQ(end_of_whole_records(""), 0U);
}

}  // namespace
}  // namespace settle
