#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "storage/ledger.h"
#include "storage/rocks/rocks_store.h"
#include "tests/support/child.h"
#include "tests/unit/storage/collecting_sink.h"
#include "tests/unit/storage/fault_fs.h"
#include "tests/unit/storage/test_directory.h"

// What a store does when its process dies. This program starts itself again as the process that dies; main() is below.

namespace settle {
namespace {

using Number = std::uint64_t;

/// Tells the parent, through the pipe that is the child's standard output, that number `n` was acknowledged.
void acknowledge(Number n) {
  const ssize_t written = ::write(STDOUT_FILENO, &n, sizeof(n));
  if (written != sizeof(n)) std::_Exit(1);
}

std::string key_of(Number n) {
  return "k" + std::to_string(n);
}

WriteBatch numbered(Number n) {
  WriteBatch batch;
  for (const Family family : {Family::state, Family::history, Family::index}) {
    batch.put(family, key_of(n), std::to_string(n) + std::string(n % 700, '.'));
  }
  batch.ledger.push_back({"R" + key_of(n), key_of(n), sha256(key_of(n))});
  return batch;
}

/// A child that commits numbers without end, some hundred of them under way at any moment.
class Writer final : public CompletionSink {
 public:
  int run(const std::string& directory) {
    Result<std::unique_ptr<RocksStore>> opened = RocksStore::open({.directory = directory});
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().message.c_str());
      return info(opened.error().code).exit_code;
    }
    store_ = *std::move(opened);
    next_ = store_->ledger_size();
    {
      // The committer may answer before the last of these is queued; numbers must still be queued in their order.
      const std::lock_guard lock(mutex_);
      for (int i = 0; i < 200; ++i) submit();
    }
    for (;;) ::pause();
  }

  void deliver(std::vector<Completion> completions) override {
    const std::lock_guard lock(mutex_);
    for (Completion& completion : completions) completion.done(completion.result);
    for (std::size_t i = 0; i < completions.size(); ++i) submit();
  }

 private:
  void submit() {
    const Number n = next_++;
    store_->commit(numbered(n), *this, [n](const CommitResult&) { acknowledge(n); });
  }

  std::mutex mutex_;
  std::unique_ptr<RocksStore> store_;
  Number next_ = 0;
};

struct Fault {
  const char* name;
  FaultFs::Operation operation;
  const char* file;  ///< part of its name
  rocksdb::IOStatus error;
};

rocksdb::IOStatus retryable() {
  rocksdb::IOStatus status = rocksdb::IOStatus::IOError("a hiccup");
  status.SetRetryable(true);
  return status;
}

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = {
      {"sync-eio", FaultFs::Operation::sync, ".log", rocksdb::IOStatus::IOError("input/output error")},
      {"append-eio", FaultFs::Operation::append, ".log", rocksdb::IOStatus::IOError("input/output error")},
      {"sync-enospc", FaultFs::Operation::sync, ".log", rocksdb::IOStatus::NoSpace("no space left on device")},
      {"append-enospc", FaultFs::Operation::append, ".log", rocksdb::IOStatus::NoSpace("no space left on device")},
      {"sync-retryable", FaultFs::Operation::sync, ".log", retryable()},
      {"flush-eio", FaultFs::Operation::append, ".sst", rocksdb::IOStatus::IOError("input/output error")},
      {"flush-enospc", FaultFs::Operation::create, ".sst", rocksdb::IOStatus::NoSpace("no space left on device")},
      {"manifest-eio", FaultFs::Operation::sync, "MANIFEST", rocksdb::IOStatus::IOError("input/output error")},
  };
  return all;
}

/// A child whose disk breaks after the first commit: acknowledges 0, then goes on committing until it is ended.
int run_broken(const std::string& directory, std::string_view name) {
  for (const Fault& fault : faults()) {
    if (name != fault.name) continue;
    const auto fails = [&fault](FaultFs::Operation operation, const std::string& file) {
      return operation == fault.operation && file.find(fault.file) != std::string::npos;
    };
    const auto broken = std::make_shared<FaultFs>(fails, fault.error);
    const auto env = rocksdb::NewCompositeEnv(broken);
    RocksOptions options{.directory = directory};
    options.env_for_tests = env.get();
    options.write_buffer_bytes = 1U << 20;  // so that flushes come soon
    Result<std::unique_ptr<RocksStore>> store = RocksStore::open(options);
    if (!store) return 1;
    commit_and_wait(**store, numbered(0));
    acknowledge(0);
    const bool is_of_the_log = std::string_view(fault.file) == ".log";
    broken->arm();
    for (Number n = 1; n < 100'000; ++n) {
      commit_and_wait(**store, numbered(n));
      // Writes that reached the log before a flush failed are good, and may be said to be.
      if (is_of_the_log) acknowledge(n);
    }
    return 0;
  }
  return 1;
}

/// The numbers that the store holds are all up to some number, each whole; returns how many. Nothing may be torn.
Number whole_numbers_in(const RocksStore& store) {
  const auto reader = store.snapshot();
  const Number count = store.ledger_size();
  for (Number n = 0; n < count; ++n) {
    for (const Family family : {Family::state, Family::history, Family::index}) {
      const Result<std::optional<std::string>> value = reader->get(family, key_of(n));
      if (!value || *value != numbered(n).writes[0].value) {
        ADD_FAILURE() << "number " << n << " of " << count << " is torn";
        return 0;
      }
    }
    const Result<std::optional<LedgerLeaf>> leaf = ledger_leaf(*reader, n);
    if (!leaf || !*leaf || (*leaf)->key != "R" + key_of(n)) {
      ADD_FAILURE() << "entry " << n << " of the ledger is not the receipt of its number";
    }
  }
  const bool goes_on = reader->get(Family::state, key_of(count))->has_value();
  EXPECT_FALSE(goes_on) << "a write without its receipt";
  return count;
}

TEST(ProcessTest, EveryAcknowledgedCommitSurvivesSigkillAtAnyMoment) {
  const TestDirectory temporary;
  const std::string directory = temporary.sub("data");
  Number total = 0;
  for (unsigned round = 0; round < 15; ++round) {
    SCOPED_TRACE(round);
    std::mt19937 random(round);
    const Number reads = std::uniform_int_distribution<Number>(1, 4000)(random);
    Number acknowledged = total;  // one past the last
    {
      Child writer({"--writer", directory});
      for (Number i = 0; i < reads; ++i) {
        const std::optional<Number> n = writer.read();
        ASSERT_TRUE(n.has_value()) << "the writer ended by itself";
        ASSERT_EQ(*n, acknowledged) << "acknowledged out of order";
        ++acknowledged;
      }
      writer.kill();
      // What it wrote into the pipe before its end was acknowledged as well.
      while (writer.read()) ++acknowledged;
    }
    Result<std::unique_ptr<RocksStore>> store = RocksStore::open({.directory = directory});
    ASSERT_TRUE(store) << store.error().message;
    total = whole_numbers_in(**store);
    ASSERT_GE(total, acknowledged) << "acknowledged commits are gone";
  }
  EXPECT_GT(total, 0U);
}

TEST(ProcessTest, AFailedWriteEndsTheProcessAndNothingIsAcknowledgedAfterIt) {
  for (const Fault& fault : faults()) {
    SCOPED_TRACE(fault.name);
    const TestDirectory temporary;
    const std::string directory = temporary.sub("data");
    Child broken({"--broken", directory, fault.name});
    EXPECT_EQ(broken.read(), std::optional<Number>(0));
    EXPECT_EQ(broken.read(), std::nullopt);
    EXPECT_EQ(broken.wait(), info(ErrorCode::io_error).exit_code);
    Result<std::unique_ptr<RocksStore>> store = RocksStore::open({.directory = directory});
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_GE(whole_numbers_in(**store), 1U);
  }
}

}  // namespace
}  // namespace settle

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "--writer") return settle::Writer().run(arguments[1]);
  if (arguments.size() == 3 && arguments[0] == "--broken") return settle::run_broken(arguments[1], arguments[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
