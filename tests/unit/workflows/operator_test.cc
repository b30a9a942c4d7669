// What a person decides: pausing, resuming, and what became of a run that nobody else can tell about.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

Driver of_plan(std::string_view plan, const std::vector<std::shared_ptr<const Tool>>& tools) {
  Driver out(make_plan(json(plan), tools));
  out.start();
  return out;
}

constexpr std::string_view two_in_a_row =
    R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
        {"id": "b", "tool": "box.put", "input": {"name": "n", "value": "v"}, "after": ["a"]}]})";

/// Mode none, its answer lost, and nothing seen until nobody looks any more.
Driver in_doubt() {
  Driver run = running(of_mode(IdempotencyMode::none));
  run.answer(ambiguous());
  while (run.stage() != Stage::in_doubt) {
    if (run.stage() == Stage::settling) run.answer(rejected(404));
    if (run.stage() == Stage::settle_wait) run.wake();
  }
  return run;
}

Driver unverified() {
  Driver run = running(of_mode(IdempotencyMode::key));
  run.answer(done());
  run.advance(Duration(120'000));
  run.answer(rejected(403));
  EXPECT_EQ(run.stage(), Stage::unverified);
  return run;
}

Resolution saw_it() {
  return {.happened = true, .who = "ada", .seen = "the record is in the ticket system"};
}
Resolution saw_nothing() {
  return {.happened = false, .who = "ada", .seen = "no such record"};
}

TEST(Pause, nothing_is_sent_and_what_is_under_way_goes_on) {
  Driver run = of_plan(two_in_a_row, {make_tool()});
  EXPECT_TRUE(run.pause());
  EXPECT_EQ(shown_status(run.workflow.header), WorkflowStatus::paused);
  run.answer(done());
  EXPECT_EQ(run.stage(0), Stage::reading);
  run.answer(seen());
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.stage(1), Stage::ready);
  EXPECT_EQ(run.sends(1), 0U);
  EXPECT_FALSE(run.pause());
  EXPECT_TRUE(run.resume());
  EXPECT_EQ(run.stage(1), Stage::sending);
  EXPECT_EQ(shown_status(run.workflow.header), WorkflowStatus::running);
  EXPECT_FALSE(run.resume());
}

TEST(Pause, survives_a_restart) {
  Driver run = of_plan(two_in_a_row, {make_tool()});
  run.pause();
  run.answer(done());
  run.answer(seen());
  run.restart();
  EXPECT_EQ(run.stage(1), Stage::ready);
  run.resume();
  EXPECT_EQ(run.stage(1), Stage::sending);
}

TEST(Pause, a_repeat_waits_for_the_end_of_the_pause) {
  Driver run = running(of_mode(IdempotencyMode::key));
  run.pause();
  run.answer(ambiguous());
  EXPECT_EQ(run.stage(), Stage::backing_off);
  run.wake();
  EXPECT_EQ(run.stage(), Stage::backing_off);
  EXPECT_TRUE(run.action().held);
  EXPECT_EQ(run.sends(), 1U);
  run.resume();
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(run.sends(), 2U);
}

TEST(Pause, an_absent_effect_is_not_sent_again_before_the_end_of_the_pause) {
  Driver run = running(of_mode(IdempotencyMode::lookup));
  run.pause();
  run.answer(ambiguous());
  run.answer(found(0));
  run.wake();
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::backing_off);
  EXPECT_EQ(run.sends(), 1U);
  run.resume();
  EXPECT_EQ(run.sends(), 2U);
}

TEST(Pause, time_limits_run_on) {
  Driver run = running(of_mode(IdempotencyMode::key));
  run.pause();
  run.answer(not_sent());
  run.wake();
  run.wake();  // the limit itself
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "schedule_to_close_timeout");
  EXPECT_FALSE(run.workflow.header.paused) << "what has ended is not paused";
}

TEST(Pause, the_deadline_ends_what_was_held_back) {
  Json plan = json(two_in_a_row);
  plan.set("deadline", "5s");
  Driver run(make_plan(plan, {make_tool()}));
  run.start();
  run.pause();
  run.answer(done());
  run.answer(seen());
  run.wake();
  EXPECT_EQ(run.stage(1), Stage::failed);
  EXPECT_EQ(run.error_code(1), "deadline_exceeded");
}

TEST(Pause, cancelling_ends_it) {
  Driver run = of_plan(two_in_a_row, {make_tool()});
  run.pause();
  run.answer(done());
  run.answer(seen());
  run.cancel();
  EXPECT_EQ(run.stage(1), Stage::cancelled);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

TEST(Pause, holds_undoing_back_too) {
  Json plan = json(two_in_a_row);
  plan.set("on_failure", "compensate");
  plan.find("actions")->as_array()[0].set("compensate",
                                          json(R"({"tool": "box.put", "input": {"name": "n", "value": "undone"}})"));
  Driver run(make_plan(plan, {make_tool()}));
  run.start();
  run.answer(done());
  run.answer(seen());
  run.pause();
  run.answer(rejected(422), 1);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::compensating);
  EXPECT_EQ(shown_status(run.workflow.header), WorkflowStatus::paused);
  EXPECT_EQ(run.stage(2), Stage::ready);
  run.resume();
  EXPECT_EQ(run.stage(2), Stage::sending);
}

TEST(Pause, a_fallback_that_it_held_back_does_not_begin_when_the_plan_was_stopped_meanwhile) {
  Json plan = json(two_in_a_row);
  plan.find("actions")->as_array()[1].erase("after");
  plan.find("actions")->as_array()[0].set("fallback",
                                          json(R"({"tool": "box.put", "input": {"name": "n", "value": "w"}})"));
  Driver run(make_plan(plan, {make_tool()}));
  run.start();
  run.pause();
  run.answer(rejected(422), 0);
  EXPECT_EQ(run.stage(2), Stage::ready);
  run.answer(rejected(422), 1);
  run.resume();
  EXPECT_EQ(run.stage(2), Stage::cancelled);
  EXPECT_EQ(run.sends(2), 0U);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Pause, holds_back_the_elements_of_a_list) {
  Driver run = of_plan(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "for_each": ["x", "y", "z"],
      "max_parallel": 1, "input": {"name": "n", "value": {"$from": "/item"}}}]})",
                       {make_tool()});
  run.pause();
  run.answer(done(), 1);
  run.answer(seen("x"), 1);
  EXPECT_EQ(run.stage(2), Stage::ready);
  EXPECT_EQ(run.stage(3), Stage::blocked);
  run.resume();
  EXPECT_EQ(run.stage(2), Stage::sending);
}

TEST(Resolve, what_happened_is_read_back_and_rests_on_the_word_of_a_person) {
  Driver run = in_doubt();
  EXPECT_TRUE(run.workflow.header.attention);
  EXPECT_EQ(run.resolve(saw_it()), "");
  EXPECT_EQ(run.stage(), Stage::reading);
  EXPECT_EQ(*run.receipt().find("confidence"), Json("operator"));
  EXPECT_EQ(*run.receipt().find("operator")->find("who"), Json("ada"));
  EXPECT_FALSE(run.workflow.header.attention);
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.action().confidence, Confidence::operator_);
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Resolve, what_happened_and_differs_fails) {
  Driver run = in_doubt();
  run.resolve(saw_it());
  while (run.stage() != Stage::failed) {
    if (run.stage() == Stage::reading) run.answer(seen("other"));
    if (run.stage() == Stage::read_wait) run.wake();
  }
  EXPECT_EQ(run.error_code(), "verification_mismatch");
}

TEST(Resolve, what_nobody_can_read_back_is_executed_and_never_verified) {
  Driver run = in_doubt();
  Resolution word = saw_it();
  word.verify = false;
  EXPECT_EQ(run.resolve(word), "");
  EXPECT_EQ(run.stage(), Stage::executed);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::executed);
}

TEST(Resolve, what_did_not_happen_fails_without_an_effect) {
  Driver run = in_doubt();
  EXPECT_EQ(run.resolve(saw_nothing()), "");
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "did_not_happen");
  EXPECT_EQ(run.action().effect, Effect::none);
  EXPECT_EQ(*run.receipt().find("operator")->find("said"), Json("did_not_happen"));
}

TEST(Resolve, what_did_not_happen_can_be_sent_again) {
  Driver run = in_doubt();
  Resolution word = saw_nothing();
  word.send_again = true;
  EXPECT_EQ(run.resolve(word), "");
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(run.action().generation, 0U) << "the key stays";
  run.answer(done());
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Resolve, nothing_is_sent_again_while_the_workflow_is_cancelled) {
  Driver run = in_doubt();
  run.cancel();
  Resolution word = saw_nothing();
  word.send_again = true;
  EXPECT_EQ(run.resolve(word), "wrong_state");
  word.send_again = false;
  EXPECT_EQ(run.resolve(word), "");
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

TEST(Resolve, only_what_waits_for_a_person_can_be_resolved) {
  Driver run = running(of_mode(IdempotencyMode::none));
  EXPECT_EQ(run.resolve(saw_it()), "wrong_state");
  run.answer(done());
  run.answer(seen());
  EXPECT_EQ(run.resolve(saw_it()), "wrong_state");
}

TEST(Resolve, the_output_has_to_fit_the_tool) {
  Driver run = in_doubt();
  Resolution word = saw_it();
  word.output = json(R"({"id": 7})");
  EXPECT_EQ(run.resolve(word), "invalid_argument");
  word.output = json(R"({"id": "r9"})");
  word.record_id = "r8";
  EXPECT_EQ(run.resolve(word), "invalid_argument") << "the output names another record";
  word.record_id = std::nullopt;
  EXPECT_EQ(run.resolve(word), "");
  EXPECT_EQ(run.action().output->find("id")->as_string(), "r9");
}

TEST(Resolve, an_id_is_demanded_where_the_read_back_needs_it) {
  Json document = tool_document(of_mode(IdempotencyMode::lookup));
  document = changed(document, "/record_id", "\"/id\"");
  document = changed(document, "/verify/read/url", R"({"$text": "https://box.test/items/by-id/${/record_id}"})");
  Driver run(plan_of(compiled(document)));
  run.start();
  run.answer(ambiguous());
  run.answer(found(2));
  ASSERT_EQ(run.stage(), Stage::in_doubt);
  EXPECT_EQ(run.resolve(saw_it()), "invalid_argument");
  Resolution word = saw_it();
  word.record_id = "r1";
  EXPECT_EQ(run.resolve(word), "");
  EXPECT_EQ(run.call()->call.url, "https://box.test/items/by-id/r1");
}

TEST(Resolve, what_could_not_be_read_is_looked_at_again) {
  Driver run = unverified();
  EXPECT_EQ(run.resolve(saw_it()), "");
  EXPECT_EQ(run.stage(), Stage::reading);
  run.answer(rejected(404));
  EXPECT_EQ(run.stage(), Stage::read_wait) << "`within` begins anew";
  run.wake();
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Resolve, what_was_answered_and_did_not_happen_fails) {
  Driver run = unverified();
  EXPECT_EQ(run.resolve(saw_nothing()), "");
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.action().effect, Effect::none);
}

TEST(Resolve, what_the_tool_itself_answered_does_not_rest_on_a_word) {
  Driver run = unverified();
  run.resolve(saw_it());
  run.answer(seen());
  EXPECT_EQ(run.action().confidence, Confidence::read_back) << "the word only asked for another look";
  EXPECT_EQ(run.action().status_code, 200);
}

TEST(Resolve, what_two_words_say_rests_on_a_word) {
  Driver run = in_doubt();
  run.resolve(saw_it());
  run.advance(Duration(120'000));
  run.answer(rejected(403));
  ASSERT_EQ(run.stage(), Stage::unverified);
  Driver taken_back = run;
  run.advance(Duration(1'000));
  EXPECT_EQ(run.resolve(saw_it()), "");
  run.answer(seen());
  EXPECT_EQ(run.action().confidence, Confidence::operator_);

  EXPECT_EQ(taken_back.resolve(saw_nothing()), "");
  EXPECT_EQ(taken_back.stage(), Stage::failed);
  EXPECT_FALSE(taken_back.action().executed_at) << "it was executed by a word only";
}

TEST(Resolve, another_record_than_the_tool_answered_rests_on_the_word) {
  Driver run = unverified();
  Resolution word = saw_it();
  word.output = json(R"({"id": "r9"})");
  EXPECT_EQ(run.resolve(word), "");
  EXPECT_EQ(*run.action().record_id, "r9") << "that of the output that is known now";
  EXPECT_EQ(run.action().status_code, 0) << "no tool answered this";
  run.answer(seen());
  EXPECT_EQ(run.action().confidence, Confidence::operator_);
}

TEST(Resolve, nothing_of_what_did_not_happen_is_left_when_it_is_sent_again) {
  Driver run = unverified();
  ASSERT_TRUE(run.action().record_id);
  Resolution word = saw_nothing();
  word.send_again = true;
  EXPECT_EQ(run.resolve(word), "");
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_FALSE(run.action().record_id);
  EXPECT_EQ(run.action().output, nullptr);
  EXPECT_EQ(run.action().status_code, 0);
  EXPECT_EQ(*run.receipt().find("state"), Json("pending")) << "the receipt that says executed holds no longer";
  EXPECT_NE(*run.receipt().find("supersedes"), Json());
}

TEST(Resolve, a_refusal_of_what_is_sent_again_says_nothing_about_the_first) {
  Driver run = unverified();
  Resolution word = saw_nothing();
  word.send_again = true;
  run.resolve(word);
  run.answer(rejected(409));
  EXPECT_EQ(run.stage(), Stage::settle_wait) << "the tool had said that it was done: look, never failed at once";
}

/// Failed with a part of its effect there, so that its fallback is held.
Driver held() {
  Driver run = of_plan(
      R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"},
          "fallback": {"tool": "box.put", "input": {"name": "n", "value": "w"}}}]})",
      {make_tool()});
  run.answer(done());
  while (run.stage() != Stage::fallback_held) {
    if (run.stage() == Stage::reading) run.answer(seen("other"));
    if (run.stage() == Stage::read_wait) run.wake();
  }
  return run;
}

TEST(Resolve, a_held_fallback_is_tried_once_nothing_is_left_of_the_first) {
  Driver run = held();
  EXPECT_EQ(run.resolve(saw_nothing()), "");
  EXPECT_EQ(run.stage(0), Stage::failed);
  EXPECT_EQ(run.stage(1), Stage::sending);
  run.answer(done(), 1);
  run.answer(seen("w"), 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(Resolve, a_held_fallback_is_given_up_when_what_is_there_stays) {
  Driver run = held();
  EXPECT_EQ(run.resolve(saw_it()), "");
  EXPECT_EQ(run.stage(0), Stage::failed);
  EXPECT_EQ(run.workflow.actions.size(), 1U);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

}  // namespace
}  // namespace settle::test
