#include <gtest/gtest.h>

#include "cli/client_commands.h"
#include "tests/unit/cli/scripted_api.h"

namespace settle {
namespace {

std::string event(int seq, const std::string& type) {
  return R"({"seq":)" + std::to_string(seq) + R"(,"type":")" + type + R"(","at":"2026-11-22T20:14:18.000Z"})";
}

std::vector<std::string> lines(int seq, const std::string& type) {
  return {"id: " + std::to_string(seq), "event: " + type, "data: " + event(seq, type), ""};
}

std::vector<std::string> together(std::initializer_list<std::vector<std::string>> parts) {
  std::vector<std::string> out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

class Watching : public ClientTest {
 protected:
  Watching() {
    api.by_path = [this](const ApiRequest&) -> Result<ApiReply> {
      return ApiReply{200, {}, R"({"id": "w", "name": "p", "created_at": null, "actions": [], )" + state + "}"};
    };
  }
  std::string state = R"("status": "running", "outcome": null, "attention": false)";
  const std::string verified = R"("status": "ended", "outcome": "verified", "attention": false)";
};

TEST_F(Watching, EventsAppearAsLinesUntilTheWorkflowEnds) {
  state = verified;
  api.streams.push_back(
      {together({lines(1, "workflow.started"), lines(2, "action.executed"), lines(3, "workflow.ended")}), {}});
  EXPECT_EQ(watch(client, {.id = "w"}), 0);
  EXPECT_EQ(out.str(),
            "2026-11-22 20:14:18.000  1  workflow.started\n"
            "2026-11-22 20:14:18.000  2  action.executed\n"
            "2026-11-22 20:14:18.000  3  workflow.ended\n");
}

TEST_F(Watching, AStreamThatBreaksOffIsTakenUpAgainBehindTheLastEvent) {
  api.streams.push_back(
      {together({lines(1, "workflow.started"), lines(2, "action.executed")}), fail(ErrorCode::unreachable, "reset")});
  api.streams.push_back({{}, fail(ErrorCode::unreachable, "refused")});
  api.streams.push_back({together({lines(2, "action.executed"), lines(3, "workflow.ended")}), {}});
  int looks = 0;
  const auto answer = api.by_path;
  api.by_path = [&](const ApiRequest& request) {
    if (++looks == 3) state = verified;  // the look after workflow.ended
    return answer(request);
  };
  client.json = true;
  EXPECT_EQ(watch(client, {.id = "w"}), 0);
  ASSERT_EQ(api.streamed.size(), 3U);
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(api.streamed[i].headers.back(), (std::pair<std::string, std::string>{"Last-Event-ID", "2"}));
  }
  EXPECT_EQ(out.str(), event(1, "workflow.started") + "\n" + event(2, "action.executed") + "\n" +
                           event(3, "workflow.ended") + "\n")
      << "each event once";
}

TEST_F(Watching, PatienceEndsWithTheReasonWhenTheServerStaysAway) {
  api.by_path = [](const ApiRequest&) { return fail(ErrorCode::unreachable, "connection refused"); };
  EXPECT_EQ(watch(client, {.id = "w", .patience = Duration{5'000}}), 8);
  EXPECT_NE(err.str().find("no more streams"), std::string::npos) << "the latest trouble is told";
  EXPECT_GE(clock, Duration{5'000});
  EXPECT_LT(clock, Duration{8'000});
}

TEST_F(Watching, AnUnknownWorkflowIsNotWaitedFor) {
  api.by_path = [](const ApiRequest&) { return Result<ApiReply>(ApiReply{404, {}, R"({"code": "not_found"})"}); };
  EXPECT_EQ(watch(client, {.id = "w"}), 4);
  EXPECT_TRUE(api.streamed.empty());
}

TEST_F(Watching, ARefusedStreamEndsTheWatch) {
  api.streams.push_back({{}, fail(ErrorCode::forbidden, "not yours")});
  EXPECT_EQ(watch(client, {.id = "w"}), 6);
  EXPECT_EQ(api.streamed.size(), 1U);
}

TEST_F(Watching, TheNeedForAPersonEndsItUnlessToldOtherwise) {
  state = R"("status": "running", "outcome": null, "attention": true)";
  EXPECT_EQ(watch(client, {.id = "w"}), 22);

  api.streams.push_back({lines(1, "workflow.attention"), {}});
  api.streams.push_back({lines(2, "workflow.ended"), {}});
  int looks = 0;
  const auto answer = api.by_path;
  api.by_path = [&](const ApiRequest& request) {
    if (++looks == 4) state = R"("status": "ended", "outcome": "failed", "attention": false)";
    return answer(request);
  };
  EXPECT_EQ(watch(client, {.id = "w", .until = Until::ended}), 20);
}

TEST_F(Watching, ATimeoutIsNoticedAtTheNextSignOfLife) {
  const auto answer = api.by_path;
  api.by_path = [&](const ApiRequest& request) {
    clock += Duration{400};
    return answer(request);
  };
  api.streams.push_back({{": alive", ": alive", ": alive", ": alive"}, {}});
  EXPECT_EQ(watch(client, {.id = "w", .timeout = Duration{1'000}}), 23);
}

TEST_F(Watching, OnATerminalTheTreeIsDrawnOverTheLastOne) {
  client.view.tty = true;
  api.streams.push_back({together({lines(1, "workflow.started"), lines(2, "workflow.ended")}), {}});
  int looks = 0;
  const auto answer = api.by_path;
  api.by_path = [&](const ApiRequest& request) {
    if (++looks == 3) state = verified;
    return answer(request);
  };
  EXPECT_EQ(watch(client, {.id = "w"}), 0);
  const std::string again = "\x1b[2A\r\x1b[J";
  EXPECT_EQ(out.str(), "p  w  running\ncreated - UTC\n" + again + "p  w  running\ncreated - UTC\n" + again +
                           "p  w  verified\ncreated - UTC\n");
}

}  // namespace
}  // namespace settle
