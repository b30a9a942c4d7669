// A workflow that failed runs again: what is sent anew and under which key, and what is only looked at.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

Driver of_plan(std::string_view plan, const std::vector<std::shared_ptr<const Tool>>& tools = {make_tool()}) {
  Driver out(make_plan(json(plan), tools));
  out.start();
  return out;
}

/// Executed, and then read back as something else until it failed.
void mismatch(Driver& run, ActionIndex index = 0) {
  run.answer(done(), index);
  while (run.stage(index) != Stage::failed && run.stage(index) != Stage::fallback_held) {
    if (run.stage(index) == Stage::reading) run.answer(seen("other"), index);
    if (run.stage(index) == Stage::read_wait) run.wake();
  }
}

void succeed(Driver& run, ActionIndex index = 0, std::string_view value = "v") {
  run.answer(done(), index);
  run.answer(seen(value), index);
  EXPECT_EQ(run.stage(index), Stage::verified);
}

TEST(Retry, what_was_refused_is_sent_anew_under_a_new_key) {
  for (const IdempotencyMode mode :
       {IdempotencyMode::key, IdempotencyMode::lookup, IdempotencyMode::natural, IdempotencyMode::none}) {
    Driver run = running(of_mode(mode));
    const std::string first = *run.call()->call.body;
    run.answer(rejected(422));
    EXPECT_EQ(run.retry(), "");
    EXPECT_EQ(run.stage(), Stage::sending);
    EXPECT_EQ(run.action().generation, 1U);
    EXPECT_EQ(run.action().attempt, 2U);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::running);
    EXPECT_EQ(run.happened("workflow.retried"), 1U);
    succeed(run);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
    EXPECT_NE(*run.receipt().find("supersedes"), Json()) << "the receipt of the failure stays, superseded";
  }
}

TEST(Retry, what_may_be_there_is_read_back_and_not_sent) {
  for (const IdempotencyMode mode : {IdempotencyMode::key, IdempotencyMode::none}) {
    Driver run = running(of_mode(mode));
    mismatch(run);
    EXPECT_EQ(run.retry(), "");
    EXPECT_EQ(run.stage(), Stage::reading);
    EXPECT_EQ(*run.receipt().find("state"), Json("executed")) << "the receipt of the failure is superseded";
    EXPECT_EQ(run.action().generation, 0U);
    run.answer(seen());
    EXPECT_EQ(run.stage(), Stage::verified);
    EXPECT_EQ(run.sends(), 1U);
  }
}

TEST(Retry, what_may_be_there_is_searched_where_it_can_be) {
  Driver run = running(of_mode(IdempotencyMode::lookup));
  mismatch(run);
  run.retry();
  EXPECT_EQ(run.stage(), Stage::looking);
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::look_wait) << "`quiet` has not passed since it was executed";
  run.wake();
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::sending) << "absent: it may be sent again";
  EXPECT_EQ(run.action().generation, 0U) << "the key stays, since the send was not refused";
  succeed(run);
}

TEST(Retry, a_natural_call_is_made_again_under_its_key) {
  Driver run = running(of_mode(IdempotencyMode::natural));
  mismatch(run);
  run.retry();
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(run.action().generation, 0U);
  run.answer(done());
  ASSERT_EQ(run.stage(), Stage::read_wait) << "the first may still land on top of it";
  run.wake();
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Retry, a_natural_call_that_does_not_get_through_again_is_not_said_to_have_no_effect) {
  Driver run = running(of_mode(IdempotencyMode::natural));
  mismatch(run);
  ASSERT_EQ(run.action().effect, Effect::partial);
  run.retry();
  while (run.stage() == Stage::sending || run.stage() == Stage::backing_off) {
    if (run.stage() == Stage::sending) run.answer(not_sent());
    if (run.stage() == Stage::backing_off) run.wake();
  }
  EXPECT_EQ(run.stage(), Stage::settling) << "what the first send left is still there";
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Retry, a_natural_call_whose_input_newer_tools_refuse_is_left_to_a_person) {
  const ToolSpec spec = of_mode(IdempotencyMode::natural);
  Driver run = running(spec);
  mismatch(run);
  const Json narrower = changed(tool_document(spec), "/input_schema/properties/value/maxLength", "0");
  Plan plan = *run.workflow.plan;
  plan.actions[0].tool = compiled(narrower);
  EXPECT_EQ(run.retry(std::make_shared<const Plan>(std::move(plan))), "");
  EXPECT_EQ(run.stage(), Stage::in_doubt);
  EXPECT_EQ(run.error_code(), "input_invalid");
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Retry, a_refused_repeat_of_what_was_executed_is_looked_at) {
  Driver run = running(of_mode(IdempotencyMode::natural));
  mismatch(run);
  run.retry();
  run.answer(rejected(409));
  EXPECT_NE(run.stage(), Stage::failed) << "the first send was answered: something may be there";
  EXPECT_TRUE(run.action().doubted) << "so no later retry takes a new key";
}

TEST(Retry, what_was_adopted_or_said_before_is_no_evidence_for_what_is_sent_anew) {
  Driver run = running(of_mode(IdempotencyMode::lookup));
  run.answer(ambiguous());
  run.answer(found(1));
  ASSERT_TRUE(run.action().adopted);
  while (run.stage() != Stage::failed) {
    if (run.stage() == Stage::reading) run.answer(seen("other"));
    if (run.stage() == Stage::read_wait) run.wake();
  }
  run.retry();
  EXPECT_EQ(run.action().output, nullptr);
  while (run.stage() != Stage::sending) {
    if (run.stage() == Stage::looking) run.answer(found(0));
    if (run.stage() == Stage::look_wait) run.wake();
  }
  EXPECT_FALSE(run.action().adopted);
  succeed(run);
  EXPECT_NE(run.action().confidence, Confidence::lookup);
}

TEST(Retry, a_word_does_not_vouch_for_what_is_sent_after_it) {
  Driver run = running(of_mode(IdempotencyMode::lookup));
  run.answer(ambiguous());
  run.answer(found(2));
  ASSERT_EQ(run.stage(), Stage::in_doubt);
  run.resolve({.happened = true, .who = "ada", .seen = "it is there"});
  while (run.stage() != Stage::failed) {
    if (run.stage() == Stage::reading) run.answer(seen("other"));
    if (run.stage() == Stage::read_wait) run.wake();
  }
  run.retry();
  while (run.stage() != Stage::sending) {
    if (run.stage() == Stage::looking) run.answer(found(0));
    if (run.stage() == Stage::look_wait) run.wake();
  }
  succeed(run);
  EXPECT_EQ(run.action().confidence, Confidence::state_match);
  EXPECT_EQ(*run.receipt().find("operator"), Json());
}

TEST(Retry, a_read_keeps_its_key) {
  ToolSpec reads;
  reads.reads = true;
  Driver run = running(reads);
  while (run.stage() != Stage::failed) {
    if (run.stage() == Stage::sending) run.answer(ambiguous());
    if (run.stage() == Stage::backing_off) run.wake();
  }
  run.retry();
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(run.action().generation, 0U) << "not every send under it was refused";
}

TEST(Retry, what_was_cancelled_by_the_failure_runs_after_it) {
  Driver run = of_plan(R"({"name": "p", "actions": [
      {"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
      {"id": "b", "tool": "box.put", "input": {"name": "n", "value": "v"}, "after": ["a"]},
      {"id": "c", "tool": "box.put", "input": {"name": "n", "value": "v"}, "after": ["b"]}]})");
  run.answer(rejected(422));
  EXPECT_EQ(run.stage(2), Stage::cancelled);
  run.retry();
  EXPECT_EQ(run.stage(1), Stage::blocked);
  for (const ActionIndex i : {0U, 1U, 2U}) succeed(run, i);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  EXPECT_EQ(run.action(2).generation, 0U) << "it was never sent";
}

TEST(Retry, a_list_repeats_only_the_elements_that_failed) {
  Driver run = of_plan(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "for_each": ["x", "y", "z", "v"],
      "max_parallel": 1, "on_element_failure": "continue", "input": {"name": "n", "value": {"$from": "/item"}}}]})");
  run.answer(rejected(422), 1);
  succeed(run, 2, "y");
  run.answer(rejected(422), 3);
  succeed(run, 4, "v");
  EXPECT_EQ(run.stage(0), Stage::failed);
  run.retry();
  EXPECT_EQ(run.stage(0), Stage::gathering);
  EXPECT_EQ(run.stage(1), Stage::sending);
  EXPECT_EQ(run.stage(3), Stage::blocked) << "one at a time";
  succeed(run, 1, "x");
  EXPECT_EQ(run.stage(3), Stage::sending);
  succeed(run, 3, "z");
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.sends(2), 1U);
}

TEST(Retry, a_list_looks_at_elements_that_may_be_there) {
  Driver run = of_plan(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "for_each": ["x", "y", "z"],
      "max_parallel": 1, "on_element_failure": "continue", "input": {"name": "n", "value": {"$from": "/item"}}}]})");
  run.answer(rejected(422), 1);
  mismatch(run, 2);
  run.answer(rejected(422), 3);
  run.retry();
  EXPECT_EQ(run.stage(1), Stage::sending);
  EXPECT_EQ(run.stage(2), Stage::revived) << "one at a time";
  succeed(run, 1, "x");
  EXPECT_EQ(run.stage(2), Stage::reading);
  run.answer(seen("y"), 2);
  EXPECT_EQ(run.stage(3), Stage::sending);
  succeed(run, 3, "z");
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

/// Three elements, one at a time, each read back as something else; then a retry, which looks at the first.
Driver revived_list(std::string_view members) {
  Json action = json(R"({"id": "a", "tool": "box.put", "for_each": ["x", "y", "z"], "max_parallel": 1,
      "on_element_failure": "continue", "input": {"name": "n", "value": {"$from": "/item"}}})");
  Json plan = Json::object({{"name", "p"}, {"actions", Json(Json::Array{action})}});
  const Json more = json(members);
  for (const JsonMember& member : more.as_object()) plan.set(member.name, member.value);
  Driver run(make_plan(plan, {make_tool()}));
  run.start();
  for (const ActionIndex i : {1U, 2U, 3U}) mismatch(run, i);
  EXPECT_EQ(run.retry(), "");
  EXPECT_EQ(run.stage(1), Stage::reading);
  EXPECT_EQ(run.stage(2), Stage::revived);
  EXPECT_EQ(run.stage(3), Stage::revived);
  return run;
}

TEST(Retry, elements_are_looked_at_in_turn_also_after_a_restart) {
  Driver run = revived_list("{}");
  run.restart();
  EXPECT_EQ(run.stage(2), Stage::revived) << "the first is still under way";
  run.answer(seen("x"), 1);
  EXPECT_EQ(run.stage(2), Stage::reading);
  EXPECT_EQ(run.stage(3), Stage::revived);
  run.answer(seen("y"), 2);
  run.answer(seen("z"), 3);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(Retry, an_element_whose_turn_never_comes_is_what_it_was) {
  Driver run = revived_list("{}");
  const Effect effect = run.action(2).effect;
  ASSERT_NE(effect, Effect::none);
  run.cancel();
  for (const ActionIndex i : {2U, 3U}) {
    EXPECT_EQ(run.stage(i), Stage::failed);
    EXPECT_EQ(run.error_code(i), "verification_mismatch");
    EXPECT_EQ(*run.receipt(i).find("effect"), Json(name_of(effect))) << "nobody may say that nothing happened";
  }
  run.answer(seen("x"), 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Retry, the_deadline_leaves_what_waits_for_its_turn_as_it_was) {
  Driver run = revived_list(R"({"deadline": "10m"})");
  run.advance(Duration(600'000));
  run.timer();
  EXPECT_EQ(run.stage(2), Stage::failed);
  EXPECT_EQ(run.error_code(2), "verification_mismatch");
  EXPECT_NE(run.action(2).effect, Effect::none);
}

TEST(Retry, a_pause_does_not_hold_looks_up) {
  Driver run = revived_list("{}");
  run.pause();
  run.answer(seen("x"), 1);
  EXPECT_EQ(run.stage(2), Stage::reading);
}

TEST(Retry, an_element_that_fails_again_stops_the_others_by_the_rule) {
  Driver run = of_plan(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "for_each": ["x", "y", "z"],
      "max_parallel": 2, "on_element_failure": "stop", "input": {"name": "n", "value": {"$from": "/item"}}}]})");
  run.answer(done(), 1);
  run.answer(done(), 2);
  look_on(run, seen("other"), 1);
  look_on(run, seen("other"), 2);
  ASSERT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  run.retry();
  look_on(run, seen("other"), 1);
  EXPECT_EQ(run.stage(3), Stage::cancelled) << "never sent";
  look_on(run, seen("y"), 2);
  EXPECT_EQ(run.stage(2), Stage::verified);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Retry, fallbacks_of_elements_wait_for_their_turn) {
  Driver run = of_plan(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "for_each": ["x", "y"],
      "max_parallel": 1, "on_element_failure": "continue", "input": {"name": "n", "value": {"$from": "/item"}},
      "fallback": {"tool": "box.put", "input": {"name": "n", "value": "w"}}}]})");
  run.answer(rejected(422), 1);
  mismatch(run, 3);
  run.answer(rejected(422), 2);
  mismatch(run, 4);
  ASSERT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  run.retry();
  EXPECT_EQ(run.stage(3), Stage::reading);
  EXPECT_EQ(run.stage(4), Stage::revived);
  run.answer(seen("w"), 3);
  EXPECT_EQ(run.stage(4), Stage::reading);
  run.answer(seen("w"), 4);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

constexpr std::string_view with_fallback =
    R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"},
        "fallback": {"tool": "box.put", "input": {"name": "n", "value": "w"}}}]})";

TEST(Retry, the_action_comes_first_again_and_its_fallback_under_a_new_key) {
  Driver run = of_plan(with_fallback);
  run.answer(rejected(422), 0);
  run.answer(rejected(422), 1);
  run.retry();
  EXPECT_EQ(run.stage(0), Stage::sending);
  EXPECT_EQ(run.action(0).fallback, 0U);
  run.answer(rejected(422), 0);
  EXPECT_EQ(run.workflow.actions.size(), 2U) << "the same run, not another one";
  EXPECT_EQ(run.stage(1), Stage::sending);
  EXPECT_EQ(run.action(1).generation, 1U);
  succeed(run, 1, "w");
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(Retry, an_idle_fallback_does_no_harm) {
  Driver run = of_plan(with_fallback);
  run.answer(rejected(422), 0);
  run.answer(rejected(422), 1);
  run.retry();
  run.restart();
  while (run.stage(0) == Stage::backing_off) run.wake();
  succeed(run, 0);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(Retry, a_fallback_that_left_something_behind_is_looked_at_first) {
  Driver run = of_plan(with_fallback);
  run.answer(rejected(422), 0);
  mismatch(run, 1);
  run.retry();
  EXPECT_EQ(run.stage(0), Stage::failed);
  EXPECT_EQ(run.stage(1), Stage::reading);
  run.answer(seen("w"), 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

constexpr std::string_view undoing =
    R"({"name": "p", "on_failure": "compensate", "actions": [
        {"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"},
         "compensate": {"tool": "box.put", "input": {"name": "n", "value": "undone"}}},
        {"id": "b", "tool": "box.put", "input": {"name": "n", "value": "v"}, "after": ["a"]}]})";

TEST(Retry, what_was_undone_does_not_run_again) {
  Driver run = of_plan(undoing);
  succeed(run, 0);
  run.answer(rejected(422), 1);
  succeed(run, 2, "undone");
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
  EXPECT_EQ(run.retry(), "wrong_state");
}

TEST(Retry, what_could_not_be_undone_is_tried_again) {
  Driver run = of_plan(undoing);
  succeed(run, 0);
  run.answer(rejected(422), 1);
  run.answer(rejected(422), 2);
  ASSERT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(run.retry(), "");
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::compensating);
  EXPECT_EQ(run.stage(1), Stage::failed) << "undoing goes on, not the plan";
  succeed(run, 2, "undone");
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Retry, compensations_are_looked_at_one_after_the_other) {
  constexpr std::string_view two = R"({"name": "p", "on_failure": "compensate", "actions": [
        {"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"},
         "compensate": {"tool": "box.put", "input": {"name": "n", "value": "undone"}}},
        {"id": "b", "tool": "box.put", "input": {"name": "n", "value": "v"}, "after": ["a"],
         "compensate": {"tool": "box.put", "input": {"name": "n", "value": "undone"}}},
        {"id": "c", "tool": "box.put", "input": {"name": "n", "value": "v"}, "after": ["b"]}]})";
  Driver run = of_plan(two);
  succeed(run, 0);
  succeed(run, 1);
  run.answer(rejected(422), 2);
  mismatch(run, 3);
  mismatch(run, 4);
  ASSERT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  run.retry();
  EXPECT_EQ(run.stage(3), Stage::reading);
  EXPECT_EQ(run.stage(4), Stage::revived);
  run.restart();
  EXPECT_EQ(run.stage(4), Stage::revived);
  run.answer(seen("undone"), 3);
  EXPECT_EQ(run.stage(4), Stage::reading);
  run.answer(seen("undone"), 4);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

TEST(Retry, runs_with_the_tools_that_are_given) {
  Driver run = running(of_mode(IdempotencyMode::key));
  run.answer(rejected(422));
  ToolSpec moved;
  moved.host = "https://other.test";
  EXPECT_EQ(run.retry(plan_of(make_tool(moved))), "");
  EXPECT_TRUE(run.call()->call.url.starts_with("https://other.test/"));
}

TEST(Retry, what_may_be_there_is_not_looked_for_elsewhere) {
  ToolSpec moved;
  moved.host = "https://other.test";
  Driver read = running(of_mode(IdempotencyMode::key));
  mismatch(read);
  EXPECT_EQ(read.retry(plan_of(make_tool(moved))), "");
  EXPECT_EQ(read.stage(), Stage::unverified);
  EXPECT_EQ(read.error_code(), "endpoint_changed");

  Driver searched = running(of_mode(IdempotencyMode::lookup));
  mismatch(searched);
  moved.mode = IdempotencyMode::lookup;
  EXPECT_EQ(searched.retry(plan_of(make_tool(moved))), "");
  EXPECT_EQ(searched.stage(), Stage::in_doubt);
  EXPECT_EQ(searched.error_code(), "endpoint_changed");
}

TEST(Retry, the_deadline_begins_anew) {
  Json plan = json(with_fallback);
  plan.set("deadline", "1h");
  Driver run(make_plan(plan, {make_tool()}));
  run.start();
  run.answer(rejected(422), 0);
  run.advance(Duration(3'700'000));
  run.answer(rejected(422), 1);
  EXPECT_EQ(run.retry(), "");
  EXPECT_EQ(run.stage(0), Stage::sending);
  EXPECT_EQ(*run.workflow.header.deadline_at, run.now + Duration(3'600'000));
}

TEST(Retry, only_what_ended_failed_is_retried) {
  Driver run = running(of_mode(IdempotencyMode::key));
  EXPECT_EQ(run.retry(), "wrong_state");
  succeed(run);
  EXPECT_EQ(run.retry(), "wrong_state");
}

}  // namespace
}  // namespace settle::test
