#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "workflows/state.h"

namespace settle {

/// Id of the n-th receipt of a workflow (from 1): "rcp_" + workflow id + "." + n. Unique within a namespace.
std::string receipt_id(std::string_view workflow, std::uint32_t number);

/// Workflow id and number, or null when `id` is no receipt id.
std::optional<std::pair<std::string, std::uint32_t>> parse_receipt_id(std::string_view id);

/// A stored receipt, whose bytes are our own. Errors: malformed_json.
Result<Json> read_receipt(std::string_view bytes);

/// The word of a person, as receipts and workflow documents show it.
Json operator_document(const OperatorWord& word);

/// The canonical form of the receipt (CONTRACT §5) that states what is known about an action at `now`. Written from
/// state alone. `supersedes` is the number of the receipt before it, 0 for none.
std::string receipt_bytes(const Workflow& workflow, ActionIndex index, std::uint32_t number, std::uint32_t supersedes,
                          Time now);

}  // namespace settle
