#pragma once

#include <random>
#include <vector>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {

/// A plan with everything that a plan can say, drawn by dice. Every call has a tool of its own, and every call asks for
/// {"name": "n", "value": "v"}, as the worlds of the walk expect.
struct DrawnPlan {
  std::vector<ToolSpec> specs;
  std::vector<std::shared_ptr<const Tool>> tools;
  Json document;
  std::shared_ptr<const Plan> plan;

  /// Of the tool that this run calls.
  const ToolSpec& spec_of(const Workflow& workflow, ActionIndex run) const;
};

DrawnPlan draw_plan(std::mt19937_64& dice);

}  // namespace settle::test
