#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rare.h"
#include "workflows/condition.h"
#include "workflows/tool.h"

namespace settle {

/// Index of an action in its plan.
using ActionIndex = std::uint32_t;

/// What happens to the rest when an action fails: nothing new starts, independent branches go on, or what was done is
/// undone in reverse order.
enum class OnFailure : std::uint8_t { stop, continue_others, compensate };

/// What happens to the other elements of a `for_each` when one fails: nothing new starts, or all of them run. Either
/// way the action fails.
enum class OnElementFailure : std::uint8_t { stop, continue_others };

/// What a call is for: the action itself, its fallback, the undoing of the one or of the other. Stored by number, and
/// its name is part of the idempotency key.
enum class CallRole : std::uint8_t { main = 0, fallback = 1, compensate = 2, compensate_fallback = 3 };
std::string_view name_of(CallRole role);
constexpr bool is_undoing(CallRole role) {
  return role == CallRole::compensate || role == CallRole::compensate_fallback;
}

/// Levels of plans below one that somebody submitted.
inline constexpr std::size_t children_depth_max = 8;

/// The elements of one `for_each`.
inline constexpr std::size_t elements_max = 10'000;

/// One call of a tool, as a plan writes it.
struct PlannedCall {
  std::shared_ptr<const Tool> tool;
  Template input;
  RetryPolicy retry;  ///< the tool's, tightened by the plan
  Duration start_to_close_timeout{};
  Duration schedule_to_close_timeout{};
  Rare<ApprovalRule> approval;  ///< the tool's, tightened by the plan; null: nobody has to agree
  Rare<Condition> that;         ///< of flow.assert
};

/// The action runs once for each element of a list; its output is the list of the elements' outputs.
struct ForEach {
  Template list;
  std::uint32_t max_parallel = 0;  ///< 0: all at once
  OnElementFailure on_failure = OnElementFailure::stop;
};

/// What is tried when the action failed. How to undo it is its own: the action's compensation may be of another system.
struct PlannedFallback : PlannedCall {
  Rare<PlannedCall> compensate;
};

/// An action: a call, and its place in the graph.
struct PlanAction : PlannedCall {
  std::string id;
  std::vector<ActionIndex> needs;       ///< what it waits for, by reference or by `after`; sorted, no repeats
  std::vector<ActionIndex> dependents;  ///< the other direction
  Rare<Condition> when;
  Rare<ForEach> for_each;
  Rare<PlannedFallback> fallback;
  bool fallback_after_any = false;  ///< fallback_when "any_failure"; else only after a failure with effect none
  Rare<PlannedCall> compensate;     ///< of the action's own run
};

/// A plan that passed the whole static check, with the tool versions that it will run with. Immutable; shared by all
/// that look at the workflow. Thread: any.
struct Plan {
  std::string name;
  std::string document;  ///< as submitted, in canonical form
  Json input;            ///< `/input` of the plan
  std::map<std::string, std::string> labels;
  OnFailure on_failure = OnFailure::stop;
  std::optional<Duration> deadline;  ///< from the submission on
  std::vector<PlanAction> actions;
  std::map<std::string, ActionIndex, std::less<>> by_id;
  /// While a child is checked with its parent: places of `/input` that are known only when it starts. Else empty.
  std::vector<Pointer> unknown_input;
};

/// Finds the tool that an action is to run: the latest version on submission, the pinned one when a workflow is loaded.
using ToolOf = std::function<std::shared_ptr<const Tool>(std::string_view action_id, std::string_view tool_name)>;

struct PlanLimits {
  std::size_t actions_max = 10'000;
  std::size_t depth_max = children_depth_max;  ///< levels of plans inside of flow.run_plan that are still allowed
};

/// The whole static check: known tools, inputs against their schemas, every reference upstream, present in the output
/// schema of what it refers to and of a type that fits where it goes, no cycles, no policy loosened. Errors:
/// invalid_plan with every problem at once, each with its JSON Pointer into the plan (docs/codes.md). What can't be
/// decided before the run is a warning, appended to `warnings` if given. `tool_names` are for suggestions. Pure.
/// Thread: any.
Result<std::shared_ptr<const Plan>> check_plan(const Json& document, const ToolOf& tools,
                                               const std::vector<std::string>& tool_names,
                                               const PlanLimits& limits = {}, std::vector<Problem>* warnings = nullptr);

/// A plan that was accepted before, from the store: read again, not judged again, so that rules that became stricter
/// strand no workflow. Errors: invalid_plan when it can't be read at all.
Result<std::shared_ptr<const Plan>> reread_plan(const Json& document, const ToolOf& tools);

}  // namespace settle
