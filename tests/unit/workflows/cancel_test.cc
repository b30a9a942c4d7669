// Cancellation: no new send and no resend; what is under way is recorded, what is unclear is still looked at.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

TEST(Cancel, a_call_in_flight_runs_to_its_end_and_is_recorded) {
  struct Row {
    const char* name;
    Outcome outcome;
    Stage want;
  };
  const Row rows[] = {
      {"answered", done(), Stage::reading},           {"rejected", rejected(422), Stage::failed},
      {"not sent", not_sent(), Stage::cancelled},     {"429", not_sent(429, Duration(50'000)), Stage::cancelled},
      {"ambiguous", ambiguous(), Stage::settle_wait},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Driver run = running(of_mode(IdempotencyMode::key));
    run.cancel();
    EXPECT_EQ(run.stage(), Stage::sending);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::cancelling);
    run.answer(row.outcome);
    EXPECT_EQ(run.stage(), row.want);
    EXPECT_EQ(run.sends(), 1U);
  }
}

TEST(Cancel, a_wait_for_a_send_ends_at_once_unless_an_earlier_one_is_unclear) {
  Driver refused = running(of_mode(IdempotencyMode::key));
  refused.answer(not_sent());
  refused.cancel();
  EXPECT_EQ(refused.stage(), Stage::cancelled);
  EXPECT_EQ(refused.workflow.header.outcome, WorkflowOutcome::cancelled);
  EXPECT_EQ(refused.action().effect, Effect::none);

  Driver unclear = running(of_mode(IdempotencyMode::key));
  unclear.answer(ambiguous());
  unclear.cancel();
  EXPECT_EQ(unclear.stage(), Stage::settle_wait);
  unclear.wake();
  unclear.answer(seen());
  EXPECT_EQ(unclear.stage(), Stage::verified) << "it happened, and is reported so";
}

TEST(Cancel, what_is_shown_absent_is_not_sent_again) {
  Driver run = running(of_mode(IdempotencyMode::lookup));
  run.answer(ambiguous());
  run.cancel();
  run.answer(found(0));
  run.wake();
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::cancelled);
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Cancel, a_workflow_does_not_end_while_something_is_in_doubt) {
  ToolSpec blind = of_mode(IdempotencyMode::none);
  blind.read_back = false;
  Driver run = running(blind);
  run.cancel();
  run.answer(ambiguous());
  EXPECT_EQ(run.stage(), Stage::in_doubt);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::cancelling);
  EXPECT_TRUE(run.workflow.header.attention);
  EXPECT_FALSE(run.wake());
}

TEST(Cancel, a_crash_while_cancelling_resends_nothing) {
  ToolSpec reads;
  reads.reads = true;
  for (const ToolSpec& tool : {of_mode(IdempotencyMode::key), of_mode(IdempotencyMode::natural),
                               of_mode(IdempotencyMode::lookup), of_mode(IdempotencyMode::none), reads}) {
    SCOPED_TRACE(std::string(name_of(tool.mode)) + (tool.reads ? " (reads)" : ""));
    Driver run = running(tool);
    run.cancel();
    run.restart();
    for (int i = 0; i < 100 && (run.call() != nullptr || run.wake()); ++i) {
      if (run.call() != nullptr) run.answer(tool.mode == IdempotencyMode::lookup ? found(0) : rejected(404));
    }
    EXPECT_EQ(run.sends(), 1U);
    EXPECT_TRUE(is_final(run.stage()) || is_parked(run.stage()));
  }
}

TEST(Cancel, it_is_accepted_once_and_only_while_the_workflow_runs) {
  Driver run = running(of_mode(IdempotencyMode::key));
  EXPECT_TRUE(run.cancel());
  EXPECT_FALSE(run.cancel());
  run.answer(rejected(422));
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_FALSE(run.cancel());
}

}  // namespace
}  // namespace settle::test
