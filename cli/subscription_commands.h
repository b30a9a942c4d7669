#pragma once

#include "cli/client_commands.h"

namespace settle {

// The commands `settle subscription`, `settle dead-letters` and `settle feed`. Each returns the exit code of the
// process; see client_commands.h.

/// Makes or changes one. A new secret stands alone on `out`, what is known of it on `err`. Sent once: after a lost
/// answer the secret can only be rotated.
int put_subscription(Client& client, const SubscriptionOptions& options);
int list_subscriptions(Client& client);
int show_subscription(Client& client, const SubscriptionOptions& options);
int delete_subscription(Client& client, const SubscriptionOptions& options);
/// `verb`: pause or resume.
int operate_subscription(Client& client, const std::string& verb, const SubscriptionOptions& options);
int rotate_secret(Client& client, const SubscriptionOptions& options);

int list_dead_letters(Client& client, const DeadLetterOptions& options);
int show_dead_letter(Client& client, const DeadLetterOptions& options);
/// `verb`: redrive or purge; one of them, or all.
int operate_dead_letters(Client& client, const std::string& verb, const DeadLetterOptions& options);

/// The events of the namespace, one JSON document a line; with `follow` it goes on when there are no more.
int show_feed(Client& client, const FeedOptions& options);

/// Whether anything goes by its age.
int show_retention(Client& client);
/// Agrees that the clock is right after it leapt ahead.
int release_retention(Client& client);

}  // namespace settle
