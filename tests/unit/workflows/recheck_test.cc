// What was verified is looked at again later, also when its workflow has long ended.
#include "tests/unit/workflows/support/recheck.h"

namespace settle::test {
namespace {

Driver verified(std::string_view members = once) {
  Driver run = begun(with_verify(of_mode(), members));
  run.answer(done());
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
  return run;
}

TEST(Recheck, it_waits_its_time_and_looks_although_the_workflow_has_ended) {
  Driver run = verified();
  const Time since = run.action().since;
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(*run.workflow.next_wake(), *run.action().verified_at + Duration(3'600'000));
  run.wake();
  EXPECT_EQ(run.stage(), Stage::rechecking);
  EXPECT_EQ(state_of(run.stage()), "verified");
  EXPECT_TRUE(phase_of(run.action()).empty());
  EXPECT_EQ(run.action().since, since) << "the state is the same";
  const Json receipt = run.receipt();
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.receipt(), receipt) << "the evidence of then is as true as it was";
  EXPECT_EQ(run.happened("action.rechecked"), 1U);
  EXPECT_EQ(*run.history.back().data.find("left"), Json(0));
  EXPECT_FALSE(run.workflow.next_wake()) << "no more looks";
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  EXPECT_EQ(run.happened("workflow.ended"), 1U);
}

TEST(Recheck, as_often_as_the_tool_says_each_so_long_after_the_one_before) {
  Driver run = verified(R"({"recheck": {"after": "1h", "times": 3}})");
  for (int left = 2; left >= 0; --left) {
    run.wake();
    run.answer(seen());
    EXPECT_EQ(*run.history.back().data.find("left"), Json(left));
    EXPECT_EQ(run.workflow.next_wake().has_value(), left > 0);
    if (left > 0) {
      EXPECT_EQ(*run.workflow.next_wake(), run.now + Duration(3'600'000));
    }
  }
}

TEST(Recheck, what_no_longer_holds_fails_with_a_receipt_that_supersedes_and_needs_a_person) {
  struct Row {
    const char* name;
    Outcome outcome;
    Effect effect;
  };
  const Row rows[] = {{"one field differs", seen("chargeback"), Effect::partial},
                      {"it is gone", rejected(404), Effect::none}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver run = verified();
    const std::uint32_t first = run.action().receipt;
    run.wake();
    const Time began = run.now;
    look_again(run, row.outcome);
    EXPECT_GE(run.now, began + Duration(2'000)) << "it has the same time to settle";
    EXPECT_EQ(run.stage(), Stage::failed);
    EXPECT_EQ(run.error_code(), "no_longer_holds");
    EXPECT_EQ(run.action().effect, row.effect);
    EXPECT_EQ(*run.receipt().find("supersedes"), Json("rcp_w1." + std::to_string(first)));
    EXPECT_EQ(*run.receipt().find("state"), Json("failed"));
    EXPECT_EQ(*run.receipt().find("next_state"), Json("operator"));
    EXPECT_TRUE(run.workflow.header.attention);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed) << "as true as its weakest action";
    EXPECT_EQ(run.happened("workflow.outcome_changed"), 1U);
    EXPECT_EQ(run.happened("workflow.attention"), 1U);
    EXPECT_FALSE(run.workflow.next_wake());
    EXPECT_EQ(run.sends(), 1U);
  }
}

TEST(Recheck, what_settles_in_time_still_holds) {
  Driver run = verified();
  run.wake();
  run.answer(seen("for a moment"));
  EXPECT_EQ(run.stage(), Stage::verified);
  run.wake();
  run.answer(seen());
  EXPECT_EQ(run.happened("action.rechecked"), 1U);
  EXPECT_TRUE(run.action().checks[0].ok);
}

TEST(Recheck, what_can_not_be_read_is_asked_for_a_few_times_and_then_left_as_it_was) {
  for (const Outcome& outcome : {rejected(403), ambiguous(), not_sent(503, Duration(5'000))}) {
    Driver run = verified(R"({"recheck": {"after": "1h", "times": 2}})");
    const Json receipt = run.receipt();
    run.wake();
    look_again(run, outcome);
    EXPECT_EQ(run.stage(), Stage::verified);
    EXPECT_EQ(run.receipt(), receipt);
    EXPECT_FALSE(run.action().error);
    EXPECT_EQ(run.happened("action.recheck_unreadable"), 1U);
    EXPECT_EQ(*run.history.back().data.find("code"), Json(outcome.code));
    EXPECT_EQ(run.action().call, 2U + 5U) << "a bounded number of times";
    EXPECT_FALSE(run.workflow.header.attention);
    look_again(run, seen());
    EXPECT_EQ(run.happened("action.rechecked"), 1U) << "the next one is another matter";
  }
}

TEST(Recheck, what_is_being_changed_is_neither) {
  Driver run = verified(R"({"recheck": {"after": "1h"}, "pending": [{"at": "/value", "equals": "…"}]})");
  look_again(run, seen("…"));
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(*run.history.back().data.find("code"), Json("verification_pending"));
}

TEST(Recheck, two_where_there_was_one_no_longer_holds) {
  Json document = with_verify(of_mode(), R"({"recheck": {"after": "1h"}, "unique": "/items",
    "read": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/search?key=${/idempotency_key}"}},
    "expect": [{"at": "/value", "equals": {"$from": "/input/value"}}]})");
  Driver run = begun(document);
  run.answer(done());
  run.answer(found(1));
  run.wake();
  run.answer(found(2));
  EXPECT_EQ(run.error_code(), "no_longer_holds");
  EXPECT_EQ(run.action().effect, Effect::complete);
}

TEST(Recheck, a_restart_takes_up_the_look_and_keeps_its_time) {
  Driver run = verified();
  EXPECT_FALSE(run.restart()) << "nothing is under way: its timer will come";
  EXPECT_TRUE(run.workflow.next_wake());
  run.wake();
  run.answer(seen("other"));
  const Time since = *run.action().recheck_since;
  run.wake();
  EXPECT_TRUE(run.restart());
  EXPECT_EQ(run.stage(), Stage::rechecking);
  EXPECT_EQ(*run.action().recheck_since, since);
  look_again(run, seen("other"));
  EXPECT_EQ(run.error_code(), "no_longer_holds");
  EXPECT_FALSE(run.restart());
}

TEST(Recheck, an_engine_that_stops_says_nothing_about_the_outside) {
  Driver run = verified();
  run.wake();
  Outcome stopping = not_sent();
  stopping.code = "engine_stopping";
  run.answer(stopping);
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.action().backoffs, 0U);
  run.wake();
  EXPECT_EQ(run.stage(), Stage::rechecking);
}

TEST(Recheck, an_endpoint_that_moved_is_not_asked) {
  Driver run = verified();
  ToolSpec moved = of_mode();
  moved.host = "https://other.test";
  run.swap_tool(compiled(with_verify(moved, once)));
  run.wake();
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(*run.history.back().data.find("code"), Json("endpoint_changed"));
}

TEST(Recheck, an_element_that_falls_while_the_list_grows_stops_it) {
  const std::vector<std::shared_ptr<const Tool>> tools = {
      compiled(with_verify(of_mode(), R"({"recheck": {"after": "5s"}})"))};
  Driver run(make_plan(json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "for_each": ["v", "v", "v"],
    "max_parallel": 1, "input": {"name": "n", "value": {"$from": "/item"}}}]})"),
                       tools));
  run.start();
  const ActionIndex first = run.action().first_element;
  run.answer(done(), first);
  run.answer(seen(), first);
  run.answer(not_sent(429, Duration(30'000)), first + 1);
  look_again(run, rejected(404), first);
  EXPECT_EQ(run.stage(first), Stage::failed);
  EXPECT_EQ(run.stage(first + 2), Stage::cancelled);
  EXPECT_EQ(run.stage(), Stage::gathering);
  run.wake();
  run.answer(done(), first + 1);
  run.answer(seen(), first + 1);
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "elements_failed");
}

TEST(Recheck, a_person_who_has_seen_to_it_ends_the_attention_and_nothing_else) {
  for (const bool left : {true, false}) {
    Driver run = verified();
    look_again(run, seen("chargeback"));
    EXPECT_EQ(parked_runs(run.workflow, 0), std::vector<ActionIndex>{0});
    EXPECT_EQ(run.resolve({.happened = left, .who = "eve", .seen = "the bank's letter"}), "");
    EXPECT_EQ(run.stage(), Stage::failed);
    EXPECT_EQ(run.error_code(), "no_longer_holds");
    EXPECT_EQ(run.action().effect, left ? Effect::partial : Effect::none);
    EXPECT_FALSE(run.workflow.header.attention);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
    EXPECT_TRUE(parked_runs(run.workflow, 0).empty());
  }
}

TEST(Recheck, a_retry_reads_it_back_again_and_never_sends_it_blindly) {
  Driver run = verified();
  look_again(run, rejected(404));
  EXPECT_EQ(run.retry(), "");
  EXPECT_EQ(run.stage(), Stage::reading);
  EXPECT_FALSE(run.workflow.header.attention);
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.sends(), 1U);
  EXPECT_TRUE(run.workflow.next_wake()) << "and looks again later";
}

TEST(Recheck, a_retry_of_what_only_a_look_had_settled_is_in_doubt_and_looks_again) {
  Driver run = begun(with_verify(of_mode(IdempotencyMode::none), once));
  run.answer(ambiguous());
  ASSERT_EQ(run.stage(), Stage::settling);
  run.answer(seen());
  ASSERT_EQ(run.stage(), Stage::verified);
  ASSERT_EQ(run.action().output, nullptr) << "the answer is lost for good";
  look_again(run, rejected(404));
  ASSERT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.retry(), "");
  EXPECT_EQ(run.stage(), Stage::settling);
  Driver gone = run;
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
  for (int i = 0; i < 1'000 && gone.stage() != Stage::in_doubt; ++i) {
    if (gone.stage() == Stage::settling) gone.answer(rejected(404));
    if (gone.stage() == Stage::settle_wait) gone.wake();
  }
  EXPECT_EQ(gone.stage(), Stage::in_doubt);
  EXPECT_EQ(gone.sends(), 1U) << "never sent";
}

/// Two actions in a row, and what depends on them; both were verified, and neither holds any more.

}  // namespace
}  // namespace settle::test
