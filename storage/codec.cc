#include "storage/codec.h"

#include <records.pb.h>

#include "storage/record_values.h"

namespace settle {
namespace {

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

/// The fields that both records of a workflow have.
template <class Record>
void write_progress(const WorkflowHeader& header, const std::optional<Time>& due_at, std::uint64_t kept_bytes,
                    Record& record) {
  record.set_status(static_cast<std::uint32_t>(header.status));
  record.set_outcome(static_cast<std::uint32_t>(header.outcome));
  record.set_attention(header.attention);
  record.set_ended_at(number(header.ended_at));
  record.set_version(header.version);
  record.set_events(header.events);
  record.set_receipts(header.receipts);
  record.set_due_at(number(due_at));
  record.set_deadline_at(number(header.deadline_at));
  record.set_expired(header.expired);
  record.set_paused(header.paused);
  record.set_retries(header.retries);
  record.set_kept_bytes(kept_bytes);
  record.set_recorded(header.recorded);
}

/// False when it holds what was never written.
template <class Record>
bool read_progress(const Record& record, StoredHeader& out) {
  if (!names_up_to(record.status(), WorkflowStatus::compensating) ||
      !names_up_to(record.outcome(), WorkflowOutcome::cancelled) ||
      !are_times({record.ended_at(), record.due_at(), record.deadline_at()}))
    return false;
  WorkflowHeader& header = out.header;
  header.status = static_cast<WorkflowStatus>(record.status());
  header.outcome = static_cast<WorkflowOutcome>(record.outcome());
  header.attention = record.attention();
  header.ended_at = optional_time(record.ended_at());
  header.version = record.version();
  header.events = record.events();
  header.receipts = record.receipts();
  out.due_at = optional_time(record.due_at());
  header.deadline_at = optional_time(record.deadline_at());
  header.expired = record.expired();
  header.paused = record.paused();
  header.retries = record.retries();
  out.kept_bytes = record.kept_bytes();
  header.recorded = record.recorded();
  return true;
}

}  // namespace

std::string encode_header(const Workflow& workflow, const std::optional<Time>& due_at, std::uint64_t kept_bytes) {
  const WorkflowHeader& header = workflow.header;
  records::WorkflowRecord record;
  record.set_plan_name(workflow.plan->name);
  for (const auto& [name, value] : header.labels) (*record.mutable_labels())[name] = value;
  record.set_plan_digest(header.plan_digest);
  record.set_body_digest(header.body_digest);
  record.set_created_at(number(header.created_at));
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
  if (header.version == 1) write_progress(header, due_at, kept_bytes, record);
  return bytes_of(record);
}

Result<StoredHeader> decode_header(std::string_view bytes) {
  records::WorkflowRecord record;
  StoredHeader out;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !are_times({record.created_at()}) ||
      !read_progress(record, out))
    return damaged("workflow");
  out.plan_name = record.plan_name();
  for (const auto& [name, value] : record.labels()) out.header.labels[name] = value;
  out.header.plan_digest = record.plan_digest();
  out.header.body_digest = record.body_digest();
  out.header.created_at = time_of(record.created_at());
  if (!record.parent_workflow().empty())
    out.header.parent = ParentLink{record.parent_workflow(), record.parent_action(), record.parent_run()};
  out.header.depth = record.depth();
  out.header.submitted_by = record.submitted_by();
  for (const records::ToolVersion& tool : record.tools()) out.tools.push_back({tool.name(), tool.version()});
  return out;
}

std::string encode_progress(const WorkflowHeader& header, const std::optional<Time>& due_at, std::uint64_t kept_bytes) {
  records::ProgressRecord record;
  write_progress(header, due_at, kept_bytes, record);
  return record.SerializeAsString();
}

Result<void> apply_progress(std::string_view bytes, StoredHeader& header) {
  records::ProgressRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !read_progress(record, header))
    return damaged("workflow's progress");
  return {};
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
