#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rare.h"
#include "base/time.h"
#include "schemas/schema.h"
#include "workflows/condition.h"
#include "workflows/fields.h"

namespace settle {

/// What becomes of a request for approval that nobody has decided in time: its action fails, or it waits on and more
/// people are told.
enum class OnExpiry : std::uint8_t { reject = 0, escalate = 1 };
std::string_view name_of(OnExpiry rule);

/// Who must agree, and by when.
struct ApprovalTerms {
  std::uint32_t approvers = 1;                ///< different people
  Duration expires = std::chrono::hours(24);  ///< from the request on
  OnExpiry on_expiry = OnExpiry::reject;
  bool four_eyes = true;  ///< whoever submitted the workflow can't approve
};
inline constexpr std::int64_t approvers_max = 100;

/// The rule of a tool, tightened by the plan (CONTRACT §3, §4). Immutable. Thread: any.
struct ApprovalRule : ApprovalTerms {
  std::vector<Condition> when;  ///< over the resolved input; any of them asks. Empty: it always asks

  /// Whether an approval is needed for this input. A condition that can't be decided, since a value is not there, asks:
  /// leaving a member out is no way around a person.
  bool asks(const Json& input) const;
};

/// `approval` of a tool document. Null: none is needed. A destructive tool without a word about it has the default
/// rule. `input` is the tool's schema, or null where that was refused.
Rare<ApprovalRule> read_approval(Fields& tool, bool destructive, const Schema* input, std::vector<Problem>& problems);

/// `approval` of a call in a plan, laid over the rule of its tool: the stricter of each counts, whichever of the two
/// asks, and either of their conditions asks. What would loosen the tool's rule is `policy_loosened`.
Rare<ApprovalRule> tighten_approval(Fields& call, const Rare<ApprovalRule>& of_tool, const Schema* input,
                                    std::vector<Problem>& problems);

}  // namespace settle
