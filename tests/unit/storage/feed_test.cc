#include "storage/feed.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

TEST(FeedRecord, whatever_an_id_looks_like_it_comes_back) {
  const std::vector<FeedEntry> entries = {
      {"default", "wf_0193a5c4-7d2e-7abc-8def-0123456789ab", 1, 1},
      {"own", "wf_0193a5c4-7d2e-7abc-8def-0123456789ab", 7, 300},
      {"default", "order-17", 4'000'000'000U, 1},
      {"default", "wf_0193a5c47d2e7abc8def0123456789ab", 1, 1},      // without its dashes it is another id
      {"default", "wf_0193A5C4-7d2e-7abc-8def-0123456789ab", 1, 1},  // so it is with capitals
      {"default", "wf_0193a5c4-7d2e-7abc-8def-0123456789", 1, 1},    // and with fewer digits
      {"default", "wf_", 1, 1},
      {"", "", 0, 0, "a notice"},
      {"default", "", 0, 0, "a notice of one namespace"},
  };
  const Result<std::vector<FeedEntry>> read = decode_feed(encode_feed(entries));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, entries);
}

TEST(FeedRecord, an_id_of_our_own_costs_few_bytes) {
  EXPECT_LE(encode_feed({{"default", "wf_0193a5c4-7d2e-7abc-8def-0123456789ab", 100, 2}}).size(), 24U);
}

TEST(FeedRecord, damage_is_found) {
  const std::string good = encode_feed({{"default", "a", 1, 1}});
  EXPECT_EQ(decode_feed(good.substr(0, good.size() - 1)).error().code, ErrorCode::corruption);
  EXPECT_EQ(decode_feed(encode_feed({{"default", "a", 0, 1}})).error().code, ErrorCode::corruption);
  EXPECT_EQ(decode_feed(encode_feed({{"default", std::string("a\0b", 3), 1, 1}})).error().code, ErrorCode::corruption);
}

}  // namespace
}  // namespace settle
