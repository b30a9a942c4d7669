#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/decimal.h"
#include "base/json.h"

namespace settle {
namespace {

constexpr double exact_integer_max = 9007199254740991.0;  // 2^53 - 1

/// Above this many members, objects are compared by sorting instead of by looking up each name.
constexpr std::size_t few_members = 16;

std::vector<const JsonMember*> by_name(const Json::Object& object) {
  std::vector<const JsonMember*> out;
  out.reserve(object.size());
  for (const JsonMember& member : object) out.push_back(&member);
  std::sort(out.begin(), out.end(), [](const JsonMember* a, const JsonMember* b) { return a->name < b->name; });
  return out;
}

bool equal_objects(const Json& left, const Json& right) {
  const Json::Object& a = left.as_object();
  const Json::Object& b = right.as_object();
  if (a.size() != b.size()) return false;

  std::size_t same = 0;
  while (same < a.size() && a[same].name == b[same].name) ++same;
  if (same == a.size()) {
    return std::equal(a.begin(), a.end(), b.begin(),
                      [](const JsonMember& x, const JsonMember& y) { return x.value == y.value; });
  }
  if (a.size() <= few_members) {
    return std::all_of(a.begin(), a.end(), [&](const JsonMember& member) {
      const Json* other = right.find(member.name);
      return other != nullptr && member.value == *other;
    });
  }
  const std::vector<const JsonMember*> x = by_name(a), y = by_name(b);
  return std::equal(x.begin(), x.end(), y.begin(), [](const JsonMember* m, const JsonMember* n) {
    return m->name == n->name && m->value == n->value;
  });
}

}  // namespace

Json::Json(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    held_ = static_cast<std::int64_t>(value);
  } else {
    held_ = Decimal{std::to_string(value)};
  }
}

Json::Json(double value) {
  SETTLE_ASSERT(std::isfinite(value));
  if (std::abs(value) <= exact_integer_max && std::trunc(value) == value) {
    held_ = static_cast<std::int64_t>(value);
  } else {
    held_ = value;
  }
}

Json Json::array() {
  return Json(Array());
}
Json Json::object() {
  return Json(Object());
}

Json Json::object(std::initializer_list<std::pair<std::string_view, Json>> members) {
  Json out = object();
  out.as_object().reserve(members.size());
  for (const auto& [name, value] : members) {
    SETTLE_ASSERT(out.find(name) == nullptr);
    out.as_object().push_back({std::string(name), value});
  }
  return out;
}

std::string_view Json::type_name() const {
  switch (type()) {
    case Type::null:
      return "null";
    case Type::boolean:
      return "boolean";
    case Type::integer:
      return "integer";
    case Type::real:
    case Type::decimal:
      return "number";
    case Type::string:
      return "string";
    case Type::array:
      return "array";
    case Type::object:
      return "object";
  }
  SETTLE_ASSERT(false);
}

double Json::as_double() const {
  SETTLE_ASSERT(is_number());
  if (type() == Type::integer) return static_cast<double>(std::get<std::int64_t>(held_));
  if (type() == Type::real) return std::get<double>(held_);
  const std::string& text = std::get<Decimal>(held_).text;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc()) return value;
  // Out of range: nothing between the largest double and infinity, or between 0 and the smallest one, is nearer.
  const DecimalValue exact = decimal_value(std::string_view(text));
  const double nearest = exact.point > 0 ? std::numeric_limits<double>::infinity() : 0.0;
  return exact.negative ? -nearest : nearest;
}

const Json::Decimal& Json::as_decimal() const {
  SETTLE_ASSERT(type() == Type::decimal);
  return std::get<Decimal>(held_);
}

Json::Array& Json::as_array() {
  SETTLE_ASSERT(is_array());
  return std::get<Array>(held_);
}

Json::Object& Json::as_object() {
  SETTLE_ASSERT(is_object());
  return std::get<Object>(held_);
}

const Json* Json::find(std::string_view name) const {
  if (!is_object()) return nullptr;
  for (const JsonMember& member : as_object()) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

Json* Json::find(std::string_view name) {
  return const_cast<Json*>(std::as_const(*this).find(name));
}

Json& Json::set(std::string_view name, Json value) {
  if (is_null()) held_ = Object();
  if (Json* there = find(name)) return *there = std::move(value);
  as_object().push_back({std::string(name), std::move(value)});
  return as_object().back().value;
}

bool Json::erase(std::string_view name) {
  if (!is_object()) return false;
  return std::erase_if(as_object(), [&](const JsonMember& member) { return member.name == name; }) > 0;
}

void Json::push_back(Json value) {
  if (is_null()) held_ = Array();
  as_array().push_back(std::move(value));
}

std::size_t Json::size() const {
  if (is_array()) return as_array().size();
  return is_object() ? as_object().size() : 0;
}

int compare_numbers(const Json& a, const Json& b) {
  SETTLE_ASSERT(a.is_number() && b.is_number());
  if (a.is_integer() && b.is_integer()) {
    const std::int64_t x = a.as_integer(), y = b.as_integer();
    return x < y ? -1 : (x > y ? 1 : 0);
  }
  if (a.type() == Json::Type::real && b.type() == Json::Type::real) {
    const double x = a.as_double(), y = b.as_double();
    return x < y ? -1 : (x > y ? 1 : 0);
  }
  // A double stands for its shortest decimal digits, so an int64 and a double must not meet as doubles.
  return compare(decimal_value(a), decimal_value(b));
}

bool operator==(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Json::Type::null:
      return true;
    case Json::Type::boolean:
      return a.as_bool() == b.as_bool();
    case Json::Type::string:
      return a.as_string() == b.as_string();
    case Json::Type::array:
      return a.as_array() == b.as_array();
    case Json::Type::object:
      return equal_objects(a, b);
    case Json::Type::integer:
    case Json::Type::real:
    case Json::Type::decimal:
      break;
  }
  SETTLE_ASSERT(false);
}

}  // namespace settle
