// Steps of one workflow that share a batch.
#include "engine/step_records.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

Transition with_receipt(ActionIndex action, std::uint32_t number, std::uint32_t supersedes, Time at) {
  Transition out;
  out.changed = true;
  out.actions = {action};
  out.receipts.push_back({action, number, supersedes, at});
  return out;
}

TEST(Merge, what_changed_is_written_once) {
  Transition both = with_receipt(3, 1, 0, Time());
  both.new_inputs = {3};
  Transition next = with_receipt(2, 2, 0, Time());
  next.actions = {2, 3};
  next.new_inputs = {2, 3};
  merge(both, std::move(next));
  EXPECT_EQ(both.actions, (std::vector<ActionIndex>{2, 3}));
  EXPECT_EQ(both.new_inputs, (std::vector<ActionIndex>{2, 3}));
  EXPECT_EQ(both.receipts.size(), 2U);
}

TEST(Merge, a_receipt_takes_the_place_of_one_with_its_number) {
  Transition both = with_receipt(0, 4, 2, Time());
  merge(both, with_receipt(0, 4, 2, Time(Duration(7))));
  ASSERT_EQ(both.receipts.size(), 1U);
  EXPECT_EQ(both.receipts[0].supersedes, 2U);
  EXPECT_EQ(both.receipts[0].at, Time(Duration(7)));
}

TEST(Merge, a_child_is_not_begun_only_to_be_cancelled) {
  Transition both;
  both.children = {{0, "wf_a", false}, {1, "wf_b", false}};
  Transition next;
  next.children = {{0, "wf_a", true}};
  merge(both, std::move(next));
  ASSERT_EQ(both.children.size(), 2U);
  EXPECT_EQ(both.children[0].child, "wf_b");
  EXPECT_EQ(both.children[1].child, "wf_a");
  EXPECT_TRUE(both.children[1].cancel);
}

}  // namespace
}  // namespace settle
