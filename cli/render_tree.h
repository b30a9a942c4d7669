#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "cli/terminal.h"

namespace settle {

/// A workflow as a tree: every action once, below the dependency that stands deepest; its other dependencies are named
/// beside it. Columns: id, tool, state (phase), attempts, time taken, record id, confidence; errors on lines of their
/// own. Pure. Deep chains stop moving to the right at a fixed depth and name their dependency instead.
std::vector<Line> lay_out_workflow(const Json& workflow, const View& view);
std::string render_workflow(const Json& workflow, const View& view);

/// `lines` for a terminal of view.lines rows that is redrawn: what does not fit is replaced by one line that says so.
std::vector<Line> fit_height(std::vector<Line> lines, const View& view);

}  // namespace settle
