#pragma once

#include "cli/client_commands.h"

namespace settle {

// The commands `settle token` and `settle audit`. Each returns the exit code of the process; see client_commands.h.

/// Prints the new token alone on `out`, what is known of it on `err`. Sent once: after a lost answer there may be a
/// token that nobody has.
int create_token(Client& client, const TokenOptions& options);
int list_tokens(Client& client);
int revoke_token(Client& client, const TokenOptions& options);

/// Who asked for what: all pages, or the first `limit` records.
int list_audit(Client& client, const AuditOptions& options);

}  // namespace settle
