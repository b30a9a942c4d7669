#pragma once

#include <string>

#include "base/error.h"
#include "base/json.h"
#include "cli/terminal.h"

namespace settle {

/// A problem document (RFC 9457) for people: what was refused, then each error with its place, what was expected and
/// what came, then whether the same request may be sent again. Pure.
std::string render_problem(const Json& problem, const View& view);

/// One error or warning of a document, with its weight in front where they are mixed.
void add_problem(std::vector<Line>& lines, const Json& error, Style style, const std::string& weight = "");

/// The `warnings` of a document, one under the other; empty when there are none.
std::string render_warnings(const Json& document, const View& view);

/// An error of the client itself in the same form, and as the problem document that `--json` prints.
std::string render_error(const Error& error, const View& view);
Json problem_of(const Error& error);

/// The exit code for a problem document: by its `code`, else by the status of the response.
int exit_code_of(const Json& problem, int http_status);

}  // namespace settle
