// "Still settling": neither a match nor a mismatch.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

constexpr std::string_view members = R"({"expect": [{"at": "/status", "equals": "paid"}],
  "pending": [{"at": "/status", "equals": "processing"}, {"at": "/locked", "equals": true}]})";

Outcome status(std::string_view text, bool locked = false) {
  return answered(Json::object({{"status", text}, {"locked", locked}}));
}

Driver paid(IdempotencyMode mode = IdempotencyMode::key, int code = 200) {
  Driver run = begun(with_verify(of_mode(mode), members));
  Outcome accepted = done();
  accepted.status = code;
  run.answer(accepted);
  return run;
}

TEST(Pending, it_is_polled_until_it_settles) {
  Driver run = paid();
  for (int i = 0; i < 4; ++i) {
    run.answer(status("processing"));
    EXPECT_EQ(run.stage(), Stage::read_wait);
    run.wake();
  }
  run.answer(status("paid"));
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Pending, accepted_is_executed_and_polled_in_the_same_way) {
  Driver run = paid(IdempotencyMode::key, 202);
  EXPECT_EQ(run.stage(), Stage::reading);
  EXPECT_EQ(*run.receipt().find("status_code"), Json(202));
  EXPECT_EQ(*run.receipt().find("state"), Json("executed"));
  run.answer(status("processing"));
  run.wake();
  run.answer(status("paid"));
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Pending, what_never_settles_is_unverified_and_asks_for_a_person) {
  Driver run = paid();
  const Time executed = *run.action().executed_at;
  look_on(run, status("processing"));
  EXPECT_EQ(run.stage(), Stage::unverified);
  EXPECT_EQ(run.error_code(), "verification_pending");
  EXPECT_TRUE(run.workflow.header.attention);
  EXPECT_GE(run.now, executed + Duration(2'000));
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Pending, a_match_that_is_still_settling_is_no_match) {
  Driver run = paid();
  run.answer(status("paid", true));
  EXPECT_EQ(run.stage(), Stage::read_wait);
  look_on(run, status("paid", true));
  EXPECT_EQ(run.stage(), Stage::unverified);
}

TEST(Pending, what_no_check_foresaw_is_never_a_match) {
  Driver run = paid();
  look_on(run, status("something new"));
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "verification_mismatch");
}

TEST(Pending, not_there_is_not_settling) {
  Driver run = begun(with_verify(of_mode(), R"({"pending": [{"at": "/status", "absent": true}]})"));
  run.answer(done());
  look_on(run, rejected(404));
  EXPECT_EQ(run.error_code(), "verification_mismatch");
  EXPECT_EQ(run.action().effect, Effect::none);
}

TEST(Pending, after_a_lost_answer_it_leaves_the_doubt) {
  Driver run = begun(with_verify(of_mode(IdempotencyMode::none), members));
  run.answer(ambiguous());
  look_on(run, status("processing"));
  EXPECT_EQ(run.stage(), Stage::in_doubt);
  EXPECT_EQ(run.error_code(), "verification_pending");
  EXPECT_EQ(run.action().effect, Effect::unknown);
}

TEST(Pending, a_refused_repeat_is_not_taken_for_absence_while_it_settles) {
  Driver run = begun(with_verify(of_mode(IdempotencyMode::natural), members));
  run.answer(ambiguous());
  run.wake();
  run.answer(rejected(409));
  look_on(run, status("processing"));
  EXPECT_EQ(run.stage(), Stage::in_doubt) << "never failed: it may have happened";
}

}  // namespace
}  // namespace settle::test
