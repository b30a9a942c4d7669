#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/sim_tool.h"
#include "workflows/plan.h"

namespace settle::sim {

/// Whether an action's own condition is known to hold, or depends on an answer.
enum class When : std::uint8_t { none, holds, fails, open };

/// An action as it is drawn. The oracles judge by this, not by the engine's own reading of the plan.
struct SketchAction {
  std::string id;
  const SimTool* tool = nullptr;
  std::set<std::size_t> needs;  ///< by `after` or by reference
  std::set<std::size_t> after;
  int attempts = 1;
  When when = When::none;
  Json condition;
  std::optional<Json> for_each;
  std::optional<std::size_t> elements;  ///< how many, when that is known
  std::size_t max_parallel = 0;
  bool all_elements = false;  ///< on_element_failure "continue"
  const SimTool* fallback = nullptr;
  bool fallback_after_any = false;
  const SimTool* compensate = nullptr;
  const SimTool* compensate_fallback = nullptr;
  std::string shared_record;  ///< a record of an earlier action, in mode natural
  std::optional<Json> seen;   ///< a reference that goes into the input

  /// What undoes a run of this role; null: nothing does.
  const SimTool* undoing_of(CallRole role) const {
    return role == CallRole::main ? compensate : role == CallRole::fallback ? compensate_fallback : nullptr;
  }
  const SimTool& tool_of(CallRole role) const {
    const SimTool* tools[] = {tool, fallback, compensate, compensate_fallback};
    return *tools[static_cast<std::size_t>(role)];
  }
};

/// A plan as it is drawn.
struct Sketch {
  std::string id;  ///< of its workflow
  OnFailure on_failure = OnFailure::stop;
  std::optional<Duration> deadline;
  std::vector<SketchAction> actions;

  /// The value that one run writes, and nothing else does.
  std::string value_of(std::size_t action, CallRole role, std::uint32_t element) const;
  Json document() const;
};

Sketch draw_sketch(Dice& dice, const std::string& id, const std::vector<SimTool>& writers,
                   const std::vector<SimTool>& readers);

}  // namespace settle::sim
