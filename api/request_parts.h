#pragma once

#include <string>
#include <vector>

#include "api/http/server.h"
#include "base/json.h"
#include "workflows/plan.h"

namespace settle {

/// The Idempotency-Key of a request, bare or as the quoted string of the IETF draft; empty when there is none. Errors:
/// invalid_argument.
Result<std::string> idempotency_key_of(const HttpRequest& request);
inline constexpr std::size_t idempotency_key_bytes_max = 255;

/// The ETag of a workflow's document: its version, quoted.
std::string etag_of(std::uint32_t version);

}  // namespace settle
