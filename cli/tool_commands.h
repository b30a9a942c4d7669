#pragma once

#include "cli/client_commands.h"

namespace settle {

// The commands of `settle tools` beyond ls, get and put. Each returns the exit code of the process; see
// client_commands.h.

/// Looks at documents without a server. 0: nothing wrong (warnings aside); 3: errors, or warnings with `strict`; else
/// the code of a file that can't be read.
int lint_tools(Client& client, const ToolsOptions& options);
/// What two documents differ in, and what that means. 0; with `strict` 1 when a change is breaking or weaker.
int diff_tools(Client& client, const ToolsOptions& options);
int export_tools(Client& client, const ToolsOptions& options);
int tool_versions(Client& client, const ToolsOptions& options);
int enable_tool(Client& client, const ToolsOptions& options, bool enabled);

constexpr int kExitWeaker = 1;  ///< tools diff --strict: a change breaks plans or weakens a promise

}  // namespace settle
