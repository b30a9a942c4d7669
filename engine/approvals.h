#pragma once

#include <optional>
#include <string>

#include "engine/engine.h"

namespace settle {

// Requests for approval: what the index holds of them, and what people see. Thread: any.

/// All of a request: what will be sent, where it goes, why and whom it asks, what was said. A line of a list is the
/// same without `input`, `call` and `why`.
Json approval_document(const Workflow& workflow, ActionIndex run, const ApprovalRequest& request);

/// What becomes of a request in the index, in the batch of the step that changes it.
void put_approval(const Workflow& workflow, const ApprovalChange& change, WriteBatch& batch);

/// Applies what somebody says to the request with this id. Errors: not_found, those of on_decide().
Shard::Operation decide_operation(std::string id, Verdict verdict);

}  // namespace settle
