#include <algorithm>
#include <cmath>

#include "base/decimal.h"
#include "base/text.h"
#include "schemas/compiler.h"

namespace settle {
namespace {

/// An enum of at most so many values is compared value by value.
constexpr std::size_t few_choices = 8;

/// What comparing something with `value` may cost.
std::uint64_t weight_of(const Json& value) {
  std::uint64_t weight = 1;
  if (value.is_string()) weight += value.as_string().size() / 64;
  if (value.is_array()) {
    for (const Json& element : value.as_array()) weight += weight_of(element);
  }
  if (value.is_object()) {
    for (const JsonMember& member : value.as_object()) weight += weight_of(member.value) + member.name.size() / 64;
  }
  return weight;
}

constexpr double exact_integer_max = 9007199254740992.0;  // 2^53

/// What `bound` leaves of the integers. A double below 2^53 lies between the same two integers as its shortest digits.
void tighten_integers(SchemaNumberRules& rules, const Json& bound, bool least, bool exclusive) {
  std::int64_t value = 0;
  if (bound.is_integer()) {
    value = bound.as_integer();
    const std::int64_t furthest =
        least ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
    if (exclusive && value == furthest) {
      rules.integer_range = false;
      return;
    }
    if (exclusive) value += least ? 1 : -1;
  } else if (bound.type() == Json::Type::real && std::abs(bound.as_double()) < exact_integer_max &&
             std::trunc(bound.as_double()) != bound.as_double()) {
    value = static_cast<std::int64_t>(least ? std::ceil(bound.as_double()) : std::floor(bound.as_double()));
  } else {
    rules.integer_range = false;
    return;
  }
  if (least) rules.integer_min = std::max(rules.integer_min, value);
  if (!least) rules.integer_max = std::min(rules.integer_max, value);
}

/// What `bound` leaves of the doubles. The digits that doubles stand for are in the order of the doubles, and an
/// integer up to 2^53 is one.
void tighten_reals(SchemaNumberRules& rules, const Json& bound, bool least, bool exclusive) {
  constexpr std::int64_t furthest = std::int64_t{1} << 53;
  const bool exact = bound.type() == Json::Type::real ||
                     (bound.is_integer() && bound.as_integer() >= -furthest && bound.as_integer() <= furthest);
  if (!exact) {
    rules.real_range = false;
    return;
  }
  double value = bound.as_double();
  const double beyond = std::numeric_limits<double>::infinity() * (least ? 1 : -1);
  if (exclusive) value = std::nextafter(value, beyond);
  if (least) rules.real_min = std::max(rules.real_min, value);
  if (!least) rules.real_max = std::min(rules.real_max, value);
}

}  // namespace

void SchemaCompiler::assert_keyword(const Keyword& keyword) {
  switch (keyword.word) {
    case SchemaWord::type:
      return type(keyword);
    case SchemaWord::choices:
      return choices(keyword);
    case SchemaWord::constant:
      return constant(keyword);
    case SchemaWord::required:
      return required(keyword);
    case SchemaWord::dependent_required:
      return dependent_required(keyword);
    case SchemaWord::count:
      return count(keyword);
    case SchemaWord::bound:
      return bound(keyword);
    case SchemaWord::multiple_of:
      return multiple_of(keyword);
    case SchemaWord::pattern:
      return pattern(keyword);
    case SchemaWord::format:
      return format(keyword);
    case SchemaWord::unique_items:
    case SchemaWord::boolean_note:
      return boolean_value(keyword);
    case SchemaWord::dialect:
    case SchemaWord::id:
    case SchemaWord::anchor:
    case SchemaWord::dynamic_anchor:
    case SchemaWord::comment:
    case SchemaWord::text_note:
      return text_value(keyword);
    case SchemaWord::list_note:
      if (!keyword.value.is_array()) malformed(keyword, "a list", keyword.value);
      return;
    case SchemaWord::vocabularies:
      if (!keyword.value.is_object()) malformed(keyword, "an object of true and false", keyword.value);
      return;
    default:
      return;
  }
}

void SchemaCompiler::type(const Keyword& keyword) {
  const std::string expected = "one of null, boolean, integer, number, string, array, object, or a list of them";
  std::vector<std::string_view> seen;
  std::uint8_t kinds = json_kinds::none;
  bool integral = false;
  const auto add = [&](const Json& one) {
    const std::uint8_t named = one.is_string() ? json_kinds::named(one.as_string()) : json_kinds::none;
    if (named == json_kinds::none || std::ranges::find(seen, one.as_string()) != seen.end()) {
      return malformed(keyword, expected, one);
    }
    seen.emplace_back(one.as_string());
    kinds |= named;
    integral = integral || one.as_string() == "integer";
  };
  if (keyword.value.is_array() && keyword.value.size() > 0 && keyword.value.size() <= 7) {
    for (const Json& one : keyword.value.as_array()) add(one);
  } else {
    add(keyword.value);
  }
  keyword.node.kinds = kinds;
  keyword.node.integral = integral && (kinds & json_kinds::fractions) == 0;
}

void SchemaCompiler::choices(const Keyword& keyword) {
  // The standard allows an empty list; in a tool it is a mistake, since nothing is ever accepted.
  const bool refuse_empty = program_.options.unknown_keywords == UnknownKeywords::refuse;
  if (!keyword.value.is_array() || (refuse_empty && keyword.value.size() == 0)) {
    return malformed(keyword, "a list of at least one value", keyword.value);
  }
  if (!spend(keyword.value.size(), keyword.node, "enum")) return;
  SchemaChoices& out = choices_of(keyword.node);
  out.choices = &keyword.value.as_array();
  out.texts_only = std::ranges::all_of(*out.choices, &Json::is_string);
  if (out.texts_only) {
    std::vector<std::string> texts;
    for (const Json& choice : *out.choices) texts.push_back(choice.as_string());
    std::ranges::sort(texts);
    texts.erase(std::ranges::unique(texts).begin(), texts.end());
    return out.texts.build(std::move(texts));
  }
  if (out.choices->size() > few_choices) {
    std::uint64_t steps = 0;
    for (const Json& choice : *out.choices) out.by_hash.emplace(json_hash(choice, steps), &choice);
    return;
  }
  for (const Json& choice : *out.choices) out.weight += weight_of(choice);
}

void SchemaCompiler::constant(const Keyword& keyword) {
  SchemaChoices& out = choices_of(keyword.node);
  out.constant = &keyword.value;
  out.weight += weight_of(keyword.value);
}

std::vector<std::string> SchemaCompiler::names(const Keyword& keyword, const Json& list) {
  std::vector<std::string> out;
  for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
    if (!list.as_array()[i].is_string()) break;
    out.push_back(list.as_array()[i].as_string());
  }
  if (!list.is_array() || out.size() != list.size()) {
    malformed(keyword, "a list of names", list);
    out.clear();
  }
  if (!spend(out.size(), keyword.node, keyword.name)) out.clear();
  return out;
}

void SchemaCompiler::required(const Keyword& keyword) {
  for (std::string& name : names(keyword, keyword.value)) {
    member_rows_[&keyword.node].push_back({std::move(name), {nullptr, true}});
  }
}

void SchemaCompiler::dependent_required(const Keyword& keyword) {
  if (!keyword.value.is_object()) return malformed(keyword, "an object of lists of names", keyword.value);
  for (const auto& [name, list] : keyword.value.as_object()) {
    applicators_of(keyword.node).dependencies.push_back({keyword.name, name, nullptr, names(keyword, list)});
  }
}

void SchemaCompiler::count(const Keyword& keyword) {
  const Json& value = keyword.value;
  std::uint64_t limit = 0;
  if (value.is_integer() && value.as_integer() >= 0) {
    limit = static_cast<std::uint64_t>(value.as_integer());
  } else if (value.is_number() && decimal_value(value).is_integral() && !decimal_value(value).negative) {
    limit = std::numeric_limits<std::uint64_t>::max();  // beyond anything that can be counted
  } else {
    return malformed(keyword, "an integer of at least 0", value);
  }
  const std::string_view name = keyword.name;
  SchemaNode& node = keyword.node;
  if (name == "minItems") array_rules(node).count_min = limit;
  if (name == "maxItems") array_rules(node).count_max = limit;
  if (name == "minContains") array_rules(node).contains_min = limit;
  if (name == "maxContains") array_rules(node).contains_max = limit;
  if (name == "minLength") string_rules(node).length_min = limit;
  if (name == "maxLength") string_rules(node).length_max = limit;
  if (name == "minProperties") object_rules(node).count_min = limit;
  if (name == "maxProperties") object_rules(node).count_max = limit;
}

void SchemaCompiler::bound(const Keyword& keyword) {
  if (!keyword.value.is_number()) return malformed(keyword, "a number", keyword.value);
  SchemaNumberRules& rules = number_rules(keyword.node);
  const bool least = keyword.name == "minimum" || keyword.name == "exclusiveMinimum";
  const bool exclusive = keyword.name.starts_with("exclusive");
  (least ? (exclusive ? rules.exclusive_minimum : rules.minimum)
         : (exclusive ? rules.exclusive_maximum : rules.maximum)) = &keyword.value;
  tighten_integers(rules, keyword.value, least, exclusive);
  tighten_reals(rules, keyword.value, least, exclusive);
}

void SchemaCompiler::multiple_of(const Keyword& keyword) {
  const DecimalValue factor = keyword.value.is_number() ? decimal_value(keyword.value) : DecimalValue{};
  // 18 digits fit 64 bits, so that the remainder can be computed exactly for any instance.
  if (factor.is_zero() || factor.negative || factor.digits.size() > 18) {
    return malformed(keyword, "a number above 0, of at most 18 digits", keyword.value);
  }
  SchemaNumberRules& rules = number_rules(keyword.node);
  rules.multiple_of = &keyword.value;
  rules.multiple_digits = 0;
  for (const char c : factor.digits)
    rules.multiple_digits = rules.multiple_digits * 10 + static_cast<unsigned>(c - '0');
  rules.multiple_exponent = factor.point - static_cast<std::int64_t>(factor.digits.size());
}

std::unique_ptr<const SchemaPattern> SchemaCompiler::regex(const Keyword& keyword, const std::string& text,
                                                           const std::string& pointer) {
  Result<std::unique_ptr<const SchemaPattern>> compiled = SchemaPattern::compile(text);
  if (compiled) return std::move(*compiled);
  problem(*keyword.node.resource, pointer, "schema_pattern",
          "a regular expression of ECMA-262 without look-around and back-references", "\"" + shorten(text, 80) + "\"",
          compiled.error().message);
  return nullptr;
}

void SchemaCompiler::pattern(const Keyword& keyword) {
  if (!keyword.value.is_string()) return malformed(keyword, "a regular expression in a string", keyword.value);
  SchemaStringRules& rules = string_rules(keyword.node);
  rules.pattern = regex(keyword, keyword.value.as_string(), keyword.pointer());
  rules.pattern_text = keyword.value.as_string();
}

void SchemaCompiler::format(const Keyword& keyword) {
  if (!keyword.value.is_string()) return malformed(keyword, "the name of a format", keyword.value);
  const SchemaDialect& dialect = keyword.node.resource->dialect;
  const bool demanded =
      dialect.draft == SchemaDraft::draft_2020_12 && (dialect.vocabularies & vocabulary::format_assertion) != 0;
  if (!program_.options.assert_formats && !demanded) return;
  const std::string& name = keyword.value.as_string();
  if (const SchemaFormat* known = find_format(name)) {
    string_rules(keyword.node).format = known;
    return;
  }
  if (program_.options.unknown_keywords == UnknownKeywords::ignore) return;
  const std::string shown = "\"" + shorten(name, 80) + "\"";
  problem(*keyword.node.resource, keyword.pointer(), "schema_format", "one of " + known_formats(), shown,
          "the format " + shown + " is not known; use one of " + known_formats() + ", or a pattern, or leave it out");
}

void SchemaCompiler::boolean_value(const Keyword& keyword) {
  if (!keyword.value.is_bool()) return malformed(keyword, "true or false", keyword.value);
  if (keyword.word == SchemaWord::unique_items) array_rules(keyword.node).unique = keyword.value.as_bool();
}

void SchemaCompiler::text_value(const Keyword& keyword) {
  if (!keyword.value.is_string()) malformed(keyword, "a string", keyword.value);
}

}  // namespace settle
