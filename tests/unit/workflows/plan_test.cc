// The static check of plans: everything wrong at once, each with its place.
#include <algorithm>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

std::vector<std::shared_ptr<const Tool>> tools() {
  ToolSpec reads;
  reads.name = "box.get";
  reads.reads = true;
  Json closed = tool_document({});
  closed.set("name", "box.closed");
  closed.set("output_schema", json(R"({"type": "object", "additionalProperties": false, "required": ["id"],
    "properties": {"id": {"type": "string"}, "size": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}})"));
  Json nameless = tool_document({});
  nameless.set("name", "box.nameless");
  nameless.erase("record_id");
  Json deep = tool_document({});
  deep.set("name", "box.deep");
  deep.set(
      "input_schema",
      json(
          R"({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {"name": {"type": "string"},
    "value": {"type": "string"}, "box": {"type": "object", "required": ["w"], "additionalProperties": false, "properties": {"w": {"type": "integer", "maximum": 9}, "h": {"type": "integer"}}},
    "tags": {"type": "array", "items": {"type": "string"}}, "extra": {"type": "object", "additionalProperties": {"type": "boolean"}}}})"));
  return {make_tool(), make_tool(reads), compiled(closed), compiled(nameless), compiled(deep)};
}

/// Two actions: the second may refer to the first.
Json base() {
  return json(R"({"name": "p", "input": {"who": "ada", "age": 36, "flag": true}, "labels": {"team": "x"}, "actions": [
    {"id": "a", "tool": "box.closed", "input": {"name": "n", "value": "v"}},
    {"id": "b", "tool": "box.deep", "input": {"name": {"$from": "/actions/a/output/id"}}, "after": ["a"]}]})");
}

struct Row {
  const char* pointer;
  const char* value;
  const char* want;
};

void expect_refused(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.pointer) + " = " + row.value);
    const std::vector<std::string> got = plan_problems(changed(base(), row.pointer, row.value), tools());
    EXPECT_EQ(got,
              std::string_view(row.want).empty() ? std::vector<std::string>() : std::vector<std::string>{row.want});
  }
}

TEST(Plan, a_good_one_is_accepted_with_its_order) {
  const std::shared_ptr<const Plan> plan = make_plan(base(), tools());
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->actions[1].needs, std::vector<ActionIndex>{0});
  EXPECT_EQ(plan->actions[0].dependents, std::vector<ActionIndex>{1});
  EXPECT_EQ(plan->on_failure, OnFailure::stop);
  EXPECT_EQ(plan->labels.at("team"), "x");
}

TEST(Plan, its_own_members_are_checked) {
  expect_refused({
      {"/name", "", "/name missing_member"},
      {"/name", R"("a/b")", "/name not_a_name"},
      {"/labels", "[]", "/labels wrong_type"},
      {"/labels/team", "7", "/labels/team wrong_type"},
      {"/labels/a b", R"("x")", "/labels/a b not_a_name"},
      {"/on_failure", R"("ignore")", "/on_failure not_in_list"},
      {"/deadline", R"("soon")", "/deadline not_a_duration"},
      {"/action", "[]", "/action unknown_member"},
      {"/actions", "", "/actions missing_member"},
      {"/actions", "[]", "/actions wrong_type"},
      {"/actions", "{}", "/actions wrong_type"},
      {"/actions", "[7]", "/actions/0 wrong_type"},
  });
  EXPECT_EQ(plan_problems(json("7"), tools()), std::vector<std::string>{" wrong_type"});
  EXPECT_EQ(plan_problems(base(), tools(), PlanLimits{.actions_max = 1}),
            std::vector<std::string>{"/actions too_many_actions"});
}

TEST(Plan, its_actions_are_checked) {
  expect_refused({
      {"/actions/1/id", "", "/actions/1/id missing_member"},
      {"/actions/1/id", R"("a b")", "/actions/1/id not_a_name"},
      {"/actions/1/id", R"("a")", "/actions/1/id duplicate_id"},
      {"/actions/1/tool", "", "/actions/1/tool missing_member"},
      {"/actions/1/tool", R"("box.depe")", "/actions/1/tool unknown_tool"},
      {"/actions/1/after", R"("a")", "/actions/1/after wrong_type"},
      {"/actions/1/after", R"(["a", "z"])", "/actions/1/after/1 unknown_action"},
      {"/actions/1/after", "[7]", "/actions/1/after/0 unknown_action"},
      {"/actions/1/when", "true", "/actions/1/when condition_malformed"},
      {"/actions/1/when", R"({"equals": [{"$from": "/input/whom"}, 1]})",
       "/actions/1/when/equals/0 reference_not_found"},
      {"/actions/1/when", R"({"equals": [{"$from": "/input/who"}, 1]})", "/actions/1/when/equals condition_types"},
      {"/actions/1/when", R"({"less": [{"$from": "/actions/a/output/size"}, "1"]})",
       "/actions/1/when/less condition_types"},
      {"/actions/1/when", R"({"exists": {"$from": "/actions/a/output/ident"}})",
       "/actions/1/when/exists reference_not_in_schema"},
      {"/actions/1/for_each", R"({"$from": "/input/who"})", "/actions/1/for_each for_each_not_a_list"},
      {"/actions/1/for_each", R"({"$from": "/actions/a/output/id"})", "/actions/1/for_each for_each_not_a_list"},
      {"/actions/1/max_parallel", "2", "/actions/1/max_parallel member_without_its_other"},
      {"/actions/1/on_element_failure", R"("stop")", "/actions/1/on_element_failure member_without_its_other"},
      {"/actions/1/fallback", "{}", "/actions/1/fallback/tool missing_member"},
      {"/actions/1/fallback", R"({"tool": "box.deep", "input": {"value": "n"}})",
       "/actions/1/fallback/input input_required"},
      {"/actions/1/fallback", R"({"tool": "box.dep", "input": {}})", "/actions/1/fallback/tool unknown_tool"},
      {"/actions/1/fallback_when", R"("any_failure")", "/actions/1/fallback_when member_without_its_other"},
      {"/actions/1/compensate", R"({"tool": "box.deep", "input": {"name": {"$from": "/actions/b/output/idd"}}})", ""},
      {"/actions/1/approval", R"({"approvers": 0})", "/actions/1/approval/approvers out_of_range"},
      {"/actions/1/approval", R"("none")", "/actions/1/approval wrong_type"},
      {"/actions/1/inputs", "{}", "/actions/1/inputs unknown_member"},
  });
}

TEST(Plan, an_unknown_tool_is_one_problem_whatever_else_its_action_says) {
  const Json document = changed(changed(changed(base(), "/actions/1/tool", R"("box.none")"), "/actions/1/retry", "{}"),
                                "/actions/1/start_to_close_timeout", R"("1s")");
  EXPECT_EQ(plan_problems(document, tools()), std::vector<std::string>{"/actions/1/tool unknown_tool"});
}

TEST(Plan, inputs_are_checked_against_the_schema_of_their_tool) {
  expect_refused({
      {"/actions/1/input", R"({"value": "v"})", "/actions/1/input input_required"},
      {"/actions/1/input", R"({"name": 7})", "/actions/1/input/name input_type"},
      {"/actions/1/input", R"({"name": "n", "nmae": "x"})", "/actions/1/input/nmae input_additionalProperties"},
      {"/actions/1/input", R"({"name": "n", "box": {"w": 10}})", "/actions/1/input/box/w input_maximum"},
      {"/actions/1/input", "", "/actions/1/input input_required"},
      {"/actions/1/input", "[]", "/actions/1/input input_type"},
      // … and as far as it is known, where it holds references
      {"/actions/1/input", R"({"value": {"$from": "/input/who"}})", "/actions/1/input input_required"},
      {"/actions/1/input/nmae", R"("x")", "/actions/1/input/nmae input_additionalProperties"},
      {"/actions/1/input/box", R"({"w": 10})", "/actions/1/input/box/w input_maximum"},
      {"/actions/1/input/box", R"({"$literal": {"w": 10}})", "/actions/1/input/box/w input_maximum"},
      {"/actions/1/input/box", R"({"w": {"$literal": 10}})", "/actions/1/input/box/w input_maximum"},
      {"/actions/1/input/box", R"({"h": {"$from": "/input/age"}})", "/actions/1/input/box input_required"},
      {"/actions/1/input/box", R"([{"$from": "/input/age"}])", "/actions/1/input/box input_type"},
      {"/actions/1/input/tags", R"({"x": {"$from": "/input/who"}})", "/actions/1/input/tags input_type"},
      {"/actions/1/input/tags", R"([{"$from": "/input/who"}, 7])", "/actions/1/input/tags/1 input_type"},
      {"/actions/1/input/extra", R"({"x": 1, "y": {"$from": "/input/flag"}})", "/actions/1/input/extra/x input_type"},
  });
}

TEST(Plan, a_literal_inside_of_an_input_is_taken_for_its_value) {
  EXPECT_EQ(plan_problems(changed(base(), "/actions/1/input/box", R"({"w": {"$literal": 5}})"), tools()),
            std::vector<std::string>());
  EXPECT_EQ(plan_problems(changed(base(), "/actions/1/input/box", R"({"$literal": {"w": 5}})"), tools()),
            std::vector<std::string>());
}

TEST(Plan, references_are_checked) {
  expect_refused({
      {"/actions/1/input/value", R"({"$from": "/input/whom"})", "/actions/1/input/value reference_not_found"},
      {"/actions/1/input/value", R"({"$from": "/input/age"})", "/actions/1/input/value input_type"},
      {"/actions/1/input/value", R"({"$text": "${/input/flag}"})", "/actions/1/input/value reference_not_text"},
      {"/actions/1/input/value", R"({"$from": "/workflow/id"})", "/actions/1/input/value reference_unknown"},
      {"/actions/1/input/value", R"({"$from": "/actions/a"})", "/actions/1/input/value reference_unknown"},
      {"/actions/1/input/value", R"({"$from": "/actions/a/input/name"})", "/actions/1/input/value reference_unknown"},
      {"/actions/1/input/value", R"({"$from": "/actions/z/output/id"})", "/actions/1/input/value unknown_action"},
      {"/actions/1/input/value", R"({"$from": "/actions/a/output/ident"})",
       "/actions/1/input/value reference_not_in_schema"},
      {"/actions/1/input/value", R"({"$from": "/actions/a/output/id/x"})",
       "/actions/1/input/value reference_not_in_schema"},
      {"/actions/1/input/value", R"({"$from": "/actions/a/output/size"})", "/actions/1/input/value reference_type"},
      {"/actions/1/input/value", R"({"$from": "/actions/a/output"})", "/actions/1/input/value reference_type"},
      {"/actions/1/input/value", R"({"$text": "${/actions/a/output/tags}"})",
       "/actions/1/input/value reference_not_text"},
      {"/actions/1/input/box", R"({"w": {"$text": "${/input/age}"}})", "/actions/1/input/box/w input_type"},
      {"/actions/1/input/box", R"({"w": {"$text": "5"}})", "/actions/1/input/box/w input_type"},
      {"/actions/1/input/box", R"({"w": {"$text": "${/actions/a/output/size}"}})",
       "/actions/1/input/box/w reference_type"},
      {"/actions/1/input/value", R"({"$text": "${configured}"})", "/actions/1/input/value template_malformed"},
      {"/actions/1/input/value", R"({"$from": "input"})", "/actions/1/input/value template_malformed"},
      {"/actions/1/input/value", R"({"$from": "/actions/b/output/id"})", "/actions/1 cycle"},
      {"/actions/0/after", R"(["b"])", "/actions/0 cycle"},
      {"/actions/0/after", R"(["a"])", "/actions/0 cycle"},
  });
  const Json nameless = changed(changed(base(), "/actions/0/tool", R"("box.nameless")"), "/actions/1/input/value",
                                R"({"$from": "/actions/a/record_id"})");
  EXPECT_EQ(plan_problems(nameless, tools()),
            std::vector<std::string>{"/actions/1/input/value reference_not_in_schema"});
  EXPECT_EQ(plan_problems(
                changed(base(), "/actions/1/input/value", R"({"$text": "${/actions/a/output/size} of ${/input/age}"})"),
                tools()),
            std::vector<std::string>());
}

TEST(Plan, elements_of_a_list_are_checked_one_by_one) {
  const auto problems = [](std::string_view list, std::string_view input) {
    return plan_problems(changed(changed(base(), "/actions/1/for_each", list), "/actions/1/input", input), tools());
  };
  const char* by_item = R"({"name": {"$from": "/item/name"}})";
  EXPECT_EQ(problems(R"([{"name": "x"}, {"name": "y"}])", by_item), std::vector<std::string>());
  EXPECT_EQ(problems(R"([{"name": "x"}, {"nme": "y"}])", by_item),
            std::vector<std::string>{"/actions/1/input/name reference_not_found"});
  EXPECT_EQ(problems(R"([{"name": "x"}, {"name": 7}])", by_item),
            std::vector<std::string>{"/actions/1/input/name input_type"});
  EXPECT_EQ(problems(R"({"$from": "/actions/a/output/tags"})", R"({"name": {"$from": "/item"}})"),
            std::vector<std::string>());
  EXPECT_EQ(problems(R"({"$from": "/actions/a/output/tags"})", R"({"name": {"$from": "/index"}})"),
            std::vector<std::string>{"/actions/1/input/name reference_type"});
  EXPECT_EQ(problems(R"({"$from": "/actions/a/output/tags"})", R"({"name": {"$from": "/item/name"}})"),
            std::vector<std::string>{"/actions/1/input/name reference_not_in_schema"});
  EXPECT_EQ(plan_problems(changed(base(), "/actions/1/input/name", R"({"$from": "/item"})"), tools()),
            std::vector<std::string>{"/actions/1/input/name reference_unknown"});
}

TEST(Plan, the_outputs_of_a_list_are_a_list) {
  const Json listed = changed(base(), "/actions/0/for_each", R"(["x", "y"])");
  const auto problems = [&](std::string_view reference) {
    return plan_problems(changed(listed, "/actions/1/input/name", reference), tools());
  };
  EXPECT_EQ(problems(R"({"$from": "/actions/a/output/0/id"})"), std::vector<std::string>());
  EXPECT_EQ(problems(R"({"$from": "/actions/a/output/id"})"),
            std::vector<std::string>{"/actions/1/input/name reference_not_in_schema"});
  EXPECT_EQ(problems(R"({"$from": "/actions/a/output"})"),
            std::vector<std::string>{"/actions/1/input/name reference_type"});
  EXPECT_EQ(problems(R"({"$from": "/actions/a/record_id"})"),
            std::vector<std::string>{"/actions/1/input/name reference_unknown"});
}

TEST(Plan, what_a_fallback_may_answer_counts_too) {
  const Json plan = changed(
      changed(base(), "/actions/0/fallback", R"({"tool": "box.nameless", "input": {"name": "n", "value": "v"}})"),
      "/actions/1/input/value", R"({"$from": "/actions/a/record_id"})");
  EXPECT_EQ(plan_problems(plan, tools()), std::vector<std::string>{"/actions/1/input/value reference_not_in_schema"})
      << "the fallback's tool has no record_id";
}

TEST(Plan, a_compensation_sees_only_what_has_happened_by_then) {
  const char* later = R"({"tool": "box.deep", "input": {"name": {"$from": "/actions/b/output/id"}}})";
  EXPECT_EQ(plan_problems(changed(base(), "/actions/0/compensate", later), tools()),
            std::vector<std::string>{"/actions/0/compensate/input/name reference_not_upstream"});
  const char* own = R"({"tool": "box.deep", "input": {"name": {"$from": "/actions/a/output/id"}}})";
  EXPECT_EQ(plan_problems(changed(base(), "/actions/0/compensate", own), tools()), std::vector<std::string>());
}

TEST(Plan, what_undoes_a_run_sees_the_answer_of_that_run_only) {
  const auto undone_by = [](std::string_view place) {
    const std::string call = R"({"tool": "box.deep", "input": {"name": {"$from": "/actions/a/record_id"}}})";
    Json plan =
        changed(base(), "/actions/0/fallback", R"({"tool": "box.nameless", "input": {"name": "n", "value": "v"}})");
    plan = changed(plan, std::string(place), call);
    return plan_problems(plan, tools());
  };
  EXPECT_EQ(undone_by("/actions/0/compensate"), std::vector<std::string>()) << "the action's own tool has a record_id";
  EXPECT_EQ(undone_by("/actions/0/fallback/compensate"),
            std::vector<std::string>{"/actions/0/fallback/compensate/input/name reference_not_in_schema"})
      << "the fallback's has none";
}

TEST(Plan, a_fallback_that_writes_beside_an_action_that_can_be_undone_is_a_warning_without_its_own_undoing) {
  const char* call = R"({"tool": "box.deep", "input": {"name": "n"}})";
  const std::vector<std::shared_ptr<const Tool>> known = tools();
  const auto warned = [&](const Json& document) {
    std::vector<Problem> warnings;
    EXPECT_TRUE(check_plan(document, finder(known), {}, {}, &warnings));
    return std::count_if(warnings.begin(), warnings.end(),
                         [](const Problem& warning) { return warning.code == "fallback_not_compensated"; });
  };
  Json plan = changed(changed(base(), "/on_failure", R"("compensate")"), "/actions/1/fallback", call);
  EXPECT_EQ(warned(plan), 0);
  plan = changed(plan, "/actions/1/compensate", call);
  EXPECT_EQ(warned(plan), 1);
  EXPECT_EQ(warned(changed(plan, "/actions/1/fallback/compensate", call)), 0);
}

TEST(Plan, suggestions_name_what_to_put_there) {
  const auto suggestion = [](std::string_view place, std::string_view value) {
    const Json document = changed(base(), std::string(place), value);
    const std::vector<std::shared_ptr<const Tool>> known = tools();
    const auto plan = check_plan(document, finder(known), {"box.closed", "box.deep"});
    return plan ? "accepted" : plan.error().problems[0].suggestion;
  };
  EXPECT_EQ(suggestion("/actions/1/tool", R"("box.depe")"), "box.deep");
  EXPECT_EQ(suggestion("/actions/1/input/name", R"({"$from": "/input/wo"})"), "/input/who");
  EXPECT_EQ(suggestion("/actions/1/input/name", R"({"$from": "/actions/a/output/idd"})"), "/actions/a/output/id");
  EXPECT_EQ(suggestion("/actions/1/input/name", R"({"$from": "/actions/a/output/who"})"), "/input/who");
  EXPECT_EQ(suggestion("/actions/1/input/nmae", R"("x")"), "name");
  EXPECT_EQ(suggestion("/on_failure", R"("stopp")"), "stop");
  EXPECT_EQ(suggestion("/actoins", R"([])"), "actions");
}

TEST(Plan, what_cannot_be_decided_before_the_run_is_a_warning) {
  const std::vector<std::shared_ptr<const Tool>> known = tools();
  std::vector<Problem> warnings;
  Json document = changed(base(), "/actions/1/input/box", R"({"w": {"$from": "/actions/a/output/size"}})");
  ASSERT_TRUE(check_plan(document, finder(known), {}, {}, &warnings));
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_EQ(warnings[0].code, "reference_may_be_absent");
  EXPECT_EQ(warnings[1].code, "reference_undecided");
  EXPECT_EQ(warnings[1].pointer, "/actions/1/input/box/w");
}

TEST(Plan, policies_may_only_be_tightened) {
  expect_refused({
      {"/actions/1/start_to_close_timeout", R"("1h")", "/actions/1/start_to_close_timeout policy_loosened"},
      {"/actions/1/schedule_to_close_timeout", R"("1h")", "/actions/1/schedule_to_close_timeout policy_loosened"},
      {"/actions/1/schedule_to_close_timeout", R"("never")", "/actions/1/schedule_to_close_timeout not_a_duration"},
      {"/actions/1/retry", "3", "/actions/1/retry wrong_type"},
      {"/actions/1/retry", R"({"maximum_attempts": 4})", "/actions/1/retry/maximum_attempts policy_loosened"},
      {"/actions/1/retry", R"({"maximum_attempts": 0})", "/actions/1/retry/maximum_attempts out_of_range"},
      {"/actions/1/retry", R"({"initial_interval": "1ms"})", "/actions/1/retry/initial_interval policy_loosened"},
      {"/actions/1/retry", R"({"maximum_interval": "1s"})", "/actions/1/retry/maximum_interval policy_loosened"},
      {"/actions/1/retry", R"({"backoff_coefficient": 1})", "/actions/1/retry/backoff_coefficient policy_loosened"},
      {"/actions/1/retry", R"({"attempts": 1})", "/actions/1/retry/attempts unknown_member"},
  });
  const Json tighter =
      changed(changed(base(), "/actions/1/retry", R"({"maximum_attempts": 1, "initial_interval": "1s"})"),
              "/actions/1/start_to_close_timeout", R"("1s")");
  const std::shared_ptr<const Plan> plan = make_plan(tighter, tools());
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->actions[1].retry.maximum_attempts, 1);
  EXPECT_EQ(plan->actions[1].start_to_close_timeout, Duration(1'000));
}

TEST(Plan, all_problems_come_at_once_up_to_a_bound) {
  Json document = changed(changed(base(), "/name", R"("a b")"), "/actions/0/tool", R"("box.clsoed")");
  document =
      changed(changed(document, "/actions/1/input/value", R"({"$from": "/input/x"})"), "/actions/1/after", R"(["q"])");
  EXPECT_EQ(plan_problems(document, tools()).size(), 4U) << ::testing::PrintToString(plan_problems(document, tools()));

  Json many = Json::array();
  for (int i = 0; i < 1'000; ++i) many.push_back(Json::object({{"id", "a" + std::to_string(i)}, {"tool", "nowhere"}}));
  Json plan = base();
  plan.set("actions", many);
  EXPECT_EQ(plan_problems(plan, tools()).size(), 200U);
}

TEST(Plan, a_long_cycle_behind_a_long_chain_is_found) {
  Json many = Json::array();
  for (int i = 0; i < 5'000; ++i) {
    const std::string need = i == 2'500 ? "a4999" : i == 0 ? "a0" : "a" + std::to_string(i - 1);
    Json action =
        Json::object({{"id", "a" + std::to_string(i)}, {"tool", "box.get"}, {"input", json(R"({"name": "n"})")}});
    if (i > 0) action.set("after", Json(Json::Array{Json(need)}));
    many.push_back(std::move(action));
  }
  Json plan = base();
  plan.set("actions", many);
  EXPECT_EQ(plan_problems(plan, tools()).size(), 1U);
}

}  // namespace
}  // namespace settle::test
