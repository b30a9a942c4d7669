#pragma once

#include "tests/sim/sketch.h"

namespace settle::sim {

/// Levels of workflows below one that somebody submits.
inline constexpr std::size_t flow_depth_max = 3;

/// No wait that is drawn is longer.
inline constexpr Duration flow_wait_max{40'000};

/// The names for which plans wait, and one for which none does.
inline constexpr std::string_view signal_names[] = {"go", "ack", "odd"};
inline constexpr std::string_view unknown_signal = "never";

/// A signal that somebody sent.
struct SentSignal {
  std::string name, key;  ///< the key empty: none
  Json payload;
  friend bool operator==(const SentSignal&, const SentSignal&) = default;
};

/// What somebody said to a request for approval.
struct SentVerdict {
  std::string approval, who, digest;
  bool approve = false;
  std::string token = {};  ///< id of the one that was shown
  bool stood = false;      ///< it could be used when it was
};
/// Those who are asked, and who submits every second workflow.
inline constexpr std::string_view people[] = {"ann", "bob", "cem", "dan"};
inline constexpr std::string_view submitter = "planner";
/// Whose token has every scope but the approver's and the admin's, and who has that one.
inline constexpr std::string_view bystander = "eve";
inline constexpr std::string_view administrator = "root";
/// Who submits this workflow; of every second one nobody knows.
std::string submitter_of(std::string_view id);

/// One of Settle's own tools, as the oracles see it. They are not registered, and have no provider.
const SimTool& flow_tool(Builtin kind);
/// Which of them; not flow.run_plan where no plan may be nested any more.
Builtin draw_flow(Dice& dice, std::size_t depth);
/// What it is asked to do, but for the plan of flow.run_plan and for what flow.assert finds in answers.
FlowCall draw_flow_call(Dice& dice, Builtin kind);

/// Its input in the plan's document.
Json flow_input(const Sketch& sketch, std::size_t index, CallRole role);
/// The workflow's own name and what follows it: a text in the document.
Json named_in(const Sketch& sketch, const std::string& rest);
/// What a child sees at `/input/of`: its parent's name, and the run that it runs for.
std::string name_of_child(const std::string& parent, const SketchAction& action, CallRole role, std::uint32_t element);

}  // namespace settle::sim
