#include "storage/committer.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "storage/big_endian.h"
#include "storage/feed.h"
#include "storage/ledger.h"

namespace settle {
namespace {

class NullSink final : public CompletionSink {
 public:
  void deliver(std::vector<Completion> completions) override { got = std::move(completions); }
  std::vector<Completion> got;
};

using Durable = std::map<std::pair<Family, std::string>, std::string>;

DurableLookup look_in(const Durable& durable) {
  return [&durable](Family family, std::string_view key) -> Result<std::optional<std::string>> {
    const auto at = durable.find({family, std::string(key)});
    if (at == durable.end()) return std::optional<std::string>();
    return std::optional(at->second);
  };
}

QueuedCommit put(NullSink& sink, const std::string& key, const std::string& value, std::vector<Guard> guards = {}) {
  QueuedCommit commit;
  commit.batch.guards = std::move(guards);
  commit.batch.put(Family::state, key, value);
  commit.sink = &sink;
  commit.done = [](const CommitResult&) {};
  return commit;
}

CommitGroup decide(std::vector<QueuedCommit> queue, const Durable& durable = {}, std::uint64_t ledger_size = 0) {
  Result<CommitGroup> group = decide_group(std::move(queue), ledger_size, look_in(durable));
  EXPECT_TRUE(group);
  return *std::move(group);
}

std::string shown(const CommitGroup& group) {
  std::string out;
  for (const Write& write : group.writes) {
    out += std::to_string(static_cast<int>(write.family)) + ":" + write.key + "=" + write.value.value_or("-") + " ";
  }
  return out;
}

const Guard a_is_absent{Family::state, "a"};

TEST(CommitterTest, WritesComeOutByFamilyAndKeyWithTheLastValueOfEach) {
  NullSink sink;
  std::vector<QueuedCommit> queue;
  queue.push_back(put(sink, "b", "1"));
  queue.push_back(put(sink, "a", "2"));
  queue.back().batch.put(Family::meta, "z", "3");
  queue.back().batch.erase(Family::state, "b");
  queue.push_back(put(sink, "a", "4"));
  EXPECT_EQ(shown(decide(std::move(queue))), "0:z=3 1:a=4 1:b=- ");
}

TEST(CommitterTest, AGuardIsDecidedInQueueOrderAgainstTheDiskAndTheGroup) {
  struct Row {
    const char* name;
    Durable durable;
    std::vector<std::pair<std::string, bool>> queue;  ///< value of "a", guarded?
    std::vector<std::string> want;                    ///< "" applied, or the value it lost to
    std::string want_value;
  };
  const Row rows[] = {
      {"absent: the first one wins", {}, {{"1", true}}, {""}, "1"},
      {"present on the disk: it loses to that", {{{Family::state, "a"}, "0"}}, {{"1", true}}, {"0"}, ""},
      {"present in the group: the second loses to the first", {}, {{"1", true}, {"2", true}}, {"", "1"}, "1"},
      {"an unguarded write counts as present", {}, {{"1", false}, {"2", true}}, {"", "1"}, "1"},
      {"a loser leaves nothing for the next to lose to",
       {{{Family::state, "a"}, "0"}},
       {{"1", true}, {"2", true}},
       {"0", "0"},
       ""},
      {"what a later batch writes does not count", {}, {{"1", true}, {"2", false}}, {"", ""}, "2"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    NullSink sink;
    std::vector<QueuedCommit> queue;
    for (const auto& [value, guarded] : row.queue) {
      queue.push_back(put(sink, "a", value, guarded ? std::vector<Guard>{a_is_absent} : std::vector<Guard>{}));
    }
    const CommitGroup group = decide(std::move(queue), row.durable);
    std::vector<std::string> seen;
    for (const auto& completion : group.deliveries.at(0).completions) {
      seen.push_back(completion.result.existing);
      EXPECT_EQ(completion.result.applied, completion.result.existing.empty());
    }
    EXPECT_EQ(seen, row.want);
    EXPECT_EQ(shown(group), row.want_value.empty() ? "" : "1:a=" + row.want_value + " ");
  }
}

TEST(CommitterTest, AKeyThatTheGroupErasesCountsAsAbsent) {
  NullSink sink;
  const Durable durable = {{{Family::state, "a"}, "0"}};
  std::vector<QueuedCommit> queue(1);
  queue[0].batch.erase(Family::state, "a");
  queue.push_back(put(sink, "a", "1", {a_is_absent}));
  EXPECT_EQ(shown(decide(std::move(queue), durable)), "1:a=1 ");
}

TEST(CommitterTest, TheSameKeyOfAnotherFamilyIsAnotherKey) {
  NullSink sink;
  std::vector<QueuedCommit> queue;
  queue.push_back(put(sink, "a", "1"));
  queue.push_back(put(sink, "b", "2", {{Family::keys, "a"}}));
  EXPECT_TRUE(decide(std::move(queue)).deliveries.at(0).completions.at(1).result.applied);
}

TEST(CommitterTest, TheFirstGuardThatDoesNotHoldIsNamed) {
  NullSink sink;
  const Durable durable = {{{Family::state, "y"}, "2"}, {{Family::state, "z"}, "3"}};
  std::vector<QueuedCommit> queue;
  queue.push_back(put(sink, "a", "1", {{Family::state, "x"}, {Family::state, "y"}, {Family::state, "z"}}));
  const CommitGroup group = decide(std::move(queue), durable);
  const CommitResult& result = group.deliveries.at(0).completions.at(0).result;
  EXPECT_FALSE(result.applied);
  EXPECT_EQ(result.guard, 1U);
  EXPECT_EQ(result.existing, "2");
}

TEST(CommitterTest, LedgerEntriesAreNumberedInQueueOrderAndALoserTakesNoNumber) {
  NullSink sink;
  const Hash hash = sha256("bytes");
  std::vector<QueuedCommit> queue;
  queue.push_back(put(sink, "a", "1"));
  queue.back().batch.ledger.push_back({"R1", "bytes", hash});
  queue.push_back(put(sink, "a", "2", {a_is_absent}));
  queue.back().batch.ledger.push_back({"Rlost", "bytes", hash});
  queue.push_back(put(sink, "b", "3"));
  queue.back().batch.ledger.push_back({"R0", "bytes", hash});
  const CommitGroup group = decide(std::move(queue), {}, 7);
  EXPECT_EQ(group.ledger_size, 9U);
  std::map<std::string, std::string> receipts;
  for (const Write& write : group.writes) {
    if (write.family == Family::receipts) receipts[write.key] = *write.value;
  }
  std::string seven;
  append_be64(seven, 7);
  std::string eight;
  append_be64(eight, 8);
  const std::map<std::string, std::string> want = {
      {"R1", seven + "bytes"}, {"R0", eight + "bytes"}, {"G" + seven, encode_leaves({{hash, "R1"}, {hash, "R0"}})}};
  EXPECT_EQ(receipts, want);
}

TEST(CommitterTest, AMarkThatComesAndGoesInOneGroupWasNeverTouched) {
  NullSink sink;
  const auto change = [&](std::initializer_list<std::pair<const char*, bool>> marks) {
    QueuedCommit commit;
    commit.sink = &sink;
    for (const auto& [key, comes] : marks) {
      if (comes) commit.batch.mark(Family::index, key);
      if (!comes) commit.batch.unmark(Family::index, key);
    }
    return commit;
  };
  std::vector<QueuedCommit> queue;
  queue.push_back(change({{"comes", true}, {"goes", false}, {"comes and goes", true}, {"goes and comes", false}}));
  queue.push_back(change({{"comes and goes", false}, {"goes and comes", true}, {"thrice", true}}));
  queue.push_back(change({{"thrice", false}}));
  queue.push_back(change({{"thrice", true}}));
  const Result<CommitGroup> group = decide_group(std::move(queue), 0, look_in({}), 0);
  ASSERT_TRUE(group);
  std::string left;
  for (const Write& write : group->writes) left += write.key + (write.value ? " comes, " : " goes, ");
  EXPECT_EQ(left, "comes comes, goes goes, thrice comes, ");
}

TEST(CommitterTest, AuditRecordsAreNumberedInQueueOrderAndALoserTakesNoNumber) {
  NullSink sink;
  std::vector<QueuedCommit> queue;
  queue.push_back(put(sink, "a", "1"));
  queue.back().batch.audit = {"first", "second"};
  queue.push_back(put(sink, "a", "2", {a_is_absent}));
  queue.back().batch.audit = {"lost"};
  queue.push_back(put(sink, "b", "3"));
  queue.back().batch.audit = {"third"};
  const Result<CommitGroup> group = decide_group(std::move(queue), 0, look_in({}), 7);
  ASSERT_TRUE(group);
  EXPECT_EQ(group->audit_size, 10U);
  std::string records;
  for (const Write& write : group->writes) {
    if (write.family == Family::index)
      records += std::to_string(number_of_key(write.key)) + "=" + write.value.value_or("-") + " ";
  }
  EXPECT_EQ(records, "8=first 9=second 10=third ");
}

TEST(CommitterTest, AGroupAddsOneRecordToTheFeedWithoutThoseThatLost) {
  NullSink sink;
  const auto names = [](const std::string& workflow, std::uint32_t first) {
    return FeedEntry{"default", workflow, first, 2};
  };
  std::vector<QueuedCommit> queue;
  queue.push_back(put(sink, "a", "1"));
  queue.back().batch.feed = {names("w", 1)};
  queue.push_back(put(sink, "a", "2", {a_is_absent}));
  queue.back().batch.feed = {names("lost", 1)};
  queue.push_back(put(sink, "b", "3"));
  queue.back().batch.feed = {names("w", 3)};
  const Result<CommitGroup> group = decide_group(std::move(queue), 0, look_in({}), 0, 41);
  ASSERT_TRUE(group);
  EXPECT_EQ(group->feed_size, 42U);
  std::vector<FeedEntry> read;
  for (const Write& write : group->writes) {
    if (write.family != Family::index) continue;
    EXPECT_EQ(write.key, feed_key(42));
    read = *decode_feed(*write.value);
  }
  EXPECT_EQ(read, (std::vector<FeedEntry>{names("w", 1), names("w", 3)}));
}

TEST(CommitterTest, AGroupWithoutEventsAddsNothingToTheFeed) {
  NullSink sink;
  std::vector<QueuedCommit> queue;
  queue.push_back(put(sink, "a", "1"));
  const Result<CommitGroup> group = decide_group(std::move(queue), 0, look_in({}), 0, 41);
  EXPECT_EQ(group->feed_size, 41U);
  EXPECT_EQ(group->writes.size(), 1U);
}

TEST(CommitterTest, AReceiptCountsAsPresentForAGuard) {
  NullSink sink;
  std::vector<QueuedCommit> queue;
  queue.push_back(put(sink, "a", "1"));
  queue.back().batch.ledger.push_back({"R1", "bytes", sha256("bytes")});
  queue.push_back(put(sink, "b", "2", {{Family::receipts, "R1"}}));
  const CommitGroup group = decide(std::move(queue));
  EXPECT_FALSE(group.deliveries.at(0).completions.at(1).result.applied);
}

TEST(CommitterTest, CompletionsAreGroupedPerSinkInQueueOrder) {
  NullSink first;
  NullSink second;
  std::vector<int> ran;
  std::vector<QueuedCommit> queue;
  for (int i = 0; i < 6; ++i) {
    queue.push_back(put(i % 3 == 0 ? first : second, "k", "v"));
    queue.back().done = [&ran, i](const CommitResult&) { ran.push_back(i); };
  }
  queue.push_back(put(first, "k", "v"));
  queue.back().done = nullptr;  // asks for no answer
  CommitGroup group = decide(std::move(queue));
  ASSERT_EQ(group.deliveries.size(), 2U);
  deliver(std::move(group.deliveries));
  for (auto* sink : {&first, &second}) {
    for (auto& completion : sink->got) completion.done(completion.result);
  }
  EXPECT_EQ(ran, (std::vector<int>{0, 3, 1, 2, 4, 5}));
}

TEST(CommitterTest, AGuardThatCanNotBeLookedUpFailsTheWholeGroup) {
  NullSink sink;
  std::vector<QueuedCommit> queue;
  queue.push_back(put(sink, "a", "1", {a_is_absent}));
  const DurableLookup broken = [](Family, std::string_view) -> Result<std::optional<std::string>> {
    return fail(ErrorCode::corruption, "bad block");
  };
  const Result<CommitGroup> group = decide_group(std::move(queue), 0, broken);
  ASSERT_FALSE(group);
  EXPECT_EQ(group.error().code, ErrorCode::corruption);
}

}  // namespace
}  // namespace settle
