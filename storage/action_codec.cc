// The record of a run: its state, the request for approval, its error and checks.

#include <records.pb.h>

#include "storage/codec.h"
#include "storage/record_values.h"

namespace settle {
namespace {

void write_error(const Rare<ActionError>& error, records::ErrorRecord* (records::ActionRecord::*target)(),
                 records::ActionRecord& record) {
  if (!error) return;
  records::ErrorRecord* out = (record.*target)();
  out->set_code(error->code);
  out->set_message(error->message);
}

Rare<ActionError> read_error(bool has, const records::ErrorRecord& record) {
  if (!has) return std::nullopt;
  return ActionError{record.code(), record.message()};
}

void write_decision(const ApprovalDecision& decision, records::DecisionRecord& out) {
  out.set_approved(decision.approved);
  out.set_by(decision.by);
  out.set_reason(decision.reason);
  out.set_at(number(decision.at));
  out.set_digest(decision.digest);
}

ApprovalDecision read_decision(const records::DecisionRecord& record) {
  return {record.approved(), record.by(), record.reason(), time_of(record.at()), record.digest()};
}

void write_approval(const ActionState& action, records::ActionRecord& record) {
  record.set_approval_requests(action.approval_requests);
  for (const ApprovalDecision& one : action.earlier_decisions) write_decision(one, *record.add_earlier_decisions());
  if (!action.approval) return;
  records::RequestRecord& out = *record.mutable_approval();
  out.set_number(action.approval->number);
  out.set_digest(action.approval->digest);
  out.set_state(static_cast<std::uint32_t>(action.approval->state));
  out.set_requested_at(number(action.approval->requested_at));
  out.set_expires_at(number(action.approval->expires_at));
  out.set_approvers(action.approval->approvers);
  out.set_on_expiry(static_cast<std::uint32_t>(action.approval->on_expiry));
  out.set_escalated(action.approval->escalated);
  out.set_four_eyes(action.approval->four_eyes);
  for (const ApprovalDecision& one : action.approval->decisions) write_decision(one, *out.add_decisions());
}

/// False when it holds what was never written.
bool read_approval(const records::ActionRecord& record, ActionState& out) {
  out.approval_requests = record.approval_requests();
  for (const records::DecisionRecord& one : record.earlier_decisions()) {
    if (!are_times({one.at()})) return false;
    out.earlier_decisions.push_back(read_decision(one));
  }
  if (!record.has_approval()) return true;
  const records::RequestRecord& stored = record.approval();
  if (!names_up_to(stored.state(), ApprovalState::withdrawn) || !names_up_to(stored.on_expiry(), OnExpiry::escalate) ||
      !are_times({stored.requested_at(), stored.expires_at()}))
    return false;
  ApprovalRequest& request = out.approval.emplace();
  request.number = stored.number();
  request.digest = stored.digest();
  request.state = static_cast<ApprovalState>(stored.state());
  request.requested_at = time_of(stored.requested_at());
  request.expires_at = time_of(stored.expires_at());
  request.approvers = stored.approvers();
  request.on_expiry = static_cast<OnExpiry>(stored.on_expiry());
  request.escalated = stored.escalated();
  request.four_eyes = stored.four_eyes();
  for (const records::DecisionRecord& one : stored.decisions()) {
    if (!are_times({one.at()})) return false;
    request.decisions.push_back(read_decision(one));
  }
  return true;
}

}  // namespace

std::string encode_action(const ActionState& action, PayloadsWithin within) {
  records::ActionRecord record;
  record.set_stage(static_cast<std::uint32_t>(action.stage));
  record.set_attempt(action.attempt);
  record.set_counted(action.counted);
  record.set_backoffs(action.backoffs);
  record.set_call(action.call);
  record.set_generation(action.generation);
  record.set_unclear(action.unclear);
  record.set_doubted(action.doubted);
  record.set_adopted(action.adopted);
  record.set_throttled(action.throttled);
  record.set_call_write(action.call_write);
  if (action.target) {
    record.set_call_origin(action.target->origin);
    record.set_call_credential(action.target->credential);
    record.set_look_endpoints(action.target->look_endpoints);
  }
  record.set_wake_at(number(action.wake_at));
  record.set_since(number(action.since));
  record.set_scheduled_at(number(action.scheduled_at));
  record.set_first_send_at(number(action.first_send_at));
  record.set_closed_at(number(action.closed_at));
  record.set_executed_at(number(action.executed_at));
  record.set_verified_at(number(action.verified_at));
  record.set_observed_at(number(action.observed_at));
  record.set_status_code(action.status_code);
  if (action.record_id) record.set_record_id(*action.record_id);
  write_error(action.error, &records::ActionRecord::mutable_error, record);
  write_error(action.refusal, &records::ActionRecord::mutable_refusal, record);
  record.set_effect(static_cast<std::uint32_t>(action.effect));
  record.set_confidence(static_cast<std::uint32_t>(action.confidence));
  for (const CheckResult& check : action.checks) {
    records::CheckRecord* out = record.add_checks();
    out->set_at(check.at);
    out->set_op(static_cast<std::uint32_t>(check.op));
    out->set_expected(canonical(check.expected));
    if (check.present) out->set_actual(canonical(check.actual));
    out->set_ok(check.ok);
    out->set_read(check.read);
  }
  record.set_receipt(action.receipt);
  record.set_planned(action.planned);
  record.set_role(static_cast<std::uint32_t>(action.role));
  if (action.element) record.set_element(*action.element);
  record.set_parent(action.parent);
  record.set_fallback(action.fallback);
  record.set_elements(action.elements);
  record.set_first_element(action.first_element);
  record.set_held(action.held);
  record.set_idle_fallback(action.idle_fallback);
  record.set_looks_from(number(action.looks_from));
  if (action.word) {
    records::OperatorRecord* word = record.mutable_word();
    word->set_happened(action.word->happened);
    word->set_who(action.word->who);
    word->set_seen(action.word->seen);
    word->set_at(number(action.word->at));
    word->set_by(action.word->by);
  }
  record.set_child_attention(action.child_attention);
  record.set_limit(static_cast<std::uint32_t>(action.limit));
  record.set_before_at(number(action.before_at));
  record.set_rechecks(action.rechecks);
  record.set_recheck_since(number(action.recheck_since));
  record.set_recheck_failed(action.recheck_failed);
  write_approval(action, record);
  if (within.input && action.input) write_canonical(*action.input, *record.mutable_input());
  if (within.output && action.output) write_canonical(*action.output, *record.mutable_output());
  return record.SerializeAsString();
}

Result<ActionState> decode_action(std::string_view bytes) {
  records::ActionRecord record;
  const bool read = record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (!read || record.stage() >= stage_count || !names_up_to(record.effect(), Effect::unknown) ||
      !names_up_to(record.confidence(), Confidence::operator_) || !names_up_to(record.limit(), Limit::retry_after) ||
      !names_up_to(record.role(), CallRole::compensate_fallback) ||
      !are_times({record.wake_at(), record.since(), record.scheduled_at(), record.first_send_at(), record.closed_at(),
                  record.executed_at(), record.verified_at(), record.observed_at(), record.looks_from(),
                  record.word().at()}))
    return damaged("action");
  ActionState out;
  out.stage = static_cast<Stage>(record.stage());
  out.attempt = record.attempt();
  out.counted = record.counted();
  out.backoffs = record.backoffs();
  out.call = record.call();
  out.generation = record.generation();
  out.unclear = record.unclear();
  out.doubted = record.doubted();
  out.adopted = record.adopted();
  out.throttled = record.throttled();
  out.call_write = record.call_write();
  if (!record.call_origin().empty())
    out.target = std::make_shared<CallTarget>(
        CallTarget{record.call_origin(), record.call_credential(), record.look_endpoints()});
  out.wake_at = optional_time(record.wake_at());
  out.since = time_of(record.since());
  out.scheduled_at = optional_time(record.scheduled_at());
  out.first_send_at = optional_time(record.first_send_at());
  out.closed_at = optional_time(record.closed_at());
  out.executed_at = optional_time(record.executed_at());
  out.verified_at = optional_time(record.verified_at());
  out.observed_at = optional_time(record.observed_at());
  out.status_code = record.status_code();
  if (record.has_record_id()) out.record_id = record.record_id();
  out.error = read_error(record.has_error(), record.error());
  out.refusal = read_error(record.has_refusal(), record.refusal());
  out.effect = static_cast<Effect>(record.effect());
  out.confidence = static_cast<Confidence>(record.confidence());
  for (const records::CheckRecord& check : record.checks()) {
    if (!names_up_to(check.op(), Operator::decreased_by)) return damaged("action");
    Result<Json> expected = read_stored(check.expected());
    if (!expected) return std::move(expected).error();
    CheckResult result{check.at(),  static_cast<Operator>(check.op()), *std::move(expected),
                       Json(),      !check.actual().empty(),           check.ok(),
                       check.read()};
    if (result.present) {
      Result<Json> actual = read_stored(check.actual());
      if (!actual) return std::move(actual).error();
      result.actual = *std::move(actual);
    }
    out.checks.push_back(std::move(result));
  }
  out.receipt = record.receipt();
  out.planned = record.planned();
  out.role = static_cast<CallRole>(record.role());
  if (record.has_element()) out.element = record.element();
  out.parent = record.parent();
  out.fallback = record.fallback();
  out.elements = record.elements();
  out.first_element = record.first_element();
  out.held = record.held();
  out.idle_fallback = record.idle_fallback();
  out.looks_from = optional_time(record.looks_from());
  if (record.has_word())
    out.word = OperatorWord{record.word().happened(), record.word().who(), record.word().seen(),
                            time_of(record.word().at()), record.word().by()};
  out.before_at = optional_time(record.before_at());
  out.rechecks = record.rechecks();
  out.recheck_since = optional_time(record.recheck_since());
  out.recheck_failed = record.recheck_failed();
  out.child_attention = record.child_attention();
  out.limit = static_cast<Limit>(record.limit());
  if (!read_approval(record, out)) return damaged("action");
  for (const auto& [within, payload] :
       {std::pair(&record.input(), &out.input), std::pair(&record.output(), &out.output)}) {
    if (within->empty()) continue;
    Result<Json> value = read_stored(*within);
    if (!value) return std::move(value).error();
    *payload = std::make_shared<const Json>(*std::move(value));
  }
  out.recorded = true;
  return out;
}

}  // namespace settle
