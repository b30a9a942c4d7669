#include "base/json_number.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "base/decimal.h"

namespace settle {
namespace {

constexpr std::int64_t exact_integer_max = 9007199254740991;  // 2^53 - 1: above it doubles skip integers

/// Null on overflow; what is too small for a double is 0.
std::optional<double> nearest_double(std::string_view token) {
  double value = 0;
  const std::errc error = std::from_chars(token.data(), token.data() + token.size(), value).ec;
  if (error == std::errc() && std::isfinite(value)) return value;
  if (decimal_value(token).point > 0) return std::nullopt;
  return 0.0;
}

NumberRefusal exact_number(std::string_view token, Json& out) {
  const DecimalValue exact = decimal_value(token);
  if (exact.is_integral() && exact.point <= 19) {
    std::string digits = exact.negative ? "-" : "";
    digits.append(exact.is_zero() ? "0" : exact.digits);
    digits.append(static_cast<std::size_t>(exact.point) - exact.digits.size(), '0');
    std::int64_t value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc()) {
      out = Json(value);
      return NumberRefusal::none;
    }
  }
  // Shortest doubles have 17 digits at most.
  if (exact.digits.size() <= 17) {
    const std::optional<double> value = nearest_double(token);
    if (value && decimal_value(*value) == exact) {
      out = Json(*value);
      return NumberRefusal::none;
    }
  }
  if (std::abs(exact.point) > decimal_point_max) return NumberRefusal::exponent_too_large;
  out = Json(Json::Decimal{std::string(token)});
  return NumberRefusal::none;
}

}  // namespace

NumberRefusal read_number_token(std::string_view token, bool whole, JsonNumbers numbers, Json& out) {
  const bool strict = numbers == JsonNumbers::strict;
  if (whole) {
    std::int64_t value = 0;
    const bool fits = std::from_chars(token.data(), token.data() + token.size(), value).ec == std::errc();
    if (fits && (!strict || std::abs(value) <= exact_integer_max)) {
      out = Json(value);
      return NumberRefusal::none;
    }
    if (strict) return NumberRefusal::not_exact;
  }
  if (!strict) return exact_number(token, out);
  const std::optional<double> value = nearest_double(token);
  if (!value) return NumberRefusal::beyond_double;
  out = Json(*value);
  return NumberRefusal::none;
}

}  // namespace settle
