#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace settle {

// Small files that nobody but the owner of the process may read.

/// Puts `line` and a line end into `file`; both are on the disk when this returns. Under its name there is never a part
/// of it. False: something stands there already, and was left alone. Errors: io_error.
Result<bool> make_private_file(const std::string& file, const std::string& line);

/// The one line of such a file, which is seen to be on the disk: an earlier start may have been cut off. Null: it is
/// none of the owner's alone. Errors: io_error (also: it is not there).
Result<std::optional<std::string>> read_private_file(const std::string& file);

}  // namespace settle
