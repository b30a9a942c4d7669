#include "base/decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/json.h"

namespace settle {
namespace {

constexpr std::int64_t exponent_cut = decimal_point_max * 1'000'000;

/// The exponent of a token, its sign included, cut at ±exponent_cut.
std::int64_t exponent_of(std::string_view text) {
  if (text.empty()) return 0;
  const bool negative = text.front() == '-';
  if (text.front() == '-' || text.front() == '+') text.remove_prefix(1);
  std::int64_t value = 0;
  for (const char c : text) value = std::min(value * 10 + (c - '0'), exponent_cut);
  return negative ? -value : value;
}

}  // namespace

DecimalValue decimal_value(std::string_view token) {
  DecimalValue out;
  SETTLE_ASSERT(!token.empty());
  out.negative = token.front() == '-';
  if (out.negative) token.remove_prefix(1);

  const std::size_t e = token.find_first_of("eE");
  const std::string_view mantissa = token.substr(0, e);
  const std::size_t dot = std::min(mantissa.find('.'), mantissa.size());
  const std::string_view whole = mantissa.substr(0, dot);
  const std::string_view fraction = dot < mantissa.size() ? mantissa.substr(dot + 1) : std::string_view();
  out.digits.reserve(mantissa.size());
  out.digits.append(whole).append(fraction);

  const std::size_t last = out.digits.find_last_not_of('0');
  if (last == std::string::npos) return {};
  const std::size_t first = out.digits.find_first_not_of('0');
  out.digits.erase(last + 1);
  out.digits.erase(0, first);
  const std::int64_t exponent = e == std::string_view::npos ? 0 : exponent_of(token.substr(e + 1));
  out.point = static_cast<std::int64_t>(whole.size()) - static_cast<std::int64_t>(first) + exponent;
  return out;
}

DecimalValue decimal_value(double value) {
  SETTLE_ASSERT(std::isfinite(value));
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  SETTLE_ASSERT(error == std::errc());
  return decimal_value(std::string_view(text, static_cast<std::size_t>(end - text)));
}

DecimalValue decimal_value(const Json& number) {
  SETTLE_ASSERT(number.is_number());
  if (number.type() == Json::Type::real) return decimal_value(number.as_double());
  if (number.type() == Json::Type::decimal) return decimal_value(std::string_view(number.as_decimal().text));
  return decimal_value(std::string_view(std::to_string(number.as_integer())));
}

int compare(const DecimalValue& a, const DecimalValue& b) {
  if (a.is_zero() && b.is_zero()) return 0;
  if (a.is_zero()) return b.negative ? 1 : -1;
  if (b.is_zero()) return a.negative ? -1 : 1;
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const int larger = a.negative ? -1 : 1;
  if (a.point != b.point) return a.point > b.point ? larger : -larger;
  // Digits begin right behind the point in both, so their order as text is their order as fractions.
  const int order = a.digits.compare(b.digits);
  return order == 0 ? 0 : (order > 0 ? larger : -larger);
}

namespace {

/// The digits of |value| × 10^-low, filled with zeros in front to `count` digits.
std::string aligned(const DecimalValue& value, std::int64_t low, std::size_t count) {
  const std::int64_t behind = value.point - static_cast<std::int64_t>(value.digits.size()) - low;
  std::string out = value.digits + std::string(static_cast<std::size_t>(behind), '0');
  return std::string(count - out.size(), '0') + out;
}

/// The digits of a + b, one more than they have.
std::string sum_of(const std::string& a, const std::string& b) {
  std::string out(a.size() + 1, '0');
  int carry = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    const int digit = (a[i] - '0') + (b[i] - '0') + carry;
    out[i + 1] = static_cast<char>('0' + digit % 10);
    carry = digit / 10;
  }
  out[0] = static_cast<char>('0' + carry);
  return out;
}

/// The digits of a - b, which is not negative.
std::string rest_of(const std::string& a, const std::string& b) {
  std::string out(a.size(), '0');
  int borrowed = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    const int digit = (a[i] - '0') - (b[i] - '0') - borrowed;
    borrowed = digit < 0 ? 1 : 0;
    out[i] = static_cast<char>('0' + digit + 10 * borrowed);
  }
  return out;
}

}  // namespace

std::optional<DecimalValue> difference(const DecimalValue& a, const DecimalValue& b) {
  DecimalValue minus_b = b;
  minus_b.negative = !b.negative && !b.is_zero();
  if (a.is_zero()) return minus_b;
  if (b.is_zero()) return a;
  const auto low_of = [](const DecimalValue& value) {
    return value.point - static_cast<std::int64_t>(value.digits.size());
  };
  const std::int64_t low = std::min(low_of(a), low_of(b)), high = std::max(a.point, b.point);
  if (high - low > difference_digits_max) return std::nullopt;
  const auto count = static_cast<std::size_t>(high - low);
  const std::string left = aligned(a, low, count), right = aligned(b, low, count);
  const bool adds = a.negative != b.negative, swapped = !adds && left < right;
  DecimalValue out;
  out.digits = adds ? sum_of(left, right) : swapped ? rest_of(right, left) : rest_of(left, right);
  out.point = adds ? high + 1 : high;
  const std::size_t last = out.digits.find_last_not_of('0');
  if (last == std::string::npos) return DecimalValue();
  const std::size_t first = out.digits.find_first_not_of('0');
  out.digits.erase(last + 1);
  out.digits.erase(0, first);
  out.point -= static_cast<std::int64_t>(first);
  out.negative = a.negative != swapped;
  return out;
}

void write_decimal(const DecimalValue& value, std::string& out) {
  if (value.is_zero()) {
    out += '0';
  } else {
    lay_out_decimal(value.negative, value.digits, value.point, out);
  }
}

}  // namespace settle
