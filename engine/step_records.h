#pragma once

#include <optional>

#include "engine/kept_bytes.h"
#include "storage/store.h"
#include "workflows/step.h"

namespace settle {

/// When a restart has to take the workflow up: at once while a call or a workflow of its own is under way, or a permit
/// is waited for (its creation, so that the queue stays in order of time), at its next timer, or never (it waits for a
/// person, or has ended and is not looked at again).
std::optional<Time> due_of(const Workflow& workflow);

/// Two steps of one workflow, one after the other, as one. Gates are left out: they have been seen to by then.
void merge(Transition& into, Transition&& next);

/// The records of docs/formats/records.md that a step changes, as the workflow is now: state, history, receipts and
/// listing. The entry in `due` is the caller's. `kept`: before the step, and then after it.
void write_step(const Workflow& workflow, const Transition& transition, const std::optional<Time>& due, KeptBytes& kept,
                WriteBatch& batch);

}  // namespace settle
