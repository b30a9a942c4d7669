#include "cli/render_table.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/read.h"

namespace settle {
namespace {

TEST(RenderTable, ColumnsAlignByWidthAndNoLineEndsInSpaces) {
  Table table;
  table.heading = {"NAME", "STATE", "NOTE"};
  table.rows = {{{"東京"}, {"ok"}, {""}}, {{"Zoë"}, {""}, {"late"}}};
  EXPECT_EQ(draw_lines(lay_out(table), {}), "NAME  STATE  NOTE\n東京  ok\nZoë          late\n");
}

TEST(RenderTable, WorkflowsAreListedWithTheirEndAndTheWayToTheNextPage) {
  const Json list = json(R"({"workflows": [
      {"id": "wf_2", "name": "b", "status": "running", "outcome": null, "attention": true, "labels": {"team": "ops"},
       "created_at": "2026-11-22T20:14:18.007Z", "ended_at": null},
      {"id": "wf_1", "name": "a", "status": "ended", "outcome": "verified", "attention": false, "labels": {},
       "created_at": "2026-11-22T20:14:17.000Z", "ended_at": "2026-11-22T20:16:22.000Z"}], "next_cursor": "abc"})");
  EXPECT_EQ(render_workflows(list, {}),
            "ID    NAME  STATUS               OUTCOME   CREATED (UTC)            TOOK       LABELS\n"
            "wf_2  b     running (attention)  -         2026-11-22 20:14:18.007             team=ops\n"
            "wf_1  a     ended                verified  2026-11-22 20:14:17.000  2 min 5 s\n"
            "more: --cursor abc\n");
  EXPECT_EQ(render_workflows(json(R"({"workflows": [], "next_cursor": null})"), {}), "no workflows\n");
}

TEST(RenderTable, AnEventIsOneLineWhateverItsDataHolds) {
  const Json event =
      json(R"({"seq": 3, "type": "action.executed", "at": "2026-11-22T20:14:18.007Z", "action": "contact",
                              "data": {"status_code": 201, "note": "two\nlines", "nothing": null}})");
  EXPECT_EQ(render_event(event, {}),
            "2026-11-22 20:14:18.007  3  action.executed  contact  status_code=201  note=two\\nlines");
}

TEST(RenderTable, SpansOfTimeAreSaidAsPeopleSayThem) {
  const std::pair<Duration, const char*> rows[] = {
      {Duration{-5}, "0 ms"},
      {Duration{7}, "7 ms"},
      {Duration{1'250}, "1.2 s"},
      {Duration{60'000}, "1 min"},
      {Duration{185'000}, "3 min 5 s"},
      {Duration{7'380'000}, "2 h 3 min"},
      {Duration{353'000'000}, "4 d 2 h"},
  };
  for (const auto& [duration, want] : rows) EXPECT_EQ(spoken(duration), want);
}

TEST(RenderTable, ToolsShowTheirRiskAndAShortVersion) {
  const Json list = json(
      R"({"tools": [{"name": "crm.find", "version": "sha256:0123456789abcdef0123", "risk": "read", "description": "Finds."}]})");
  EXPECT_EQ(render_tools(list, {}),
            "NAME      RISK  VERSION              DESCRIPTION\n"
            "crm.find  read  sha256:0123456789ab  Finds.\n");
}

TEST(RenderTable, AReportPutsTheWordsFirstAndTheReceiptsBesideEachSentence) {
  const Json report =
      json(R"({"workflow": "wf_1", "name": "onboard", "outcome": "verified", "attention": false, "text": "All is done.",
      "actions": [{"action": "contact", "state": "verified", "sentence": "The contact was created.", "receipt": "rcp_1"}]})");
  EXPECT_EQ(render_report(report, {}),
            "onboard  wf_1  verified\n\nAll is done.\n\n"
            "ACTION   STATE     RECEIPT  WHAT THE RECEIPT SAYS\n"
            "contact  verified  rcp_1    The contact was created.\n");
}

TEST(RenderTable, TheSandboxSummaryPutsDuplicatesLast) {
  const Json summary = json(R"({"requests": 4, "effects": 2, "duplicates": 1, "keys": [
      {"key": "k1", "method": "POST", "path": "/mail/messages", "sends": 2, "effects": 2, "duplicates": 1},
      {"key": null, "method": "PUT", "path": "/crm/contacts/x", "sends": 1, "effects": 0, "duplicates": 0}]})");
  EXPECT_EQ(render_sandbox_summary(summary, {}),
            "KEY OR REFERENCE  CALL                 SENDS  EFFECTS  DUPLICATES\n"
            "k1                POST /mail/messages  2      2        1\n"
            "(none)            PUT /crm/contacts/x  1      0        0\n"
            "4 requests, 2 effects, 1 duplicates\n");
}

}  // namespace
}  // namespace settle
