#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/engine.h"

namespace settle {

/// The filters of a listing, by name: those of GET /v1/workflows and of operations on many workflows.
inline constexpr std::string_view list_filters[] = {"status", "outcome", "attention",     "name",
                                                    "label",  "tool",    "created_after", "created_before"};

/// Reads the filters; `value` gives the text of one, or null. Errors: invalid_argument, naming the first that is wrong.
Result<ListQuery> read_list_query(const std::function<const std::string*(std::string_view)>& value);

}  // namespace settle
