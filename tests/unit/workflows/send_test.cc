// CONTRACT §2, "When the answer is not clear": every row of the table for every mode, for a first and for a repeated
// send.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

ToolSpec key() {
  return of_mode(IdempotencyMode::key);
}
ToolSpec key_with_lookup() {
  ToolSpec out = key();
  out.key_lookup = true;
  return out;
}
ToolSpec natural() {
  return of_mode(IdempotencyMode::natural);
}
ToolSpec lookup() {
  return of_mode(IdempotencyMode::lookup);
}
ToolSpec none() {
  return of_mode(IdempotencyMode::none);
}
ToolSpec none_unreadable() {
  ToolSpec out = none();
  out.read_back = false;
  return out;
}
ToolSpec read_only() {
  ToolSpec out;
  out.reads = true;
  return out;
}

Outcome failing_answer() {
  return answered(json(R"({"id": "r1", "error": "no such box"})"));
}
Outcome misfit() {
  return answered(json(R"({"identity": 7})"));
}

struct Row {
  const char* name;
  ToolSpec tool;
  Outcome outcome;
  Stage first;
  std::optional<Stage> repeated;  ///< null: this tool never repeats a send
};

TEST(Send, its_end_leads_where_the_table_of_the_contract_says) {
  using enum Stage;
  const Row rows[] = {
      {"key, answered", key(), done(), reading, reading},
      {"key, rejected", key(), rejected(422), failed, settle_wait},
      {"key, success rule", key(), failing_answer(), failed, settle_wait},
      {"key, not sent", key(), not_sent(), backing_off, backing_off},
      {"key, 429", key(), not_sent(429, Duration(7'000)), backing_off, backing_off},
      {"key, ambiguous", key(), ambiguous(), backing_off, backing_off},
      {"key, misfit", key(), misfit(), backing_off, backing_off},
      {"key with look-up, answered", key_with_lookup(), done(), reading, reading},
      {"key with look-up, rejected", key_with_lookup(), rejected(409), failed, looking},
      {"key with look-up, success rule", key_with_lookup(), failing_answer(), failed, looking},
      {"key with look-up, not sent", key_with_lookup(), not_sent(), backing_off, backing_off},
      {"key with look-up, ambiguous", key_with_lookup(), ambiguous(), backing_off, backing_off},
      {"natural, answered", natural(), done(), reading, read_wait},
      {"natural, rejected", natural(), rejected(404), failed, settle_wait},
      {"natural, success rule", natural(), failing_answer(), failed, settle_wait},
      {"natural, not sent", natural(), not_sent(), backing_off, backing_off},
      {"natural, ambiguous", natural(), ambiguous(), backing_off, backing_off},
      {"natural, misfit", natural(), misfit(), backing_off, backing_off},
      {"lookup, answered", lookup(), done(), reading, reading},
      {"lookup, rejected", lookup(), rejected(409), failed, looking},
      {"lookup, success rule", lookup(), failing_answer(), failed, looking},
      {"lookup, not sent", lookup(), not_sent(503, Duration(1'000)), backing_off, backing_off},
      {"lookup, ambiguous", lookup(), ambiguous(), looking, looking},
      {"lookup, misfit", lookup(), misfit(), looking, looking},
      {"none, answered", none(), done(), reading, std::nullopt},
      {"none, rejected", none(), rejected(400), failed, std::nullopt},
      {"none, success rule", none(), failing_answer(), failed, std::nullopt},
      {"none, not sent", none(), not_sent(), backing_off, std::nullopt},
      {"none, ambiguous", none(), ambiguous(), settling, std::nullopt},
      {"none, misfit", none(), misfit(), settling, std::nullopt},
      {"none, unreadable, answered", none_unreadable(), done(), executed, std::nullopt},
      {"none, unreadable, ambiguous", none_unreadable(), ambiguous(), in_doubt, std::nullopt},
      {"none, unreadable, misfit", none_unreadable(), misfit(), in_doubt, std::nullopt},
      {"read, answered", read_only(), done(), verified, verified},
      {"read, rejected", read_only(), rejected(404), failed, failed},
      {"read, success rule", read_only(), failing_answer(), failed, failed},
      {"read, not sent", read_only(), not_sent(429, Duration(50)), backing_off, backing_off},
      {"read, ambiguous", read_only(), ambiguous(), backing_off, backing_off},
      {"read, misfit", read_only(), misfit(), backing_off, backing_off},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver first = running(row.tool);
    first.answer(row.outcome);
    EXPECT_EQ(first.stage(), row.first);
    EXPECT_EQ(first.sends(), 1U);
    if (row.first == failed) {
      EXPECT_EQ(first.action().effect, Effect::none);
    }
    if (!row.repeated) continue;
    Driver again = repeating(row.tool);
    again.answer(row.outcome);
    EXPECT_EQ(again.stage(), *row.repeated) << "of the repeated send";
    EXPECT_EQ(again.sends(), 2U);
  }
}

TEST(Send, what_was_not_sent_waits_at_least_as_long_as_the_provider_asks) {
  Driver run = running(key());
  run.answer(not_sent(429, Duration(7'000)));
  EXPECT_EQ(phase_of(run.action()), "rate_limited");
  EXPECT_GE(*run.action().wake_at, run.now + Duration(7'000));
  run.wake();
  EXPECT_EQ(run.sends(), 2U);
  run.answer(not_sent());
  EXPECT_EQ(phase_of(run.action()), "backing_off");
}

TEST(Send, what_was_not_sent_counts_against_time_and_never_against_attempts) {
  for (const ToolSpec& tool : {key(), natural(), lookup(), none(), read_only()}) {
    SCOPED_TRACE(std::string(name_of(tool.mode)) + (tool.reads ? " (reads)" : ""));
    Driver run = running(tool);
    const Time began = run.now;
    while (run.stage() != Stage::failed) {
      ASSERT_EQ(run.stage(), Stage::sending);
      run.answer(not_sent());
      ASSERT_TRUE(run.wake());
    }
    EXPECT_GT(run.sends(), static_cast<std::size_t>(tool.attempts));
    EXPECT_GE(run.now, began + tool.schedule_to_close);
    EXPECT_EQ(run.error_code(), "schedule_to_close_timeout");
    EXPECT_EQ(run.action().effect, Effect::none);
  }
}

TEST(Send, a_read_that_stays_unclear_fails_when_its_attempts_are_used_up) {
  Driver run = running(read_only());
  for (int i = 0; i < 2; ++i) {
    run.answer(ambiguous());
    run.wake();
  }
  run.answer(ambiguous());
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "attempts_exhausted");
  EXPECT_EQ(run.sends(), 3U);
}

TEST(Send, a_success_rule_sees_input_output_record_id_and_key) {
  Json document = tool_document(key());
  document.set("output_schema", json(R"({"type": "object", "required": ["id"]})"));
  document.set(
      "success",
      json(
          R"([{"at": "/key", "equals": {"$from": "/idempotency_key"}}, {"at": "/name", "equals": {"$from": "/input/name"}},
    {"at": "/self", "equals": {"$text": "/items/${/record_id}"}}, {"at": "/id", "equals": {"$from": "/output/id"}}])"));
  Driver run(plan_of(compiled(document)));
  run.start();
  Json body = json(R"({"id": "r7", "name": "n", "self": "/items/r7"})");
  body.set("key", idempotency_key("default", "w1", "a", 0, "main", 0));
  run.answer(answered(std::move(body)));
  EXPECT_EQ(run.stage(), Stage::reading) << "it happened, and would be reported as failed with effect none";
}

TEST(Send, a_call_that_cannot_be_prepared_fails_before_anything_leaves) {
  Json document = tool_document(key());
  document.find("execute")->set(
      "headers", json(R"({"Idempotency-Key": {"$from": "/idempotency_key"}, "X-Value": {"$from": "/input/value"}})"));
  const std::shared_ptr<const Tool> tool = compiled(document);
  Driver run(make_plan(
      json(
          R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "a\r\nX-Evil: 1"}}]})"),
      {tool}));
  run.start();
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "call_unresolved");
  EXPECT_EQ(run.action().attempt, 0U);
  EXPECT_TRUE(run.last.calls.empty());
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Send, a_document_never_chooses_another_path) {
  for (const char* name : {"", ".", ".."}) {
    SCOPED_TRACE(name);
    Json input = Json::object({{"name", name}});
    Json actions = Json::array();
    actions.push_back(Json::object({{"id", "a"}, {"tool", "box.put"}, {"input", input}}));
    Driver run(make_plan(Json::object({{"name", "p"}, {"actions", actions}}), {make_tool(natural())}));
    run.start();
    ASSERT_EQ(run.stage(), Stage::failed);
    EXPECT_EQ(run.error_code(), "call_unresolved");
  }
}

TEST(Send, an_answer_to_an_earlier_call_is_ignored) {
  Driver run = repeating(key());
  EXPECT_FALSE(run.answer_number(0, 1, done()));
  EXPECT_FALSE(run.answer_number(0, 3, done()));
  EXPECT_FALSE(run.answer_number(7, 1, done()));
  EXPECT_EQ(run.stage(), Stage::sending);
}

TEST(Send, the_key_is_a_base32hex_text_of_the_contracts_parts) {
  const std::string key_text = idempotency_key("default", "w1", "a", 0, "main", 0);
  EXPECT_EQ(key_text.size(), 32U);
  EXPECT_EQ(key_text.find_first_not_of("0123456789abcdefghijklmnopqrstuv"), std::string::npos);
  const std::string others[] = {
      idempotency_key("other", "w1", "a", 0, "main", 0),         idempotency_key("default", "w2", "a", 0, "main", 0),
      idempotency_key("default", "w1", "b", 0, "main", 0),       idempotency_key("default", "w1", "a", 1, "main", 0),
      idempotency_key("default", "w1", "a", 0, "compensate", 0), idempotency_key("default", "w1", "a", 0, "main", 1),
      idempotency_key("default", "w1a", "", 0, "main", 0)};
  for (const std::string& other : others) EXPECT_NE(other, key_text);
}

}  // namespace
}  // namespace settle::test
