#pragma once

#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace settle {

/// A problem as it stands in `errors` and `warnings` of the API's documents: {pointer, code, expected, got, message}
/// and, where there is one, suggestion. Thread: any.
Json problem_document(const Problem& problem);
Json problem_documents(const std::vector<Problem>& problems);

}  // namespace settle
