// When nobody knows: what is in doubt is never called failed.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

/// Every send ends unclear, every look sees `look`, until nothing moves any more.
void exhaust(Driver& run, const Outcome& look) {
  for (int i = 0; i < 1'000; ++i) {
    if (run.call() != nullptr) {
      run.answer(run.stage() == Stage::sending ? ambiguous() : look);
    } else if (!run.wake()) {
      return;
    }
  }
  ADD_FAILURE() << "it never came to rest";
}

TEST(Doubt, exhaustion_is_in_doubt_and_never_failed) {
  struct Row {
    const char* name;
    ToolSpec tool;
    Outcome look;
    std::size_t sends;
  };
  ToolSpec blind_key = of_mode(IdempotencyMode::key);
  blind_key.read_back = false;
  ToolSpec searched_key = of_mode(IdempotencyMode::key);
  searched_key.key_lookup = true;
  const Row rows[] = {
      {"key, read-back shows nothing", of_mode(IdempotencyMode::key), rejected(404), 3},
      {"key, read-back shows something else", of_mode(IdempotencyMode::key), seen("other"), 3},
      {"key, read-back fails", of_mode(IdempotencyMode::key), ambiguous(), 3},
      {"key, nothing to look with", blind_key, rejected(404), 3},
      {"key, look-up fails", searched_key, rejected(500), 3},
      {"natural, read-back shows nothing", of_mode(IdempotencyMode::natural), rejected(404), 3},
      {"natural, read-back fails", of_mode(IdempotencyMode::natural), not_sent(), 3},
      {"lookup, look-up fails", of_mode(IdempotencyMode::lookup), rejected(404), 1},
      {"none, read-back shows nothing", of_mode(IdempotencyMode::none), rejected(404), 1},
      {"none, read-back shows something else", of_mode(IdempotencyMode::none), seen("other"), 1},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver run = running(row.tool);
    exhaust(run, row.look);
    EXPECT_EQ(run.stage(), Stage::in_doubt);
    EXPECT_EQ(run.sends(), row.sends);
    EXPECT_TRUE(run.workflow.header.attention);
    EXPECT_EQ(*run.receipt().find("state"), Json("pending"));
    EXPECT_EQ(*run.receipt().find("phase"), Json("in_doubt"));
    EXPECT_EQ(*run.receipt().find("effect"), Json("unknown"));
    EXPECT_EQ(*run.receipt().find("next_state"), Json("operator"));
  }
}

TEST(Doubt, the_time_limit_leaves_an_unclear_send_in_doubt) {
  ToolSpec patient = of_mode(IdempotencyMode::key);
  patient.attempts = 1'000'000;
  patient.read_back = false;
  Driver run = running(patient);
  run.answer(ambiguous());
  run.wake();
  for (int i = 0; i < 1'000 && run.stage() == Stage::sending; ++i) {
    run.answer(not_sent());
    run.wake();
  }
  EXPECT_EQ(run.stage(), Stage::in_doubt) << "the later sends are known not to have happened, the first is not";
}

TEST(Doubt, a_refused_repeat_says_nothing_about_the_earlier_send) {
  struct Row {
    const char* name;
    IdempotencyMode mode;
    Outcome look;
    Stage want;
    Effect effect;
  };
  const Row rows[] = {
      {"natural, and it is there", IdempotencyMode::natural, seen(), Stage::verified, Effect::complete},
      {"natural, and nothing is there", IdempotencyMode::natural, rejected(404), Stage::failed, Effect::none},
      {"natural, and a part of it is there", IdempotencyMode::natural, seen("other"), Stage::in_doubt, Effect::unknown},
      {"key, and it is there", IdempotencyMode::key, seen(), Stage::verified, Effect::complete},
      {"key, and nothing is there", IdempotencyMode::key, rejected(404), Stage::failed, Effect::none},
      {"key, and a part of it is there", IdempotencyMode::key, seen("other"), Stage::in_doubt, Effect::unknown},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver run = repeating(of_mode(row.mode));
    run.answer(rejected(409));
    EXPECT_EQ(run.stage(), Stage::settle_wait);
    EXPECT_EQ(run.happened("action.repeat_refused"), 1U);
    exhaust(run, row.look);
    EXPECT_EQ(run.stage(), row.want);
    EXPECT_EQ(run.action().effect, row.effect);
    EXPECT_EQ(run.sends(), 2U);
  }
}

TEST(Doubt, a_lost_record_id_does_not_turn_a_refused_repeat_into_a_failure) {
  Json document = tool_document(of_mode(IdempotencyMode::natural));
  document.find("verify")->set("expect", json(R"([{"at": "/id", "equals": {"$from": "/record_id"}}])"));
  Driver run(plan_of(compiled(document)));
  run.start();
  run.answer(ambiguous());
  run.wake();
  run.answer(rejected(409));
  exhaust(run, seen());
  EXPECT_EQ(run.stage(), Stage::in_doubt) << "the look could not compare anything";
}

TEST(Doubt, a_check_without_its_value_is_not_met_by_denying_it) {
  Json document = tool_document(of_mode(IdempotencyMode::key));
  document.find("verify")->set("expect", json(R"([{"not": {"at": "/id", "equals": {"$from": "/record_id"}}}])"));
  Driver run(plan_of(compiled(document)));
  run.start();
  run.answer(ambiguous());
  exhaust(run, answered(json("{}")));
  EXPECT_EQ(run.stage(), Stage::in_doubt);
}

TEST(Doubt, a_repeat_fits_the_keys_window_with_a_tenth_to_spare_or_is_not_sent) {
  struct Row {
    Duration window;
    Duration first_takes;
    std::size_t sends;
  };
  // The call may take 2 s, so that with a window of 20 s the last repeat begins 16 s after the first send.
  const Row rows[] = {{Duration(20'000), Duration(15'000), 3},
                      {Duration(20'000), Duration(17'000), 1},
                      {Duration(2'000), Duration(10), 1},
                      {Duration(9), Duration(10), 1}};
  for (const Row& row : rows) {
    ToolSpec tool = of_mode(IdempotencyMode::key);
    tool.window = row.window;
    Driver run = running(tool);
    run.answer(ambiguous(), 0, row.first_takes);
    exhaust(run, rejected(404));
    EXPECT_EQ(run.sends(), row.sends) << "window " << row.window.count();
    EXPECT_EQ(run.stage(), Stage::in_doubt);
  }
}

TEST(Doubt, the_window_is_checked_again_when_the_wait_is_over) {
  ToolSpec tool = of_mode(IdempotencyMode::key);
  tool.window = Duration(20'000);
  Driver run = running(tool);
  run.answer(ambiguous());
  EXPECT_EQ(run.stage(), Stage::backing_off);
  run.advance(Duration(17'000));  // the engine was busy, or down
  run.timer();
  EXPECT_EQ(run.sends(), 1U);
  EXPECT_NE(run.stage(), Stage::sending);
}

TEST(Doubt, a_repeat_under_a_key_says_until_when_it_may_leave) {
  ToolSpec tool = of_mode(IdempotencyMode::key);
  tool.window = Duration(20'000);
  Driver run = running(tool);
  const Time first = run.now;
  EXPECT_EQ(run.call()->leave_by, std::nullopt);
  run.answer(ambiguous());
  run.wake();
  EXPECT_EQ(run.sends(), 2U);
  EXPECT_EQ(run.call()->leave_by, first + Duration(16'000));
}

TEST(Doubt, a_key_with_a_look_up_is_sent_again_after_its_window_only_when_absent) {
  ToolSpec tool = of_mode(IdempotencyMode::key);
  tool.key_lookup = true;
  tool.window = Duration(2'000);
  Driver run = running(tool);
  run.answer(ambiguous());
  EXPECT_EQ(run.stage(), Stage::looking);
  run.answer(found(0));
  run.wake();
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(run.sends(), 2U);
}

TEST(Doubt, a_match_in_mode_none_settles_it_as_a_state) {
  for (const bool tied : {false, true}) {
    ToolSpec tool = of_mode(IdempotencyMode::none);
    tool.tied = tied;
    Driver run = running(tool);
    run.answer(ambiguous());
    EXPECT_EQ(run.stage(), Stage::settling);
    Outcome look = seen();
    look.body->set("key", idempotency_key("default", "w1", "a", 0, "main", 0));
    run.answer(look);
    EXPECT_EQ(run.stage(), Stage::verified);
    EXPECT_EQ(run.action().confidence, tied ? Confidence::read_back : Confidence::state_match);
    EXPECT_EQ(*run.receipt().find("executed_at"), Json()) << "no answer ever came";
  }
}

TEST(Doubt, a_match_before_quiet_does_not_settle_a_repeat) {
  Driver run = repeating(of_mode(IdempotencyMode::natural));
  run.answer(rejected(409));
  EXPECT_EQ(*run.action().wake_at, run.now + Duration(5'000));
}

TEST(Doubt, a_changed_endpoint_or_credential_is_never_asked_nor_sent_to) {
  struct Row {
    const char* name;
    IdempotencyMode mode;
    const char* host;
    const char* auth;
  };
  const Row rows[] = {
      {"look-up, other host", IdempotencyMode::lookup, "https://evil.test", ""},
      {"look-up, other port", IdempotencyMode::lookup, "https://box.test:8443", ""},
      {"look-up, other scheme", IdempotencyMode::lookup, "http://box.test", ""},
      {"look-up, other credential", IdempotencyMode::lookup, "https://box.test", "other"},
      {"key, other host", IdempotencyMode::key, "https://evil.test", ""},
      {"natural, other host", IdempotencyMode::natural, "https://evil.test", ""},
      {"none, other host", IdempotencyMode::none, "https://evil.test", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver run = running(of_mode(row.mode));
    ToolSpec changed = of_mode(row.mode);
    changed.host = row.host;
    changed.auth = row.auth;
    run.swap_tool(make_tool(changed));
    run.restart();
    if (run.stage() == Stage::backing_off) run.wake();
    EXPECT_EQ(run.stage(), Stage::in_doubt);
    EXPECT_EQ(run.error_code(), "endpoint_changed");
    EXPECT_EQ(run.sends(), 1U);
  }
}

TEST(Doubt, a_repeat_that_can_no_longer_be_prepared_is_in_doubt) {
  Json document = tool_document(of_mode(IdempotencyMode::key));
  document.find("execute")->set(
      "headers", json(R"({"Idempotency-Key": {"$from": "/idempotency_key"}, "X-Tenant": {"$text": "${tenant}"}})"));
  Driver run(plan_of(compiled(document, {{"tenant", "one"}})));
  run.start();
  run.answer(ambiguous());
  run.swap_tool(compiled(document, {{"tenant", "two\r\nX-Evil: 1"}}));
  run.wake();
  EXPECT_EQ(run.stage(), Stage::in_doubt) << "the first send may have happened";
  EXPECT_EQ(run.error_code(), "call_unresolved");
  EXPECT_EQ(run.action().attempt, 1U);
}

}  // namespace
}  // namespace settle::test
