#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "workflows/call.h"
#include "workflows/state.h"

namespace settle {

/// The limits of tools, as the core sees them.
class Gate {
 public:
  virtual ~Gate() = default;
  /// May one more call of the tool leave now? `none`: yes, and the permit belongs to the call that this step issues.
  /// Else the limit that stands in the way; the run then waits in the tool's line (Transition::gates).
  virtual Limit enter(const std::string& name_space, const Tool& tool, ActionIndex run, Time now) = 0;
};

/// The time and the dice of one step, injected, so that the core reads no clock and a run can be repeated.
struct Moment {
  Time now{};
  std::uint64_t entropy = 0;  ///< for jitter only
  Gate* gate = nullptr;       ///< asked for tools with a rate_limit only; null: everything passes
  Time leapt = Time::min();   ///< the wall clock has leapt ahead: whatever was stored before is not as old as it seems
  /// The newest receipt that was handed to the store. One with a greater number is left out when its action issues
  /// another, which takes its number (CONTRACT §5).
  std::uint32_t receipts_taken = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t calls_max = 0;  ///< no action starts while so many calls of the workflow are under way; 0: no limit
};

/// One line of a workflow's history. `data` is small.
struct HistoryEvent {
  std::string type;  ///< "action.executed", …; docs/events.md lists them
  std::optional<ActionIndex> action;
  Json data;
  Time at{};
};

/// The id that the event with this number has outside: unique in its namespace, for ever.
std::string event_id(std::string_view workflow, std::uint32_t seq);

/// A call that is to be made. It leaves when the commit of its transition is durable; a safe read may leave at once.
struct CallEffect {
  ActionIndex action = 0;
  std::uint32_t number = 0;  ///< fence: comes back with the answer
  Call call;
  bool at_once = false;  ///< safe: waits for no commit
  bool permit = false;   ///< goes with a permit of its tool, to be given back when it has ended
  /// A repeat under a key: once this has passed, the provider may have forgotten the key before the call is over, so it
  /// must not leave any more (a slow disk can hold an intent back for long) and ends not_sent ("intent_expired").
  std::optional<Time> leave_by = std::nullopt;
};

/// A workflow that flow.run_plan has to have: to be begun where it is not there yet, or to be cancelled. Its end comes
/// back as on_child_ended. It leaves when the commit of its transition is durable.
struct ChildEffect {
  ActionIndex action = 0;
  std::string child;  ///< its id
  bool cancel = false;
};

/// What a workflow that ran for another one has to say about its end.
struct ChildEnd {
  enum class How : std::uint8_t {
    ended,
    refused,  ///< it was not begun: `code` says why
    absent,   ///< it was to be cancelled, and was never begun
  };
  How how = How::ended;
  WorkflowOutcome outcome = WorkflowOutcome::none;
  Effect effect = Effect::none;
  Confidence confidence = Confidence::none;
  bool ran_others = false;  ///< what those have done since nobody can tell from here
  std::string code = {};
  std::string message = {};
};

/// A signal as it comes in.
struct Signal {
  std::string name;
  std::shared_ptr<const Json> payload;  ///< never null: JSON null where none came
  std::string key;
  std::string digest;
  std::size_t bytes = 0;  ///< of the payload's canonical form
};

/// A receipt to be written from the state that is committed (workflows/receipt.h).
struct IssuedReceipt {
  ActionIndex action = 0;
  std::uint32_t number = 0;
  std::uint32_t supersedes = 0;  ///< 0: none
  Time at{};
};

/// A request for approval as a step has left it.
struct ApprovalChange {
  ActionIndex run = 0;
  ApprovalRequest request;
};

/// What a step changed and what follows from it. Everything here is to be committed in one batch; then the effects
/// leave.
struct Transition {
  bool changed = false;
  std::vector<ActionIndex> actions;      ///< changed, ascending, no repeats; without elements that are fresh (state.h)
  std::vector<ActionIndex> new_inputs;   ///< actions whose resolved input is new
  std::vector<ActionIndex> new_outputs;  ///< actions whose output is new
  std::vector<ActionIndex> old_inputs;   ///< runs that begin anew: what is stored goes
  std::vector<ActionIndex> old_outputs;
  std::vector<ActionIndex> new_befores;  ///< actions whose look before the first send is new
  std::vector<HistoryEvent> history;
  std::vector<IssuedReceipt> receipts;
  std::vector<CallEffect> calls;
  std::vector<ChildEffect> children;
  std::vector<ApprovalChange>
      approvals;                       ///< requests that are new or changed, in the order of time; the last one counts
  std::vector<std::uint32_t> signals;  ///< new or taken, by their index in the workflow; ascending, no repeats
  /// Runs that began or ceased to wait for a permit, in the order of time; what counts is the stage that they are in.
  std::vector<ActionIndex> gates;
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

/// A permit of its tool is there for a run that waits for one: the gate of this moment lets it pass. When the call is
/// not issued all the same, whoever gave the permit takes it back.
Transition on_permit(Workflow& workflow, ActionIndex run, const Moment& moment);

/// No new send and no resend; what is unclear is still looked at.
Transition on_cancel(Workflow& workflow, const Moment& moment);

/// Nothing is sent until on_resume(); answers, looks, read-backs and time limits go on. Nothing changes when it is
/// paused already, is being cancelled or has ended.
Transition on_pause(Workflow& workflow, const Moment& moment);
/// What was held back is sent now. Nothing changes when it is not paused.
Transition on_resume(Workflow& workflow, const Moment& moment);

/// What an operator says about a run that waits for a person.
struct Resolution {
  bool happened = false;
  std::string who;                            ///< a person, as they name themselves
  std::string seen;                           ///< what that rests on
  std::optional<std::string> record_id = {};  ///< happened: of the record that was seen
  std::optional<Json> output = {};            ///< happened: what the tool would have answered
  bool verify = true;                         ///< happened: false where nothing can be read back
  bool send_again = false;                    ///< did not happen: send it once more instead of failing
  std::string by = {};                        ///< name of the token that it came with
};
/// An operator settles what is in doubt, unverified, or failed with an effect before its fallback (CONTRACT §6). What
/// happened is executed and then read back as always, never straight verified. Errors: wrong_state (the run waits for
/// no person, or may not be sent again), invalid_argument (with places in the request).
Result<Transition> on_resolve(Workflow& workflow, ActionIndex run, Resolution resolution, const Moment& moment);
/// The runs of an action that wait for a person.
std::vector<ActionIndex> parked_runs(const Workflow& workflow, ActionIndex planned);

/// What somebody says to a request for approval.
struct Verdict {
  bool approve = false;
  std::string who;     ///< a person, as the caller knows them
  std::string reason;  ///< needed for a rejection
  std::string digest;  ///< of what they were shown
};
/// Somebody approves or rejects what this run, which has a request, is about to send. The same word of the same person
/// again changes nothing. A rejection ends the run as failed (`approval_rejected`). Errors: approval_changed (another
/// digest was shown), wrong_state (expired, decided or withdrawn; or the person has spoken already), forbidden (who
/// submitted the workflow can't approve it).
Result<Transition> on_decide(Workflow& workflow, ActionIndex run, const Verdict& verdict, const Moment& moment);
/// The run whose latest request has this id, or null.
std::optional<ActionIndex> run_of_approval(const Workflow& workflow, std::string_view id);

/// A workflow that ended failed runs again, from what failed and what was cancelled by that; of one that was undone,
/// only what could not be undone. What may have happened is looked at, not sent. `plan` is the same document with other
/// tool versions; null: with those that it has. Errors: wrong_state (it did not end failed, or is undone whole).
Result<Transition> on_retry(Workflow& workflow, std::shared_ptr<const Plan> plan, const Moment& moment);

/// A signal is delivered: it stays for whoever asks for it first, or ends a wait at once. Repeats and limits are the
/// caller's matter.
Transition on_signal(Workflow& workflow, Signal signal, const Moment& moment);

/// The workflow `child`, which this run waits for, has ended.
Transition on_child_ended(Workflow& workflow, ActionIndex run, const std::string& child, const ChildEnd& end,
                          const Moment& moment);

/// The workflow `child` waits for a person, or no longer.
Transition on_child_attention(Workflow& workflow, ActionIndex run, const std::string& child, bool attention,
                              const Moment& moment);

}  // namespace settle
