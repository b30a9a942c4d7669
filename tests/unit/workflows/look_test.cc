// Mode lookup: what a look-up says, and what it never says.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

ToolSpec lookup() {
  ToolSpec out;
  out.mode = IdempotencyMode::lookup;
  return out;
}

Driver looking(const ToolSpec& spec = lookup()) {
  Driver out = running(spec);
  out.answer(ambiguous());
  EXPECT_EQ(out.stage(), Stage::looking);
  return out;
}

TEST(Look, what_is_found_is_adopted_and_read_back) {
  Driver run = looking();
  run.answer(found(1));
  EXPECT_EQ(run.stage(), Stage::reading);
  EXPECT_EQ(run.action().record_id, std::string("r1"));
  EXPECT_EQ(*run.receipt().find("state"), Json("executed"));
  EXPECT_EQ(*run.receipt().find("status_code"), Json(200))
      << "of the look-up, whose record takes the place of the lost answer";
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.action().confidence, Confidence::lookup);
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Look, absence_counts_only_when_quiet_has_passed_since_our_side_closed) {
  Driver run = looking();
  const Time closed = run.now;
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::look_wait);
  EXPECT_EQ(*run.action().wake_at, closed + Duration(5'000));
  run.wake();
  EXPECT_EQ(run.sends(), 1U);
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(run.sends(), 2U);
  EXPECT_FALSE(run.action().unclear);
}

TEST(Look, a_look_that_began_before_quiet_was_over_does_not_count_although_it_ended_after) {
  Driver run = looking();
  run.answer(found(0), 0, Duration(6'000));
  EXPECT_EQ(run.stage(), Stage::look_wait);
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Look, quiet_counts_anew_when_the_clock_has_leapt) {
  Driver run = looking();
  run.answer(found(0));
  run.advance(Duration(10'000));
  run.leapt = run.now;  // of that time hardly anything has passed outside
  run.timer();
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::look_wait);
  EXPECT_EQ(*run.action().wake_at, run.leapt + Duration(5'000));
  run.wake();
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::sending);
}

TEST(Look, after_a_crash_quiet_counts_from_start_up) {
  Driver run = running(lookup());
  run.advance(Duration(30'000));
  run.restart();
  const Time up = run.now;
  EXPECT_EQ(run.stage(), Stage::looking);
  run.answer(found(0));
  EXPECT_EQ(*run.action().wake_at, up + Duration(5'000));
}

TEST(Look, what_can_not_be_read_is_never_a_reason_to_send) {
  struct Row {
    const char* name;
    Outcome outcome;
  };
  const Row rows[] = {
      {"404", rejected(404)},
      {"403", rejected(403)},
      {"503", not_sent(503, Duration(100))},
      {"timeout", ambiguous()},
      {"no pointer", answered(json(R"({"results": []})"))},
      {"not a list", answered(json(R"({"items": {}})"))},
      {"null", answered(json(R"({"items": null})"))},
      {"empty body", answered(Json())},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver run = looking();
    for (int i = 0; i < 200 && run.stage() != Stage::in_doubt; ++i) {
      run.answer(row.outcome);
      if (run.stage() != Stage::in_doubt) run.wake();
    }
    EXPECT_EQ(run.stage(), Stage::in_doubt);
    EXPECT_EQ(run.error_code(), "look_up_unreadable");
    EXPECT_EQ(run.sends(), 1U);
    EXPECT_TRUE(run.workflow.header.attention);
    EXPECT_FALSE(run.wake()) << "nothing is left to wait for";
  }
}

TEST(Look, it_does_not_ask_again_before_the_provider_allows_it) {
  Driver run = looking();
  run.answer(not_sent(429, Duration(20'000)));
  EXPECT_GE(*run.action().wake_at, run.now + Duration(20'000));
}

TEST(Look, two_records_are_a_duplicate_that_a_person_sees) {
  Driver run = looking();
  run.answer(found(2));
  EXPECT_EQ(run.stage(), Stage::in_doubt);
  EXPECT_EQ(run.error_code(), "duplicate_found");
  EXPECT_TRUE(run.workflow.header.attention);
  EXPECT_EQ(*run.receipt().find("effect"), Json("unknown"));
}

TEST(Look, a_record_that_is_no_answer_of_the_tool_is_not_adopted) {
  for (const char* record :
       {R"({"items": [{"name": "x"}]})", R"({"items": [7]})", R"({"items": [{"id": "r1", "error": "broken"}]})"}) {
    SCOPED_TRACE(record);
    Driver run = looking();
    run.answer(answered(json(record)));
    EXPECT_EQ(run.stage(), Stage::in_doubt);
    EXPECT_EQ(run.error_code(), "look_up_schema_violation");
    EXPECT_FALSE(run.action().output);
  }
}

TEST(Look, a_refusal_after_absence_is_looked_at_since_it_may_be_about_a_late_first_write) {
  Driver run = repeating(lookup());
  run.answer(rejected(409));
  EXPECT_EQ(run.stage(), Stage::looking);
  run.answer(found(1));
  EXPECT_EQ(run.stage(), Stage::reading);
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Look, a_refused_repeat_fails_once_absence_has_been_seen_quiet_after_the_last_send) {
  Driver run = repeating(lookup());
  run.answer(rejected(422));
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::look_wait) << "quiet counts from the last send";
  run.wake();
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "http_422");
  EXPECT_EQ(run.action().effect, Effect::none);
}

TEST(Look, absence_after_the_last_attempt_is_a_failure_with_no_effect) {
  ToolSpec once = lookup();
  once.attempts = 1;
  Driver run = looking(once);
  run.answer(found(0));
  run.wake();
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "attempts_exhausted");
  EXPECT_EQ(run.action().effect, Effect::none);
}

TEST(Look, an_adopted_record_that_differs_is_a_mismatch) {
  Driver run = looking();
  run.answer(found(1));
  while (run.stage() == Stage::reading) {
    run.answer(seen("something else"));
    if (run.stage() == Stage::read_wait) run.wake();
  }
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "verification_mismatch");
  EXPECT_EQ(run.action().effect, Effect::partial);
}

}  // namespace
}  // namespace settle::test
