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
    out += (out.empty() ? "" : "; ") + (check.read.empty() ? "" : check.read + ": ") + check.at + " " +
           std::string(name_of(check.op)) + " " + shorten(canonical(check.expected), 80) +
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
  if (std::optional<std::string> id = tool(index).record_id_in(*state.output)) state.record_id = std::move(id);
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
  return std::max(quiet_over(index), state.executed_at.value_or(*state.closed_at));
}

void Stepper::read(ActionIndex index) {
  if (!tool(index).reads_only()) {
    if (const std::optional<std::string> moved = endpoint_moved(index))
      return park_unverified(index, "endpoint_changed", *moved);
  }
  if (begin_looks(index)) return enter(index, Stage::reading);
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

/// Neither the tool's answer is known nor the record that a person saw.
bool Stepper::answer_is_lost(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  return state.output == nullptr && !state.record_id;
}

/// What the read-back consists of now: while the tool's answer is lost, the look that can do without it.
std::span<const ReadBack> Stepper::looks(ActionIndex index) const {
  const Tool& contract = tool(index);
  if (answer_is_lost(index) && contract.read_unseen) return {&*contract.read_unseen, 1};
  return contract.reads;
}

/// Takes the first look of a read-back. False when it can't be prepared (then `error` of the action says why).
bool Stepper::begin_looks(ActionIndex index) {
  action(index).pass = LookPass();
  return begin_call(index, looks(index)[0].call, false);
}

/// One look has answered: what all of them showed, or null while the next one is under way. All must match, and none
/// may have begun too early. Every one is taken, so that everything that differs is told.
std::optional<Stepper::Seen> Stepper::looked(ActionIndex index, Outcome& outcome, Time counts_from) {
  const std::span<const ReadBack> all = looks(index);
  LookPass& pass = action(index).pass;
  if (!compare(index, all[pass.next], outcome)) return Seen::unreadable;
  pass.early = pass.early || outcome.started < counts_from;
  if (++pass.next < all.size()) {
    if (begin_call(index, all[pass.next].call, false)) return std::nullopt;
    outcome.code = "call_unresolved";
    outcome.detail = std::exchange(action(index).error, std::nullopt)->message;
    return Seen::unreadable;
  }
  if (pass.duplicate) return Seen::duplicate;
  if (pass.pending) return Seen::pending;
  return pass.mismatch || pass.early ? Seen::mismatch : Seen::match;
}

/// There is more than this answer shows: a value other than null, false and "" at `next` says so.
bool Stepper::has_further_page(const Json& answer, const std::optional<Pointer>& next) {
  const Json* value = next ? find_below(answer, next->tokens, 0) : nullptr;
  return value != nullptr && !value->is_null() && !(*value == Json(false)) && !(*value == Json(""));
}

/// Compares one look and adds to the pass what it shows. False when it can't be read; then `outcome` says why.
bool Stepper::compare(ActionIndex index, const ReadBack& look, Outcome& outcome) {
  const auto unreadable = [&](std::string code, std::string detail) {
    outcome.code = std::move(code);
    outcome.detail = std::move(detail);
    return false;
  };
  const bool absent = outcome.kind == OutcomeClass::rejected && (outcome.status == 404 || outcome.status == 410);
  if (outcome.kind != OutcomeClass::answered && !absent) return false;
  static const Json nothing;
  const Json& body = absent || !outcome.body ? nothing : *outcome.body;
  if (!absent && look.call.answer_schema) {
    const std::vector<SchemaFailure> failures = look.call.answer_schema->validate(body);
    if (!failures.empty()) return unreadable("output_schema_violation", first_failures(failures));
  }
  ActionState& state = action(index);
  const Json* record = absent ? nullptr : &body;
  std::string root;
  if (look.unique) {
    const Json* list = absent ? nullptr : find_below(body, look.unique->tokens, 0);
    if (!absent && (list == nullptr || !list->is_array()))
      return unreadable("no_list", "its answer has no list at " + look.unique->text());
    const std::size_t count = absent ? 0 : list->size();
    if (count < 2 && !absent && has_further_page(body, look.next))
      return unreadable("further_page", "there is a further page, so that it can't be seen whether there is just one");
    state.pass.checks.push_back(
        {look.unique->text(), Operator::count, 1, static_cast<std::int64_t>(count), !absent, count == 1, look.name});
    state.pass.duplicate = state.pass.duplicate || count > 1;
    record = count == 1 ? &list->as_array()[0] : nullptr;
    root = look.unique->text() + "/0";
  }
  const CheckScope seen(*this, index, state.output.get());
  const std::size_t first = state.pass.checks.size();
  const bool all = evaluate_all(look.expect, record == nullptr ? nothing : *record, seen.scope, &state.pass.checks);
  for (std::size_t i = first; i < state.pass.checks.size(); ++i) {
    CheckResult& check = state.pass.checks[i];
    check.read = look.name;
    if (!(check.op == Operator::all || check.op == Operator::any || check.op == Operator::not_))
      check.at = root + check.at;
  }
  const bool settling =
      record != nullptr && std::any_of(look.pending.begin(), look.pending.end(),
                                       [&](const Check& check) { return check.evaluate(*record, seen.scope).ok; });
  state.pass.absent += record == nullptr ? 1 : 0;
  state.pass.pending = state.pass.pending || settling;
  state.pass.mismatch = state.pass.mismatch || !all || record == nullptr;
  return true;
}

/// What the looks showed is kept, whatever it says.
void Stepper::keep_checks(ActionIndex index, Time at) {
  ActionState& state = action(index);
  state.checks = std::move(state.pass.checks);
  state.pass.checks.clear();
  state.observed_at = at;
}

std::string Stepper::what_differs(ActionIndex index, const Outcome& outcome) const {
  return outcome.kind == OutcomeClass::rejected && looks(index).size() == 1
             ? "the read-back finds no such record (HTTP " + std::to_string(outcome.status) + ")"
             : "the read-back differs: " + differences(workflow_.actions[index].checks);
}

/// As seen: nothing of what was asked for is there, or some of it. Unknown where a check could not be made, because it
/// needs a value that is not there: then "nothing" was not seen either.
Effect Stepper::effect_seen(ActionIndex index) const {
  const ActionState& state = workflow_.actions[index];
  if (tool(index).reads_only() || state.pass.absent == looks(index).size()) return Effect::none;
  const bool any = std::any_of(state.checks.begin(), state.checks.end(),
                               [](const CheckResult& check) { return check.ok && check.present; });
  if (any) return Effect::partial;
  // It has changed, only not by as much as it should.
  const bool moved = std::any_of(state.checks.begin(), state.checks.end(), [](const CheckResult& check) {
    return compares_before(check.op) && check.present && !(check.actual == Json(0));
  });
  if (moved) return Effect::unknown;
  const CheckScope seen(*this, index, state.output.get());
  for (const ReadBack& look : looks(index)) {
    for (const Check& check : look.expect) {
      if (!check.children().empty() && check.needs_before()) return Effect::unknown;
      for (const Template::Reference& reference : check.references()) {
        if (seen.scope.find(reference.source) == nullptr) return Effect::unknown;
      }
    }
  }
  return Effect::none;
}

void Stepper::read_ended(ActionIndex index, Outcome& outcome) {
  if (interrupted(outcome)) return enter(index, Stage::read_wait, moment_.now + Duration(1));
  const Tool& contract = tool(index);
  const Time counts_from = match_counts_from(index);
  const std::optional<Seen> seen = looked(index, outcome, counts_from);
  if (!seen) return;
  if (*seen != Seen::unreadable) keep_checks(index, outcome.ended);
  if (*seen == Seen::match) return verified(index, outcome.ended);
  if (*seen == Seen::duplicate) return duplicate_found(index);

  const std::optional<Time> asked_from = workflow_.actions[index].looks_from;
  const Time verify_deadline =
      not_before_leap(std::max(counts_from, asked_from.value_or(counts_from))) + contract.within;
  if (*seen == Seen::unreadable) {
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
  if (*seen == Seen::pending)
    return park_unverified(index, "verification_pending",
                           "what the read-back shows has not settled within " + format_duration(contract.within));
  fail(index, "verification_mismatch", what_differs(index, outcome), effect_seen(index));
}

/// What should be there once is there twice. Waiting would not help.
void Stepper::duplicate_found(ActionIndex index) {
  note("action.duplicate_found", index);
  fail(index, "duplicate_found", "the read-back differs: " + differences(workflow_.actions[index].checks),
       Effect::complete);
}

void Stepper::verified(ActionIndex index, Time at) {
  ActionState& state = action(index);
  const Tool& contract = tool(index);
  const bool by_response = contract.verify == VerifyKind::response;
  const bool unseen = contract.read_unseen && answer_is_lost(index);
  const bool tied = unseen ? contract.read_unseen->tied : contract.tied;
  state.verified_at = at;
  state.error = std::nullopt;
  state.effect = contract.reads_only() ? Effect::none : Effect::complete;
  state.confidence = by_response              ? Confidence::response
                     : rests_on_word(state)   ? Confidence::operator_
                     : state.adopted          ? Confidence::lookup
                     : state.doubted && !tied ? Confidence::state_match
                                              : Confidence::read_back;
  state.unclear = false;
  state.rechecks = 0;
  schedule_recheck(index);
  note("action.verified", index, Json::object({{"confidence", name_of(state.confidence)}}));
  issue_receipt(index);
  ended(index);
}

}  // namespace settle
