#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <iterator>
#include <optional>

#include "base/decimal.h"
#include "base/text.h"
#include "schemas/accept.h"

namespace settle {
namespace {

__extension__ typedef unsigned __int128 Wide;

/// Up to this many elements, uniqueItems compares pair by pair; above it by hash.
constexpr std::size_t few_elements = 16;

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  std::uint64_t out = (a ^ (b + 0x9E3779B97F4A7C15 + (a << 6) + (a >> 2))) * 0xBF58476D1CE4E5B9;
  return out ^ out >> 31;
}

std::uint64_t number_hash(const Json& value) {
  if (value.is_integer()) {
    std::int64_t integer = value.as_integer();
    std::int64_t zeros = 0;
    for (; integer != 0 && integer % 10 == 0; integer /= 10) ++zeros;
    // The magnitude without its last zeros: the digits of the normal form.
    const std::uint64_t digits =
        integer < 0 ? ~static_cast<std::uint64_t>(integer) + 1 : static_cast<std::uint64_t>(integer);
    return mixed(digits, static_cast<std::uint64_t>(integer == 0 ? 0 : zeros) * 2 + (integer < 0 ? 1 : 0));
  }
  const DecimalValue exact = decimal_value(value);
  const auto count = static_cast<std::int64_t>(exact.digits.size());
  std::uint64_t digits = 0;
  if (count <= 19) {
    for (const char c : exact.digits) digits = digits * 10 + static_cast<unsigned>(c - '0');
  } else {
    digits = std::hash<std::string_view>()(exact.digits);
  }
  return mixed(digits, static_cast<std::uint64_t>(exact.point - count) * 2 + (exact.negative ? 1 : 0));
}

/// 10^exponent mod `modulus`.
std::uint64_t power_of_ten(std::int64_t exponent, std::uint64_t modulus) {
  if (exponent == 0 || modulus == 1) return 1 % modulus;
  Wide result = 1 % modulus, square = 10 % modulus;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = result * square % modulus;
    square = square * square % modulus;
  }
  return static_cast<std::uint64_t>(result);
}

/// Whether the shortest digits of `value` are a multiple of modulus × 10^-places; null where doubles can't tell. A
/// double has no two decimal numbers of up to 15 digits, so where scaled / 10^places is `value`, those digits are its
/// shortest. And where they are no such number, they have more places than the factor.
std::optional<bool> is_short_multiple(double value, std::uint64_t modulus, std::size_t places) {
  constexpr double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  if (places >= std::size(powers)) return std::nullopt;
  const double size = std::abs(value), about = size * powers[places];
  if (!(about < 1e15 - 1)) return std::nullopt;
  const auto scaled = static_cast<std::uint64_t>(about + 0.5);
  if (static_cast<double>(scaled) / powers[places] != size) return false;
  return modulus == 1 || scaled % modulus == 0;
}

/// The same for any double: its shortest digits are at most 17, and fit 64 bits.
bool is_multiple_of(double value, std::uint64_t modulus, std::int64_t exponent) {
  if (exponent <= 0) {
    const std::optional<bool> quick = is_short_multiple(value, modulus, static_cast<std::size_t>(-exponent));
    if (quick) return *quick;
  }
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  std::uint64_t digits = 0;
  const char* at = text;
  std::int64_t places = 0;
  for (bool fraction = false; at != end && *at != 'e'; ++at) {
    if (*at == '.') fraction = true;
    if (*at < '0' || *at > '9') continue;
    digits = digits * 10 + static_cast<unsigned>(*at - '0');
    places += fraction ? 1 : 0;
  }
  if (digits == 0) return true;
  int power = 0;
  if (at != end) std::from_chars(at[1] == '+' ? at + 2 : at + 1, end, power);
  for (; digits % 10 == 0; digits /= 10) --places;
  const std::int64_t over = power - places - exponent;
  if (over < 0) return false;
  return Wide{digits % modulus} * power_of_ten(over, modulus) % modulus == 0;
}

/// compare_numbers, quick where a double meets an integer that is one too: the digits that doubles stand for are in the
/// order of the doubles.
int order_of(const Json& value, const Json& bound) {
  constexpr std::int64_t exact = std::int64_t{1} << 53;
  if (value.type() == Json::Type::real && bound.is_integer() && bound.as_integer() >= -exact &&
      bound.as_integer() <= exact) {
    const double x = value.as_double(), y = static_cast<double>(bound.as_integer());
    return x < y ? -1 : (x > y ? 1 : 0);
  }
  return compare_numbers(value, bound);
}

void write_beginning(const Json& value, std::size_t bytes_max, std::string& out) {
  if (out.size() > bytes_max) return;
  if (value.is_string()) return write_json_string(shorten(value.as_string(), bytes_max), out);
  if (value.type() == Json::Type::decimal) {
    out += shorten(value.as_decimal().text, bytes_max);
  } else if (value.is_array()) {
    out += '[';
    for (std::size_t i = 0; i < value.size() && out.size() <= bytes_max; ++i) {
      if (i > 0) out += ',';
      write_beginning(value.as_array()[i], bytes_max, out);
    }
    out += ']';
  } else if (value.is_object()) {
    out += '{';
    for (std::size_t i = 0; i < value.size() && out.size() <= bytes_max; ++i) {
      if (i > 0) out += ',';
      write_json_string(shorten(value.as_object()[i].name, bytes_max), out);
      out += ':';
      write_beginning(value.as_object()[i].value, bytes_max, out);
    }
    out += '}';
  } else {
    write_canonical(value, out);
  }
}

bool is_scalar(const Json& value) {
  return !value.is_array() && !value.is_object();
}

/// Few strings, pair by pair.
std::size_t repeated_text(const Json::Array& elements) {
  const Json* const all = elements.data();
  for (std::size_t i = 1; i < elements.size(); ++i) {
    const std::string_view text = all[i].as_string();
    for (std::size_t j = 0; j < i; ++j) {
      const std::string& other = all[j].as_string();
      if (other.size() == text.size() && same_bytes(other.data(), text.data(), text.size())) return i;
    }
  }
  return elements.size();
}

}  // namespace

std::string shortened_json(const Json& value, std::size_t bytes_max) {
  std::string out;
  write_beginning(value, bytes_max, out);
  return shorten(out, bytes_max);
}

std::uint64_t json_hash(const Json& value, std::uint64_t& steps) {
  ++steps;
  const auto type = static_cast<std::uint64_t>(value.type());
  if (value.is_number()) {
    if (value.type() == Json::Type::decimal) steps += value.as_decimal().text.size() / 16;
    return number_hash(value);
  }
  if (value.is_string()) {
    steps += value.as_string().size() / 64;
    return mixed(type, std::hash<std::string_view>()(value.as_string()));
  }
  std::uint64_t out = mixed(type, value.size());
  if (value.is_bool()) return mixed(type, value.as_bool() ? 3 : 5);
  if (value.is_array()) {
    for (const Json& element : value.as_array()) out = mixed(out, json_hash(element, steps));
  }
  if (value.is_object()) {
    // A sum does not know the order of the members.
    std::uint64_t sum = 0;
    for (const JsonMember& member : value.as_object()) {
      sum += mixed(std::hash<std::string_view>()(member.name), json_hash(member.value, steps));
    }
    out = mixed(out, sum);
  }
  return out;
}

bool SchemaAcceptor::is_integral(const Json& value) {
  if (value.is_integer()) return true;
  if (value.type() == Json::Type::real) return std::trunc(value.as_double()) == value.as_double();
  return value.type() == Json::Type::decimal && decimal_value(value).is_integral();
}

bool SchemaAcceptor::fits_bounds(const SchemaNumberRules& rules, const Json& value) {
  if (rules.minimum != nullptr && order_of(value, *rules.minimum) < 0) return false;
  if (rules.maximum != nullptr && order_of(value, *rules.maximum) > 0) return false;
  if (rules.exclusive_minimum != nullptr && order_of(value, *rules.exclusive_minimum) <= 0) return false;
  return rules.exclusive_maximum == nullptr || order_of(value, *rules.exclusive_maximum) < 0;
}

/// Exact: value = A × 10^a and factor = M × 10^m with integers A and M; A has no trailing zeros, so for a < m the
/// value can't hold the factor's powers of ten; else M must divide A × 10^(a-m).
bool SchemaAcceptor::is_multiple(const SchemaNumberRules& rules, const Json& value) {
  const std::uint64_t modulus = rules.multiple_digits;
  if (value.is_integer() && rules.multiple_exponent <= 0) {
    const std::int64_t integer = value.as_integer();
    const std::uint64_t size =
        integer < 0 ? ~static_cast<std::uint64_t>(integer) + 1 : static_cast<std::uint64_t>(integer);
    if (modulus == 1 || size % modulus == 0) return true;
    return Wide{size % modulus} * power_of_ten(-rules.multiple_exponent, modulus) % modulus == 0;
  }
  if (value.type() == Json::Type::real) return is_multiple_of(value.as_double(), modulus, rules.multiple_exponent);
  const DecimalValue exact = decimal_value(value);
  if (exact.is_zero()) return true;
  const std::int64_t exponent = exact.point - static_cast<std::int64_t>(exact.digits.size()) - rules.multiple_exponent;
  if (exponent < 0) return false;
  Wide rest = 0;
  for (const char c : exact.digits) rest = (rest * 10 + static_cast<unsigned>(c - '0')) % modulus;
  return rest * power_of_ten(exponent, modulus) % modulus == 0;
}

std::size_t SchemaAcceptor::repeated_element(const Json::Array& elements) {
  const std::size_t count = elements.size();
  if (count <= few_elements && std::ranges::all_of(elements, &Json::is_string)) return repeated_text(elements);
  if (count <= few_elements && std::ranges::all_of(elements, is_scalar)) {
    for (std::size_t i = 1; i < count; ++i) {
      if (std::find(elements.begin(), elements.begin() + static_cast<std::ptrdiff_t>(i), elements[i]) !=
          elements.begin() + static_cast<std::ptrdiff_t>(i)) {
        return i;
      }
    }
    return count;
  }
  std::vector<std::pair<std::uint64_t, std::size_t>> by_hash;
  by_hash.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t steps = 0;
    by_hash.emplace_back(json_hash(elements[i], steps), i);
    if (!spend(steps)) return 0;
  }
  std::ranges::sort(by_hash);
  // Equal hashes stand together; values that differ with one hash cost steps, so that nobody can make them many.
  std::size_t first = count;
  for (std::size_t i = 1; i < count; ++i) {
    for (std::size_t j = i; j-- > 0 && by_hash[j].first == by_hash[i].first;) {
      std::uint64_t steps = 0;
      json_hash(elements[by_hash[i].second], steps);
      if (!spend(steps)) return 0;
      if (!(elements[by_hash[i].second] == elements[by_hash[j].second])) continue;
      first = std::min(first, by_hash[i].second);
      break;
    }
  }
  return first;
}

}  // namespace settle
