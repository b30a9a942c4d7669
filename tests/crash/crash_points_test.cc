#include <gtest/gtest.h>

#include <iostream>

#include "tests/crash/explorer.h"
#include "tests/crash/wanted.h"

// The power is cut at a random operation of a real store's disk, its durable floor included; what a cut leaves is
// opened, compared with what had been acknowledged, written to and cut again. The disks live in memory (TEST_TMPDIR).

namespace settle {
namespace {

std::uint64_t seed_of(std::uint64_t part) {
  return seed_wanted() * 100 + part;
}

void say(const CrashTally& tally) {
  std::cout << "  " << tally.points << " cuts (" << tally.while_opening << " during an opening): " << tally.sound
            << " opened with all that was acknowledged (" << tally.with_more << " with more), " << tally.refused
            << " refused, " << tally.lost << " lost something, " << tally.broken << " broken\n";
  for (const auto& [operation, count] : tally.by_operation)
    std::cout << "    before " << operation << ": " << count << "\n";
  if (!tally.first_wrong.empty()) std::cout << "  first: " << tally.first_wrong << "\n";
}

/// The same in four parts, so that they run beside each other.
class PowerCuts : public testing::TestWithParam<int> {};

TEST_P(PowerCuts, LoseNothingAcknowledgedAndLeaveNoBatchInPart) {
  const CrashTally tally = CrashExplorer(seed_of(static_cast<std::uint64_t>(GetParam())), {})
                               .explore(number_wanted("SETTLE_CRASH_POINTS", 2'000) / 4);
  say(tally);
  EXPECT_EQ(tally.lost, 0U) << tally.first_wrong;
  EXPECT_EQ(tally.broken, 0U) << tally.first_wrong;
  EXPECT_EQ(tally.refused, 0U) << tally.first_wrong;
  EXPECT_EQ(tally.sound, tally.points);
  EXPECT_GT(tally.with_more, 0U) << "no cut fell between a sync and its answer";
  EXPECT_GT(tally.while_opening, 0U) << "no cut fell into a recovery";
  for (const char* operation : {"write ", "sync ", "sync FLOOR", "sync MANIFEST-", "create "})
    EXPECT_GT(tally.by_operation.contains(operation) ? tally.by_operation.at(operation) : 0, 0U) << operation;
}

INSTANTIATE_TEST_SUITE_P(Parts, PowerCuts, testing::Range(0, 4));

TEST(PowerCutsOfALyingDisk, AreCaughtWhenNoSyncDoesAnything) {
  const CrashTally tally = CrashExplorer(seed_of(11), {.lying_syncs = "", .dropped_writes = {}}).explore(60);
  say(tally);
  EXPECT_GT(tally.lost + tally.refused, 20U);
}

TEST(PowerCutsOfALyingDisk, AreRefusedByTheFloorWhenOnlyTheLogIsNotSynced) {
  const CrashTally tally = CrashExplorer(seed_of(12), {.lying_syncs = ".log", .dropped_writes = {}}).explore(100);
  say(tally);
  EXPECT_GT(tally.refused, 20U);
  EXPECT_EQ(tally.below_floor, 0U) << "the floor knew of it";
}

TEST(PowerCutsOfALyingDisk, AreSilentWithoutTheFloor) {
  // The same disk, and the floor never leaves its first state: this is what the floor is for.
  const CrashTally tally = CrashExplorer(seed_of(13), {.lying_syncs = ".log", .dropped_writes = "FLOOR"}).explore(100);
  say(tally);
  EXPECT_GT(tally.below_floor, 0U);
}

}  // namespace
}  // namespace settle
