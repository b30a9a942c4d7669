#pragma once

#include <string_view>

#include "api/http/message.h"
#include "base/error.h"

namespace settle {

/// problem_response() with a status of its own, for refusals that HTTP tells apart more finely than ErrorCode does.
HttpResponse problem_response(const Error& error, int status, std::string_view request_id);

}  // namespace settle
