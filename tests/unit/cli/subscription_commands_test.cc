#include "cli/subscription_commands.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/read.h"
#include "tests/unit/cli/scripted_api.h"

namespace settle {
namespace {

const char* const kOne =
    R"({"name": "hook", "url": "https://example.org/x", "types": ["workflow.*"], "state": "active", "reason": null,
        "behind": 3, "delivered": 12, "dead_letters": 1, "last_failure": null)";

class SubscriptionCommands : public ClientTest {};

TEST_F(SubscriptionCommands, ANewSecretStandsAloneOnStandardOutput) {
  api.reply(201, std::string(kOne) + R"(, "secret": "whsec_x"})");
  EXPECT_EQ(put_subscription(client, {.name = "hook",
                                      .url = "https://example.org/x",
                                      .types = {"workflow.*"},
                                      .workflows = {"p"},
                                      .labels = {"team=sales"},
                                      .name_spaces = {"*"},
                                      .from = "end"}),
            0);
  EXPECT_EQ(api.asked[0].method, "PUT");
  EXPECT_EQ(api.asked[0].path, "/v1/subscriptions/hook");
  EXPECT_EQ(json(*api.asked[0].body),
            json(R"({"url": "https://example.org/x", "types": ["workflow.*"], "workflows": ["p"], "from": "end",
                     "labels": {"team": "sales"}, "namespaces": ["*"]})"));
  EXPECT_EQ(out.str(), "whsec_x\n");
  EXPECT_EQ(err.str().find("whsec_x"), std::string::npos);
}

TEST_F(SubscriptionCommands, ALostSecretIsNotAskedForAgain) {
  api.replies.push_back(fail(ErrorCode::unreachable, "cut off"));
  EXPECT_EQ(rotate_secret(client, {.name = "a b", .overlap = "2h"}), 8);
  ASSERT_EQ(api.asked.size(), 1U);
  EXPECT_EQ(api.asked[0].path, "/v1/subscriptions/a%20b:rotate_secret");
  EXPECT_EQ(json(*api.asked[0].body), json(R"({"overlap": "2h"})"));
}

TEST_F(SubscriptionCommands, TheyAreListedWithHowFarTheyAre) {
  api.reply(200, R"({"subscriptions": [)" + std::string(kOne) + "}]}");
  EXPECT_EQ(list_subscriptions(client), 0);
  for (const char* part : {"hook", "active", "workflow.*", "https://example.org/x", "12"})
    EXPECT_NE(out.str().find(part), std::string::npos) << part;
}

TEST_F(SubscriptionCommands, DeadLettersAreReadPageByPage) {
  const auto page = [](const char* id, const char* next) {
    return std::string(R"({"dead_letters": [{"id": ")") + id +
           R"(", "workflow": "w", "seq": 3, "attempts": 2, "last_at": "2026-01-01T00:00:00.000Z",
               "error": {"code": "http_500", "message": ""}, "redriving": true}], "next_after": )" +
           next + "}";
  };
  api.reply(200, page("1.0", "\"1.0\""));
  api.reply(200, page("2.0", "null"));
  EXPECT_EQ(list_dead_letters(client, {.subscription = "hook"}), 0);
  ASSERT_EQ(api.asked.size(), 2U);
  EXPECT_EQ(api.asked[1].path, "/v1/subscriptions/hook/dead_letters?after=1.0&limit=1000");
  EXPECT_NE(out.str().find("http_500"), std::string::npos);
}

TEST_F(SubscriptionCommands, OneOrAllAreRedriven) {
  api.reply(200, R"({"redriven": 4})");
  api.reply(200, R"({"purged": 1})");
  EXPECT_EQ(operate_dead_letters(client, "redrive", {.subscription = "hook"}), 0);
  EXPECT_EQ(operate_dead_letters(client, "purge", {.subscription = "hook", .letter = "1.0"}), 0);
  EXPECT_EQ(api.asked[0].path, "/v1/subscriptions/hook/dead_letters:redrive");
  EXPECT_EQ(api.asked[1].path, "/v1/subscriptions/hook/dead_letters/1.0:purge");
  EXPECT_EQ(out.str(), "4 redriven\n1 purged\n");
}

TEST_F(SubscriptionCommands, TheFeedIsReadToItsEnd) {
  api.reply(200, R"({"events": [{"id": "w.1"}], "next_after": "2.0"})");
  api.reply(200, R"({"events": [], "next_after": "3.0"})");
  api.reply(200, R"({"events": [], "next_after": "3.0"})");
  EXPECT_EQ(show_feed(client, {.type = "workflow.*"}), 0);
  ASSERT_EQ(api.asked.size(), 3U);
  EXPECT_EQ(api.asked[0].path, "/v1/events?limit=1000&type=workflow.%2A");
  EXPECT_EQ(api.asked[1].path, "/v1/events?after=2.0&limit=1000&type=workflow.%2A");
  EXPECT_EQ(out.str(), "{\"id\":\"w.1\"}\n");
}

}  // namespace
}  // namespace settle
