// The limits of tools in the core: who waits for a permit was never sent, says why, and goes on as if it had not
// waited.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

ToolSpec limited(IdempotencyMode mode = IdempotencyMode::key) {
  ToolSpec out;
  out.mode = mode;
  out.rate_limit = R"({"per_second": 5, "concurrency": 2})";
  return out;
}

/// The one action of the tool, held back before its first send.
Driver gated(const ToolSpec& spec, Limit limit = Limit::per_second) {
  Driver out(plan_of(make_tool(spec)));
  out.gate.shut = limit;
  out.start();
  EXPECT_EQ(out.stage(), Stage::gated);
  return out;
}

TEST(Gate, what_waits_for_a_permit_has_no_intent_and_says_why_since_when_and_until_when) {
  for (const Limit limit : {Limit::per_second, Limit::concurrency, Limit::retry_after}) {
    Driver run = gated(limited(), limit);
    EXPECT_EQ(state_of(run.stage()), "pending");
    EXPECT_EQ(phase_of(run.action()), "rate_limited");
    EXPECT_EQ(run.action().limit, limit);
    EXPECT_EQ(run.action().since, run.now);
    EXPECT_EQ(run.action().wake_at, run.now + limited().schedule_to_close);
    EXPECT_EQ(run.action().attempt, 0U);
    EXPECT_FALSE(run.action().first_send_at);
    EXPECT_TRUE(run.last.calls.empty());
    EXPECT_EQ(run.last.gates, std::vector<ActionIndex>{0});
    ASSERT_EQ(run.happened("action.rate_limited"), 1U);
    EXPECT_EQ(*run.history.back().data.find("limit"), Json(name_of(limit)));
    EXPECT_EQ(*run.history.back().data.find("tool"), Json("box.put"));
  }
}

TEST(Gate, a_permit_sends_and_belongs_to_the_call) {
  Driver run = gated(limited());
  run.advance(Duration(700));
  EXPECT_TRUE(run.permit());
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(run.action().attempt, 1U);
  EXPECT_FALSE(run.gate.held) << "the permit was not used";
  ASSERT_NE(run.call(), nullptr);
  EXPECT_TRUE(run.call()->permit);
  run.answer(done());
  ASSERT_NE(run.call(), nullptr);
  EXPECT_FALSE(run.call()->permit) << "a read-back is not counted";
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Gate, tools_without_limits_never_ask) {
  Driver run(plan_of(make_tool(ToolSpec())));
  run.gate.shut = Limit::concurrency;
  run.start();
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_FALSE(run.call()->permit);
}

TEST(Gate, a_permit_for_one_that_does_not_wait_is_not_used) {
  Driver run = running(limited());
  EXPECT_FALSE(run.permit());
  EXPECT_TRUE(run.gate.held);
  Driver cancelled = gated(limited());
  cancelled.cancel();
  EXPECT_FALSE(cancelled.permit());
  EXPECT_TRUE(cancelled.gate.held);
}

TEST(Gate, a_call_that_can_not_be_prepared_takes_no_permit) {
  ToolSpec spec = limited(IdempotencyMode::natural);
  Driver run(make_plan(
      json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "..", "value": "v"}}]})"),
      {make_tool(spec)}));
  run.gate.shut = Limit::concurrency;
  run.start();
  EXPECT_EQ(run.error_code(), "call_unresolved");
  EXPECT_EQ(run.happened("action.rate_limited"), 0U);
}

TEST(Gate, the_time_limit_ends_the_wait_as_not_sent) {
  for (const IdempotencyMode mode : {IdempotencyMode::key, IdempotencyMode::lookup, IdempotencyMode::none}) {
    Driver run = gated(limited(mode));
    run.wake();
    EXPECT_EQ(run.stage(), Stage::failed);
    EXPECT_EQ(run.error_code(), "schedule_to_close_timeout");
    EXPECT_EQ(run.action().effect, Effect::none);
    EXPECT_EQ(run.sends(), 0U);
  }
}

TEST(Gate, a_permit_after_the_time_limit_is_declined) {
  Driver run = gated(limited());
  run.advance(limited().schedule_to_close);
  EXPECT_TRUE(run.permit());
  EXPECT_EQ(run.error_code(), "schedule_to_close_timeout");
  EXPECT_TRUE(run.gate.held) << "nothing was sent, so nothing was used";
}

TEST(Gate, the_deadline_of_the_plan_ends_the_wait) {
  Driver run(make_plan(json(R"({"name": "p", "deadline": "3s", "actions": [
    {"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}}]})"),
                       {make_tool(limited())}));
  run.gate.shut = Limit::concurrency;
  run.start();
  run.wake();
  EXPECT_EQ(run.error_code(), "deadline_exceeded");
  EXPECT_EQ(run.action().effect, Effect::none);
}

TEST(Gate, cancel_ends_what_was_never_sent_and_looks_at_what_is_unclear) {
  Driver first = gated(limited());
  first.cancel();
  EXPECT_EQ(first.stage(), Stage::cancelled);
  EXPECT_EQ(first.last.gates, std::vector<ActionIndex>{0}) << "it leaves the line";

  Driver repeat = running(limited());
  repeat.gate.shut = Limit::per_second;
  repeat.answer(ambiguous());
  repeat.wake();
  EXPECT_EQ(repeat.stage(), Stage::gated);
  EXPECT_EQ(repeat.action().attempt, 1U);
  repeat.cancel();
  EXPECT_EQ(repeat.stage(), Stage::settle_wait);
}

TEST(Gate, a_repeat_that_waits_beyond_the_window_of_its_key_is_settled_by_a_look) {
  ToolSpec spec = limited();
  spec.window = Duration(10'000);
  Driver run = running(spec);
  const Time first = run.now;
  run.gate.shut = Limit::concurrency;
  run.answer(ambiguous());
  run.wake();
  ASSERT_EQ(run.stage(), Stage::gated);
  EXPECT_EQ(run.action().wake_at, first + Duration(9'000) - spec.start_to_close + Duration(1));
  run.wake();
  EXPECT_TRUE(run.stage() == Stage::settling || run.stage() == Stage::settle_wait);
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Gate, a_restart_asks_again_and_keeps_since_when_it_waits) {
  Driver run = gated(limited());
  const Time since = run.action().since;
  run.advance(Duration(2'000));
  EXPECT_TRUE(run.restart());
  EXPECT_EQ(run.stage(), Stage::gated);
  EXPECT_EQ(run.action().since, since);
  EXPECT_EQ(run.last.gates, std::vector<ActionIndex>{0}) << "it joins the line again";
  EXPECT_EQ(run.happened("action.rate_limited"), 1U) << "told once";
  run.gate.shut = Limit::none;
  EXPECT_TRUE(run.restart());
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Gate, a_paused_workflow_declines_its_permit_and_asks_again_when_it_goes_on) {
  Driver run = gated(limited());
  run.pause();
  EXPECT_EQ(run.stage(), Stage::gated);
  EXPECT_TRUE(run.permit());
  EXPECT_TRUE(run.gate.held) << "nothing was sent, so nothing was used";
  EXPECT_EQ(run.stage(), Stage::backing_off);
  EXPECT_EQ(run.last.gates, std::vector<ActionIndex>{0}) << "it leaves the line";
  EXPECT_EQ(run.sends(), 0U);
  run.gate.held.reset();
  run.resume();
  EXPECT_EQ(run.stage(), Stage::gated);
  EXPECT_EQ(run.workflow.gated, 1U);
  run.permit();
  EXPECT_EQ(run.stage(), Stage::sending);
}

Json many(const char* members) {
  Json plan = json(R"({"name": "p", "actions": [{"id": "all", "tool": "box.put", "for_each": ["x", "y", "z"],
    "input": {"name": {"$from": "/item"}, "value": "v"}}]})");
  const Json more = json(members);
  for (const JsonMember& member : more.as_object()) plan.set(member.name, member.value);
  return plan;
}

TEST(Gate, after_a_failure_what_still_waits_for_its_first_send_is_cancelled) {
  Driver run(make_plan(many("{}"), {make_tool(limited())}));
  run.gate.shut = Limit::concurrency;
  run.start();
  ASSERT_EQ(run.workflow.gated, 3U);
  run.permit(2);
  ASSERT_EQ(run.stage(2), Stage::sending);
  run.answer(rejected(422), 2);
  EXPECT_EQ(run.stage(1), Stage::cancelled);
  EXPECT_EQ(run.stage(3), Stage::cancelled);
  EXPECT_EQ(run.workflow.gated, 0U);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);

  Driver parallel(make_plan(json(R"({"name": "p", "actions": [
    {"id": "a", "tool": "box.put", "input": {"name": "a", "value": "v"}},
    {"id": "b", "tool": "box.put", "input": {"name": "b", "value": "v"}}]})"),
                            {make_tool(limited())}));
  parallel.gate.shut = Limit::concurrency;
  parallel.start();
  parallel.permit(1);
  parallel.answer(rejected(422), 1);
  EXPECT_EQ(parallel.stage(0), Stage::cancelled) << "nothing new starts";
}

TEST(Gate, after_a_failure_a_fallback_that_waits_in_line_is_cancelled) {
  const Json plans[] = {json(R"({"name": "p", "actions": [
    {"id": "a", "tool": "box.put", "input": {"name": "a", "value": "v"},
     "fallback": {"tool": "box.put", "input": {"name": "f", "value": "v"}}},
    {"id": "b", "tool": "box.put", "input": {"name": "b", "value": "v"}}]})"),
                        json(R"({"name": "p", "actions": [
    {"id": "a", "tool": "box.put", "for_each": ["x"], "input": {"name": {"$from": "/item"}, "value": "v"},
     "fallback": {"tool": "box.put", "input": {"name": "f", "value": "v"}}},
    {"id": "b", "tool": "box.put", "input": {"name": "b", "value": "v"}}]})")};
  for (const Json& plan : plans) {
    const bool list = plan.find("actions")->as_array()[0].find("for_each") != nullptr;
    const ActionIndex own = list ? 2 : 0, fallback = list ? 3 : 2;
    Driver run(make_plan(plan, {make_tool(limited())}));
    run.start();
    run.gate.shut = Limit::concurrency;
    run.answer(rejected(422), own);
    ASSERT_EQ(run.stage(fallback), Stage::gated);
    run.answer(rejected(422), 1);
    EXPECT_EQ(run.stage(fallback), Stage::cancelled) << "nothing new starts";
    EXPECT_EQ(run.workflow.gated, 0U);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  }
}

TEST(Gate, a_not_now_that_the_tool_does_not_believe_is_ambiguous) {
  struct Row {
    const char* list;
    int status;
    bool believed;
  };
  const Row rows[] = {{"", 429, true},       {"", 503, true},       {"[429]", 429, true},
                      {"[429]", 503, false}, {"[503]", 429, false}, {"[]", 429, false}};
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.list) + " meets " + std::to_string(row.status));
    ToolSpec spec;
    spec.mode = IdempotencyMode::none;
    spec.read_back = false;
    spec.not_processed = row.list;
    Driver run = running(spec);
    run.answer(not_sent(row.status, Duration(3'000)));
    EXPECT_EQ(run.stage(), row.believed ? Stage::backing_off : Stage::in_doubt);
    EXPECT_EQ(run.action().counted, row.believed ? 0U : 1U);

    ToolSpec keyed;
    keyed.not_processed = row.list;
    Driver again = running(keyed);
    again.answer(not_sent(row.status, Duration(3'000)));
    EXPECT_EQ(again.action().unclear, !row.believed);
    EXPECT_GE(*again.action().wake_at, again.now + Duration(3'000)) << "its wait is honoured either way";
  }
  ToolSpec spec;
  spec.not_processed = "[]";
  Driver unreached = running(spec);
  unreached.answer(not_sent());
  EXPECT_FALSE(unreached.action().unclear) << "no connection is no answer";
}

}  // namespace
}  // namespace settle::test
