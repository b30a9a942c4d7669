// The limits of a tool: an action that may not be sent yet waits in line for a permit, without an intent.

#include <algorithm>

#include "workflows/stepper.h"

namespace settle {

Limit Stepper::limited(ActionIndex index) const {
  if (moment_.gate == nullptr || !tool(index).rate_limit.any()) return Limit::none;
  return moment_.gate->enter(workflow_.header.name_space, tool(index), index, moment_.now);
}

/// Until the last moment at which it may still be sent: the time limit, or the end of the provider's window for a key.
void Stepper::wait_for_permit(ActionIndex index, Limit limit) {
  ActionState& state = action(index);
  Time until = deadline(index);
  if (const std::optional<Time> by = repeat_by(index)) until = std::min(until, *by + Duration(1));
  until = std::max(until, moment_.now + Duration(1));
  const bool again = state.stage == Stage::gated;  // after a restart
  state.limit = limit;
  enter(index, Stage::gated, until);
  if (again) return;
  note("action.rate_limited", index,
       Json::object({{"limit", name_of(limit)}, {"tool", tool(index).name}, {"until", format_time(until)}}));
}

/// Its turn has come; a deadline that has passed meanwhile comes first.
void Stepper::permit(ActionIndex index) {
  expire_if_due();
  if (workflow_.actions[index].stage == Stage::gated) wake_to_send(index);
}

/// Whatever it waits for (a person's agreement, too), nothing of it has left yet but a look before its first send
/// (which is heard, and ends it then).
bool Stepper::never_begun(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  const bool held_back = state.stage == Stage::gated || (state.stage == Stage::backing_off && state.held) ||
                         state.stage == Stage::before_wait;
  const bool asked = state.stage == Stage::awaiting_approval && !state.unclear;
  return is_unstarted(state.stage) || asked || (held_back && !state.first_send_at);
}

}  // namespace settle
