#pragma once

#include <string>
#include <vector>

#include "workflows/plan.h"

namespace settle {

// The parts of the static check (plan.h). Internal to the room.

/// Reads the document: every member by name, tools found, policies tightened, templates compiled; who needs whom is
/// filled in from `after` and from the references. What is wrong is appended to `problems`.
Plan read_plan(const Json& document, const ToolOf& tools, const std::vector<std::string>& tool_names,
               const PlanLimits& limits, std::vector<Problem>& problems);

/// Follows every reference and compares what it gives with what is taken there.
void check_types(const Plan& plan, std::vector<Problem>& problems, std::vector<Problem>& warnings);

/// One problem names a cycle, if there is one. False then.
bool check_cycles(const Plan& plan, std::vector<Problem>& problems);

/// "/actions/3".
std::string action_place(std::size_t index);

/// `id` is no action of the plan.
Problem unknown_action(const Plan& plan, const std::string& where, const std::string& id);

/// The index of the action that /actions/ID/… of `source` names, or null.
std::optional<ActionIndex> referred_action(const Plan& plan, const Pointer& source);

/// Every reference whose value must be there when the action starts: of its input, its condition, its list and its
/// fallback. (A compensation comes later.)
std::vector<Template::Reference> references_at_start(const PlanAction& action);

}  // namespace settle
