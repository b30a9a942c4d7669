#include <gtest/gtest.h>
#include <re2/re2.h>

#include <string>
#include <vector>

#include "schemas/pattern.h"

namespace settle {
namespace {

TEST(QuickPattern, says_what_re2_says_wherever_it_speaks) {
  const std::vector<std::string> patterns = {"^a$",
                                             "^$",
                                             "^a*$",
                                             "^a+b*$",
                                             "^a?b$",
                                             "^[ab]{2,3}c$",
                                             "^a{2}$",
                                             "^a{0,1}b{1,}$",
                                             "^[a-c]+-[a-c]*$",
                                             "^\\d+\\.\\d*$",
                                             "^\\w{1,3}$",
                                             "^[\\w.-]+$",
                                             "^a\\-b$",
                                             "^[a-]$",
                                             "^-?\\d+$",
                                             "^[0-1]b?c?$",
                                             "^a{1,2}b{0,2}-$"};
  const std::string letters = "abc-01._";
  for (const std::string& pattern : patterns) {
    const std::optional<QuickPattern> quick = QuickPattern::compile(pattern);
    ASSERT_TRUE(quick) << pattern;
    const re2::RE2 regex(pattern);
    std::vector<std::string> texts = {"", "é", "a\n", "aé", std::string(1, '\0')};
    for (std::size_t i = 0; texts.size() < 5000; ++i) {
      for (const char c : letters) texts.push_back((i == 0 ? "" : texts[i]) + c);
    }
    for (const std::string& text : texts) {
      EXPECT_EQ(quick->matches(text), re2::RE2::PartialMatch(text, regex)) << pattern << " on " << text;
    }
  }
}

TEST(QuickPattern, leaves_to_re2_what_it_can_not_decide_in_one_pass) {
  for (const char* pattern : {"a",      "^a",      "a$",        "^(a)$",  "^a|b$",     "^a+?$",   "^[^a]$",  "^.$",
                              "^a*ab$", "^a?b?a$", "^[a-z]+a$", "^a\\b$", "^\\u0061$", "^a**$",   "^a{,2}$", "^é$",
                              "^[]$",   "^[a$",    "^a\\$",     "^\\s$",  "^[a-\\d]$", "^a{2,1}$"}) {
    EXPECT_FALSE(QuickPattern::compile(pattern)) << pattern;
  }
}

struct Translated {
  std::string pattern;
  std::vector<std::string> good;
  std::vector<std::string> bad;
};

TEST(SchemaPattern, means_what_ecma_262_means) {
  const Translated rows[] = {
      {"^.$", {"a", "é", "😀"}, {"\n", "\r", "\xE2\x80\xA8", ""}},
      {"^\\s$", {" ", "\v", "\xC2\xA0", "\xEF\xBB\xBF"}, {"a"}},
      {"^[\\S]$", {"a", "é"}, {" ", "\xC2\xA0"}},
      {"^\\d$", {"5"}, {"\xD9\xA0"}},
      {"^\\cA$", {"\x01"}, {"A"}},
      {"^\\x41\\u0042\\u{43}$", {"ABC"}, {"abc"}},
      {"^\\uD83D\\uDE00$", {"😀"}, {""}},
      {"^\\p{Script=Greek}\\p{gc=Lu}\\p{Letter}$", {"αAb"}, {"aAb"}},
      {"^[\\p{ASCII}]\\P{L}$", {"a1"}, {"é1", "aa"}},
      {"^(?<name>a)$", {"a"}, {"b"}},
      {"^[^]$", {"a", "\n"}, {""}},
      {"[]", {}, {"", "a"}},
      {"^[[]$", {"["}, {"]"}},
      {"^a{,2}$", {"a{,2}"}, {"a", "aa"}},
      {"^[\\w-]$", {"a", "-"}, {"."}},
      {"^\\0$", {std::string(1, '\0')}, {"0"}},
  };
  for (const Translated& row : rows) {
    SCOPED_TRACE(row.pattern);
    Result<std::unique_ptr<const SchemaPattern>> pattern = SchemaPattern::compile(row.pattern);
    ASSERT_TRUE(pattern) << pattern.error().message;
    for (const std::string& text : row.good) EXPECT_TRUE((*pattern)->matches(text)) << text;
    for (const std::string& text : row.bad) EXPECT_FALSE((*pattern)->matches(text)) << text;
  }
}

TEST(SchemaPattern, refuses_with_the_reason) {
  const std::pair<const char*, const char*> rows[] = {
      {"(", "not closed"},         {")", "closes nothing"},      {"*", "nothing that could be repeated"},
      {"a**", "nothing"},          {"[a", "not closed"},         {"\\", "lone"},
      {"a{2,1}", "out of order"},  {"\\a", "no escape"},         {"(?i)a", "no group"},
      {"(?P<n>a)", "no group"},    {"\\x4", "hexadecimal"},      {"\\u12", "hexadecimal"},
      {"\\u{110000}", "U+10FFFF"}, {"\\p{}", "property"},        {"(?=a)", "look-ahead"},
      {"(?<!a)b", "look-behind"},  {"(a)\\1", "back-reference"}, {"(?<n>a)\\k<n>", "back-reference"},
      {"\\uD800", "surrogate"},    {"\\p{Nonsense}", "invalid"},
  };
  for (const auto& [text, reason] : rows) {
    SCOPED_TRACE(text);
    const Result<std::unique_ptr<const SchemaPattern>> pattern = SchemaPattern::compile(text);
    ASSERT_FALSE(pattern);
    EXPECT_NE(pattern.error().message.find(reason), std::string::npos) << pattern.error().message;
  }
}

}  // namespace
}  // namespace settle
