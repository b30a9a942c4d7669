#pragma once

#include <string>
#include <vector>

#include "api/http/server.h"
#include "base/json.h"
#include "workflows/plan.h"

namespace settle {

/// The one namespace of this version.
inline constexpr const char* api_name_space = "default";

/// The Idempotency-Key of a request, bare or as the quoted string of the IETF draft; empty when there is none. Errors:
/// invalid_argument.
Result<std::string> idempotency_key_of(const HttpRequest& request);

/// The ETag of a workflow's document: its version, quoted.
std::string etag_of(const Json& workflow);

/// What a plan that is accepted should still be told, at places of the plan: tools that are deprecated.
std::vector<Problem> deprecation_warnings(const Plan& plan);

/// [{pointer, code, expected, got, message}], as in a problem document.
Json problems_document(const std::vector<Problem>& problems);

}  // namespace settle
