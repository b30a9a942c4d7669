#pragma once

#include <set>
#include <string>
#include <vector>

#include "workflows/tool.h"

namespace settle {

/// What is to be said about a tool document. An error keeps it from being registered; a warning is a promise that is
/// weaker than it could be, or a sign of a slip.
struct LintReport {
  std::string name;  ///< of the tool; empty where it has none
  std::vector<Problem> errors;
  std::vector<Problem> warnings;
};

/// Compiles the document and looks beyond. `values` are configured ones; a `${name}` that is not among them is taken to
/// be configured on the server, so that documents can be looked at without it. Codes: docs/codes.md. Pure.
LintReport lint_tool(const Json& document, Values values);

/// The names of all `${name}` in the document that `values` lack.
std::set<std::string> missing_values(const Json& document, const Values& values);

}  // namespace settle
