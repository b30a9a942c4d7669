#include "storage/codec.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <records.pb.h>

#include <algorithm>
#include <initializer_list>

namespace settle {
namespace {

std::int64_t number(const std::optional<Time>& time) {
  return time ? time->time_since_epoch().count() : 0;
}
std::int64_t number(Time time) {
  return time.time_since_epoch().count();
}
Time time_of(std::int64_t number) {
  return Time(Duration(number));
}
std::optional<Time> optional_time(std::int64_t number) {
  return number == 0 ? std::nullopt : std::optional<Time>(time_of(number));
}

/// From 1970 to the year 9999: what lies outside was never written, and sums with it would overflow.
bool are_times(std::initializer_list<std::int64_t> numbers) {
  constexpr std::int64_t most = 253'402'300'799'999;
  return std::all_of(numbers.begin(), numbers.end(), [](std::int64_t n) { return n >= 0 && n <= most; });
}

/// Whether a stored number names a value of an enumeration whose last one this is.
template <typename Enum>
bool names_up_to(std::uint32_t number, Enum last) {
  return number <= static_cast<std::uint32_t>(last);
}

/// The same record has the same bytes: a map (of labels) is written in the order of its keys.
std::string bytes_of(const google::protobuf::MessageLite& record) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  record.SerializePartialToCodedStream(&coded);
  coded.Trim();
  return out;
}

Error damaged(std::string_view what) {
  return fail(ErrorCode::corruption, "a stored " + std::string(what) + " can't be read");
}

/// Payloads inside of records were written by us, so limits do not apply; numbers are as they came.
Result<Json> read_stored(const std::string& bytes) {
  const JsonLimits limits{.bytes_max = std::size_t{1} << 30,
                          .depth_max = 256,
                          .nodes_max = std::size_t{1} << 30,
                          .numbers = JsonNumbers::exact};
  Result<Json> json = read_json(bytes, limits);
  if (!json) return damaged("JSON value");
  return json;
}

void write_error(const std::optional<ActionError>& error, records::ErrorRecord* (records::ActionRecord::*target)(),
                 records::ActionRecord& record) {
  if (!error) return;
  records::ErrorRecord* out = (record.*target)();
  out->set_code(error->code);
  out->set_message(error->message);
}

std::optional<ActionError> read_error(bool has, const records::ErrorRecord& record) {
  if (!has) return std::nullopt;
  return ActionError{record.code(), record.message()};
}

/// Every tool that a plan calls, by name.
std::map<std::string_view, const Tool*> tools_of(const Plan& plan) {
  std::map<std::string_view, const Tool*> out;
  const Tool* last = nullptr;  // neighbours often share a tool, and a plan may have thousands of actions
  const auto add = [&](const PlannedCall& call) {
    if (call.tool.get() != last) out[call.tool->name] = call.tool.get();
    last = call.tool.get();
  };
  for (const PlanAction& action : plan.actions) {
    add(action);
    if (action.fallback) add(*action.fallback);
    if (action.fallback && action.fallback->compensate) add(*action.fallback->compensate);
    if (action.compensate) add(*action.compensate);
  }
  return out;
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

std::string encode_header(const Workflow& workflow, const std::optional<Time>& due_at) {
  const WorkflowHeader& header = workflow.header;
  records::WorkflowRecord record;
  record.set_plan_name(workflow.plan->name);
  for (const auto& [name, value] : header.labels) (*record.mutable_labels())[name] = value;
  record.set_plan_digest(header.plan_digest);
  record.set_body_digest(header.body_digest);
  record.set_status(static_cast<std::uint32_t>(header.status));
  record.set_outcome(static_cast<std::uint32_t>(header.outcome));
  record.set_attention(header.attention);
  record.set_created_at(number(header.created_at));
  record.set_ended_at(number(header.ended_at));
  record.set_version(header.version);
  record.set_events(header.events);
  record.set_receipts(header.receipts);
  record.set_due_at(number(due_at));
  record.set_deadline_at(number(header.deadline_at));
  record.set_expired(header.expired);
  record.set_paused(header.paused);
  record.set_retries(header.retries);
  if (header.parent) {
    record.set_parent_workflow(header.parent->workflow);
    record.set_parent_action(header.parent->action);
    record.set_parent_run(header.parent->run);
  }
  record.set_depth(header.depth);
  record.set_submitted_by(header.submitted_by);
  for (const auto& [name, tool] : tools_of(*workflow.plan)) {
    records::ToolVersion* pinned = record.add_tools();
    pinned->set_name(std::string(name));
    pinned->set_version(std::string(reinterpret_cast<const char*>(tool->version.data()), tool->version.size()));
  }
  return bytes_of(record);
}

Result<StoredHeader> decode_header(std::string_view bytes) {
  records::WorkflowRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return damaged("workflow");
  if (!names_up_to(record.status(), WorkflowStatus::compensating) ||
      !names_up_to(record.outcome(), WorkflowOutcome::cancelled) ||
      !are_times({record.created_at(), record.ended_at(), record.due_at(), record.deadline_at()}))
    return damaged("workflow");
  StoredHeader out;
  out.plan_name = record.plan_name();
  for (const auto& [name, value] : record.labels()) out.header.labels[name] = value;
  out.header.plan_digest = record.plan_digest();
  out.header.body_digest = record.body_digest();
  out.header.status = static_cast<WorkflowStatus>(record.status());
  out.header.outcome = static_cast<WorkflowOutcome>(record.outcome());
  out.header.attention = record.attention();
  out.header.created_at = time_of(record.created_at());
  out.header.ended_at = optional_time(record.ended_at());
  out.header.version = record.version();
  out.header.events = record.events();
  out.header.receipts = record.receipts();
  out.due_at = optional_time(record.due_at());
  out.header.deadline_at = optional_time(record.deadline_at());
  out.header.expired = record.expired();
  out.header.paused = record.paused();
  out.header.retries = record.retries();
  if (!record.parent_workflow().empty())
    out.header.parent = ParentLink{record.parent_workflow(), record.parent_action(), record.parent_run()};
  out.header.depth = record.depth();
  out.header.submitted_by = record.submitted_by();
  for (const records::ToolVersion& tool : record.tools()) out.tools.push_back({tool.name(), tool.version()});
  return out;
}

std::string encode_action(const ActionState& action) {
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
  record.set_call_origin(action.call_origin);
  record.set_call_credential(action.call_credential);
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
  record.set_look_endpoints(action.look_endpoints);
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
  out.call_origin = record.call_origin();
  out.call_credential = record.call_credential();
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
  out.look_endpoints = record.look_endpoints();
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
  return out;
}

std::string encode_signal(const SignalState& signal) {
  records::SignalRecord record;
  record.set_name(signal.name);
  record.set_payload(canonical(*signal.payload));
  record.set_key(signal.key);
  record.set_digest(signal.digest);
  record.set_received_at(number(signal.received_at));
  if (signal.taken_by) record.set_taken_by(*signal.taken_by);
  return record.SerializeAsString();
}

Result<SignalState> decode_signal(std::string_view bytes) {
  records::SignalRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return damaged("signal");
  Result<Json> payload = read_stored(record.payload());
  if (!payload) return std::move(payload).error();
  SignalState out{record.name(),
                  std::make_shared<const Json>(*std::move(payload)),
                  record.key(),
                  record.digest(),
                  time_of(record.received_at()),
                  record.payload().size(),
                  std::nullopt};
  if (record.has_taken_by()) out.taken_by = record.taken_by();
  return out;
}

std::string encode_events(const std::vector<HistoryEvent>& events) {
  records::EventsRecord record;
  for (const HistoryEvent& event : events) {
    records::EventRecord* out = record.add_events();
    out->set_type(event.type);
    if (event.action) out->set_action(*event.action);
    out->set_at(number(event.at));
    if (event.data.size() > 0) out->set_data(canonical(event.data));
  }
  return record.SerializeAsString();
}

Result<std::vector<StoredEvent>> decode_events(std::string_view bytes, std::uint32_t first) {
  records::EventsRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return damaged("history record");
  std::vector<StoredEvent> out;
  for (const records::EventRecord& event : record.events()) {
    if (!are_times({event.at()})) return damaged("history record");
    StoredEvent stored{first++, time_of(event.at()), {event.type(), std::nullopt, Json::object()}};
    if (event.has_action()) stored.event.action = event.action();
    if (!event.data().empty()) {
      Result<Json> data = read_stored(event.data());
      if (!data) return std::move(data).error();
      stored.event.data = *std::move(data);
    }
    out.push_back(std::move(stored));
  }
  return out;
}

std::string encode_summary(const Workflow& workflow) {
  const WorkflowHeader& header = workflow.header;
  records::SummaryRecord record;
  record.set_name(workflow.plan->name);
  record.set_status(static_cast<std::uint32_t>(shown_status(header)));
  record.set_outcome(static_cast<std::uint32_t>(header.outcome));
  record.set_attention(header.attention);
  record.set_created_at(number(header.created_at));
  record.set_ended_at(number(header.ended_at));
  for (const auto& [name, value] : header.labels) (*record.mutable_labels())[name] = value;
  for (const auto& [name, tool] : tools_of(*workflow.plan)) record.add_tools(std::string(name));
  return bytes_of(record);
}

Result<Summary> decode_summary(std::string_view bytes) {
  records::SummaryRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return damaged("listing entry");
  if (!names_up_to(record.status(), WorkflowStatus::paused) ||
      !names_up_to(record.outcome(), WorkflowOutcome::cancelled) ||
      !are_times({record.created_at(), record.ended_at()}))
    return damaged("listing entry");
  Summary out;
  out.name = record.name();
  out.status = static_cast<WorkflowStatus>(record.status());
  out.outcome = static_cast<WorkflowOutcome>(record.outcome());
  out.attention = record.attention();
  out.created_at = time_of(record.created_at());
  out.ended_at = optional_time(record.ended_at());
  for (const auto& [name, value] : record.labels()) out.labels[name] = value;
  out.tools.assign(record.tools().begin(), record.tools().end());
  return out;
}

std::string encode_key(const StoredKey& key) {
  records::KeyRecord record;
  record.set_workflow(key.workflow);
  record.set_body_digest(key.body_digest);
  return record.SerializeAsString();
}

Result<StoredKey> decode_key(std::string_view bytes) {
  records::KeyRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return damaged("idempotency key");
  return StoredKey{record.workflow(), record.body_digest()};
}

std::string encode_approval(const StoredApproval& approval) {
  records::ApprovalRecord record;
  record.set_workflow(approval.workflow);
  record.set_state(static_cast<std::uint32_t>(approval.state));
  record.set_document(canonical(approval.document));
  return record.SerializeAsString();
}

Result<StoredApproval> decode_approval(std::string_view bytes) {
  records::ApprovalRecord record;
  const bool read = record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (!read || !names_up_to(record.state(), ApprovalState::withdrawn)) return damaged("approval");
  Result<Json> document = read_stored(record.document());
  if (!document) return std::move(document).error();
  return StoredApproval{record.workflow(), static_cast<ApprovalState>(record.state()), *std::move(document)};
}

}  // namespace settle
