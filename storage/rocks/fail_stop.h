#pragma once

#include <string_view>

#include "base/error.h"

namespace settle {

/// Ends the process at once with the exit code of `code`, after one line on stderr: what was tried, where, and why it
/// failed. Nothing is unwound, flushed or retried: after a failed write nobody knows what the disk holds, and only a
/// recovery from what is really there may decide. Thread: any.
[[noreturn]] void fail_stop(std::string_view what, std::string_view where, std::string_view why,
                            ErrorCode code = ErrorCode::io_error);

}  // namespace settle
