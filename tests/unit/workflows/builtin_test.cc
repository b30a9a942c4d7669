// Settle's own tools: what each waits for, what ends the wait, and what its receipt says.
#include "tests/unit/workflows/support/fixture.h"
#include "workflows/builtin_tools.h"
#include "workflows/waiting.h"

namespace settle::test {
namespace {

/// A running plan of these actions.
Driver plan_run(const std::string& actions, const std::string& more = "") {
  Driver out(
      make_plan(json(R"({"name": "p", "input": {"n": 3, "who": "ada"})" + more + R"(, "actions": [)" + actions + "]}"),
                {make_tool()}));
  out.start();
  return out;
}

const char* const put = R"({"id": "b", "tool": "box.put", "input": {"name": "n", "value": "v"}, "after": ["a"]})";

std::string action(const std::string& tool, const std::string& input, const std::string& more = "") {
  return R"({"id": "a", "tool": ")" + tool + R"(", "input": )" + input + more + "}";
}

std::string method_of(const Json& receipt) {
  return receipt.find("verification")->find("method")->as_string();
}

TEST(Sleep, it_ends_when_its_time_has_come_and_not_before) {
  Driver run = plan_run(action("flow.sleep", R"({"for": "90s"})") + "," + put);
  EXPECT_EQ(run.stage(0), Stage::waiting);
  EXPECT_EQ(phase_of(run.action(0)), "waiting");
  EXPECT_EQ(run.action(0).wake_at, run.now + Duration(90'000));
  EXPECT_EQ(*waits_for(run.workflow, 0).find("until"), Json(format_time(run.now + Duration(90'000))));
  run.advance(Duration(89'999));
  EXPECT_FALSE(run.timer());
  run.restart();
  EXPECT_EQ(run.stage(0), Stage::waiting);
  EXPECT_TRUE(run.wake());
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.stage(1), Stage::sending);
  const Json receipt = run.receipt(0);
  EXPECT_EQ(method_of(receipt), "clock");
  EXPECT_EQ(*receipt.find("confidence"), Json("response"));
  EXPECT_EQ(*receipt.find("effect"), Json("none"));
}

TEST(Sleep, a_time_that_has_passed_is_over_at_once) {
  for (const char* input : {R"({"until": "2001-01-01T00:00:00Z"})", R"({"for": "0s"})"}) {
    EXPECT_EQ(plan_run(action("flow.sleep", input)).stage(0), Stage::verified) << input;
  }
}

TEST(Sleep, a_length_that_is_known_late_is_checked_before_it_begins) {
  const std::string first = R"({"id": "x", "tool": "box.put", "input": {"name": "n", "value": "v"}})";
  const std::string late = action("flow.sleep", R"({"for": {"$from": "/actions/x/output/value"}})");
  for (const auto& [value, stage] :
       {std::pair("2h", Stage::waiting), std::pair("400d", Stage::failed), std::pair("v", Stage::failed)}) {
    Driver run = plan_run(first + "," + late);
    run.answer(answered(Json::object({{"id", "r1"}, {"value", value}})));
    run.answer(seen());
    EXPECT_EQ(run.stage(1), stage) << value;
    if (stage == Stage::failed) {
      EXPECT_EQ(run.error_code(1), "input_invalid");
    }
  }
}

struct EndRow {
  const char* name;
  const char* tool;
  const char* input;
};
const EndRow waits[] = {{"a sleep", "flow.sleep", R"({"for": "1h"})"},
                        {"a signal", "flow.wait_signal", R"({"name": "go"})"}};

TEST(Waits, cancel_ends_them) {
  for (const EndRow& row : waits) {
    SCOPED_TRACE(row.name);
    Driver run = plan_run(action(row.tool, row.input) + "," + put);
    EXPECT_TRUE(run.cancel());
    EXPECT_EQ(run.stage(0), Stage::cancelled);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::cancelled);
  }
}

TEST(Waits, the_deadline_of_the_plan_ends_them) {
  for (const EndRow& row : waits) {
    SCOPED_TRACE(row.name);
    Driver run = plan_run(action(row.tool, row.input) + "," + put, R"(, "deadline": "10s")");
    EXPECT_TRUE(run.wake());
    EXPECT_EQ(run.error_code(0), "deadline_exceeded");
    EXPECT_EQ(run.action(0).effect, Effect::none);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
  }
}

TEST(Waits, a_failure_that_stops_the_plan_ends_them_and_one_that_does_not_leaves_them) {
  for (const EndRow& row : waits) {
    for (const bool stops : {true, false}) {
      SCOPED_TRACE(row.name);
      Driver run = plan_run(
          action(row.tool, row.input) + R"(, {"id": "c", "tool": "box.put", "input": {"name": "n", "value": "v"}})",
          stops ? "" : R"(, "on_failure": "continue")");
      run.answer(rejected(422), 1);
      EXPECT_EQ(run.stage(0), stops ? Stage::cancelled : Stage::waiting);
      EXPECT_EQ(run.workflow.header.status == WorkflowStatus::ended, stops);
    }
  }
}

TEST(Waits, elements_of_a_list_wait_one_by_one_and_end_together) {
  const std::string each =
      action("flow.wait_signal", R"({"name": {"$from": "/item"}})", R"(, "for_each": ["x", "y", "z"])");
  Driver run = plan_run(each);
  EXPECT_TRUE(run.signal("y"));
  EXPECT_EQ(run.stage(2), Stage::verified);
  EXPECT_EQ(run.stage(0), Stage::gathering);
  run.signal("z");
  run.signal("x");
  EXPECT_EQ(run.stage(0), Stage::verified);
  Driver stopped = plan_run(each);
  stopped.signal("y");
  stopped.cancel();
  EXPECT_EQ(stopped.stage(0), Stage::cancelled);
  EXPECT_EQ(stopped.workflow.header.status, WorkflowStatus::ended);
}

TEST(Signals, one_that_came_before_the_wait_is_taken_at_once_the_oldest_first) {
  Driver run =
      plan_run(R"({"id": "s", "tool": "flow.sleep", "input": {"for": "1s"}}, {"id": "a", "tool": "flow.wait_signal",
    "input": {"name": "go"}, "after": ["s"]}, {"id": "c", "tool": "flow.wait_signal", "input": {"name": "go"}, "after": ["a"]})");
  EXPECT_TRUE(run.signal("go", 1, "k1"));
  EXPECT_TRUE(run.signal("other", 2));
  EXPECT_TRUE(run.signal("go", 3));
  run.wake();
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  EXPECT_EQ(*run.action(1).output->find("payload"), Json(1));
  EXPECT_EQ(*run.action(1).output->find("key"), Json("k1"));
  EXPECT_EQ(*run.action(2).output->find("payload"), Json(3));
  EXPECT_EQ(run.workflow.signals[0].taken_by, 1U);
  EXPECT_FALSE(run.workflow.signals[1].taken_by);
  EXPECT_EQ(method_of(run.receipt(1)), "signal");
}

TEST(Signals, two_waiters_of_one_name_get_one_each_in_the_order_of_the_plan) {
  Driver run = plan_run(R"({"id": "a", "tool": "flow.wait_signal", "input": {"name": "go"}},
    {"id": "c", "tool": "flow.wait_signal", "input": {"name": "go"}})");
  run.signal("go", "first");
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.stage(1), Stage::waiting);
  run.signal("go", "second");
  EXPECT_EQ(*run.action(1).output->find("payload"), Json("second"));
}

TEST(Signals, a_wait_that_times_out_fails_with_nothing_done_so_its_fallback_follows) {
  Driver run = plan_run(action("flow.wait_signal", R"({"name": "go", "timeout": "5s"})",
                               R"(, "fallback": {"tool": "box.put", "input": {"name": "n", "value": "v"}})"));
  EXPECT_TRUE(run.wake());
  EXPECT_EQ(run.error_code(0), "signal_timeout");
  EXPECT_EQ(run.stage(1), Stage::sending);
  run.signal("go");
  EXPECT_EQ(run.stage(0), Stage::failed) << "too late";
}

TEST(Signals, a_list_that_a_failed_element_has_stopped_waits_for_none_also_not_in_a_fallback) {
  Driver run = plan_run(action("flow.wait_signal", R"({"name": "go", "timeout": {"$from": "/item"}})",
                               R"(, "for_each": ["1s", "2s"], "fallback": {"tool": "flow.wait_signal",
                                    "input": {"name": "late", "timeout": {"$from": "/item"}}})"),
                        R"(, "on_failure": "continue")");
  run.wake();
  EXPECT_EQ(run.stage(3), Stage::waiting) << "the fallback of the first element";
  run.wake();
  EXPECT_EQ(run.stage(3), Stage::failed);
  EXPECT_EQ(run.stage(4), Stage::cancelled) << "the fallback of the second, which had begun just before";
  EXPECT_EQ(run.error_code(0), "elements_failed");
}

TEST(Signals, none_is_taken_by_a_workflow_that_has_ended) {
  Driver run = plan_run(action("flow.sleep", R"({"for": "0s"})"));
  EXPECT_FALSE(run.signal("go"));
}

TEST(Assert, it_holds_or_fails_with_the_values_that_it_compared) {
  Driver good = plan_run(action("flow.assert", R"({"that": {"equals": [{"$from": "/input/n"}, 3]}})"));
  EXPECT_EQ(good.stage(0), Stage::verified);
  EXPECT_EQ(method_of(good.receipt(0)), "condition");
  EXPECT_EQ(*good.action(0).input, json(R"({"that": {"equals": [3, 3]}})"));
  Driver bad = plan_run(action("flow.assert", R"({"that": {"all": [{"equals": [{"$from": "/input/n"}, 4]},
    {"not": {"exists": {"$from": "/input/who"}}}]}, "message": {"$text": "not for ${/input/who}"}})"));
  EXPECT_EQ(bad.error_code(0), "assertion_failed");
  EXPECT_EQ(bad.action(0).error->message, R"(not for ada: {"all":[{"equals":[3,4]},{"not":{"exists":"ada"}}]})");
  EXPECT_EQ(bad.action(0).effect, Effect::none);
}

TEST(Assert, what_is_absent_is_told_by_absent_and_decides_no_comparison) {
  const std::string first = R"({"id": "x", "tool": "box.put", "input": {"name": "n", "value": "v"}})";
  for (const auto& [that, stage] :
       {std::pair(R"({"absent": {"$from": "/actions/x/output/value"}})", Stage::verified),
        std::pair(R"({"equals": [{"$from": "/actions/x/output/value"}, "v"]})", Stage::failed)}) {
    Driver run = plan_run(first + "," + action("flow.assert", R"({"that": )" + std::string(that) + "}"));
    EXPECT_EQ(run.stage(1), Stage::blocked) << "a reference in the condition is a dependency";
    run.answer(answered(json(R"({"id": "r1"})")));
    run.answer(seen());
    EXPECT_EQ(run.stage(1), stage) << that;
    EXPECT_TRUE(run.action(1).input->find("that")->size() == 1);
  }
}

const char* const child_input = R"({"plan": {"$literal": {"name": "c", "actions": [{"id": "x", "tool": "box.put",
  "input": {"name": {"$from": "/input/name"}, "value": "v"}}]}}, "input": {"name": {"$from": "/input/who"}}})";

Driver with_child(const std::string& more = "", const std::string& of_plan = "") {
  Driver run = plan_run(action("flow.run_plan", child_input, more) + "," + put, of_plan);
  EXPECT_EQ(run.stage(0), Stage::waiting);
  EXPECT_EQ(run.last.children.size(), 1U);
  return run;
}

ChildEnd ended(WorkflowOutcome outcome, Effect effect = Effect::none, Confidence confidence = Confidence::read_back) {
  return {.outcome = outcome, .effect = effect, .confidence = confidence};
}

struct ChildRow {
  const char* name;
  ChildEnd end;
  Stage stage;
  const char* code;
  Effect effect;
};
const ChildRow child_rows[] = {
    {"verified", ended(WorkflowOutcome::verified, Effect::complete), Stage::verified, "", Effect::complete},
    {"executed", ended(WorkflowOutcome::executed, Effect::complete, Confidence::acknowledged), Stage::executed, "",
     Effect::complete},
    {"failed", ended(WorkflowOutcome::failed), Stage::failed, "child_failed", Effect::none},
    {"failed in part", ended(WorkflowOutcome::failed, Effect::partial), Stage::failed, "child_failed", Effect::partial},
    {"cancelled by another", ended(WorkflowOutcome::cancelled), Stage::failed, "child_cancelled", Effect::none},
    {"refused", {.how = ChildEnd::How::refused, .code = "invalid_plan"}, Stage::failed, "invalid_plan", Effect::none},
};

TEST(RunPlan, elements_whose_workflows_did_something_are_asked_again_in_turn_after_a_retry) {
  Driver run = plan_run(action("flow.run_plan", child_input, R"(, "for_each": ["x", "y"], "max_parallel": 1,
      "on_element_failure": "continue")"));
  for (const ActionIndex i : {1U, 2U}) run.child_ended(i, ended(WorkflowOutcome::failed, Effect::partial));
  ASSERT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(run.retry(), "");
  EXPECT_EQ(run.stage(1), Stage::waiting);
  EXPECT_EQ(run.stage(2), Stage::revived);
  run.child_ended(1, ended(WorkflowOutcome::verified, Effect::complete));
  EXPECT_EQ(run.stage(2), Stage::waiting);
  run.child_ended(2, ended(WorkflowOutcome::verified, Effect::complete));
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(RunPlan, a_fallback_that_ran_a_workflow_is_asked_again_and_the_action_not_sent_again) {
  const std::string fallback = R"("fallback": {"tool": "flow.run_plan", "input": )" + std::string(child_input) + "}}";
  const ChildEnd worked = ended(WorkflowOutcome::verified, Effect::complete), idle = ended(WorkflowOutcome::failed);
  for (const bool was_retried : {true, false}) {
    Driver run = plan_run(R"({"id": "a0", "tool": "box.put", "input": {"name": "n", "value": "v"},)" + fallback);
    run.answer(rejected(422), 0);
    const std::string child = child_id(run.workflow, 1);
    run.child_ended(1, idle);
    ASSERT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
    EXPECT_EQ(run.retry(), "");
    EXPECT_EQ(run.stage(0), Stage::failed) << "not sent again beside what the workflow may have done since";
    EXPECT_EQ(run.stage(1), Stage::waiting);
    EXPECT_EQ(child_id(run.workflow, 1), child);
    run.child_ended(1, was_retried ? worked : idle);
    EXPECT_EQ(child_id(run.workflow, 1) == child, was_retried) << "one that still did nothing: another one";
    if (!was_retried) run.child_ended(1, worked);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  }
}

TEST(RunPlan, the_action_is_what_the_workflow_became) {
  for (const ChildRow& row : child_rows) {
    SCOPED_TRACE(row.name);
    Driver run = with_child();
    EXPECT_FALSE(run.last.children[0].cancel);
    EXPECT_EQ(*run.action(0).input->find("input"), json(R"({"name": "ada"})"));
    EXPECT_TRUE(run.child_ended(0, row.end));
    EXPECT_EQ(run.stage(0), row.stage);
    EXPECT_EQ(run.error_code(0), row.code);
    EXPECT_EQ(run.action(0).effect, row.effect);
    EXPECT_EQ(run.stage(1), is_satisfied(row.stage) ? Stage::sending : Stage::cancelled);
    EXPECT_EQ(method_of(run.receipt(0)), "workflow");
    EXPECT_EQ(*run.receipt(0).find("record_id"), Json(child_id(run.workflow, 0)));
    EXPECT_FALSE(run.child_ended(0, row.end)) << "told twice";
  }
}

TEST(RunPlan, what_another_workflow_says_is_not_for_it) {
  Driver run = with_child();
  EXPECT_FALSE(on_child_ended(run.workflow, 0, "wf_other", ended(WorkflowOutcome::verified), {run.now, 1}).changed);
  EXPECT_FALSE(
      on_child_ended(run.workflow, 1, child_id(run.workflow, 0), ended(WorkflowOutcome::verified), {run.now, 1})
          .changed);
  EXPECT_FALSE(
      on_child_ended(run.workflow, 9, child_id(run.workflow, 0), ended(WorkflowOutcome::verified), {run.now, 1})
          .changed);
}

TEST(RunPlan, it_is_asked_for_again_after_every_restart) {
  Driver run = with_child();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(run.restart());
    ASSERT_EQ(run.last.children.size(), 1U);
    EXPECT_FALSE(run.last.children[0].cancel);
  }
}

TEST(RunPlan, cancel_asks_the_child_to_end_and_waits_for_it) {
  for (const ChildEnd& end :
       {ended(WorkflowOutcome::cancelled, Effect::partial), ChildEnd{.how = ChildEnd::How::absent}}) {
    Driver run = with_child();
    EXPECT_TRUE(run.cancel());
    ASSERT_EQ(run.last.children.size(), 1U);
    EXPECT_TRUE(run.last.children[0].cancel);
    EXPECT_EQ(run.stage(0), Stage::waiting);
    EXPECT_TRUE(run.restart());
    EXPECT_TRUE(run.last.children.at(0).cancel) << "what was not begun must not be begun now";
    EXPECT_TRUE(run.child_ended(0, end));
    EXPECT_EQ(run.stage(0), Stage::cancelled);
    EXPECT_EQ(run.action(0).effect, end.effect);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::cancelled);
  }
}

TEST(RunPlan, the_deadline_asks_the_child_to_end_and_waits_for_it) {
  Driver run = with_child("", R"(, "deadline": "10s")");
  EXPECT_TRUE(run.wake());
  ASSERT_EQ(run.last.children.size(), 1U);
  EXPECT_TRUE(run.last.children[0].cancel);
  EXPECT_EQ(run.stage(0), Stage::waiting);
  EXPECT_TRUE(run.child_ended(0, ended(WorkflowOutcome::cancelled, Effect::partial)));
  EXPECT_EQ(run.error_code(0), "deadline_exceeded");
  EXPECT_EQ(run.action(0).effect, Effect::partial);
}

TEST(RunPlan, a_child_that_needs_a_person_is_seen_at_its_parent) {
  Driver run = with_child();
  EXPECT_TRUE(run.child_attention(0, true));
  EXPECT_TRUE(run.workflow.header.attention);
  EXPECT_EQ(*waits_for(run.workflow, 0).find("attention"), Json(true));
  EXPECT_FALSE(run.child_attention(0, true));
  run.restart();
  EXPECT_TRUE(run.workflow.header.attention);
  EXPECT_TRUE(run.child_ended(0, ended(WorkflowOutcome::verified, Effect::complete)));
  EXPECT_FALSE(run.workflow.header.attention);
  Driver over = with_child();
  over.child_attention(0, true);
  EXPECT_TRUE(over.child_attention(0, false));
  EXPECT_FALSE(over.workflow.header.attention);
}

TEST(RunPlan, what_a_child_did_is_undone_by_the_compensation_of_its_parent) {
  Driver run =
      plan_run(action("flow.run_plan", child_input, R"(, "compensate": {"tool": "box.put", "input": {"name": "undo",
    "value": {"$from": "/actions/a/record_id"}}})") +
                   "," + put,
               R"(, "on_failure": "compensate")");
  run.child_ended(0, ended(WorkflowOutcome::verified, Effect::complete));
  run.answer(rejected(422), 1);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::compensating);
  EXPECT_EQ(*run.action(2).input->find("value"), Json(child_id(run.workflow, 0)));
}

TEST(RunPlan, a_retry_begins_a_new_child_only_where_nothing_of_the_old_one_may_have_happened) {
  for (const Effect effect : {Effect::none, Effect::partial, Effect::unknown}) {
    SCOPED_TRACE(name_of(effect));
    Driver run = with_child();
    const std::string first = child_id(run.workflow, 0);
    run.child_ended(0, ended(WorkflowOutcome::failed, effect));
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
    EXPECT_EQ(run.retry(), "");
    EXPECT_EQ(run.stage(0), Stage::waiting);
    ASSERT_EQ(run.last.children.size(), 1U);
    EXPECT_EQ(run.last.children[0].child, first) << "it may have been retried meanwhile, so it is asked first";
    EXPECT_TRUE(run.child_ended(0, ended(WorkflowOutcome::failed, effect)));
    EXPECT_EQ(run.stage(0), effect == Effect::none ? Stage::waiting : Stage::failed);
    if (effect != Effect::none) continue;
    ASSERT_EQ(run.last.children.size(), 1U);
    EXPECT_NE(run.last.children[0].child, first);
    EXPECT_TRUE(run.child_ended(0, ended(WorkflowOutcome::failed, effect)));
    EXPECT_EQ(run.stage(0), Stage::failed) << "one new one for each retry";
  }
}

TEST(RunPlan, a_retry_begins_no_new_child_where_the_old_one_ran_others_that_may_have_been_retried) {
  Driver run = with_child();
  ChildEnd end = ended(WorkflowOutcome::failed);
  end.ran_others = true;
  run.child_ended(0, end);
  EXPECT_EQ(run.retry(), "");
  EXPECT_TRUE(run.child_ended(0, end));
  EXPECT_EQ(run.stage(0), Stage::failed);
  EXPECT_EQ(run.action(0).generation, 0U);
}

TEST(RunPlan, a_retry_takes_a_child_that_was_retried_by_itself_and_did_its_work) {
  Driver run = with_child();
  run.child_ended(0, ended(WorkflowOutcome::failed));
  EXPECT_EQ(run.retry(), "");
  EXPECT_TRUE(run.restart());
  EXPECT_TRUE(run.child_ended(0, ended(WorkflowOutcome::verified, Effect::complete)));
  EXPECT_EQ(run.stage(0), Stage::verified);
}

TEST(Waits, a_retry_waits_anew_and_takes_what_came_meanwhile) {
  Driver run = plan_run(action("flow.wait_signal", R"({"name": "go", "timeout": "5s"})"));
  run.wake();
  EXPECT_EQ(run.error_code(0), "signal_timeout");
  EXPECT_EQ(run.retry(), "");
  EXPECT_EQ(run.stage(0), Stage::waiting);
  run.signal("go");
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
}

TEST(Waits, a_pause_lets_waits_end_and_begins_none) {
  Driver run = plan_run(action("flow.sleep", R"({"for": "5s"})") +
                        R"(, {"id": "b", "tool": "flow.wait_signal", "input": {"name": "go"}, "after": ["a"]})");
  run.pause();
  run.signal("go");
  run.wake();
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.stage(1), Stage::ready);
  run.resume();
  EXPECT_EQ(run.stage(1), Stage::verified);
}

TEST(ChildEnd, it_says_none_only_when_nothing_may_have_happened) {
  const auto end_of = [](std::initializer_list<Outcome> outcomes) {
    Driver run = running({});
    for (const Outcome& outcome : outcomes) run.answer(outcome);
    return child_end_of(run.workflow);
  };
  const ChildEnd verified = end_of({done(), seen()});
  EXPECT_EQ(verified.outcome, WorkflowOutcome::verified);
  EXPECT_EQ(verified.effect, Effect::complete);
  EXPECT_EQ(verified.confidence, Confidence::read_back);
  const ChildEnd refused = end_of({rejected(422)});
  EXPECT_EQ(refused.outcome, WorkflowOutcome::failed);
  EXPECT_EQ(refused.effect, Effect::none);
  EXPECT_NE(refused.message.find("http_422"), std::string::npos);
  Driver mixed =
      plan_run(R"({"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},)" + std::string(put));
  mixed.answer(done());
  mixed.answer(seen());
  mixed.answer(rejected(422), 1);
  EXPECT_EQ(child_end_of(mixed.workflow).effect, Effect::partial);
  Driver idle = plan_run(action("flow.sleep", R"({"for": "0s"})", R"(, "when": {"equals": [1, 2]})"));
  EXPECT_EQ(child_end_of(idle.workflow).confidence, Confidence::response);
}

TEST(Emit, the_event_is_in_the_step_that_says_so) {
  Driver run = plan_run(action("flow.emit", R"({"type": "order.shipped", "data": {"who": {"$from": "/input/who"}}})"));
  EXPECT_EQ(run.stage(0), Stage::verified);
  const std::vector<HistoryEvent>& history = run.last.history;
  const auto emitted = std::find_if(history.begin(), history.end(),
                                    [](const HistoryEvent& event) { return event.type == "action.emitted"; });
  ASSERT_NE(emitted, history.end());
  EXPECT_EQ(emitted->data, json(R"({"type": "order.shipped", "data": {"who": "ada"}})"));
  const auto seq = static_cast<std::uint32_t>(emitted - history.begin() + 1);
  EXPECT_EQ(*run.action(0).output, Json::object({{"event", event_id(run.workflow.header.id, seq)}}));
  const Json receipt = run.receipt(0);
  EXPECT_EQ(method_of(receipt), "event");
  EXPECT_EQ(*receipt.find("effect"), Json("none"));
}

TEST(Emit, data_of_any_length_is_not_taken) {
  const std::string long_text(65'537, 'x');
  const std::string first = R"({"id": "x", "tool": "box.put", "input": {"name": "n", "value": "v"}})";
  Driver run =
      plan_run(first + "," + action("flow.emit", R"({"type": "t", "data": {"$from": "/actions/x/output/value"}})"));
  run.answer(answered(Json::object({{"id", "r1"}, {"value", long_text}})));
  run.answer(seen());
  EXPECT_EQ(run.stage(1), Stage::failed);
  EXPECT_EQ(run.error_code(1), "input_invalid");
}

TEST(Emit, a_type_is_words_with_dots_between_them) {
  const auto is_taken = [](const std::string& type) {
    return builtin_tool("flow.emit")->input_schema->validate(Json::object({{"type", type}})).empty();
  };
  for (const char* good : {"order", "order.shipped", "A-1.b_2"}) EXPECT_TRUE(is_taken(good)) << good;
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "a b", "*", "a.*", "a\n"}) EXPECT_FALSE(is_taken(bad)) << bad;
}

TEST(Builtin, the_same_text_gives_the_same_version_and_schemas_are_closed) {
  for (const std::shared_ptr<const Tool>& tool : builtin_tools()) {
    EXPECT_EQ(builtin_tool(tool->name), tool);
    EXPECT_EQ(tool->version, sha256(tool->canonical_document));
    EXPECT_FALSE(tool->input_schema->validate(json(R"({"unknown": 1})")).empty()) << tool->name;
  }
  EXPECT_EQ(builtin_tool("box.put"), nullptr);
}

}  // namespace
}  // namespace settle::test
