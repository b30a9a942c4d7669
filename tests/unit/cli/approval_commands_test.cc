#include "cli/approval_commands.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/read.h"
#include "tests/unit/cli/scripted_api.h"

namespace settle {
namespace {

const char* const kRequest = R"({"id": "ap_1", "state": "open", "workflow": "wf_1", "name": "p", "action": "pay",
  "element": 2, "role": "main", "tool": {"name": "bank.pay", "version": "sha256:0123456789abcdef", "risk": "destructive"},
  "title": null, "submitted_by": "planner", "requested_at": "2026-11-22T20:00:00.000Z",
  "expires_at": "2026-11-23T20:00:00.000Z", "on_expiry": "reject", "escalated": false, "four_eyes": true,
  "approvers": 2, "approved": 1, "digest": "sha256:d",
  "decisions": [{"by": "ada", "decision": "approved", "reason": "fine", "at": "2026-11-22T20:01:00.000Z"}],
  "plan_digest": "sha256:p", "why": "every call of it needs approval",
  "call": {"connector": "http", "method": "POST", "url": "https://bank.test", "credential": "bank"},
  "input": {"amount": 7}})";

class ApprovalCommands : public ClientTest {
 protected:
  Json asked(std::size_t index) { return json(*api.asked.at(index).body); }
};

TEST_F(ApprovalCommands, TheListSaysWhatWaitsAndForHowMany) {
  api.reply(200, R"({"approvals": [)" + std::string(kRequest) + R"(], "next_cursor": "4f"})");
  EXPECT_EQ(approvals(client, {.all = true, .workflow = "wf_1", .limit = 1}), 0);
  EXPECT_EQ(api.asked[0].path, "/v1/approvals?state=all&workflow=wf_1&limit=1");
  for (const char* shown : {"ap_1", "open", "1 of 2", "wf_1", "pay[2]", "bank.pay", "--cursor 4f"})
    EXPECT_NE(out.str().find(shown), std::string::npos) << shown;
  api.reply(200, R"({"approvals": [], "next_cursor": null})");
  EXPECT_EQ(approvals(client, {}), 0);
  EXPECT_NE(out.str().find("Nothing waits for approval."), std::string::npos);
}

TEST_F(ApprovalCommands, OneIsShownWithAllThatWillBeSent) {
  api.reply(200, kRequest);
  EXPECT_EQ(approvals(client, {.id = "ap_1"}), 0);
  EXPECT_EQ(api.asked[0].path, "/v1/approvals/ap_1");
  for (const char* shown : {"POST https://bank.test as bank", R"({"amount":7})", "destructive",
                            "planner, who can't approve", "1 of 2 given", "ada at", ": fine", "sha256:d"})
    EXPECT_NE(out.str().find(shown), std::string::npos) << shown << "\n" << out.str();
}

TEST_F(ApprovalCommands, WhoCanNotBeAskedHasToNameTheDigest) {
  EXPECT_EQ(decide(client, {.id = "ap_1", .who = "bob"}, true), 2);
  EXPECT_TRUE(api.asked.empty());
  EXPECT_NE(err.str().find("--digest"), std::string::npos);
  api.reply(200, kRequest);
  EXPECT_EQ(decide(client, {.id = "ap_1", .who = "bob", .reason = "ok", .digest = "sha256:d"}, true), 0);
  EXPECT_EQ(api.asked[0].path, "/v1/approvals/ap_1:approve");
  EXPECT_EQ(asked(0), json(R"({"digest": "sha256:d", "who": "bob", "reason": "ok"})"));
}

TEST_F(ApprovalCommands, APersonIsShownTheRequestAndAskedAboutJustThat) {
  client.person = true;
  for (const auto& [answer, code] : {std::pair{"y\n", 0}, {"n\n", 2}, {"", 2}}) {
    api.asked.clear();
    in.clear();
    in.str(answer);
    api.reply(200, kRequest);
    if (code == 0) api.reply(200, kRequest);
    EXPECT_EQ(decide(client, {.id = "ap_1", .who = "bob"}, true), code);
    ASSERT_EQ(api.asked.size(), code == 0 ? 2U : 1U);
    if (code == 0) {
      EXPECT_EQ(asked(1), json(R"({"digest": "sha256:d", "who": "bob"})"));
    }
  }
  EXPECT_NE(err.str().find(R"({"amount":7})"), std::string::npos);
}

TEST_F(ApprovalCommands, ARejectionNeedsNoLook) {
  api.reply(200, kRequest);
  api.reply(200, kRequest);
  EXPECT_EQ(decide(client, {.id = "ap_1", .who = "bob", .reason = "too dear"}, false), 0);
  EXPECT_EQ(api.asked[1].path, "/v1/approvals/ap_1:reject");
  EXPECT_EQ(asked(1), json(R"({"digest": "sha256:d", "who": "bob", "reason": "too dear"})"));
}

}  // namespace
}  // namespace settle
