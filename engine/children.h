#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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

struct NewWorkflow;

/// How a shard reaches the others. Each may be called on the shard's own loop; the first two go to the home's loop in
/// the order in which they were called.
struct Relatives {
  std::function<void(ChildOrder)> order;
  std::function<void(ChildReport)> report;
  /// Checks the child's plan against the newest tools. Errors: invalid_plan.
  std::function<Result<NewWorkflow>(const ChildOrder&)> prepare;
};

/// A plan that has passed its check, with its digest and its own labels.
void set_plan(NewWorkflow& workflow, std::shared_ptr<const Plan> plan);

/// The plan that a child runs: that of the action's input, with the input that the parent gives.
Json child_plan(const Json& input);

}  // namespace settle
