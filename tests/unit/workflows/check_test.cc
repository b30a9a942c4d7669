// The operators that checks and conditions share (CONTRACT §4).
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

/// Numbers keep the text of their token, as the answers of tools do.
Json exact(const char* text) {
  JsonLimits limits;
  limits.numbers = JsonNumbers::exact;
  Result<Json> read = read_json(text, limits);
  EXPECT_TRUE(read) << text;
  return read ? *std::move(read) : Json();
}

struct Row {
  const char* op;
  const char* actual;  ///< null: there is nothing at the place
  const char* expected;
  bool holds;
};

TEST(Check, every_operator_says_what_it_should) {
  const Row rows[] = {
      {"equals", "1", "1.0", true},
      {"equals", "1", "\"1\"", false},
      {"equals", "1", "true", false},
      {"equals", "0", "false", false},
      {"equals", "null", "null", true},
      {"equals", nullptr, "null", false},
      {"equals", "\"A\"", "\"a\"", false},
      {"equals", R"({"a": 1, "b": 2})", R"({"b": 2, "a": 1.0})", true},
      {"equals", "[1, 2]", "[2, 1]", false},
      {"equals", "9007199254740993", "9007199254740992", false},
      {"equals", "0.1", "0.10000000000000000000001", false},
      {"equals", "1e2", "100", true},
      {"equals_ignoring_case", "\"Ada@X.org\"", "\"ada@x.ORG\"", true},
      {"equals_ignoring_case", "1", "1", false},
      {"equals_ignoring_case", nullptr, "\"a\"", false},
      {"equals_unordered", "[1, 2, 2]", "[2, 1.0, 2]", true},
      {"equals_unordered", "[1, 2]", "[1, 2, 2]", false},
      {"equals_unordered", "[1, 1, 2]", "[1, 2, 2]", false},
      {"equals_unordered", "[\"1\"]", "[1]", false},
      {"equals_unordered", R"([{"a": 1, "b": 2}])", R"([{"b": 2, "a": 1}])", true},
      {"equals_unordered", nullptr, "[]", false},
      {"not_equals", "1", "2", true},
      {"not_equals", "1", "1.0", false},
      {"not_equals", nullptr, "1", true},
      {"less", "1", "2", true},
      {"less", "2", "2.0", false},
      {"less", "\"1\"", "2", false},
      {"less", "\"a\"", "\"b\"", true},
      {"less", "9007199254740992", "9007199254740993", true},
      {"less", "null", "1", false},
      {"less", nullptr, "1", false},
      {"less_equal", "2", "2.0", true},
      {"greater", "1e400", "1e399", true},
      {"greater", "true", "0", false},
      {"greater_equal", "0.3", "0.3", true},
      {"greater_equal", "0.29999999999999999999", "0.3", false},
      {"greater_equal", "[2]", "1", false},
      {"in", "1", "[1.0, 2]", true},
      {"in", "\"1\"", "[1, 2]", false},
      {"in", "\"a\"", "\"abc\"", false},
      {"in", "null", "[null]", true},
      {"in", nullptr, "[null]", false},
      {"contains", "\"unpaid\"", "\"paid\"", true},
      {"contains", R"(["a", "b"])", "\"a\"", true},
      {"contains", R"(["ab"])", "\"a\"", false},
      {"contains", R"(["a", "b", "c"])", R"(["c", "a"])", true},
      {"contains", R"(["a"])", R"(["a", "b"])", false},
      {"contains", R"({"status": "unpaid"})", R"({"status": "paid"})", false},
      {"contains", R"({"status": "paid", "n": 1})", R"({"status": "paid"})", true},
      {"contains", R"({"a": {"b": [1, {"c": 2, "d": 3}]}})", R"({"a": {"b": [{"c": 2}]}})", true},
      {"contains", R"({"a": [1, 2]})", R"({"a": 1})", false},
      {"contains", R"([{"id": 1, "x": 2}])", R"({"id": 1})", true},
      {"contains", R"([{"id": 1, "x": 2}])", R"([{"id": 1}])", true},
      {"contains", R"({"a": 1})", R"({"a": "1"})", false},
      {"contains", "{}", R"({"a": null})", false},
      {"contains", "12", "1", false},
      {"contains", "\"12\"", "1", false},
      {"contains", nullptr, "[]", false},
      {"matches", "\"order 17\"", "\"[0-9]+$\"", true},
      {"matches", "17", "\"17\"", false},
      {"matches", nullptr, "\".*\"", false},
      {"exists", "null", "true", true},
      {"exists", nullptr, "true", false},
      {"exists", nullptr, "false", true},
      {"absent", nullptr, "true", true},
      {"absent", "null", "true", false},
      {"absent", "0", "false", true},
      {"count", "[1, 2]", "2", true},
      {"count", R"({"a": 1})", "1", true},
      {"count", "\"ab\"", "2", false},
      {"count", "[]", "0", true},
      {"count", nullptr, "0", false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.op) + " of " + (row.actual == nullptr ? "nothing" : row.actual) + " and " +
                 row.expected);
    Json document = Json::object();
    if (row.actual != nullptr) document.set("x", exact(row.actual));
    std::vector<Problem> problems;
    const Check check = Check::compile(Json::object({{"at", "/x"}, {row.op, Json::object({{"$from", "/input/e"}})}}),
                                       "", nullptr, problems);
    ASSERT_TRUE(problems.empty());
    const Json input = Json::object({{"e", exact(row.expected)}});
    Scope scope;
    scope.add("input", &input);
    const CheckResult result = check.evaluate(document, scope);
    EXPECT_EQ(result.ok, row.holds);
    EXPECT_EQ(result.present, row.actual != nullptr);
  }
}

bool met(const char* check_text, const char* document, const Scope& scope = {}) {
  std::vector<Problem> problems;
  const Check check = Check::compile(json(check_text), "", nullptr, problems);
  for (const Problem& problem : problems) ADD_FAILURE() << text_of(problem);
  return check.evaluate(json(document), scope).ok;
}

TEST(Check, all_any_and_not_combine) {
  EXPECT_TRUE(met(R"({"all": [{"at": "/a", "equals": 1}, {"at": "/b", "equals": 2}]})", R"({"a": 1, "b": 2})"));
  EXPECT_FALSE(met(R"({"all": [{"at": "/a", "equals": 1}, {"at": "/b", "equals": 2}]})", R"({"a": 1})"));
  EXPECT_TRUE(met(R"({"any": [{"at": "/a", "equals": 1}, {"at": "/b", "equals": 2}]})", R"({"b": 2})"));
  EXPECT_FALSE(met(R"({"any": [{"at": "/a", "equals": 1}]})", "{}"));
  EXPECT_TRUE(met(R"({"not": {"at": "/a", "equals": 1}})", R"({"a": 2})"));
  EXPECT_FALSE(met(R"({"not": {"any": [{"at": "/a", "exists": true}]}})", R"({"a": 2})"));
}

TEST(Check, one_that_needs_a_value_which_is_not_there_is_not_met_whatever_it_asks) {
  for (const char* op : {"equals", "not_equals", "less", "in", "contains", "absent", "exists"}) {
    SCOPED_TRACE(op);
    const std::string check = std::string(R"({"at": "/a", ")") + op + R"(": {"$from": "/record_id"}})";
    EXPECT_FALSE(met(check.c_str(), R"({"a": 1})"));
    EXPECT_FALSE(met((R"({"not": )" + check + "}").c_str(), R"({"a": 1})"));
    EXPECT_FALSE(met((R"({"not": {"not": )" + check + "}}").c_str(), R"({"a": 1})"));
    EXPECT_FALSE(met((R"({"not": {"all": [)" + check + "]}}").c_str(), R"({"a": 1})"));
  }
}

TEST(Check, places_go_through_lists_and_escaped_names) {
  EXPECT_TRUE(met(R"({"at": "/items/1/a~1b", "equals": 7})", R"({"items": [0, {"a/b": 7}]})"));
  EXPECT_FALSE(met(R"({"at": "/items/01", "exists": true})", R"({"items": [0, 1]})"));
  EXPECT_FALSE(met(R"({"at": "/items/-", "exists": true})", R"({"items": [0]})"));
  EXPECT_TRUE(met(R"({"at": "", "count": 2})", "[1, 2]"));
}

TEST(Check, the_result_says_what_was_expected_and_what_was_seen) {
  std::vector<Problem> problems;
  const Check check = Check::compile(json(R"({"at": "/a", "greater": 3})"), "", nullptr, problems);
  const CheckResult result = check.evaluate(json(R"({"a": 2})"), Scope());
  EXPECT_EQ(result, (CheckResult{"/a", Operator::greater, Json(3), Json(2), true, false}));
}

TEST(Check, a_pattern_from_a_document_that_is_none_matches_nothing) {
  const Json input = Json::object({{"p", "("}});
  Scope scope;
  scope.add("input", &input);
  EXPECT_FALSE(met(R"({"at": "/a", "matches": {"$from": "/input/p"}})", R"({"a": "("})", scope));
}

}  // namespace
}  // namespace settle::test
