#include <rocksdb/db.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/rocks/families.h"
#include "storage/rocks/rocks_store.h"

// Commits per second through the committer, with closed-loop producers on a few event loops, against one thread that
// writes merged batches of the same size straight into RocksDB: the difference is what queueing, guards, sorting, the
// chain hash and the completions cost.
//
//     committer_bench DIRECTORY [SECONDS [PRODUCERS [BYTES]]]
//
// DIRECTORY must not exist. SECONDS may be a fraction. By default 1, 64 and 256 producers. With BYTES, the size of a
// commit's keys and values, only the raw writer runs: it is what another benchmark is compared with.

namespace {

using namespace settle;
using Clock = std::chrono::steady_clock;

constexpr int loop_count = 2;
constexpr Family families[] = {Family::state, Family::history, Family::due, Family::index, Family::keys};

using Seconds = std::chrono::duration<double>;
constexpr std::size_t usual_value_bytes = 280;

/// Five puts, by default 1.5 KiB in all, as a step of a workflow makes them.
WriteBatch step_of(std::uint64_t workflow, std::uint64_t step, std::size_t value_bytes = usual_value_bytes) {
  const std::string prefix = "\0\1" + std::to_string(workflow * 0x9e3779b97f4a7c15ULL);
  WriteBatch batch;
  for (const Family family : families) {
    batch.put(family, prefix + "/" + std::to_string(step),
              std::string(value_bytes, static_cast<char>('a' + step % 26)));
  }
  return batch;
}

/// What each of the puts has to carry for a commit to have `bytes` in all.
std::size_t value_bytes_of(std::size_t bytes) {
  const std::size_t each = bytes / std::size(families);
  const std::size_t key = step_of(1, 1, 0).writes[0].key.size();
  return each > key ? each - key : 1;
}

/// An event loop with its closed-loop producers: a completion makes its producer commit again.
class Loop final : public CompletionSink {
 public:
  Loop(Store& store, std::uint64_t first, std::uint64_t producers, std::atomic<bool>& is_over)
      : store_(store), first_(first), started_(producers), is_over_(is_over), thread_([this] { run(); }) {}
  ~Loop() override { thread_.join(); }

  void deliver(std::vector<Completion> completions) override {
    const std::lock_guard lock(mutex_);
    for (Completion& completion : completions) inbox_.push_back(std::move(completion));
    changed_.notify_all();  // join_into() waits on it too
  }

  void join_into(std::uint64_t& commits, std::vector<double>& micros) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_done_; });
    commits += micros_.size();
    micros.insert(micros.end(), micros_.begin(), micros_.end());
  }

 private:
  void run() {
    for (std::uint64_t i = 0; i < started_; ++i) submit(first_ + i, 0);
    std::uint64_t under_way = started_;
    while (under_way > 0) {
      std::vector<Completion> ready;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !inbox_.empty(); });
        ready.swap(inbox_);
      }
      under_way -= ready.size();
      for (Completion& completion : ready) completion.done(completion.result);
      under_way += resubmitted_;
      resubmitted_ = 0;
    }
    const std::lock_guard lock(mutex_);
    is_done_ = true;
    changed_.notify_all();
  }

  void submit(std::uint64_t workflow, std::uint64_t step) {
    const Clock::time_point begun = Clock::now();
    store_.commit(step_of(workflow, step), *this, [this, workflow, step, begun](const CommitResult&) {
      micros_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
      if (is_over_) return;
      ++resubmitted_;
      submit(workflow, step + 1);
    });
  }

  Store& store_;
  const std::uint64_t first_;
  const std::uint64_t started_;
  std::atomic<bool>& is_over_;
  std::uint64_t resubmitted_ = 0;
  std::vector<double> micros_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Completion> inbox_;
  bool is_done_ = false;
  std::thread thread_;
};

void print(const char* what, std::uint64_t producers, double commits_per_second, double p50, double p99, double group) {
  std::printf("%-28s %4llu  %9.0f commits/s  p50 %7.0f us  p99 %7.0f us  %6.1f per sync\n", what,
              static_cast<unsigned long long>(producers), commits_per_second, p50, p99, group);
}

void run_committer(const std::string& directory, std::uint64_t producers, Seconds duration) {
  RocksOptions options;
  options.directory = directory;
  auto store = RocksStore::open(options);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    std::exit(1);
  }
  std::atomic<bool> is_over{false};
  std::uint64_t commits = 0;
  std::vector<double> micros;
  const Clock::time_point begun = Clock::now();
  {
    std::vector<std::unique_ptr<Loop>> loops;
    const std::uint64_t each = std::max<std::uint64_t>(1, producers / loop_count);
    for (std::uint64_t i = 0; i * each < producers; ++i) {
      loops.push_back(std::make_unique<Loop>(**store, i * each, each, is_over));
    }
    std::this_thread::sleep_for(duration);
    is_over = true;
    for (auto& loop : loops) loop->join_into(commits, micros);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  std::sort(micros.begin(), micros.end());
  const RocksStats stats = (*store)->stats();
  print("through the committer", producers, static_cast<double>(commits) / seconds, micros[micros.size() / 2],
        micros[micros.size() * 99 / 100], static_cast<double>(stats.batches) / static_cast<double>(stats.groups));
}

/// One thread that does nothing but build merged batches of `producers` steps, by family, and write them synced.
void run_raw(const std::string& directory, std::uint64_t producers, Seconds duration, std::size_t value_bytes) {
  RocksOptions options;
  options.directory = directory;
  rocksdb::DBOptions settings = database_options(options);
  settings.create_if_missing = true;
  settings.create_missing_column_families = true;
  std::filesystem::create_directories(directory);
  Database database;
  if (!database.open(settings, directory, family_descriptors(options)).ok()) std::exit(1);
  rocksdb::WriteOptions durably;
  durably.sync = true;
  std::vector<double> micros;
  const Clock::time_point begun = Clock::now();
  for (std::uint64_t step = 0; Clock::now() - begun < duration; ++step) {
    const Clock::time_point group_begun = Clock::now();
    std::vector<WriteBatch> batches;
    for (std::uint64_t i = 0; i < producers; ++i) batches.push_back(step_of(i, step, value_bytes));
    rocksdb::WriteBatch merged(producers * (value_bytes + 40) * std::size(families), 0, 8, 0);
    for (std::size_t f = 0; f < std::size(families); ++f) {
      for (const WriteBatch& batch : batches) {
        const Write& write = batch.writes[f];
        merged.Put(database.family(write.family), write.key, *write.value).PermitUncheckedError();
      }
    }
    if (!database->Write(durably, &merged).ok()) std::exit(1);
    micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - group_begun).count());
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  std::sort(micros.begin(), micros.end());
  print("one thread, raw, merged", producers, static_cast<double>(micros.size() * producers) / seconds,
        micros[micros.size() / 2], micros[micros.size() * 99 / 100], static_cast<double>(producers));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || std::filesystem::exists(argv[1])) {
    std::fprintf(stderr, "usage: committer_bench DIRECTORY [SECONDS [PRODUCERS [BYTES]]]; DIRECTORY must not exist\n");
    return 2;
  }
  const std::string directory = argv[1];
  const Seconds duration(argc > 2 ? std::strtod(argv[2], nullptr) : 5);
  std::vector<std::uint64_t> all_producers = {1, 64, 256};
  if (argc > 3) all_producers = {std::strtoull(argv[3], nullptr, 10)};
  const std::size_t bytes = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 0;
  for (const std::uint64_t producers : all_producers) {
    const std::string name = directory + "/" + std::to_string(producers);
    run_raw(name + "-raw", producers, duration, bytes > 0 ? value_bytes_of(bytes) : usual_value_bytes);
    if (bytes == 0) run_committer(name + "-committer", producers, duration);
  }
  std::filesystem::remove_all(directory);
  return 0;
}
