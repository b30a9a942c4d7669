// What a start finds to take up, kept in little room.
#include "engine/due_keys.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

TEST(DueKeys, come_back_in_their_order) {
  DueKeys found;
  EXPECT_TRUE(found.empty());
  EXPECT_FALSE(found.next());
  const auto key = [](const std::string& id, int at) { return keys::OfWorkflow("team", id).due(Time(Duration(at))); };
  found.add(key("first", 7));
  found.add("no such key");
  found.add(key("second", 5));
  std::optional<keys::Due> due = found.next();
  ASSERT_TRUE(due);
  EXPECT_EQ(due->id, "first");
  EXPECT_EQ(due->name_space, "team");
  EXPECT_EQ(due->at, Time(Duration(7)));
  EXPECT_FALSE(found.empty());
  found.add(key("third", 9));
  due = found.next();
  ASSERT_TRUE(due);
  EXPECT_EQ(due->id, "second");
  EXPECT_EQ(found.next()->id, "third");
  EXPECT_FALSE(found.next());
  EXPECT_TRUE(found.empty());
}

TEST(DueKeys, a_place_is_the_partition_and_the_time) {
  const auto place = keys::place_of_due(keys::OfWorkflow("team", "w").due(Time(Duration(77))));
  ASSERT_TRUE(place);
  EXPECT_EQ(place->first, partition_of("team", "w"));
  EXPECT_EQ(place->second, Time(Duration(77)));
  EXPECT_FALSE(keys::place_of_due("short"));
}

}  // namespace
}  // namespace settle
