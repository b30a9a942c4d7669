// A workflow that failed runs again from its failed actions (CONTRACT §6, `:retry`). A run of which every send is known
// to have been refused begins anew under a new key; one that may have happened is looked at, never sent first.

#include <algorithm>

#include "workflows/stepper.h"

namespace settle {
namespace {

bool to_be_revived(Stage stage) {
  return is_legal(stage, EventKind::retry);
}

bool was_undone(const Workflow& workflow) {
  return std::any_of(workflow.actions.begin(), workflow.actions.end(),
                     [](const ActionState& run) { return is_undoing(run.role); });
}

/// A compensation that did not succeed.
bool is_still_to_undo(const ActionState& run) {
  return is_undoing(run.role) && to_be_revived(run.stage);
}

/// Something of this run may be there outside, or has been.
bool may_have_happened(const ActionState& run) {
  return run.doubted || run.executed_at || run.effect != Effect::none;
}

}  // namespace

void Stepper::retry() {
  WorkflowHeader& header = workflow_.header;
  const bool undoing = was_undone(workflow_);
  header.status = undoing ? WorkflowStatus::compensating : WorkflowStatus::running;
  header.outcome = WorkflowOutcome::none;
  header.ended_at = std::nullopt;
  ++header.retries;
  note("workflow.retried", std::nullopt, Json::object({{"retry", static_cast<std::int64_t>(header.retries)}}));
  const auto planned = static_cast<ActionIndex>(workflow_.plan->actions.size());
  const auto runs = static_cast<ActionIndex>(workflow_.actions.size());
  // First all of them are put back, so that each sees what the others are now; then those that may go on do.
  if (undoing) {
    for (ActionIndex i = planned; i < runs; ++i) {
      if (is_still_to_undo(workflow_.actions[i])) revive_run(i);
    }
  } else {
    header.expired = false;
    if (workflow_.plan->deadline) header.deadline_at = moment_.now + *workflow_.plan->deadline;
    for (ActionIndex i = 0; i < planned; ++i) {
      if (to_be_revived(workflow_.effective(i).stage)) revive(i);
    }
  }
  derive(workflow_);
  // Elements and compensations have an order of their own.
  for (ActionIndex i = 0; i < planned; ++i) {
    if (workflow_.unmet[i] == 0) go_on(i);
  }
  if (undoing) next_compensation(planned);
}

/// An action or one of its elements: its elements one by one, its fallback where that left something behind, or its
/// own run.
void Stepper::revive(ActionIndex index) {
  const ActionState& state = workflow_.actions[index];
  if (state.elements > 0) {
    const ActionIndex end = state.first_element + state.elements;
    for (ActionIndex i = state.first_element; i < end; ++i) {
      if (to_be_revived(workflow_.effective(i).stage)) revive(i);
    }
    enter(index, Stage::gathering);
    ActionState& whole = action(index);
    whole.error = std::nullopt;
    whole.effect = Effect::none;
    return;
  }
  if (state.fallback == 0) return revive_run(index);
  ActionState& main = action(index);
  main.scheduled_at = std::nullopt;  // of an element: it waits for its turn
  // A workflow that ran in its place may have been retried itself since, so that is asked, and not this begun again.
  const ActionState& fallback = workflow_.actions[main.fallback];
  const auto runs_plan = [&](ActionIndex run) { return tool(run).builtin == Builtin::run_plan; };
  const bool asks = runs_plan(main.fallback) && fallback.attempt > 0 && !runs_plan(index);
  if (asks || may_have_happened(fallback)) return revive_run(main.fallback);
  main.idle_fallback = std::exchange(main.fallback, 0);
  revive_run(index);
}

/// What may be there keeps all that is known of it until its turn comes.
void Stepper::revive_run(ActionIndex index) {
  if (tool(index).reads_only()) return begin_anew(index, true);
  if (!may_have_happened(workflow_.actions[index])) return begin_anew(index, false);
  ActionState& state = action(index);
  if (state.stage == Stage::cancelled) state.error = std::nullopt;  // give_back() tells by it what the run was
  state.scheduled_at = std::nullopt;
  enter(index, Stage::revived);
}

/// The turn of a run that may have happened has come: it is looked at, or stands to be started where that is as good.
void Stepper::take_turn(ActionIndex index) {
  const ActionState& state = workflow_.actions[index];
  const bool needs_others = !state.element && workflow_.unmet[state.planned] > 0;  // they have failed
  if ((stopping() || needs_others) && !is_undoing(state.role)) return give_back(index);
  const Tool& contract = tool(index);
  // A doubt that was settled as "did not happen" may be sent again.
  const bool happened = state.executed_at || state.verified_at;  // by an answer, or by a look
  const bool settled = !happened && state.effect == Effect::none;
  if (settled && (contract.mode == IdempotencyMode::natural || !contract.lookup)) return begin_anew(index, true);
  if (!contract.lookup && contract.verify != VerifyKind::read_back) return begin_anew(index, true);
  look_anew(index);
}

/// Its turn will not come: it is again what it was before the retry.
void Stepper::give_back(ActionIndex index) {
  const ActionState& state = workflow_.actions[index];
  if (!state.error) return cancelled(index, state.effect);
  fail(index, std::string(state.error->code), std::string(state.error->message), state.effect);
}

/// As if nothing had been tried. The key's generation rises only where no send can have happened. A workflow that was
/// run may have been retried itself since, so it is asked first (child_ended), and is unclear until then.
void Stepper::begin_anew(ActionIndex index, bool same_key) {
  const bool asks = !same_key && tool(index).builtin == Builtin::run_plan && action(index).attempt > 0;
  same_key = same_key || asks;
  ActionState& state = action(index);
  if (!same_key && state.attempt > 0) {
    ++state.generation;
    state.first_send_at = std::nullopt;
    state.doubted = false;
  }
  if (!same_key) {  // nothing of it was there, so the outside is looked at anew
    state.before = nullptr;
    state.before_at = std::nullopt;
  }
  state.rechecks = 0;
  state.recheck_since = std::nullopt;
  state.recheck_failed = false;
  state.counted = state.backoffs = 0;
  state.unclear = asks;
  state.throttled = false;
  state.scheduled_at = state.closed_at = std::nullopt;
  state.error = state.refusal = std::nullopt;
  state.word = std::nullopt;
  state.approval = std::nullopt;
  state.earlier_decisions.clear();
  state.input = nullptr;
  out_.old_inputs.push_back(index);
  forget_answer(index);
  enter(index, Stage::blocked);
  note_retry(index, same_key ? "same_key" : "anew");
}

/// May have happened, so it is asked about: by the look-up, or by the read-back alone. A repeat of mode natural changes
/// nothing more, so that one is sent.
void Stepper::look_anew(ActionIndex index) {
  const bool natural = tool(index).mode == IdempotencyMode::natural;
  void_approval(index);
  ActionState& state = action(index);
  state.scheduled_at = moment_.now;
  state.error = state.refusal = std::nullopt;
  state.recheck_failed = false;
  state.counted = state.backoffs = 0;
  note_retry(index, natural ? "same_key" : "look");
  const bool reads = !natural && !tool(index).lookup;
  if (reads && state.executed_at) {
    state.looks_from = moment_.now;
    read(index);  // executed once more, as far as anybody can tell: the receipt of the failure no longer holds
    if (!is_parked(workflow_.actions[index].stage)) issue_receipt(index);
    return;
  }
  // What was never answered, only seen, is in doubt again, and is looked at as long as after any other doubt.
  if (reads) state.closed_at = moment_.now;
  state.closed_at = state.closed_at.value_or(state.executed_at.value_or(moment_.now));
  state.unclear = true;
  state.word = std::nullopt;
  forget_answer(index);
  if (natural) return repeat(index);
  resolve_doubt(index);
}

/// Sent once more over what may be there. It stays unclear meanwhile: when no send comes through, nobody may say that
/// nothing happened.
void Stepper::repeat(ActionIndex index) {
  ActionState& state = action(index);
  state.rechecks = 0;
  state.recheck_since = std::nullopt;
  const std::vector<SchemaFailure> failures = tool(index).input_schema->validate(*state.input);
  if (!failures.empty()) return park_in_doubt(index, "input_invalid", first_failures(failures));  // of newer tools
  wake_to_send(index);
}

/// What an earlier send was answered is no evidence for a later one. That there was an answer is remembered as a doubt,
/// so that a refusal of the later one is no proof that nothing is there.
void Stepper::forget_answer(ActionIndex index) {
  ActionState& state = action(index);
  state.doubted = state.doubted || (state.executed_at && !tool(index).reads_only());
  state.adopted = false;
  state.executed_at = state.verified_at = state.observed_at = state.looks_from = std::nullopt;
  state.status_code = 0;
  state.record_id = std::nullopt;
  state.effect = Effect::none;
  state.confidence = Confidence::none;
  state.checks.clear();
  state.output = nullptr;
  out_.old_outputs.push_back(index);
}

void Stepper::note_retry(ActionIndex index, std::string_view how) {
  const auto generation = static_cast<std::int64_t>(workflow_.actions[index].generation);
  note("action.retried", index, Json::object({{"how", how}, {"key_generation", generation}}));
}

Result<Transition> on_retry(Workflow& workflow, std::shared_ptr<const Plan> plan, const Moment& moment) {
  const WorkflowHeader& header = workflow.header;
  if (header.status != WorkflowStatus::ended || header.outcome != WorkflowOutcome::failed)
    return fail(ErrorCode::wrong_state, "workflow \"" + header.id + "\" has not ended failed");
  if (was_undone(workflow) && std::none_of(workflow.actions.begin(), workflow.actions.end(), is_still_to_undo))
    return fail(ErrorCode::wrong_state,
                "workflow \"" + header.id + "\" was undone; what it had done is gone, so submit its plan anew");
  if (plan != nullptr) workflow.plan = std::move(plan);
  Stepper stepper(workflow, moment);
  stepper.retry();
  return stepper.finish();
}

}  // namespace settle
