#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/rocks/rocks_store.h"
#include "tests/crash/numbered_rows.h"
#include "tests/support/crash_disk.h"
#include "tests/unit/storage/test_directory.h"

namespace settle {

/// How a run of the explorer is spoiled on purpose, to show that it would notice.
struct Sabotage {
  std::optional<std::string> lying_syncs;     ///< syncs of these files do nothing
  std::optional<std::string> dropped_writes;  ///< and writes to these go nowhere
  explicit operator bool() const { return lying_syncs || dropped_writes; }
};

/// What the crash points of a run came to.
struct CrashTally {
  std::uint64_t points = 0;
  std::uint64_t sound = 0;          ///< opened with all that was acknowledged, and whole
  std::uint64_t with_more = 0;      ///< of these: held numbers nobody had been told of
  std::uint64_t refused = 0;        ///< said so, and did not open
  std::uint64_t lost = 0;           ///< opened with less than was acknowledged
  std::uint64_t below_floor = 0;    ///< opened with less than the floor had been told of
  std::uint64_t broken = 0;         ///< opened with a gap, or a batch in part
  std::uint64_t while_opening = 0;  ///< cuts during an opening or recovery
  std::map<std::string, std::uint64_t> by_operation;
  std::string first_wrong;
};

/// Cuts the power of a real RocksStore at random operations of its disk, opens what each cut leaves, compares, lets the
/// store live on there, and cuts again.
class CrashExplorer {
 public:
  CrashExplorer(std::uint64_t seed, Sabotage sabotage) : random_(seed), seed_(seed), sabotage_(std::move(sabotage)) {}

  /// Goes on until so many cuts were judged.
  CrashTally explore(std::uint64_t points);

 private:
  /// What a cut left, and what had been promised by then.
  struct Point {
    std::string directory;
    std::string operation;
    Cut cut = Cut::clean;
    std::uint64_t acknowledged = 0;
    std::uint64_t floored = 0;    ///< of these, what the floor had been told of durably
    std::uint64_t submitted = 0;  ///< no number from here on was ever written
    int cuts_before = 0;
    bool while_opening = false;
  };
  class Life;

  void live(const Point& start);
  RocksOptions options(const std::string& directory);
  void judge(const Point& point, const NumberedRows& found);
  void note_refusal(const Point& point, const Error& error);
  void note_wrong(const Point& point, const std::string& what);
  bool chance(std::uint64_t one_in) { return random_() % one_in == 0; }

  std::mt19937_64 random_;
  const std::uint64_t seed_;
  const Sabotage sabotage_;
  TestDirectory temporary_;
  std::vector<Point> open_;
  std::uint64_t directories_ = 0;
  std::uint64_t lives_ = 0;
  CrashTally tally_;
};

}  // namespace settle
