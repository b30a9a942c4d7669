#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

TEST(Terminal, WhatCouldSteerATerminalIsShownAndNotObeyed) {
  struct Row {
    const char* name;
    std::string_view text;
    const char* shown;
  };
  const Row rows[] = {
      {"plain text stays", "contact c_17", "contact c_17"},
      {"letters of any script stay", "Zoë 東京 ✔", "Zoë 東京 ✔"},
      {"an escape sequence", "\x1b[2Jgone", "\\x1b[2Jgone"},
      {"bell, backspace and delete", "\a\b\x7f", "\\x07\\x08\\x7f"},
      {"line ends", "a\nb\r\tc", "a\\nb\\r\\tc"},
      {"NUL", std::string_view("a\0b", 3), "a\\x00b"},
      {"the C1 control sequence introducer",
       "\xc2\x9b"
       "2J",
       "\\u009b2J"},
      {"text that is turned around",
       "\xe2\x80\xae"
       "abc",
       "\\u202eabc"},
      {"an isolate", "\xe2\x81\xa6", "\\u2066"},
      {"a line separator", "\xe2\x80\xa8", "\\u2028"},
      {"bytes that are not UTF-8", "a\xff\xc0\x80", "a\\xff\\xc0\\x80"},
      {"a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"a character that is cut off", "\xe6\x9d", "\\xe6\\x9d"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(printable(row.text), row.shown);
  }
}

TEST(Terminal, TextOfSeveralLinesKeepsItsLinesAndNothingElse) {
  EXPECT_EQ(printable_lines("a\n\tb\x1b[0m\r\n"), "a\n  b\\x1b[0m\\r\n");
}

TEST(Terminal, WidthCountsColumnsAndNotBytes) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("Zoë"), 3U);
  EXPECT_EQ(display_width("東京"), 4U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);  // e with a combining accent
  EXPECT_EQ(display_width("└─ ✔"), 4U);
  EXPECT_EQ(display_width("🙂"), 2U);
}

TEST(Terminal, CuttingNeverSplitsACharacterAndNeverExceedsTheColumns) {
  EXPECT_EQ(cut("abcdef", 6), "abcdef");
  EXPECT_EQ(cut("abcdef", 4), "abc…");
  EXPECT_EQ(cut("東京都", 4), "東…");
  EXPECT_EQ(cut("東京都", 5), "東京…");
  EXPECT_EQ(cut("abc", 0), "");
}

TEST(Terminal, ColoursAreWrittenOnlyIntoAViewThatHasThem) {
  const Line line = {{"ok", Style::green}, {" done"}};
  EXPECT_EQ(draw_line(line, {}), "ok done");
  EXPECT_EQ(draw_line(line, {.color = true}), "\x1b[32mok\x1b[0m done");
}

TEST(Terminal, ALineIsCutToTheColumnsOfTheViewOverItsPieces) {
  const Line line = {{"abc"}, {"def", Style::red}, {"ghi"}};
  EXPECT_EQ(draw_line(line, {.columns = 9}), "abcdefghi");
  EXPECT_EQ(draw_line(line, {.columns = 8}), "abcdefg…");
  EXPECT_EQ(draw_line(line, {.columns = 6}), "abcde…");
  EXPECT_EQ(draw_line(line, {.columns = 3}), "ab…");
  EXPECT_EQ(draw_line(line, {.color = true, .columns = 5}), "abc\x1b[31md…\x1b[0m");
}

TEST(Terminal, ColourCodesInDataAreShownEvenInAColouredView) {
  EXPECT_EQ(draw_line({{"\x1b[31mred", Style::bold}}, {.color = true}), "\x1b[1m\\x1b[31mred\x1b[0m");
}

}  // namespace
}  // namespace settle
