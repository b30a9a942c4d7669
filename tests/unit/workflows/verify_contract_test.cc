// What `verify` may say, and that checks which could never hold of an answer are refused before anything runs.
#include "workflows/tool_diff.h"
#include "workflows/tool_lint.h"

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

using Problems = std::vector<std::string>;

constexpr std::string_view call_to_box = R"({"connector": "http", "method": "GET", "url": "https://box.test/box"})";

std::string look(std::string_view schema, std::string_view url = "https://box.test/box") {
  return R"({"connector": "http", "method": "GET", "url": ")" + std::string(url) + R"(", "output_schema": )" +
         std::string(schema) + "}";
}

struct Row {
  const char* name;
  std::string members;  ///< of verify
  Problems want;
};

void expect_problems(const std::vector<Row>& rows, IdempotencyMode mode = IdempotencyMode::key) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(tool_problems(with_verify(of_mode(mode), row.members)), row.want);
  }
}

TEST(VerifyContract, each_member_is_read_strictly) {
  expect_problems({
      {"all of them",
       R"({"before": )" + std::string(call_to_box) +
           R"(, "pending": [{"at": "/status", "equals": "processing"}], "unique": "/items", "next": "/next",
              "read_unseen": )" +
           std::string(call_to_box) + R"(, "recheck": {"after": "1h", "times": 3}})",
       {}},
      {"before without a method",
       R"({"before": {"connector": "http", "url": "https://box.test/"}})",
       {"/verify/before/method missing_member"}},
      {"before that is not safe",
       R"({"before": {"connector": "http", "method": "POST", "url": "https://box.test/"}})",
       {"/verify/before read_not_safe"}},
      {"before that needs the answer",
       R"({"before": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/${/record_id}"}}})",
       {"/verify/before/url reference_before_answer"}},
      {"before that needs itself",
       R"({"before": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/${/before/id}"}}})",
       {"/verify/before/url reference_needs_before"}},
      {"pending that is empty", R"({"pending": []})", {"/verify/pending check_malformed"}},
      {"pending that is no list", R"({"pending": {"at": "/a", "equals": 1}})", {"/verify/pending check_malformed"}},
      {"unique that is no pointer", R"({"unique": "items"})", {"/verify/unique not_a_pointer"}},
      {"unique that is a flag", R"({"unique": true})", {"/verify/unique not_a_pointer"}},
      {"next without unique", R"({"next": "/next"})", {"/verify/next next_without_unique"}},
      {"a search for nothing of ours",
       R"({"unique": "/items", "read": )" + std::string(call_to_box) + "}",
       {"/verify/unique unique_without_key"}},
      {"recheck that is a duration", R"({"recheck": "1h"})", {"/verify/recheck wrong_type"}},
      {"recheck without a time", R"({"recheck": {}})", {"/verify/recheck/after missing_member"}},
      {"recheck at once", R"({"recheck": {"after": "0s"}})", {"/verify/recheck/after not_a_duration"}},
      {"recheck for ever", R"({"recheck": {"after": "1h", "times": 101}})", {"/verify/recheck/times out_of_range"}},
      {"recheck with more", R"({"recheck": {"after": "1h", "every": "1h"}})", {"/verify/recheck/every unknown_member"}},
      {"callback is not offered", R"({"callback": {}})", {"/verify/callback tool_not_supported"}},
      {"an operator that compares with before, without one",
       R"({"expect": [{"at": "/n", "increased_by": 1}, {"any": [{"at": "/n", "decreased_by": 1}]}]})",
       {"/verify/expect/0/increased_by check_needs_before", "/verify/expect/1/any/0/decreased_by check_needs_before"}},
      {"an expectation from before, without one",
       R"({"expect": [{"at": "/n", "equals": {"$from": "/before/n"}}]})",
       {"/verify/expect/0/equals reference_needs_before"}},
      {"an increase by a text",
       R"({"before": )" + std::string(call_to_box) + R"(, "expect": [{"at": "/n", "increased_by": "1"}]})",
       {"/verify/expect/0/increased_by check_malformed"}},
      {"a schema that is wrong",
       R"({"read": )" + look(R"({"typ": "object"})") + "}",
       {"/verify/read/output_schema/typ schema_unknown_keyword"}},
  });
}

TEST(VerifyContract, several_looks_have_names_and_checks_of_their_own) {
  const std::string one = R"({"name": "order", "read": )" + std::string(call_to_box) +
                          R"(, "expect": [{"at": "/a", "equals": {"$from": "/input/name"}}]})";
  const std::string alone = R"({"read": null, "expect": null, "reads": )";
  expect_problems({
      {"one", alone + "[" + one + "]}", {}},
      {"beside read",
       R"({"reads": [)" + one + "]}",
       {"/verify/read member_beside_reads", "/verify/expect member_beside_reads"}},
      {"none", alone + "[]}", {"/verify/reads out_of_range"}},
      {"an object", alone + "{}}", {"/verify/reads wrong_type"}},
      {"two of one name", alone + "[" + one + "," + one + "]}", {"/verify/reads/1/name duplicate_name"}},
      {"without a name",
       alone + R"([{"read": )" + std::string(call_to_box) + R"(, "expect": [{"at": "/a", "equals": 1}]}]})",
       {"/verify/reads/0/name missing_member"}},
      {"unknown member",
       alone + R"([{"name": "a", "reed": 1, "read": )" + std::string(call_to_box) +
           R"(, "expect": [{"at": "/a", "equals": 1}]}]})",
       {"/verify/reads/0/reed unknown_member"}},
      {"with a bare read_unseen",
       alone + "[" + one + R"(], "read_unseen": )" + std::string(call_to_box) + "}",
       {"/verify/read_unseen wrong_type"}},
  });
}

/// "A tool whose read-back needs such a value has mode key, natural or lookup, or declares verify.read_unseen."
TEST(VerifyContract, a_read_back_that_needs_the_lost_answer_needs_a_mode_or_read_unseen) {
  const std::string by_record =
      R"("read": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/${/record_id}"}})";
  for (const IdempotencyMode mode : {IdempotencyMode::key, IdempotencyMode::natural, IdempotencyMode::lookup})
    EXPECT_EQ(tool_problems(with_verify(of_mode(mode), "{" + by_record + "}")), Problems());
  expect_problems(
      {
          {"none", "{" + by_record + "}", {"/verify read_back_needs_answer"}},
          {"a pending check that needs it",
           R"({"pending": [{"at": "/id", "not_equals": {"$from": "/record_id"}}]})",
           {"/verify read_back_needs_answer"}},
          {"declared", "{" + by_record + R"(, "read_unseen": )" + std::string(call_to_box) + "}", {}},
          {"declared, and its checks need it too",
           "{" + by_record + R"(, "expect": [{"at": "/id", "equals": {"$from": "/record_id"}}], "read_unseen": )" +
               std::string(call_to_box) + "}",
           {"/verify/read_unseen read_back_needs_answer"}},
          {"declared, with checks of its own",
           "{" + by_record + R"(, "expect": [{"at": "/id", "equals": {"$from": "/record_id"}}],
              "read_unseen": {"read": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/?k=${/idempotency_key}"}},
                              "unique": "/items", "expect": [{"at": "/name", "equals": {"$from": "/input/name"}}]}})",
           {}},
          {"declared, and it needs it itself",
           "{" + by_record +
               R"(, "read_unseen": {"connector": "http", "method": "GET", "url": {"$text": "https://box.test/${/output/id}"}}})",
           {"/verify/read_unseen/url reference_before_answer"}},
      },
      IdempotencyMode::none);
}

constexpr std::string_view record = R"({"type": "object", "additionalProperties": false, "properties": {
  "name": {"type": "string"}, "value": {"type": "string"}, "count": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}},
  "status": {"enum": ["paid", "processing"]}, "nested": {"type": "object"}}})";

TEST(VerifyContract, checks_fit_the_schema_of_the_answer_that_they_look_at) {
  const auto expect = [](std::string_view check) {
    return R"({"read": )" + look(record) + R"(, "expect": [)" + std::string(check) + "]}";
  };
  expect_problems({
      {"fitting",
       expect(R"({"at": "/name", "equals": {"$from": "/input/name"}}, {"at": "/count", "greater": 3},
                 {"at": "/tags", "contains": "a"}, {"at": "/tags", "count": 2}, {"at": "/status", "in": ["paid"]},
                 {"at": "/nested/x", "equals": 1}, {"at": "/value", "equals": {"$text": "v ${/input/name}"}},
                 {"at": "/count", "equals": {"$from": "/input/count"}}, {"at": "/name", "equals": {"$from": "/record_id"}})"),
       {}},
      {"a place that is not there",
       expect(R"({"at": "/nmae", "equals": "x"})"),
       {"/verify/expect/0/at check_not_in_schema"}},
      {"below a text", expect(R"({"at": "/name/first", "equals": "x"})"), {"/verify/expect/0/at check_not_in_schema"}},
      {"a number and a text", expect(R"({"at": "/name", "equals": 7})"), {"/verify/expect/0/equals check_types"}},
      {"a number and a text of the input",
       expect(R"({"at": "/name", "equals": {"$from": "/input/count"}})"),
       {"/verify/expect/0/equals check_types"}},
      {"a number and $text",
       expect(R"({"at": "/count", "equals": {"$text": "${/input/name}"}})"),
       {"/verify/expect/0/equals check_types"}},
      {"a number and our key",
       expect(R"({"at": "/count", "equals": {"$from": "/idempotency_key"}})"),
       {"/verify/expect/0/equals check_types"}},
      {"order of a list", expect(R"({"at": "/tags", "less": 3})"), {"/verify/expect/0/less check_types"}},
      {"a pattern on a number",
       expect(R"({"at": "/count", "matches": "a"})"),
       {"/verify/expect/0/matches check_types"}},
      {"count of a text", expect(R"({"at": "/name", "count": 3})"), {"/verify/expect/0/count check_types"}},
      {"in a list of others", expect(R"({"at": "/name", "in": ["a", 1]})"), {"/verify/expect/0/in check_types"}},
      {"a value that there is not",
       expect(R"({"at": "/status", "equals": "payed"})"),
       {"/verify/expect/0/equals check_value"}},
      {"inside of any",
       expect(R"({"any": [{"at": "/status", "equals": "paid"}, {"at": "/stat", "exists": true}]})"),
       {"/verify/expect/0/any/1/at check_not_in_schema"}},
      {"pending too",
       R"({"read": )" + look(record) + R"(, "pending": [{"at": "/state", "equals": "processing"}],
          "expect": [{"at": "/name", "equals": {"$from": "/input/name"}}]})",
       {"/verify/pending/0/at check_not_in_schema"}},
      {"increase of a text",
       R"({"before": )" + std::string(call_to_box) + R"(, "read": )" + look(record) +
           R"(, "expect": [{"at": "/name", "increased_by": 1}]})",
       {"/verify/expect/0/increased_by check_types"}},
      {"increase over a text",
       R"({"before": )" + look(R"({"properties": {"count": {"type": "string"}}})") + R"(, "read": )" + look(record) +
           R"(, "expect": [{"at": "/count", "increased_by": 1}]})",
       {"/verify/expect/0/increased_by check_types"}},
      {"increase over what was not there",
       R"({"before": )" + look(R"({"type": "object", "additionalProperties": false})") +
           R"(, "expect": [{"at": "/count", "increased_by": 1}]})",
       {"/verify/expect/0/increased_by reference_not_in_schema"}},
      {"from before what was not there",
       R"({"before": )" + look(record) + R"(, "expect": [{"at": "/count", "equals": {"$from": "/before/cuont"}}]})",
       {"/verify/expect/0/equals reference_not_in_schema"}},
  });
}

TEST(VerifyContract, a_search_is_looked_at_element_by_element) {
  const std::string list =
      R"({"type": "object", "additionalProperties": false, "properties": {"items": {"type": "array", "items": )" +
      std::string(record) + R"(}, "total": {"type": "integer"}, "next": {"type": ["string", "null"]}}})";
  const auto search = [&](std::string_view members) {
    return R"({"read": )" + look(list) + R"(, )" + std::string(members) + "}";
  };
  // The URL of `look` is constant, so that each has this problem too; the others come behind it.
  const std::string key = "/verify/unique unique_without_key";
  expect_problems({
      {"fitting", search(R"("unique": "/items", "next": "/next", "expect": [{"at": "/name", "equals": "x"}])"), {key}},
      {"no such list",
       search(R"("unique": "/itmes", "expect": [{"at": "/name", "equals": "x"}])"),
       {key, "/verify/unique check_not_in_schema"}},
      {"no list",
       search(R"("unique": "/total", "expect": [{"at": "/name", "equals": "x"}])"),
       {key, "/verify/unique check_types"}},
      {"no such place of a page",
       search(R"("unique": "/items", "next": "/more", "expect": [{"at": "/name", "equals": "x"}])"),
       {key, "/verify/next check_not_in_schema"}},
      {"a member of the answer, not of its element",
       search(R"("unique": "/items", "expect": [{"at": "/total", "equals": 1}])"),
       {key, "/verify/expect/0/at check_not_in_schema"}},
  });
}

TEST(VerifyContract, what_was_probably_meant_is_suggested) {
  const Json document = with_verify(
      of_mode(), R"({"read": )" + look(record) +
                     R"(, "expect": [{"at": "/stauts", "equals": "paid"}, {"at": "/status", "equals": "payd"}]})");
  const Result<std::shared_ptr<const Tool>> tool = compile_tool(document, {});
  ASSERT_FALSE(tool);
  const std::vector<Problem>& problems = tool.error().problems;
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].suggestion, "/status");
  EXPECT_EQ(problems[1].suggestion, "paid");
  EXPECT_NE(problems[1].expected.find("processing"), std::string::npos);
}

TEST(VerifyContract, a_look_up_fits_its_answer_and_its_record_is_an_answer_of_the_tool) {
  struct LookupRow {
    const char* name;
    const char* schema;
    const char* next;
    Problems want;
  };
  const LookupRow rows[] = {
      {"fitting", R"({"properties": {"items": {"type": "array", "items": {"type": "object"}}}})", R"("/next")", {}},
      {"no such list",
       R"({"type": "object", "additionalProperties": false, "properties": {"entries": {"type": "array"}}})",
       "",
       {"/idempotency/lookup/records check_not_in_schema"}},
      {"no list", R"({"properties": {"items": {"type": "object"}}})", "", {"/idempotency/lookup/records check_types"}},
      {"records that are no answer",
       R"({"properties": {"items": {"type": "array", "items": {"type": "string"}}}})",
       "",
       {"/idempotency/lookup/records lookup_record_no_answer"}},
      {"no such page",
       R"({"additionalProperties": false, "properties": {"items": {"type": "array"}}})",
       R"("/next")",
       {"/idempotency/lookup/next check_not_in_schema"}},
  };
  for (const LookupRow& row : rows) {
    SCOPED_TRACE(row.name);
    Json document = tool_document(of_mode(IdempotencyMode::lookup));
    Json& lookup = *document.find("idempotency")->find("lookup");
    lookup.find("read")->set("output_schema", json(row.schema));
    if (*row.next != '\0') lookup.set("next", json(row.next));
    EXPECT_EQ(tool_problems(document), row.want);
  }
}

TEST(VerifyContract, the_call_itself_has_no_schema_of_its_own) {
  const Json document = changed(tool_document(of_mode()), "/execute/output_schema", "true");
  EXPECT_EQ(tool_problems(document), Problems{"/execute/output_schema unknown_member"});
}

TEST(VerifyContract, every_call_of_a_tool_with_a_before_may_refer_to_it) {
  Json document = with_verify(of_mode(), R"({"before": )" + std::string(call_to_box) + "}");
  document = changed(document, "/execute/headers/If-Match", R"({"$from": "/before/etag"})");
  document = changed(document, "/verify/read/headers", R"({"X-Seen": {"$from": "/before/etag"}})");
  EXPECT_EQ(tool_problems(document), Problems());
}

TEST(VerifyContract, lint_warns_of_what_goes_unnoticed) {
  struct LintRow {
    std::string members;
    const char* want;
  };
  const LintRow rows[] = {
      {R"({"before": )" + std::string(call_to_box) + "}", "/verify/before before_unused"},
      {R"({"unique": "/items"})", "/verify/next further_page_unseen"},
  };
  for (const LintRow& row : rows) {
    const LintReport report = lint_tool(with_verify(of_mode(), row.members), {});
    EXPECT_TRUE(report.errors.empty());
    EXPECT_TRUE(std::any_of(report.warnings.begin(), report.warnings.end(), [&](const Problem& problem) {
      return problem.pointer + " " + problem.code == row.want;
    })) << row.want;
  }
  const LintReport report = lint_tool(tool_document(of_mode(IdempotencyMode::lookup)), {});
  EXPECT_TRUE(std::any_of(report.warnings.begin(), report.warnings.end(), [&](const Problem& problem) {
    return problem.pointer == "/idempotency/lookup/next" && problem.code == "further_page_unseen";
  }));
}

TEST(VerifyContract, a_difference_of_two_documents_says_what_it_means) {
  struct DiffRow {
    std::string before, after;
    const char* code;
    ChangeImpact impact;
  };
  const DiffRow rows[] = {
      {"{}", R"({"unique": "/items"})", "verification_strengthened", ChangeImpact::review},
      {R"({"unique": "/items"})", "{}", "verification_weakened", ChangeImpact::weaker},
      {R"({"unique": "/items"})", R"({"unique": "/found"})", "verification_changed", ChangeImpact::review},
      {R"({"recheck": {"after": "1h"}})", "{}", "verification_weakened", ChangeImpact::weaker},
      {"{}", R"({"recheck": {"after": "1h"}})", "verification_strengthened", ChangeImpact::review},
      {"{}", R"({"pending": [{"at": "/s", "equals": "p"}]})", "verification_changed", ChangeImpact::review},
      {"{}", R"({"before": {"connector": "http"}})", "call_changed", ChangeImpact::review},
  };
  for (const DiffRow& row : rows) {
    SCOPED_TRACE(row.before + " to " + row.after);
    const std::vector<ToolChange> changes =
        diff_tools(with_verify(of_mode(), row.before), with_verify(of_mode(), row.after));
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].code, row.code);
    EXPECT_EQ(changes[0].impact, row.impact);
  }
}

}  // namespace
}  // namespace settle::test
