#pragma once

#include <string>
#include <vector>

#include "workflows/fields.h"
#include "workflows/plan.h"

namespace settle {

// The parts of the static check (plan.h). Internal to the room.

/// Reads the document: every member by name, tools found, policies tightened, templates compiled; who needs whom is
/// filled in from `after` and from the references. What is wrong is appended to `problems`.
Plan read_plan(const Json& document, const ToolOf& tools, const std::vector<std::string>& tool_names,
               const PlanLimits& limits, std::vector<Problem>& problems);

/// The members of a call of one of Settle's own tools; `fields` is the call, whose "tool" was taken.
void read_builtin_call(Fields& fields, const std::string& tool, PlannedCall& call, std::vector<Problem>& problems);

/// Refuses to undo what changes nothing, and to undo by what changes nothing.
void check_undoing(Fields& fields, const PlannedCall& done, const Rare<PlannedCall>& undoing);

/// What the check of a plan needs besides its document.
struct PlanCheck {
  const ToolOf& tools;
  const std::vector<std::string>& tool_names;
  PlanLimits limits;
};
/// The input that a child gets in place of its own, as far as it is known; `unknown` are pointers from "/input" on.
struct KnownInput {
  Json value;
  std::vector<Pointer> unknown;
};
/// The whole check of a plan, and of those inside of it.
Plan check_whole(const Json& document, const PlanCheck& with, const KnownInput* input, std::vector<Problem>& problems,
                 std::vector<Problem>& warnings);
/// The plans that actions of `plan` run with flow.run_plan, each as a whole.
void check_children(const Plan& plan, const PlanCheck& with, std::vector<Problem>& problems,
                    std::vector<Problem>& warnings);

/// Whether a place of `/input` is known only when the plan starts.
bool is_unknown_input(const Plan& plan, const std::vector<std::string>& tokens);
/// `/input` as far as it is known, for Template::resolve_known.
void add_known_input(const Plan& plan, Scope& scope);

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
