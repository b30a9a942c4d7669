#include "storage/rocks/store_fs.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <sys/resource.h>

#include <csignal>

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

/// What the file system gives RocksDB to tell its own story in.
std::shared_ptr<rocksdb::Logger> logger_at(const std::string& path) {
  StoreFileSystem files(rocksdb::FileSystem::Default(), "data");
  files.arm();
  std::shared_ptr<rocksdb::Logger> out;
  EXPECT_TRUE(files.NewLogger(path, {}, &out, nullptr).ok());
  out->SetInfoLogLevel(rocksdb::InfoLogLevel::INFO_LEVEL);
  return out;
}

/// While it lives, no file of this process grows beyond `most` bytes: a write then fails as on a full disk.
class NoRoom {
 public:
  explicit NoRoom(rlim_t most) : before_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit small{most, limit_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~NoRoom() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;

 private:
  rlimit limit_{};
  void (*before_)(int);
};

TEST(DiagnosticLogTest, ADiskWithoutRoomForItEndsNothing) {
  const TestDirectory temporary;
  const std::string path = temporary.sub("log");
  const std::shared_ptr<rocksdb::Logger> log = logger_at(path);
  {
    const NoRoom no_room(4096);
    const std::string long_line(10'000, 'x');
    for (int i = 0; i < 400; ++i) rocksdb::Log(log.get(), "%s", long_line.c_str());
    log->Flush();
  }
  rocksdb::Log(log.get(), "there is room again");
  log->Flush();
  EXPECT_NE(read_bytes(path).find("there is room again"), std::string::npos);
}

TEST(DiagnosticLogTest, HoldsEveryLineAndKnowsItsSize) {
  const TestDirectory temporary;
  const std::string path = temporary.sub("log");
  const std::shared_ptr<rocksdb::Logger> log = logger_at(path);
  rocksdb::Log(log.get(), "one %d", 1);
  rocksdb::Log(rocksdb::InfoLogLevel::WARN_LEVEL, log.get(), "two\n");
  const std::string said = read_bytes(path);
  EXPECT_NE(said.find(" one 1\n"), std::string::npos) << said;
  EXPECT_NE(said.find("[WARN] two\n"), std::string::npos) << said;
  EXPECT_EQ(log->GetLogFileSize(), said.size());
}

}  // namespace
}  // namespace settle
