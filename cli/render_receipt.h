#pragma once

#include <string>

#include "base/json.h"
#include "cli/terminal.h"

namespace settle {

/// "GET /v1/workflows/{id}/receipts", one row each, in the order in which they were issued. Pure.
std::string render_receipts(const Json& list, const View& view);

/// One receipt in full, its checks one by one. Pure.
std::string render_receipt(const Json& receipt, const View& view);

}  // namespace settle
