// A crash at each stage: an intent without an answer may have happened, and a look is simply taken again.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

TEST(Restart, an_intent_without_an_answer_counts_as_unclear) {
  ToolSpec reads;
  reads.reads = true;
  ToolSpec blind = of_mode(IdempotencyMode::none);
  blind.read_back = false;
  struct Row {
    const char* name;
    ToolSpec tool;
    Stage want;
  };
  const Row rows[] = {
      {"key", of_mode(IdempotencyMode::key), Stage::backing_off},
      {"natural", of_mode(IdempotencyMode::natural), Stage::backing_off},
      {"lookup", of_mode(IdempotencyMode::lookup), Stage::looking},
      {"none", of_mode(IdempotencyMode::none), Stage::settling},
      {"none, unreadable", blind, Stage::in_doubt},
      {"read", reads, Stage::sending},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver run = running(row.tool);
    const std::uint32_t lost = run.call()->number;
    run.restart();
    EXPECT_EQ(run.stage(), row.want);
    EXPECT_EQ(run.action().unclear, !row.tool.reads);
    EXPECT_FALSE(run.answer_number(0, lost, done())) << "an answer from before the crash";
  }
}

TEST(Restart, a_read_is_not_made_again_once_its_time_is_over) {
  ToolSpec reads;
  reads.reads = true;
  Driver run = running(reads);
  run.advance(reads.schedule_to_close);
  run.restart();
  EXPECT_EQ(run.sends(), 1U);
  run.wake();
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "schedule_to_close_timeout");
}

TEST(Restart, a_crash_in_every_attempt_ends_in_doubt_and_never_in_a_failure) {
  for (const IdempotencyMode mode : {IdempotencyMode::key, IdempotencyMode::natural}) {
    Driver run = running(of_mode(mode));
    for (int i = 0; i < 50 && run.stage() != Stage::in_doubt; ++i) {
      if (run.stage() == Stage::sending) {
        run.restart();
      } else if (run.call() != nullptr) {
        run.answer(rejected(404));
      } else {
        run.wake();
      }
    }
    EXPECT_EQ(run.stage(), Stage::in_doubt);
    EXPECT_EQ(run.sends(), 3U);
  }
}

TEST(Restart, a_look_that_was_under_way_is_taken_again) {
  Driver looking = running(of_mode(IdempotencyMode::lookup));
  looking.answer(ambiguous());
  Driver settling = running(of_mode(IdempotencyMode::none));
  settling.answer(ambiguous());
  Driver read = reading(of_mode(IdempotencyMode::key));
  for (Driver* run : {&looking, &settling, &read}) {
    const Stage before = run->stage();
    SCOPED_TRACE(name_of(before));
    const std::uint32_t lost = run->call()->number;
    run->restart();
    EXPECT_EQ(run->stage(), before);
    EXPECT_EQ(run->call()->number, lost + 1);
    EXPECT_FALSE(run->answer_number(0, lost, found(0)));
  }
}

TEST(Restart, what_waits_for_a_timer_or_a_person_is_left_alone) {
  Driver backing_off = running(of_mode(IdempotencyMode::key));
  backing_off.answer(ambiguous());
  Driver look_wait = running(of_mode(IdempotencyMode::lookup));
  look_wait.answer(ambiguous());
  look_wait.answer(found(0));
  Driver read_wait = reading(of_mode(IdempotencyMode::key));
  read_wait.answer(rejected(404));
  Driver settle_wait = repeating(of_mode(IdempotencyMode::natural));
  settle_wait.answer(rejected(409));
  for (Driver* run : {&backing_off, &look_wait, &read_wait, &settle_wait}) {
    SCOPED_TRACE(name_of(run->stage()));
    const std::string before = dump(run->action());
    EXPECT_TRUE(run->restart()) << "its history says that it was resumed";
    EXPECT_EQ(dump(run->action()), before);
    EXPECT_TRUE(run->last.calls.empty() && run->last.receipts.empty());
  }
  Driver in_doubt = running(of_mode(IdempotencyMode::lookup));
  in_doubt.answer(ambiguous());
  in_doubt.answer(found(2));
  Driver ended = reading(of_mode(IdempotencyMode::key));
  ended.answer(seen());
  EXPECT_FALSE(in_doubt.restart());
  EXPECT_FALSE(ended.restart());
}

TEST(Restart, a_look_that_our_own_shutdown_ended_says_nothing_even_when_time_is_up) {
  Driver looking = running(of_mode(IdempotencyMode::lookup));
  looking.answer(ambiguous());
  Driver settling = running(of_mode(IdempotencyMode::none));
  settling.answer(ambiguous());
  Driver read = reading(of_mode(IdempotencyMode::key));
  for (Driver* run : {&looking, &settling, &read}) {
    SCOPED_TRACE(name_of(run->stage()));
    run->answer(ambiguous("engine_stopping"), 0, Duration(3'600'000));
    EXPECT_FALSE(is_parked(run->stage()));
    EXPECT_EQ(run->receipts.size(), run == &read ? 1U : 0U);
    run->wake();
    EXPECT_NE(run->call(), nullptr);
  }
}

TEST(Restart, mode_none_is_never_sent_again) {
  Driver run = running(of_mode(IdempotencyMode::none));
  for (int i = 0; i < 100; ++i) {
    run.restart();
    if (run.call() != nullptr) run.answer(rejected(404));
    run.wake();
  }
  EXPECT_EQ(run.sends(), 1U);
  EXPECT_EQ(run.stage(), Stage::in_doubt);
}

}  // namespace
}  // namespace settle::test
