#include "cli/render_tree.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/read.h"

namespace settle {
namespace {

Json workflow_of(const std::string& actions) {
  return json(
      R"({"id": "wf_1", "name": "onboard", "status": "running", "outcome": null, "attention": false, "labels": {"team": "sales"},
                  "created_at": "2026-11-22T20:14:18.007Z", "ended_at": null, "actions": [)" +
      actions + "]}");
}

std::string pending(const std::string& id, const std::string& after) {
  return R"({"id": ")" + id + R"(", "tool": {"name": "t"}, "after": )" + after +
         R"(, "state": "pending", "phase": "blocked", "attempts": 0})";
}

TEST(RenderTree, ShowsDependenciesStatesAttemptsTimesRecordsEvidenceAndErrors) {
  const Json workflow = workflow_of(R"(
    {"id": "contact", "tool": {"name": "crm.create_contact"}, "after": [], "state": "verified", "phase": null, "attempts": 1,
     "record_id": "c_17", "confidence": "read_back", "effect": "complete", "error": null,
     "started_at": "2026-11-22T20:14:18.010Z", "verified_at": "2026-11-22T20:14:18.052Z"},
    {"id": "welcome", "tool": {"name": "mail.send"}, "after": ["contact"], "state": "pending", "phase": "backing_off", "attempts": 2,
     "record_id": null, "confidence": "none", "effect": null, "next_at": "2026-11-22T20:14:20.000Z",
     "error": {"code": "http_503", "message": "busy"}, "started_at": "2026-11-22T20:14:18.060Z", "verified_at": null},
    {"id": "ticket", "tool": {"name": "ticket.open"}, "after": ["contact", "welcome"], "state": "pending", "phase": "blocked", "attempts": 0},
    {"id": "log", "tool": {"name": "crm.note"}, "after": ["contact"], "state": "failed", "phase": "http_404", "attempts": 1,
     "effect": "unknown", "error": {"code": "http_404", "message": "no such place"}, "started_at": "2026-11-22T20:14:18.060Z",
     "since": "2026-11-22T20:14:19.560Z"})");
  const std::string want =
      "onboard  wf_1  running\n"
      "created 2026-11-22 20:14:18.007 UTC, running for 1.9 s, team=sales\n"
      "└─ ✔ contact       crm.create_contact  verified               1 attempt   42 ms  record c_17  by read_back\n"
      "   ├─ ▶ welcome    mail.send           pending (backing_off)  2 attempts  1.9 s\n"
      "   │  │  http_503: busy\n"
      "   │  │  next try at 2026-11-22 20:14:20.000 UTC\n"
      "   │  └─ · ticket  ticket.open         pending (blocked)\n"
      "   │        also after contact\n"
      "   └─ ✘ log        crm.note            failed                 1 attempt   1.5 s\n"
      "         http_404: no such place\n"
      "         effect on the world: unknown\n";
  EXPECT_EQ(render_workflow(workflow, {.now = parse_time("2026-11-22T20:14:20.000Z")}), want);
}

TEST(RenderTree, EveryActionAppearsExactlyOnceBelowItsDeepestDependency) {
  const Json diamond =
      workflow_of(pending("a", "[]") + "," + pending("b", R"(["a"])") + "," + pending("c", R"(["a", "b"])") + "," +
                  pending("d", R"(["c", "a"])") + "," + pending("e", "[]"));
  EXPECT_EQ(render_workflow(diamond, {}),
            "onboard  wf_1  running\n"
            "created 2026-11-22 20:14:18.007 UTC, team=sales\n"
            "├─ · a           t  pending (blocked)\n"
            "│  └─ · b        t  pending (blocked)\n"
            "│     └─ · c     t  pending (blocked)\n"
            "│        │  also after a\n"
            "│        └─ · d  t  pending (blocked)\n"
            "│              also after a\n"
            "└─ · e           t  pending (blocked)\n");
}

TEST(RenderTree, AChainOfThousandsStaysWithinTheScreenAndNamesItsParents) {
  std::string actions = pending("s0", "[]");
  for (int i = 1; i < 3000; ++i)
    actions += "," + pending("s" + std::to_string(i), "[\"s" + std::to_string(i - 1) + "\"]");
  const std::vector<Line> lines = lay_out_workflow(workflow_of(actions), {});
  const std::string last = draw_lines(lines, {});
  EXPECT_NE(last.find("s2999 "), std::string::npos);
  EXPECT_NE(last.find("after s2998"), std::string::npos);
  for (const Line& line : lines) EXPECT_LT(display_width(draw_line(line, {})), 90U);
}

TEST(RenderTree, ADocumentThatMakesNoSenseIsShownAsFarAsItGoes) {
  const char* documents[] = {
      R"({})",
      R"({"actions": 7, "name": [], "labels": 3})",
      R"({"actions": [3, null, {"id": 4}, {"id": "a", "after": ["a"]}, {"id": "b", "after": ["c"]}, {"id": "c", "after": ["b", "zz", 1]}]})",
  };
  for (const char* document : documents) EXPECT_FALSE(render_workflow(json(document), {}).empty());
  // Actions of a cycle, which no server sends, are still all there.
  EXPECT_NE(render_workflow(json(documents[2]), {}).find("· c"), std::string::npos);
}

TEST(RenderTree, NamesFromAServerCanNotSteerTheTerminal) {
  const Json workflow = json(R"({"id": "wf\u001b[2J", "name": "x\u0007", "status": "running", "actions": [
      {"id": "a\u009b", "state": "failed", "error": {"code": "c", "message": "\u001b]0;title\u0007"}}]})");
  const std::string text = render_workflow(workflow, {});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\a'), std::string::npos);
  EXPECT_NE(text.find("\\x1b]0;title\\x07"), std::string::npos);
}

TEST(RenderTree, ARedrawnTreeNeverExceedsTheHeightOfTheTerminal) {
  const std::vector<Line> lines(20, Line{{"x"}});
  EXPECT_EQ(fit_height(lines, {}).size(), 20U);
  EXPECT_EQ(fit_height(lines, {.lines = 21}).size(), 20U);
  const std::vector<Line> cut_lines = fit_height(lines, {.lines = 10});
  EXPECT_EQ(cut_lines.size(), 9U);
  EXPECT_EQ(cut_lines.back()[0].text, "… 12 more lines; the terminal is too low for them");
}

}  // namespace
}  // namespace settle
