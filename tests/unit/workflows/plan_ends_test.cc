// How the parts of a plan meet at its ends: a fallback and the undoing, a person's wait and a plan that stops, the
// deadline and whatever comes in the same moment.
#include <algorithm>

#include "tests/unit/workflows/support/plans.h"

namespace settle::test {
namespace {

/// A call of the tool that names the thing by the record id of action "a".
Json naming_record(std::string_view tool) {
  return Json::object(
      {{"tool", tool}, {"input", json(R"({"name": {"$text": "${/actions/a/record_id}"}, "value": "v"})")}});
}

Json fallback_call(std::string_view name = "n") {
  return Json::object({{"tool", "box.other"}, {"input", Json::object({{"name", name}, {"value", "v"}})}});
}

/// Action "a" with a fallback, tried after any failure; each of the two can be undone where asked for.
Json twofold(bool undo_own, bool undo_fallback, std::string_view tool = "box.put") {
  Json fallback = fallback_call();
  if (undo_fallback) fallback.set("compensate", naming_record("box.undo"));
  Json out = action("a");
  out.set("tool", tool);
  out.set("fallback", fallback);
  out.set("fallback_when", "any_failure");
  if (undo_own) out.set("compensate", naming_record("box.undo"));
  return out;
}

std::string name_asked(const Driver& run, ActionIndex index) {
  return run.action(index).input->find("name")->as_string();
}

/// "ROLE REASON" of everything that is said not to be undone.
std::vector<std::string> not_undone(const Driver& run) {
  std::vector<std::string> out;
  for (const HistoryEvent& event : run.history) {
    if (event.type != "action.not_compensated") continue;
    const Json* role = event.data.find("role");
    out.push_back((role == nullptr ? "main" : role->as_string()) + " " + event.data.find("reason")->as_string());
  }
  return out;
}

// ---- a fallback and the undoing ----

TEST(FallbackUndone, both_runs_that_left_something_are_undone_each_seeing_its_own_answer) {
  Driver run = started({twofold(true, true), action("b", R"({"after": ["a"]})")}, undoing);
  mismatch(run, 0, seen("other"));
  succeed(run, 2, "r2");
  run.answer(rejected(422), 1);
  ASSERT_EQ(run.workflow.actions.size(), 5U);
  EXPECT_EQ(name_asked(run, 3), "r2") << "the fallback came last, so it is undone first";
  EXPECT_EQ(run.stage(4), Stage::blocked);
  succeed(run, 3);
  EXPECT_EQ(name_asked(run, 4), "r1");
  succeed(run, 4);
  std::set<std::string> keys;
  for (ActionIndex i = 0; i < 5; ++i) keys.insert(run.receipt(i).find("idempotency_key")->as_string());
  EXPECT_EQ(keys.size(), 5U);
  EXPECT_EQ(*run.receipt(3).find("role"), Json("compensate_fallback"));
  EXPECT_EQ(*run.receipt(4).find("role"), Json("compensate"));
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(not_undone(run), std::vector<std::string>());
}

TEST(FallbackUndone, the_actions_own_compensation_is_not_let_loose_on_what_the_fallback_made) {
  Driver run = started({twofold(true, false), action("b", R"({"after": ["a"]})")}, undoing);
  run.answer(rejected(422), 0);
  succeed(run, 2);
  run.answer(rejected(422), 1);
  EXPECT_EQ(run.workflow.actions.size(), 3U);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(not_undone(run), std::vector<std::string>{"fallback nothing_declared"});
}

TEST(FallbackUndone, what_the_action_left_is_undone_where_the_fallback_left_nothing) {
  Driver run = started({twofold(true, true)}, undoing);
  mismatch(run, 0, seen("other"));
  run.answer(rejected(422), 1);
  ASSERT_EQ(run.workflow.actions.size(), 3U);
  EXPECT_EQ(name_asked(run, 2), "r1");
  succeed(run, 2);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

TEST(FallbackUndone, one_that_writes_for_an_action_that_only_reads) {
  for (const bool declared : {true, false}) {
    Driver run = started({twofold(false, declared, "box.get"), action("b", R"({"after": ["a"]})")}, undoing);
    run.answer(rejected(404), 0);
    succeed(run, 2);
    run.answer(rejected(422), 1);
    EXPECT_EQ(run.workflow.actions.size(), declared ? 4U : 3U);
    EXPECT_EQ(not_undone(run).size(), declared ? 0U : 1U);
    if (declared) succeed(run, 3);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  }
}

TEST(FallbackUndone, an_action_that_only_reads_leaves_nothing_to_undo) {
  Driver run = started({action("a", R"({"tool": "box.get"})"), action("b", R"({"after": ["a"]})")}, undoing);
  run.answer(done(), 0);
  run.answer(rejected(422), 1);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(not_undone(run), std::vector<std::string>());
}

TEST(FallbackUndone, an_unknown_effect_is_left_alone_and_the_known_one_beside_it_is_undone) {
  Driver run = started({twofold(true, true), action("b", R"({"after": ["a"]})")}, undoing);
  mismatch(run, 0, seen("other"));
  succeed(run, 2, "r2");
  run.workflow.actions[0].effect = Effect::unknown;
  run.answer(rejected(422), 1);
  ASSERT_EQ(run.workflow.actions.size(), 4U);
  EXPECT_EQ(name_asked(run, 3), "r2");
  EXPECT_EQ(not_undone(run), std::vector<std::string>{"main effect_unknown"});
}

TEST(FallbackUndone, of_an_element_too_and_across_a_crash) {
  Json each = twofold(true, true);
  each.set("for_each", json(R"(["x", "y"])"));
  Driver run = started({each, action("b", R"({"after": ["a"]})")}, undoing);
  mismatch(run, 2, seen("other"));
  const ActionIndex fallback = run.action(2).fallback;
  succeed(run, fallback, "r2");
  succeed(run, 3, "r3");
  run.answer(rejected(422), 1);
  ASSERT_EQ(run.workflow.actions.size(), 8U);
  for (ActionIndex i = 5; i < 8; ++i) {
    run.answer(done(), i);
    run.restart();
    run.answer(as_asked(run, i), i);
  }
  std::vector<std::string> names;
  for (ActionIndex i = 5; i < 8; ++i) names.push_back(name_asked(run, i));
  EXPECT_EQ(names, (std::vector<std::string>{"r3", "r2", "r1"}));
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

// ---- a fallback that waits for a person, and a plan that stops ----

TEST(HeldFallback, is_given_up_when_another_action_stops_the_plan) {
  Json held = undoable_action("a");
  held.set("fallback", fallback_call());
  for (const std::string on_failure : {"stop", "compensate"}) {
    SCOPED_TRACE(on_failure);
    Driver run = started({held, action("b")}, R"({"on_failure": ")" + on_failure + "\"}");
    mismatch(run, 0, seen("other"));
    EXPECT_EQ(run.stage(0), Stage::fallback_held);
    run.answer(rejected(422), 1);
    EXPECT_EQ(run.stage(0), Stage::failed);
    EXPECT_EQ(run.error_code(0), "verification_mismatch");
    EXPECT_FALSE(run.workflow.header.attention);
    EXPECT_EQ(run.happened("action.fallback"), 0U);
    if (on_failure == "compensate") succeed(run, 2);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
  }
}

TEST(HeldFallback, goes_on_waiting_where_independent_branches_go_on) {
  Json held = action("a");
  held.set("fallback", fallback_call());
  Driver run = started({held, action("b")}, R"({"on_failure": "continue"})");
  mismatch(run, 0, seen("other"));
  run.answer(rejected(422), 1);
  EXPECT_EQ(run.stage(0), Stage::fallback_held);
  EXPECT_TRUE(run.workflow.header.attention);
}

TEST(HeldFallback, many_are_given_up_at_once) {
  Json::Array actions;
  for (int i = 0; i < 50; ++i) {
    Json held = action("a" + std::to_string(i));
    held.set("fallback", fallback_call());
    actions.push_back(held);
  }
  actions.push_back(action("last"));
  Driver run = started(actions);
  for (ActionIndex i = 0; i < 50; ++i) run.answer(done(), i);
  const auto any_open = [&] { return run.open.size() > 1 || run.workflow.next_wake(); };
  while (any_open()) {
    while (run.open.size() > 1) run.answer(seen("other"), run.open.begin()->first);
    run.wake();
  }
  EXPECT_EQ(run.workflow.parked, 50U);
  run.answer(rejected(422), 50);
  EXPECT_EQ(run.workflow.parked, 0U);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(HeldFallback, of_an_element_is_given_up_when_another_element_stops_the_list) {
  Json each = action("a");
  each.set("for_each", json(R"(["x", "y", "z"])"));
  each.set("fallback", fallback_call());
  for (const bool go_on : {false, true}) {
    SCOPED_TRACE(go_on);
    each.set("on_element_failure", go_on ? "continue" : "stop");
    Driver run = started({each});
    mismatch(run, 1, seen("other"));
    EXPECT_EQ(run.stage(1), Stage::fallback_held);
    run.answer(rejected(422), 2);
    run.answer(rejected(422), run.action(2).fallback);
    EXPECT_EQ(run.stage(1), go_on ? Stage::fallback_held : Stage::failed);
    run.answer(rejected(422), 3);
    EXPECT_EQ(run.action(3).fallback != 0, go_on) << "in a list that stops nothing new starts";
    EXPECT_EQ(run.stage(0), go_on ? Stage::gathering : Stage::failed);
  }
}

// ---- a list that is none, and a fallback ----

TEST(ForEachList, a_wrong_one_fails_without_the_fallback_which_is_for_an_element) {
  Json each = action("b");
  each.set("for_each", json(R"({"$from": "/actions/a/output/rows"})"));
  each.set("fallback",
           Json::object({{"tool", "box.other"}, {"input", json(R"({"name": {"$text": "${/item}"}, "value": "v"})")}}));
  struct Row {
    const char* rows;
    const char* code;
  };
  for (const Row& row : {Row{"", "reference_unresolved"}, Row{R"("x")", "for_each_not_a_list"}}) {
    SCOPED_TRACE(row.code);
    Driver run = started({action("a"), each});
    Json answer = json(R"({"id": "r1"})");
    if (*row.rows != '\0') answer.set("rows", json(row.rows));
    run.answer(answered(answer), 0);
    run.answer(as_asked(run, 0), 0);
    EXPECT_EQ(run.error_code(1), row.code);
    EXPECT_EQ(run.workflow.actions.size(), 2U);
    EXPECT_EQ(run.happened("action.fallback"), 0U);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
  }
}

// ---- the deadline, and what comes in the same moment ----

constexpr const char* in_a_second = R"({"deadline": "1s"})";

/// The deadline passes, and something else is heard of before its timer is.
void pass_deadline(Driver& run) {
  run.now = *run.workflow.header.deadline_at;
}

TEST(LateAnswer, begins_no_fallback_after_the_deadline) {
  Json a = action("a");
  a.set("fallback", fallback_call());
  Driver run = started({a}, in_a_second);
  pass_deadline(run);
  run.answer(rejected(422), 0, Duration(0));
  EXPECT_EQ(run.workflow.actions.size(), 1U);
  EXPECT_EQ(run.happened("action.fallback"), 0U);
  EXPECT_EQ(run.happened("workflow.deadline_exceeded"), 1U);
  EXPECT_EQ(run.error_code(0), "http_422");
}

TEST(LateAnswer, starts_no_dependent_after_the_deadline) {
  Driver run = started({action("a"), action("b", R"({"after": ["a"]})")}, in_a_second);
  run.answer(done());
  pass_deadline(run);
  run.answer(as_asked(run, 0), 0, Duration(0));
  EXPECT_EQ(run.stage(0), Stage::verified);
  EXPECT_EQ(run.error_code(1), "deadline_exceeded");
  EXPECT_EQ(run.sends(1), 0U);
}

TEST(LateAnswer, starts_no_element_after_the_deadline) {
  Driver run = started({action("a", R"({"for_each": ["x", "y"], "max_parallel": 1})")}, in_a_second);
  run.answer(done(), 1);
  pass_deadline(run);
  run.answer(as_asked(run, 1), 1, Duration(0));
  EXPECT_EQ(run.sends(2), 0U);
  EXPECT_EQ(run.error_code(2), "deadline_exceeded");
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(LateAnswer, holds_no_fallback_for_a_person_after_the_deadline) {
  Json a = action("a");
  a.set("fallback", fallback_call());
  Driver run = started({a}, R"({"deadline": "2100ms"})");
  run.answer(done());
  while (run.stage() != Stage::reading || *run.action().executed_at + Duration(2'000) > run.issued_at[0]) {
    if (run.stage() == Stage::reading) run.answer(seen("other"));
    if (run.stage() == Stage::read_wait) run.wake();
  }
  ASSERT_LT(run.now, *run.workflow.header.deadline_at) << "the last look has begun before it";
  pass_deadline(run);
  run.answer(seen("other"), 0, Duration(0));
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_FALSE(run.workflow.header.attention);
}

TEST(LateTimer, names_no_fallback_that_is_failed_at_once) {
  Json a = action("a");
  a.set("fallback", fallback_call());
  Driver run = started({a}, in_a_second);
  run.answer(not_sent(503, Duration(60'000)));
  run.advance(Duration(5'000));
  run.timer();
  EXPECT_EQ(run.error_code(0), "deadline_exceeded");
  EXPECT_EQ(run.workflow.actions.size(), 1U);
  EXPECT_EQ(run.happened("action.fallback"), 0U);
}

TEST(LateRestart, sends_nothing_after_the_deadline) {
  Driver run = started({action("a", R"({"tool": "box.get"})"), action("b", R"({"after": ["a"]})")}, in_a_second);
  pass_deadline(run);
  run.restart();
  EXPECT_EQ(run.error_code(0), "deadline_exceeded");
  EXPECT_EQ(run.error_code(1), "deadline_exceeded");
  EXPECT_EQ(run.sends(0), 1U);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(LateRestart, takes_a_look_that_the_deadline_sets_off_once) {
  ToolSpec keyed;
  keyed.key_lookup = true;
  const std::vector<std::shared_ptr<const Tool>> known = {make_tool(keyed)};
  Driver run(make_plan(
      Json::object({{"name", "p"}, {"deadline", "1s"}, {"actions", Json(Json::Array{action("a"), action("b")})}}),
      known));
  run.start();
  run.answer(ambiguous(), 0);
  ASSERT_EQ(run.stage(0), Stage::backing_off);
  pass_deadline(run);
  run.restart();
  EXPECT_EQ(run.stage(0), Stage::looking);
  EXPECT_EQ(run.action(0).call, 2U);
}

TEST(LateRestart, repeats_no_read_whose_own_time_is_over) {
  Driver run = started({action("a", R"({"tool": "box.get"})")});
  run.advance(Duration(60'000));
  run.restart();
  EXPECT_EQ(run.error_code(0), "schedule_to_close_timeout");
  EXPECT_EQ(run.sends(0), 1U);
}

TEST(LateResume, starts_nothing_after_the_deadline) {
  Driver run = started({action("a"), action("b", R"({"after": ["a"]})")}, in_a_second);
  run.pause();
  succeed(run, 0);
  ASSERT_EQ(run.stage(1), Stage::ready);
  pass_deadline(run);
  run.resume();
  EXPECT_EQ(run.error_code(1), "deadline_exceeded");
  EXPECT_EQ(run.sends(1), 0U);
}

TEST(LateResolve, finds_a_held_fallback_given_up_and_sends_nothing_again) {
  Json a = action("a");
  a.set("fallback", fallback_call());
  Driver run = started({a}, R"({"deadline": "1h"})");
  mismatch(run, 0, seen("other"));
  ASSERT_EQ(run.stage(), Stage::fallback_held);
  pass_deadline(run);
  EXPECT_EQ(run.resolve({.happened = false, .who = "ada", .seen = "nothing there"}), "");
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.action().effect, Effect::partial) << "what was said came too late";
  EXPECT_EQ(run.workflow.actions.size(), 1U);
}

TEST(LateCancel, finds_what_the_deadline_has_failed) {
  Driver run = started({action("a"), action("b", R"({"after": ["a"]})")}, in_a_second);
  pass_deadline(run);
  run.cancel();
  EXPECT_EQ(run.error_code(1), "deadline_exceeded");
  succeed(run, 0);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

}  // namespace
}  // namespace settle::test
