#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "workflows/approval.h"
#include "workflows/plan.h"

namespace settle {

/// Where an action is in its life. `state` and `phase` of the contract are read off it (state_of, phase_of); what the
/// engine has to do next is read off it too (effects of a restart). Stored by number: never renumber.
enum class Stage : std::uint8_t {
  blocked = 0,             ///< waits for other actions
  sending = 1,             ///< the intent is written; a call is or may be under way
  backing_off = 2,         ///< will be sent (again) at wake_at
  looking = 3,             ///< in doubt: a look-up is under way
  look_wait = 4,           ///< in doubt: the next look-up is at wake_at
  settling = 5,            ///< in doubt: a read-back is under way
  settle_wait = 6,         ///< in doubt: the next read-back is at wake_at
  in_doubt = 7,            ///< in doubt, and nothing more can be learned without a person
  reading = 8,             ///< executed: a read-back is under way
  read_wait = 9,           ///< executed: the next read-back is at wake_at
  unverified = 10,         ///< executed, and the read-back could not be read
  executed = 11,           ///< done: nothing can verify it, and its tool says so
  verified = 12,           ///< done
  failed = 13,             ///< done
  skipped = 14,            ///< done, by its own `when`
  cancelled = 15,          ///< done, never sent or known not to have happened
  gathering = 16,          ///< a `for_each`: its elements are under way
  fallback_held = 17,      ///< failed with an effect, so its fallback waits for a person
  ready = 18,              ///< could start, but the workflow is paused
  waiting = 19,            ///< a tool of Settle's own waits: until wake_at, for a signal or for a workflow (waits_for)
  gated = 20,              ///< the tool's limits let no more calls through; will be sent with a permit, until wake_at
  before_reading = 21,     ///< the look before the first send is under way
  before_wait = 22,        ///< that look is taken again at wake_at
  rechecking = 23,         ///< verified: a look long after is under way
  revived = 24,            ///< its workflow is retried, and something of it may be there: waits for its turn
  awaiting_approval = 25,  ///< will be sent when enough people agree, until wake_at (or without end: escalated)
};
inline constexpr std::size_t stage_count = 26;

/// What can happen to an action.
enum class EventKind : std::uint8_t {
  start,
  answer,
  timer,
  restart,
  cancel,
  resolve,  ///< an operator says what happened
  retry,    ///< of the whole workflow, after it failed
  signal,   ///< a signal came that the action may wait for
  child,    ///< a workflow that the action began has ended
  permit,   ///< the tool's limits let one more call through
  decide,   ///< somebody approves or rejects what is to be sent
};
inline constexpr std::size_t event_kind_count = 11;

/// The events of one row of the table.
using LegalEvents = std::array<bool, event_kind_count>;
constexpr LegalEvents legal(std::initializer_list<EventKind> kinds) {
  LegalEvents row{};
  for (const EventKind kind : kinds) row[static_cast<std::size_t>(kind)] = true;
  return row;
}

/// The legal pairs; read by step(), by the drawing in docs/lifecycle.md and by the exhaustive test. Everything else is
/// refused without a change. (`restart` of a stage that waits for nothing, and `cancel` of a call under way, are legal
/// and change nothing.)
inline constexpr std::array<LegalEvents, stage_count> legal_events = {{
    /* blocked       */ legal({EventKind::start, EventKind::restart, EventKind::cancel}),
    /* sending       */ legal({EventKind::answer, EventKind::restart, EventKind::cancel}),
    /* backing_off   */ legal({EventKind::timer, EventKind::restart, EventKind::cancel}),
    /* looking       */ legal({EventKind::answer, EventKind::restart, EventKind::cancel}),
    /* look_wait     */ legal({EventKind::timer, EventKind::restart, EventKind::cancel}),
    /* settling      */ legal({EventKind::answer, EventKind::restart, EventKind::cancel}),
    /* settle_wait   */ legal({EventKind::timer, EventKind::restart, EventKind::cancel}),
    /* in_doubt      */ legal({EventKind::restart, EventKind::cancel, EventKind::resolve}),
    /* reading       */ legal({EventKind::answer, EventKind::restart, EventKind::cancel}),
    /* read_wait     */ legal({EventKind::timer, EventKind::restart, EventKind::cancel}),
    /* unverified    */ legal({EventKind::restart, EventKind::cancel, EventKind::resolve}),
    /* executed      */ legal({}),
    /* verified      */ legal({EventKind::timer}),
    /* failed        */ legal({EventKind::retry, EventKind::resolve}),
    /* skipped       */ legal({}),
    /* cancelled     */ legal({EventKind::retry}),
    /* gathering     */ legal({EventKind::restart, EventKind::cancel}),
    /* fallback_held */ legal({EventKind::restart, EventKind::cancel, EventKind::resolve}),
    /* ready         */ legal({EventKind::start, EventKind::restart, EventKind::cancel}),
    /* waiting       */
    legal({EventKind::timer, EventKind::restart, EventKind::cancel, EventKind::signal, EventKind::child}),
    /* gated         */ legal({EventKind::timer, EventKind::restart, EventKind::cancel, EventKind::permit}),
    /* before_reading */ legal({EventKind::answer, EventKind::restart, EventKind::cancel}),
    /* before_wait   */ legal({EventKind::timer, EventKind::restart, EventKind::cancel}),
    /* rechecking    */ legal({EventKind::answer, EventKind::restart, EventKind::cancel}),
    /* revived       */ legal({EventKind::start, EventKind::restart, EventKind::cancel}),
    /* awaiting_approval */ legal({EventKind::timer, EventKind::restart, EventKind::cancel, EventKind::decide}),
}};
constexpr bool is_legal(Stage stage, EventKind event) {
  return legal_events[static_cast<std::size_t>(stage)][static_cast<std::size_t>(event)];
}

/// Done, whether or not it is looked at again.
constexpr bool is_final(Stage stage) {
  return stage == Stage::executed || stage == Stage::verified || stage == Stage::failed || stage == Stage::skipped ||
         stage == Stage::cancelled || stage == Stage::rechecking;
}
constexpr bool is_parked(Stage stage) {
  return stage == Stage::in_doubt || stage == Stage::unverified || stage == Stage::fallback_held;
}
/// It can't go on by itself: a person has to see to it, or to agree.
constexpr bool awaits_person(Stage stage) {
  return is_parked(stage) || stage == Stage::awaiting_approval;
}
/// Dependents may start.
constexpr bool is_satisfied(Stage stage) {
  return stage == Stage::executed || stage == Stage::verified || stage == Stage::skipped || stage == Stage::rechecking;
}
/// Nothing of it was begun.
constexpr bool is_unstarted(Stage stage) {
  return stage == Stage::blocked || stage == Stage::ready;
}
/// Waits for others, or for its place among them.
constexpr bool waits_for_turn(Stage stage) {
  return stage == Stage::blocked || stage == Stage::revived;
}
/// A call is (or may be) under way.
constexpr bool is_calling(Stage stage) {
  return stage == Stage::sending || stage == Stage::looking || stage == Stage::settling || stage == Stage::reading ||
         stage == Stage::before_reading || stage == Stage::rechecking;
}

std::string_view name_of(Stage stage);
std::string_view name_of(EventKind kind);

enum class Effect : std::uint8_t { none, complete, partial, unknown };
std::string_view name_of(Effect effect);

enum class Confidence : std::uint8_t { none, acknowledged, response, read_back, lookup, state_match, operator_ };
std::string_view name_of(Confidence confidence);

/// Which limit of its tool a gated action waits for.
enum class Limit : std::uint8_t {
  none = 0,
  per_second = 1,
  concurrency = 2,
  retry_after = 3,  ///< the provider has told us to wait
};
std::string_view name_of(Limit limit);

/// Why an action is not (yet) done, or failed: a stable code and a sentence.
struct ActionError {
  std::string code;
  std::string message;
  friend bool operator==(const ActionError&, const ActionError&) = default;
};

/// What an operator said about a run that nobody else could tell about, and what that rests on.
struct OperatorWord {
  bool happened = false;
  std::string who;
  std::string seen;
  Time at{};
  std::string by = {};  ///< name of the token it came with; empty in words from before there were tokens
  friend bool operator==(const OperatorWord&, const OperatorWord&) = default;
};

/// How far a read-back is that takes several looks. Not stored: after a restart its first look is taken again.
struct LookPass {
  std::uint32_t next = 0;    ///< the look under way
  std::uint32_t absent = 0;  ///< looks that found no such record
  bool mismatch = false;
  bool pending = false;
  bool duplicate = false;
  bool early = false;  ///< one began before a match counts
  std::vector<CheckResult> checks;
};

/// All that is known about one run of an action: the action itself, one element of its `for_each`, its fallback or its
/// compensation. Stored whole at every change, but for an `input` and `output` that are large: those are stored once.
struct ActionState {
  ActionIndex planned = 0;  ///< the action of the plan
  CallRole role = CallRole::main;
  std::optional<std::uint32_t> element;  ///< of the `for_each`
  ActionIndex parent = 0;      ///< of an element its action, of a fallback what it stands in for, else what it undoes
  ActionIndex fallback = 0;    ///< the run of the fallback, once it was begun; 0: none (0 is never a fallback)
  std::uint32_t elements = 0;  ///< of a `for_each` that has begun: runs first_element … + elements
  ActionIndex first_element = 0;
  ActionIndex idle_fallback = 0;  ///< a fallback that was begun before a :retry and is not needed yet; 0: none

  Stage stage = Stage::blocked;
  std::uint32_t attempt = 0;     ///< sends so far
  std::uint32_t counted = 0;     ///< sends that count against maximum_attempts (ambiguous ones)
  std::uint32_t backoffs = 0;    ///< consecutive waits, for the exponent
  std::uint32_t call = 0;        ///< fence: the number of the latest call; answers of older ones are ignored
  std::uint32_t generation = 0;  ///< of the idempotency key; raised by :retry only

  bool unclear = false;       ///< a send under this key did not end rejected or not sent, and nothing has settled it
  bool doubted = false;       ///< was ever unclear; decides the confidence
  bool adopted = false;       ///< the answer was found by a look-up
  bool throttled = false;     ///< backing off because the provider asked for it
  bool held = false;          ///< backing off because the workflow is paused
  bool call_write = false;    ///< the call under way may have a side effect
  Limit limit = Limit::none;  ///< of the latest time in which it was gated
  std::shared_ptr<const CallTarget> target;  ///< of the latest intent; null before the first

  MaybeTime wake_at;
  Time since{};            ///< the stage began
  MaybeTime scheduled_at;  ///< could start: all it needs was there
  MaybeTime first_send_at;
  MaybeTime closed_at;  ///< our side of the latest unclear send closed
  MaybeTime executed_at;
  MaybeTime verified_at;
  MaybeTime observed_at;  ///< the latest look that could be read
  MaybeTime looks_from;   ///< looking was begun anew: `within` counts from here

  int status_code = 0;  ///< of the tool's answer
  Rare<std::string> record_id;
  Rare<ActionError> error;    ///< the latest; final when the stage is failed
  Rare<ActionError> refusal;  ///< a repeated send was refused: what it said
  Effect effect = Effect::none;
  Confidence confidence = Confidence::none;
  std::vector<CheckResult> checks;   ///< of the latest look that could be read
  std::uint32_t receipt = 0;         ///< number of the latest receipt; 0: none
  std::uint32_t receipt_before = 0;  ///< that it supersedes; known only until it is stored
  Rare<OperatorWord> word;           ///< the latest

  bool child_attention = false;  ///< it waits for a workflow that waits for a person

  std::shared_ptr<const Json> input;   ///< resolved; null until it could start
  std::shared_ptr<const Json> output;  ///< the tool's answer; null until executed

  std::shared_ptr<const Json> before;  ///< what the look before the first send saw; null until it was taken
  MaybeTime before_at;                 ///< when that was
  std::uint32_t rechecks = 0;          ///< looks long after that are over
  MaybeTime recheck_since;             ///< the one under way began
  bool recheck_failed = false;         ///< what was verified no longer holds, and nobody has seen to it

  bool recorded = false;  ///< it has a record; until something happens to it, it needs none (fresh_action)

  std::uint32_t approval_requests = 0;              ///< so far
  Rare<ApprovalRequest> approval;                   ///< the latest; null when a retry has voided it
  std::vector<ApprovalDecision> earlier_decisions;  ///< of requests before it under which it may have been sent
  LookPass pass;
};

/// What was verified no longer holds: a person has to see to it.
inline bool is_fallen(const ActionState& action) {
  return action.stage == Stage::failed && action.recheck_failed;
}

/// `paused` is only ever shown (shown_status); a paused workflow goes on in the status that it has.
enum class WorkflowStatus : std::uint8_t { running = 0, cancelling = 1, ended = 2, compensating = 3, paused = 4 };
std::string_view name_of(WorkflowStatus status);
enum class WorkflowOutcome : std::uint8_t { none = 0, verified = 1, executed = 2, failed = 3, cancelled = 4 };
std::string_view name_of(WorkflowOutcome outcome);

/// The action that runs a workflow with flow.run_plan.
struct ParentLink {
  std::string workflow;
  std::string action;   ///< its id, for people
  ActionIndex run = 0;  ///< which run of that workflow
  friend bool operator==(const ParentLink&, const ParentLink&) = default;
};

/// One signal that was delivered. Stored for good, so that a repeat is known as one.
struct SignalState {
  std::string name;
  std::shared_ptr<const Json> payload;
  std::string key;     ///< of the sender; empty: none
  std::string digest;  ///< of name and payload, to tell a repeat from another one with the same key
  Time received_at{};
  std::size_t bytes = 0;                ///< of the payload's canonical form
  std::optional<ActionIndex> taken_by;  ///< the run that took it
};

/// Everything that is stored about a workflow but its actions, its plan and its signals.
struct WorkflowHeader {
  std::string name_space = "default";
  std::string id;
  std::map<std::string, std::string> labels;
  std::string plan_digest;   ///< "sha256:…" of the plan's canonical form
  std::string body_digest;   ///< of the submission, for idempotent replay
  std::string submitted_by;  ///< who can't approve it; empty: not known. A child's is that of its parent
  WorkflowStatus status = WorkflowStatus::running;
  WorkflowOutcome outcome = WorkflowOutcome::none;
  bool attention = false;
  bool paused = false;  ///< nothing is sent; what is under way goes on
  Time created_at{};
  std::optional<Time> ended_at;
  std::optional<Time> deadline_at;  ///< of the plan
  bool expired = false;             ///< the deadline has passed, and what follows from that was done
  std::uint32_t version = 0;        ///< rises with every transition
  std::uint32_t events = 0;         ///< history events so far
  std::uint32_t receipts = 0;       ///< receipts so far
  std::uint32_t retries = 0;        ///< how often it was retried after it had failed
  std::uint32_t recorded = 0;       ///< runs that have a record
  std::optional<ParentLink> parent;
  std::uint32_t depth = 0;  ///< parents above
};
/// `status` of the contract.
WorkflowStatus shown_status(const WorkflowHeader& header);

/// How far the elements of one `for_each` are.
struct Gathering {
  ActionIndex next = 0;       ///< the first element that was not begun, or the end
  std::uint32_t running = 0;  ///< begun and not concluded
  std::uint32_t left = 0;     ///< not concluded
  std::uint32_t failed = 0;   ///< failed for good: without a fallback, or with it
  friend bool operator==(const Gathering&, const Gathering&) = default;
};

/// One workflow in memory. `derived` members follow from the rest (see derive()).
struct Workflow {
  WorkflowHeader header;
  std::shared_ptr<const Plan> plan;
  /// The actions of the plan in its order, then what was added while it ran: elements, fallbacks, compensations.
  std::vector<ActionState> actions;
  std::vector<SignalState> signals;  ///< in the order in which they came; the n-th has number n, from 1

  // derived
  std::vector<std::uint32_t> unmet;              ///< per action of the plan: needs that are not satisfied yet
  std::set<std::pair<Time, ActionIndex>> wakes;  ///< runs with wake_at, and the deadline (as deadline_wake)
  std::map<ActionIndex, Gathering> gatherings;   ///< each `for_each` under way
  std::uint32_t open = 0;                        ///< runs that are not final
  std::uint32_t parked = 0;    ///< runs that wait for a person (awaits_person), or for a workflow that does
  std::uint32_t fallen = 0;    ///< runs that no longer hold (is_fallen)
  std::uint32_t gated = 0;     ///< runs that wait for a permit
  std::uint32_t calling = 0;   ///< runs with a call under way
  std::uint32_t children = 0;  ///< runs that wait for a workflow
  std::set<ActionIndex> held;  ///< runs that may start, but for a pause or for too many calls under way
  std::uint32_t failed = 0;    ///< actions of the plan that failed for good: without a fallback, or with it

  static constexpr ActionIndex deadline_wake = UINT32_MAX;

  const PlanAction& action_of(ActionIndex run) const { return plan->actions[actions[run].planned]; }
  /// The call of this run: the action's own, its fallback's or the one that undoes either.
  const PlannedCall& call_of(ActionIndex run) const;
  /// Whether this run is a `for_each`, whose elements make the calls, and never calls anything itself.
  bool gathers(ActionIndex run) const {
    return actions[run].role == CallRole::main && !actions[run].element && action_of(run).for_each.has_value();
  }
  /// What counts for the action or element: its fallback's run, once that was begun.
  ActionIndex effective_run(ActionIndex run) const { return actions[run].fallback == 0 ? run : actions[run].fallback; }
  const ActionState& effective(ActionIndex run) const { return actions[effective_run(run)]; }

  bool waits_for_child(ActionIndex run) const;
  /// Nothing of this element is under way, nor was since the latest retry.
  bool awaits_turn(ActionIndex element) const {
    return !actions[element].scheduled_at && !is_final(effective(element).stage);
  }

  /// It can't go on, or is not what it was, without a person.
  bool needs_person() const { return parked + fallen > 0; }
  /// The earliest moment at which a timer is due, or null.
  std::optional<Time> next_wake() const {
    return wakes.empty() ? std::nullopt : std::optional<Time>(wakes.begin()->first);
  }
};

/// Computes the derived members after loading.
void derive(Workflow& workflow);

/// An action of the plan as the submission leaves it where it has to wait. As long as nothing has happened to it, it
/// has no record.
ActionState fresh_action(ActionIndex index, Time submitted);

/// Element `element` of a list as its beginning leaves it: ready to start, or waiting for its turn where the plan lets
/// fewer run at a time. `list` is the run that gathers, `planned` its action. As long as nothing has happened to an
/// element it has no record of its own, since the list's says all of this; that is true of the last ones of a list, as
/// they begin in order.
ActionState fresh_element(const PlanAction& planned, const ActionState& list, std::uint32_t element);
/// How many elements of a list may be under way at a time.
std::uint32_t parallel_of(const PlanAction& planned, const ActionState& list);

/// Lower-case base32hex of SHA-256(namespace, workflow, action, element index, role, generation), 32 characters
/// (CONTRACT §2). The parts are joined with a NUL byte each, which none of them can hold.
std::string idempotency_key(std::string_view name_space, std::string_view workflow, std::string_view action,
                            std::uint32_t element, std::string_view role, std::uint32_t generation);

/// `state` and `phase` of the contract; phase empty where there is none.
std::string_view state_of(Stage stage);
std::string_view phase_of(const ActionState& action);

}  // namespace settle
