#include "cli/client_commands.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/read.h"
#include "tests/unit/cli/scripted_api.h"

namespace settle {
namespace {

const char* const kRunning =
    R"({"id": "wf_1", "name": "p", "status": "running", "outcome": null, "attention": false, "actions": []})";

std::string ended(const std::string& outcome) {
  return R"({"id": "wf_1", "name": "p", "status": "ended", "outcome": ")" + outcome +
         R"(", "attention": false, "actions": []})";
}

const std::string* header(const ApiRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

class Commands : public ClientTest {};

TEST_F(Commands, SubmitSendsThePlanWithIdAndLabelsAndSaysTheId) {
  api.reply(201, kRunning);
  EXPECT_EQ(submit(client, {.file = file_with(R"({"name": "p", "actions": []})"), .id = "wf_1", .labels = {"a=b=c"}}),
            0);
  ASSERT_EQ(api.asked.size(), 1U);
  EXPECT_EQ(api.asked[0].method, "POST");
  EXPECT_EQ(api.asked[0].path, "/v1/workflows");
  EXPECT_EQ(json(*api.asked[0].body),
            json(R"({"id": "wf_1", "plan": {"name": "p", "actions": []}, "labels": {"a": "b=c"}})"));
  EXPECT_EQ(header(api.asked[0], "Idempotency-Key"), nullptr) << "the id alone makes it harmless to repeat";
  EXPECT_EQ(out.str(), "workflow wf_1 accepted and durable\n");
}

TEST_F(Commands, SubmitAsksAgainUnderTheSameKeyWhenAnAnswerWasLost) {
  api.replies.emplace_back(fail(ErrorCode::unreachable, "connection reset"));
  api.reply(503, R"({"code": "overloaded", "safe_to_retry": true})");
  api.reply(200, kRunning);
  EXPECT_EQ(submit(client, {.file = file_with("{}")}), 0);
  ASSERT_EQ(api.asked.size(), 3U);
  for (const ApiRequest& request : api.asked) EXPECT_EQ(*header(request, "Idempotency-Key"), "fresh");
  EXPECT_EQ(out.str(), "workflow wf_1 is known already; nothing new was started\n");
  EXPECT_EQ(pauses, (std::vector<Duration>{Duration{100}, Duration{200}}));
}

TEST_F(Commands, SubmitGivesUpOnAServerThatStaysAway) {
  api.by_path = [](const ApiRequest&) { return fail(ErrorCode::unreachable, "refused"); };
  EXPECT_EQ(submit(client, {.file = file_with("{}")}), 8);
  EXPECT_NE(err.str().find("refused"), std::string::npos);
  EXPECT_LT(clock, Duration{6'000});
}

TEST_F(Commands, AWaitEndsWithTheExitCodeOfTheOutcome) {
  const std::pair<std::string, int> rows[] = {{"verified", 0}, {"executed", 0}, {"failed", 20}, {"cancelled", 21}};
  for (const auto& [outcome, code] : rows) {
    api.reply(201, kRunning);
    api.reply(200, kRunning);
    api.reply(200, ended(outcome));
    EXPECT_EQ(submit(client, {.file = file_with("{}"), .wait = Duration{90'000}}), code) << outcome;
    EXPECT_EQ(api.asked.back().path, "/v1/workflows/wf_1?wait=30s&until=attention");
  }
}

TEST_F(Commands, AWaitEndsWhenAPersonIsNeededUnlessToldOtherwise) {
  const char* stuck = R"({"id": "wf_1", "status": "running", "outcome": null, "attention": true})";
  api.reply(201, kRunning);
  api.reply(200, stuck);
  EXPECT_EQ(submit(client, {.file = file_with("{}"), .wait = Duration{1'000}}), 22);

  api.reply(201, kRunning);
  api.reply(200, stuck);
  api.reply(200, ended("verified"));
  EXPECT_EQ(submit(client, {.file = file_with("{}"), .wait = Duration{1'000}, .until = Until::ended}), 0);
}

TEST_F(Commands, AWaitThatIsOverSaysThatItStillRuns) {
  bool first = true;
  api.by_path = [&](const ApiRequest&) {
    const int status = first ? 201 : 200;
    clock += first ? Duration{0} : Duration{20'000};
    first = false;
    return Result<ApiReply>(ApiReply{status, {}, kRunning});
  };
  EXPECT_EQ(submit(client, {.file = file_with("{}"), .wait = Duration{50'000}}), 23);
  EXPECT_EQ(api.asked.size(), 4U);
  EXPECT_EQ(api.asked.back().path, "/v1/workflows/wf_1?wait=10s&until=attention") << "only what is left";
}

TEST_F(Commands, AWaitOutlivesARestartOfTheServer) {
  api.reply(201, kRunning);
  api.replies.emplace_back(fail(ErrorCode::unreachable, "refused"));
  api.replies.emplace_back(fail(ErrorCode::unreachable, "refused"));
  api.reply(200, ended("verified"));
  EXPECT_EQ(submit(client, {.file = file_with("{}"), .wait = Duration{60'000}}), 0);
}

TEST_F(Commands, FilesThatAreNoStrictJsonNeverReachTheServer) {
  EXPECT_EQ(submit(client, {.file = file_with(R"({"a": 1, "a": 2})")}), 2);
  EXPECT_EQ(check(client, {.file = file_with("{")}), 2);
  EXPECT_EQ(check(client, {.file = file_with(std::string((1 << 20) + 1, ' '))}), 2);
  EXPECT_EQ(check(client, {.file = "/nowhere/plan.json"}), 13);
  EXPECT_NE(err.str().find("/nowhere/plan.json: No such file"), std::string::npos);
  EXPECT_TRUE(api.asked.empty());
}

TEST_F(Commands, StandardInputIsReadWhenTheFileIsADash) {
  in.str(R"({"name": "p"})");
  api.reply(200, R"({"valid": true, "plan_digest": "sha256:ab", "actions": 3})");
  EXPECT_EQ(check(client, {.file = "-"}), 0);
  EXPECT_EQ(json(*api.asked[0].body), json(R"({"plan": {"name": "p"}})"));
  EXPECT_EQ(out.str(), "valid: 3 actions, plan sha256:ab\n");
}

TEST_F(Commands, MachinesGetTheDocumentsAsTheyCameAlsoWhenTheServerRefuses) {
  client.json = true;
  api.reply(200, kRunning);
  EXPECT_EQ(show(client, {.id = "wf_1"}), 0);
  EXPECT_EQ(out.str(), std::string(kRunning) + "\n");

  out.str("");
  api.reply(422, R"({"code":"invalid_plan","errors":[]})");
  EXPECT_EQ(check(client, {.file = file_with("{}")}), 3);
  EXPECT_EQ(out.str(), "{\"code\":\"invalid_plan\",\"errors\":[]}\n");
  EXPECT_EQ(err.str(), "");
}

TEST_F(Commands, IdsAndFiltersAreEncodedIntoThePath) {
  api.reply(404, R"({"code": "not_found"})");
  EXPECT_EQ(show(client, {.id = "a/b?c d"}), 4);
  EXPECT_EQ(api.asked[0].path, "/v1/workflows/a%2Fb%3Fc%20d");

  api.reply(200, R"({"workflows": []})");
  EXPECT_EQ(
      list_workflows(
          client,
          {.filter = {.status = "ended", .label = "team=a b", .tool = "t", .created_after = "2026-01-01T00:00:00Z"},
           .limit = 5}),
      0);
  EXPECT_EQ(api.asked[1].path,
            "/v1/workflows?status=ended&label=team%3Aa%20b&tool=t&created_after=2026-01-01T00%3A00%3A00Z&limit=5");
}

TEST_F(Commands, AnAnswerThatIsNoSettleDocumentIsNotTakenForOne) {
  for (const auto& [status, code] : {std::pair{200, 8}, {404, 4}, {502, 8}}) {
    api.reply(status, "<html>hello</html>");
    EXPECT_EQ(receipts(client, {.id = "x"}), code);
  }
  EXPECT_NE(err.str().find("is --server the address of a Settle server?"), std::string::npos);
}

TEST_F(Commands, EventsAreReadPageByPageToTheEnd) {
  api.reply(200, R"({"events": [{"seq": 1, "type": "a"}, {"seq": 2, "type": "b"}], "next_after": 2})");
  api.reply(200, R"({"events": [{"seq": 3, "type": "c"}], "next_after": 3})");
  api.reply(200, R"({"events": [], "next_after": 3})");
  client.json = true;
  EXPECT_EQ(events(client, {.id = "w"}), 0);
  EXPECT_EQ(api.asked[1].path, "/v1/workflows/w/events?after=2&limit=500");
  EXPECT_EQ(json(out.str()).find("events")->size(), 3U);
}

TEST_F(Commands, EveryToolFileIsTriedAndTheFirstRefusalDecidesTheExitCode) {
  const std::string good = ::testing::TempDir() + "settle-good.json";
  const std::string nameless = ::testing::TempDir() + "settle-nameless.json";
  std::ofstream(good) << R"({"name": "crm.find"})";
  std::ofstream(nameless) << "{}";
  api.reply(201, R"({"name": "crm.find", "version": "sha256:ab"})");
  EXPECT_EQ(put_tools(client, {.files = {nameless, good}}), 3);
  ASSERT_EQ(api.asked.size(), 1U);
  EXPECT_EQ(api.asked[0].method, "PUT");
  EXPECT_EQ(api.asked[0].path, "/v1/tools/crm.find");
  EXPECT_EQ(out.str(), "crm.find  sha256:ab  new version\n");
  EXPECT_NE(err.str().find("settle-nameless.json: the tool has no name"), std::string::npos);
}

TEST_F(Commands, ATerminalSequenceInAnErrorOfTheServerIsShownAndNotObeyed) {
  api.reply(404, R"({"code": "not_found", "title": "no \u001b[2J", "detail": "\u009b"})");
  EXPECT_EQ(report(client, {.id = "x"}), 4);
  EXPECT_EQ(err.str().find('\x1b'), std::string::npos);
}

TEST_F(Commands, DuplicatesInASandboxAreAnExitCodeOfTheirOwn) {
  api.reply(200, R"({"requests": 2, "effects": 2, "duplicates": 1, "keys": []})");
  EXPECT_EQ(sandbox_summary(client), 1);
  api.reply(201, "{}");
  EXPECT_EQ(sandbox_fault(client, {.fault = "drop_after", .method = "POST", .path_prefix = "/mail", .nth = 2}), 0);
  EXPECT_EQ(
      json(*api.asked.back().body),
      json(R"({"match": {"method": "POST", "path_prefix": "/mail", "nth": 2}, "fault": "drop_after", "times": 1})"));
}

TEST_F(Commands, SignalSendsThePayloadUnderOneKey) {
  api.replies.emplace_back(fail(ErrorCode::unreachable, "connection reset"));
  api.reply(201, R"({"workflow": "wf_1", "signal": 1, "name": "go", "taken_by": "a"})");
  EXPECT_EQ(signal(client, {.id = "wf_1", .name = "go", .payload = R"({"by": "ada"})"}), 0);
  ASSERT_EQ(api.asked.size(), 2U);
  for (const ApiRequest& request : api.asked) {
    EXPECT_EQ(request.path, "/v1/workflows/wf_1/signals/go");
    EXPECT_EQ(json(*request.body), json(R"({"payload": {"by": "ada"}})"));
    EXPECT_EQ(*header(request, "Idempotency-Key"), "fresh");
  }
  EXPECT_EQ(out.str(), "signal go of workflow wf_1 is durable; taken by a\n");
  api.reply(200, R"({"workflow": "wf_1", "signal": 1, "name": "go", "taken_by": null})");
  EXPECT_EQ(signal(client, {.id = "wf_1", .name = "go", .payload = "@" + file_with("7"), .key = "k"}), 0);
  EXPECT_EQ(json(*api.asked.back().body), json(R"({"payload": 7})"));
  EXPECT_EQ(*header(api.asked.back(), "Idempotency-Key"), "k");
  EXPECT_EQ(signal(client, {.id = "wf_1", .name = "go", .payload = "{oops"}), 2);
  EXPECT_EQ(api.asked.size(), 3U) << "a payload that is no JSON is never sent";
}

}  // namespace
}  // namespace settle
