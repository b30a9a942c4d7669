#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace settle {

class Json;

/// The exact value of a decimal number in its one normal form: ±0.DIGITS × 10^point, DIGITS without zeros at either
/// end. Zero has no digits, no sign and point 0. Two numbers are equal when their normal forms are, however large the
/// exponent: nothing here ever writes an exponent out as zeros.
struct DecimalValue {
  bool negative = false;
  std::string digits;
  std::int64_t point = 0;

  bool is_zero() const { return digits.empty(); }
  /// True when there is nothing behind the decimal point.
  bool is_integral() const { return point >= static_cast<std::int64_t>(digits.size()); }
  friend bool operator==(const DecimalValue&, const DecimalValue&) = default;
};

/// The greatest magnitude of `point` that the reader lets in. Exponents are cut far above it, so that sums can't
/// overflow.
inline constexpr std::int64_t decimal_point_max = 1'000'000'000;

/// The value of `token`, which must be a number as RFC 8259 §6 writes it (a bug otherwise).
DecimalValue decimal_value(std::string_view token);

/// The shortest decimal number that reads back as `value`: what Settle means by the exact value of a double. Must be
/// finite.
DecimalValue decimal_value(double value);

/// The value of a JSON number of any kind.
DecimalValue decimal_value(const Json& number);

/// Negative, 0 or positive, as a < b, a == b or a > b.
int compare(const DecimalValue& a, const DecimalValue& b);

/// The exact a − b. Null when its digits would span more than `difference_digits_max` places, as 1e300000 − 1 does.
inline constexpr std::int64_t difference_digits_max = 10'000;
std::optional<DecimalValue> difference(const DecimalValue& a, const DecimalValue& b);

/// Appends the number as ECMAScript's Number::toString lays digits out (ECMA-262 §6.1.6.1.20, RFC 8785 §3.2.2.3),
/// with all of its digits, however many.
void write_decimal(const DecimalValue& value, std::string& out);

/// The same for ±0.DIGITS × 10^point with `digits` as in DecimalValue, but not empty. `Out` appends as std::string
/// does.
template <class Out>
void lay_out_decimal(bool negative, std::string_view digits, std::int64_t point, Out& out) {
  if (negative) out.push_back('-');
  const auto count = static_cast<std::int64_t>(digits.size());
  if (count <= point && point <= 21) {
    out.append(digits);
    out.append(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out.append(digits.substr(0, static_cast<std::size_t>(point)));
    out.push_back('.');
    out.append(digits.substr(static_cast<std::size_t>(point)));
  } else if (-6 < point && point <= 0) {
    out.append(std::string_view("0."));
    out.append(static_cast<std::size_t>(-point), '0');
    out.append(digits);
  } else {
    out.push_back(digits.front());
    if (count > 1) {
      out.push_back('.');
      out.append(digits.substr(1));
    }
    out.append(std::string_view(point > 0 ? "e+" : "e-"));
    out.append(std::to_string(point > 0 ? point - 1 : 1 - point));
  }
}

}  // namespace settle
