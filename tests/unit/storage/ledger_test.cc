#include "storage/ledger.h"

#include <gtest/gtest.h>

#include "storage/big_endian.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/storage/collecting_sink.h"

namespace settle {
namespace {

LedgerLeaf leaf(std::uint64_t index) {
  const std::string name = "R" + std::to_string(index);
  return {sha256(name), name};
}

std::vector<LedgerLeaf> leaves(std::uint64_t first, std::uint64_t count) {
  std::vector<LedgerLeaf> out;
  for (std::uint64_t i = first; i < first + count; ++i) out.push_back(leaf(i));
  return out;
}

/// Entries 0 to 2 as store formats up to 4 wrote them: a record each.
void put_old(WriteBatch& batch) {
  for (std::uint64_t i = 0; i < 3; ++i) {
    std::string key = "L";
    append_be64(key, i);
    const Hash hash = leaf(i).hash;
    batch.put(Family::receipts, key, std::string(hash.begin(), hash.end()) + leaf(i).key);
  }
}

class LedgerTest : public testing::Test {
 protected:
  void commit(WriteBatch batch) { store_.commit(std::move(batch), sink_, nullptr); }
  std::unique_ptr<Reader> reader() {
    store_.sync();
    return store_.snapshot();
  }

  MemoryStore store_;
  CollectingSink sink_;
};

TEST_F(LedgerTest, LeavesAreReadAsTheyWereWritten) {
  EXPECT_EQ(*decode_leaves(encode_leaves(leaves(0, 1))), leaves(0, 1));
  EXPECT_EQ(*decode_leaves(encode_leaves(leaves(90, 300))), leaves(90, 300));
}

TEST_F(LedgerTest, WhatWasCutOffIsNoRecord) {
  const std::string whole = encode_leaves(leaves(7, 2));
  const std::size_t first = encode_leaves(leaves(7, 1)).size();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Result<std::vector<LedgerLeaf>> read = decode_leaves(whole.substr(0, length));
    EXPECT_EQ(static_cast<bool>(read), length == first) << length;
    if (!read) {
      EXPECT_EQ(read.error().code, ErrorCode::corruption);
    }
  }
}

TEST_F(LedgerTest, KeysSortAsTheirIndexesDo) {
  EXPECT_EQ(ledger_key(0x0102030405060708), std::string("G\x01\x02\x03\x04\x05\x06\x07\x08"));
  EXPECT_LT(ledger_key(255), ledger_key(256));
}

TEST_F(LedgerTest, AnEmptyOneEndsAtNothing) {
  EXPECT_EQ(*ledger_end(*reader()), 0U);
  EXPECT_EQ(*ledger_leaf(*reader(), 0), std::nullopt);
}

TEST_F(LedgerTest, WhatAnOlderFormatWroteIsReadAndGoneOnWith) {
  WriteBatch batch;
  batch.put(Family::receipts, "R0", "a receipt");  // sorts behind the ledger's records
  put_old(batch);
  commit(std::move(batch));
  EXPECT_EQ(*ledger_end(*reader()), 3U);
  WriteBatch more;
  more.put(Family::receipts, ledger_key(3), encode_leaves(leaves(3, 4)));
  more.put(Family::receipts, ledger_key(7), encode_leaves(leaves(7, 1)));
  commit(std::move(more));
  EXPECT_EQ(*ledger_end(*reader()), 8U);
  for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(*ledger_leaf(*reader(), i), leaf(i)) << i;
  EXPECT_EQ(*ledger_leaf(*reader(), 8), std::nullopt);
}

TEST_F(LedgerTest, DamageIsTold) {
  WriteBatch batch;
  batch.put(Family::receipts, ledger_key(0), "short");
  commit(std::move(batch));
  EXPECT_EQ(ledger_end(*reader()).error().code, ErrorCode::corruption);
  EXPECT_EQ(ledger_leaf(*reader(), 0).error().code, ErrorCode::corruption);
}

}  // namespace
}  // namespace settle
