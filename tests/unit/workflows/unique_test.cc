// A read-back that is a search: exactly one record with our key.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

constexpr std::string_view by_key = R"({"unique": "/items", "next": "/next",
  "read": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/search?key=${/idempotency_key}"}},
  "expect": [{"at": "/name", "equals": {"$from": "/input/name"}}]})";

Outcome page(std::initializer_list<const char*> names, std::string_view next = "null") {
  Json items = Json::array();
  for (const char* name : names) items.push_back(Json::object({{"name", name}}));
  return answered(Json::object({{"items", items}, {"next", json(next)}}));
}

Driver executed() {
  Driver run = begun(with_verify(of_mode(), by_key));
  run.answer(done());
  return run;
}

TEST(Unique, exactly_one_that_matches_verifies_and_the_receipt_counts) {
  Driver run = executed();
  run.answer(page({"n"}));
  EXPECT_EQ(run.stage(), Stage::verified);
  const Json checks = *run.receipt().find("verification")->find("checks");
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(checks.as_array()[0],
            json(R"({"at": "/items", "operator": "count", "expected": 1, "ok": true, "actual": 1})"));
  EXPECT_EQ(checks.as_array()[1],
            json(R"({"at": "/items/0/name", "operator": "equals", "expected": "n", "ok": true, "actual": "n"})"));
}

TEST(Unique, none_is_not_there_yet) {
  Driver run = executed();
  run.answer(page({}));
  EXPECT_EQ(run.stage(), Stage::read_wait);
  run.wake();
  run.answer(page({"n"}));
  EXPECT_EQ(run.stage(), Stage::verified);
  Driver never = executed();
  look_on(never, page({}));
  EXPECT_EQ(never.error_code(), "verification_mismatch");
  EXPECT_EQ(never.action().effect, Effect::none);
  Driver gone = executed();
  look_on(gone, rejected(404));
  EXPECT_EQ(gone.error_code(), "verification_mismatch");
}

TEST(Unique, one_that_differs_is_there_in_part) {
  Driver run = executed();
  look_on(run, page({"m"}));
  EXPECT_EQ(run.error_code(), "verification_mismatch");
  EXPECT_EQ(run.action().effect, Effect::partial);
}

TEST(Unique, two_are_a_duplicate_and_a_failure_at_once) {
  Driver run = executed();
  run.answer(page({"n", "n"}));
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "duplicate_found");
  EXPECT_EQ(run.action().effect, Effect::complete);
  EXPECT_EQ(run.happened("action.duplicate_found"), 1U);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
  EXPECT_EQ(*run.receipt().find("verification")->find("checks")->as_array()[0].find("actual"), Json(2));
  EXPECT_EQ(run.sends(), 1U);
}

TEST(Unique, a_page_with_a_further_one_is_not_readable_and_neither_is_no_list) {
  for (const Outcome& outcome : {page({"n"}, R"("page-2")"), page({}, "true"), page({"n"}, "7"), answered(json("{}")),
                                 answered(json(R"({"items": {"name": "n"}})"))}) {
    Driver run = executed();
    look_on(run, outcome);
    EXPECT_EQ(run.stage(), Stage::unverified);
    EXPECT_EQ(run.error_code(), "read_back_unreadable");
  }
  for (const char* no_more : {"null", "false", R"("")"}) {
    Driver run = executed();
    run.answer(page({"n"}, no_more));
    EXPECT_EQ(run.stage(), Stage::verified) << no_more;
  }
  Driver two = executed();
  two.answer(page({"n", "n"}, R"("page-2")"));
  EXPECT_EQ(two.error_code(), "duplicate_found") << "two are two, whatever comes behind them";
}

TEST(Unique, a_search_by_our_key_is_a_tie_and_one_by_the_input_is_none) {
  for (const bool by_our_key : {true, false}) {
    Json document = with_verify(of_mode(IdempotencyMode::none), by_key);
    if (!by_our_key)
      document = changed(document, "/verify/read/url", R"({"$text": "https://box.test/search?name=${/input/name}"})");
    Driver run = begun(document);
    run.answer(ambiguous());
    run.answer(page({"n"}));
    EXPECT_EQ(run.stage(), Stage::verified);
    EXPECT_EQ(run.action().confidence, by_our_key ? Confidence::read_back : Confidence::state_match);
  }
}

TEST(Unique, two_after_a_lost_answer_need_a_person) {
  Driver run = begun(with_verify(of_mode(IdempotencyMode::none), by_key));
  run.answer(ambiguous());
  run.answer(page({"n", "n"}));
  EXPECT_EQ(run.stage(), Stage::in_doubt);
  EXPECT_EQ(run.error_code(), "duplicate_found");
}

TEST(Unique, pending_looks_at_the_one_record) {
  Json document = with_verify(of_mode(), by_key);
  document.find("verify")->set("pending", json(R"([{"at": "/name", "equals": "…"}])"));
  Driver run = begun(document);
  run.answer(done());
  look_on(run, page({"…"}));
  EXPECT_EQ(run.error_code(), "verification_pending");
}

TEST(Unique, a_look_up_whose_page_goes_on_shows_no_absence_and_no_record) {
  Json document = tool_document(of_mode(IdempotencyMode::lookup));
  document.find("idempotency")->find("lookup")->set("next", "/next");
  const auto looked = [&](const Outcome& outcome) {
    Driver run = begun(document);
    run.answer(ambiguous());
    run.advance(Duration(10'000));
    run.answer(outcome);
    return run;
  };
  Outcome none = found(0), one = found(1), two = found(2);
  for (Outcome* outcome : {&none, &one, &two}) outcome->body->set("next", "page-2");
  EXPECT_EQ(looked(none).stage(), Stage::look_wait);
  EXPECT_EQ(looked(none).sends(), 1U) << "never a reason to send";
  EXPECT_EQ(looked(one).stage(), Stage::look_wait) << "a second one may be on the next page";
  EXPECT_EQ(looked(two).stage(), Stage::in_doubt);
  Outcome last = found(1);
  last.body->set("next", Json());
  EXPECT_EQ(looked(last).stage(), Stage::reading);
}

TEST(Unique, a_look_up_whose_answer_does_not_fit_its_schema_is_not_readable) {
  Json document = tool_document(of_mode(IdempotencyMode::lookup));
  document.find("idempotency")->find("lookup")->find("read")->set("output_schema", json(R"({"required": ["total"]})"));
  Driver run = begun(document);
  run.answer(ambiguous());
  run.advance(Duration(10'000));
  run.answer(found(0));
  EXPECT_EQ(run.stage(), Stage::look_wait);
  EXPECT_EQ(run.sends(), 1U);
}

}  // namespace
}  // namespace settle::test
