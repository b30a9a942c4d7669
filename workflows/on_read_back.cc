// From executed to verified: a second look, compared field by field.

#include <algorithm>

#include "base/text.h"
#include "workflows/stepper.h"

namespace settle {
namespace {

std::string differences(const std::vector<CheckResult>& checks) {
  std::string out;
  for (const CheckResult& check : checks) {
    if (check.ok) continue;
    out += (out.empty() ? "" : "; ") + check.at + " " + std::string(name_of(check.op)) + " " +
           shorten(canonical(check.expected), 80) +
           ", seen: " + (check.present ? shorten(canonical(check.actual), 80) : "nothing");
  }
  return out;
}

}  // namespace

/// A complete answer that fits the tool's schema and success rule, from the tool itself or adopted from a look-up.
void Stepper::executed(ActionIndex index, Json output, int status, Time at) {
  ActionState& state = action(index);
  const Tool& contract = tool(index);
  state.output = std::make_shared<const Json>(std::move(output));
  out_.new_outputs.push_back(index);
  state.status_code = status;
  if (std::optional<std::string> id = record_id_in(index, *state.output)) state.record_id = std::move(id);
  state.executed_at = at;
  state.error = std::nullopt;
  state.refusal = std::nullopt;
  state.backoffs = 0;
  state.effect = contract.reads_only() ? Effect::none : Effect::complete;
  state.confidence = state.adopted ? Confidence::lookup : Confidence::acknowledged;
  if (contract.mode != IdempotencyMode::natural) state.unclear = false;
  Json data = Json::object({{"status_code", status == 0 ? Json() : Json(status)},
                            {"record_id", state.record_id ? Json(*state.record_id) : Json()}});
  note("action.executed", index, std::move(data));

  if (contract.verify == VerifyKind::response) return verified(index, at);
  if (contract.verify == VerifyKind::none) {
    enter(index, Stage::executed);
    issue_receipt(index);
    return ended(index);
  }
  // With a send of mode natural still unclear, a late first write can land on top of this one: a look before then
  // proves nothing.
  const bool wait = moment_.now < match_counts_from(index);
  if (wait) {
    enter(index, Stage::read_wait, match_counts_from(index));
  } else {
    read(index);
  }
  if (!is_parked(workflow_.actions[index].stage)) issue_receipt(index);
}

/// From when on a match counts: at once, or `quiet` after our side of the latest unclear send closed.
Time Stepper::match_counts_from(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  if (!state.unclear || !state.closed_at) return state.executed_at.value_or(moment_.now);
  return std::max(*state.closed_at + tool(index).quiet, state.executed_at.value_or(*state.closed_at));
}

void Stepper::read(ActionIndex index) {
  if (!tool(index).reads_only()) {
    if (const std::optional<std::string> moved = endpoint_moved(index))
      return park_unverified(index, "endpoint_changed", *moved);
  }
  if (begin_call(index, *tool(index).read_back, false)) return enter(index, Stage::reading);
  ActionState& state = action(index);
  park_unverified(index, "call_unresolved", state.error->message);
}

/// The tool says that it is done, and nobody can see whether that is so: a person is needed.
void Stepper::park_unverified(ActionIndex index, std::string code, std::string message) {
  ActionState& state = action(index);
  state.error = ActionError{std::move(code), std::move(message)};
  enter(index, Stage::unverified);
  note("action.unverified", index, Json::object({{"code", state.error->code}, {"message", state.error->message}}));
  issue_receipt(index);
}

/// Evaluates a look. What could be read is kept in `checks` and `observed_at`, whatever it says.
Stepper::Seen Stepper::compare(ActionIndex index, const Outcome& outcome) {
  const bool absent = outcome.kind == OutcomeClass::rejected && (outcome.status == 404 || outcome.status == 410);
  if (outcome.kind != OutcomeClass::answered && !absent) return Seen::unreadable;

  ActionState& state = action(index);
  static const Json nothing;
  const Json& body = absent || !outcome.body ? nothing : *outcome.body;
  const CheckScope seen(*this, index, state.output.get());
  state.checks.clear();
  state.observed_at = outcome.ended;
  const bool all = evaluate_all(tool(index).expect, body, seen.scope, &state.checks);
  return all && !absent ? Seen::match : Seen::mismatch;
}

/// As seen: nothing of what was asked for is there, or some of it. Unknown where a check could not be made, because it
/// needs a value that is not there: then "nothing" was not seen either.
Effect Stepper::effect_seen(ActionIndex index, const Outcome& outcome) const {
  const ActionState& state = workflow_.actions[index];
  if (tool(index).reads_only() || outcome.kind == OutcomeClass::rejected) return Effect::none;
  const bool any = std::any_of(state.checks.begin(), state.checks.end(),
                               [](const CheckResult& check) { return check.ok && check.present; });
  if (any) return Effect::partial;
  const CheckScope seen(*this, index, state.output.get());
  for (const Check& check : tool(index).expect) {
    for (const Template::Reference& reference : check.references()) {
      if (seen.scope.find(reference.source) == nullptr) return Effect::unknown;
    }
  }
  return Effect::none;
}

void Stepper::read_ended(ActionIndex index, Outcome& outcome) {
  if (interrupted(outcome)) return enter(index, Stage::read_wait, moment_.now + Duration(1));
  ActionState& state = action(index);
  const Tool& contract = tool(index);
  const Seen seen = compare(index, outcome);
  const Time counts_from = match_counts_from(index);
  if (seen == Seen::match && outcome.started >= counts_from) return verified(index, outcome.ended);

  const Time verify_deadline = std::max(counts_from, state.looks_from.value_or(counts_from)) + contract.within;
  if (seen == Seen::unreadable) {
    const std::string why = outcome.code + ": " + outcome.detail;
    const Time limit = std::max(verify_deadline, deadline(index));
    if (moment_.now < limit) {
      const Duration wait = std::max(contract.interval, outcome.retry_after.value_or(Duration(0)));
      return enter(index, Stage::read_wait, std::min(moment_.now + wait, limit));
    }
    return park_unverified(index, "read_back_unreadable", "the read-back could not be read: " + why);
  }
  if (outcome.started < verify_deadline) {
    return enter(index, Stage::read_wait,
                 std::max(moment_.now + Duration(1), std::min(moment_.now + contract.interval, verify_deadline)));
  }
  const bool absent = outcome.kind == OutcomeClass::rejected;
  fail(index, "verification_mismatch",
       absent ? "the read-back finds no such record (HTTP " + std::to_string(outcome.status) + ")"
              : "the read-back differs: " + differences(state.checks),
       effect_seen(index, outcome));
}

void Stepper::verified(ActionIndex index, Time at) {
  ActionState& state = action(index);
  const Tool& contract = tool(index);
  const bool by_response = contract.verify == VerifyKind::response;
  state.verified_at = at;
  state.error = std::nullopt;
  state.effect = contract.reads_only() ? Effect::none : Effect::complete;
  state.confidence = by_response                       ? Confidence::response
                     : rests_on_word(state)            ? Confidence::operator_
                     : state.adopted                   ? Confidence::lookup
                     : state.doubted && !contract.tied ? Confidence::state_match
                                                       : Confidence::read_back;
  state.unclear = false;
  enter(index, Stage::verified);
  note("action.verified", index, Json::object({{"confidence", name_of(state.confidence)}}));
  issue_receipt(index);
  ended(index);
}

}  // namespace settle
