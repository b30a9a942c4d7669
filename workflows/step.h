#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "workflows/call.h"
#include "workflows/state.h"

namespace settle {

/// The time and the dice of one step, injected, so that the core reads no clock and a run can be repeated.
struct Moment {
  Time now{};
  std::uint64_t entropy = 0;  ///< for jitter only
};

/// One line of a workflow's history. `data` is small.
struct HistoryEvent {
  std::string type;  ///< "action.executed", …; docs/events.md lists them
  std::optional<ActionIndex> action;
  Json data;
};

/// A call that is to be made. It leaves when the commit of its transition is durable; a safe read may leave at once.
struct CallEffect {
  ActionIndex action = 0;
  std::uint32_t number = 0;  ///< fence: comes back with the answer
  Call call;
  bool at_once = false;  ///< safe: waits for no commit
};

struct IssuedReceipt {
  ActionIndex action = 0;
  std::uint32_t number = 0;
  Json document;
};

/// What a step changed and what follows from it. Everything here is to be committed in one batch; then the effects
/// leave.
struct Transition {
  bool changed = false;
  std::vector<ActionIndex> actions;      ///< changed, ascending, no repeats
  std::vector<ActionIndex> new_inputs;   ///< actions whose resolved input is new
  std::vector<ActionIndex> new_outputs;  ///< actions whose output is new
  std::vector<HistoryEvent> history;
  std::vector<IssuedReceipt> receipts;
  std::vector<CallEffect> calls;
};

/// The core. Each function takes the workflow's state by reference, changes it and says what follows; given the same
/// state, event and moment it does the same. No I/O, no clock, no randomness. An event that the table of legal pairs
/// (state.h) or a fence refuses changes nothing: `changed` is false. Thread: the one that owns the workflow.

/// A new workflow begins: `workflow` holds header and plan; the rest is made here.
Transition start_workflow(Workflow& workflow, const Moment& moment);

/// Call `number` of an action ended.
Transition on_answer(Workflow& workflow, ActionIndex action, std::uint32_t number, Outcome outcome,
                     const Moment& moment);

/// Time has passed: everything that is due at `moment.now` happens.
Transition on_timer(Workflow& workflow, const Moment& moment);

/// The workflow was loaded after a crash or a stop: what was under way becomes a question to the outside.
Transition on_restart(Workflow& workflow, const Moment& moment);

/// No new send and no resend; what is unclear is still looked at.
Transition on_cancel(Workflow& workflow, const Moment& moment);

}  // namespace settle
