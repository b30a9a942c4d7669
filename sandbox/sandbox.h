#pragma once

#include <string>

#include "base/result.h"

namespace settle {

struct SandboxRunOptions {
  std::string listen = "127.0.0.1:8750";  ///< port 0 picks one
  std::string file = "sandbox.jsonl";     ///< the journal; made when it is not there
};

/// Serves the sandbox until SIGTERM or SIGINT, on the calling thread. Prints "sandbox listening on http://ADDRESS:PORT"
/// on standard output once it does. Durability: every answer to a write is given after its journal entry has reached
/// the disk. Errors: invalid_argument (address), in_use (another sandbox holds the file), corruption (line number in
/// the message), io_error (a failed write or sync also ends the service: nothing goes on over an unknown disk).
Result<void> run_sandbox(const SandboxRunOptions& options);

}  // namespace settle
