#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/tool_calls.h"
#include "workflows/state.h"

namespace settle {

/// What the results of a workflow's actions are written from: {"workflow": its document, "calls": what its plan keeps
/// of the tool calls it was made from, or null, "outputs": […]}. For Engine::show.
Json tool_results_view(const Workflow& workflow);

/// The format in which the calls of the view came. Null: it was not made from tool calls.
std::optional<ToolFormat> format_of_view(const Json& view);

/// One message or block for each action of the view, in the order of the plan, that a model's provider takes as the
/// result of its call: OpenAI {"role": "tool", …}, Anthropic {"type": "tool_result", …}. Each holds, as JSON in a text,
/// what docs/api.md ("Tool results") describes. Nothing but verified and executed counts as done. `receipts` are the
/// canonical bytes of the workflow's receipts. Pure.
Json tool_results(const Json& view, ToolFormat format, const std::vector<std::string>& receipts);

/// The results of calls that were not run, because of these problems (at their places in the body).
Json refused_results(const ToolCallRequest& request, const std::vector<Problem>& problems);

}  // namespace settle
