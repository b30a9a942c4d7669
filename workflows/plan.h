#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workflows/tool.h"

namespace settle {

/// Index of an action in its plan.
using ActionIndex = std::uint32_t;

/// What happens to the rest when an action fails.
enum class OnFailure : std::uint8_t { stop, continue_others };

struct PlanAction {
  std::string id;
  std::shared_ptr<const Tool> tool;
  Template input;
  std::vector<ActionIndex> needs;       ///< what it waits for, by reference or by `after`; sorted, no repeats
  std::vector<ActionIndex> dependents;  ///< the other direction
  RetryPolicy retry;                    ///< the tool's, tightened by the plan
  Duration start_to_close_timeout{};
  Duration schedule_to_close_timeout{};
};

/// A plan that passed the whole static check, with the tool versions that it will run with. Immutable; shared by all
/// that look at the workflow. Thread: any.
struct Plan {
  std::string name;
  Json document;  ///< as submitted
  Json input;     ///< `/input` of the plan
  std::map<std::string, std::string> labels;
  OnFailure on_failure = OnFailure::stop;
  std::vector<PlanAction> actions;
  std::map<std::string, ActionIndex, std::less<>> by_id;
};

/// Finds the tool that an action is to run: the latest version on submission, the pinned one when a workflow is loaded.
using ToolOf = std::function<std::shared_ptr<const Tool>(std::string_view action_id, std::string_view tool_name)>;

struct PlanLimits {
  std::size_t actions_max = 10'000;
};

/// The whole static check: known tools, closed inputs against their schemas, every reference upstream, present in the
/// output schema of what it refers to, no cycles, no policy loosened. Errors: invalid_plan with every problem at once,
/// each with its JSON Pointer into the plan (docs/codes.md). `tool_names` are for suggestions. Pure. Thread: any.
Result<std::shared_ptr<const Plan>> check_plan(const Json& document, const ToolOf& tools,
                                               const std::vector<std::string>& tool_names,
                                               const PlanLimits& limits = {});

}  // namespace settle
