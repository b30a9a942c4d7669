// Looking again, long after: whether what was verified still holds (CONTRACT §2, `verify.recheck`).

#include <algorithm>

#include "workflows/stepper.h"

namespace settle {
namespace {

/// Looks that can't be read are taken again so often, within one recheck.
constexpr std::uint32_t unreadable_max = 5;

}  // namespace

void Stepper::schedule_recheck(ActionIndex index) {
  const std::optional<Recheck>& rule = tool(index).recheck;
  const bool left = rule && workflow_.actions[index].rechecks < rule->times && !is_undone(index);
  enter(index, Stage::verified, left ? std::optional<Time>(moment_.now + rule->after) : std::nullopt);
}

/// What the plan undoes on purpose no longer holds, and that is right.
bool Stepper::is_undone(ActionIndex index) const {
  return std::any_of(workflow_.actions.begin(), workflow_.actions.end(),
                     [&](const ActionState& other) { return is_undoing(other.role) && other.parent == index; });
}

void Stepper::recheck(ActionIndex index) {
  // A retry may have moved the workflow to a version of the tool that looks no more.
  const Tool& contract = tool(index);
  if (!contract.recheck || contract.reads.empty() || workflow_.gathers(index)) return enter(index, Stage::verified);
  ActionState& state = action(index);
  if (!state.recheck_since) {
    state.recheck_since = moment_.now;
    state.backoffs = 0;
  }
  if (!contract.reads_only()) {
    if (const std::optional<std::string> moved = endpoint_moved(index))
      return recheck_over(index, "action.recheck_unreadable",
                          Json::object({{"code", "endpoint_changed"}, {"message", *moved}}));
  }
  if (begin_looks(index)) return enter(index, Stage::rechecking);
  const std::string why = std::exchange(state.error, std::nullopt)->message;
  recheck_over(index, "action.recheck_unreadable", Json::object({{"code", "call_unresolved"}, {"message", why}}));
}

void Stepper::recheck_ended(ActionIndex index, Outcome& outcome) {
  if (interrupted(outcome)) return enter(index, Stage::verified, moment_.now + Duration(1));
  if (is_undone(index)) return enter(index, Stage::verified);
  ActionState& state = action(index);
  const Tool& contract = tool(index);
  const std::optional<Seen> seen = looked(index, outcome, *state.recheck_since);
  if (!seen) return;
  if (*seen == Seen::match) return recheck_over(index, "action.rechecked", Json::object());
  if (*seen == Seen::duplicate) return no_longer_holds(index, outcome, "the read-back finds more than one record");
  if (*seen == Seen::unreadable) {
    if (++state.backoffs < unreadable_max) {
      const Duration wait = std::max(
          {contract.interval, look_delay(state, planned(index).retry), outcome.retry_after.value_or(Duration(0))});
      return enter(index, Stage::verified, moment_.now + wait);
    }
    return recheck_over(index, "action.recheck_unreadable",
                        Json::object({{"code", outcome.code}, {"message", outcome.detail}}));
  }
  const Time limit = *state.recheck_since + contract.within;
  if (outcome.started < limit)
    return enter(index, Stage::verified,
                 std::max(moment_.now + Duration(1), std::min(moment_.now + contract.interval, limit)));
  if (*seen == Seen::pending)
    return recheck_over(
        index, "action.recheck_unreadable",
        Json::object({{"code", "verification_pending"}, {"message", "it is being changed, and did not settle"}}));
  no_longer_holds(index, outcome, "it was verified, and is no longer so: ");
}

/// This look is over, whatever came of it; the state, and the receipt of then, stay.
void Stepper::recheck_over(ActionIndex index, std::string event, Json data) {
  ActionState& state = action(index);
  ++state.rechecks;
  state.recheck_since = std::nullopt;
  state.backoffs = 0;
  const std::optional<Recheck>& rule = tool(index).recheck;
  data.set("left", static_cast<std::int64_t>(rule && rule->times > state.rechecks ? rule->times - state.rechecks : 0));
  schedule_recheck(index);
  note(std::move(event), index, std::move(data));
}

/// What was verified is not so any more: a receipt supersedes the one that said it, and a person has to see to it.
void Stepper::no_longer_holds(ActionIndex index, const Outcome& outcome, std::string message) {
  ActionState& state = action(index);
  keep_checks(index, outcome.ended);
  if (message.ends_with(": ")) message += what_differs(index, outcome);
  ++state.rechecks;
  state.recheck_since = std::nullopt;
  state.recheck_failed = true;
  const Effect effect = state.pass.duplicate ? Effect::complete : effect_seen(index);
  enter_failure(index, Stage::failed, {"no_longer_holds", std::move(message)}, effect);
  issue_receipt(index);
  if (is_undoing(state.role)) return;  // the workflow has failed already
  const ActionIndex counted = state.role == CallRole::fallback ? state.parent : index;
  if (!workflow_.actions[counted].element) return fallen(counted);

  // An element: its list falls with it, or will when it is complete.
  const ActionIndex list = workflow_.actions[counted].parent;
  if (workflow_.actions[list].stage == Stage::gathering) {
    ++workflow_.gatherings[list].failed;
    newly_failed_ = true;
    if (list_stopped(counted) || stopping()) cancel_elements(list);
    return;
  }
  if (!is_satisfied(workflow_.actions[list].stage)) return;
  std::string why = "element " + std::to_string(*workflow_.actions[counted].element) +
                    " no longer holds: " + workflow_.actions[index].error->message;
  enter_failure(list, Stage::failed, {"no_longer_holds", std::move(why)}, tally_of(list).effect);
  issue_receipt(list);
  fallen(list);
}

/// An action that its dependents could build on has failed after all. Those that have not begun never will.
void Stepper::fallen(ActionIndex index) {
  ++workflow_.failed;
  newly_failed_ = true;
  for (const ActionIndex dependent : workflow_.plan->actions[index].dependents) ++workflow_.unmet[dependent];
  cancel_what_depends(index);
}

}  // namespace settle
