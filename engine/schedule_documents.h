#pragma once

#include "engine/schedule_runner.h"

namespace settle {

/// What the API says of a schedule. `plan` null: a line of a listing, with the next time alone.
Json schedule_document(const ScheduleRunner& runner, const TimeZones& zones, const Json* plan, Time now);

/// {"scheduled_at", "local", "starts_at"} of the next times of a recurrence, at most `count`: the instant, what the
/// clocks of its time zone show then, and the instant with its jitter. `name` is that of the schedule.
Json times_document(const Recurrence& recurrence, const TimeZones& zones, std::string_view name, Time after,
                    std::size_t count);

}  // namespace settle
