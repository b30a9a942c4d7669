#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "workflows/schedule.h"

namespace settle {

/// Why a schedule starts nothing.
struct SchedulePause {
  std::string code;    ///< paused (by a person), put (so), run_failed, start_failed, token_revoked
  std::string reason;  ///< as the person put it, or what happened
  std::string by;      ///< empty: the schedule itself
  Time at{};
  bool by_itself() const { return by.empty(); }
  friend bool operator==(const SchedulePause&, const SchedulePause&) = default;
};

/// Whose runs they are.
struct ScheduleHolder {
  std::string token_id;      ///< empty: of nobody that is known (--dev)
  std::string submitted_by;  ///< who can't approve what the runs do; empty: not known
  bool revoked = false;      ///< that token was revoked; its own record may be gone since
  friend bool operator==(const ScheduleHolder&, const ScheduleHolder&) = default;
};

/// A schedule as it was made, but for its plan.
struct StoredSchedule {
  std::string name_space, name;  ///< in the key
  std::string rules;             ///< canonical JSON of rules_document()
  std::string plan_digest;
  std::optional<SchedulePause> pause;
  ScheduleHolder holder;
  Time created_at{};
  std::string created_by;
  Time changed_at{};
  std::string changed_by;
  friend bool operator==(const StoredSchedule&, const StoredSchedule&) = default;
};
std::string encode_schedule(const StoredSchedule& schedule);
/// Errors: corruption.
Result<StoredSchedule> decode_schedule(std::string_view bytes, std::string name_space, std::string name);

std::string encode_schedule_progress(const ScheduleProgress& progress);
/// Errors: corruption.
Result<ScheduleProgress> decode_schedule_progress(std::string_view bytes);

}  // namespace settle
