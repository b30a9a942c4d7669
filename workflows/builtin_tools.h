#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "workflows/tool.h"

namespace settle {

/// Settle's own tools: `flow.sleep`, `flow.wait_signal`, `flow.run_plan`, `flow.assert`, `flow.approve` and
/// `flow.emit`. They make no call; the core does what they say (on_builtin.cc). Every namespace has them, in the one
/// version of this binary, so that an upgrade strands no workflow. Thread: any.

/// The longest `for`, `until`, `timeout` and `expires`.
inline constexpr Duration wait_max = std::chrono::hours(24 * 366);

/// "flow.…": a name that no tool document may take.
bool is_builtin_name(std::string_view name);
/// Null: there is none of that name.
std::shared_ptr<const Tool> builtin_tool(std::string_view name);
const std::vector<std::shared_ptr<const Tool>>& builtin_tools();

/// What is wrong with an input beyond its schema; the pointer is into the input. Members that are not there, or no text
/// (not known yet), are passed over; without `now` times are too. Null: nothing. Codes: input_duration, input_time,
/// input_too_large.
std::optional<Problem> builtin_input_problem(const Tool& tool, const Json& input, std::optional<Time> now);

/// Until when a run with this input waits, counted from `since`: of `for`, `until` or `timeout`. Null: without an end.
/// The input must have passed builtin_input_problem.
std::optional<Time> builtin_wait_end(const Json& input, Time since);

}  // namespace settle
