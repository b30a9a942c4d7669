#include <algorithm>
#include <set>

#include "base/text.h"
#include "workflows/plan_parts.h"

namespace settle {
namespace {

constexpr std::size_t problems_max = 200;

Error refusal(std::vector<Problem> problems) {
  if (problems.size() > problems_max) problems.resize(problems_max);
  return fail_for(ErrorCode::invalid_plan, std::move(problems), "the plan was refused: ");
}

}  // namespace

/// Kahn's algorithm; what is left over lies on or behind a cycle.
bool check_cycles(const Plan& plan, std::vector<Problem>& problems) {
  std::vector<std::size_t> waiting(plan.actions.size());
  std::vector<ActionIndex> ready;
  for (std::size_t i = 0; i < plan.actions.size(); ++i) {
    waiting[i] = plan.actions[i].needs.size();
    if (waiting[i] == 0) ready.push_back(static_cast<ActionIndex>(i));
  }
  std::size_t done = 0;
  while (!ready.empty()) {
    const ActionIndex at = ready.back();
    ready.pop_back();
    ++done;
    for (const ActionIndex next : plan.actions[at].dependents) {
      if (--waiting[next] == 0) ready.push_back(next);
    }
  }
  if (done == plan.actions.size()) return true;
  auto at = static_cast<ActionIndex>(std::find_if(waiting.begin(), waiting.end(), [](std::size_t n) { return n > 0; }) -
                                     waiting.begin());
  const auto blocking = [&](ActionIndex i) {
    const std::vector<ActionIndex>& needs = plan.actions[i].needs;
    return *std::find_if(needs.begin(), needs.end(), [&](ActionIndex n) { return waiting[n] > 0; });
  };
  std::set<ActionIndex> seen;
  while (seen.insert(at).second) at = blocking(at);
  std::string cycle = plan.actions[at].id;
  for (ActionIndex next = blocking(at); next != at; next = blocking(next)) cycle += " → " + plan.actions[next].id;
  problems.push_back({action_place(at), "cycle", "no action that waits for itself",
                      shorten(cycle + " → " + plan.actions[at].id, 200), "these actions wait for each other"});
  return false;
}

Plan check_whole(const Json& document, const PlanCheck& with, const KnownInput* input, std::vector<Problem>& problems,
                 std::vector<Problem>& warnings) {
  Plan plan = read_plan(document, with.tools, with.tool_names, with.limits, problems);
  if (input != nullptr) {
    plan.input = input->value;
    plan.unknown_input = input->unknown;
  }
  check_types(plan, problems, warnings);
  check_cycles(plan, problems);
  check_children(plan, with, problems, warnings);
  return plan;
}

Result<std::shared_ptr<const Plan>> check_plan(const Json& document, const ToolOf& tools,
                                               const std::vector<std::string>& tool_names, const PlanLimits& limits,
                                               std::vector<Problem>* warnings) {
  std::vector<Problem> problems, doubts;
  auto plan = std::make_shared<Plan>(check_whole(document, {tools, tool_names, limits}, nullptr, problems, doubts));
  if (!problems.empty()) return refusal(std::move(problems));
  if (warnings != nullptr) warnings->insert(warnings->end(), doubts.begin(), doubts.end());
  return std::shared_ptr<const Plan>(std::move(plan));
}

Result<std::shared_ptr<const Plan>> reread_plan(const Json& document, const ToolOf& tools) {
  std::vector<Problem> problems;
  auto plan = std::make_shared<Plan>(read_plan(document, tools, {}, {.actions_max = SIZE_MAX}, problems));
  if (!problems.empty()) return refusal(std::move(problems));
  return std::shared_ptr<const Plan>(std::move(plan));
}

}  // namespace settle
