// What is in doubt: looking it up, settling it by a read-back, or saying that a person is needed.

#include <algorithm>

#include "base/text.h"
#include "workflows/stepper.h"

namespace settle {
namespace {

constexpr Duration look_interval_min{100};

}  // namespace

Duration Stepper::look_delay(const ActionState& state, const RetryPolicy& policy) {
  Duration delay = std::max(policy.initial_interval, look_interval_min);
  for (std::uint32_t i = 0; i < state.backoffs && delay < policy.maximum_interval; ++i) delay *= 2;
  return std::min(delay, std::max(policy.maximum_interval, look_interval_min));
}

/// A send is unclear and may not (or not yet) be repeated: ask the outside, by the best means that the tool has.
void Stepper::resolve_doubt(ActionIndex index) {
  action(index).backoffs = 0;
  if (tool(index).lookup) return look(index);
  if (tool(index).verify == VerifyKind::read_back) {
    if (tool(index).mode == IdempotencyMode::none || moment_.now >= match_counts_from(index)) return settle(index);
    note("action.looking", index, Json::object({{"method", "read_back"}}));
    return enter(index, Stage::settle_wait, match_counts_from(index));
  }
  const Rare<ActionError> last = workflow_.actions[index].error;
  park_in_doubt(index, last ? last->code : "unclear",
                "the answer to attempt " + std::to_string(workflow_.actions[index].attempt) +
                    " was lost and the tool offers nothing to look with" + (last ? ": " + last->message : ""));
}

void Stepper::park_in_doubt(ActionIndex index, std::string code, std::string message) {
  ActionState& state = action(index);
  state.error = ActionError{std::move(code), std::move(message)};
  state.effect = Effect::unknown;
  state.confidence = Confidence::none;
  enter(index, Stage::in_doubt);
  note("action.in_doubt", index, Json::object({{"code", state.error->code}, {"message", state.error->message}}));
  issue_receipt(index);
}

/// A repeated send or look must go where the intent went. What has changed, when the configuration has changed that.
std::optional<std::string> Stepper::endpoint_moved(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  if (state.target == tool(index).target) return std::nullopt;  // as long as the tool is the same in memory
  SETTLE_ASSERT(tool(index).target != nullptr);                 // who makes no calls is not in doubt
  const CallTarget& now = *tool(index).target;
  const CallTarget then = state.target ? *state.target : CallTarget();
  const bool same_send = now.origin == then.origin && now.credential == then.credential;
  const bool same_look = then.look_endpoints.empty() || then.look_endpoints == now.look_endpoints;
  if (same_send && same_look) return std::nullopt;
  if (same_send)
    return "the configuration has moved the look-up or the read-back since attempt " + std::to_string(state.attempt) +
           "; what it shows there may say nothing about that attempt";
  const auto name = [](const CallTarget& target) {
    return target.origin +
           (target.credential.empty() ? " without a credential" : " with credential \"" + target.credential + "\"");
  };
  return "attempt " + std::to_string(state.attempt) + " went to " + name(then) + "; the configuration now says " +
         name(now);
}

/// Parks what is in doubt when its endpoint has moved.
bool Stepper::endpoint_changed(ActionIndex index) {
  const std::optional<std::string> moved = endpoint_moved(index);
  if (moved) park_in_doubt(index, "endpoint_changed", *moved);
  return moved.has_value();
}

void Stepper::look(ActionIndex index) {
  if (endpoint_changed(index)) return;
  if (!begin_call(index, *tool(index).lookup, false)) {
    const std::string why = workflow_.actions[index].error->message;
    return park_in_doubt(index, "call_unresolved", why);
  }
  enter(index, Stage::looking);
  note("action.looking", index, Json::object({{"method", "lookup"}}));
}

void Stepper::look_ended(ActionIndex index, Outcome& outcome) {
  if (interrupted(outcome)) return enter(index, Stage::look_wait, moment_.now + Duration(1));
  ActionState& state = action(index);
  const Tool& contract = tool(index);
  const Json* records = outcome.kind == OutcomeClass::answered && outcome.body
                            ? find_below(*outcome.body, contract.lookup_records.tokens, 0)
                            : nullptr;
  std::string why = records == nullptr && outcome.kind != OutcomeClass::answered ? outcome.code + ": " + outcome.detail
                    : records == nullptr || !records->is_array()
                        ? "its answer has no list at " + contract.lookup_records.text()
                        : "";
  if (why.empty() && contract.lookup->answer_schema)
    why = first_failures(contract.lookup->answer_schema->validate(*outcome.body));
  // What the further page holds may be ours, or a second one.
  if (why.empty() && records->size() < 2 && has_further_page(*outcome.body, contract.lookup_next))
    why = "there is a further page";
  if (!why.empty()) {
    if (moment_.now >= deadline(index))
      return park_in_doubt(index, "look_up_unreadable", "the look-up could not be read: " + why);
    const Duration wait = std::max(look_delay(state, planned(index).retry), outcome.retry_after.value_or(Duration(0)));
    ++state.backoffs;
    return enter(index, Stage::look_wait, std::min(moment_.now + wait, deadline(index)));
  }
  state.observed_at = outcome.ended;
  state.backoffs = 0;
  if (records->size() > 1)
    return park_in_doubt(index, "duplicate_found",
                         "the look-up found " + std::to_string(records->size()) + " records under our key");
  if (records->size() == 0) {
    const Time counts_from = quiet_over(index);
    if (outcome.started >= counts_from) return absent(index);
    return enter(index, Stage::look_wait, std::max(counts_from, moment_.now + Duration(1)));
  }
  Json found = records->as_array()[0];
  const std::vector<SchemaFailure> failures = contract.output_schema->validate(found);
  if (!failures.empty() || !succeeds(index, found)) {
    return park_in_doubt(
        index, "look_up_schema_violation",
        "the look-up found a record that is no answer of this tool: " + shorten(canonical(found), 300));
  }
  state.adopted = true;
  note("action.adopted", index);
  executed(index, std::move(found), outcome.status, outcome.ended);
}

/// When `quiet` has passed since our side of the latest send closed.
Time Stepper::quiet_over(ActionIndex index) const {
  return not_before_leap(workflow_.actions[index].closed_at.value_or(moment_.now)) + tool(index).quiet;
}

/// Shown not to have happened: every send so far is settled. What a refusal said now counts; else it may be sent again.
void Stepper::absent(ActionIndex index) {
  ActionState& state = action(index);
  state.unclear = false;
  note("action.absent", index, Json::object({{"method", "lookup"}}));
  if (state.refusal) return fail(index, state.refusal->code, state.refusal->message, Effect::none);
  wake_to_send(index);
}

void Stepper::settle(ActionIndex index) {
  if (endpoint_changed(index)) return;
  if (!begin_looks(index)) {
    const std::string why = workflow_.actions[index].error->message;
    return park_in_doubt(index, "call_unresolved", why);
  }
  const bool first = workflow_.actions[index].stage != Stage::settle_wait;
  enter(index, Stage::settling);
  if (first) note("action.looking", index, Json::object({{"method", "read_back"}}));
}

/// A read-back stands in for the lost answer: a match settles it, anything else at the end leaves it open, unless a
/// tool that knows repeats (key, natural) refused one and the look, `quiet` after the last send, shows nothing of what
/// was asked for.
void Stepper::settle_ended(ActionIndex index, Outcome& outcome) {
  if (interrupted(outcome)) return enter(index, Stage::settle_wait, moment_.now + Duration(1));
  ActionState& state = action(index);
  const Tool& contract = tool(index);
  const Time counts_from =
      contract.mode == IdempotencyMode::none ? state.closed_at.value_or(moment_.now) : match_counts_from(index);
  const std::optional<Seen> seen = looked(index, outcome, counts_from);
  if (!seen) return;
  if (*seen != Seen::unreadable) keep_checks(index, outcome.ended);
  if (*seen == Seen::match) return verified(index, outcome.ended);
  if (*seen == Seen::duplicate)
    return park_in_doubt(index, "duplicate_found", "the read-back finds more than one record");

  const Time settle_deadline = not_before_leap(counts_from) + contract.within;
  if (*seen == Seen::unreadable) {
    const Time limit = std::max(settle_deadline, deadline(index));
    if (moment_.now >= limit)
      return park_in_doubt(index, "read_back_unreadable",
                           "the read-back could not be read: " + outcome.code + ": " + outcome.detail);
    const Duration wait = std::max(
        {contract.interval, look_delay(state, planned(index).retry), outcome.retry_after.value_or(Duration(0))});
    ++state.backoffs;
    return enter(index, Stage::settle_wait, std::min(moment_.now + wait, limit));
  }
  if (outcome.started < settle_deadline) {
    return enter(index, Stage::settle_wait,
                 std::max(moment_.now + Duration(1), std::min(moment_.now + contract.interval, settle_deadline)));
  }
  if (*seen == Seen::pending)
    return park_in_doubt(index, "verification_pending",
                         "attempt " + std::to_string(state.attempt) +
                             " may or may not have happened, and what the read-back shows has not settled");
  if (state.refusal && contract.mode != IdempotencyMode::none && effect_seen(index) == Effect::none) {
    return fail(index, state.refusal->code, state.refusal->message, Effect::none);
  }
  park_in_doubt(index, state.error ? state.error->code : "unclear",
                "attempt " + std::to_string(state.attempt) +
                    " may or may not have happened, and the read-back does not show it" +
                    (state.error ? ": " + state.error->message : ""));
}

}  // namespace settle
