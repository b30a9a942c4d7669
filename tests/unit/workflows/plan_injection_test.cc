// Every documented refusal code, injected into generated plans that are fine otherwise: alone and in pairs. The check
// must find all of them, at their places, and nothing else.
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <sstream>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

std::vector<std::shared_ptr<const Tool>> tools() {
  Json rich = tool_document({});
  rich.set("name", "case.rich");
  rich.set("input_schema", json(R"({"type": "object", "additionalProperties": false, "required": ["name", "value"],
    "properties": {
      "name": {"type": "string"}, "value": {"type": "string"}, "text": {"type": "string", "minLength": 2, "maxLength": 8},
      "code": {"type": "string", "pattern": "^[A-Z]+$"}, "mail": {"type": "string", "format": "email"},
      "tier": {"enum": ["free", "pro"]}, "fixed": {"const": 7}, "count": {"type": "integer", "minimum": 1, "maximum": 9},
      "rate": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "even": {"type": "integer", "multipleOf": 2},
      "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3, "uniqueItems": true},
      "box": {"type": "object", "additionalProperties": false, "properties": {"w": {"type": "integer"}}},
      "small": {"type": "object", "minProperties": 1, "maxProperties": 2}}})"));
  rich.set("output_schema",
           json(R"({"type": "object", "additionalProperties": false, "required": ["id", "size", "uuid", "tags", "tier"],
    "properties": {"id": {"type": "string"}, "size": {"type": "integer", "minimum": 100}, "uuid": {"type": "string", "format": "uuid"},
    "tags": {"type": "array", "items": {"type": "string"}}, "tier": {"enum": ["gold"]}}})"));
  Json nameless = rich;
  nameless.set("name", "case.nameless");
  nameless.erase("record_id");
  return {compiled(rich), compiled(nameless)};
}

/// Each action of a generated plan is the target of at most one injection; what it says is fine whatever the others
/// say.
Json generated_plan(std::mt19937_64& dice, std::size_t actions) {
  const auto chance = [&](int percent) { return std::uniform_int_distribution<int>(1, 100)(dice) <= percent; };
  Json list = Json::array();
  for (std::size_t i = 0; i < actions; ++i) {
    Json input = json(R"({"name": "n", "value": "v"})");
    if (chance(40)) input.set("count", 5);
    if (chance(40)) input.set("tags", json(R"(["a", {"$from": "/input/who"}])"));
    if (chance(30)) input.set("text", json(R"({"$text": "${/input/who}!"})"));
    if (chance(30)) input.set("box", json(R"({"w": {"$literal": 3}})"));
    Json action = Json::object({{"id", "a" + std::to_string(i)}, {"tool", "case.rich"}});
    if (i > 0 && chance(40)) {
      const std::string earlier = std::to_string(std::uniform_int_distribution<std::size_t>(0, i - 1)(dice));
      if (chance(50)) input.set("value", Json::object({{"$from", "/actions/a" + earlier + "/output/id"}}));
      if (chance(50)) action.set("after", Json(Json::Array{Json("a" + earlier)}));
    }
    action.set("input", std::move(input));
    if (chance(20)) action.set("retry", json(R"({"maximum_attempts": 1})"));
    if (chance(20)) action.set("when", json(R"({"equals": [{"$from": "/input/who"}, "ada"]})"));
    list.push_back(std::move(action));
  }
  return Json::object({{"name", "generated"},
                       {"input", json(R"({"who": "ada", "age": 36, "flag": true})")},
                       {"labels", json(R"({"team": "x"})")},
                       {"actions", std::move(list)}});
}

struct Injection {
  std::string code;
  /// Breaks the plan at this action and says where. Action 0 is never broken: others may refer to it.
  std::function<std::string(Json& plan, std::size_t at)> inject;
};

std::string place(std::size_t at, const std::string& below = "") {
  return "/actions/" + std::to_string(at) + below;
}
Json& action(Json& plan, std::size_t at) {
  return plan.find("actions")->as_array()[at];
}

/// A member of the action's input set to something wrong; the place is `below` it.
Injection input(const std::string& code, const std::string& name, const std::string& value,
                const std::string& below = "") {
  return {code, [=](Json& plan, std::size_t at) {
            action(plan, at).find("input")->set(name, json(value));
            return place(at, "/input/" + name + below);
          }};
}
/// The same of a member of the action itself.
Injection member(const std::string& code, const std::string& name, const std::string& value,
                 const std::string& below = "") {
  return {code, [=](Json& plan, std::size_t at) {
            action(plan, at).set(name, json(value));
            return place(at, "/" + name + below);
          }};
}

/// The action becomes one of a tool of Settle's own.
Injection builtin(const std::string& code, const std::string& members, const std::string& below) {
  return {code, [=](Json& plan, std::size_t at) {
            Json own = Json::object({{"id", *action(plan, at).find("id")}});
            const Json more = json(members);
            for (const JsonMember& one : more.as_object()) own.set(one.name, one.value);
            action(plan, at) = std::move(own);
            return place(at, below);
          }};
}

/// A plan that runs itself so many times inside of itself.
std::string nested(int levels) {
  std::string out = R"({"name": "p", "actions": [{"id": "x", "tool": "flow.sleep", "input": {"for": "0s"}}]})";
  for (int i = 0; i < levels; ++i) {
    out = R"({"name": "p", "actions": [{"id": "x", "tool": "flow.run_plan", "input": {"plan": {"$literal": )" + out +
          "}}}]}";
  }
  return R"({"tool": "flow.run_plan", "input": {"plan": {"$literal": )" + out + "}}}";
}

std::vector<Injection> injections() {
  return {
      // any document
      member("wrong_type", "after", "7"),
      member("unknown_member", "inptu", "{}"),
      member("not_a_name", "id", R"("a b")"),
      member("not_a_duration", "start_to_close_timeout", R"("soon")"),
      member("out_of_range", "retry", R"({"maximum_attempts": 0})", "/maximum_attempts"),
      member("not_in_list", "fallback_when", R"("ever")"),
      {"missing_member",
       [](Json& plan, std::size_t at) {
         action(plan, at).erase("tool");
         return place(at, "/tool");
       }},
      input("template_malformed", "value", R"({"$from": "input"})"),
      // plans
      {"duplicate_id",
       [](Json& plan, std::size_t at) {
         action(plan, at).set("id", "a0");
         return place(at, "/id");
       }},
      member("unknown_tool", "tool", R"("case.ricj")"),
      member("unknown_action", "after", R"(["nobody"])", "/0"),
      member("policy_loosened", "start_to_close_timeout", R"("24h")"),
      member("policy_loosened", "retry", R"({"maximum_attempts": 1000})", "/maximum_attempts"),
      input("reference_not_found", "value", R"({"$from": "/input/emial"})"),
      input("reference_not_in_schema", "value", R"({"$from": "/actions/a0/output/nothing"})"),
      input("reference_not_text", "value", R"({"$text": "${/actions/a0/output/tags}"})"),
      input("reference_type", "value", R"({"$from": "/actions/a0/output/size"})"),
      input("reference_value", "count", R"({"$from": "/actions/a0/output/size"})"),
      input("reference_value", "mail", R"({"$from": "/actions/a0/output/uuid"})"),
      input("reference_value", "tier", R"({"$from": "/actions/a0/output/tier"})"),
      input("reference_unknown", "value", R"({"$from": "/labels/team"})"),
      input("reference_unknown", "value", R"({"$from": "/item"})"),
      {"reference_not_upstream",
       [](Json& plan, std::size_t at) {
         plan.set("on_failure", "compensate");
         action(plan, at).set(
             "compensate",
             json(R"({"tool": "case.rich", "input": {"name": "n", "value": {"$from": "/actions/last/output/id"}}})"));
         return place(at, "/compensate/input/value");
       }},
      member("condition_malformed", "when", R"({"equals": [1]})", "/equals"),
      member("condition_unknown_operator", "when", R"({"equal": [1, 1]})", "/equal"),
      member("condition_types", "when", R"({"equals": [{"$from": "/actions/a0/output/size"}, "1"]})", "/equals"),
      member("for_each_not_a_list", "for_each", R"({"$from": "/input/who"})"),
      member("member_without_its_other", "max_parallel", "2"),
      member("member_without_its_other", "fallback_when", R"("any_failure")"),
      {"cycle",
       [](Json& plan, std::size_t at) {
         action(plan, at).set("after", Json(Json::Array{*action(plan, at).find("id")}));
         return place(at);
       }},
      // Settle's own tools
      builtin("unknown_tool", R"({"tool": "flow.slep", "input": {"for": "1s"}})", "/tool"),
      builtin("policy_not_for_builtin", R"({"tool": "flow.sleep", "input": {"for": "1s"}, "retry": {}})", "/retry"),
      builtin("nothing_to_undo", R"({"tool": "flow.sleep", "input": {"for": "1s"}, "compensate":
        {"tool": "case.rich", "input": {"name": "n", "value": "v"}}})",
              "/compensate"),
      builtin("nothing_to_undo",
              R"({"tool": "case.rich", "input": {"name": "n", "value": "v"}, "fallback": {"tool": "flow.sleep",
        "input": {"for": "1s"}}, "compensate": {"tool": "flow.assert", "input": {"that": {"equals": [1, 1]}}}})",
              "/compensate"),
      builtin("child_plan_not_literal", R"({"tool": "flow.run_plan", "input": {"plan": {"$from": "/input/who"}}})",
              "/input/plan"),
      builtin("child_plan_not_literal", R"({"tool": "flow.run_plan", "input": {"$from": "/input"}})", "/input"),
      builtin("plan_nested_too_deeply", nested(8),
              "/input/plan/$literal/actions/0/input/plan/$literal/actions/0/input/plan/$literal/actions/0/input/plan/"
              "$literal/actions/0/input/plan/$literal/actions/0/input/plan/$literal/actions/0/input/plan/$literal/"
              "actions/0/input/plan/$literal/actions/0/input/plan/$literal"),
      builtin("unknown_tool", R"({"tool": "flow.run_plan", "input": {"plan": {"$literal": {"name": "c", "actions":
        [{"id": "x", "tool": "case.ricj", "input": {}}]}}}})",
              "/input/plan/$literal/actions/0/tool"),
      builtin("reference_not_found", R"({"tool": "flow.run_plan", "input": {"input": {"known": 1}, "plan": {"$literal":
        {"name": "c", "actions": [{"id": "x", "tool": "case.rich", "input": {"name": "n", "value": {"$from": "/input/other"}}}]}}}})",
              "/input/plan/$literal/actions/0/input/value"),
      builtin("input_type",
              R"({"tool": "flow.run_plan", "input": {"input": {"known": 1, "later": {"$from": "/actions/a0/output/id"}},
        "plan": {"$literal": {"name": "c", "actions": [{"id": "x", "tool": "case.rich",
        "input": {"name": {"$from": "/input/later"}, "value": {"$from": "/input/known"}}}]}}}})",
              "/input/plan/$literal/actions/0/input/value"),
      builtin("condition_malformed", R"({"tool": "flow.assert", "input": {"that": {"equals": [1]}}})",
              "/input/that/equals"),
      builtin("condition_malformed", R"({"tool": "flow.assert", "input": {"$literal": {"that": {"equals": [1, 1]}}}})",
              "/input"),
      builtin("condition_types",
              R"({"tool": "flow.assert", "input": {"that": {"equals": [{"$from": "/actions/a0/output/size"}, "1"]}}})",
              "/input/that/equals"),
      builtin("reference_not_in_schema",
              R"({"tool": "flow.assert", "input": {"that": {"exists": {"$from": "/actions/a0/output/nothing"}}}})",
              "/input/that/exists"),
      builtin("input_required", R"({"tool": "flow.assert", "input": {}})", "/input"),
      builtin("input_minProperties", R"({"tool": "flow.sleep"})", "/input"),
      builtin("input_duration", R"({"tool": "flow.sleep", "input": {"for": "400d"}})", "/input/for"),
      builtin("input_duration", R"({"tool": "flow.wait_signal", "input": {"name": "go", "timeout": "soon"}})",
              "/input/timeout"),
      builtin("input_pattern", R"({"tool": "flow.wait_signal", "input": {"name": "a b"}})", "/input/name"),
      // input_ and a keyword
      input("input_type", "name", "7"),
      input("input_additionalProperties", "nmae", R"("x")"),
      input("input_additionalProperties", "box", R"({"h": 1})", "/h"),
      input("input_enum", "tier", R"("gold")"),
      input("input_const", "fixed", "8"),
      input("input_minLength", "text", R"("x")"),
      input("input_maxLength", "text", R"("much too long")"),
      input("input_pattern", "code", R"("abc")"),
      input("input_format", "mail", R"("nobody")"),
      input("input_minimum", "count", "0"),
      input("input_maximum", "count", "10"),
      input("input_exclusiveMinimum", "rate", "0"),
      input("input_exclusiveMaximum", "rate", "1"),
      input("input_multipleOf", "even", "3"),
      input("input_minItems", "tags", "[]"),
      input("input_maxItems", "tags", R"(["a", "b", "c", "d"])"),
      input("input_uniqueItems", "tags", R"(["a", "a"])", "/1"),
      input("input_minProperties", "small", "{}"),
      input("input_maxProperties", "small", R"({"a": 1, "b": 2, "c": 3})"),
      {"input_required",
       [](Json& plan, std::size_t at) {
         action(plan, at).find("input")->erase("name");
         return place(at, "/input");
       }},
  };
}

/// Nothing refers to the last action, and nobody breaks it.
Json with_last(Json plan) {
  plan.find("actions")->push_back(json(R"({"id": "last", "tool": "case.rich", "input": {"name": "n", "value": "v"}})"));
  return plan;
}

/// Other actions may refer to one that is broken: its id and tool must stay findable for them. So only references to
/// the first action are generated where the target loses them.
bool is_referred(const Json& plan, std::size_t at) {
  const std::string text = write_json(*plan.find("actions"));
  const std::string id = "a" + std::to_string(at);
  return text.find("/actions/" + id + "/") != std::string::npos || text.find("[\"" + id + "\"]") != std::string::npos;
}

TEST(PlanInjection, every_generated_plan_is_fine_by_itself) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 dice(seed);
    EXPECT_EQ(plan_problems(with_last(generated_plan(dice, 6)), tools()), std::vector<std::string>())
        << "seed " << seed;
  }
}

TEST(PlanInjection, each_code_alone_is_found_at_its_place_and_nothing_else) {
  for (const Injection& injection : injections()) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      std::mt19937_64 dice(seed);
      Json plan = with_last(generated_plan(dice, 6));
      const std::size_t at = 1 + dice() % 5;
      if (is_referred(plan, at)) continue;
      const std::string where = injection.inject(plan, at);
      EXPECT_EQ(plan_problems(plan, tools()), std::vector<std::string>{where + " " + injection.code})
          << "seed " << seed << ": " << write_json(plan);
    }
  }
}

TEST(PlanInjection, any_two_codes_are_both_found) {
  const std::vector<Injection> all = injections();
  std::size_t tried = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      // A cycle is only looked for once; two of them are one problem.
      if (i == j || (all[i].code == "cycle" && all[j].code == "cycle")) continue;
      std::mt19937_64 dice(i * 1'000 + j);
      Json plan = with_last(generated_plan(dice, 6));
      if (is_referred(plan, 2) || is_referred(plan, 4)) continue;
      const std::string one = all[i].inject(plan, 2), two = all[j].inject(plan, 4);
      std::vector<std::string> got = plan_problems(plan, tools());
      std::vector<std::string> want = {one + " " + all[i].code, two + " " + all[j].code};
      std::sort(got.begin(), got.end());
      std::sort(want.begin(), want.end());
      EXPECT_EQ(got, want) << write_json(plan);
      ++tried;
    }
  }
  EXPECT_GT(tried, 1'000U);
}

TEST(PlanInjection, every_code_that_is_documented_for_plans_is_injected_or_named_here) {
  std::ifstream file(SETTLE_DOCS "/codes.md");
  std::stringstream text;
  text << file.rdbuf();
  std::string page = text.str();
  const std::size_t begin = page.find("\n### Plans\n"), end = page.find("\n##", begin + 1);
  ASSERT_NE(begin, std::string::npos);
  // Of the whole plan or of its submission, tested in plan_test.cc and by the black-box tests.
  std::set<std::string> known = {"too_many_actions", "input_", "tool_disabled",
                                 // warnings
                                 "reference_undecided", "reference_may_be_absent", "compensation_unused",
                                 "fallback_not_compensated", "tool_deprecated"};
  for (const Injection& injection : injections()) known.insert(injection.code);
  std::istringstream lines(page.substr(begin, end - begin));
  std::size_t rows = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string code = line.substr(3, line.find('`', 3) - 3);
    EXPECT_TRUE(known.contains(code)) << "docs/codes.md has " << code << ", which nothing injects";
    ++rows;
  }
  EXPECT_GT(rows, 15U);
}

}  // namespace
}  // namespace settle::test
