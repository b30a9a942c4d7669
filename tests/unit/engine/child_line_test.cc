// Who waits for room, in which order, and for how long.
#include "engine/child_line.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

constexpr Duration second{1'000};

Time at(Duration since) {
  return Time(Duration(1'700'000'000'000)) + since;
}

ChildOrder order(const std::string& child, const std::string& parent = "p") {
  ChildOrder out;
  out.child = child;
  out.parent.workflow = parent;
  return out;
}

std::string ids(const std::vector<ChildOrder>& orders) {
  std::string out;
  for (const ChildOrder& one : orders) out += one.child + " ";
  return out;
}

TEST(ChildLine, whoever_comes_first_is_first_and_who_comes_back_has_its_place) {
  ChildLine line;
  for (const char* child : {"a", "b", "c"}) line.join(order(child), at(second));
  ChildOrder first = line.take_first();
  EXPECT_EQ(first.child, "a");
  EXPECT_FALSE(line.has("a"));
  line.join(order("d"), at(second));
  line.join(std::move(first), at(second));
  ChildOrder again = order("b");
  again.submitted_by = "somebody";
  line.join(again, at(2 * second));
  ASSERT_EQ(line.size(), 4U);
  EXPECT_EQ(line.take_first().child, "a");
  EXPECT_EQ(line.first().submitted_by, "somebody") << "the newer order counts";
  line.leave("b");
  line.leave("nobody");
  EXPECT_EQ(line.take_first().child, "c");
  EXPECT_EQ(line.take_first().child, "d");
  EXPECT_TRUE(line.empty());
}

TEST(ChildLine, who_comes_back_to_an_empty_line_is_before_those_who_come_then) {
  ChildLine line;
  line.join(order("a"), at(second));
  line.join(order("b"), at(second));
  ChildOrder first = line.take_first(), second_one = line.take_first();
  line.join(order("c"), at(second));
  line.join(std::move(second_one), at(second));
  line.join(std::move(first), at(second));
  EXPECT_EQ(line.take_first().child, "a");
  EXPECT_EQ(line.take_first().child, "b");
  EXPECT_EQ(line.take_first().child, "c");
}

TEST(ChildLine, is_given_up_when_no_place_came_free_for_so_long_and_not_before) {
  ChildLine line;
  line.join(order("a"), at(second));
  const Time over = at(second) + ChildLine::wait_max;
  EXPECT_EQ(ids(line.give_up(over - second, 0)), "");
  EXPECT_EQ(ids(line.give_up(over - Duration(1), 1)), "") << "a place came free";
  EXPECT_EQ(ids(line.give_up(over + second, 1)), "");
  EXPECT_EQ(ids(line.give_up(over - Duration(2) + ChildLine::wait_max, 1)), "");
  EXPECT_EQ(ids(line.give_up(over - Duration(1) + ChildLine::wait_max, 1)), "a ");
  EXPECT_TRUE(line.empty());
  EXPECT_FALSE(line.has("a"));
}

TEST(ChildLine, waits_anew_once_it_has_moved) {
  ChildLine line;
  line.join(order("a"), at(second));
  line.moves(at(300 * second));
  EXPECT_EQ(ids(line.give_up(at(700 * second), 0)), "");
  EXPECT_EQ(ids(line.give_up(at(900 * second), 0)), "a ");
}

TEST(ChildLine, those_of_one_parent_are_given_up_together_and_the_next_when_that_did_not_help) {
  ChildLine line;
  line.join(order("a", "p"), at(second));
  line.join(order("b", "q"), at(second));
  line.join(order("c", "p"), at(second));
  line.join(order("late", "p"), at(300 * second));
  const Time over = at(second) + ChildLine::wait_max;
  EXPECT_EQ(ids(line.give_up(over, 0)), "a c ");
  EXPECT_EQ(line.size(), 2U) << "who came later has waited for less";
  EXPECT_EQ(ids(line.give_up(over + second, 0)), "b ");
  EXPECT_EQ(ids(line.give_up(over + second, 0)), "");
}

}  // namespace
}  // namespace settle
