#pragma once

#include "cli/client_commands.h"

namespace settle {

/// Lists requests for approval, or shows one in full.
int approvals(Client& client, const ApprovalsOptions& options);

/// Approves or rejects one, for what was looked at: the digest that was given, or that of what is shown here to a
/// person who says yes to it. A rejection needs no look.
int decide(Client& client, const DecideOptions& options, bool approve);

}  // namespace settle
