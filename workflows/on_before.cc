// The look before the first send: what the outside was like before we changed it.

#include <algorithm>

#include "base/hash.h"
#include "workflows/stepper.h"

namespace settle {

/// Nothing of it was sent, and nothing new starts any more: the workflow is cancelled, or another action has failed, or
/// another element of the list, or what it needs no longer holds.
bool Stepper::comes_too_late(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  if (is_undoing(state.role)) return false;
  const ActionIndex counted = state.role == CallRole::fallback ? state.parent : index;
  const bool element = workflow_.actions[counted].element.has_value();
  return cancelling() || stopping() || workflow_.unmet[state.planned] > 0 || (element && list_stopped(counted));
}

/// Asks, or asks again. Nothing was sent yet, so nothing can be in doubt.
void Stepper::look_before(ActionIndex index) {
  if (comes_too_late(index)) return cancelled(index);
  ActionState& state = action(index);
  if (out_of_time(index)) return wake_to_send(index);  // which says that it is too late
  if (!begin_call(index, *tool(index).before, false)) {
    const std::string why = state.error->message;
    return fail(index, "call_unresolved", why, Effect::none);
  }
  enter(index, Stage::before_reading);
}

/// What it shows is stored before the first send, and never taken again. "Not there" is an answer too; what can't be
/// read is asked for again until the action's time is over.
void Stepper::before_ended(ActionIndex index, Outcome& outcome) {
  if (comes_too_late(index)) return cancelled(index);
  if (interrupted(outcome)) return enter(index, Stage::before_wait, moment_.now + Duration(1));
  const bool absent = outcome.kind == OutcomeClass::rejected && (outcome.status == 404 || outcome.status == 410);
  const std::shared_ptr<const Schema>& schema = tool(index).before->answer_schema;
  Json body = outcome.body && !absent ? std::move(*outcome.body) : Json();
  if (outcome.kind == OutcomeClass::answered && schema) {
    const std::vector<SchemaFailure> failures = schema->validate(body);
    if (!failures.empty()) {
      outcome.kind = OutcomeClass::ambiguous;
      outcome.code = "output_schema_violation";
      outcome.detail = first_failures(failures);
    }
  }
  ActionState& state = action(index);
  if (outcome.kind != OutcomeClass::answered && !absent) {
    state.error = ActionError{outcome.code, outcome.detail};
    const bool over = moment_.now >= deadline(index);
    if (out_of_time(index)) return wake_to_send(index);
    if (over)
      return fail(
          index, "before_unreadable",
          "what was there before could not be read, so nothing was sent: " + outcome.code + ": " + outcome.detail,
          Effect::none);
    const Duration wait = std::max(look_delay(state, planned(index).retry), outcome.retry_after.value_or(Duration(0)));
    ++state.backoffs;
    return enter(index, Stage::before_wait, std::min(moment_.now + wait, deadline(index)));
  }
  state.error = std::nullopt;
  state.backoffs = 0;
  const std::string digest = digest_text(canonical(body));
  state.before = std::make_shared<const Json>(std::move(body));
  state.before_at = outcome.ended;
  out_.new_befores.push_back(index);
  note("action.before", index, Json::object({{"found", !absent}, {"digest", digest}}));
  wake_to_send(index);
}

}  // namespace settle
