// What a change of a tool means. Each row changes one place of one document.
#include "workflows/tool_diff.h"

#include <algorithm>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

Json base() {
  return json(R"({"name": "a.b", "description": "A.", "risk": "write",
    "input_schema": {"type": "object", "additionalProperties": false, "required": ["x"], "title": "T",
      "properties": {"x": {"type": "string", "minLength": 1, "maxLength": 9}, "y": {"enum": [1, 2]}}},
    "output_schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "n": {}}},
    "execute": {"connector": "http", "method": "POST", "url": "https://a.test/x", "auth": "c"},
    "record_id": "/id", "idempotency": {"mode": "key", "window": "24h"},
    "verify": {"read": {"connector": "http", "method": "GET", "url": "https://a.test/y"},
               "expect": [{"at": "/a", "equals": 1}], "within": "5s"},
    "success": [{"at": "/error", "absent": true}],
    "start_to_close_timeout": "10s", "retry": {"maximum_attempts": 3}})");
}

struct DiffRow {
  const char* pointer;
  const char* value;  ///< empty: the member is taken away
  const char* want;   ///< "IMPACT CODE PLACE"
};

TEST(ToolDiff, each_change_is_named_weighed_and_placed) {
  const DiffRow rows[] = {
      {"/name", R"("a.c")", "breaking renamed /name"},
      {"/description", R"("B.")", "none description_changed /description"},
      {"/deprecated", "true", "review deprecated /deprecated"},
      {"/risk", R"("destructive")", "review risk_raised /risk"},
      {"/risk", R"("read")", "weaker risk_lowered /risk"},
      {"/record_id", "", "breaking record_id_changed /record_id"},
      {"/idempotency/mode", R"("none")", "weaker idempotency_weakened /idempotency/mode"},
      {"/idempotency/mode", R"("natural")", "review idempotency_changed /idempotency/mode"},
      {"/idempotency/window", R"("1h")", "weaker idempotency_weakened /idempotency/window"},
      {"/idempotency/window", R"("48h")", "review window_longer /idempotency/window"},
      {"/verify", R"("none")", "weaker verification_weakened /verify"},
      {"/verify/expect", R"([{"at": "/a", "exists": true}])", "weaker verification_weakened /verify/expect/0"},
      {"/verify/expect", R"([{"at": "/b", "equals": 1}, {"at": "/a", "equals": 1}])",
       "review verification_strengthened /verify/expect/0"},
      {"/verify/read/url", R"("https://b.test/y")", "review endpoint_changed /verify/read/url"},
      {"/verify/within", R"("6s")", "compatible verification_timing /verify/within"},
      {"/success", "", "weaker success_weakened /success/0"},
      {"/execute/auth", R"("d")", "review credential_changed /execute/auth"},
      {"/execute/safe", "true", "weaker safety_changed /execute/safe"},
      {"/execute/method", R"("PUT")", "review call_changed /execute/method"},
      {"/start_to_close_timeout", R"("5s")", "breaking limit_tightened /start_to_close_timeout"},
      {"/start_to_close_timeout", R"("15s")", "compatible limit_loosened /start_to_close_timeout"},
      {"/retry/maximum_attempts", "2", "review retry_changed /retry/maximum_attempts"},
      {"/input_schema/required", R"(["x", "y"])", "breaking input_narrowed /input_schema/required"},
      {"/input_schema/required", "[]", "compatible input_widened /input_schema/required"},
      {"/input_schema/title", R"("U")", "none annotation_changed /input_schema/title"},
      {"/input_schema/properties/z", "true", "compatible input_widened /input_schema/properties/z"},
      {"/input_schema/properties/y", "", "breaking input_narrowed /input_schema/properties/y"},
      {"/input_schema/properties/y/enum", "[2]", "breaking input_narrowed /input_schema/properties/y/enum"},
      {"/input_schema/properties/y/enum", "[3, 2, 1]", "compatible input_widened /input_schema/properties/y/enum"},
      {"/input_schema/properties/y/enum", "[1, 3]", "breaking input_changed /input_schema/properties/y/enum"},
      {"/input_schema/properties/x/minLength", "2", "breaking input_narrowed /input_schema/properties/x/minLength"},
      {"/input_schema/properties/x/minLength", "0", "compatible input_widened /input_schema/properties/x/minLength"},
      {"/input_schema/properties/x/maxLength", "8", "breaking input_narrowed /input_schema/properties/x/maxLength"},
      {"/input_schema/properties/x/maxLength", "", "compatible input_widened /input_schema/properties/x/maxLength"},
      {"/input_schema/properties/x/pattern", R"("^a")", "breaking input_narrowed /input_schema/properties/x/pattern"},
      {"/input_schema/properties/x/type", R"(["string", "null"])",
       "compatible input_widened /input_schema/properties/x/type"},
      {"/output_schema/required", "[]", "breaking output_widened /output_schema/required"},
      {"/output_schema/required", R"(["id", "n"])", "review output_narrowed /output_schema/required"},
      {"/output_schema/properties/id", "", "breaking output_widened /output_schema/properties/id"},
      {"/output_schema/properties/id/type", R"("number")", "breaking output_widened /output_schema/properties/id/type"},
      {"/output_schema/properties/m", R"({"type": "string"})", "review output_narrowed /output_schema/properties/m"},
  };
  for (const DiffRow& row : rows) {
    SCOPED_TRACE(std::string(row.pointer) + " = " + row.value);
    std::vector<std::string> got;
    for (const ToolChange& change : diff_tools(base(), changed(base(), row.pointer, row.value))) {
      got.push_back(std::string(name_of(change.impact)) + " " + change.code + " " + change.place);
      EXPECT_FALSE(change.meaning.empty());
    }
    EXPECT_NE(std::find(got.begin(), got.end(), row.want), got.end()) << ::testing::PrintToString(got);
  }
}

TEST(ToolDiff, a_rule_that_is_gone_is_a_waiver_but_for_a_destructive_tool) {
  const auto change = [](const char* risk, const char* before, const char* after) {
    Json from = changed(base(), "/risk", risk), to = from;
    if (before[0] != '\0') from.set("approval", json(before));
    if (after[0] != '\0') to.set("approval", json(after));
    const std::vector<ToolChange> changes = diff_tools(from, to);
    return changes.size() == 1 ? changes[0].code : "";
  };
  const char *write = R"("write")", *destructive = R"("destructive")";
  EXPECT_EQ(change(write, "{}", ""), "approval_waived");
  EXPECT_EQ(change(write, "{}", R"("none")"), "approval_waived");
  EXPECT_EQ(change(write, "", "{}"), "approval_changed");
  EXPECT_EQ(change(destructive, "", R"("none")"), "approval_waived");
  EXPECT_EQ(change(destructive, "{}", ""), "approval_changed");
}

TEST(ToolDiff, order_and_other_ways_to_write_the_same_are_no_change) {
  EXPECT_TRUE(diff_tools(base(), base()).empty());
  const Json other =
      changed(changed(base(), "/input_schema/properties/y/enum", "[2, 1]"), "/input_schema/required", R"(["x"])");
  EXPECT_TRUE(diff_tools(base(), other).empty());
}

TEST(ToolDiff, documents_that_are_no_tools_are_compared_all_the_same) {
  const char* odd[] = {
      "7", "[]", "{}", R"({"input_schema": 7, "verify": 7, "retry": [], "idempotency": null})",
      R"({"input_schema": {"required": 7, "type": 7, "properties": []}, "execute": [], "success": {}})"};
  for (const char* a : odd) {
    for (const char* b : odd) diff_tools(json(a), json(b));
    diff_tools(json(a), base());
    diff_tools(base(), json(a));
  }
}

}  // namespace
}  // namespace settle::test
