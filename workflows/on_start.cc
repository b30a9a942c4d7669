// What happens before the first send: the action's own condition, the elements of a `for_each`, the input.

#include <algorithm>

#include "workflows/stepper.h"
#include "workflows/waiting.h"

namespace settle {
namespace {

/// What a plan's templates can see of the actions before this run, and of its element.
struct PlanScope {
  const Workflow& workflow;
  const ActionState& run;
  mutable Json record_id;
  Json index;
  Scope scope;

  PlanScope(const Workflow& of, ActionIndex at) : workflow(of), run(of.actions[at]) {
    scope.add("input", &workflow.plan->input);
    scope.add("actions", this, &actions_root);
    if (!run.element) return;
    index = static_cast<std::int64_t>(*run.element);
    scope.add("index", &index);
    const Json& list = *workflow.actions[run.planned].input;
    scope.add("item", &list.as_array()[*run.element]);
  }
  PlanScope(const PlanScope&) = delete;
  PlanScope& operator=(const PlanScope&) = delete;

  static const Json* actions_root(const void* owner, const std::vector<std::string>& tokens) {
    const auto* self = static_cast<const PlanScope*>(owner);
    if (tokens.size() < 3) return nullptr;
    const auto found = self->workflow.plan->by_id.find(tokens[1]);
    if (found == self->workflow.plan->by_id.end()) return nullptr;
    // A compensation sees the very run that it undoes; everybody else the whole action.
    const bool own = is_undoing(self->run.role) && found->second == self->run.planned;
    const ActionState& action =
        own ? self->workflow.actions[self->run.parent] : self->workflow.effective(found->second);
    if (tokens[2] == "output") return action.output ? find_below(*action.output, tokens, 3) : nullptr;
    if (tokens[2] != "record_id" || tokens.size() != 3 || !action.record_id) return nullptr;
    self->record_id = *action.record_id;
    return &self->record_id;
  }
};

}  // namespace

Result<Json> Stepper::resolve(const Template& value, ActionIndex index) const {
  const PlanScope before(workflow_, index);
  return value.resolve(before.scope);
}

bool Stepper::holds(const Condition& condition, ActionIndex index) const {
  return condition.holds(PlanScope(workflow_, index).scope);
}

/// All that it needs is there: the input is resolved and checked once, and stored.
void Stepper::start(ActionIndex index) {
  const ActionState& state = workflow_.actions[index];
  const PlanAction& whole = workflow_.action_of(index);
  action(index).scheduled_at = moment_.now;
  action(index).recheck_failed = false;
  const bool undoes = is_undoing(state.role);
  // A person has seen meanwhile that nothing of it is left.
  const bool nothing_left = undoes && workflow_.actions[state.parent].effect == Effect::none;
  if ((cancelling() && !undoes) || nothing_left) return cancelled(index);
  if (out_of_time(index))
    return fail(index, "deadline_exceeded", "the plan's deadline passed before this could start", Effect::none);
  if (state.role == CallRole::main && !state.element) {
    if (whole.when && !holds(*whole.when, index)) return skip(index);
    if (whole.for_each) return expand(index);
  }
  const PlannedCall& call = planned(index);
  std::shared_ptr<const Json> input = call.that ? nullptr : call.input.constant();
  if (input == nullptr) {
    Result<Json> resolved = resolve(call.input, index);
    if (!resolved) return fail(index, "reference_unresolved", resolved.error().message, Effect::none);
    if (call.that) resolved->set("that", call.that->resolved(PlanScope(workflow_, index).scope));
    input = std::make_shared<const Json>(*std::move(resolved));
  }
  action(index).input = std::move(input);
  out_.new_inputs.push_back(index);
  const std::vector<SchemaFailure> failures = tool(index).input_schema->validate(*state.input);
  if (!failures.empty()) return fail(index, "input_invalid", first_failures(failures), Effect::none);
  if (tool(index).builtin != Builtin::none) return begin_builtin(index);
  send(index);
}

/// Its own condition says no. Dependents go on: nothing failed.
void Stepper::skip(ActionIndex index) {
  action(index).effect = Effect::none;
  action(index).unclear = false;
  enter(index, Stage::skipped);
  note("action.skipped", index);
  issue_receipt(index);
  ended(index);
}

/// The list is resolved once and stored, as the input of the action itself; each element becomes a run of its own.
void Stepper::expand(ActionIndex index) {
  Result<Json> list = resolve(workflow_.action_of(index).for_each->list, index);
  if (!list) return fail(index, "reference_unresolved", list.error().message, Effect::none);
  if (!list->is_array())
    return fail(index, "for_each_not_a_list", "\"for_each\" takes a list, got " + std::string(list->type_name()),
                Effect::none);
  if (list->size() > elements_max)
    return fail(
        index, "for_each_too_long",
        "\"for_each\" takes at most " + std::to_string(elements_max) + " elements, got " + std::to_string(list->size()),
        Effect::none);
  const auto count = static_cast<std::uint32_t>(list->size());
  ActionState& state = action(index);
  state.input = std::make_shared<const Json>(*std::move(list));
  out_.new_inputs.push_back(index);
  state.first_element = static_cast<ActionIndex>(workflow_.actions.size());
  state.elements = count;
  enter(index, Stage::gathering);
  note("action.expanded", index, Json::object({{"elements", static_cast<std::int64_t>(count)}}));
  workflow_.gatherings[index] = {state.first_element, 0, count, 0};
  if (count == 0) return finish_elements(index);
  begin_elements(index);
}

/// The elements are there and named nowhere in the transition: what nothing has happened to has no record
/// (fresh_element), so that a long list begins with a short batch. Those that are ready start before the step is over
/// where there is room for their calls.
void Stepper::begin_elements(ActionIndex index) {
  const ActionState list = workflow_.actions[index];  // a copy: what it lies in grows
  const PlanAction& planned = workflow_.action_of(index);
  const std::uint32_t parallel = parallel_of(planned, list);
  const ActionIndex first = list.first_element;
  workflow_.actions.reserve(first + list.elements);
  for (std::uint32_t i = 0; i < list.elements; ++i) workflow_.actions.push_back(fresh_element(planned, list, i));
  workflow_.open += list.elements;
  Gathering& elements = workflow_.gatherings[index];
  elements.next = first + parallel;
  elements.running = parallel;
  const bool need_room = calls(first);
  for (ActionIndex i = first; i < first + parallel; ++i) {
    workflow_.held.insert(workflow_.held.end(), i);
    if (!need_room) ready_.push_back(i);
  }
}

void Stepper::start_elements(ActionIndex index) {
  const ActionState& state = workflow_.actions[index];
  const std::uint32_t most = parallel_of(workflow_.action_of(index), state);
  Gathering& elements = workflow_.gatherings[index];
  const ActionIndex end = state.first_element + state.elements;
  // Those that have their turn and find no room come first, so that elements begin in their order.
  const auto held = workflow_.held.lower_bound(state.first_element);
  const bool may_begin = held == workflow_.held.end() || *held >= end;
  for (; may_begin && elements.next < end && elements.running < most; ++elements.next) {
    if (!workflow_.awaits_turn(elements.next)) continue;
    ++elements.running;
    action(elements.next).scheduled_at = moment_.now;  // counted as under way, whatever ends it
    ready_.push_back(workflow_.effective_run(elements.next));
  }
  while (elements.next < end && !workflow_.awaits_turn(elements.next)) ++elements.next;
}

/// A run of a list has begun. While it was held, nobody behind it could have a turn that became free.
void Stepper::give_turns_behind(ActionIndex begun) {
  if (!workflow_.actions[begun].element) return;
  const auto list = workflow_.gatherings.find(workflow_.actions[begun].planned);
  if (list != workflow_.gatherings.end()) start_elements(list->first);
}

/// Nothing new starts among the elements, nor among their fallbacks, and nobody waits for a time or a signal.
void Stepper::cancel_elements(ActionIndex index) {
  const ActionIndex first = workflow_.actions[index].first_element;
  const ActionIndex end = first + workflow_.actions[index].elements;
  for (ActionIndex i = first; i < end; ++i) {
    const ActionIndex run = workflow_.effective_run(i);
    if (workflow_.actions[run].stage == Stage::revived) {
      give_back(run);
    } else if (workflow_.awaits_turn(i) || never_begun(run) || waits_idly(run)) {
      cancelled(run);
    } else if (workflow_.actions[run].stage == Stage::awaiting_approval && workflow_.actions[run].unclear) {
      resolve_doubt(run);  // it will not be sent again
    }
  }
}

/// Another element of the list has failed, and by the plan's rule no other begins, nor a fallback.
bool Stepper::list_stopped(ActionIndex element) const {
  const auto list = workflow_.gatherings.find(workflow_.actions[element].parent);
  return list != workflow_.gatherings.end() && list->second.failed > 0 &&
         workflow_.action_of(element).for_each->on_failure == OnElementFailure::stop;
}

void Stepper::element_concluded(ActionIndex element) {
  const ActionIndex index = workflow_.actions[element].parent;
  const auto found = workflow_.gatherings.find(index);
  SETTLE_ASSERT(found != workflow_.gatherings.end());
  Gathering& elements = found->second;
  if (workflow_.actions[element].scheduled_at) --elements.running;
  const ActionIndex end = workflow_.actions[index].first_element + workflow_.actions[index].elements;
  while (elements.next < end && !workflow_.awaits_turn(elements.next)) ++elements.next;
  const Stage stage = workflow_.effective(element).stage;
  if (stage == Stage::failed) {
    ++elements.failed;
    newly_failed_ = true;
  }
  if (--elements.left == 0) return finish_elements(index);
  if (stage == Stage::cancelled) return;  // whoever cancelled it goes on with the others
  if (list_stopped(element) || stopping() || cancelling()) {
    cancel_elements(index);
  } else {
    start_elements(index);
  }
}

/// What the elements of a list came to, together.
Stepper::Tally Stepper::tally_of(ActionIndex index) const {
  const ActionIndex first = workflow_.actions[index].first_element;
  const std::uint32_t count = workflow_.actions[index].elements;
  Tally out;
  bool changed = false, unknown = false;
  out.confidence = count == 0 ? Confidence::none : Confidence::read_back;
  for (std::uint32_t i = 0; i < count; ++i) {
    const ActionState& element = workflow_.effective(first + i);
    if (element.stage == Stage::failed && !out.first_failed) out.first_failed = i;
    out.failed += element.stage == Stage::failed ? 1 : 0;
    out.stopped += element.stage == Stage::cancelled ? 1 : 0;
    out.unverifiable += element.stage == Stage::executed ? 1 : 0;
    const ActionState& own = workflow_.actions[first + i];
    for (const ActionState* run : {&own, &element}) {  // a failed one may have changed something
      changed = changed || run->effect == Effect::complete || run->effect == Effect::partial;
      unknown = unknown || run->effect == Effect::unknown;
    }
    out.confidence = weaker(out.confidence, element.confidence);
  }
  out.effect = unknown ? Effect::unknown : changed ? Effect::partial : Effect::none;
  return out;
}

/// Every element is concluded: the action is what its weakest element is.
void Stepper::finish_elements(ActionIndex index) {
  workflow_.gatherings.erase(index);
  const ActionIndex first = workflow_.actions[index].first_element;
  const std::uint32_t count = workflow_.actions[index].elements;
  const Tally tally = tally_of(index);
  if (tally.failed > 0) {
    const ActionError& error = *workflow_.effective(first + *tally.first_failed).error;
    return fail(index, "elements_failed",
                std::to_string(tally.failed) + " of " + std::to_string(count) +
                    " elements failed; the first, element " + std::to_string(*tally.first_failed) + ": " + error.code +
                    ": " + error.message,
                tally.effect);
  }
  if (tally.stopped > 0) return cancelled(index, tally.effect);
  Json::Array outputs;
  for (std::uint32_t i = 0; i < count; ++i) {
    const ActionState& element = workflow_.effective(first + i);
    outputs.push_back(element.output ? *element.output : Json());
  }
  ActionState& state = action(index);
  state.output = std::make_shared<const Json>(std::move(outputs));
  out_.new_outputs.push_back(index);
  state.effect = tally.effect == Effect::partial ? Effect::complete : tally.effect;
  state.confidence = tally.confidence;
  state.executed_at = moment_.now;
  if (tally.unverifiable == 0) state.verified_at = moment_.now;
  enter(index, tally.unverifiable > 0 ? Stage::executed : Stage::verified);
  note(tally.unverifiable > 0 ? "action.executed" : "action.verified", index,
       Json::object({{"elements", static_cast<std::int64_t>(count)}, {"confidence", name_of(tally.confidence)}}));
  issue_receipt(index);
  ended(index);
}

}  // namespace settle
