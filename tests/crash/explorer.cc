#include "tests/crash/explorer.h"

#include <atomic>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "tests/unit/storage/collecting_sink.h"

namespace settle {
namespace {

constexpr int cuts_in_a_row_max = 4;
constexpr std::size_t cuts_of_one_life_max = 8;

/// Plenty, but not so much that each store takes its reserve.
Result<DiskSpace> some_space() {
  return DiskSpace{std::uint64_t{1} << 30, std::uint64_t{1} << 40};
}

}  // namespace

/// A store on a disk whose power may be cut at any operation, from its opening to its end.
class CrashExplorer::Life {
 public:
  Life(CrashExplorer& owner, const Point& start)
      : owner_(owner),
        start_(start),
        disk_(start.directory),
        acknowledged_(start.acknowledged),
        floored_(start.floored) {
    submitted_ = start.submitted;
    if (owner.sabotage_.lying_syncs) disk_.ignore_syncs_of(*owner.sabotage_.lying_syncs);
    if (owner.sabotage_.dropped_writes) disk_.drop_writes_of(*owner.sabotage_.dropped_writes);
    disk_.watch([this](const std::string& what) { maybe_cut(what); });
    mount(&disk_);
  }
  ~Life() { mount(nullptr); }

  void run() {
    Result<std::unique_ptr<RocksStore>> opened = RocksStore::open(owner_.options(start_.directory));
    if (!opened) return owner_.note_refusal(start_, opened.error());
    const NumberedRows found = numbered_rows_in(**opened);
    if (start_.cuts_before > 0) owner_.judge(start_, found);
    if (!found.wrong.empty()) return;
    {
      // What an opened store shows is promised too.
      const auto held = disk_.hold();
      acknowledged_ = found.count;
      submitted_ = found.count;
      is_opening_ = false;
    }
    write(**opened, owner_.random_() % 120);
  }

 private:
  /// Some batches under way at any moment, so that groups have any size; the floor is waited for now and then.
  void write(RocksStore& store, std::uint64_t batches) {
    CollectingSink sink;
    std::uint64_t queued = 0;
    while (queued < batches) {
      const std::uint64_t burst = 1 + owner_.random_() % 6;
      for (std::uint64_t i = 0; i < burst; ++i, ++queued) {
        const std::uint64_t number = submitted_++;
        store.commit(numbered_batch(number, owner_.lives_), sink,
                     [this, number](const CommitResult&) { acknowledged_ = number + 1; });
      }
      sink.wait_for(queued);
      if (owner_.chance(6)) raise_floor(store);
    }
  }

  void raise_floor(RocksStore& store) {
    const std::uint64_t covered = acknowledged_;
    store.sync_floor();
    floored_ = covered;
  }

  /// Called with the disk held still, on any thread of the store.
  void maybe_cut(const std::string& what) {
    ++operations_;
    const bool is_enough = cuts_ >= cuts_of_one_life_max || start_.cuts_before >= cuts_in_a_row_max;
    if (is_enough || random_() % (is_opening_ ? 60 : 20) != 0) return;
    ++cuts_;
    Point point;
    point.directory = owner_.temporary_.sub(std::to_string(++owner_.directories_));
    point.operation = what;
    point.cut = static_cast<Cut>(random_() % cut_count);
    point.acknowledged = acknowledged_;
    point.floored = floored_;
    point.submitted = submitted_;
    point.cuts_before = start_.cuts_before + 1;
    point.while_opening = is_opening_;
    disk_.write_image(point.directory, point.cut, random_);
    owner_.open_.push_back(std::move(point));
  }

  CrashExplorer& owner_;
  const Point& start_;
  CrashDisk disk_;
  std::mt19937_64 random_{owner_.random_()};
  std::atomic<std::uint64_t> acknowledged_;
  std::atomic<std::uint64_t> floored_;
  std::atomic<std::uint64_t> submitted_{0};
  std::atomic<bool> is_opening_{true};
  std::uint64_t operations_ = 0;
  std::size_t cuts_ = 0;
};

RocksOptions CrashExplorer::options(const std::string& directory) {
  RocksOptions out{.directory = directory};
  out.disk_space_for_tests = some_space;
  out.block_cache_bytes = 1U << 20;
  // Mostly large buffers, which are fast; now and then small ones, so that tables are written while it runs.
  if (chance(6)) out.write_buffer_bytes = 256U << 10;
  return out;
}

void CrashExplorer::judge(const Point& point, const NumberedRows& found) {
  if (!found.wrong.empty()) {
    ++tally_.broken;
    return note_wrong(point, found.wrong);
  }
  if (found.count < point.acknowledged) {
    ++tally_.lost;
    if (found.count < point.floored) ++tally_.below_floor;
    return note_wrong(point, "has " + std::to_string(found.count) + " numbers");
  }
  if (found.count > point.submitted) {
    ++tally_.broken;
    return note_wrong(point, "has numbers that were never written");
  }
  ++tally_.sound;
  if (found.count > point.acknowledged) ++tally_.with_more;
}

void CrashExplorer::note_refusal(const Point& point, const Error& error) {
  ++tally_.refused;
  note_wrong(point, std::string(info(error.code).name) + ": " + error.message);
}

void CrashExplorer::note_wrong(const Point& point, const std::string& what) {
  if (!tally_.first_wrong.empty()) return;
  tally_.first_wrong = "seed " + std::to_string(seed_) + ", point " + std::to_string(tally_.points) + ", before " +
                       point.operation + ", cut " + std::to_string(static_cast<int>(point.cut)) + ", acknowledged " +
                       std::to_string(point.acknowledged) + ": " + what;
}

void CrashExplorer::live(const Point& start) {
  ++lives_;
  Life(*this, start).run();
}

CrashTally CrashExplorer::explore(std::uint64_t points) {
  while (tally_.points < points) {
    if (open_.empty()) {
      Point fresh;
      fresh.directory = temporary_.sub(std::to_string(++directories_));
      std::filesystem::create_directory(fresh.directory);
      live(fresh);
      std::filesystem::remove_all(fresh.directory);
      continue;
    }
    // The newest first, so that few images wait at any moment.
    const Point point = std::move(open_.back());
    open_.pop_back();
    ++tally_.points;
    ++tally_.by_operation[point.operation.substr(0, point.operation.find_first_of("0123456789"))];
    if (point.while_opening) ++tally_.while_opening;
    live(point);
    std::filesystem::remove_all(point.directory);
  }
  return std::exchange(tally_, {});
}

}  // namespace settle
