#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "workflows/approval_rule.h"

namespace settle {

/// How far a request for approval is. Stored by number: never renumber.
enum class ApprovalState : std::uint8_t {
  open = 0,
  approved = 1,
  rejected = 2,
  expired = 3,
  withdrawn = 4,  ///< its run was cancelled, stopped or failed in another way before it was decided
};
std::string_view name_of(ApprovalState state);

/// What one person said to a request. A person speaks once for each request.
struct ApprovalDecision {
  bool approved = false;
  std::string by;
  std::string reason;  ///< of an approval it may be empty
  Time at{};
  std::string digest;  ///< of what was shown
  friend bool operator==(const ApprovalDecision&, const ApprovalDecision&) = default;
};

/// A request to people to release what a run is about to send. Bound to its digest: whatever else would be sent needs
/// another one.
struct ApprovalRequest {
  std::uint32_t number = 0;  ///< counts the requests of a run, from 1; part of the id
  std::string digest;        ///< approval_digest() of what was asked for
  ApprovalState state = ApprovalState::open;
  Time requested_at{};
  Time expires_at{};
  std::uint32_t approvers = 1;
  OnExpiry on_expiry = OnExpiry::reject;
  bool escalated = false;  ///< nobody has decided in time, and it waits on
  bool four_eyes = true;
  std::vector<ApprovalDecision> decisions;  ///< in the order in which they came
  friend bool operator==(const ApprovalRequest&, const ApprovalRequest&) = default;

  /// How many people have approved just this.
  std::uint32_t approvals() const;
};

struct Workflow;

/// Id of the n-th request of a run: "ap_" and 32 characters, as those of an idempotency key.
std::string approval_id(const Workflow& workflow, std::uint32_t run, std::uint32_t number);

/// "sha256:…" of the canonical {action, credential, element, input, namespace, origin, plan_digest, role, tool: {name,
/// version}, workflow}: what would be sent, by whom it was planned, and where it goes.
std::string approval_digest(const Workflow& workflow, std::uint32_t run);

/// What this run needs by its rule and its resolved input; null: nothing.
std::optional<ApprovalTerms> approval_needed(const Workflow& workflow, std::uint32_t run);

/// Nobody has to agree, or enough people have to exactly what would be sent now.
bool is_released(const Workflow& workflow, std::uint32_t run);

/// For people: that it always asks, or the conditions that ask, with the values that they compare.
std::string why_asked(const Workflow& workflow, std::uint32_t run);

/// Every decision about a run that still counts: those of earlier requests under which it may have been sent, and those
/// of the latest.
std::vector<ApprovalDecision> decisions_of(const Workflow& workflow, std::uint32_t run);

}  // namespace settle
