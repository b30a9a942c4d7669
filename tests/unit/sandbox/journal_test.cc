#include "sandbox/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace settle {
namespace {

class JournalFile : public ::testing::Test {
 protected:
  JournalFile() : file(::testing::TempDir() + "settle-journal-" + std::to_string(::getpid())) {
    std::remove(file.c_str());
  }
  ~JournalFile() override { std::remove(file.c_str()); }

  Result<std::unique_ptr<Journal>> open() {
    entries.clear();
    return Journal::open(file, [this](const Json& entry) {
      entries.push_back(write_json(entry));
      return Result<void>();
    });
  }
  void write(const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }
  std::string bytes() const {
    std::ostringstream out;
    out << std::ifstream(file, std::ios::binary).rdbuf();
    return out.str();
  }

  std::string file;
  std::vector<std::string> entries;
};

TEST_F(JournalFile, WhatWasAppendedIsReplayedInOrder) {
  {
    auto journal = open();
    ASSERT_TRUE(journal);
    EXPECT_TRUE((*journal)->append(Json::object({{"a", 1}}), true));
    EXPECT_TRUE((*journal)->append(Json::object({{"text", "two\nlines"}}), false));
  }
  ASSERT_TRUE(open());
  EXPECT_EQ(entries, (std::vector<std::string>{R"({"a":1})", R"({"text":"two\nlines"})"}));
}

TEST_F(JournalFile, ALastLineThatWasTornIsCutOffAndTheNextEntryStandsOnItsOwn) {
  for (const char* torn : {"{\"b\":", "{\"b\":2}", "\xff"}) {
    write(std::string("{\"a\":1}\n") + torn);
    {
      auto journal = open();
      ASSERT_TRUE(journal) << torn;
      EXPECT_EQ(entries.size(), 1U);
      EXPECT_TRUE((*journal)->append(Json::object({{"c", 3}}), true));
    }
    EXPECT_EQ(bytes(), "{\"a\":1}\n{\"c\":3}\n");
  }
}

TEST_F(JournalFile, DamageBeforeTheLastLineIsToldWithItsPlace) {
  write("{\"a\":1}\n{\"b\"\n{\"c\":3}\n");
  auto journal = open();
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, ErrorCode::corruption);
  EXPECT_NE(journal.error().message.find(file + ": line 2"), std::string::npos);
}

TEST_F(JournalFile, AnEntryThatTheReplayRefusesStopsTheStart) {
  write("{\"a\":1}\n");
  auto journal = Journal::open(file, [](const Json&) { return Result<void>(fail(ErrorCode::corruption, "no")); });
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, ErrorCode::corruption);
}

TEST_F(JournalFile, ASecondHolderIsRefused) {
  auto first = open();
  ASSERT_TRUE(first);
  auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::in_use);
}

TEST_F(JournalFile, AFolderThatDoesNotExistIsAnError) {
  auto journal = Journal::open("/nowhere/at/all/x.jsonl", [](const Json&) { return Result<void>(); });
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, ErrorCode::io_error);
}

TEST_F(JournalFile, LinesThatAreLongerThanOneReadAreWhole) {
  {
    auto journal = open();
    ASSERT_TRUE(journal);
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE((*journal)->append(Json::object({{"x", std::string(150'000, 'x')}}), false));
  }
  ASSERT_TRUE(open());
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[2].size(), 150'008U);
}

}  // namespace
}  // namespace settle
