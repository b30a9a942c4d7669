// What people try first must be accepted by the very checks that the engine makes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "workflows/plan.h"
#include "workflows/tool.h"

namespace settle {
namespace {

Json read_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  Result<Json> document = read_json(text.str());
  EXPECT_TRUE(document) << path << ": " << (document ? "" : document.error().message);
  return document ? *std::move(document) : Json();
}

using Tools = std::map<std::string, std::shared_ptr<const Tool>, std::less<>>;

Tools example_tools() {
  Tools tools;
  for (const auto& entry : std::filesystem::directory_iterator(SETTLE_EXAMPLES "/tools")) {
    const Result<std::shared_ptr<const Tool>> tool =
        compile_tool(read_file(entry.path()), {{"sandbox", "http://127.0.0.1:8750"}});
    EXPECT_TRUE(tool) << entry.path() << ": " << (tool ? "" : tool.error().message);
    if (!tool) continue;
    EXPECT_EQ(entry.path().filename(), (*tool)->name + ".json");
    tools.emplace((*tool)->name, *tool);
  }
  return tools;
}

TEST(Examples, EveryToolIsAcceptedAndEveryIdempotencyModeIsShown) {
  std::set<IdempotencyMode> modes;
  for (const auto& [name, tool] : example_tools()) modes.insert(tool->mode);
  EXPECT_EQ(modes.size(), 4U);
}

TEST(Examples, ThePlanPassesTheWholeCheckAndItsThirdCallIsTheMail) {
  const Tools tools = example_tools();
  std::vector<std::string> names;
  for (const auto& [name, tool] : tools) names.push_back(name);
  auto find = [&](std::string_view, std::string_view name) {
    const auto found = tools.find(name);
    return found == tools.end() ? nullptr : found->second;
  };
  const auto plan = check_plan(read_file(SETTLE_EXAMPLES "/plans/onboard.json"), find, names);
  ASSERT_TRUE(plan) << plan.error().message;
  const std::vector<PlanAction>& actions = (*plan)->actions;
  ASSERT_GE(actions.size(), 5U);
  EXPECT_TRUE(actions[0].needs.empty());
  EXPECT_EQ(actions[1].needs, std::vector<ActionIndex>{0});
  EXPECT_EQ(actions[2].needs, std::vector<ActionIndex>{1});
  EXPECT_EQ(actions[2].tool->name, "mail.send");
  for (std::size_t i = 3; i < actions.size(); ++i)
    EXPECT_FALSE(actions[i].needs.empty()) << "nothing overtakes the mail";
}

TEST(Examples, ThePlanWithSettlesOwnToolsIsFineAsAWholeAndSoIsThePlanInside) {
  const Tools tools = example_tools();
  const ToolOf find = [&](std::string_view, std::string_view name) -> std::shared_ptr<const Tool> {
    const auto found = tools.find(name);
    return found == tools.end() ? nullptr : found->second;
  };
  const Json document = read_file(SETTLE_EXAMPLES "/plans/renewal.json");
  const auto plan = check_plan(document, find, {});
  ASSERT_TRUE(plan) << plan.error().message << (plan.error().problems.empty() ? "" : plan.error().problems[0].pointer);
  EXPECT_EQ((*plan)->actions.back().tool->builtin, Builtin::run_plan);
  EXPECT_TRUE((*plan)->actions[1].that.has_value());
}

}  // namespace
}  // namespace settle
