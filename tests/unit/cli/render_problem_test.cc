#include "cli/render_problem.h"

#include <gtest/gtest.h>

#include "cli/render_receipt.h"
#include "tests/unit/cli/read.h"

namespace settle {
namespace {

TEST(RenderProblem, EachErrorIsShownWithItsPlaceWhatWasExpectedAndWhatCame) {
  const Json problem =
      json(R"({"type": "about:blank", "title": "The plan was refused", "status": 422, "code": "invalid_plan",
      "detail": "2 problems", "safe_to_retry": false, "request_id": "req_9", "errors": [
      {"pointer": "/plan/actions/1/tool", "code": "unknown_tool", "expected": "crm.create_contact", "got": "crm.create", "message": "there is no such tool"},
      {"pointer": "", "code": "empty", "expected": "", "got": "", "message": ""}]})");
  EXPECT_EQ(render_problem(problem, {}),
            "error: The plan was refused (invalid_plan)\n"
            "  2 problems\n"
            "  /plan/actions/1/tool  unknown_tool\n"
            "      there is no such tool\n"
            "      expected  crm.create_contact\n"
            "      got       crm.create\n"
            "  (the whole document)  empty\n"
            "  request req_9\n");
}

TEST(RenderProblem, AnErrorOfTheClientReadsLikeOneOfTheServer) {
  EXPECT_EQ(render_error(fail(ErrorCode::unreachable, "no answer"), {}),
            "error: The server does not answer (unreachable)\n  no answer\n  the same request may be sent again\n");
}

TEST(RenderProblem, TheExitCodeComesFromTheCodeAndElseFromTheStatus) {
  for (const ErrorCodeInfo& row : all_error_codes()) {
    EXPECT_EQ(exit_code_of(Json::object({{"code", row.name}}), 500), row.exit_code) << row.name;
  }
  const std::pair<int, int> by_status[] = {{401, 6}, {403, 6}, {404, 4}, {410, 4}, {409, 5}, {422, 3},
                                           {429, 7}, {503, 7}, {502, 8}, {418, 2}, {500, 70}};
  for (const auto& [status, code] : by_status) {
    EXPECT_EQ(exit_code_of(Json(), status), code) << status;
    EXPECT_EQ(exit_code_of(Json::object({{"code", "a_code_of_tomorrow"}}), status), code) << status;
  }
}

TEST(RenderReceipt, AReceiptIsShownWithEachOfItsChecks) {
  const Json receipt = json(R"({"receipt": "rcp_1", "workflow": "wf_1", "action": "contact", "attempt": 1,
      "tool": {"name": "crm.create_contact", "version": "sha256:0123456789abcdef"}, "status_code": 201, "record_id": "c_17", "ids": [],
      "state": "failed", "confidence": "read_back", "effect": "partial", "executed_at": "2026-11-22T20:14:18.007Z",
      "verification": {"method": "read_back", "observed_at": "2026-11-22T20:14:18.100Z", "checks": [
        {"at": "/email", "operator": "equals", "expected": "a@b.c", "actual": "a@b.c", "ok": true},
        {"at": "/tier", "operator": "equals", "expected": "pro", "actual": null, "ok": false}]},
      "errors": [{"code": "verification_mismatch", "message": "/tier differs"}]})");
  EXPECT_EQ(render_receipt(receipt, {}),
            "rcp_1  failed\n"
            "  tool         crm.create_contact sha256:0123456789ab\n"
            "  workflow     wf_1\n"
            "  action       contact\n"
            "  attempt      1\n"
            "  status_code  201\n"
            "  record_id    c_17\n"
            "  confidence   read_back\n"
            "  effect       partial\n"
            "  executed_at  2026-11-22 20:14:18.007 UTC\n"
            "  verification  read_back, observed 2026-11-22 20:14:18.100 UTC\n"
            "    ✔  /email  equals a@b.c  actual a@b.c\n"
            "    ✘  /tier   equals pro    actual nothing\n"
            "  error  verification_mismatch: /tier differs\n");
  EXPECT_EQ(render_receipts(Json::object({{"receipts", Json::Array{receipt}}}), {}),
            "RECEIPT  ACTION   ATTEMPT  STATE   CODE  RECORD  EVIDENCE   EFFECT   CHECKS\n"
            "rcp_1    contact  1        failed  201   c_17    read_back  partial  1 of 2\n");
}

}  // namespace
}  // namespace settle
