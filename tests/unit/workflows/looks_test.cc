// Several looks, the look that needs no lost answer, and answers that do not fit their schemas.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

constexpr std::string_view two_looks = R"({"read": null, "expect": null, "reads": [
  {"name": "order", "read": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/orders/${/record_id}"}},
   "expect": [{"at": "/name", "equals": {"$from": "/input/name"}}]},
  {"name": "ledger", "read": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/ledger/${/record_id}"}},
   "expect": [{"at": "/sum", "equals": 7}]}]})";

Driver executed(std::string_view members = two_looks) {
  Driver run = begun(with_verify(of_mode(), members));
  run.answer(done());
  return run;
}

Outcome order(std::string_view name = "n") {
  return answered(Json::object({{"name", name}}));
}
Outcome ledger(int sum = 7) {
  return answered(Json::object({{"sum", sum}}));
}

/// Both looks, alike each time, until the action is final or parked.
void look_on(Driver& run, const Outcome& first, const Outcome& second) {
  for (int i = 0; i < 1'000 && !is_final(run.stage()) && !is_parked(run.stage()); ++i) {
    const CallEffect* call = run.call();
    if (call == nullptr) {
      run.wake();
    } else {
      run.answer(call->call.url.find("orders") != std::string::npos ? first : second);
    }
  }
}

TEST(Looks, all_of_them_must_match_one_after_the_other) {
  Driver run = executed();
  EXPECT_NE(run.call()->call.url.find("orders"), std::string::npos);
  run.answer(order());
  EXPECT_EQ(run.stage(), Stage::reading);
  EXPECT_NE(run.call()->call.url.find("ledger"), std::string::npos);
  run.answer(ledger());
  EXPECT_EQ(run.stage(), Stage::verified);
  const Json checks = *run.receipt().find("verification")->find("checks");
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(*checks.as_array()[0].find("read"), Json("order"));
  EXPECT_EQ(*checks.as_array()[1].find("read"), Json("ledger"));
}

TEST(Looks, one_that_differs_fails_and_everything_that_differs_is_told) {
  Driver run = executed();
  look_on(run, order("m"), ledger(8));
  EXPECT_EQ(run.error_code(), "verification_mismatch");
  EXPECT_NE(run.action().error->message.find("order: /name"), std::string::npos);
  EXPECT_NE(run.action().error->message.find("ledger: /sum"), std::string::npos);
  EXPECT_EQ(run.action().effect, Effect::none);
  Driver half = executed();
  look_on(half, order(), rejected(404));
  EXPECT_EQ(half.error_code(), "verification_mismatch");
  EXPECT_EQ(half.action().effect, Effect::partial);
}

TEST(Looks, one_that_can_not_be_read_leaves_it_unverified) {
  Driver run = executed();
  look_on(run, order(), rejected(403));
  EXPECT_EQ(run.stage(), Stage::unverified);
  EXPECT_EQ(run.error_code(), "read_back_unreadable");
}

TEST(Looks, a_restart_takes_the_first_one_again) {
  Driver run = executed();
  run.answer(order());
  run.restart();
  EXPECT_NE(run.call()->call.url.find("orders"), std::string::npos);
  look_on(run, order(), ledger());
  EXPECT_EQ(run.stage(), Stage::verified);
}

TEST(Looks, they_are_tied_when_each_is) {
  EXPECT_TRUE(compiled(with_verify(of_mode(), two_looks))->tied);
  Json document = with_verify(of_mode(), two_looks);
  document = changed(document, "/verify/reads/1/read/url", R"("https://box.test/ledger")");
  EXPECT_FALSE(compiled(document)->tied) << "what the second shows may be somebody else's doing";
}

constexpr std::string_view with_unseen = R"({
  "read": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/orders/${/record_id}"}},
  "read_unseen": {"read": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/search?key=${/idempotency_key}"}},
    "unique": "/items", "expect": [{"at": "/name", "equals": {"$from": "/input/name"}}]}})";

TEST(Looks, the_unseen_one_is_taken_only_while_the_answer_is_lost) {
  Driver run = begun(with_verify(of_mode(IdempotencyMode::none), with_unseen));
  run.answer(ambiguous());
  EXPECT_EQ(run.stage(), Stage::settling);
  EXPECT_NE(run.call()->call.url.find("search"), std::string::npos);
  run.answer(answered(json(R"({"items": [{"name": "n"}]})")));
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.action().confidence, Confidence::read_back) << "tied: it searched for our key";
  EXPECT_EQ(*run.receipt().find("record_id"), Json()) << "that went with the answer";

  Driver answered_one = begun(with_verify(of_mode(IdempotencyMode::none), with_unseen));
  answered_one.answer(done());
  EXPECT_NE(answered_one.call()->call.url.find("orders/r1"), std::string::npos);
}

TEST(Looks, the_unseen_one_may_use_the_checks_of_the_other) {
  Driver run = begun(with_verify(of_mode(IdempotencyMode::none), R"({
    "read": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/orders/${/record_id}"}},
    "read_unseen": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/named/${/input/name}"}}})"));
  run.answer(ambiguous());
  EXPECT_NE(run.call()->call.url.find("named/n"), std::string::npos);
  run.answer(seen());
  EXPECT_EQ(run.stage(), Stage::verified);
  EXPECT_EQ(run.action().confidence, Confidence::state_match);
}

/// "one that needs a value which a lost answer took with it is not met"
TEST(Looks, a_check_that_needs_what_a_lost_answer_took_with_it_is_not_met) {
  Json document = with_verify(of_mode(IdempotencyMode::natural),
                              R"({"expect": [{"at": "/id", "equals": {"$from": "/record_id"}}]})");
  Driver run = begun(document);
  for (int i = 0; i < 3; ++i) {  // every attempt is lost
    run.answer(ambiguous());
    run.wake();
  }
  look_on(run, seen(), seen());
  EXPECT_EQ(run.stage(), Stage::in_doubt);
  ASSERT_EQ(run.action().checks.size(), 1U);
  EXPECT_FALSE(run.action().checks[0].ok);
}

TEST(Looks, an_answer_that_does_not_fit_its_schema_is_neither_match_nor_mismatch) {
  const std::string_view typed = R"({"read": {"connector": "http", "method": "GET", "url": "https://box.test/items",
    "output_schema": {"type": "object", "required": ["total"], "properties": {"name": {"type": "string"}, "value": {"type": "string"}}}}})";
  for (const IdempotencyMode mode : {IdempotencyMode::key, IdempotencyMode::none}) {
    Driver run = begun(with_verify(of_mode(mode), typed));
    run.answer(mode == IdempotencyMode::none ? ambiguous() : done());
    look_on(run, seen(), seen());
    EXPECT_EQ(run.stage(), mode == IdempotencyMode::none ? Stage::in_doubt : Stage::unverified);
    EXPECT_EQ(run.error_code(), "read_back_unreadable");
    EXPECT_NE(run.action().error->message.find("output_schema_violation"), std::string::npos);
    EXPECT_FALSE(run.action().observed_at);
  }
  Driver fits = begun(with_verify(of_mode(), typed));
  fits.answer(done());
  fits.answer(answered(json(R"({"total": 1, "name": "n", "value": "v"})")));
  EXPECT_EQ(fits.stage(), Stage::verified);
}

}  // namespace
}  // namespace settle::test
