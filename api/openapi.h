#pragma once

#include <string>
#include <string_view>

namespace settle {

/// The OpenAPI 3.1 description of the HTTP API: the text of api/openapi.json, compiled in. Thread: any.
std::string_view openapi_document();

}  // namespace settle
