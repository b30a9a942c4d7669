// Conditions of plans: what they hold of, and what is refused.
#include "workflows/condition.h"

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

bool holds(std::string_view condition) {
  static const Json input = json(R"({"n": 5, "s": "Ada", "list": [1, 2], "none": null})");
  std::vector<Problem> problems;
  const Condition compiled = Condition::compile(json(condition), "/when", problems);
  EXPECT_TRUE(problems.empty()) << text_of(problems[0]);
  Scope scope;
  scope.add("input", &input);
  return compiled.holds(scope);
}

std::vector<std::string> problems(std::string_view condition) {
  std::vector<Problem> found;
  Condition::compile(json(condition), "/when", found);
  std::vector<std::string> out;
  for (const Problem& problem : found) out.push_back(problem.pointer + " " + problem.code);
  return out;
}

TEST(Condition, compares_two_values_exactly) {
  EXPECT_TRUE(holds(R"({"equals": [{"$from": "/input/n"}, 5.0]})"));
  EXPECT_FALSE(holds(R"({"equals": [{"$from": "/input/n"}, "5"]})")) << "types never mix";
  EXPECT_TRUE(holds(R"({"less": [4, {"$from": "/input/n"}]})"));
  EXPECT_TRUE(holds(R"({"in": [{"$from": "/input/s"}, ["Bob", "Ada"]]})"));
  EXPECT_TRUE(holds(R"({"contains": [{"$from": "/input/list"}, 2]})"));
  EXPECT_TRUE(holds(R"({"count": [{"$from": "/input/list"}, 2]})"));
  EXPECT_TRUE(holds(R"({"equals": [{"$text": "${/input/s}!"}, "Ada!"]})"));
}

TEST(Condition, combines_conditions) {
  EXPECT_TRUE(holds(R"({"all": [{"equals": [1, 1]}, {"not": {"equals": [1, 2]}}]})"));
  EXPECT_FALSE(holds(R"({"all": [{"equals": [1, 1]}, {"equals": [1, 2]}]})"));
  EXPECT_TRUE(holds(R"({"any": [{"equals": [1, 2]}, {"equals": [1, 1]}]})"));
}

TEST(Condition, a_value_that_is_not_there_decides_nothing) {
  EXPECT_FALSE(holds(R"({"equals": [{"$from": "/input/gone"}, 1]})"));
  EXPECT_FALSE(holds(R"({"not": {"equals": [{"$from": "/input/gone"}, 1]}})"));
  EXPECT_FALSE(holds(R"({"not_equals": [{"$from": "/input/gone"}, 1]})"));
  EXPECT_TRUE(holds(R"({"any": [{"equals": [{"$from": "/input/gone"}, 1]}, {"equals": [1, 1]}]})"));
  EXPECT_FALSE(holds(R"({"all": [{"equals": [{"$from": "/input/gone"}, 1]}, {"equals": [1, 1]}]})"));
}

TEST(Condition, only_exists_and_absent_tell_absence) {
  EXPECT_TRUE(holds(R"({"absent": {"$from": "/input/gone"}})"));
  EXPECT_FALSE(holds(R"({"exists": {"$from": "/input/gone"}})"));
  EXPECT_TRUE(holds(R"({"exists": {"$from": "/input/none"}})")) << "null is a value";
}

TEST(Condition, what_is_malformed_is_named_with_its_place) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {"true", "/when condition_malformed"},
      {"{}", "/when condition_malformed"},
      {R"({"equals": [1, 1], "less": [1, 1]})", "/when condition_malformed"},
      {R"({"equal": [1, 1]})", "/when/equal condition_unknown_operator"},
      {R"({"increased_by": [1, 1]})", "/when/increased_by condition_unknown_operator"},
      {R"({"equals": [1]})", "/when/equals condition_malformed"},
      {R"({"equals": 1})", "/when/equals condition_malformed"},
      {R"({"in": [1, 2]})", "/when/in/1 condition_malformed"},
      {R"({"matches": ["a", "("]})", "/when/matches/1 condition_malformed"},
      {R"({"all": []})", "/when/all condition_malformed"},
      {R"({"any": [{"equals": [1]}]})", "/when/any/0/equals condition_malformed"},
      {R"({"not": [1]})", "/when/not condition_malformed"},
      {R"({"exists": "/input/n"})", "/when/exists condition_malformed"},
      {R"({"equals": [{"$from": "n"}, 1]})", "/when/equals/0 template_malformed"},
  };
  for (const auto& [condition, want] : rows)
    EXPECT_EQ(problems(condition), std::vector<std::string>{want}) << condition;
  std::string deep = R"({"equals": [1, 1]})";
  for (int i = 0; i < 60; ++i) deep = R"({"not": )" + deep + "}";
  EXPECT_EQ(problems(deep).size(), 1U);
}

}  // namespace
}  // namespace settle::test
