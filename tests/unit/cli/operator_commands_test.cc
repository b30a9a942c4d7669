#include "cli/operator_commands.h"

#include <gtest/gtest.h>

#include "cli/render_receipt.h"
#include "tests/unit/cli/read.h"
#include "tests/unit/cli/scripted_api.h"

namespace settle {
namespace {

const char* const kPaused =
    R"({"id": "wf_1", "name": "p", "status": "paused", "outcome": null, "attention": false, "actions": []})";

std::string page(const std::string& done, const std::string& refused = "", const std::string& cursor = "null") {
  return R"({"matched": 1, "done": [)" + done + R"(], "refused": [)" + refused + R"(], "next_cursor": )" + cursor + "}";
}

class OperatorCommands : public ClientTest {
 protected:
  Json asked(std::size_t index) { return json(*api.asked.at(index).body); }
};

TEST_F(OperatorCommands, OneWorkflowIsAskedByItsIdAndShown) {
  api.reply(200, kPaused);
  EXPECT_EQ(operate(client, "pause", {.id = "a/b"}), 0);
  EXPECT_EQ(api.asked[0].method, "POST");
  EXPECT_EQ(api.asked[0].path, "/v1/workflows/a%2Fb:pause");
  EXPECT_FALSE(api.asked[0].body);
  EXPECT_NE(out.str().find("paused"), std::string::npos);

  api.reply(200, kPaused);
  EXPECT_EQ(operate(client, "retry", {.id = "x", .latest_tools = true}), 0);
  EXPECT_EQ(asked(1), json(R"({"tools": "latest"})"));
}

TEST_F(OperatorCommands, WhatIsNeitherOneNorManyNeverReachesTheServer) {
  const OperateOptions wrong[] = {{},
                                  {.limit = 5, .yes = true},
                                  {.id = "x", .filter = {.name = "p"}},
                                  {.id = "x", .dry_run = true},
                                  {.id = "x", .yes = true},
                                  {.filter = {.name = "p"}}};
  for (const OperateOptions& options : wrong) EXPECT_EQ(operate(client, "cancel", options), 2);
  EXPECT_NE(err.str().find("--yes"), std::string::npos) << "many without a yes and without anybody to ask";
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(OperatorCommands, ManyAreTakenPageByPageUpToTheLimit) {
  api.reply(200, page(R"("a", "b")", "", R"("c1")"));
  api.reply(200, page(R"("c")", R"({"id": "d", "code": "wrong_state", "message": "it has ended"})", R"("c2")"));
  EXPECT_EQ(
      operate(client, "retry",
              {.filter = {.outcome = "failed", .label = "team=a=b"}, .limit = 4, .yes = true, .latest_tools = true}),
      5);
  ASSERT_EQ(api.asked.size(), 2U);
  EXPECT_EQ(api.asked[0].path, "/v1/workflows:retry");
  EXPECT_EQ(asked(0), json(R"({"filter": {"outcome": "failed", "label": "team:a=b"}, "limit": 4, "tools": "latest"})"));
  EXPECT_EQ(asked(1), json(R"({"filter": {"outcome": "failed", "label": "team:a=b"}, "limit": 2, "cursor": "c1",
                               "tools": "latest"})"));
  EXPECT_EQ(out.str(), "d  wrong_state  it has ended\nretry: 3 workflows done, 1 workflow refused; there are more\n");
}

TEST_F(OperatorCommands, ADryRunSaysWhichAndNeedsNoYes) {
  api.reply(200, page(R"("a")"));
  EXPECT_EQ(operate(client, "cancel", {.filter = {.tool = "t"}, .dry_run = true}), 0);
  EXPECT_EQ(asked(0), json(R"({"filter": {"tool": "t"}, "limit": 500, "dry_run": true})"));
  EXPECT_EQ(out.str(), "a\ncancel: 1 workflow would be asked\n");
}

TEST_F(OperatorCommands, APersonIsToldHowManyAndAsked) {
  client.person = true;
  for (const auto& [answer, code] : {std::pair{"y\n", 0}, {"yes\n", 0}, {"n\n", 2}, {"\n", 2}, {"", 2}}) {
    api.asked.clear();
    in.clear();
    in.str(answer);
    api.reply(200, page(R"("a", "b")"));
    if (code == 0) api.reply(200, page(R"("a", "b")"));
    EXPECT_EQ(operate(client, "cancel", {.filter = {.name = "p"}}), code) << answer;
    EXPECT_EQ(api.asked.size(), code == 0 ? 2U : 1U);
    EXPECT_NE(asked(0).find("dry_run"), nullptr);
  }
  EXPECT_NE(err.str().find("cancel 2 workflows? [y/N] "), std::string::npos);
}

TEST_F(OperatorCommands, ARetryWhoseAnswerWasLostIsNotRepeatedAndAPauseIs) {
  for (const OperateOptions& options :
       {OperateOptions{.id = "x"}, OperateOptions{.filter = {.name = "p"}, .yes = true}}) {
    api.asked.clear();
    api.replies.emplace_back(fail(ErrorCode::unreachable, "reset"));
    EXPECT_EQ(operate(client, "retry", options), 8);
    EXPECT_EQ(api.asked.size(), 1U);
  }
  api.replies.emplace_back(fail(ErrorCode::unreachable, "reset"));
  api.reply(200, kPaused);
  EXPECT_EQ(operate(client, "pause", {.id = "x"}), 0);
}

TEST_F(OperatorCommands, WhatWasDoneBeforeARefusalIsSaid) {
  client.json = true;
  api.reply(200, page(R"("a")", "", R"("c1")"));
  api.reply(400, R"({"code": "invalid_argument"})");
  EXPECT_EQ(operate(client, "pause", {.filter = {.name = "p"}, .yes = true}), 2);
  EXPECT_EQ(out.str(),
            "{\"matched\":1,\"done\":[\"a\"],\"refused\":[],\"next_cursor\":\"c1\"}\n"
            "{\"code\":\"invalid_argument\"}\n");
}

TEST_F(OperatorCommands, ResolveSendsWhatThePersonSaidOnce) {
  api.reply(200, kPaused);
  EXPECT_EQ(resolve(client, {.id = "w",
                             .action = "a b",
                             .happened = true,
                             .who = "ada",
                             .seen = "it is there",
                             .record_id = "T-1",
                             .output = R"({"id": "T-1"})",
                             .no_verify = true,
                             .element = 0,
                             .role = "main",
                             .attempt = 2}),
            0);
  EXPECT_EQ(api.asked[0].path, "/v1/workflows/w/actions/a%20b:resolve");
  EXPECT_EQ(asked(0), json(R"({"who": "ada", "element": 0, "role": "main", "attempt": 2, "happened":
      {"seen": "it is there", "record_id": "T-1", "verify": false, "output": {"id": "T-1"}}})"));

  api.replies.emplace_back(fail(ErrorCode::unreachable, "reset"));
  EXPECT_EQ(resolve(client,
                    {.id = "w", .action = "a", .did_not_happen = true, .who = "ada", .seen = "x", .send_again = true}),
            8);
  EXPECT_EQ(asked(1), json(R"({"who": "ada", "did_not_happen": {"seen": "x", "send_again": true}})"));
  EXPECT_EQ(api.asked.size(), 2U) << "a repeat could meet a newer doubt";
}

TEST_F(OperatorCommands, TheOutputMayComeFromAFileAndMustBeStrictJson) {
  api.reply(200, kPaused);
  const ResolveOptions word = {.id = "w", .action = "a", .happened = true, .who = "ada", .seen = "x"};
  ResolveOptions given = word;
  given.output = "@" + file_with(R"({"id": 1.50})");
  EXPECT_EQ(resolve(client, given), 0);
  EXPECT_EQ(*asked(0).find("happened")->find("output"), json(R"({"id": 1.50})"));
  given.output = R"({"id": 1, "id": 2})";
  EXPECT_EQ(resolve(client, given), 2);
  given.output = "@/nowhere/output.json";
  EXPECT_EQ(resolve(client, given), 13);
  EXPECT_EQ(api.asked.size(), 1U);
}

TEST_F(OperatorCommands, ATreeShowsPausesRetriesAndWhatAPersonSaid) {
  api.reply(200, R"({"id": "wf_1", "name": "p", "status": "paused", "outcome": null, "attention": false, "retries": 2,
      "created_at": "2026-01-01T00:00:00.000Z", "actions": [
      {"id": "a", "tool": "t", "after": [], "state": "pending", "phase": "ready", "attempts": 1,
       "next_at": "2026-01-01T00:05:00.000Z",
       "operator": {"said": "did_not_happen", "who": "ada", "seen": "no \u001b[2J", "at": "2026-01-01T00:00:00.000Z"}}]})");
  EXPECT_EQ(operate(client, "resume", {.id = "wf_1"}), 0);
  for (const char* part : {"paused", "retried 2 times", "pending (ready)", "ada says it did not happen: no \\x1b[2J",
                           "held back by the pause; its time is over at 2026-01-01 00:05:00"}) {
    EXPECT_NE(out.str().find(part), std::string::npos) << part << "\n" << out.str();
  }
  EXPECT_EQ(out.str().find("next try"), std::string::npos);
}

TEST(RenderReceipt, TheWordOfAPersonStandsInItWithItsTime) {
  const Json receipt =
      json(R"({"receipt": "rcp_w.3", "state": "executed", "operator": {"said": "happened", "who": "ada",
      "seen": "it is there", "at": "2026-01-01T00:00:00.000Z"}})");
  EXPECT_NE(
      render_receipt(receipt, {}).find("operator  ada says it happened: it is there (2026-01-01 00:00:00.000 UTC)"),
      std::string::npos);
}

}  // namespace
}  // namespace settle
