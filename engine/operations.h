#pragma once

#include <optional>
#include <string>

#include "engine/engine.h"

namespace settle {

// What a person may ask of a workflow, for Engine::operate(). Errors: wrong_state where the workflow is not in a state
// that allows it; asking again for what is so already changes nothing and is no error. Thread: any.

Shard::Operation cancel_operation();
Shard::Operation pause_operation();
Shard::Operation resume_operation();

/// With `latest` the workflow moves to the newest enabled versions of its tools, after the whole static check of its
/// plan. Errors besides: invalid_plan.
Shard::Operation retry_operation(const Engine& engine, std::string name_space, bool latest);

/// What an operator says of one run of an action. Element and role are needed where several runs wait.
struct ResolveRequest {
  std::string action;
  std::optional<std::uint32_t> element;
  std::optional<CallRole> role;
  std::optional<std::uint32_t> attempt;  ///< sends that the person knows of; a run that was sent again is refused
  Resolution resolution;
};
/// Errors besides: not_found (there is no such action), invalid_argument (see on_resolve).
Shard::Operation resolve_operation(ResolveRequest request);

}  // namespace settle
