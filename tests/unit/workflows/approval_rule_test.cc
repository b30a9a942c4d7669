// Who has to agree: what a tool says, how a plan tightens it, and which inputs a condition asks about.
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

Json with_rule(const Json& document, const std::string& pointer, std::string_view rule) {
  return rule.empty() ? document : changed(document, pointer, rule);
}

Json tool_with(std::string_view rule, std::string_view risk = R"("write")") {
  return with_rule(changed(tool_document({}), "/risk", risk), "/approval", rule);
}

Json plan_with(std::string_view rule) {
  return with_rule(
      json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}}]})"),
      "/actions/0/approval", rule);
}

/// The rule of the one action of that plan over that tool.
Rare<ApprovalRule> rule_of(std::string_view tool, std::string_view plan) {
  return make_plan(plan_with(plan), {compiled(tool_with(tool))})->actions[0].approval;
}

TEST(ApprovalRule, a_destructive_tool_asks_one_person_for_a_day_unless_it_says_otherwise) {
  EXPECT_FALSE(compiled(tool_with(""))->approval);
  EXPECT_FALSE(compiled(tool_with(R"("none")", R"("destructive")"))->approval);
  const Rare<ApprovalRule> rule = compiled(tool_with("", R"("destructive")"))->approval;
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->approvers, 1U);
  EXPECT_EQ(rule->expires, std::chrono::hours(24));
  EXPECT_EQ(rule->on_expiry, OnExpiry::reject);
  EXPECT_TRUE(rule->four_eyes);
  EXPECT_TRUE(rule->asks(json(R"({})")));
}

TEST(ApprovalRule, a_plan_without_a_rule_has_that_of_the_tool_and_one_with_a_rule_needs_none_of_the_tool) {
  EXPECT_FALSE(rule_of("", ""));
  EXPECT_EQ(rule_of(R"({"approvers": 2})", "")->approvers, 2U);
  const Rare<ApprovalRule> own = rule_of("", R"({"approvers": 2, "four_eyes": false, "on_expiry": "escalate"})");
  ASSERT_TRUE(own);
  EXPECT_EQ(own->approvers, 2U);
  EXPECT_FALSE(own->four_eyes);
  EXPECT_EQ(own->on_expiry, OnExpiry::escalate);
}

TEST(ApprovalRule, the_stricter_of_tool_and_plan_counts) {
  const Rare<ApprovalRule> rule =
      rule_of(R"({"approvers": 1, "expires": "2h", "on_expiry": "escalate", "four_eyes": false})",
              R"({"approvers": 3, "expires": "1h", "on_expiry": "reject", "four_eyes": true})");
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->approvers, 3U);
  EXPECT_EQ(rule->expires, std::chrono::hours(1));
  EXPECT_EQ(rule->on_expiry, OnExpiry::reject);
  EXPECT_TRUE(rule->four_eyes);
  const Rare<ApprovalRule> unsaid =
      rule_of(R"({"approvers": 2, "expires": "2h", "on_expiry": "escalate", "four_eyes": false})", "{}");
  EXPECT_EQ(unsaid->approvers, 2U);
  EXPECT_EQ(unsaid->expires, std::chrono::hours(2));
  EXPECT_EQ(unsaid->on_expiry, OnExpiry::escalate);
  EXPECT_FALSE(unsaid->four_eyes) << "what the plan does not say is no demand";
}

TEST(ApprovalRule, what_would_loosen_the_tools_rule_is_refused_all_at_once) {
  const std::vector<std::shared_ptr<const Tool>> tools = {compiled(tool_with(R"({"approvers": 2, "expires": "1h"})"))};
  EXPECT_EQ(plan_problems(
                plan_with(R"({"approvers": 1, "expires": "2h", "on_expiry": "escalate", "four_eyes": false})"), tools),
            (std::vector<std::string>{
                "/actions/0/approval/approvers policy_loosened", "/actions/0/approval/expires policy_loosened",
                "/actions/0/approval/on_expiry policy_loosened", "/actions/0/approval/four_eyes policy_loosened"}));
  EXPECT_EQ(plan_problems(plan_with(R"("none")"), tools), std::vector<std::string>{"/actions/0/approval wrong_type"});
}

TEST(ApprovalRule, either_condition_asks_and_one_without_a_condition_asks_always) {
  const char* const of_tool = R"({"when": {"equals": [{"$from": "/input/name"}, "t"]}})";
  const char* const of_plan = R"({"when": {"equals": [{"$from": "/input/value"}, "p"]}})";
  const auto input = [](const char* name, const char* value) {
    return Json::object({{"name", name}, {"value", value}});
  };
  const Rare<ApprovalRule> both = rule_of(of_tool, of_plan);
  EXPECT_FALSE(both->asks(input("n", "v")));
  EXPECT_TRUE(both->asks(input("t", "v")));
  EXPECT_TRUE(both->asks(input("n", "p")));
  EXPECT_TRUE(rule_of(of_tool, "{}")->asks(input("n", "v")));
  EXPECT_TRUE(rule_of("{}", of_plan)->asks(input("n", "v")));
}

TEST(ApprovalRule, a_condition_that_can_not_be_decided_asks) {
  const Json document = changed(changed(tool_with(R"({"when": {"greater": [{"$from": "/input/amount"}, 100]}})"),
                                        "/input_schema/properties/amount", R"({"type": "number"})"),
                                "/name", R"("box.put")");
  const Rare<ApprovalRule> rule = compiled(document)->approval;
  EXPECT_FALSE(rule->asks(json(R"({"amount": 100})")));
  EXPECT_TRUE(rule->asks(json(R"({"amount": 101})")));
  EXPECT_TRUE(rule->asks(json("{}"))) << "leaving the amount out is no way around a person";
}

TEST(ApprovalRule, its_condition_sees_the_resolved_input_and_nothing_else) {
  const auto refused = [](std::string_view rule) { return tool_problems(tool_with(rule)); };
  EXPECT_EQ(refused(R"({"when": {"equals": [{"$from": "/output/id"}, "x"]}})"),
            std::vector<std::string>{"/approval/when/equals/0 reference_unknown"});
  EXPECT_EQ(refused(R"({"when": {"exists": {"$from": "/input/amuont"}}})"),
            std::vector<std::string>{"/approval/when/exists reference_not_in_schema"});
  EXPECT_EQ(refused(R"({"when": {"greater": [{"$from": "/input/name"}, 7]}})"),
            std::vector<std::string>{"/approval/when/greater condition_types"});
  EXPECT_EQ(refused(R"({"when": {"equal": [1, 2]}})"),
            std::vector<std::string>{"/approval/when/equal condition_unknown_operator"});
  const std::vector<std::shared_ptr<const Tool>> tools = {make_tool()};
  EXPECT_EQ(plan_problems(plan_with(R"({"when": {"equals": [{"$from": "/actions/a/output/id"}, "x"]}})"), tools),
            std::vector<std::string>{"/actions/0/approval/when/equals/0 reference_unknown"});
}

TEST(ApprovalRule, fallbacks_and_compensations_have_the_rules_of_their_own_tools) {
  ToolSpec other;
  other.name = "box.other";
  Json undo = tool_with("", R"("destructive")");
  undo.set("name", "box.undo");
  const auto plan =
      make_plan(json(R"({"name": "p", "on_failure": "compensate", "actions": [{"id": "a", "tool": "box.put",
        "input": {"name": "n", "value": "v"}, "approval": {"approvers": 2},
        "fallback": {"tool": "box.other", "input": {"name": "n", "value": "v"}},
        "compensate": {"tool": "box.undo", "input": {"name": "n", "value": "v"}}}]})"),
                {make_tool(), make_tool(other), compiled(undo)});
  EXPECT_EQ(plan->actions[0].approval->approvers, 2U);
  EXPECT_FALSE(plan->actions[0].fallback->approval);
  EXPECT_EQ(plan->actions[0].compensate->approval->approvers, 1U);
}

}  // namespace
}  // namespace settle::test
