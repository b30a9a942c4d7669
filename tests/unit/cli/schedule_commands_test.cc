#include "cli/schedule_commands.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/read.h"
#include "tests/unit/cli/scripted_api.h"

namespace settle {
namespace {

const char* const kOne = R"({"name": "nightly", "state": "paused", "attention": true, "cron": "0 9 * * *",
    "time_zone": "Europe/Berlin", "pause": {"code": "run_failed", "reason": "it failed", "by": null,
    "at": "2026-11-27T09:00:00.000Z"},
    "next": [{"scheduled_at": "2026-11-28T08:00:00.000Z", "local": "2026-11-28T09:00:00.000+01:00",
              "starts_at": "2026-11-28T08:00:03.000Z"}],
    "open": [{"workflow": "nightly-now-x", "scheduled_at": "2026-11-27T08:00:00.000Z",
              "started_at": "2026-11-27T08:00:00.100Z", "outcome": null}],
    "recent": [{"workflow": "nightly-y", "scheduled_at": "2026-11-26T08:00:00.000Z",
                "started_at": "2026-11-26T08:00:00.100Z", "outcome": "failed"}],
    "started": 12, "triggered": 1, "skipped": 3, "missed": 4, "failed_to_start": 5,
    "last_skipped": {"scheduled_at": "2026-11-20T08:00:00.000Z", "why": "run_open"},
    "last_missed": {"first": "2026-11-21T08:00:00.000Z", "last": "2026-11-22T08:00:00.000Z", "count": 2, "why": "late"},
    "last_failure": {"scheduled_at": "2026-11-23T08:00:00.000Z", "code": "invalid_plan", "message": "no such tool"}})";

class ScheduleCommands : public ClientTest {
 protected:
  void expect_shown(std::initializer_list<const char*> parts) {
    for (const char* part : parts) EXPECT_NE(out.str().find(part), std::string::npos) << part << "\n" << out.str();
  }
};

TEST_F(ScheduleCommands, ADocumentIsPutAsItStands) {
  api.reply(201, kOne);
  EXPECT_EQ(put_schedule(client, {.name = "a b", .file = file_with(R"({"every": "1h", "plan": {}})")}), 0);
  EXPECT_EQ(api.asked[0].method, "PUT");
  EXPECT_EQ(api.asked[0].path, "/v1/schedules/a%20b");
  EXPECT_EQ(json(*api.asked[0].body), json(R"({"every": "1h", "plan": {}})"));
  expect_shown({"nightly", "paused (run_failed) !", "0 9 * * * (Europe/Berlin)", "2026-11-28 08:00:00"});
}

TEST_F(ScheduleCommands, OneIsShownWithAllThatBecameOfItsTimes) {
  api.reply(200, kOne);
  EXPECT_EQ(show_schedule(client, {.name = "nightly"}), 0);
  expect_shown({"paused by itself", "it failed", "started 12, triggered 1, skipped 3, missed 4, failed to start 5",
                "run_open", "late", "no such tool", "nightly-now-x", "open", "nightly-y", "failed",
                "2026-11-28T09:00:00.000+01:00"});
}

TEST_F(ScheduleCommands, AllPagesAreListed) {
  api.reply(200, R"({"schedules": [)" + std::string(kOne) + R"(], "next_after": "nightly"})");
  api.reply(200, R"({"schedules": [{"name": "other", "every": "15m", "state": "active"}], "next_after": null})");
  EXPECT_EQ(list_schedules(client), 0);
  EXPECT_EQ(api.asked[1].path, "/v1/schedules?after=nightly&limit=200");
  expect_shown({"nightly", "other", "every 15m", "active"});
}

TEST_F(ScheduleCommands, ARunNowHasAKeySoThatARepeatStartsNoSecondOne) {
  api.replies.push_back(fail(ErrorCode::unreachable, "cut off"));
  api.reply(201, R"({"id": "nightly-now-x"})");
  EXPECT_EQ(trigger_schedule(client, {.name = "nightly", .allow_overlap = true}), 0);
  EXPECT_EQ(out.str(), "nightly-now-x\n");
  ASSERT_EQ(api.asked.size(), 2U);
  EXPECT_EQ(api.asked[0].headers, api.asked[1].headers);
  EXPECT_EQ(api.asked[0].headers.back().first, "Idempotency-Key");
  EXPECT_EQ(json(*api.asked[0].body), json(R"({"overlap": "allow"})"));
}

TEST_F(ScheduleCommands, TheOthersSendWhatTheySay) {
  for (int i = 0; i < 3; ++i) api.reply(200, kOne);
  EXPECT_EQ(pause_schedule(client, {.name = "nightly", .reason = "moving"}), 0);
  EXPECT_EQ(resume_schedule(client, {.name = "nightly"}), 0);
  EXPECT_EQ(delete_schedule(client, {.name = "nightly"}), 0);
  EXPECT_EQ(api.asked[0].path, "/v1/schedules/nightly:pause");
  EXPECT_EQ(json(*api.asked[0].body), json(R"({"reason": "moving"})"));
  EXPECT_EQ(api.asked[1].path, "/v1/schedules/nightly:resume");
  EXPECT_EQ(api.asked[2].method, "DELETE");
}

TEST_F(ScheduleCommands, APreviewPrintsTimes) {
  api.reply(200, R"({"times": [{"scheduled_at": "2026-11-28T08:00:00.000Z", "local": "2026-11-28T09:00:00.000+01:00",
                     "starts_at": "2026-11-28T08:00:03.000Z"}]})");
  EXPECT_EQ(preview_schedule(client, {.file = file_with(R"({"every": "1h"})"), .count = 3, .after = "x"}), 0);
  EXPECT_EQ(api.asked[0].path, "/v1/schedules:preview");
  EXPECT_EQ(json(*api.asked[0].body), json(R"({"every": "1h", "count": 3, "after": "x"})"));
  expect_shown({"2026-11-28 08:00:00", "2026-11-28T09:00:00.000+01:00"});
}

}  // namespace
}  // namespace settle
