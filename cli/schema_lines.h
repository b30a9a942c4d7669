#pragma once

#include <iosfwd>

#include "cli/options.h"

namespace settle {

/// `settle schema validate`: judges each line of `in`, {"schema": …, "instance": …}, and writes one line for it to
/// `out`. Compiled schemas are kept for the lines that follow, a bounded number of them. Returns the exit code; what
/// keeps it from beginning goes to `err`.
int validate_lines(const SchemaCommandOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace settle
