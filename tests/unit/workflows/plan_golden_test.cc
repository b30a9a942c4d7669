// The whole refusals of the broken plans in tests/cases/plans, as they would be answered. They are there to be read: a
// change of a message shows in the diff. SETTLE_WRITE_GOLDEN=1 writes them anew.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/problem.h"
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<fs::path> files_of(const std::string& folder, const std::string& ending) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(SETTLE_CASES "/" + folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(ending) && (ending != ".json" || !name.ends_with(".refusal.json"))) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(PlanGolden, each_broken_plan_is_refused_as_its_golden_file_says) {
  std::vector<std::shared_ptr<const Tool>> tools;
  std::vector<std::string> names;
  for (const fs::path& file : files_of("tools", ".json")) {
    tools.push_back(compiled(json(text_of(file))));
    ASSERT_NE(tools.back(), nullptr) << file;
    names.push_back(tools.back()->name);
  }
  const std::vector<fs::path> plans = files_of("plans", ".json");
  EXPECT_GE(plans.size(), 40U);
  for (const fs::path& file : plans) {
    SCOPED_TRACE(file.filename().string());
    const auto plan = check_plan(json(text_of(file)), finder(tools), names);
    if (plan) {
      ADD_FAILURE() << "it was accepted";
      continue;
    }
    const std::string refusal = write_json(problem_documents(plan.error().problems), 2) + "\n";
    const fs::path golden = fs::path(file).replace_extension(".refusal.json");
    if (std::getenv("SETTLE_WRITE_GOLDEN") != nullptr) std::ofstream(golden) << refusal;
    EXPECT_EQ(text_of(golden), refusal);
  }
}

}  // namespace
}  // namespace settle::test
