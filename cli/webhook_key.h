#pragma once

#include <string>

#include "base/result.h"

namespace settle {

/// Where the key stands from which secrets of webhooks are made.
std::string webhook_key_file(const std::string& data_folder);

/// The key in `file`, 32 bytes: made at the first start, for the owner's eyes alone. Without it subscriptions with a
/// secret of Settle's own can't be signed, so it belongs into a backup, apart from the store. Errors: io_error,
/// configuration (what is there is no key, or not the owner's alone).
Result<std::string> keep_webhook_key(const std::string& file);

}  // namespace settle
