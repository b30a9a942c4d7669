#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iostream>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "storage/rocks/rocks_store.h"
#include "tests/crash/child.h"
#include "tests/crash/numbered_rows.h"
#include "tests/crash/wanted.h"
#include "tests/support/child.h"
#include "tests/support/crash_disk.h"
#include "tests/unit/storage/test_directory.h"

// The k-th write or sync of the log fails, once: the process ends with 13 within a second and acknowledges nothing
// more, though the disk works again. The process that fails is this program, started again (main.cc).

namespace settle {
namespace {

constexpr std::uint64_t failed_marker = ~std::uint64_t{0};

struct Failure {
  const char* name;
  DiskFault fault;  ///< `after` comes with the run
};

const std::vector<Failure>& failures() {
  using enum DiskFault::Operation;
  static const std::vector<Failure> all = {
      {"sync-eio", {sync, ".log", 0, EIO, false}},       {"sync-enospc", {sync, ".log", 0, ENOSPC, false}},
      {"write-eio", {write, ".log", 0, EIO, false}},     {"write-enospc", {write, ".log", 0, ENOSPC, false}},
      {"write-short", {write, ".log", 0, ENOSPC, true}},
  };
  return all;
}

/// Tells the parent through the pipe that is this process's standard output.
void tell(std::uint64_t number) {
  if (::write(STDOUT_FILENO, &number, sizeof number) != sizeof number) std::_Exit(1);
}

/// Commits numbers without end, a few under way at any moment; each acknowledged one is told.
class Committer final : public CompletionSink {
 public:
  explicit Committer(RocksStore& store) : store_(store) {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < 5; ++i) submit();
  }
  void deliver(std::vector<Completion> completions) override {
    const std::lock_guard lock(mutex_);
    for (Completion& completion : completions) completion.done(completion.result);
    for (std::size_t i = 0; i < completions.size(); ++i) submit();
  }

 private:
  void submit() {
    const std::uint64_t n = next_++;
    store_.commit(numbered_batch(n, 1), *this, [n](const CommitResult&) { tell(n); });
  }

  RocksStore& store_;
  std::mutex mutex_;
  std::uint64_t next_ = 0;
};

/// What a process with a failing disk told, and how it ended.
struct Ending {
  std::uint64_t acknowledged = 0;
  std::uint64_t acknowledged_after = 0;  ///< the failure
  bool has_failed = false;
  int exit_code = -1;
  std::chrono::milliseconds took{0};  ///< from the failure to the end
};

Ending watch_failing(const std::string& directory, const std::string& name, std::uint64_t after) {
  Child child({"--failing", directory, name, std::to_string(after)}, Child::Errors::its_own);
  Ending out;
  std::chrono::steady_clock::time_point failed;
  while (const std::optional<std::uint64_t> told = child.read()) {
    if (*told == failed_marker) {
      out.has_failed = true;
      failed = std::chrono::steady_clock::now();
      continue;
    }
    out.acknowledged = *told + 1;
    if (out.has_failed) ++out.acknowledged_after;
  }
  out.exit_code = child.wait();
  out.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - failed);
  return out;
}

class FailingDisk : public testing::TestWithParam<std::size_t> {};

TEST_P(FailingDisk, EndsTheProcessAtOnceWhicheverOperationFails) {
  const Failure& failure = failures()[GetParam()];
  const std::uint64_t operations = number_wanted("SETTLE_DISK_FAILURES", 200);
  // Usually the kinds take turns, so that each operation up to the last is met by one of them; for long, by all.
  const std::uint64_t step = operations > 200 ? 1 : failures().size();
  std::chrono::milliseconds longest{0};
  for (std::uint64_t after = step > 1 ? GetParam() : 0; after < operations; after += step) {
    SCOPED_TRACE(std::string(failure.name) + " after " + std::to_string(after));
    const TestDirectory temporary;
    const std::string directory = temporary.sub("data");
    const Ending ending = watch_failing(directory, failure.name, after);
    ASSERT_TRUE(ending.has_failed) << "it ended before with " << ending.exit_code;
    ASSERT_EQ(ending.exit_code, info(ErrorCode::io_error).exit_code);
    ASSERT_EQ(ending.acknowledged_after, 0U);
    ASSERT_LT(ending.took, std::chrono::seconds(1));
    longest = std::max(longest, ending.took);
    const Result<std::unique_ptr<RocksStore>> store = RocksStore::open({.directory = directory});
    ASSERT_TRUE(store) << store.error().message;
    const NumberedRows found = numbered_rows_in(**store);
    ASSERT_EQ(found.wrong, "");
    ASSERT_GE(found.count, ending.acknowledged);
  }
  std::cout << "  " << operations / step << " times " << failure.name << ": exit code 13 each time, at most "
            << longest.count() << " ms after it\n";
}

INSTANTIATE_TEST_SUITE_P(Kinds, FailingDisk, testing::Range(std::size_t{0}, failures().size()), [](const auto& kind) {
  std::string name = failures()[kind.param].name;
  name[name.find('-')] = '_';
  return name;
});

}  // namespace

int run_failing(const std::string& directory, const std::string& name, std::uint64_t after) {
  CrashDisk disk(directory);
  mount(&disk);
  RocksOptions options{.directory = directory};
  options.disk_space_for_tests = []() -> Result<DiskSpace> {
    return DiskSpace{std::uint64_t{1} << 30, std::uint64_t{1} << 40};
  };
  Result<std::unique_ptr<RocksStore>> store = RocksStore::open(options);
  if (!store) return 1;
  for (const Failure& failure : failures()) {
    if (name != failure.name) continue;
    DiskFault fault = failure.fault;
    fault.after = after;
    disk.when_failed([] { tell(failed_marker); });
    disk.fail(std::move(fault));
  }
  const Committer committer(**store);
  for (;;) ::pause();
}

}  // namespace settle
