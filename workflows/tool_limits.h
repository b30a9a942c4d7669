#pragma once

#include <vector>

#include "workflows/fields.h"
#include "workflows/tool.h"

namespace settle {

// How much a provider takes, and what its "not now" means: two members of a tool document. What is wrong is noted.

/// `rate_limit`; without it there is no limit.
RateLimit read_rate_limit(Fields& tool, std::vector<Problem>& problems);
/// `not_processed`; 429 and 503 without it.
std::vector<int> read_not_processed(Fields& tool, std::vector<Problem>& problems);

}  // namespace settle
