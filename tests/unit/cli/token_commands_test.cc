#include "cli/token_commands.h"

#include <gtest/gtest.h>

#include "cli/client_token.h"
#include "tests/unit/cli/read.h"
#include "tests/unit/cli/scripted_api.h"

namespace settle {
namespace {

const char* const kMade =
    R"({"id": "abc", "name": "ada", "namespace": "sales", "scopes": ["planner", "operator"], "created_by": "bob",
        "created_at": "2026-01-01T00:00:00.000Z", "expires_at": null, "revoked_at": null, "revoked_by": null,
        "token": "settle_secret"})";

class TokenCommands : public ClientTest {};

TEST_F(TokenCommands, ANewTokenStandsAloneOnStandardOutput) {
  api.reply(201, kMade);
  EXPECT_EQ(create_token(client, {.name = "ada", .scopes = {"planner", "operator"}, .expires = "never"}), 0);
  EXPECT_EQ(api.asked[0].path, "/v1/tokens");
  EXPECT_EQ(json(*api.asked[0].body),
            json(R"({"name": "ada", "scopes": ["planner", "operator"], "expires": "never"})"));
  EXPECT_EQ(out.str(), "settle_secret\n");
  EXPECT_NE(err.str().find("planner,operator of namespace sales"), std::string::npos);
  EXPECT_EQ(err.str().find("settle_secret"), std::string::npos);
}

TEST_F(TokenCommands, ALostAnswerIsNotAskedForAgain) {
  api.replies.push_back(fail(ErrorCode::unreachable, "cut off"));
  EXPECT_EQ(create_token(client, {.name = "ada", .scopes = {"planner"}, .all_name_spaces = true}), 8);
  EXPECT_EQ(api.asked.size(), 1U);
  EXPECT_EQ(*json(*api.asked[0].body).find("namespace"), Json("*"));
}

TEST_F(TokenCommands, TheAuditLogIsReadPageByPageAndWhatItSaysCanNotSteerTheTerminal) {
  const auto page = [](int seq, int next) {
    return R"({"records": [{"seq": )" + std::to_string(seq) +
           R"(, "at": "2026-01-01T00:00:00.000Z", "who": null, "action": "workflow.submit", "target": "\u001b[2J",
               "outcome": "unauthenticated", "why": null}], "next_after": )" +
           std::to_string(next) + "}";
  };
  api.reply(200, page(3, 5));
  api.reply(200, page(6, 6));
  api.reply(200, R"({"records": [], "next_after": 6})");
  EXPECT_EQ(list_audit(client, {.after = 2}), 0);
  ASSERT_EQ(api.asked.size(), 3U);
  EXPECT_EQ(api.asked[0].path, "/v1/audit?after=2&limit=1000");
  EXPECT_EQ(api.asked[1].path, "/v1/audit?after=5&limit=1000");
  EXPECT_NE(out.str().find("(nobody)"), std::string::npos);
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos);

  api.reply(200, page(3, 5));
  EXPECT_EQ(list_audit(client, {.after = 2, .limit = 1}), 0);
  EXPECT_EQ(api.asked.size(), 4U) << "the limit was reached";
}

TEST_F(TokenCommands, TheTokenComesFromTheNamedFileThenTheEnvironment) {
  const std::string file = file_with("from-file\n");
  std::string token, named;
  const auto environment = [&](const char* name) -> const char* {
    if (std::string(name) == "SETTLE_TOKEN") return token.empty() ? nullptr : token.c_str();
    return named.empty() ? nullptr : named.c_str();
  };
  EXPECT_EQ(*client_token("", environment), "");
  named = file;
  EXPECT_EQ(*client_token("", environment), "from-file");
  token = "from-variable";
  EXPECT_EQ(*client_token("", environment), "from-variable");
  EXPECT_EQ(*client_token(file, environment), "from-file");
  EXPECT_FALSE(client_token("/nowhere/at/all", environment));
}

}  // namespace
}  // namespace settle
