#include "cli/sse.h"

#include <gtest/gtest.h>

#include <vector>

namespace settle {
namespace {

std::vector<SseEvent> read(const std::vector<std::string>& lines) {
  SseReader reader;
  std::vector<SseEvent> out;
  for (const std::string& line : lines) {
    if (std::optional<SseEvent> event = reader.feed(line)) out.push_back(*event);
  }
  return out;
}

TEST(Sse, AnEventEndsWithAnEmptyLine) {
  const auto events = read({"id: 3", "event: action.executed", "data: {\"a\":1}", "", "data: x", ""});
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].id, "3");
  EXPECT_EQ(events[0].type, "action.executed");
  EXPECT_EQ(events[0].data, "{\"a\":1}");
  EXPECT_EQ(events[1].type, "message");
  EXPECT_EQ(events[1].id, "3") << "the latest id stays";
}

TEST(Sse, CommentsUnknownFieldsAndCarriageReturnsAreTakenAsTheStandardSays) {
  const auto events = read({": alive", "retry: 5\r", "data:one\r", "data: two", "nonsense", "\r"});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].data, "one\ntwo");
}

TEST(Sse, AnEventWithoutDataIsNone) {
  EXPECT_TRUE(read({"event: x", "id: 9", "", ""}).empty());
}

TEST(Sse, AnEventThatIsTooLargeIsLeftOutAndTheNextOneIsRead) {
  const auto events = read({"data: " + std::string(5 << 20, 'x'), "", "data: y", ""});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].data, "y");
}

}  // namespace
}  // namespace settle
