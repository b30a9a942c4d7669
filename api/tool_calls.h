#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/tool_formats.h"
#include "base/json.h"
#include "base/time.h"

namespace settle {

/// One tool call of a model, with the places of its parts in the body that it came in.
struct ModelToolCall {
  std::string id;      ///< as the model's provider gave it
  std::string name;    ///< as the model said it
  std::string tool;    ///< Settle's name of the tool; `name` itself where none is known
  std::string action;  ///< the id of its action
  Json input;
  std::string place;        ///< "/tool_calls/0", "/content/2"
  std::string input_place;  ///< of the arguments
  std::string name_place;
};

/// A body of POST /v1/plans:from_tool_calls, read.
struct ToolCallRequest {
  ToolFormat format = ToolFormat::openai;
  std::vector<ModelToolCall> calls;
  /// What the model did wrong, at its place in the body: arguments that are no JSON, an id that came twice.
  std::vector<Problem> problems;
  Json plan;    ///< null when there are problems
  Json labels;  ///< null: none
  std::string id;
  bool run = false;
  std::optional<Duration> wait;
};

/// Reads the body and makes the plan: one action for each call, in order, or all at once with "parallel". What the
/// model wrote is data: a "$from" in it refers to nothing. `known` are the names of all tools, `limits` those of the
/// arguments. Errors: invalid_argument with every problem at once, where the caller is wrong, not the model. Pure.
Result<ToolCallRequest> read_tool_calls(const Json& body, const std::vector<std::string>& known,
                                        const JsonLimits& limits);

/// The id of the workflow that runs these calls when the caller gives none: the same calls, the same id.
std::string workflow_id_of(const std::vector<ModelToolCall>& calls);

/// A legal action id for a call's id: itself where it is a name, else what is legal of it, "~" and 20 characters of its
/// SHA-256.
std::string action_id_of(std::string_view call);

/// Problems of a plan (of a submission: below "/plan"), moved to what the body said at their places.
std::vector<Problem> at_their_calls(std::vector<Problem> problems, const ToolCallRequest& request,
                                    const std::vector<std::string>& known);

}  // namespace settle
