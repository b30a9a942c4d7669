#pragma once

#include <string>

#include "cli/client_commands.h"

namespace settle {

/// `verb` is cancel, pause, resume or retry: of the workflow with the id, or of all that fit the filter. Many are asked
/// about first, and only a person at a terminal is asked: elsewhere nothing is done without `yes`. Returns the exit
/// code: that of wrong_state when some of many were refused.
int operate(Client& client, const std::string& verb, const OperateOptions& options);

/// Says what became of an action that waits for a person. Sent once: a repeat could meet a newer doubt.
int resolve(Client& client, const ResolveOptions& options);

}  // namespace settle
