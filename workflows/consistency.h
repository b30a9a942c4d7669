#pragma once

#include <optional>
#include <string>

#include "workflows/state.h"

namespace settle {

/// What is known of the plan of a stored workflow: all of it with its tools, or (for looking only) ids, names of tools
/// and which members an action has.
enum class PlanKnown : std::uint8_t { whole, outline };

/// What does not fit in a workflow that comes from the store, in words, or null. What passes has links that lead where
/// they should, in both directions, and stages that such runs can be in: derive(), the core and the documents can work
/// on it without meeting what they take for impossible. To be asked before derive(). Pure. Thread: any.
std::optional<std::string> inconsistency_of(const Workflow& workflow, PlanKnown known);

}  // namespace settle
