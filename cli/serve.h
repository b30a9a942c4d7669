#pragma once

#include "cli/commands.h"

namespace settle {

/// Runs the engine until SIGTERM or SIGINT; the composition root. Returns the exit code of the process.
int serve(const ServeOptions& options);

/// Reads the store of a stopped or running engine without the server.
int inspect(const InspectOptions& options);

}  // namespace settle
