#pragma once

#include <cstdint>
#include <string_view>

#include "base/json.h"

namespace settle {

/// Why a number that RFC 8259 allows is refused all the same.
enum class NumberRefusal : std::uint8_t {
  none,
  not_exact,           ///< strict: an integer beyond ±(2^53-1)
  beyond_double,       ///< strict: more than the greatest double
  exponent_too_large,  ///< exact: the magnitude is beyond 10^±decimal_point_max
};

/// Makes `out`, which must be null, the value of `token`, a number as RFC 8259 §6 writes it. `whole`: it has neither
/// fraction nor exponent. Thread: any.
NumberRefusal read_number_token(std::string_view token, bool whole, JsonNumbers numbers, Json& out);

}  // namespace settle
