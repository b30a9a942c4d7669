// The look before the first send: taken once, recorded with the intent, and what only a difference shows.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

constexpr std::string_view members =
    R"({"before": {"connector": "http", "method": "GET", "url": "https://box.test/account"},
  "expect": [{"at": "/balance", "increased_by": 10}]})";

Outcome balance(std::string_view number) {
  return answered(json(R"({"balance": )" + std::string(number) + "}"));
}

Driver paying(IdempotencyMode mode = IdempotencyMode::key) {
  return begun(with_verify(of_mode(mode), members));
}

TEST(Before, it_is_read_and_recorded_before_anything_is_sent) {
  Driver run = paying();
  EXPECT_EQ(run.stage(), Stage::before_reading);
  EXPECT_EQ(state_of(run.stage()), "pending");
  EXPECT_EQ(phase_of(run.action()), "executing");
  EXPECT_EQ(run.sends(), 0U);
  EXPECT_TRUE(run.call()->at_once) << "a safe read needs no intent";
  EXPECT_EQ(run.call()->call.url, "https://box.test/account");
  run.answer(balance("100"));
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(run.last.new_befores, std::vector<ActionIndex>{0}) << "recorded in the batch of the intent";
  EXPECT_FALSE(run.call()->at_once);
  EXPECT_EQ(*run.action().before, json(R"({"balance": 100})"));
  run.answer(done());
  run.answer(balance("110"));
  EXPECT_EQ(run.stage(), Stage::verified);
  const Json verification = *run.receipt().find("verification");
  EXPECT_EQ(verification.find("checks")->as_array()[0],
            json(R"({"at": "/balance", "operator": "increased_by", "expected": 10, "ok": true, "actual": 10})"));
  const Json& before = *verification.find("before");
  EXPECT_EQ(*before.find("summary"), json(R"({"balance": 100})"));
  EXPECT_TRUE(before.find("digest")->as_string().starts_with("sha256:"));
  EXPECT_EQ(*before.find("observed_at"), Json(format_time(*run.action().before_at)));
}

TEST(Before, differences_are_exact_and_types_never_mix) {
  struct Row {
    const char* op;
    const char* expected;
    const char* before;
    const char* after;
    bool match;
  };
  const Row rows[] = {
      {"increased_by", "10", "100", "110", true},
      {"increased_by", "10", "100", "111", false},
      {"increased_by", "0.1", "0.2", "0.3", true},
      {"increased_by", "0.1", "0.7", "0.8", true},
      {"increased_by", "1", "9007199254740993000000000000000001", "9007199254740993000000000000000002", true},
      {"increased_by", "1", "9007199254740993000000000000000001", "9007199254740993000000000000000001", false},
      {"increased_by", "-5", "10", "5", true},
      {"increased_by", "0", "5", "5.0", true},
      {"decreased_by", "30", "100", "70", true},
      {"decreased_by", "30", "10", "-20", true},
      {"decreased_by", "30", "70", "100", false},
      {"increased_by", "1", "\"1\"", "2", false},
      {"increased_by", "1", "1", "\"2\"", false},
      {"increased_by", "1", "null", "1", false},
      {"increased_by", "1", "1", "1e400000", false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.op) + " " + row.expected + ": " + row.before + " to " + row.after);
    const auto read = [](const char* text) {
      return *read_json(std::string(R"({"n": )") + text + "}", {.numbers = JsonNumbers::exact});
    };
    Driver run = begun(
        with_verify(of_mode(), R"({"before": {"connector": "http", "method": "GET", "url": "https://box.test/account"},
        "expect": [{"at": "/n", ")" +
                                   std::string(row.op) + R"(": )" + row.expected + "}]}"));
    run.answer(answered(read(row.before)));
    run.answer(done());
    look_on(run, answered(read(row.after)));
    EXPECT_EQ(run.stage(), row.match ? Stage::verified : Stage::failed);
  }
}

TEST(Before, expectations_see_it_and_so_does_the_call) {
  Json document =
      with_verify(of_mode(), R"({"before": {"connector": "http", "method": "GET", "url": "https://box.test/account"},
    "expect": [{"at": "/owner", "equals": {"$from": "/before/owner"}}]})");
  document = changed(document, "/execute/headers/If-Match", R"({"$from": "/before/etag"})");
  Driver run = begun(document);
  run.answer(answered(json(R"({"owner": "ada", "etag": "e7"})")));
  const std::vector<std::pair<std::string, std::string>>& headers = run.call()->call.headers;
  EXPECT_TRUE(std::find(headers.begin(), headers.end(), std::pair<std::string, std::string>("If-Match", "e7")) !=
              headers.end());
  run.answer(done());
  run.answer(answered(json(R"({"owner": "ada"})")));
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Before, what_is_not_there_is_an_answer_and_nothing_can_be_compared_with_it) {
  for (const int status : {404, 410}) {
    Driver run = paying();
    run.answer(rejected(status));
    EXPECT_EQ(run.stage(), Stage::sending);
    EXPECT_EQ(*run.action().before, Json());
    run.answer(done());
    look_on(run, balance("10"));
    EXPECT_EQ(run.stage(), Stage::failed);
    EXPECT_EQ(run.action().effect, Effect::unknown) << "the check could not be made";
  }
}

TEST(Before, what_can_not_be_read_is_asked_for_until_the_time_is_over_and_nothing_is_sent) {
  for (const Outcome& outcome : {rejected(403), not_sent(), ambiguous(), not_sent(503, Duration(2'000))}) {
    Driver run = paying();
    const Time began = run.now;
    look_on(run, outcome);
    EXPECT_EQ(run.stage(), Stage::failed);
    EXPECT_EQ(run.error_code(), "before_unreadable");
    EXPECT_EQ(run.action().effect, Effect::none);
    EXPECT_EQ(run.sends(), 0U);
    EXPECT_GE(run.now, began + Duration(60'000));
  }
}

TEST(Before, an_answer_that_does_not_fit_its_schema_is_not_readable) {
  Driver run = begun(
      with_verify(of_mode(), R"({"before": {"connector": "http", "method": "GET", "url": "https://box.test/account",
      "output_schema": {"type": "object", "required": ["balance"]}}})"));
  run.answer(answered(json("{}")));
  EXPECT_EQ(run.stage(), Stage::before_wait);
  EXPECT_EQ(run.error_code(), "output_schema_violation");
  run.wake();
  run.answer(balance("1"));
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_FALSE(run.action().error);
}

TEST(Before, it_is_taken_once_whatever_becomes_of_the_sends) {
  Driver run = paying();
  run.answer(balance("100"));
  run.answer(ambiguous());
  run.wake();
  EXPECT_EQ(run.stage(), Stage::sending) << "a repeat";
  run.restart();
  run.wake();
  EXPECT_EQ(run.stage(), Stage::sending) << "and one after a crash";
  EXPECT_EQ(run.sends(), 3U);
  run.answer(done());
  run.answer(balance("110"));
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.happened("action.before"), 1U);
  EXPECT_EQ(run.action().confidence, Confidence::state_match) << "somebody else may have paid: a difference is no tie";
}

TEST(Before, a_restart_asks_again_while_nothing_was_sent) {
  Driver run = paying();
  run.restart();
  EXPECT_EQ(run.stage(), Stage::before_reading);
  run.answer(rejected(500));
  EXPECT_EQ(run.stage(), Stage::before_wait);
  EXPECT_FALSE(run.workflow.header.attention);
  run.restart();
  EXPECT_EQ(run.stage(), Stage::before_wait);
  run.wake();
  run.answer(balance("1"));
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_FALSE(run.action().doubted);
}

TEST(Before, a_cancelled_workflow_sends_nothing) {
  Driver reading = paying();
  reading.cancel();
  EXPECT_EQ(reading.stage(), Stage::before_reading) << "the call under way is heard";
  reading.answer(balance("1"));
  EXPECT_EQ(reading.stage(), Stage::cancelled);
  Driver waiting = paying();
  waiting.answer(ambiguous());
  waiting.cancel();
  EXPECT_EQ(waiting.stage(), Stage::cancelled);
  Driver unreadable = paying();
  unreadable.cancel();
  unreadable.answer(ambiguous());
  EXPECT_EQ(unreadable.stage(), Stage::cancelled);
  Driver crashed = paying();
  crashed.cancel();
  crashed.restart();
  EXPECT_EQ(crashed.stage(), Stage::cancelled);
  for (const Driver* run : {&reading, &waiting, &unreadable, &crashed}) {
    EXPECT_EQ(run->sends(), 0U);
    EXPECT_EQ(run->workflow.header.outcome, WorkflowOutcome::cancelled);
  }
}

TEST(Before, after_a_failure_what_has_only_looked_is_cancelled) {
  const std::shared_ptr<const Tool> tool = compiled(with_verify(of_mode(), members));
  for (const bool waits : {false, true}) {
    Driver run(make_plan(json(R"({"name": "p", "actions": [
      {"id": "a", "tool": "box.put", "input": {"name": "a"}}, {"id": "b", "tool": "box.put", "input": {"name": "b"}}]})"),
                         {tool}));
    run.start();
    run.answer(balance("1"), 0);
    if (waits) run.answer(ambiguous(), 1);
    run.answer(rejected(422), 0);
    if (!waits) run.answer(balance("1"), 1);
    EXPECT_EQ(run.stage(1), Stage::cancelled) << "nothing new starts";
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
    EXPECT_EQ(run.sends(), 1U);
  }
}

TEST(Before, the_deadline_of_the_plan_ends_it) {
  for (const bool waits : {false, true}) {
    const std::shared_ptr<const Tool> tool = compiled(with_verify(of_mode(), members));
    Driver run(make_plan(
        json(R"({"name": "p", "deadline": "5s", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n"}}]})"),
        {tool}));
    run.start();
    if (waits) run.answer(ambiguous());
    run.advance(Duration(10'000));
    run.timer();
    if (!waits) run.answer(balance("1"));
    EXPECT_EQ(run.stage(), Stage::failed);
    EXPECT_EQ(run.error_code(), "deadline_exceeded");
    EXPECT_EQ(run.action().effect, Effect::none);
    EXPECT_EQ(run.sends(), 0U);
  }
}

TEST(Before, a_call_that_can_not_be_made_fails_before_anything_is_sent) {
  Json document = with_verify(of_mode(), R"({"before": {"connector": "http", "method": "GET",
    "url": {"$text": "https://box.test/${/input/value}"}}})");
  Driver run(make_plan(json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n"}}]})"),
                       {compiled(document)}));
  run.start();
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "call_unresolved");
}

TEST(Before, elements_fallbacks_and_compensations_take_one_of_their_own) {
  const std::shared_ptr<const Tool> tool = compiled(with_verify(of_mode(), members));
  Driver list(make_plan(json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "for_each": ["x", "y"],
    "input": {"name": {"$from": "/item"}}}]})"),
                        {tool}));
  list.start();
  EXPECT_EQ(list.stage(1), Stage::before_reading);
  EXPECT_EQ(list.stage(2), Stage::before_reading);

  Driver other(make_plan(
      json(
          R"({"name": "p", "on_failure": "compensate", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n"},
    "fallback": {"tool": "box.put", "input": {"name": "f"}, "compensate": {"tool": "box.put", "input": {"name": "u"}}}},
    {"id": "b", "tool": "box.put", "input": {"name": "b"}, "after": ["a"]}]})"),
      {tool}));
  other.start();
  other.answer(balance("0"));
  other.answer(rejected(422));
  EXPECT_EQ(other.stage(2), Stage::before_reading) << "the fallback";
  other.answer(balance("5"), 2);
  other.answer(done(), 2);
  other.answer(balance("15"), 2);
  EXPECT_EQ(other.stage(2), Stage::verified) << "compared with its own";
  other.answer(balance("15"), 1);
  other.answer(rejected(422), 1);
  EXPECT_EQ(other.stage(3), Stage::before_reading) << "the undoing";
}

TEST(Before, an_increase_of_another_size_is_not_nothing) {
  Driver run = paying();
  run.answer(balance("100"));
  run.answer(done());
  look_on(run, balance("107"));
  EXPECT_EQ(run.error_code(), "verification_mismatch");
  EXPECT_EQ(run.action().effect, Effect::unknown) << "something has changed, and nobody can say by whom";
  Driver same = paying();
  same.answer(balance("100"));
  same.answer(done());
  look_on(same, balance("100"));
  EXPECT_EQ(same.action().effect, Effect::none);
}

TEST(Before, while_paused_it_is_recorded_and_nothing_is_sent) {
  Driver run = paying();
  run.pause();
  run.answer(balance("100"));
  EXPECT_EQ(run.stage(), Stage::backing_off);
  EXPECT_EQ(run.sends(), 0U);
  run.resume();
  EXPECT_EQ(run.stage(), Stage::sending);
  EXPECT_EQ(*run.action().before, json(R"({"balance": 100})"));
}

TEST(Before, a_retry_takes_it_anew_where_nothing_can_have_happened) {
  Driver run = paying();
  run.answer(balance("100"));
  run.answer(rejected(422));
  EXPECT_EQ(run.retry(), "");
  EXPECT_EQ(run.stage(), Stage::before_reading);
  run.answer(balance("300"));
  run.answer(done());
  run.answer(balance("310"));
  EXPECT_EQ(run.stage(), Stage::verified);
}

}  // namespace
}  // namespace settle::test
