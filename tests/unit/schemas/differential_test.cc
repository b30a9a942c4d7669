#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <regex>
#include <string>

#include "base/decimal.h"
#include "schemas/schema.h"

// Schema::accepts beside a naive reading of the standard: nothing is compiled, nothing is looked up, every number is a
// decimal and every pattern is run by std::regex. Schemas and instances come from a seed.

namespace settle {
namespace {

bool naive(const Json& root, const Json& schema, const Json& value);

bool has_type(const Json& value, const std::string& name) {
  if (name == "number") return value.is_number();
  if (name == "integer") return value.is_number() && decimal_value(value).is_integral();
  return value.type_name() == name;
}

std::size_t characters(const std::string& text) {
  std::size_t out = 0;
  for (const char c : text) out += (c & 0xC0) == 0x80 ? 0 : 1;
  return out;
}

bool matches(const std::string& text, const std::string& pattern) {
  static std::map<std::string, std::regex> compiled;
  return std::regex_search(text, compiled.try_emplace(pattern, pattern).first->second);
}

/// The formats as regular expressions, for texts without quotation marks, brackets and A-labels.
bool has_format(const std::string& text, const std::string& name) {
  const std::string host = R"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$)";
  const std::string word = R"([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)";
  if (name == "hostname") return matches(text, "^" + host);
  if (name == "email") return matches(text, "^" + word + R"((\.)" + word + ")*@" + host);
  return matches(text, "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$");
}

/// The number in thousandths, for numbers of at most three decimals.
std::int64_t thousandths(const Json& number) {
  const DecimalValue exact = decimal_value(number);
  std::int64_t out = 0;
  for (std::int64_t i = 0; i < exact.point + 3; ++i) {
    const auto at = static_cast<std::size_t>(i);
    out = out * 10 + (at < exact.digits.size() ? exact.digits[at] - '0' : 0);
  }
  return exact.negative ? -out : out;
}

std::size_t count_of(const Json& limit) {
  return static_cast<std::size_t>(limit.as_integer());
}

bool naive_number(const std::string& keyword, const Json& rule, const Json& value) {
  if (!rule.is_number()) return true;
  const int order = compare(decimal_value(value), decimal_value(rule));
  if (keyword == "minimum") return order >= 0;
  if (keyword == "maximum") return order <= 0;
  if (keyword == "exclusiveMinimum") return order > 0;
  if (keyword == "exclusiveMaximum") return order < 0;
  return keyword != "multipleOf" || thousandths(value) % thousandths(rule) == 0;
}

bool naive_string(const std::string& keyword, const Json& rule, const std::string& text) {
  if (keyword == "minLength") return characters(text) >= count_of(rule);
  if (keyword == "maxLength") return characters(text) <= count_of(rule);
  if (keyword == "pattern") return matches(text, rule.as_string());
  return keyword != "format" || has_format(text, rule.as_string());
}

bool naive_array(const Json& root, const std::string& keyword, const Json& rule, const Json::Array& elements) {
  if (keyword == "minItems") return elements.size() >= count_of(rule);
  if (keyword == "maxItems") return elements.size() <= count_of(rule);
  if (keyword == "items") {
    return std::ranges::all_of(elements, [&](const Json& element) { return naive(root, rule, element); });
  }
  for (std::size_t i = 0; keyword == "uniqueItems" && rule.as_bool() && i < elements.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (elements[i] == elements[j]) return false;
    }
  }
  return true;
}

bool naive_object(const Json& root, const Json& schema, const std::string& keyword, const Json& rule,
                  const Json& value) {
  if (keyword == "minProperties") return value.size() >= count_of(rule);
  if (keyword == "maxProperties") return value.size() <= count_of(rule);
  if (keyword == "required") {
    return std::ranges::all_of(rule.as_array(),
                               [&](const Json& name) { return value.find(name.as_string()) != nullptr; });
  }
  if (keyword != "properties" && keyword != "additionalProperties") return true;
  const Json* properties = schema.find("properties");
  for (const JsonMember& member : value.as_object()) {
    const Json* known = properties == nullptr ? nullptr : properties->find(member.name);
    if (keyword == "properties" && known != nullptr && !naive(root, *known, member.value)) return false;
    if (keyword == "additionalProperties" && known == nullptr && !naive(root, rule, member.value)) return false;
  }
  return true;
}

bool naive_any(const Json& root, const std::string& keyword, const Json& rule, const Json& value) {
  if (keyword == "type") return has_type(value, rule.as_string());
  if (keyword == "const") return value == rule;
  if (keyword == "enum") return std::ranges::find(rule.as_array(), value) != rule.as_array().end();
  if (keyword == "$ref") return naive(root, *root.find("$defs")->find(rule.as_string().substr(8)), value);
  if (keyword == "not") return !naive(root, rule, value);
  if (keyword != "anyOf" && keyword != "oneOf" && keyword != "allOf") return true;
  const auto count = std::ranges::count_if(rule.as_array(), [&](const Json& one) { return naive(root, one, value); });
  if (keyword == "allOf") return static_cast<std::size_t>(count) == rule.size();
  return keyword == "oneOf" ? count == 1 : count > 0;
}

bool naive(const Json& root, const Json& schema, const Json& value) {
  if (schema.is_bool()) return schema.as_bool();
  return std::ranges::all_of(schema.as_object(), [&](const JsonMember& keyword) {
    if (!naive_any(root, keyword.name, keyword.value, value)) return false;
    if (value.is_number()) return naive_number(keyword.name, keyword.value, value);
    if (value.is_string()) return naive_string(keyword.name, keyword.value, value.as_string());
    if (value.is_array()) return naive_array(root, keyword.name, keyword.value, value.as_array());
    return !value.is_object() || naive_object(root, schema, keyword.name, keyword.value, value);
  });
}

/// Schemas of every shape that the evaluator treats apart, and instances that nearly fit them.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : dice_(seed) {}

  Json schema() {
    Json definitions = Json::object({{"d0", one(1)}, {"d1", one(2)}});
    Json out = one(0);
    if (!out.is_object()) out = Json::object();
    out.set("$defs", std::move(definitions));
    return out;
  }

  /// Mostly what `schema` asks for.
  Json instance(const Json& root, const Json& schema, int depth) {
    if (depth > 6 || below(12) == 0 || !schema.is_object()) return any(depth);
    if (const Json* ref = schema.find("$ref")) {
      return instance(root, *root.find("$defs")->find(ref->as_string().substr(8)), depth + 1);
    }
    if (const Json* constant = schema.find("const")) return *constant;
    if (const Json* choices = schema.find("enum")) return pick(choices->as_array());
    for (const std::string keyword : {"anyOf", "oneOf", "allOf"}) {
      if (const Json* branches = schema.find(keyword)) return instance(root, pick(branches->as_array()), depth + 1);
    }
    const Json* type = schema.find("type");
    const std::string name = type == nullptr ? pick(types) : type->as_string();
    if (name == "object") return object(root, schema, depth);
    if (name == "array") {
      Json out = Json::array();
      const Json* items = schema.find("items");
      const std::uint64_t count = below(depth < 2 ? 5 : 3);
      for (std::uint64_t i = 0; i < count; ++i) {
        out.push_back(items == nullptr ? any(depth + 1) : instance(root, *items, depth + 1));
      }
      return out;
    }
    return scalar(name);
  }

 private:
  const std::vector<std::string> types = {"null", "boolean", "integer", "number", "string", "array", "object"};
  const std::vector<std::string> names = {"a",
                                          "id",
                                          "to",
                                          "tier",
                                          "email",
                                          "subject",
                                          "order_id",
                                          "unit_price",
                                          "idx_01",
                                          "",
                                          "grüße",
                                          "note",
                                          "a_long_name_of_one",
                                          "a_long_name_of_two",
                                          "a_long_nome_of_one"};
  const std::vector<std::string> texts = {"",
                                          "a",
                                          "ab",
                                          "pro",
                                          "free",
                                          "enterprise",
                                          "€uro",
                                          "grüße",
                                          "x-1",
                                          "cus_ab12cd",
                                          "cus_AB",
                                          "ada@example.org",
                                          "a@b",
                                          "a@-b",
                                          "a..b@c",
                                          "0644",
                                          "#ff8800",
                                          "/srv/a.b-c_d/e",
                                          "a.b.c",
                                          "a..b",
                                          "-a",
                                          "a@b@c",
                                          ".a@example",
                                          "0b5e2a4c-9f5d-4a41-8f8e-3a1c5c1f9d10",
                                          "0b5e2a4c-9f5d-4a41-8f8e-3a1c5c1f9d1g"};
  const std::vector<std::string> patterns = {"^cus_[a-z0-9]{2,8}$",
                                             "^0[0-7]{3}$",
                                             "^#[0-9a-f]{6}$",
                                             "^[A-Za-z0-9._/-]+$",
                                             "^[a-z]{1,3}-?[0-9]*$",
                                             "^a?b*$",
                                             "a",
                                             "^(a|ab)$",
                                             "[0-9]+$"};

  std::uint64_t below(std::uint64_t limit) { return dice_() % limit; }
  template <class Value>
  Value pick(const std::vector<Value>& list) {
    return list[below(list.size())];
  }
  bool sometimes() { return below(3) == 0; }

  Json number() {
    const auto small = static_cast<std::int64_t>(below(41)) - 20;
    switch (below(4)) {
      case 0:
        return Json(static_cast<double>(small) / 8);
      case 1:
        return Json(static_cast<double>(below(3000)) / 100);
      default:
        return Json(small);
    }
  }

  Json scalar(const std::string& type) {
    if (type == "null") return Json();
    if (type == "boolean") return Json(below(2) == 0);
    if (type == "integer") return Json(static_cast<std::int64_t>(below(41)) - 20);
    return type == "number" ? number() : Json(pick(texts));
  }

  Json any(int depth) {
    if (depth > 3 || below(4) != 0) return scalar(types[below(5)]);
    if (below(2) == 0) return Json(Json::Array(below(3), any(depth + 1)));
    return Json::object({{pick(names), any(depth + 1)}});
  }

  Json object(const Json& root, const Json& schema, int depth) {
    Json out = Json::object();
    if (const Json* properties = schema.find("properties")) {
      for (const JsonMember& property : properties->as_object()) {
        if (below(5) != 0) out.set(property.name, instance(root, property.value, depth + 1));
      }
      if (sometimes()) std::ranges::reverse(out.as_object());
    }
    if (below(5) == 0) out.set(pick(names), any(depth + 1));
    return out;
  }

  Json one(int depth) {
    if (below(20) == 0) return Json(below(3) != 0);
    if (depth == 0 || (depth < 3 && below(3) == 0)) return object_schema(depth);
    switch (below(depth < 4 ? 10 : 5)) {
      case 0:
        return string_schema();
      case 1:
        return number_schema();
      case 2:
        return Json::object({{"type", pick(types)}});
      case 3:
        return choice_schema();
      case 4:
        return below(2) == 0 ? string_schema() : number_schema();
      case 5:
        return array_schema(depth);
      case 6:
        return Json::object({{"$ref", below(2) == 0 ? "#/$defs/d1" : "#/$defs/d0"}});
      case 7:
        return Json::object({{pick(std::vector<std::string>{"anyOf", "oneOf", "allOf"}), branches(depth)}});
      case 8:
        return Json::object({{"not", one(depth + 2)}, {"type", pick(types)}});
      default:
        return object_schema(depth);
    }
  }

  Json branches(int depth) {
    Json out = Json::array();
    for (std::uint64_t count = 1 + below(3); count > 0; --count) out.push_back(one(depth + 2));
    return out;
  }

  Json string_schema() {
    Json out = Json::object();
    if (below(4) != 0) out.set("type", "string");
    if (sometimes()) out.set("minLength", static_cast<std::int64_t>(below(5)));
    if (sometimes()) out.set("maxLength", static_cast<std::int64_t>(below(8)));
    if (sometimes()) out.set("pattern", pick(patterns));
    if (below(4) == 0) out.set("format", pick(std::vector<std::string>{"email", "hostname", "uuid"}));
    if (below(8) == 0) out.set("minimum", number());
    return out;
  }

  Json number_schema() {
    Json out = Json::object();
    if (below(4) != 0) out.set("type", below(2) == 0 ? "number" : "integer");
    for (const std::string keyword : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
      if (below(4) == 0) out.set(keyword, number());
    }
    if (below(4) == 0) out.set("multipleOf", pick(std::vector<double>{0.01, 0.25, 1, 3, 0.5, 0.125}));
    return out;
  }

  Json choice_schema() {
    if (below(3) == 0) return Json::object({{"const", any(2)}});
    Json list = Json::array();
    const bool only_texts = below(3) != 0;
    for (std::uint64_t count = 1 + below(12); count > 0; --count) {
      list.push_back(only_texts ? Json(pick(texts)) : any(2));
    }
    Json out = Json::object({{"enum", std::move(list)}});
    if (sometimes()) out.set("type", "string");
    return out;
  }

  Json array_schema(int depth) {
    Json out = Json::object();
    if (below(4) != 0) out.set("type", "array");
    if (below(4) != 0) out.set("items", one(depth + 1));
    if (sometimes()) out.set("minItems", static_cast<std::int64_t>(below(2)));
    if (sometimes()) out.set("maxItems", static_cast<std::int64_t>(1 + below(4)));
    if (sometimes()) out.set("uniqueItems", below(4) != 0);
    return out;
  }

  Json object_schema(int depth) {
    Json out = Json::object();
    if (below(5) != 0) out.set("type", "object");
    Json properties = Json::object(), required = Json::array();
    for (std::uint64_t count = below(depth == 0 ? 9 : 4); count > 0; --count) {
      const std::string name = pick(names);
      if (properties.find(name) != nullptr) continue;
      properties.set(name, one(depth + 1));
      if (sometimes()) required.push_back(Json(name));
    }
    out.set("properties", std::move(properties));
    if (required.size() > 0) out.set("required", std::move(required));
    if (below(2) == 0) out.set("additionalProperties", below(3) == 0 ? one(depth + 2) : Json(false));
    if (below(6) == 0) out.set("minProperties", static_cast<std::int64_t>(below(3)));
    if (below(6) == 0) out.set("maxProperties", static_cast<std::int64_t>(1 + below(5)));
    return out;
  }

  std::mt19937_64 dice_;
};

TEST(SchemaDifferential, accepts_says_what_a_naive_reading_says_and_a_refusal_is_always_explained) {
  constexpr int schemas = 3000, instances = 12;
  int asked = 0, accepted = 0;
  for (std::uint64_t seed = 0; seed < schemas; ++seed) {
    Generator generator(seed);
    const Json document = generator.schema();
    const Result<Schema> schema = Schema::compile(document);
    if (!schema) {
      ASSERT_EQ(schema.error().problems.at(0).code, "schema_endless") << canonical(document);
      continue;
    }
    for (int i = 0; i < instances; ++i) {
      const Json instance = generator.instance(document, document, 0);
      const bool wanted = naive(document, document, instance);
      SCOPED_TRACE(canonical(document) + "\n" + canonical(instance));
      ASSERT_EQ(schema->accepts(instance), wanted) << "seed " << seed;
      const std::vector<SchemaFailure> failures = schema->validate(instance);
      ASSERT_EQ(failures.empty(), wanted) << "seed " << seed;
      for (const SchemaFailure& failure : failures) ASSERT_NE(failure.keyword, "limit");
      asked += 1;
      accepted += wanted ? 1 : 0;
    }
  }
  // Both answers must have been asked for often.
  EXPECT_GT(asked, schemas * instances * 8 / 10);
  EXPECT_GT(accepted, asked / 10);
  EXPECT_LT(accepted, asked * 9 / 10);
}

/// Bounds and factors where integers, doubles and long decimals meet.
TEST(SchemaDifferential, bounds_are_exact_where_doubles_and_integers_meet) {
  const std::vector<std::string> numbers = {"-9007199254740993",
                                            "-9007199254740992",
                                            "-1.5",
                                            "-1",
                                            "-0.1",
                                            "0",
                                            "5e-324",
                                            "0.1",
                                            "0.30000000000000004",
                                            "0.3",
                                            "0.5",
                                            "1",
                                            "1.5",
                                            "2.5",
                                            "4503599627370495.5",
                                            "4503599627370496",
                                            "9007199254740991",
                                            "9007199254740992",
                                            "9007199254740993",
                                            "9223372036854775807",
                                            "9223372036854775808",
                                            "-9223372036854775808",
                                            "1e300",
                                            "0.1000000000000000055511151231257827",
                                            "123456789.123456789123456789"};
  std::vector<Json> values;
  for (const std::string& text : numbers) values.push_back(*read_json(text, {.numbers = JsonNumbers::exact}));
  for (const std::string keyword : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
    for (const Json& bound : values) {
      const Schema schema = *Schema::compile(Json::object({{keyword, bound}}));
      for (const Json& value : values) {
        SCOPED_TRACE(keyword + " " + canonical(bound) + ", " + canonical(value));
        EXPECT_EQ(schema.accepts(value), naive_number(keyword, bound, value));
      }
    }
  }
}

TEST(SchemaDifferential, multiples_of_short_decimals_are_exact) {
  std::mt19937_64 dice(11);
  for (const double factor : {0.01, 0.05, 0.001, 0.25, 2.5, 7.0, 0.125}) {
    const Schema schema = *Schema::compile(Json::object({{"multipleOf", factor}}));
    const auto step = thousandths(Json(factor));
    for (int i = 0; i < 2000; ++i) {
      const auto whole = static_cast<std::int64_t>(dice() % (i % 2 == 0 ? 10'000 : 100'000'000'000'000));
      const Json value(static_cast<double>(whole) / 1000);
      EXPECT_EQ(schema.accepts(value), whole % step == 0) << canonical(value) << " of " << factor;
      // One place more than the factor can have, as far as a double can tell.
      const Json longer(static_cast<double>(whole % 100'000'000 * 10 + 1) / 10'000);
      EXPECT_FALSE(schema.accepts(longer)) << canonical(longer) << " of " << factor;
    }
  }
}

}  // namespace
}  // namespace settle
