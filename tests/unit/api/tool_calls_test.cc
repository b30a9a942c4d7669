// Bodies with tool calls that no provider would send are refused with a place, and crash nothing.
#include "api/tool_calls.h"

#include "api/tool_results.h"
#include "base/text.h"
#include "tests/unit/workflows/support/plans.h"

namespace settle::test {
namespace {

TEST(ToolCalls, odd_bodies_are_refused_with_a_place_each) {
  const char* bodies[] = {"null",
                          "7",
                          "[]",
                          "\"x\"",
                          R"({"message": 7})",
                          R"({"message": {"tool_calls": {}}})",
                          R"({"tool_calls": [null, 7, [], {}]})",
                          R"({"content": [null, 7, {"type": "tool_use"}]})",
                          R"({"tool_calls": [{"function": 7}]})",
                          R"({"role": "assistant", "content": "text"})",
                          R"({"tool_calls": [], "content": [], "message": {}})",
                          R"({"tool_calls": null})",
                          R"({"tool_calls": [{"id": "", "function": {"name": "", "arguments": ""}}]})"};
  for (const char* body : bodies) {
    const Result<ToolCallRequest> read = read_tool_calls(json(body), {}, {});
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(read.error().problems.empty()) << body;
  }
}

TEST(ToolCalls, an_empty_text_of_arguments_is_no_arguments) {
  const Json body = json(R"({"tool_calls": [{"id": "a", "function": {"name": "x__y", "arguments": ""}}]})");
  const Result<ToolCallRequest> read = read_tool_calls(body, {"x.y"}, {});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->calls[0].tool, "x.y");
  EXPECT_EQ(read->calls[0].input, Json::object());
}

TEST(ToolCalls, every_call_id_gives_a_legal_action_id_of_its_own) {
  std::set<std::string> ids;
  for (const std::string call : {"a", "a b", "a/b", "a_b", ".a", "_a", "..", "\xc3\xbc", "$"})
    EXPECT_TRUE(ids.insert(action_id_of(call)).second) << call;
  ids.insert(action_id_of(std::string(256, 'x')));
  ids.insert(action_id_of(std::string(256, ' ')));
  for (const std::string& id : ids) EXPECT_TRUE(is_name(id)) << id;
  EXPECT_EQ(action_id_of("call_abc-1"), "call_abc-1");
}

TEST(ToolCalls, the_workflow_id_is_that_of_exactly_these_calls_in_this_order) {
  const auto id = [](std::initializer_list<const char*> calls) {
    std::vector<ModelToolCall> made;
    for (const char* call : calls) made.push_back({call, "", "", "", {}, "", "", ""});
    return workflow_id_of(made);
  };
  EXPECT_EQ(id({"a", "b"}), id({"a", "b"}));
  EXPECT_NE(id({"a", "b"}), id({"b", "a"}));
  EXPECT_NE(id({"ab"}), id({"a", "b"}));
  EXPECT_TRUE(is_name(id({"a"})));
}

TEST(ToolResults, what_a_fallback_did_is_shown_with_what_it_answered) {
  Json a = action("a", R"({"fallback": {"tool": "box.other", "input": {"name": "n", "value": "v"}}})");
  Driver run = started({a});
  run.answer(rejected(422));
  succeed(run, 1, "r2");
  std::vector<std::string> receipts;
  for (const Json& receipt : run.receipts) receipts.push_back(canonical(receipt));
  const Json results = tool_results(tool_results_view(run.workflow), ToolFormat::openai, receipts);
  ASSERT_EQ(results.size(), 1U);
  const Json content = json(results.as_array()[0].find("content")->as_string());
  EXPECT_EQ(*content.find("status"), Json("verified"));
  EXPECT_EQ(*content.find("output"), json(R"({"id": "r2", "value": "v"})"));
  EXPECT_EQ(*content.find("receipt")->find("role"), Json("fallback"));
}

}  // namespace
}  // namespace settle::test
