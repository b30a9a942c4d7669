// Several actions: order, branches, what a failure does to the rest, and what the whole is called in the end.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

/// Actions by name; each line is "id needs needs …". All use box.put unless the id begins with "read" or "blind".
Driver flow(const std::vector<std::vector<std::string>>& rows, const std::string& on_failure = "stop") {
  ToolSpec reads, blind;
  reads.name = "box.get";
  reads.reads = true;
  blind.name = "box.blind";
  blind.read_back = false;
  blind.mode = IdempotencyMode::none;
  Json actions = Json::array();
  for (const std::vector<std::string>& row : rows) {
    const std::string tool = row[0].starts_with("read")    ? "box.get"
                             : row[0].starts_with("blind") ? "box.blind"
                                                           : "box.put";
    Json after = Json::array();
    for (std::size_t i = 1; i < row.size(); ++i) after.push_back(row[i]);
    actions.push_back(Json::object(
        {{"id", row[0]}, {"tool", tool}, {"input", json(R"({"name": "n", "value": "v"})")}, {"after", after}}));
  }
  Driver out(make_plan(Json::object({{"name", "p"}, {"on_failure", on_failure}, {"actions", actions}}),
                       {make_tool(), make_tool(reads), make_tool(blind)}));
  out.start();
  return out;
}

void verify(Driver& run, ActionIndex index) {
  run.answer(done(), index);
  if (run.call(index) != nullptr) run.answer(seen(), index);
  EXPECT_EQ(run.stage(index), Stage::verified);
}

TEST(PlanFlow, an_action_starts_when_all_that_it_needs_is_verified) {
  Driver run = flow({{"a"}, {"b"}, {"c", "a", "b"}});
  EXPECT_EQ(run.stage(0), Stage::sending);
  EXPECT_EQ(run.stage(1), Stage::sending);
  verify(run, 0);
  EXPECT_EQ(run.stage(2), Stage::blocked);
  run.answer(done(), 1);
  EXPECT_EQ(run.stage(2), Stage::blocked) << "executed is not enough where a read-back is declared";
  run.answer(seen(), 1);
  EXPECT_EQ(run.stage(2), Stage::sending);
  verify(run, 2);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  EXPECT_EQ(run.workflow.header.ended_at, run.now);
}

TEST(PlanFlow, executed_is_enough_where_the_tool_says_that_nothing_can_verify_it) {
  Driver run = flow({{"blind"}, {"b", "blind"}});
  run.answer(done(), 0);
  EXPECT_EQ(run.stage(1), Stage::sending);
  verify(run, 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::executed) << "as true as its weakest action";
}

TEST(PlanFlow, nothing_starts_on_what_is_unverified_or_in_doubt) {
  Driver doubt = flow({{"blind"}, {"b", "blind"}, {"c"}});
  doubt.answer(ambiguous(), 0);
  EXPECT_TRUE(doubt.workflow.header.attention);
  verify(doubt, 2);
  EXPECT_EQ(doubt.stage(1), Stage::blocked);
  EXPECT_EQ(doubt.workflow.header.status, WorkflowStatus::running);

  Driver unread = flow({{"a"}, {"b", "a"}});
  unread.answer(done(), 0);
  while (unread.stage(0) != Stage::unverified) {
    if (unread.call(0) != nullptr) {
      unread.answer(rejected(403), 0);
    } else {
      unread.wake();
    }
  }
  EXPECT_EQ(unread.stage(1), Stage::blocked);
}

TEST(PlanFlow, a_failure_stops_what_has_not_started_and_lets_the_rest_finish) {
  Driver run = flow({{"a"}, {"b"}, {"c", "b"}, {"d", "a"}});
  run.answer(rejected(422), 0);
  EXPECT_EQ(run.stage(3), Stage::cancelled);
  EXPECT_EQ(run.stage(2), Stage::cancelled);
  EXPECT_EQ(run.stage(1), Stage::sending);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::running);
  verify(run, 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
  EXPECT_EQ(run.sends(2) + run.sends(3), 0U);
}

TEST(PlanFlow, with_continue_only_what_depends_on_the_failure_is_cancelled) {
  Driver run = flow({{"a"}, {"b"}, {"c", "a"}, {"d", "c"}, {"e", "b"}, {"f", "d", "e"}}, "continue");
  run.answer(rejected(422), 0);
  for (const ActionIndex i : {2U, 3U, 5U}) EXPECT_EQ(run.stage(i), Stage::cancelled) << i;
  verify(run, 1);
  verify(run, 4);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(PlanFlow, attention_comes_with_the_first_doubt_and_is_noted_once) {
  Driver run = flow({{"blind1"}, {"blind2"}});
  run.answer(ambiguous(), 0);
  run.answer(ambiguous(), 1);
  EXPECT_EQ(run.happened("workflow.attention"), 1U);
  EXPECT_EQ(run.workflow.parked, 2U);
}

TEST(PlanFlow, a_value_flows_from_one_action_to_the_next_with_its_type) {
  const std::shared_ptr<const Tool> tool = make_tool();
  Driver run(make_plan(json(R"({"name": "p", "input": {"who": "ada", "age": 36}, "actions": [
    {"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
    {"id": "b", "tool": "box.put", "input": {"name": {"$text": "${/actions/a/record_id}-${/input/who}"},
      "value": {"$from": "/actions/a/output/value"}, "count": {"$from": "/input/age"}}}]})"),
                       {tool}));
  run.start();
  run.answer(answered(json(R"({"id": "r9", "value": "its own"})")), 0);
  run.answer(seen(), 0);
  EXPECT_EQ(*run.action(1).input, json(R"({"name": "r9-ada", "value": "its own", "count": 36})"));
}

TEST(PlanFlow, what_an_answer_holds_is_data_and_never_a_template) {
  const std::shared_ptr<const Tool> tool = make_tool();
  Driver run(
      make_plan(json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
    {"id": "b", "tool": "box.put", "input": {"name": {"$from": "/actions/a/output/value"}, "value": {"$text": "<${/actions/a/output/value}>"}}}]})"),
                {tool}));
  run.start();
  run.answer(answered(json(R"({"id": "r9", "value": "${/idempotency_key}"})")), 0);
  run.answer(seen(), 0);
  EXPECT_EQ(*run.action(1).input, json(R"({"name": "${/idempotency_key}", "value": "<${/idempotency_key}>"})"));
}

TEST(PlanFlow, a_reference_to_what_an_answer_left_out_fails_before_anything_is_sent) {
  const std::shared_ptr<const Tool> tool = make_tool();
  Driver run(
      make_plan(json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
    {"id": "b", "tool": "box.put", "input": {"name": {"$from": "/actions/a/output/value"}}}]})"),
                {tool}));
  run.start();
  run.answer(answered(json(R"({"id": "r9"})")), 0);
  run.answer(seen(), 0);
  EXPECT_EQ(run.stage(1), Stage::failed);
  EXPECT_EQ(run.error_code(1), "reference_unresolved");
  EXPECT_EQ(run.sends(1), 0U);
  EXPECT_EQ(*run.receipt(1).find("effect"), Json("none"));
}

TEST(PlanFlow, an_input_that_does_not_fit_once_it_is_known_fails_before_anything_is_sent) {
  Json document = tool_document({});
  document.find("input_schema")->find("properties")->set("name", json(R"({"type": "string", "maxLength": 3})"));
  Driver run(
      make_plan(json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
    {"id": "b", "tool": "box.put", "input": {"name": {"$from": "/actions/a/output/id"}}}]})"),
                {compiled(document)}));
  run.start();
  run.answer(answered(json(R"({"id": "long id"})")), 0);
  run.answer(seen(), 0);
  EXPECT_EQ(run.stage(1), Stage::failed);
  EXPECT_EQ(run.error_code(1), "input_invalid");
}

TEST(PlanFlow, a_chain_of_ten_thousand_ends_when_its_first_action_fails) {
  std::vector<std::vector<std::string>> rows = {{"a0"}};
  for (int i = 1; i < 10'000; ++i) rows.push_back({"a" + std::to_string(i), "a" + std::to_string(i - 1)});
  for (const char* rule : {"stop", "continue"}) {
    Driver run = flow(rows, rule);
    run.answer(rejected(422), 0);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
    EXPECT_EQ(run.receipts.size(), 10'000U);
  }
}

}  // namespace
}  // namespace settle::test
