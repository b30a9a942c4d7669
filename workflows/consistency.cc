#include "workflows/consistency.h"

#include <algorithm>
#include <set>

namespace settle {
namespace {

constexpr bool waits(Stage stage) {
  return stage == Stage::backing_off || stage == Stage::look_wait || stage == Stage::settle_wait ||
         stage == Stage::read_wait || stage == Stage::before_wait || stage == Stage::gated;
}

/// A request for approval says what was decided, each by another person.
bool is_sound(const ApprovalRequest& request) {
  std::set<std::string> people;
  for (const ApprovalDecision& one : request.decisions) people.insert(one.by);
  if (request.number == 0 || request.approvers == 0 || people.size() != request.decisions.size()) return false;
  const bool rejected = !request.decisions.empty() && !request.decisions.back().approved;
  if (rejected != (request.state == ApprovalState::rejected)) return false;
  return (request.approvals() >= request.approvers) == (request.state == ApprovalState::approved);
}
constexpr bool in_doubt(Stage stage) {
  return stage >= Stage::looking && stage <= Stage::in_doubt;
}
/// An answer was accepted, and is not (yet) read back.
constexpr bool has_answer(Stage stage) {
  return stage == Stage::reading || stage == Stage::read_wait || stage == Stage::unverified || stage == Stage::executed;
}
/// It got as far as an input that fits.
constexpr bool has_input(Stage stage) {
  return !is_unstarted(stage) && stage != Stage::failed && stage != Stage::skipped && stage != Stage::cancelled;
}

/// What ends the wait of one of Settle's own tools is there.
bool waits_well(const ActionState& run, Builtin tool) {
  if (tool == Builtin::sleep) return run.wake_at && !run.child_attention;
  if (tool == Builtin::wait_signal) return !run.child_attention;
  return tool == Builtin::run_plan && !run.wake_at;
}

class Audit {
 public:
  Audit(const Workflow& workflow, PlanKnown known)
      : workflow_(workflow), header_(workflow.header), runs_(workflow.actions), known_(known) {}

  std::optional<std::string> run() const {
    const std::size_t planned = workflow_.plan->actions.size();
    if (runs_.size() < planned) return "it has fewer actions than its plan";
    // What says where a run belongs comes first, for all of them: the rest follows those links.
    for (ActionIndex i = 0; i < runs_.size(); ++i) {
      if (!belongs(i)) return said(i, "does not fit the plan");
    }
    for (ActionIndex i = 0; i < runs_.size(); ++i) {
      if (!is_linked(i)) return said(i, "and the runs that it names do not fit each other");
      if (!has_elements(i)) return said(i, "and its elements do not fit each other");
      if (!may_be_in(i, runs_[i].stage)) return said(i, "can't be in stage " + std::string(name_of(runs_[i].stage)));
      if (!has_members(i)) return said(i, "lacks what its stage needs, or has what it can't have");
      if (!may_be_sent(i)) return said(i, "and the request to agree to it do not fit each other");
    }
    if (!undoing_fits()) return "its compensations do not fit its status";
    return header_fits() ? std::nullopt : std::optional<std::string>("its header does not fit its actions");
  }

 private:
  static std::string said(ActionIndex i, const std::string& what) { return "run " + std::to_string(i) + " " + what; }
  const PlanAction& action(ActionIndex i) const { return workflow_.action_of(i); }
  bool of_plan(ActionIndex i) const { return i < workflow_.plan->actions.size(); }
  Stage stage_of(ActionIndex i) const { return runs_[i].stage; }

  bool belongs(ActionIndex i) const;
  bool is_linked(ActionIndex i) const;
  bool is_beside(ActionIndex i, CallRole role_of_parent) const;
  bool has_elements(ActionIndex i) const;
  bool may_be_in(ActionIndex i, Stage stage) const;
  bool has_members(ActionIndex i) const;
  bool may_be_sent(ActionIndex i) const;
  bool undoing_fits() const;
  bool header_fits() const;

  const Workflow& workflow_;
  const WorkflowHeader& header_;
  const std::vector<ActionState>& runs_;
  const PlanKnown known_;
};

/// The plan has a call for this run, and every link is in range.
bool Audit::belongs(ActionIndex i) const {
  const ActionState& run = runs_[i];
  const std::size_t count = runs_.size();
  if (run.planned >= workflow_.plan->actions.size() || run.parent >= count) return false;
  if (run.fallback >= count || run.idle_fallback >= count) return false;
  if (run.first_element > count || run.elements > count - run.first_element) return false;
  if (of_plan(i)) return run.planned == i && run.parent == 0 && run.role == CallRole::main && !run.element;
  const PlanAction& planned = action(i);
  switch (run.role) {
    case CallRole::main:
      return run.element && planned.for_each;
    case CallRole::fallback:
      return planned.fallback.has_value();
    case CallRole::compensate:
      return planned.compensate.has_value();
    case CallRole::compensate_fallback:
      return planned.fallback && planned.fallback->compensate;
  }
  return false;
}

/// A fallback or a compensation stands beside a run of the same action and element.
bool Audit::is_beside(ActionIndex i, CallRole role_of_parent) const {
  const ActionState& run = runs_[i];
  const ActionState& parent = runs_[run.parent];
  return run.parent < i && parent.role == role_of_parent && parent.planned == run.planned &&
         parent.element == run.element && !workflow_.gathers(run.parent);
}

/// Up and down: an element and its list, a fallback and what it stands in for, a compensation and what it undoes.
bool Audit::is_linked(ActionIndex i) const {
  const ActionState& run = runs_[i];
  if (run.fallback != 0 && (run.stage != Stage::failed || run.idle_fallback != 0)) return false;
  for (const ActionIndex at : {run.fallback, run.idle_fallback}) {
    if (at == 0) continue;
    if (run.role != CallRole::main || runs_[at].role != CallRole::fallback || runs_[at].parent != i) return false;
  }
  if (run.idle_fallback != 0 && !is_final(stage_of(run.idle_fallback))) return false;
  if (of_plan(i)) return true;
  const ActionState& parent = runs_[run.parent];
  if (run.role == CallRole::fallback)
    return is_beside(i, CallRole::main) && (parent.fallback == i || parent.idle_fallback == i);
  if (run.role == CallRole::compensate) return is_beside(i, CallRole::main) && is_final(stage_of(run.parent));
  if (run.role == CallRole::compensate_fallback)
    return is_beside(i, CallRole::fallback) && is_final(stage_of(run.parent));
  return run.parent == run.planned && *run.element < parent.elements && parent.first_element + *run.element == i;
}

/// The elements of a list lie one behind the other; a list under way has one that is not concluded, any other has none.
bool Audit::has_elements(ActionIndex i) const {
  const ActionState& list = runs_[i];
  if (list.elements == 0) return list.stage != Stage::gathering;
  if (!workflow_.gathers(i) || is_unstarted(list.stage) || list.stage == Stage::skipped) return false;
  if (!list.input || !list.input->is_array() || list.input->size() != list.elements) return false;
  bool open = false;
  for (std::uint32_t k = 0; k < list.elements; ++k) {
    const ActionIndex at = list.first_element + k;
    const ActionState& element = runs_[at];
    if (of_plan(at) || element.role != CallRole::main || element.parent != i || element.element != k) return false;
    // What runs is counted by this.
    const Stage stage = workflow_.effective(at).stage;
    if (workflow_.awaits_turn(at) && !waits_for_turn(stage)) return false;
    open = open || !is_final(stage);
  }
  return open == (list.stage == Stage::gathering);
}

bool Audit::may_be_in(ActionIndex i, Stage stage) const {
  const ActionState& run = runs_[i];
  const PlanAction& planned = action(i);
  const bool whole = known_ == PlanKnown::whole;
  if (stage == Stage::skipped) return of_plan(i) && (!whole || planned.when);
  if (workflow_.gathers(i)) return is_unstarted(stage) || stage == Stage::gathering || is_final(stage);
  if (stage == Stage::gathering) return false;
  if (stage == Stage::fallback_held)
    return run.role == CallRole::main && planned.fallback && run.fallback == 0 &&
           !(whole && planned.fallback_after_any);
  if (!whole) return true;
  const Tool& tool = *workflow_.call_of(i).tool;
  const bool makes_calls = tool.builtin == Builtin::none;
  if (stage == Stage::waiting) return !makes_calls && waits_well(run, tool.builtin);
  if (stage == Stage::awaiting_approval) return makes_calls || tool.builtin == Builtin::approve;
  if (!makes_calls) {
    const bool revived = stage == Stage::revived && tool.builtin == Builtin::run_plan;
    return is_unstarted(stage) || is_final(stage) || stage == Stage::fallback_held || revived;
  }
  if (stage == Stage::looking || stage == Stage::look_wait) return tool.lookup.has_value();
  const bool reads_back = stage == Stage::settling || stage == Stage::settle_wait || stage == Stage::reading ||
                          stage == Stage::read_wait || stage == Stage::unverified || stage == Stage::rechecking;
  if (stage == Stage::before_reading || stage == Stage::before_wait) return tool.before.has_value();
  return !reads_back || !tool.reads.empty();
}

/// Input, answer, error, doubt and the next wake-up are there where the stage needs them.
bool Audit::has_members(ActionIndex i) const {
  const ActionState& run = runs_[i];
  if (run.stage != Stage::waiting && run.child_attention) return false;
  // What was verified may be looked at again later; Settle's own tools may wait without an end.
  const bool may_wait =
      run.stage == Stage::waiting || run.stage == Stage::verified || run.stage == Stage::awaiting_approval;
  if (!may_wait && run.wake_at.has_value() != waits(run.stage)) return false;
  if (run.receipt > header_.receipts) return false;
  if (has_input(run.stage) && !run.input) return false;
  if (waits_for_turn(run.stage) && run.scheduled_at) return false;
  const bool answered = run.output || (run.word && run.word->happened);
  if (has_answer(run.stage) && !(answered && run.executed_at)) return false;
  if ((run.stage == Stage::failed || is_parked(run.stage)) && !run.error) return false;
  if (in_doubt(run.stage) && !run.unclear) return false;
  return !(is_final(run.stage) && run.unclear);
}

/// Whoever is to agree is asked while it waits for that, and has agreed while it is sent. (What was agreed to is looked
/// at when it is sent: its endpoint may have moved since.)
bool Audit::may_be_sent(ActionIndex i) const {
  const ActionState& run = runs_[i];
  const Rare<ApprovalRequest>& request = run.approval;
  if (request && (!is_sound(*request) || request->number != run.approval_requests)) return false;
  const bool open = request && request->state == ApprovalState::open;
  if (open != (run.stage == Stage::awaiting_approval)) return false;
  if (open && run.wake_at != (request->escalated ? std::nullopt : std::optional<Time>(request->expires_at)))
    return false;
  if (known_ != PlanKnown::whole || (!open && run.stage != Stage::sending)) return true;
  if (!approval_needed(workflow_, i)) return !open;
  return open || (request && request->state == ApprovalState::approved);
}

/// Compensations begin when everything else has ended, and each undoes another run.
bool Audit::undoing_fits() const {
  std::set<ActionIndex> undone;
  bool begun = false, open = false, others_open = false;
  for (ActionIndex i = 0; i < runs_.size(); ++i) {
    const ActionState& run = runs_[i];
    if (!is_undoing(run.role)) {
      others_open = others_open || !is_final(run.stage);
      continue;
    }
    begun = true;
    if (!undone.insert(run.parent).second) return false;
    open = open || !is_final(run.stage);
  }
  if (begun && (others_open || (known_ == PlanKnown::whole && workflow_.plan->on_failure != OnFailure::compensate)))
    return false;
  if (header_.status == WorkflowStatus::compensating) return open;
  return !open;
}

bool Audit::header_fits() const {
  const bool ended = header_.status == WorkflowStatus::ended;
  const bool open =
      std::any_of(runs_.begin(), runs_.end(), [](const ActionState& run) { return !is_final(run.stage); });
  if (ended == open || ended != header_.ended_at.has_value()) return false;
  if (ended != (header_.outcome != WorkflowOutcome::none)) return false;
  if (ended && header_.paused) return false;
  return !header_.expired || header_.deadline_at;
}

}  // namespace

std::optional<std::string> inconsistency_of(const Workflow& workflow, PlanKnown known) {
  return Audit(workflow, known).run();
}

}  // namespace settle
