// What still waits for an answer when its token ends.
#include <gtest/gtest.h>

#include "tests/unit/api/api_world.h"

namespace settle::test {
namespace {

const std::vector<std::pair<std::string, std::string>> live = {{"accept", "text/event-stream"}};

TEST(OpenAnswers, a_revoke_ends_the_waits_and_feeds_of_that_token_and_of_no_other) {
  ApiWorld world;
  const std::string leaked = world.token("leaked", "own", {Role::planner});
  const std::string other = world.token("other", "own", {Role::planner});
  const auto wait = world.start("GET", "/v1/workflows/w-own?wait=60s", leaked);
  const auto feed = world.start("GET", "/v1/workflows/w-own/events", leaked, "", live);
  const auto kept_wait = world.start("GET", "/v1/workflows/w-own?wait=60s", other);
  const auto kept_feed = world.start("GET", "/v1/workflows/w-own/events", other, "", live);
  ASSERT_TRUE(world.reaches([&] { return feed->streams && kept_feed->streams; }));
  EXPECT_FALSE(wait->response);

  const std::string admin = world.token("admin", "own", {Role::admin});
  EXPECT_EQ(world.ask("POST", "/v1/tokens/" + read_token(leaked)->id + ":revoke", admin).status, 200);
  EXPECT_TRUE(world.reaches([&] { return wait->response.has_value() && feed->feed_closed; }));
  EXPECT_EQ(wait->response->status, 401);
  EXPECT_FALSE(kept_wait->response);
  EXPECT_FALSE(kept_feed->feed_closed);

  // What comes later is for those that are left; the ended ones are not answered twice.
  const std::string operator_token = world.token("op", "own", {Role::operator_});
  EXPECT_EQ(world.ask("POST", "/v1/workflows/w-own:pause", operator_token).status, 200);
  EXPECT_TRUE(world.reaches([&] { return kept_feed->streamed.find("workflow.paused") != std::string::npos; }));
  EXPECT_EQ(feed->streamed.find("workflow.paused"), std::string::npos);
}

TEST(OpenAnswers, they_end_when_the_token_expires) {
  ApiWorld world;
  const std::string token = world.token("brief", "own", {Role::planner}, world.loop.now() + Duration(300));
  const auto wait = world.start("GET", "/v1/workflows/w-own?wait=60s", token);
  const auto feed = world.start("GET", "/v1/workflows/w-own/events", token, "", live);
  EXPECT_TRUE(world.reaches([&] { return wait->response.has_value() && feed->feed_closed; }));
  EXPECT_EQ(wait->response->status, 401);
}

TEST(OpenAnswers, a_refused_control_call_is_written_before_it_is_answered) {
  ApiWorld world;
  const std::string planner = world.token("planner", "own", {Role::planner});
  const std::string auditor = world.token("auditor", "own", {Role::auditor});
  EXPECT_EQ(world.ask("POST", "/v1/workflows/w-own:pause", planner).status, 403);
  const Result<Json> page = read_json(world.ask("GET", "/v1/audit", auditor).body);
  ASSERT_TRUE(page);
  const Json& record = page->find("records")->as_array().back();
  EXPECT_EQ(*record.find("action"), Json("workflow.pause"));
  EXPECT_EQ(*record.find("outcome"), Json("insufficient_scope"));
  EXPECT_EQ(*record.find("peer"), Json("192.0.2.7"));
}

}  // namespace
}  // namespace settle::test
