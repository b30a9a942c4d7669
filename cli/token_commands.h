#pragma once

#include "cli/client_commands.h"

namespace settle {

// The commands of `settle token`. Each returns the exit code of the process; see client_commands.h.

/// Prints the new token alone on `out`, what is known of it on `err`. Sent once: after a lost answer there may be a
/// token that nobody has.
int create_token(Client& client, const TokenOptions& options);
int list_tokens(Client& client);
int revoke_token(Client& client, const TokenOptions& options);

}  // namespace settle
