// From executed to verified: the second look.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

ToolSpec spec(IdempotencyMode mode, bool tied = false) {
  ToolSpec out;
  out.mode = mode;
  out.tied = tied;
  return out;
}

Outcome ours(std::string_view value = "v") {
  Outcome out = seen(value);
  out.body->set("key", idempotency_key("default", "w1", "a", 0, "main", 0));
  return out;
}

TEST(ReadBack, matching_fields_verify_and_are_in_the_receipt) {
  Driver run = reading(spec(IdempotencyMode::key));
  EXPECT_EQ(*run.receipt().find("state"), Json("executed"));
  EXPECT_EQ(*run.receipt().find("confidence"), Json("acknowledged"));
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  const Json receipt = run.receipt();
  EXPECT_EQ(*receipt.find("effect"), Json("complete"));
  EXPECT_EQ(*receipt.find("confidence"), Json("read_back"));
  const Json& checks = *receipt.find("verification")->find("checks");
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(checks.as_array()[1],
            json(R"({"at": "/value", "operator": "equals", "expected": "v", "ok": true, "actual": "v"})"));
}

TEST(ReadBack, what_differs_is_looked_at_until_within_has_passed_and_then_fails) {
  struct Row {
    const char* name;
    Outcome outcome;
    Effect effect;
  };
  const Row rows[] = {
      {"one field differs", seen("other"), Effect::partial},
      {"all fields differ", answered(json(R"({"name": "x", "value": "y"})")), Effect::none},
      {"there is nothing", answered(json("{}")), Effect::none},
      {"an empty answer", answered(Json()), Effect::none},
      {"404", rejected(404), Effect::none},
      {"410", rejected(410), Effect::none},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver run = reading(spec(IdempotencyMode::key));
    const Time executed = *run.action().executed_at;
    look_on(run, row.outcome);
    EXPECT_EQ(run.stage(), Stage::failed);
    EXPECT_EQ(run.error_code(), "verification_mismatch");
    EXPECT_EQ(run.action().effect, row.effect);
    EXPECT_GE(run.now, executed + Duration(2'000));
    EXPECT_GT(run.happened("action.failed"), 0U);
    EXPECT_EQ(run.sends(), 1U) << "the call is never blindly repeated";
  }
}

TEST(ReadBack, what_settles_in_time_verifies) {
  Driver run = reading(spec(IdempotencyMode::key));
  run.answer(rejected(404));
  run.wake();
  run.answer(seen("old"));
  run.wake();
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(ReadBack, what_can_not_be_read_stays_executed_and_asks_for_a_person) {
  for (const Outcome& outcome : {rejected(403), not_sent(), ambiguous(), not_sent(429, Duration(3'000))}) {
    Driver run = reading(spec(IdempotencyMode::key));
    look_on(run, outcome);
    EXPECT_EQ(run.stage(), Stage::unverified);
    EXPECT_EQ(state_of(run.stage()), "executed");
    EXPECT_TRUE(run.workflow.header.attention);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::running);
    EXPECT_EQ(run.error_code(), "read_back_unreadable");
    EXPECT_EQ(*run.receipt().find("phase"), Json("unverified"));
  }
}

TEST(ReadBack, a_read_back_waits_as_long_as_the_provider_asks_but_not_past_its_limit) {
  Driver run = reading(spec(IdempotencyMode::key));
  run.answer(not_sent(429, Duration(45'000)));
  EXPECT_EQ(*run.action().wake_at, run.now + Duration(45'000));
  run.wake();
  run.answer(not_sent(429, Duration(86'400'000)));
  EXPECT_LE(*run.action().wake_at, *run.action().scheduled_at + Duration(60'000));
}

TEST(ReadBack, a_look_older_than_quiet_proves_nothing_in_mode_natural) {
  Driver run = repeating(spec(IdempotencyMode::natural));
  const Time closed = *run.action().closed_at;
  run.answer(done());
  EXPECT_EQ(run.stage(), Stage::read_wait);
  EXPECT_EQ(*run.action().wake_at, closed + Duration(5'000));
  run.wake();
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.action().confidence, Confidence::state_match) << "after doubt, and tied to nothing of ours";
}

TEST(ReadBack, a_look_that_began_before_the_execution_proves_nothing_even_if_it_matches) {
  Driver run = reading(spec(IdempotencyMode::key));
  Outcome early = seen();
  early.started = *run.action().executed_at - Duration(1);
  early.ended = run.now;
  EXPECT_TRUE(run.answer_number(0, run.call()->number, early));
  EXPECT_EQ(run.stage(), Stage::read_wait);
}

TEST(ReadBack, confidence_names_the_evidence) {
  struct Row {
    const char* name;
    IdempotencyMode mode;
    bool tied;
    bool doubt;
    Confidence want;
  };
  const Row rows[] = {
      {"no doubt", IdempotencyMode::key, false, false, Confidence::read_back},
      {"doubt, tied", IdempotencyMode::key, true, true, Confidence::read_back},
      {"doubt, not tied", IdempotencyMode::key, false, true, Confidence::state_match},
      {"natural, tied", IdempotencyMode::natural, true, true, Confidence::read_back},
      {"natural, not tied", IdempotencyMode::natural, false, true, Confidence::state_match},
      {"lookup, sent again after absence", IdempotencyMode::lookup, false, true, Confidence::state_match},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver run = row.doubt ? repeating(spec(row.mode, row.tied)) : running(spec(row.mode, row.tied));
    run.answer(done());
    look_on(run, ours());
    EXPECT_EQ(run.stage(), Stage::verified);
    EXPECT_EQ(run.action().confidence, row.want);
    EXPECT_EQ(*run.receipt().find("confidence"), Json(name_of(row.want)));
  }
}

struct TieRow {
  const char* name;
  const char* expect;
  bool tied;
};

TEST(ReadBack, a_tie_is_our_key_or_the_record_id_that_a_match_must_have_found) {
  const TieRow rows[] = {
      {"the key", R"([{"at": "/k", "equals": {"$from": "/idempotency_key"}}])", true},
      {"the record id", R"([{"at": "/k", "equals": {"$from": "/record_id"}}])", true},
      {"the place of the record id", R"([{"at": "/k", "equals": {"$from": "/output/id"}}])", true},
      {"below all", R"([{"all": [{"at": "/k", "contains": {"$text": "ref ${/record_id}"}}]}])", true},
      {"another part of the answer", R"([{"at": "/k", "equals": {"$from": "/output/value"}}])", false},
      {"one of several",
       R"([{"any": [{"at": "/k", "equals": {"$from": "/idempotency_key"}}, {"at": "/name", "exists": true}]}])", false},
      {"its opposite", R"([{"at": "/k", "not_equals": {"$from": "/idempotency_key"}}])", false},
      {"denied", R"([{"not": {"at": "/k", "equals": {"$from": "/idempotency_key"}}}])", false},
      {"the input", R"([{"at": "/k", "equals": {"$from": "/input/name"}}])", false},
  };
  for (const TieRow& row : rows) {
    SCOPED_TRACE(row.name);
    Json document = tool_document(spec(IdempotencyMode::key));
    document.find("verify")->set("expect", json(row.expect));
    EXPECT_EQ(compiled(document)->tied, row.tied);
  }
}

TEST(ReadBack, a_check_that_could_not_be_made_says_unknown_and_never_none) {
  Json document = tool_document(spec(IdempotencyMode::key));
  document.set("output_schema", json(R"({"type": "object", "properties": {"id": {"type": "string"}}})"));
  document.find("verify")->set("expect", json(R"([{"at": "/id", "equals": {"$from": "/record_id"}}])"));
  Driver run(plan_of(compiled(document)));
  run.start();
  run.answer(answered(json("{}")));
  look_on(run, seen());
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.action().effect, Effect::unknown);
}

TEST(ReadBack, an_endpoint_that_moved_is_not_asked_about_what_another_one_did) {
  Driver run = reading(spec(IdempotencyMode::key));
  ToolSpec moved = spec(IdempotencyMode::key);
  moved.host = "https://other.test";
  run.swap_tool(make_tool(moved));
  run.restart();
  EXPECT_EQ(run.stage(), Stage::unverified);
  EXPECT_EQ(run.error_code(), "endpoint_changed");
}

TEST(ReadBack, a_write_that_nothing_can_verify_ends_executed_and_its_receipt_says_why) {
  ToolSpec blind = spec(IdempotencyMode::key);
  blind.read_back = false;
  Driver run = running(blind);
  run.answer(done());
  EXPECT_EQ(run.stage(), Stage::executed);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::executed);
  EXPECT_EQ(*run.receipt().find("verification")->find("reason"), Json("a test"));
  EXPECT_EQ(*run.receipt().find("confidence"), Json("acknowledged"));
}

TEST(ReadBack, a_read_is_verified_by_its_own_answer_and_has_no_effect) {
  ToolSpec reads;
  reads.reads = true;
  Driver run = running(reads);
  run.answer(done());
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.action().confidence, Confidence::response);
  EXPECT_EQ(run.action().effect, Effect::none);
}

}  // namespace
}  // namespace settle::test
