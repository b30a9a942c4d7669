// How many calls of one workflow may be under way at a time: the others are held, and begin as those end.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

constexpr std::string_view ten_elements =
    R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "for_each": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        "input": {"name": "n", "value": "v"}}]})";
constexpr std::string_view four_actions =
    R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
        {"id": "b", "tool": "box.put", "input": {"name": "n", "value": "v"}},
        {"id": "c", "tool": "flow.sleep", "input": {"for": "1h"}},
        {"id": "d", "tool": "box.put", "input": {"name": "n", "value": "v"}}]})";

Driver limited(std::string_view plan, std::uint32_t calls_max) {
  Driver out(make_plan(json(plan), {make_tool()}));
  out.calls_max = calls_max;
  out.start();
  return out;
}

std::vector<ActionIndex> in(const Driver& run, Stage stage) {
  std::vector<ActionIndex> out;
  for (ActionIndex i = 0; i < run.workflow.actions.size(); ++i) {
    if (run.stage(i) == stage) out.push_back(i);
  }
  return out;
}

using Runs = std::vector<ActionIndex>;

Driver in_threes(std::uint32_t calls_max) {
  Json plan = json(ten_elements);
  plan.find("actions")->as_array()[0].set("max_parallel", 3);
  return limited(canonical(plan), calls_max);
}

void finish_element(Driver& run, ActionIndex index) {
  run.answer(done(), index);
  run.answer(seen(), index);
  EXPECT_EQ(run.stage(index), Stage::verified);
}

TEST(Room, elements_begin_in_order_as_the_calls_of_others_end) {
  Driver run = limited(ten_elements, 3);
  EXPECT_EQ(in(run, Stage::sending), (Runs{1, 2, 3}));
  EXPECT_EQ(in(run, Stage::ready), (Runs{4, 5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(run.open.size(), 3U) << "no other call has an intent";
  run.answer(done(), 2);
  EXPECT_EQ(in(run, Stage::sending), (Runs{1, 3})) << "its read-back is a call, too";
  run.answer(seen(), 2);
  EXPECT_EQ(in(run, Stage::sending), (Runs{1, 3, 4}));
  std::size_t most = 0;
  while (!run.open.empty()) {
    most = std::max(most, run.open.size());
    const ActionIndex next = run.open.rbegin()->first;
    run.answer(run.stage(next) == Stage::sending ? done() : seen(), next);
  }
  EXPECT_EQ(most, 3U);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(Room, a_list_begins_with_what_begins_and_no_more) {
  const Driver run = limited(ten_elements, 3);
  EXPECT_EQ(run.last.actions, (Runs{0, 1, 2, 3})) << "the others are told by the list's record";
  EXPECT_EQ(run.last.new_inputs, (Runs{0, 1, 2, 3}));
}

TEST(Room, no_element_begins_before_one_that_waits_for_room) {
  Driver run = in_threes(1);
  EXPECT_EQ(in(run, Stage::ready), (Runs{2, 3}));
  Runs order;
  while (!run.open.empty()) {
    const ActionIndex next = run.open.begin()->first;
    if (run.stage(next) == Stage::sending) order.push_back(next);
    run.answer(run.stage(next) == Stage::sending ? done() : seen(), next);
  }
  EXPECT_EQ(order, (Runs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(Room, a_pause_that_ends_without_room_changes_nothing_of_those_that_wait) {
  Driver run = limited(ten_elements, 2);
  run.pause();
  EXPECT_TRUE(run.resume());
  EXPECT_TRUE(run.last.actions.empty());
}

TEST(Room, after_a_pause_a_list_has_as_many_under_way_as_before) {
  Driver run = in_threes(0);
  run.pause();
  for (const ActionIndex i : {1, 2, 3}) finish_element(run, i);
  EXPECT_EQ(in(run, Stage::ready), (Runs{4})) << "the first of those whose turn has come";
  EXPECT_TRUE(run.resume());
  EXPECT_EQ(in(run, Stage::sending), (Runs{4, 5, 6}));
}

TEST(Room, so_it_has_after_a_restart_in_the_pause) {
  Driver run = in_threes(0);
  run.pause();
  for (const ActionIndex i : {1, 2, 3}) finish_element(run, i);
  run.restart();
  EXPECT_TRUE(run.resume());
  EXPECT_EQ(in(run, Stage::sending), (Runs{4, 5, 6}));
}

TEST(Room, the_last_that_found_no_room_lets_those_behind_it_have_their_turn) {
  Driver run = in_threes(1);
  finish_element(run, 1);
  EXPECT_EQ(in(run, Stage::sending), (Runs{2}));
  run.answer(not_sent(), 2);
  EXPECT_EQ(in(run, Stage::backing_off), (Runs{2})) << "perhaps for long";
  EXPECT_EQ(in(run, Stage::sending), (Runs{3}));
  EXPECT_EQ(in(run, Stage::ready), (Runs{4}));
}

TEST(Room, elements_that_are_over_at_once_leave_their_turns_to_others) {
  const Driver run = limited(
      R"({"name": "p", "actions": [{"id": "a", "tool": "flow.sleep", "for_each": ["0s", "0s", "1h", "1h", "1h", "1h"],
          "max_parallel": 3, "input": {"for": {"$from": "/item"}}}]})",
      0);
  EXPECT_EQ(in(run, Stage::waiting), (Runs{3, 4, 5}));
}

TEST(Room, what_makes_no_call_needs_none) {
  Driver run = limited(four_actions, 1);
  EXPECT_EQ(run.stage(0), Stage::sending);
  EXPECT_EQ(run.stage(1), Stage::ready);
  EXPECT_EQ(run.stage(2), Stage::waiting);
  run.answer(not_sent(), 0);
  EXPECT_EQ(run.stage(0), Stage::backing_off) << "which holds nobody up";
  EXPECT_EQ(run.stage(1), Stage::sending);
}

TEST(Room, after_a_restart_and_a_pause_it_goes_on_where_it_was) {
  Driver run = limited(ten_elements, 2);
  EXPECT_TRUE(run.restart());
  EXPECT_EQ(in(run, Stage::backing_off), (Runs{1, 2})) << "unclear, so that others may begin";
  EXPECT_EQ(in(run, Stage::sending), (Runs{3, 4}));
  EXPECT_TRUE(run.pause());
  run.calls_max = 4;
  while (!run.open.empty()) run.answer(ambiguous(), run.open.begin()->first);
  EXPECT_EQ(in(run, Stage::ready).size(), 6U) << "paused";
  EXPECT_TRUE(run.resume());
  EXPECT_EQ(run.open.size(), 4U);
}

TEST(Room, what_is_held_is_cancelled_at_once) {
  Driver run = limited(ten_elements, 3);
  run.cancel();
  EXPECT_EQ(in(run, Stage::cancelled).size(), 7U);
  while (!run.open.empty()) run.answer(rejected(422), run.open.begin()->first);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

TEST(Room, a_failed_element_stops_what_is_held) {
  Driver run = limited(ten_elements, 3);
  run.answer(rejected(422), 1);
  EXPECT_EQ(in(run, Stage::cancelled).size(), 7U);
  EXPECT_EQ(in(run, Stage::sending), (Runs{2, 3}));
}

}  // namespace
}  // namespace settle::test
