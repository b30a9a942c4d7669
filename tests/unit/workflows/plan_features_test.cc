// What a plan can say beside its calls: conditions, lists, fallbacks, undoing, a deadline.
#include "tests/unit/workflows/support/plans.h"

namespace settle::test {
namespace {

// ---- when ----

TEST(When, an_action_whose_condition_does_not_hold_is_skipped_and_its_dependents_go_on) {
  Driver run = started(
      {action("a", R"({"when": {"equals": [{"$from": "/input/go"}, false]}})"), action("b", R"({"after": ["a"]})")});
  EXPECT_EQ(stages(run), (std::vector<Stage>{Stage::skipped, Stage::sending}));
  EXPECT_EQ(*run.receipt(0).find("state"), Json("skipped"));
  EXPECT_EQ(run.sends(0), 0U);
  succeed(run, 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(When, a_condition_sees_the_answers_of_the_actions_before) {
  const char* when = R"({"when": {"equals": [{"$from": "/actions/a/output/id"}, "r1"]}})";
  Driver run = started({action("a"), action("b", when)});
  EXPECT_EQ(run.workflow.plan->actions[1].needs, std::vector<ActionIndex>{0});
  EXPECT_EQ(run.stage(1), Stage::blocked);
  succeed(run);
  EXPECT_TRUE(run.stage(1) == Stage::sending || run.stage(1) == Stage::skipped);
}

TEST(When, taking_the_output_of_a_skipped_action_fails_and_sends_nothing) {
  Driver run = started({action("a", R"({"when": {"equals": [1, 2]}})"),
                        action("b", R"({"input": {"name": {"$from": "/actions/a/output/id"}, "value": "v"}})")});
  EXPECT_EQ(run.error_code(1), "reference_unresolved");
  EXPECT_EQ(run.action(1).effect, Effect::none);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

// ---- for_each ----

constexpr const char* each =
    R"({"for_each": {"$from": "/input/list"}, "input": {"name": {"$from": "/item"}, "value": "v"}})";
constexpr const char* one_by_one =
    R"({"for_each": {"$from": "/input/list"}, "max_parallel": 1, "input": {"name": {"$from": "/item"}, "value": "v"}})";

TEST(ForEach, every_element_is_a_run_of_its_own_with_its_own_key) {
  Driver run = started({action("a", each), action("b", R"({"after": ["a"]})")});
  ASSERT_EQ(run.workflow.actions.size(), 5U);
  EXPECT_EQ(run.stage(0), Stage::gathering);
  EXPECT_EQ(state_of(run.stage(0)), "pending");
  std::set<std::string> keys, names;
  for (ActionIndex i = 2; i < 5; ++i) {
    ASSERT_NE(run.call(i), nullptr);
    keys.insert(run.call(i)->call.headers.at(0).second);
    names.insert(write_json(*run.action(i).input->find("name")));
    EXPECT_EQ(run.action(i).element, i - 2);
  }
  EXPECT_EQ(keys.size(), 3U);
  EXPECT_EQ(names, (std::set<std::string>{R"("x")", R"("y")", R"("z")"}));
  for (ActionIndex i = 2; i < 5; ++i) succeed(run, i);
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.action(0).output->size(), 3U);
  EXPECT_EQ(run.action(0).confidence, Confidence::read_back);
  EXPECT_EQ(run.stage(1), Stage::sending) << "what waits for the whole list starts when it is done";
}

TEST(ForEach, no_more_elements_run_at_once_than_the_plan_allows) {
  Driver run = started({action("a", one_by_one)});
  EXPECT_EQ(stages(run), (std::vector<Stage>{Stage::gathering, Stage::sending, Stage::blocked, Stage::blocked}));
  run.answer(done(), 1);
  EXPECT_EQ(run.stage(2), Stage::blocked) << "executed is not verified yet";
  run.answer(as_asked(run, 1), 1);
  EXPECT_EQ(run.stage(2), Stage::sending);
  EXPECT_EQ(run.stage(3), Stage::blocked);
}

TEST(ForEach, an_element_that_fails_before_it_is_sent_stops_those_behind_it_in_the_same_step) {
  Driver run = started({action("a"), action("b", R"({"after": ["a"], "for_each": ["x", "long", "z"],
      "input": {"name": {"$from": "/item"}, "value": "v"}})")});
  run.swap_tool(compiled(changed(tool_document({}), "/input_schema/properties/name/maxLength", "1")), 1);
  succeed(run, 0);
  EXPECT_EQ(stages(run),
            (std::vector<Stage>{Stage::verified, Stage::gathering, Stage::sending, Stage::failed, Stage::cancelled}));
  succeed(run, 2);
  EXPECT_EQ(run.stage(1), Stage::failed);
}

TEST(ForEach, an_empty_list_is_done_at_once) {
  Driver run = started({action("a", R"({"for_each": []})"), action("b", R"({"after": ["a"]})")});
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.action(0).effect, Effect::none);
  EXPECT_EQ(*run.action(0).output, Json::array());
  EXPECT_EQ(run.stage(1), Stage::sending);
}

TEST(ForEach, a_failed_element_stops_the_others_that_were_not_begun) {
  Driver run = started({action("a", one_by_one)});
  succeed(run, 1);
  run.answer(rejected(422), 2);
  EXPECT_EQ(stages(run), (std::vector<Stage>{Stage::failed, Stage::verified, Stage::failed, Stage::cancelled}));
  EXPECT_EQ(run.error_code(0), "elements_failed");
  EXPECT_EQ(run.action(0).effect, Effect::partial) << "one element is there";
}

TEST(ForEach, the_others_go_on_where_the_plan_says_so) {
  Json members = json(one_by_one);
  members.set("on_element_failure", "continue");
  Driver run = started({action("a", write_json(members))});
  run.answer(rejected(422), 1);
  succeed(run, 2);
  succeed(run, 3);
  EXPECT_EQ(stages(run), (std::vector<Stage>{Stage::failed, Stage::failed, Stage::verified, Stage::verified}));
  EXPECT_NE(run.action(0).error->message.find("1 of 3"), std::string::npos);
}

TEST(ForEach, elements_that_all_failed_without_a_trace_leave_none) {
  Driver run = started({action("a", each)});
  for (ActionIndex i = 1; i < 4; ++i) {
    if (run.call(i) != nullptr) run.answer(rejected(422), i);
  }
  EXPECT_EQ(run.action(0).effect, Effect::none);
}

TEST(ForEach, a_crash_between_elements_goes_on_with_the_next) {
  Driver run = started({action("a", one_by_one)});
  run.answer(done(), 1);
  run.restart();
  ASSERT_NE(run.call(1), nullptr);
  run.answer(as_asked(run, 1), 1);
  EXPECT_EQ(run.stage(2), Stage::sending);
  run.restart();
  EXPECT_EQ(run.stage(2), Stage::backing_off) << "sent, and nobody knows: the same key again";
  run.wake();
  succeed(run, 2);
  succeed(run, 3);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(ForEach, cancelling_ends_what_was_not_begun_and_says_what_was_done) {
  Driver run = started({action("a", one_by_one)});
  succeed(run, 1);
  run.cancel();
  run.answer(done(), 2);
  run.answer(as_asked(run, 2), 2);
  EXPECT_EQ(stages(run), (std::vector<Stage>{Stage::cancelled, Stage::verified, Stage::verified, Stage::cancelled}));
  EXPECT_EQ(run.action(0).effect, Effect::partial);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::cancelled);
}

TEST(ForEach, a_failure_elsewhere_starts_no_more_elements) {
  Driver run = started({action("a", one_by_one), action("b")});
  run.answer(rejected(422), 1);
  EXPECT_EQ(stages(run),
            (std::vector<Stage>{Stage::gathering, Stage::failed, Stage::sending, Stage::cancelled, Stage::cancelled}));
  succeed(run, 2);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(ForEach, outputs_are_seen_by_index) {
  Driver run = started(
      {action("a", each), action("b", R"({"input": {"name": {"$from": "/actions/a/output/1/id"}, "value": "v"}})")});
  for (ActionIndex i = 2; i < 5; ++i) succeed(run, i);
  EXPECT_EQ(run.stage(1), Stage::sending);
}

// ---- fallback ----

constexpr const char* falls_back = R"({"fallback": {"tool": "box.other", "input": {"name": "n", "value": "v"}}})";

TEST(Fallback, after_a_failure_without_effect_the_other_tool_is_tried_and_counts) {
  Driver run = started({action("a", falls_back),
                        action("b", R"({"input": {"name": {"$from": "/actions/a/output/id"}, "value": "v"}})")});
  run.answer(rejected(422), 0);
  EXPECT_EQ(run.stage(0), Stage::failed);
  ASSERT_EQ(run.workflow.actions.size(), 3U);
  ASSERT_NE(run.call(2), nullptr);
  EXPECT_EQ(run.workflow.failed, 0U) << "it has not failed for good";
  EXPECT_EQ(run.stage(1), Stage::blocked);
  succeed(run, 2);
  EXPECT_EQ(run.stage(1), Stage::sending) << "a dependent takes what the fallback answered";
  const Json receipt = run.receipt(2);
  EXPECT_EQ(*receipt.find("role"), Json("fallback"));
  EXPECT_EQ(*receipt.find("fallback")->find("for"), *run.receipt(0).find("receipt"));
  EXPECT_NE(*receipt.find("idempotency_key"), *run.receipt(0).find("idempotency_key"));
  succeed(run, 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(Fallback, one_that_fails_too_fails_the_action) {
  Driver run = started({action("a", falls_back), action("b", R"({"after": ["a"]})")});
  run.answer(rejected(422), 0);
  run.answer(rejected(403), 2);
  EXPECT_EQ(stages(run), (std::vector<Stage>{Stage::failed, Stage::cancelled, Stage::failed}));
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Fallback, after_a_failure_with_an_effect_a_person_decides) {
  Driver run = started({action("a", falls_back)});
  mismatch(run, 0, seen("other"));
  EXPECT_EQ(run.stage(0), Stage::fallback_held);
  EXPECT_EQ(state_of(run.stage(0)), "failed");
  EXPECT_TRUE(run.workflow.header.attention);
  EXPECT_EQ(run.workflow.actions.size(), 1U) << "nothing else was begun";
  run.cancel();
  EXPECT_EQ(run.stage(0), Stage::failed);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Fallback, any_failure_will_do_where_the_plan_says_so) {
  Json members = json(falls_back);
  members.set("fallback_when", "any_failure");
  Driver run = started({action("a", write_json(members))});
  mismatch(run, 0, seen("other"));
  ASSERT_EQ(run.workflow.actions.size(), 2U);
  EXPECT_EQ(run.stage(1), Stage::sending);
}

TEST(Fallback, nothing_is_tried_while_the_action_is_in_doubt) {
  Driver run = started({action("a", falls_back)});
  run.answer(ambiguous());
  EXPECT_EQ(run.workflow.actions.size(), 1U);
  EXPECT_EQ(run.stage(0), Stage::backing_off);
}

TEST(Fallback, none_starts_after_another_action_stopped_the_plan) {
  Driver run = started({action("a", falls_back), action("b")});
  run.answer(rejected(422), 1);
  run.answer(rejected(422), 0);
  EXPECT_EQ(run.workflow.actions.size(), 2U);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Fallback, each_element_has_its_own) {
  Json members = json(each);
  members.set("fallback", json(R"({"tool": "box.other", "input": {"name": {"$from": "/item"}, "value": "v"}})"));
  Driver run = started({action("a", write_json(members))});
  run.answer(rejected(422), 2);
  ASSERT_EQ(run.workflow.actions.size(), 5U);
  EXPECT_EQ(run.action(4).element, 1U);
  EXPECT_EQ(*run.action(4).input->find("name"), Json("y"));
  for (const ActionIndex i : {1U, 3U, 4U}) succeed(run, i);
  EXPECT_EQ(run.stage(0), Stage::verified);
}

// ---- compensate ----

TEST(Compensation, what_was_done_is_undone_in_reverse_order_and_verified) {
  Driver run = started({undoable_action("a"), undoable_action("b", "a"), action("c", R"({"after": ["b"]})")}, undoing);
  succeed(run, 0);
  succeed(run, 1);
  run.answer(rejected(422), 2);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::compensating);
  ASSERT_EQ(run.workflow.actions.size(), 5U);
  EXPECT_EQ(run.action(3).planned, 1U) << "the latest first";
  EXPECT_EQ(run.stage(3), Stage::sending);
  EXPECT_EQ(run.stage(4), Stage::blocked) << "one after the other";
  succeed(run, 3);
  EXPECT_EQ(run.stage(4), Stage::sending);
  EXPECT_NE(*run.receipt(3).find("idempotency_key"), *run.receipt(1).find("idempotency_key"));
  EXPECT_EQ(*run.receipt(3).find("role"), Json("compensate"));
  succeed(run, 4);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Compensation, the_failed_action_is_undone_too_when_it_left_something_behind) {
  Driver run = started({undoable_action("a")}, undoing);
  mismatch(run, 0, seen("other"));
  EXPECT_EQ(run.action(0).effect, Effect::partial);
  ASSERT_EQ(run.workflow.actions.size(), 2U);
  succeed(run, 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Compensation, what_left_nothing_behind_is_not_undone) {
  Driver run = started({undoable_action("a")}, undoing);
  run.answer(rejected(422), 0);
  EXPECT_EQ(run.workflow.actions.size(), 1U);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

TEST(Compensation, what_is_in_doubt_is_resolved_first) {
  ToolSpec doubtful;
  doubtful.name = "box.doubt";
  doubtful.mode = IdempotencyMode::none;
  doubtful.read_back = false;
  std::vector<std::shared_ptr<const Tool>> all = tools();
  all.push_back(make_tool(doubtful));
  Json b = action("b");
  b.set("tool", "box.doubt");
  const Json plan =
      Json::object({{"name", "p"},
                    {"on_failure", "compensate"},
                    {"actions", Json(Json::Array{undoable_action("a"), b, action("c", R"({"after": ["a"]})")})}});
  Driver run(make_plan(plan, all));
  run.start();
  run.answer(ambiguous(), 1);
  EXPECT_EQ(run.stage(1), Stage::in_doubt);
  succeed(run, 0);
  run.answer(rejected(422), 2);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::running) << "nothing is undone while something is in doubt";
  EXPECT_EQ(run.workflow.actions.size(), 3U);
  EXPECT_TRUE(run.workflow.header.attention);
}

TEST(Compensation, one_that_fails_does_not_keep_the_others_from_being_undone) {
  Driver run = started({undoable_action("a"), undoable_action("b", "a"), action("c", R"({"after": ["b"]})")}, undoing);
  succeed(run, 0);
  succeed(run, 1);
  run.answer(rejected(422), 2);
  run.answer(rejected(500 - 1), 3);
  EXPECT_EQ(run.stage(3), Stage::failed);
  EXPECT_EQ(run.stage(4), Stage::sending);
  succeed(run, 4);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

TEST(Compensation, a_crash_in_the_middle_goes_on_with_it) {
  Driver run = started({undoable_action("a"), undoable_action("b", "a"), action("c", R"({"after": ["b"]})")}, undoing);
  succeed(run, 0);
  succeed(run, 1);
  run.answer(rejected(422), 2);
  run.answer(done(), 3);
  run.restart();
  run.answer(as_asked(run, 3), 3);
  EXPECT_EQ(run.stage(4), Stage::sending);
  EXPECT_FALSE(run.cancel()) << "the undoing is not cancelled";
  succeed(run, 4);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

TEST(Compensation, a_plan_that_goes_well_undoes_nothing) {
  Driver run = started({undoable_action("a")}, undoing);
  succeed(run, 0);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  EXPECT_EQ(run.workflow.actions.size(), 1U);
}

// ---- deadline ----

constexpr const char* in_a_second = R"({"deadline": "1s"})";

TEST(Deadline, nothing_new_starts_after_it) {
  Driver run = started({action("a"), action("b", R"({"after": ["a"]})")}, in_a_second);
  run.advance(Duration(1'000));
  EXPECT_TRUE(run.timer());
  EXPECT_EQ(run.error_code(1), "deadline_exceeded");
  EXPECT_EQ(run.stage(0), Stage::sending) << "what was sent is waited for";
  succeed(run, 0);
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Deadline, an_answer_that_comes_before_its_timer_starts_nothing_new) {
  Driver run = started({action("a"), action("b", R"({"after": ["a"]})")}, in_a_second);
  run.advance(Duration(1'001));
  succeed(run, 0);
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.error_code(1), "deadline_exceeded");
  EXPECT_EQ(run.sends(1), 0U);
}

TEST(Deadline, what_is_unclear_then_is_looked_at_and_never_failed) {
  Driver run = started({action("a")}, in_a_second);
  run.answer(ambiguous(), 0, Duration(900));
  EXPECT_EQ(run.stage(0), Stage::backing_off);
  run.advance(Duration(200));
  run.timer();
  EXPECT_NE(state_of(run.stage(0)), "failed");
  for (int i = 0; i < 200 && !is_parked(run.stage(0)); ++i) {
    if (run.call(0) != nullptr)
      run.answer(rejected(404));
    else
      run.wake();
  }
  EXPECT_EQ(run.stage(0), Stage::in_doubt);
  EXPECT_EQ(run.sends(0), 1U);
}

TEST(Deadline, what_was_never_sent_fails_with_it) {
  Driver run = started({action("a")}, in_a_second);
  run.answer(not_sent(503, Duration(60'000)));
  run.advance(Duration(1'000));
  run.timer();
  EXPECT_EQ(run.stage(0), Stage::failed);
  EXPECT_EQ(run.error_code(0), "deadline_exceeded");
  EXPECT_EQ(run.action(0).effect, Effect::none);
}

TEST(Deadline, does_not_bind_the_undoing) {
  Driver run = started({undoable_action("a"), action("b", R"({"after": ["a"]})")},
                       R"({"deadline": "1s", "on_failure": "compensate"})");
  succeed(run, 0);
  run.advance(Duration(2'000));
  run.timer();
  run.answer(rejected(422), 1);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::compensating);
  succeed(run, 2);
  EXPECT_EQ(run.stage(2), Stage::verified);
}

TEST(Deadline, a_workflow_that_ends_before_has_no_timer_left) {
  Driver run = started({action("a")}, in_a_second);
  succeed(run, 0);
  EXPECT_FALSE(run.workflow.next_wake().has_value());
}

}  // namespace
}  // namespace settle::test
