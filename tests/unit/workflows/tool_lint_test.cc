// What is said about a tool that would be taken, and about one that would not.
#include "workflows/tool_lint.h"

#include <algorithm>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

Json base() {
  return json(R"({"name": "a.b", "description": "A.", "risk": "write",
    "input_schema": {"type": "object", "additionalProperties": false, "required": ["x"],
      "properties": {"x": {"type": "string"}}},
    "output_schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "o": {"type": "object"}}},
    "execute": {"connector": "http", "method": "POST", "url": {"$text": "${host}/x"},
      "headers": {"Idempotency-Key": {"$from": "/idempotency_key"}}, "body": {"$from": "/input"}},
    "record_id": "/id", "idempotency": {"mode": "key", "window": "24h"},
    "verify": {"read": {"connector": "http", "method": "GET", "url": {"$text": "${host}/x/${/record_id}"}},
               "expect": [{"at": "/x", "equals": {"$from": "/input/x"}}]}})");
}

struct LintRow {
  const char* pointer;
  const char* value;
  const char* want;  ///< "POINTER CODE"
};

std::vector<std::string> told(const std::vector<Problem>& problems) {
  std::vector<std::string> out;
  for (const Problem& problem : problems) {
    EXPECT_FALSE(problem.message.empty());
    EXPECT_FALSE(problem.expected.empty());
    out.push_back(problem.pointer + " " + problem.code);
  }
  return out;
}

TEST(ToolLint, a_good_tool_has_nothing_said_about_it) {
  const LintReport report = lint_tool(base(), {});
  EXPECT_EQ(told(report.errors), std::vector<std::string>());
  EXPECT_EQ(told(report.warnings), std::vector<std::string>());
  EXPECT_EQ(report.name, "a.b");
  EXPECT_EQ(missing_values(base(), {}), std::set<std::string>{"host"});
}

TEST(ToolLint, each_weakness_is_a_warning_at_its_place) {
  const LintRow rows[] = {
      {"/description", "", "/description description_missing"},
      {"/deprecated", "true", "/deprecation deprecation_unexplained"},
      {"/input_schema/properties/y", R"({"type": "object", "properties": {}})",
       "/input_schema/properties/y object_open"},
      {"/input_schema/properties/y", R"({"type": "array", "items": {"properties": {}}})",
       "/input_schema/properties/y/items object_open"},
      {"/record_id", "", "/record_id record_id_unused"},
      {"/record_id", R"("/nr")", "/record_id record_id_not_described"},
      {"/record_id", R"("/o")", "/record_id record_id_type"},
      {"/output_schema/required", "[]", "/record_id record_id_optional"},
      {"/execute/method", R"("DELETE")", "/risk delete_not_destructive"},
      {"/idempotency", R"({"mode": "natural"})", "/idempotency/mode natural_with_post"},
      {"/idempotency/window", R"("1m")", "/idempotency/window window_short"},
      {"/idempotency", R"({"mode": "lookup", "quiet": "1s", "lookup": {"records": "/r",
         "read": {"connector": "http", "method": "GET", "url": {"$text": "${host}/x?x=${/input/x}"}}}})",
       "/idempotency/lookup/read lookup_by_input_only"},
      {"/verify/expect", R"([{"at": "/x", "equals": 7}])", "/verify/expect checks_constant_only"},
      {"/verify/expect", R"([{"at": "/id", "equals": {"$from": "/record_id"}}])", "/verify/expect input_not_compared"},
      {"/verify/read/url", R"({"$text": "${host}/x/${/input/x}"})", "/verify read_back_not_tied"},
      {"/verify/within", R"("1ms")", "/verify/within one_look_only"},
      {"/schedule_to_close_timeout", R"("1s")", "/schedule_to_close_timeout schedule_short"},
      {"/execute", R"({"connector": "http", "method": "POST", "url": "http://a.test/x", "auth": "c",
         "body": {"k": {"$from": "/idempotency_key"}}})",
       "/execute/url credential_in_clear"},
  };
  for (const LintRow& row : rows) {
    SCOPED_TRACE(std::string(row.pointer) + " = " + row.value);
    const LintReport report = lint_tool(changed(base(), row.pointer, row.value), {});
    EXPECT_EQ(told(report.errors), std::vector<std::string>());
    const std::vector<std::string> got = told(report.warnings);
    EXPECT_NE(std::find(got.begin(), got.end(), row.want), got.end()) << ::testing::PrintToString(got);
  }
}

TEST(ToolLint, what_would_be_refused_is_an_error) {
  const LintRow rows[] = {
      {"/input_schema/additionalProperties", "", "/input_schema input_schema_open"},
      {"/input_schema/oneOff", "[]", "/input_schema/oneOff schema_unknown_keyword"},
      {"/execute/headers", "", "/execute key_not_sent"},
      {"/deprecation", R"("Use another.")", "/deprecation deprecation_alone"},
  };
  for (const LintRow& row : rows) {
    SCOPED_TRACE(row.want);
    const LintReport report = lint_tool(changed(base(), row.pointer, row.value), {});
    std::vector<std::string> got;
    for (const Problem& problem : report.errors) got.push_back(problem.pointer + " " + problem.code);
    EXPECT_NE(std::find(got.begin(), got.end(), row.want), got.end()) << ::testing::PrintToString(got);
  }
}

}  // namespace
}  // namespace settle::test
