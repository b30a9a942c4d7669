#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/store.h"
#include "workflows/step.h"

namespace settle {

/// The records of docs/formats/records.md, between the structs of the core and bytes. Errors of every decode:
/// corruption.

struct PinnedTool {
  std::string name;
  std::string version;  ///< 32 bytes
};

struct StoredHeader {
  WorkflowHeader header;  ///< name_space and id are the caller's: they stand in the key
  std::string plan_name;
  std::vector<PinnedTool> tools;
  std::optional<Time> due_at;
  std::uint64_t kept_bytes = 0;  ///< 0: written before that was counted
};
/// What stays as it was submitted; of its first version also how far it is.
std::string encode_header(const Workflow& workflow, const std::optional<Time>& due_at, std::uint64_t kept_bytes);
Result<StoredHeader> decode_header(std::string_view bytes);
/// How far it is, alone.
std::string encode_progress(const WorkflowHeader& header, const std::optional<Time>& due_at, std::uint64_t kept_bytes);
/// Puts a later record of that into a header.
Result<void> apply_progress(std::string_view bytes, StoredHeader& header);

/// Inputs and answers of at most so many bytes stand within the record of their run, larger ones in their own.
inline constexpr std::size_t payload_within_max = 512;
struct PayloadsWithin {
  bool input = false, output = false;
};
std::string encode_action(const ActionState& action, PayloadsWithin within);
Result<ActionState> decode_action(std::string_view bytes);

std::string encode_signal(const SignalState& signal);
Result<SignalState> decode_signal(std::string_view bytes);

struct StoredEvent {
  std::uint32_t seq = 0;
  Time at{};
  HistoryEvent event;
};
std::string encode_events(const std::vector<HistoryEvent>& events);
Result<std::vector<StoredEvent>> decode_events(std::string_view bytes, std::uint32_t first);

struct Summary {
  std::string id;
  std::string name;
  WorkflowStatus status = WorkflowStatus::running;
  WorkflowOutcome outcome = WorkflowOutcome::none;
  bool attention = false;
  Time created_at{};
  std::optional<Time> ended_at;
  std::map<std::string, std::string> labels;
  std::vector<std::string> tools;  ///< names; empty in a listing entry from before they were kept
};
std::string encode_summary(const Workflow& workflow);
Result<Summary> decode_summary(std::string_view bytes);

struct StoredKey {
  std::string workflow;
  std::string body_digest;
};
std::string encode_key(const StoredKey& key);
Result<StoredKey> decode_key(std::string_view bytes);

/// What the index holds of a request for approval: all of it under its id, a line of it in the lists.
struct StoredApproval {
  std::string workflow;
  ApprovalState state = ApprovalState::open;
  Json document;
};
std::string encode_approval(const StoredApproval& approval);
Result<StoredApproval> decode_approval(std::string_view bytes);

}  // namespace settle
