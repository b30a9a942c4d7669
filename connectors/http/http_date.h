#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace settle {

/// Reads an HTTP-date (RFC 9110 §5.6.7) in any of its three forms, strictly: the day of the week must be the date's
/// own. `now` places the two-digit year of the form of RFC 850. Null when it is not one. Thread: any.
std::optional<Time> parse_http_date(std::string_view text, Time now);

/// Reads a Retry-After field: whole seconds or an HTTP-date, as a wait from `now`, at least 0 and at most 24 hours.
/// Null when it is neither. Thread: any.
std::optional<Duration> parse_retry_after(std::string_view text, Time now);

}  // namespace settle
