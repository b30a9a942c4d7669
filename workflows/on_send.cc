// Sending an action, and what the end of a send means (CONTRACT §2, "When the answer is not clear").

#include <algorithm>

#include "base/text.h"
#include "workflows/stepper.h"

namespace settle {
namespace {

Json send_data(const ActionState& action, const std::string& code, const std::string& message) {
  return Json::object({{"attempt", static_cast<std::int64_t>(action.attempt)}, {"code", code}, {"message", message}});
}

/// A "not now" (429, 503) that the tool does not take for a promise that nothing was done.
bool may_be_processed(const Tool& tool, int status) {
  if (status != 429 && status != 503) return false;
  return std::find(tool.not_processed.begin(), tool.not_processed.end(), status) == tool.not_processed.end();
}

}  // namespace

std::string first_failures(const std::vector<SchemaFailure>& failures) {
  std::string out;
  for (std::size_t i = 0; i < failures.size() && i < 5; ++i) {
    out += (i == 0 ? "" : "; ") + (failures[i].instance.empty() ? std::string("(root)") : failures[i].instance) +
           ": expected " + failures[i].expected + ", got " + failures[i].got;
  }
  return out;
}

/// Writes the intent (the state itself) and has the call made once that is durable. Every send passes here, so this is
/// where people's agreement is demanded, each time for what would be sent now. The tool's limits are asked last,
/// so that a permit always belongs to a call, and before the intent, so that what waits in line was never sent.
void Stepper::send(ActionIndex index) {
  if (workflow_.header.paused) return hold(index);
  if (workflow_.actions[index].unclear && endpoint_changed(index)) return;
  if (!is_released(workflow_, index)) return await_approval(index);
  if (tool(index).before && !workflow_.actions[index].before_at && !workflow_.actions[index].unclear)
    return look_before(index);
  const CallSpec& spec = tool(index).execute;
  ActionState& state = action(index);
  ++state.attempt;
  Result<Call> call = prepare(spec, index);
  const Limit limit = call ? limited(index) : Limit::none;
  if (!call || limit != Limit::none) --state.attempt;  // nothing was sent
  if (!call && state.unclear) return park_in_doubt(index, "call_unresolved", call.error().message);
  if (!call) return fail(index, "call_unresolved", call.error().message, Effect::none);
  if (limit != Limit::none) return wait_for_permit(index, limit);
  call->repeat = state.attempt > 1;
  issue_call(index, spec, *std::move(call), !spec.safe);
  out_.calls.back().permit = moment_.gate != nullptr && tool(index).rate_limit.any();
  out_.calls.back().leave_by = repeat_by(index);
  if (state.approval) out_.calls.back().at_once = false;  // also a safe one: who agreed has to be durable first
  if (!state.first_send_at) state.first_send_at = moment_.now;
  state.throttled = false;
  enter(index, Stage::sending);
  note("action.started", index,
       Json::object({{"attempt", static_cast<std::int64_t>(state.attempt)}, {"repeated", state.unclear}}));
}

void Stepper::send_ended(ActionIndex index, Outcome& outcome) {
  const Tool& contract = tool(index);
  if (outcome.kind == OutcomeClass::not_sent && may_be_processed(contract, outcome.status))
    outcome.kind = OutcomeClass::ambiguous;
  switch (outcome.kind) {
    case OutcomeClass::not_sent:
      return not_sent(index, outcome);
    case OutcomeClass::rejected:
      return refused(index, outcome.code, outcome.detail, outcome);
    case OutcomeClass::ambiguous:
      return unclear(index, outcome.code, outcome.detail, outcome.ended, outcome.retry_after);
    case OutcomeClass::answered:
      break;
  }
  // The schema comes first: an answer that fits neither schema nor success rule says nothing reliable.
  Json body = outcome.body ? std::move(*outcome.body) : Json();
  const std::vector<SchemaFailure> failures = contract.output_schema->validate(body);
  if (!failures.empty()) return unclear(index, "output_schema_violation", first_failures(failures), outcome.ended);

  if (!succeeds(index, body)) {
    return refused(index, "success_rule", "the tool answered with a failure: " + shorten(canonical(body), 300),
                   outcome);
  }
  executed(index, std::move(body), outcome.status, outcome.ended);
}

/// The tool's own success rule, with all that a check can see of this answer.
bool Stepper::succeeds(ActionIndex index, const Json& body) const {
  const CheckScope seen(*this, index, &body);
  return evaluate_all(tool(index).success, body, seen.scope, nullptr);
}

/// A definite no. To a first send it ends the action; to a repeated one it says nothing about the earlier send, not
/// even when a look has shown that one absent: "409, exists already" may be about what it made after all.
void Stepper::refused(ActionIndex index, std::string code, std::string message, const Outcome& outcome) {
  ActionState& state = action(index);
  state.status_code = outcome.status;
  if (!state.doubted || tool(index).reads_only()) return fail(index, std::move(code), std::move(message), Effect::none);
  state.unclear = true;
  state.closed_at = outcome.ended;  // absence counts from the last send, refused or not
  state.refusal = ActionError{code, message};
  note("action.repeat_refused", index, send_data(state, code, message));
  resolve_doubt(index);
}

/// `floor`: what the provider asks to be waited for, at least.
void Stepper::unclear(ActionIndex index, std::string code, std::string message, Time closed,
                      std::optional<Duration> floor) {
  ActionState& state = action(index);
  state.error = ActionError{code, message};
  ++state.counted;
  note("action.unclear", index, send_data(state, code, message));
  if (tool(index).reads_only()) {
    if (cancelling()) return cancelled(index);
    if (state.counted >= static_cast<std::uint32_t>(planned(index).retry.maximum_attempts))
      return fail(index, "attempts_exhausted",
                  "the last of " + std::to_string(state.counted) + " attempts ended with " + code + ": " + message,
                  Effect::none);
    return back_off(index, floor, false);
  }
  state.unclear = true;
  state.doubted = true;
  state.closed_at = closed;
  const IdempotencyMode mode = tool(index).mode;
  const bool repeatable = mode == IdempotencyMode::key || mode == IdempotencyMode::natural;
  if (repeatable && may_send_again(index)) return back_off(index, floor, false);
  resolve_doubt(index);
}

void Stepper::not_sent(ActionIndex index, const Outcome& outcome) {
  ActionState& state = action(index);
  state.error = ActionError{outcome.code, outcome.detail};
  if (outcome.status != 0) state.status_code = outcome.status;
  if (cancelling()) return wake_to_send(index);  // which will not send: there is nothing to wait for
  back_off(index, outcome.retry_after, outcome.status == 429 || outcome.status == 503);
}

/// Waits with full jitter, at least `floor`; never past the action's own deadline.
void Stepper::back_off(ActionIndex index, std::optional<Duration> floor, bool throttled) {
  ActionState& state = action(index);
  const RetryPolicy& policy = planned(index).retry;
  double most = static_cast<double>(policy.initial_interval.count());
  const auto most_of_all = static_cast<double>(policy.maximum_interval.count());
  const bool grows = policy.backoff_coefficient > 1;
  for (std::uint32_t i = 0; grows && i < state.backoffs && most < most_of_all; ++i) most *= policy.backoff_coefficient;
  ++state.backoffs;
  state.throttled = throttled;
  const Duration wait = jittered(std::min(policy.maximum_interval, Duration(static_cast<std::int64_t>(most))));
  const Time wake =
      std::min(std::max(deadline(index), moment_.now + Duration(1)), moment_.now + wait + floor.value_or(Duration(0)));
  enter(index, Stage::backing_off, wake);
  note("action.backing_off", index,
       Json::object({{"code", state.error ? Json(state.error->code) : Json()}, {"until", format_time(wake)}}));
}

/// A repeat is allowed by attempts, time and, for keys, the provider's window (10 % to spare, from the first send).
bool Stepper::may_send_again(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  if (cancelling() || out_of_time(index)) return false;
  if (state.counted >= static_cast<std::uint32_t>(planned(index).retry.maximum_attempts)) return false;
  if (moment_.now >= deadline(index)) return false;
  const std::optional<Time> by = repeat_by(index);
  return !by || moment_.now <= *by;
}

/// The last moment at which an unclear send of mode key may be repeated. Null: there is no such limit.
std::optional<Time> Stepper::repeat_by(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  if (tool(index).mode != IdempotencyMode::key || !state.unclear) return std::nullopt;
  const Duration usable(tool(index).window.count() / 10 * 9);
  return state.first_send_at.value_or(moment_.now) + usable - planned(index).start_to_close_timeout;
}

void Stepper::wake_to_send(ActionIndex index) {
  const ActionState& state = workflow_.actions[index];
  const bool again = may_send_again(index);
  if (again) return send(index);
  if (state.unclear) return resolve_doubt(index);
  if (cancelling()) return cancelled(index);
  const std::string last =
      state.error ? "; the last attempt ended with " + state.error->code + ": " + state.error->message : "";
  if (out_of_time(index))
    return fail(index, "deadline_exceeded", "the plan's deadline has passed" + last, Effect::none);
  if (moment_.now >= deadline(index))
    return fail(index, "schedule_to_close_timeout",
                "the time limit of " + format_duration(planned(index).schedule_to_close_timeout) + " is over" + last,
                Effect::none);
  fail(index, "attempts_exhausted", "all attempts are used up" + last, Effect::none);
}

}  // namespace settle
