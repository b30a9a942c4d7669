#include <re2/re2.h>

#include <algorithm>
#include <cmath>

#include "base/pointer.h"
#include "base/text.h"
#include "schemas/node.h"

namespace settle {
namespace {

constexpr std::size_t failures_max = 100;
constexpr std::size_t got_bytes_max = 80;

/// How many names or values a message lists before it says how many there are.
constexpr std::size_t listed_max = 20;

/// Up to this many elements, uniqueItems compares pair by pair; above it by sorted canonical form.
constexpr std::size_t few_elements = 16;

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

std::string type_list(std::uint8_t types) {
  constexpr std::pair<SchemaType::Bit, std::string_view> names[] = {
      {SchemaType::null, "null"},       {SchemaType::boolean, "true or false"}, {SchemaType::integer, "an integer"},
      {SchemaType::number, "a number"}, {SchemaType::string, "a string"},       {SchemaType::array, "an array"},
      {SchemaType::object, "an object"}};
  std::string out;
  for (const auto& [bit, name] : names) {
    if ((types & bit) != 0) out.append(out.empty() ? "" : " or ").append(name);
  }
  return out;
}

bool is_integral(const Json& number) {
  if (number.is_integer()) return true;
  if (number.type() == Json::Type::real) return std::trunc(number.as_double()) == number.as_double();
  return decimal_value(number).is_integral();
}

bool has_type(const Json& value, std::uint8_t types) {
  switch (value.type()) {
    case Json::Type::null:
      return (types & SchemaType::null) != 0;
    case Json::Type::boolean:
      return (types & SchemaType::boolean) != 0;
    case Json::Type::integer:
      return (types & (SchemaType::integer | SchemaType::number)) != 0;
    case Json::Type::real:
    case Json::Type::decimal:
      return (types & SchemaType::number) != 0 || ((types & SchemaType::integer) != 0 && is_integral(value));
    case Json::Type::string:
      return (types & SchemaType::string) != 0;
    case Json::Type::array:
      return (types & SchemaType::array) != 0;
    case Json::Type::object:
      return (types & SchemaType::object) != 0;
  }
  return false;
}

std::string choice_list(const Json::Array& choices) {
  std::string out = choices.size() == 1 ? "" : "one of ";
  for (std::size_t i = 0; i < choices.size() && i < listed_max; ++i) {
    out.append(i == 0 ? "" : ", ").append(shortened_json(choices[i], got_bytes_max));
  }
  if (choices.size() > listed_max) out += ", … (" + std::to_string(choices.size()) + " in all)";
  return out;
}

bool is_choice(const SchemaNode& node, const Json& value) {
  if (node.canonical_choices.empty()) return std::ranges::find(*node.choices, value) != node.choices->end();
  return std::ranges::binary_search(node.canonical_choices, canonical(value));
}

/// 10^exponent mod `modulus`.
std::uint64_t power_of_ten(std::int64_t exponent, std::uint64_t modulus) {
  __extension__ typedef unsigned __int128 Wide;
  Wide result = 1 % modulus, square = 10 % modulus;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = result * square % modulus;
    square = square * square % modulus;
  }
  return static_cast<std::uint64_t>(result);
}

/// Exact: value = A × 10^a and factor = M × 10^m with integers A and M; A has no trailing zeros, so for a < m the
/// value can't hold the factor's powers of ten; else M must divide A × 10^(a-m).
bool is_multiple(const Json& value, const SchemaNode& node) {
  __extension__ typedef unsigned __int128 Wide;
  const DecimalValue exact = decimal_value(value);
  if (exact.is_zero()) return true;
  const std::int64_t exponent = exact.point - static_cast<std::int64_t>(exact.digits.size()) - node.multiple_exponent;
  if (exponent < 0) return false;
  const std::uint64_t modulus = node.multiple_digits;
  Wide rest = 0;
  for (const char c : exact.digits) rest = (rest * 10 + static_cast<unsigned>(c - '0')) % modulus;
  return rest * power_of_ten(exponent, modulus) % modulus == 0;
}

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// The index of an element that equals an earlier one, or nothing.
std::optional<std::size_t> repeated_element(const Json::Array& elements) {
  if (elements.size() <= few_elements) {
    for (std::size_t i = 1; i < elements.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (elements[i] == elements[j]) return i;
      }
    }
    return std::nullopt;
  }
  std::vector<std::pair<std::string, std::size_t>> sorted;
  sorted.reserve(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) sorted.emplace_back(canonical(elements[i]), i);
  std::ranges::sort(sorted);
  std::optional<std::size_t> first;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i].first == sorted[i - 1].first) first = std::min(first.value_or(sorted[i].second), sorted[i].second);
  }
  return first;
}

/// Where the walk is in the instance: a chain on the stack, written out only for a failure.
struct Step {
  const Step* up = nullptr;
  const std::string* name = nullptr;  ///< null: `index` counts
  std::size_t index = 0;
};

std::string pointer_text(const Step* step) {
  std::vector<const Step*> steps;
  for (; step != nullptr && step->up != nullptr; step = step->up) steps.push_back(step);
  std::string out;
  for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
    out += '/';
    out += (*it)->name != nullptr ? escape_token(*(*it)->name) : std::to_string((*it)->index);
  }
  return out;
}

class Validator {
 public:
  /// Stops after `most` failures.
  explicit Validator(std::size_t most) : most_(most) {}

  void check(const SchemaNode& node, const Json& value, const Step& at) {
    if (full()) return;
    if (node.boolean == SchemaNode::Boolean::accepts_none) {
      failures_.push_back(
          {pointer_text(&at), node.pointer, "false", "nothing at this place", shortened_json(value, got_bytes_max)});
      return;
    }
    if (!has_type(value, node.types)) note(node, "type", value, at, type_list(node.types));
    check_values(node, value, at);
    if (value.is_number()) check_number(node, value, at);
    if (value.is_string()) check_string(node, value, at);
    if (value.is_array()) check_array(node, value, at);
    if (value.is_object()) check_object(node, value, at);
  }

  std::vector<SchemaFailure> take() { return std::move(failures_); }
  bool failed() const { return !failures_.empty(); }

 private:
  void check_values(const SchemaNode& node, const Json& value, const Step& at) {
    if (node.choices != nullptr && !is_choice(node, value)) note(node, "enum", value, at, choice_list(*node.choices));
    if (node.constant != nullptr && !(value == *node.constant)) {
      note(node, "const", value, at, "exactly " + shortened_json(*node.constant, got_bytes_max));
    }
  }

  void check_number(const SchemaNode& node, const Json& value, const Step& at) {
    const auto bound = [&](const Json* limit, std::string_view keyword, std::string_view words, auto good) {
      if (limit != nullptr && !good(compare_numbers(value, *limit))) {
        note(node, keyword, value, at, std::string(words) + shortened_json(*limit, got_bytes_max));
      }
    };
    bound(node.minimum, "minimum", "a number of at least ", [](int order) { return order >= 0; });
    bound(node.maximum, "maximum", "a number of at most ", [](int order) { return order <= 0; });
    bound(node.exclusive_minimum, "exclusiveMinimum", "a number greater than ", [](int order) { return order > 0; });
    bound(node.exclusive_maximum, "exclusiveMaximum", "a number less than ", [](int order) { return order < 0; });
    if (node.multiple_of != nullptr && !is_multiple(value, node)) {
      note(node, "multipleOf", value, at, "a multiple of " + shortened_json(*node.multiple_of, got_bytes_max));
    }
  }

  void check_string(const SchemaNode& node, const Json& value, const Step& at) {
    const std::string& text = value.as_string();
    if (node.length_min || node.length_max) {
      const std::size_t length = character_count(text);
      if (node.length_min && length < *node.length_min) {
        note(node, "minLength", value, at, "a string of at least " + counted(*node.length_min, "character"));
      }
      if (node.length_max && length > *node.length_max) {
        note(node, "maxLength", value, at, "a string of at most " + counted(*node.length_max, "character"));
      }
    }
    if (node.pattern != nullptr && !re2::RE2::PartialMatch(text, *node.pattern)) {
      note(node, "pattern", value, at, "a string that matches " + shorten(node.pattern_text, 400));
    }
    if (node.format != nullptr && !node.format->matches(text)) {
      note(node, "format", value, at, std::string(node.format->expected));
    }
  }

  void check_array(const SchemaNode& node, const Json& value, const Step& at) {
    const Json::Array& elements = value.as_array();
    if (node.items_min && elements.size() < *node.items_min) {
      note(node, "minItems", value, at, "at least " + counted(*node.items_min, "element"));
    }
    if (node.items_max && elements.size() > *node.items_max) {
      note(node, "maxItems", value, at, "at most " + counted(*node.items_max, "element"));
    }
    if (node.unique_items) {
      if (const std::optional<std::size_t> repeated = repeated_element(elements)) {
        note(node, "uniqueItems", elements[*repeated], Step{&at, nullptr, *repeated},
             "an element that differs from all before it");
      }
    }
    if (node.items == nullptr) return;
    for (std::size_t i = 0; i < elements.size() && !full(); ++i) {
      check(*node.items, elements[i], Step{&at, nullptr, i});
    }
  }

  void check_object(const SchemaNode& node, const Json& value, const Step& at) {
    const Json::Object& members = value.as_object();
    if (node.properties_min && members.size() < *node.properties_min) {
      note(node, "minProperties", value, at, "at least " + counted(*node.properties_min, "member"));
    }
    if (node.properties_max && members.size() > *node.properties_max) {
      note(node, "maxProperties", value, at, "at most " + counted(*node.properties_max, "member"));
    }
    std::size_t required_seen = 0;
    for (const JsonMember& member : members) {
      if (full()) return;
      const SchemaNode::Member* row = node.find_member(member.name);
      if (row != nullptr && row->required) ++required_seen;
      const Step inner{&at, &member.name, 0};
      if (row != nullptr && row->schema != nullptr) {
        check(*row->schema, member.value, inner);
      } else if (node.additional != nullptr) {
        check_additional(node, member, inner);
      }
    }
    if (required_seen < node.required_count) note_missing(node, value, at);
  }

  void check_additional(const SchemaNode& node, const JsonMember& member, const Step& at) {
    if (node.additional->boolean != SchemaNode::Boolean::accepts_none) {
      return check(*node.additional, member.value, at);
    }
    std::string known;
    std::size_t count = 0;
    for (const SchemaNode::Member& row : node.members) {
      if (row.schema == nullptr || ++count > listed_max) continue;
      known.append(known.empty() ? "" : ", ").append(shorten(row.name, got_bytes_max));
    }
    if (count > listed_max) known += ", … (" + std::to_string(count) + " in all)";
    if (count == 0) known = "none";
    note(node, "additionalProperties", member.value, at,
         "no member \"" + shorten(member.name, got_bytes_max) + "\"; known: " + known);
  }

  void note_missing(const SchemaNode& node, const Json& value, const Step& at) {
    std::vector<std::string_view> names;
    names.reserve(value.size());
    for (const JsonMember& member : value.as_object()) names.emplace_back(member.name);
    std::ranges::sort(names);
    for (const SchemaNode::Member& row : node.members) {
      if (!row.required || std::ranges::binary_search(names, std::string_view(row.name))) continue;
      note(node, "required", value, at, "the member \"" + shorten(row.name, got_bytes_max) + "\"");
    }
  }

  void note(const SchemaNode& node, std::string_view keyword, const Json& value, const Step& at, std::string expected) {
    if (full()) return;
    failures_.push_back({pointer_text(&at), node.pointer + "/" + std::string(keyword), std::string(keyword),
                         std::move(expected), shortened_json(value, got_bytes_max)});
  }

  static std::string counted(std::uint64_t count, std::string_view thing) {
    return std::to_string(count) + " " + std::string(thing) + (count == 1 ? "" : "s");
  }

  bool full() const { return failures_.size() >= most_; }

  std::size_t most_;
  std::vector<SchemaFailure> failures_;
};

}  // namespace

std::string shortened_json(const Json& value, std::size_t bytes_max) {
  std::string out;
  write_beginning(value, bytes_max, out);
  return shorten(out, bytes_max);
}

std::vector<SchemaFailure> Schema::validate(const Json& instance) const {
  Validator validator(failures_max);
  validator.check(root_->top, instance, Step{});
  return validator.take();
}

bool Schema::accepts(const Json& instance) const {
  Validator validator(1);
  validator.check(root_->top, instance, Step{});
  return !validator.failed();
}

}  // namespace settle
