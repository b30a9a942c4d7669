#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace settle {

/// The token of a client command: from the file that --token-file named, else SETTLE_TOKEN, else the file that
/// SETTLE_TOKEN_FILE names; empty: none. Never from the command line, which other users of the machine can read.
/// `environment` gives a variable, or null. Errors: io_error (the file can't be read), invalid_argument (it holds no
/// one line).
Result<std::string> client_token(const std::string& file, const std::function<const char*(const char*)>& environment);

}  // namespace settle
