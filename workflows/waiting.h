#pragma once

#include <string>

#include "workflows/step.h"

namespace settle {

// What runs of Settle's own tools wait for, and those that a limit holds back, from state alone. Pure. Thread: any.

/// Id of the workflow that this run of flow.run_plan runs: "wf_" and the idempotency key of the run.
std::string child_id(const Workflow& workflow, ActionIndex run);
std::string child_id(std::string_view name_space, std::string_view workflow, std::string_view action,
                     const ActionState& run);

/// {"until": TIME}, {"signal": NAME}, {"workflow": ID, "attention": BOOL} or {"limit": NAME, "tool": NAME, "since":
/// TIME, "until": TIME} or {"approval": ID, "approvers": N, "approved": N, "since": TIME, "until": TIME or null,
/// "escalated": BOOL}; null where the run waits for none of them.
Json waits_for(const Workflow& workflow, ActionIndex run);

/// What a workflow that has ended tells the one that ran it. The confidence is that of its weakest action; the effect
/// is `none` only if nothing of it may have happened.
ChildEnd child_end_of(const Workflow& workflow);

/// The weaker of two confidences: what a whole can claim is what its weakest part can.
Confidence weaker(Confidence a, Confidence b);

}  // namespace settle
