// Agreement before a call is sent: who may give it, what it covers, and what ends the wait for it.
#include "tests/unit/workflows/support/plans.h"
#include "workflows/waiting.h"

namespace settle::test {
namespace {

using enum Stage;

ToolSpec asking(IdempotencyMode mode = IdempotencyMode::key, std::string_view rule = "{}") {
  ToolSpec out;
  out.mode = mode;
  out.approval = rule;
  return out;
}

/// The one action of the tool, which waits for somebody's agreement.
Driver asked(const ToolSpec& spec = asking()) {
  Driver out(plan_of(make_tool(spec)));
  out.start();
  EXPECT_EQ(out.stage(), awaiting_approval);
  return out;
}

const ApprovalRequest& request(const Driver& run, ActionIndex index = 0) {
  return *run.action(index).approval;
}

/// {"by decision", …} of the newest receipt.
std::vector<std::string> told(const Driver& run, ActionIndex index = 0) {
  std::vector<std::string> out;
  const Json receipt = run.receipt(index);
  for (const Json& one : receipt.find("approvals")->as_array())
    out.push_back(one.find("by")->as_string() + " " + one.find("decision")->as_string());
  return out;
}

TEST(Approval, what_needs_agreement_waits_without_an_intent_and_says_for_what) {
  Driver run = asked();
  EXPECT_EQ(state_of(run.stage()), "pending");
  EXPECT_EQ(phase_of(run.action()), "awaiting_approval");
  EXPECT_TRUE(run.workflow.header.attention);
  EXPECT_EQ(run.action().attempt, 0U);
  EXPECT_TRUE(run.last.calls.empty());
  EXPECT_EQ(run.action().wake_at, run.now + Duration(86'400'000));
  EXPECT_EQ(request(run).digest, approval_digest(run.workflow, 0));
  EXPECT_TRUE(approval_id(run.workflow, 0, 1).starts_with("ap_"));
  EXPECT_EQ(*waits_for(run.workflow, 0).find("approval"), Json(approval_id(run.workflow, 0, 1)));
  ASSERT_EQ(run.happened("action.approval_requested"), 1U);
}

TEST(Approval, with_it_the_call_leaves_and_its_receipts_name_who_agreed) {
  Driver run = asked();
  run.advance(Duration(3'600'000));
  EXPECT_EQ(run.decide(true, "ada"), "");
  EXPECT_EQ(run.stage(), sending);
  EXPECT_FALSE(run.workflow.header.attention);
  EXPECT_EQ(run.action().scheduled_at, run.now) << "people's time is not the tool's";
  succeed(run);
  EXPECT_EQ(run.stage(), verified);
  EXPECT_EQ(told(run), std::vector<std::string>{"ada approved"});
  const Json receipt = run.receipt();
  const Json& one = receipt.find("approvals")->as_array()[0];
  EXPECT_EQ(*one.find("digest"), Json(request(run).digest));
  EXPECT_EQ(*one.find("reason"), Json("as ada says"));
}

TEST(Approval, every_attempt_under_the_same_key_is_covered) {
  for (const IdempotencyMode mode : {IdempotencyMode::key, IdempotencyMode::natural}) {
    Driver run = asked(asking(mode));
    run.decide(true, "ada");
    run.answer(not_sent());
    run.wake();
    EXPECT_EQ(run.stage(), sending);
    run.answer(ambiguous());
    run.wake();
    EXPECT_EQ(run.sends(), 3U);
  }
  Driver run = asked(asking(IdempotencyMode::lookup));
  run.decide(true, "ada");
  run.answer(ambiguous());
  look_on(run, found(0));
  EXPECT_EQ(run.happened("action.approval_requested"), 1U);
}

TEST(Approval, a_rejection_fails_it_without_effect_and_says_why) {
  Driver run = asked();
  EXPECT_EQ(run.decide(false, "ada"), "");
  EXPECT_EQ(run.stage(), failed);
  EXPECT_EQ(run.error_code(), "approval_rejected");
  EXPECT_EQ(run.action().error->message, "ada has rejected it: as ada says");
  EXPECT_EQ(run.action().effect, Effect::none);
  EXPECT_EQ(request(run).state, ApprovalState::rejected);
  EXPECT_EQ(told(run), std::vector<std::string>{"ada rejected"});
  EXPECT_EQ(run.sends(), 0U);
}

TEST(Approval, so_many_different_people_have_to_agree_and_each_counts_once) {
  Driver run = asked(asking(IdempotencyMode::key, R"({"approvers": 2})"));
  EXPECT_EQ(run.decide(true, "ada"), "");
  EXPECT_EQ(run.stage(), awaiting_approval);
  EXPECT_EQ(run.decide(true, "ada"), "again") << "a repeat is no second person";
  EXPECT_EQ(request(run).approvals(), 1U);
  EXPECT_EQ(run.stage(), awaiting_approval);
  EXPECT_EQ(run.decide(false, "ada"), "wrong_state") << "a person speaks once";
  EXPECT_EQ(run.decide(true, "bob"), "");
  EXPECT_EQ(run.stage(), sending);
  EXPECT_EQ(run.decide(true, "ada"), "again") << "also after it was decided";
  EXPECT_EQ(run.decide(true, "eve"), "wrong_state");
}

TEST(Approval, one_rejection_is_enough) {
  Driver run = asked(asking(IdempotencyMode::key, R"({"approvers": 3})"));
  run.decide(true, "ada");
  EXPECT_EQ(run.decide(false, "bob"), "");
  EXPECT_EQ(run.error_code(), "approval_rejected");
  EXPECT_EQ(told(run), (std::vector<std::string>{"ada approved", "bob rejected"}));
  EXPECT_EQ(run.decide(false, "bob"), "again");
  EXPECT_EQ(run.decide(true, "eve"), "wrong_state");
}

TEST(Approval, who_submitted_it_may_reject_but_not_approve) {
  Driver run(plan_of(make_tool(asking())));
  run.workflow.header.submitted_by = "planner";
  run.start();
  EXPECT_EQ(run.decide(true, "planner"), "forbidden");
  EXPECT_EQ(run.stage(), awaiting_approval);
  EXPECT_EQ(run.decide(false, "planner"), "");
  EXPECT_EQ(run.error_code(), "approval_rejected");

  Driver two(plan_of(make_tool(asking(IdempotencyMode::key, R"({"four_eyes": false})"))));
  two.workflow.header.submitted_by = "planner";
  two.start();
  EXPECT_EQ(two.decide(true, "planner"), "") << "the rule allows it";
}

TEST(Approval, a_digest_of_something_else_is_refused) {
  Driver run = asked();
  EXPECT_EQ(run.decide(true, "ada", 0, "sha256:0"), "approval_changed");
  EXPECT_EQ(run.decide(false, "ada", 0, "sha256:0"), "approval_changed");
  EXPECT_EQ(run.stage(), awaiting_approval);
}

TEST(Approval, the_digest_is_of_all_that_will_be_sent_and_of_where_it_goes) {
  const Driver run = asked();
  std::set<std::string> digests = {approval_digest(run.workflow, 0)};
  const auto add = [&](const std::function<void(Driver&)>& change) {
    Driver other = run;
    change(other);
    EXPECT_TRUE(digests.insert(approval_digest(other.workflow, 0)).second);
  };
  add([](Driver& d) { d.workflow.header.plan_digest = "sha256:other"; });
  add([](Driver& d) { d.workflow.header.id = "w2"; });
  add([](Driver& d) { d.workflow.actions[0].element = 1; });
  add([](Driver& d) { d.workflow.actions[0].input = std::make_shared<const Json>(json(R"({"name": "n"})")); });
  ToolSpec moved = asking();
  moved.host = "https://other.test";
  add([&](Driver& d) { d.swap_tool(make_tool(moved)); });
  ToolSpec other = asking();
  other.attempts = 2;
  add([&](Driver& d) { d.swap_tool(make_tool(other)); });
  ToolSpec credential = asking();
  credential.auth = "box";
  add([&](Driver& d) { d.swap_tool(make_tool(credential)); });
}

TEST(Approval, what_has_changed_behind_it_is_never_sent_but_asked_for_anew) {
  ToolSpec moved = asking();
  moved.host = "https://other.test";
  Driver run = asked();
  run.swap_tool(make_tool(moved));
  const std::string old = request(run).digest;
  EXPECT_EQ(run.decide(true, "ada"), "");
  EXPECT_EQ(run.stage(), awaiting_approval);
  EXPECT_EQ(request(run).number, 2U);
  EXPECT_NE(request(run).digest, old);
  EXPECT_EQ(run.sends(), 0U);
  EXPECT_EQ(run.decide(true, "ada", 0, old), "approval_changed");
  EXPECT_EQ(run.decide(true, "ada"), "") << "a new request, so the same person may speak";
  EXPECT_EQ(run.stage(), sending);
  EXPECT_EQ(run.last.approvals.size(), 1U);
  run.answer(rejected(422));
  EXPECT_EQ(told(run), (std::vector<std::string>{"ada approved", "ada approved"}));
}

TEST(Approval, it_is_looked_at_again_at_every_send) {
  Driver run = asked();
  run.decide(true, "ada");
  run.answer(not_sent());
  ToolSpec moved = asking();
  moved.host = "https://other.test";
  run.swap_tool(make_tool(moved));
  run.wake();
  EXPECT_EQ(run.stage(), awaiting_approval);
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Approval, nobody_in_time_fails_it) {
  Driver run = asked(asking(IdempotencyMode::key, R"({"expires": "1h", "approvers": 2})"));
  run.decide(true, "ada");
  run.advance(Duration(3'600'000));
  EXPECT_EQ(run.decide(true, "bob"), "wrong_state") << "too late, though the timer has not fired yet";
  run.timer();
  EXPECT_EQ(run.stage(), failed);
  EXPECT_EQ(run.error_code(), "approval_expired");
  EXPECT_EQ(run.action().effect, Effect::none);
  EXPECT_EQ(run.happened("action.approval_expired"), 1U);
  EXPECT_EQ(request(run).state, ApprovalState::expired);
  EXPECT_EQ(run.decide(true, "bob"), "wrong_state");
  EXPECT_EQ(told(run), std::vector<std::string>{"ada approved"});
}

TEST(Approval, one_that_escalates_waits_on_without_an_end) {
  Driver run = asked(asking(IdempotencyMode::key, R"({"expires": "1h", "on_expiry": "escalate"})"));
  EXPECT_TRUE(run.wake());
  EXPECT_EQ(run.stage(), awaiting_approval);
  EXPECT_TRUE(request(run).escalated);
  EXPECT_FALSE(run.action().wake_at);
  EXPECT_TRUE(run.workflow.header.attention);
  EXPECT_EQ(run.happened("action.approval_escalated"), 1U);
  run.advance(Duration(86'400'000));
  EXPECT_EQ(run.decide(true, "ada"), "");
  EXPECT_EQ(run.stage(), sending);
}

TEST(Approval, cancel_takes_the_request_back) {
  Driver run = asked();
  run.cancel();
  EXPECT_EQ(run.stage(), cancelled);
  EXPECT_EQ(request(run).state, ApprovalState::withdrawn);
  EXPECT_EQ(run.happened("action.approval_withdrawn"), 1U);
  EXPECT_EQ(run.decide(true, "ada"), "wrong_state");
}

TEST(Approval, the_deadline_of_the_plan_takes_the_request_back) {
  Driver run(make_plan(json(R"({"name": "p", "deadline": "3s", "actions": [
    {"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}}]})"),
                       {make_tool(asking())}));
  run.start();
  run.advance(Duration(3'000));
  EXPECT_EQ(run.decide(true, "ada"), "wrong_state");
  run.timer();
  EXPECT_EQ(run.error_code(), "deadline_exceeded");
  EXPECT_EQ(request(run).state, ApprovalState::withdrawn);
}

TEST(Approval, another_failure_that_stops_the_plan_takes_the_request_back) {
  Driver run = started({action("a"), action("b", R"({"approval": {}})")});
  ASSERT_EQ(run.stage(1), awaiting_approval);
  run.answer(rejected(422));
  EXPECT_EQ(run.stage(1), cancelled);
  EXPECT_EQ(request(run, 1).state, ApprovalState::withdrawn);
}

TEST(Approval, what_was_agreed_to_while_paused_is_sent_after_it) {
  Driver run = asked();
  run.pause();
  EXPECT_EQ(run.decide(true, "ada"), "");
  EXPECT_EQ(phase_of(run.action()), "ready");
  EXPECT_EQ(run.sends(), 0U);
  run.restart();
  run.resume();
  EXPECT_EQ(run.stage(), sending);
}

TEST(Approval, a_restart_changes_nothing_of_it) {
  Driver run = asked(asking(IdempotencyMode::key, R"({"approvers": 2})"));
  run.decide(true, "ada");
  run.restart();
  EXPECT_EQ(run.stage(), awaiting_approval);
  EXPECT_EQ(request(run).approvals(), 1U);
  run.decide(true, "bob");
  run.restart();
  EXPECT_EQ(run.sends(), 1U) << "its intent was written; mode key looks whether it may be sent again";
  EXPECT_TRUE(run.action().unclear);
}

TEST(Approval, a_retry_asks_anew) {
  Driver run = asked();
  run.decide(true, "ada");
  run.answer(rejected(422));
  EXPECT_EQ(run.retry(), "");
  EXPECT_EQ(run.stage(), awaiting_approval);
  EXPECT_EQ(request(run).number, 2U);
  EXPECT_TRUE(request(run).decisions.empty());
  EXPECT_EQ(run.decide(true, "ada"), "");
  succeed(run);
  EXPECT_EQ(told(run), std::vector<std::string>{"ada approved"}) << "of what was sent";
}

TEST(Approval, a_repeat_after_a_retry_over_what_may_be_there_asks_anew_and_keeps_its_doubt) {
  const auto doubtful = [] {
    Driver run = asked(asking(IdempotencyMode::natural));
    run.decide(true, "ada");
    run.answer(done());
    look_on(run, seen("other"));
    EXPECT_EQ(run.stage(), failed);
    EXPECT_NE(run.action().effect, Effect::none);
    run.retry();
    EXPECT_EQ(run.stage(), awaiting_approval);
    EXPECT_TRUE(run.action().unclear);
    return run;
  };
  Driver rejected_one = doubtful();
  EXPECT_EQ(rejected_one.decide(false, "ada"), "");
  EXPECT_TRUE(rejected_one.stage() == settling || rejected_one.stage() == settle_wait)
      << "what was sent before is not undone by a rejection: it is looked at";
  look_on(rejected_one, rejected(404));
  EXPECT_EQ(rejected_one.stage(), in_doubt);
  Driver cancelled_one = doubtful();
  cancelled_one.cancel();
  EXPECT_TRUE(cancelled_one.action().unclear);
  Driver agreed = doubtful();
  EXPECT_EQ(agreed.decide(true, "bob"), "");
  EXPECT_EQ(agreed.stage(), sending);
  agreed.answer(done());
  look_on(agreed, seen());
  EXPECT_EQ(agreed.stage(), verified);
  EXPECT_EQ(told(agreed), (std::vector<std::string>{"ada approved", "bob approved"}));
}

ToolSpec asking_with_a_look_before_and_a_line() {
  ToolSpec out = asking();
  out.before = true;
  out.rate_limit = R"({"concurrency": 1})";
  return out;
}

/// Agreed to, looked at, and in line.
Driver in_line(const ToolSpec& spec) {
  Driver run(plan_of(make_tool(spec)));
  run.gate.shut = Limit::concurrency;
  run.start();
  EXPECT_EQ(run.stage(), awaiting_approval);
  run.decide(true, "ada");
  EXPECT_EQ(run.stage(), before_reading);
  run.answer(rejected(404));
  EXPECT_EQ(run.stage(), gated);
  return run;
}

TEST(Approval, the_look_before_and_the_line_of_the_tool_come_after_it) {
  Driver run = in_line(asking_with_a_look_before_and_a_line());
  run.permit();
  EXPECT_EQ(run.stage(), sending);
  EXPECT_EQ(run.happened("action.approval_requested"), 1U);
}

TEST(Approval, a_read_that_was_agreed_to_leaves_only_when_that_is_durable) {
  ToolSpec spec = asking();
  spec.reads = true;
  Driver run = asked(spec);
  EXPECT_EQ(run.decide(true, "ada"), "");
  ASSERT_EQ(run.stage(), sending);
  EXPECT_FALSE(run.call()->call.write);
  EXPECT_FALSE(run.call()->at_once);
}

TEST(Approval, what_was_looked_at_before_an_earlier_request_is_looked_at_anew) {
  ToolSpec spec = asking_with_a_look_before_and_a_line();
  Driver run = in_line(spec);
  spec.host = "https://other.test";
  run.swap_tool(make_tool(spec));
  run.permit();
  ASSERT_EQ(run.stage(), awaiting_approval) << "it would go elsewhere";
  run.decide(true, "bob");
  EXPECT_EQ(run.stage(), before_reading);
  EXPECT_TRUE(run.call()->call.url.starts_with("https://other.test"));
}

TEST(Approval, only_what_the_condition_asks_about_waits) {
  const char* const rule = R"({"when": {"equals": [{"$from": "/input/value"}, "v"]}})";
  EXPECT_EQ(asked(asking(IdempotencyMode::key, rule)).stage(), awaiting_approval);
  Driver run(make_plan(
      json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "w"}}]})"),
      {make_tool(asking(IdempotencyMode::key, rule))}));
  run.start();
  EXPECT_EQ(run.stage(), sending);
}

TEST(Approval, each_element_and_a_fallback_ask_for_themselves) {
  Driver list = started({action("a", R"({"for_each": ["x", "y"], "approval": {}})")});
  EXPECT_EQ(list.stage(1), awaiting_approval);
  EXPECT_EQ(list.stage(2), awaiting_approval);
  EXPECT_NE(request(list, 1).digest, request(list, 2).digest);
  list.decide(true, "ada", 1);
  EXPECT_EQ(list.stage(2), awaiting_approval);

  Driver run = started({action("a", R"({"approval": {}, "fallback": {"tool": "box.other",
    "input": {"name": "n", "value": "v"}, "approval": {"approvers": 2}}})")});
  run.decide(false, "ada");
  const ActionIndex fallback = run.action().fallback;
  ASSERT_NE(fallback, 0U) << "nothing was done, so the fallback follows";
  EXPECT_EQ(run.stage(fallback), awaiting_approval);
  EXPECT_EQ(request(run, fallback).approvers, 2U);
}

TEST(Approval, a_compensation_waits_too_and_its_rejection_does_not_stop_the_others) {
  Driver run = started({action("a", R"({"compensate": {"tool": "box.undo", "input": {"name": "n", "value": "v"},
    "approval": {}}})"),
                        action("b", R"({"after": ["a"]})")},
                       undoing);
  succeed(run);
  run.answer(rejected(422), 1);
  ASSERT_EQ(run.stage(2), awaiting_approval);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::compensating);
  EXPECT_FALSE(run.cancel());
  EXPECT_EQ(run.decide(false, "ada", 2), "");
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(run.error_code(2), "approval_rejected");
}

Driver gate(std::string_view input) {
  Driver out(make_plan(
      Json::object({{"name", "p"},
                    {"actions", Json(Json::Array{
                                    Json::object({{"id", "a"}, {"tool", "flow.approve"}, {"input", json(input)}})})}}),
      {}));
  out.start();
  return out;
}

TEST(Approval, a_gate_of_the_plan_is_verified_by_those_who_agree) {
  Driver run = gate(R"({"title": "Go?", "details": {"amount": 7}, "approvers": 2, "expires": "1h"})");
  ASSERT_EQ(run.stage(), awaiting_approval);
  EXPECT_EQ(run.action().wake_at, run.now + Duration(3'600'000));
  run.decide(true, "ada");
  EXPECT_EQ(run.decide(true, "bob"), "");
  EXPECT_EQ(run.stage(), verified);
  EXPECT_EQ(*run.action().output->find("approved_by"), json(R"(["ada", "bob"])"));
  EXPECT_EQ(*run.receipt().find("verification")->find("method"), Json("approval"));
  EXPECT_EQ(told(run), (std::vector<std::string>{"ada approved", "bob approved"}));

  Driver no = gate(R"({"title": "Go?"})");
  no.decide(false, "ada");
  EXPECT_EQ(no.error_code(), "approval_rejected");
  Driver late = gate(R"({"title": "Go?"})");
  late.wake();
  EXPECT_EQ(late.error_code(), "approval_expired");
  Driver long_one = gate(R"({"title": "Go?"})");
  EXPECT_EQ(long_one.workflow.header.attention, true);
}

}  // namespace
}  // namespace settle::test
