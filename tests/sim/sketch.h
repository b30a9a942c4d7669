#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/sim_tool.h"
#include "workflows/plan.h"

namespace settle::sim {

/// Whether an action's own condition is known to hold, or depends on an answer.
enum class When : std::uint8_t { none, holds, fails, open };

struct Sketch;

/// What a run of flow.assert demands of what an earlier action answered; without `of`, of the plan's input.
struct Demand {
  enum class Kind : std::uint8_t { equals, differs, exists };
  Kind kind = Kind::equals;
  std::optional<std::size_t> of;
  std::string member;
  Json expected;
};

/// What a run asks one of Settle's own tools to do.
struct FlowCall {
  std::optional<Duration> wait;        ///< flow.sleep: for; flow.wait_signal: its timeout
  std::optional<Time> until;           ///< flow.sleep
  std::string signal;                  ///< flow.wait_signal
  Demand demand;                       ///< flow.assert
  std::shared_ptr<const Sketch> plan;  ///< flow.run_plan
  std::uint32_t approvers = 1;         ///< flow.approve; it expires after `wait`
};

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
  std::string shared_record;           ///< run_name of an earlier action that writes the same record, in mode natural
  std::optional<Json> seen;            ///< a reference that goes into the input
  std::optional<SimRule> rule;         ///< the plan's own, of the action's own call; it loosens nothing
  std::map<CallRole, FlowCall> flows;  ///< of each role whose tool is one of Settle's own

  /// What undoes a run of this role; null: nothing does.
  const SimTool* undoing_of(CallRole role) const {
    return role == CallRole::main ? compensate : role == CallRole::fallback ? compensate_fallback : nullptr;
  }
  /// Whose agreement a call of this role needs, by tool and plan together.
  std::vector<SimRule> rules_of(CallRole role) const;
  const SimTool& tool_of(CallRole role) const { return *given(role); }
  bool has(CallRole role) const { return given(role) != nullptr; }
  const SimTool* given(CallRole role) const {
    const SimTool* tools[] = {tool, fallback, compensate, compensate_fallback};
    return tools[static_cast<std::size_t>(role)];
  }
};

/// A plan as it is drawn.
struct Sketch {
  std::string id;  ///< of its workflow
  OnFailure on_failure = OnFailure::stop;
  std::optional<Duration> deadline;
  std::vector<SketchAction> actions;

  bool is_child = false;  ///< run by flow.run_plan: its `/input/of` stands for its id, which nobody knows before

  /// What tells one run from the others of its workflow.
  std::string run_name(std::size_t action, CallRole role, std::uint32_t element) const;
  Json document() const;
};

/// How often plans have what.
struct Likes {
  double lists = 0.2;
  double fallbacks = 0.35;
  bool in_turn = false;  ///< half of the lists go on one by one, over elements that failed
};

Sketch draw_sketch(Dice& dice, const std::string& id, const std::vector<SimTool>& writers,
                   const std::vector<SimTool>& readers, const Likes& likes);

}  // namespace settle::sim
