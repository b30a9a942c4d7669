#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/pointer.h"
#include "base/text.h"
#include "schemas/node.h"
#include "schemas/pattern.h"

namespace settle {
namespace {

constexpr std::size_t depth_max = 64;
constexpr std::size_t nodes_max = 10'000;
constexpr std::size_t problems_max = 100;

/// An enum longer than this is searched in sorted order.
constexpr std::size_t few_choices = 16;

std::string quoted(std::string_view text) {
  return "\"" + shorten(text, 80) + "\"";
}

std::uint8_t type_bit(std::string_view name) {
  using enum SchemaType::Bit;
  if (name == "null") return null;
  if (name == "boolean") return boolean;
  if (name == "integer") return integer;
  if (name == "number") return number;
  if (name == "string") return string;
  if (name == "array") return array;
  return name == "object" ? object : 0;
}

/// Compiles one document; problems gather, so that all of them come back at once.
class Compiler {
 public:
  std::unique_ptr<SchemaNode> subschema(const Json& source, std::string pointer, std::size_t depth);
  std::vector<Problem> take_problems() { return std::move(problems_); }

 private:
  struct Keyword {
    std::string_view name;
    void (Compiler::*compile)(std::string_view name, const Json& value, SchemaNode& node);
  };
  static const std::array<Keyword, 31> keywords;

  void type(std::string_view name, const Json& value, SchemaNode& node);
  void choices(std::string_view name, const Json& value, SchemaNode& node);
  void constant(std::string_view name, const Json& value, SchemaNode& node);
  void required(std::string_view name, const Json& value, SchemaNode& node);
  void properties(std::string_view name, const Json& value, SchemaNode& node);
  void inner_schema(std::string_view name, const Json& value, SchemaNode& node);
  void count(std::string_view name, const Json& value, SchemaNode& node);
  void unique_items(std::string_view name, const Json& value, SchemaNode& node);
  void bound(std::string_view name, const Json& value, SchemaNode& node);
  void multiple_of(std::string_view name, const Json& value, SchemaNode& node);
  void pattern(std::string_view name, const Json& value, SchemaNode& node);
  void format(std::string_view name, const Json& value, SchemaNode& node);
  void dialect(std::string_view name, const Json& value, SchemaNode& node);
  void text_annotation(std::string_view name, const Json& value, SchemaNode& node);
  void boolean_annotation(std::string_view name, const Json& value, SchemaNode& node);
  void examples(std::string_view name, const Json& value, SchemaNode& node);
  void any_annotation(std::string_view, const Json&, SchemaNode&) {}

  void merge_members(SchemaNode& node);
  void unknown_keyword(std::string_view name, const SchemaNode& node);
  bool spend(std::size_t count, const std::string& pointer);
  void malformed(const SchemaNode& node, std::string_view name, std::string expected, const Json& got);
  void problem(std::string pointer, std::string code, std::string expected, std::string got, std::string message);

  std::size_t depth_ = 0;
  std::size_t nodes_ = 0;
  bool exhausted_ = false;
  std::vector<Problem> problems_;
};

const std::array<Compiler::Keyword, 31> Compiler::keywords = {{
    {"type", &Compiler::type},
    {"enum", &Compiler::choices},
    {"const", &Compiler::constant},
    {"required", &Compiler::required},
    {"properties", &Compiler::properties},
    {"additionalProperties", &Compiler::inner_schema},
    {"items", &Compiler::inner_schema},
    {"minItems", &Compiler::count},
    {"maxItems", &Compiler::count},
    {"uniqueItems", &Compiler::unique_items},
    {"minLength", &Compiler::count},
    {"maxLength", &Compiler::count},
    {"minimum", &Compiler::bound},
    {"maximum", &Compiler::bound},
    {"exclusiveMinimum", &Compiler::bound},
    {"exclusiveMaximum", &Compiler::bound},
    {"multipleOf", &Compiler::multiple_of},
    {"minProperties", &Compiler::count},
    {"maxProperties", &Compiler::count},
    {"pattern", &Compiler::pattern},
    {"format", &Compiler::format},
    {"$schema", &Compiler::dialect},
    {"$id", &Compiler::text_annotation},
    {"$comment", &Compiler::text_annotation},
    {"title", &Compiler::text_annotation},
    {"description", &Compiler::text_annotation},
    {"default", &Compiler::any_annotation},
    {"examples", &Compiler::examples},
    {"deprecated", &Compiler::boolean_annotation},
    {"readOnly", &Compiler::boolean_annotation},
    {"writeOnly", &Compiler::boolean_annotation},
}};

std::unique_ptr<SchemaNode> Compiler::subschema(const Json& source, std::string pointer, std::size_t depth) {
  auto node = std::make_unique<SchemaNode>();
  node->source = &source;
  node->pointer = std::move(pointer);
  if (!spend(1, node->pointer)) return node;
  if (depth > depth_max) {
    problem(node->pointer, "schema_too_deep", "subschemas nested at most 64 deep", "one more",
            "the schema is nested too deeply; flatten it");
    return node;
  }
  if (source.is_bool()) {
    node->boolean = source.as_bool() ? SchemaNode::Boolean::accepts_all : SchemaNode::Boolean::accepts_none;
    return node;
  }
  if (!source.is_object()) {
    problem(node->pointer, "schema_malformed", "an object, true or false", std::string(source.type_name()),
            "a schema must be an object, true or false");
    return node;
  }
  depth_ = depth;
  for (const auto& [name, value] : source.as_object()) {
    const auto* const keyword = std::ranges::find(keywords, name, &Keyword::name);
    if (keyword == keywords.end()) {
      unknown_keyword(name, *node);
    } else {
      (this->*keyword->compile)(name, value, *node);
    }
    depth_ = depth;
  }
  merge_members(*node);
  return node;
}

void Compiler::type(std::string_view name, const Json& value, SchemaNode& node) {
  const std::string expected = "one of null, boolean, integer, number, string, array, object, or a list of them";
  std::uint8_t types = 0;
  const auto add = [&](const Json& one) {
    const std::uint8_t bit = one.is_string() ? type_bit(one.as_string()) : 0;
    if (bit == 0 || (types & bit) != 0) malformed(node, name, expected, one);
    types |= bit;
  };
  if (value.is_array() && value.size() > 0 && value.size() <= 7) {
    for (const Json& one : value.as_array()) add(one);
  } else {
    add(value);
  }
  node.types = types;
}

void Compiler::choices(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_array() || value.size() == 0) return malformed(node, name, "a list of at least one value", value);
  if (!spend(value.size(), node.pointer + "/enum")) return;
  node.choices = &value.as_array();
  if (value.size() <= few_choices) return;
  for (const Json& choice : value.as_array()) node.canonical_choices.push_back(canonical(choice));
  std::ranges::sort(node.canonical_choices);
}

void Compiler::constant(std::string_view, const Json& value, SchemaNode& node) {
  node.constant = &value;
}

void Compiler::required(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_array()) return malformed(node, name, "a list of names", value);
  if (!spend(value.size(), node.pointer + "/required")) return;
  for (const Json& one : value.as_array()) {
    if (!one.is_string()) return malformed(node, name, "a list of names", value);
    node.members.push_back({one.as_string(), nullptr, true});
  }
}

void Compiler::properties(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_object()) return malformed(node, name, "an object of schemas", value);
  const std::size_t depth = depth_;
  for (const auto& [property, source] : value.as_object()) {
    std::string pointer = node.pointer + "/properties/" + escape_token(property);
    node.members.push_back({property, subschema(source, std::move(pointer), depth + 1), false});
  }
}

void Compiler::inner_schema(std::string_view name, const Json& value, SchemaNode& node) {
  auto& place = name == "items" ? node.items : node.additional;
  if (value.is_array()) {
    return malformed(node, name, "one schema for all elements (schemas by position are not supported)", value);
  }
  place = subschema(value, node.pointer + "/" + std::string(name), depth_ + 1);
}

void Compiler::count(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_integer() || value.as_integer() < 0) return malformed(node, name, "an integer of at least 0", value);
  const auto limit = static_cast<std::uint64_t>(value.as_integer());
  if (name == "minItems") node.items_min = limit;
  if (name == "maxItems") node.items_max = limit;
  if (name == "minLength") node.length_min = limit;
  if (name == "maxLength") node.length_max = limit;
  if (name == "minProperties") node.properties_min = limit;
  if (name == "maxProperties") node.properties_max = limit;
}

void Compiler::unique_items(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_bool()) return malformed(node, name, "true or false", value);
  node.unique_items = value.as_bool();
}

void Compiler::bound(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_number()) return malformed(node, name, "a number", value);
  if (name == "minimum") node.minimum = &value;
  if (name == "maximum") node.maximum = &value;
  if (name == "exclusiveMinimum") node.exclusive_minimum = &value;
  if (name == "exclusiveMaximum") node.exclusive_maximum = &value;
}

void Compiler::multiple_of(std::string_view name, const Json& value, SchemaNode& node) {
  const DecimalValue factor = value.is_number() ? decimal_value(value) : DecimalValue{};
  // 18 digits fit 64 bits, so that the remainder can be computed exactly for any instance.
  if (factor.is_zero() || factor.negative || factor.digits.size() > 18) {
    return malformed(node, name, "a number above 0, of at most 18 digits", value);
  }
  node.multiple_of = &value;
  for (const char c : factor.digits)
    node.multiple_digits = node.multiple_digits * 10 + static_cast<std::uint64_t>(c - '0');
  node.multiple_exponent = factor.point - static_cast<std::int64_t>(factor.digits.size());
}

void Compiler::pattern(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_string()) return malformed(node, name, "a regular expression in a string", value);
  Result<std::unique_ptr<const re2::RE2>> compiled = compile_pattern(value.as_string());
  if (!compiled) {
    return problem(node.pointer + "/pattern", "schema_pattern",
                   "a regular expression in the syntax of RE2 (no look-around, no back-references)",
                   quoted(value.as_string()), compiled.error().message);
  }
  node.pattern = std::move(*compiled);
  node.pattern_text = value.as_string();
}

void Compiler::format(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_string()) return malformed(node, name, "the name of a format", value);
  node.format = find_format(value.as_string());
  if (node.format != nullptr) return;
  problem(node.pointer + "/format", "schema_format", "one of " + known_formats(), quoted(value.as_string()),
          "the format " + quoted(value.as_string()) + " is not known; use one of " + known_formats() +
              ", or a pattern, or leave it out");
}

void Compiler::dialect(std::string_view name, const Json& value, SchemaNode& node) {
  std::string_view uri = value.is_string() ? std::string_view(value.as_string()) : std::string_view();
  if (uri.ends_with('#')) uri.remove_suffix(1);
  if (uri == "https://json-schema.org/draft/2020-12/schema" || uri == "http://json-schema.org/draft-07/schema") return;
  malformed(node, name, "\"https://json-schema.org/draft/2020-12/schema\" (or draft-07), or no $schema", value);
}

void Compiler::text_annotation(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_string()) malformed(node, name, "a string", value);
}

void Compiler::boolean_annotation(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_bool()) malformed(node, name, "true or false", value);
}

void Compiler::examples(std::string_view name, const Json& value, SchemaNode& node) {
  if (!value.is_array()) malformed(node, name, "a list", value);
}

/// `properties` and `required` each added their rows; sorts them and leaves one row a name.
void Compiler::merge_members(SchemaNode& node) {
  std::ranges::sort(node.members, {}, &SchemaNode::Member::name);
  std::vector<SchemaNode::Member> merged;
  merged.reserve(node.members.size());
  for (SchemaNode::Member& row : node.members) {
    if (merged.empty() || merged.back().name != row.name) {
      merged.push_back(std::move(row));
      continue;
    }
    if (merged.back().required && row.required) malformed(node, "required", "each name once", Json(row.name));
    merged.back().required = merged.back().required || row.required;
    if (row.schema != nullptr) merged.back().schema = std::move(row.schema);
  }
  node.members = std::move(merged);
  node.required_count = static_cast<std::size_t>(std::ranges::count(node.members, true, &SchemaNode::Member::required));
}

void Compiler::unknown_keyword(std::string_view name, const SchemaNode& node) {
  std::vector<std::string> known;
  std::string list;
  for (const Keyword& keyword : keywords) {
    known.emplace_back(keyword.name);
    list.append(list.empty() ? "" : ", ").append(keyword.name);
  }
  std::string message = "the keyword " + quoted(name) + " is not supported";
  if (name == "$ref" || name == "$defs" || name == "definitions") {
    message += "; write the subschema out at its place";
  } else if (const std::optional<std::string> close = nearest(name, known)) {
    message += "; did you mean " + quoted(*close) + "?";
  } else {
    message += "; what Settle can't check, it refuses: say it with the supported ones, or leave it out";
  }
  problem(node.pointer + "/" + escape_token(name), "schema_unknown_keyword", "one of the keywords " + list,
          quoted(name), std::move(message));
}

/// Counts what the schema makes the validator hold; false once it is too much, which is reported once.
bool Compiler::spend(std::size_t count, const std::string& pointer) {
  nodes_ += count;
  if (nodes_ <= nodes_max) return true;
  if (!exhausted_) {
    problems_.push_back({pointer, "schema_too_deep", "at most 10000 subschemas, enum values and required names", "more",
                         "the schema is too large; split the tool or loosen the schema"});
  }
  exhausted_ = true;
  return false;
}

void Compiler::malformed(const SchemaNode& node, std::string_view name, std::string expected, const Json& got) {
  std::string message = "the keyword \"" + std::string(name) + "\" takes " + expected;
  problem(node.pointer + "/" + escape_token(name), "schema_malformed", std::move(expected), shortened_json(got, 80),
          std::move(message));
}

void Compiler::problem(std::string pointer, std::string code, std::string expected, std::string got,
                       std::string message) {
  if (problems_.size() >= problems_max) return;
  problems_.push_back({std::move(pointer), std::move(code), std::move(expected), std::move(got), std::move(message)});
}

}  // namespace

SchemaNode::SchemaNode() = default;
SchemaNode::SchemaNode(SchemaNode&&) noexcept = default;
SchemaNode::~SchemaNode() = default;

const SchemaNode::Member* SchemaNode::find_member(std::string_view name) const {
  const auto row =
      std::ranges::lower_bound(members, name, {}, [](const Member& m) { return std::string_view(m.name); });
  return row != members.end() && row->name == name ? &*row : nullptr;
}

Result<Schema> Schema::compile(const Json& document) {
  // The nodes point into the copy, below its root: those places stay where they are when the root moves.
  Json copy = document;
  Compiler compiler;
  std::unique_ptr<SchemaNode> top = compiler.subschema(copy, "", 0);
  std::vector<Problem> problems = compiler.take_problems();
  if (!problems.empty()) {
    std::string message = "the schema was refused: " + problems.front().message;
    if (problems.size() > 1) message += " (and " + std::to_string(problems.size() - 1) + " more)";
    return fail(ErrorCode::invalid_tool, std::move(message), std::move(problems));
  }
  top->source = nullptr;
  return Schema(std::make_unique<const Node>(std::move(*top)), std::move(copy));
}

Schema::Schema(std::unique_ptr<const Node> root, Json document)
    : root_(std::move(root)), document_(std::make_unique<const Json>(std::move(document))) {}
Schema::~Schema() = default;
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(Schema&&) noexcept = default;

const Json& Schema::document() const {
  return *document_;
}

}  // namespace settle
