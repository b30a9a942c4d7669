#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "workflows/plan.h"
#include "workflows/step.h"

namespace settle {

// What goes between the home of a workflow and those of the workflows that it runs with flow.run_plan. Nothing of it is
// stored: the parent asks again after every restart, and an answer that comes twice changes nothing.

/// From a parent: `child` is to be there, or to be cancelled.
struct ChildOrder {
  std::string name_space;
  std::string child;
  ParentLink parent;
  std::uint32_t depth = 1;            ///< of the child
  bool cancel = false;                ///< what is not there is then not begun
  std::shared_ptr<const Json> input;  ///< of the action: {plan, input?, labels?}
  std::string submitted_by;           ///< of the parent: whoever planned it planned the child, too
  // As its home fills it in.
  std::int64_t plan_bytes = 0;  ///< of the child's plan; 0: not known, as nothing limits them
  std::uint64_t turn = 0;       ///< its place among those that wait for room; 0: it has not waited
  Time waits_since{};           ///< if it has a turn
};

/// From a child: it has ended, or its attention changed.
struct ChildReport {
  std::string name_space;
  std::string child;
  ParentLink parent;
  bool ended = true;
  ChildEnd end;            ///< when it has ended
  bool attention = false;  ///< when it has not
};

/// From a workflow that is a run of a schedule (or says so by its labels): it has ended.
struct RunEnd {
  std::string name_space;
  std::string schedule;
  std::string workflow;
  WorkflowOutcome outcome = WorkflowOutcome::none;
};

struct NewWorkflow;

/// How a shard reaches the others. Each may be called on the shard's own loop; the first three go to the home's loop in
/// the order in which they were called.
struct Relatives {
  std::function<void(ChildOrder)> order;
  std::function<void(ChildReport)> report;
  std::function<void(RunEnd)> run_ended;
  /// Checks the child's plan against the newest tools. Errors: invalid_plan.
  std::function<Result<NewWorkflow>(const ChildOrder&)> prepare;
};

/// A plan that has passed its check, with its digest and its own labels.
void set_plan(NewWorkflow& workflow, std::shared_ptr<const Plan> plan);

/// The plan that a child runs: that of the action's input, with the input that the parent gives.
Json child_plan(const Json& input);

}  // namespace settle
