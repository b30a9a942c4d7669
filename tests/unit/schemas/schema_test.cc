#include "schemas/schema.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/pointer.h"

namespace settle {
namespace {

Json read(std::string_view text) {
  JsonLimits limits;
  limits.numbers = JsonNumbers::exact;
  limits.depth_max = 500;
  Result<Json> out = read_json(text, limits);
  if (!out) {
    ADD_FAILURE() << text << ": " << out.error().message;
    return Json();
  }
  return std::move(*out);
}

Schema compiled(std::string_view text) {
  Result<Schema> out = Schema::compile(read(text));
  if (out) return std::move(*out);
  ADD_FAILURE() << text << ": " << out.error().message;
  return std::move(*Schema::compile(Json(true)));
}

struct Accepted {
  std::string schema;
  std::vector<std::string> good;
};

TEST(Schema, accepts_what_fits) {
  const Accepted rows[] = {
      {"true", {"1", "null", "{}"}},
      {"{}", {"1", "null", "{}"}},
      {R"({"type":"null"})", {"null"}},
      {R"({"type":"integer"})", {"1", "1.0", "-0", "1e300", "1e400", "12345678901234567890123"}},
      {R"({"type":"number"})", {"1", "1.5", "1e400", "1e-400"}},
      {R"({"type":["string","null"]})", {"null", "\"x\""}},
      {R"({"enum":["free",1,null,{"a":[1.0]}]})", {"\"free\"", "1.0", "null", "{\"a\":[1]}"}},
      {R"({"const":{"a":1,"b":2}})", {"{\"b\":2,\"a\":1.0}"}},
      {R"({"required":["a"]})", {"{\"a\":null}", "[]", "7"}},
      {R"({"minLength":2,"maxLength":2})", {"\"é€\"", "\"\\ud834\\udd1e\\ud834\\udd1e\"", "7"}},
      {R"({"minimum":0.1})", {"0.1", "0.10000000000000000000001", "1e400", "\"x\""}},
      {R"({"exclusiveMaximum":9007199254740993})", {"9007199254740992", "9007199254740992.5"}},
      {R"({"multipleOf":0.01})", {"0", "19.99", "4.35", "1e400", "-0.07", "123456789012345678901234567890.12"}},
      {R"({"multipleOf":3})", {"3e400", "111111111111111111111111111111"}},
      {R"({"multipleOf":1e-8})", {"12391239123", "0.00000001"}},
      {R"({"multipleOf":2.5e10})", {"25000000000", "5e10", "1e999999999"}},
      {R"({"items":{"type":"integer"}})", {"[]", "[1,2]", "{}"}},
      {R"({"uniqueItems":true})", {"[1,true,\"1\",[1],{\"a\":1},null,false,0]"}},
      {R"({"uniqueItems":false})", {"[1,1]"}},
      {R"({"pattern":"b+"})", {"\"abbc\""}},
      {R"({"pattern":"^\\p{Letter}\\u00e9$"})", {"\"xé\""}},
      {R"({"pattern":"^[\\u0041-\\u{43}]\\/$"})", {"\"B/\""}},
      {R"({"properties":{"a":{"type":"string"}},"additionalProperties":{"type":"integer"}})", {"{\"a\":\"\",\"b\":1}"}},
      {R"({"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"x","$comment":"c","title":"t",
           "description":"d","default":1,"examples":[1],"deprecated":false,"readOnly":true,"writeOnly":false})",
       {"1"}},
      {R"({"$schema":"http://json-schema.org/draft-07/schema#"})", {"1"}},
  };
  for (const Accepted& row : rows) {
    SCOPED_TRACE(row.schema);
    const Schema schema = compiled(row.schema);
    for (const std::string& text : row.good) {
      const std::vector<SchemaFailure> failures = schema.validate(read(text));
      EXPECT_TRUE(failures.empty()) << text << ": " << failures[0].expected;
      EXPECT_TRUE(schema.accepts(read(text)));
    }
  }
}

struct Refused {
  std::string schema;
  std::string instance;
  std::string place;
  std::string keyword_place;
  std::string keyword;
  std::string expected;
  std::string got;
};

TEST(Schema, says_for_every_keyword_where_and_what_would_be_accepted) {
  const Refused rows[] = {
      {"false", "1", "", "", "false", "nothing at this place", "1"},
      {R"({"type":"string"})", "7", "", "/type", "type", "a string", "7"},
      {R"({"type":"integer"})", "1.5", "", "/type", "type", "an integer", "1.5"},
      {R"({"type":"integer"})", "\"1\"", "", "/type", "type", "an integer", "\"1\""},
      {R"({"type":["object","null"]})", "[1,{}]", "", "/type", "type", "null or an object", "[1,{}]"},
      {R"({"type":"number"})", "true", "", "/type", "type", "a number", "true"},
      {R"({"enum":["free","pro"]})", "\"gold\"", "", "/enum", "enum", "one of \"free\", \"pro\"", "\"gold\""},
      {R"({"enum":[1]})", "true", "", "/enum", "enum", "1", "true"},
      {R"({"const":{"a":1}})", "{\"a\":2}", "", "/const", "const", "exactly {\"a\":1}", "{\"a\":2}"},
      {R"({"required":["email"]})", "{\"mail\":1}", "", "/required", "required", "the member \"email\"",
       "{\"mail\":1}"},
      {R"({"properties":{"a/b":{"properties":{"~":{"type":"null"}}}}})", R"({"a/b":{"~":1}})", "/a~1b/~0",
       "/properties/a~1b/properties/~0/type", "type", "null", "1"},
      {R"({"properties":{"c":true,"a":{},"b":false},"additionalProperties":false})", "{\"foo\":[]}", "/foo",
       "/additionalProperties", "additionalProperties", "no member \"foo\"; known: a, b, c", "[]"},
      {R"({"additionalProperties":false})", "{\"foo\":1}", "/foo", "/additionalProperties", "additionalProperties",
       "no member \"foo\"; known: none", "1"},
      {R"({"properties":{"b":false}})", "{\"b\":1}", "/b", "/properties/b", "false", "nothing at this place", "1"},
      {R"({"additionalProperties":{"type":"integer"}})", "{\"x\":\"\"}", "/x", "/additionalProperties/type", "type",
       "an integer", "\"\""},
      {R"({"items":{"items":{"type":"string"}}})", "[[],[\"\",5]]", "/1/1", "/items/items/type", "type", "a string",
       "5"},
      {R"({"items":false})", "[5]", "/0", "/items", "false", "nothing at this place", "5"},
      {R"({"minItems":1})", "[]", "", "/minItems", "minItems", "at least 1 element", "[]"},
      {R"({"maxItems":1.0})", "[1,2]", "", "/maxItems", "maxItems", "at most 1 element", "[1,2]"},
      {R"({"uniqueItems":true})", "[{\"a\":1,\"b\":2},0,{\"b\":2.0,\"a\":1}]", "/2", "/uniqueItems", "uniqueItems",
       "an element that differs from all before it", "{\"b\":2,\"a\":1}"},
      {R"({"minLength":3})", "\"é\\ud834\\udd1e\"", "", "/minLength", "minLength", "a string of at least 3 characters",
       "\"é\xF0\x9D\x84\x9E\""},
      {R"({"maxLength":0})", "\"a\"", "", "/maxLength", "maxLength", "a string of at most 0 characters", "\"a\""},
      {R"({"minimum":0.1})", "0.0999999999999999999999", "", "/minimum", "minimum", "a number of at least 0.1",
       "0.0999999999999999999999"},
      {R"({"maximum":9007199254740992})", "9007199254740993", "", "/maximum", "maximum",
       "a number of at most 9007199254740992", "9007199254740993"},
      {R"({"exclusiveMinimum":0})", "-0.0", "", "/exclusiveMinimum", "exclusiveMinimum", "a number greater than 0",
       "0"},
      {R"({"exclusiveMaximum":5})", "5.0", "", "/exclusiveMaximum", "exclusiveMaximum", "a number less than 5", "5"},
      {R"({"multipleOf":0.01})", "19.995", "", "/multipleOf", "multipleOf", "a multiple of 0.01", "19.995"},
      {R"({"multipleOf":3})", "1e999999999", "", "/multipleOf", "multipleOf", "a multiple of 3", "1e999999999"},
      {R"({"multipleOf":0.123456789})", "1e308", "", "/multipleOf", "multipleOf", "a multiple of 0.123456789",
       "1e+308"},
      {R"({"multipleOf":2e10})", "50000000000", "", "/multipleOf", "multipleOf", "a multiple of 20000000000",
       "50000000000"},
      {R"({"multipleOf":10})", "1e-400", "", "/multipleOf", "multipleOf", "a multiple of 10", "1e-400"},
      {R"({"minProperties":2})", "{\"a\":1}", "", "/minProperties", "minProperties", "at least 2 members", "{\"a\":1}"},
      {R"({"maxProperties":0})", "{\"a\":1}", "", "/maxProperties", "maxProperties", "at most 0 members", "{\"a\":1}"},
      {R"({"pattern":"^#[A-Z0-9]{1,12}$"})", "\"#abc\"", "", "/pattern", "pattern",
       "a string that matches ^#[A-Z0-9]{1,12}$", "\"#abc\""},
      {R"({"pattern":"^a$"})", "\"a\\n\"", "", "/pattern", "pattern", "a string that matches ^a$", "\"a\\n\""},
      {R"({"format":"date"})", "\"2026-02-30\"", "", "/format", "format", "a date (RFC 3339), such as \"2026-11-22\"",
       "\"2026-02-30\""},
  };
  for (const Refused& row : rows) {
    SCOPED_TRACE(row.schema + " with " + row.instance);
    const Schema schema = compiled(row.schema);
    const std::vector<SchemaFailure> failures = schema.validate(read(row.instance));
    EXPECT_FALSE(schema.accepts(read(row.instance)));
    ASSERT_EQ(failures.size(), 1u);
    EXPECT_EQ(failures[0].instance, row.place);
    EXPECT_EQ(failures[0].schema, row.keyword_place);
    EXPECT_EQ(failures[0].keyword, row.keyword);
    EXPECT_EQ(failures[0].expected, row.expected);
    EXPECT_EQ(failures[0].got, row.got);
  }
}

TEST(Schema, reports_every_failure_at_once_up_to_a_hundred) {
  const Schema schema = compiled(R"({"type":"object","required":["email","name"],"additionalProperties":false,
      "properties":{"email":{"type":"string","format":"email"},"tier":{"type":"string","enum":["free","pro"]},"name":{}}})");
  const std::vector<SchemaFailure> failures = schema.validate(read(R"({"email":"nobody","tier":5,"x":1})"));
  std::vector<std::string> seen;
  for (const SchemaFailure& failure : failures) seen.push_back(failure.instance + " " + failure.keyword);
  EXPECT_EQ(seen, (std::vector<std::string>{"/email format", "/tier type", "/tier enum", "/x additionalProperties",
                                            " required"}));

  Json list = Json::array();
  for (int i = 0; i < 1000; ++i) list.push_back(i);
  EXPECT_EQ(compiled(R"({"items":{"type":"string"}})").validate(list).size(), 100u);
  EXPECT_EQ(compiled(R"({"items":false})").validate(list).size(), 100u);
}

TEST(Schema, what_was_there_is_shortened_at_a_character_boundary) {
  const Schema schema = compiled(R"({"type":"null"})");
  std::string text;
  for (int i = 0; i < 100; ++i) text += "€";
  Json list = Json::array();
  for (int i = 0; i < 100'000; ++i) list.push_back(text);
  for (const Json& instance :
       {Json(text), list, Json::object({{text, list}}), Json(Json::Decimal{std::string(5000, '9')})}) {
    const std::string got = schema.validate(instance).at(0).got;
    EXPECT_LE(got.size(), 80 + std::string_view("…").size());
    EXPECT_TRUE(got.ends_with("…"));
    EXPECT_TRUE(read_json(write_json(Json(got))));
  }
}

TEST(Schema, a_long_list_of_choices_is_searched_and_shown_in_part) {
  Json choices = Json::array();
  for (int i = 0; i < 9000; ++i) choices.push_back("choice-" + std::to_string(i));
  choices.push_back(Json::object({{"b", 1}, {"a", 2}}));
  const Result<Schema> schema = Schema::compile(Json::object({{"items", Json::object({{"enum", choices}})}}));
  ASSERT_TRUE(schema);
  Json list = Json::array();
  for (int i = 0; i < 50'000; ++i) list.push_back("choice-" + std::to_string(i % 9000));
  list.push_back(read(R"({"a":2.0,"b":1})"));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(schema->accepts(list));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  list.push_back("choice-9000");
  const std::vector<SchemaFailure> failures = schema->validate(list);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_TRUE(failures[0].expected.ends_with("\"choice-19\", … (9001 in all)")) << failures[0].expected;
}

TEST(Schema, large_instances_take_bounded_time) {
  Json names = Json::array(), properties = Json::object(), instance = Json::object(), list = Json::array();
  for (int i = 0; i < 4000; ++i) {
    names.push_back("required-" + std::to_string(i));
    properties.as_object().push_back({"property-" + std::to_string(i), Json(true)});
  }
  for (int i = 0; i < 100'000; ++i) {
    instance.as_object().push_back({"member-" + std::to_string(i), Json(i)});
    list.push_back(Json::object({{"n", i}}));
  }
  const Result<Schema> schema = Schema::compile(Json::object({{"required", names}, {"properties", properties}}));
  ASSERT_TRUE(schema);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(schema->validate(instance).size(), 100u);
  EXPECT_TRUE(compiled(R"({"uniqueItems":true})").accepts(list));
  list.push_back(Json::object({{"n", 99'999}}));
  EXPECT_EQ(compiled(R"({"uniqueItems":true})").validate(list).at(0).instance, "/100000");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

struct Unfit {
  std::string schema;
  std::string place;
  std::string code;
};

TEST(Schema, what_it_does_not_understand_is_refused) {
  const Unfit rows[] = {
      {"7", "", "schema_malformed"},
      {"[]", "", "schema_malformed"},
      {R"({"properties":{"a":"string"}})", "/properties/a", "schema_malformed"},
      {R"({"oneOf":[]})", "/oneOf", "schema_malformed"},
      {R"({"$ref":"#/$defs/a"})", "/$ref", "schema_reference"},
      {R"({"$ref":"https://example.org/a"})", "/$ref", "schema_reference"},
      {R"({"$ref":"#a"})", "/$ref", "schema_reference"},
      {R"({"$ref":"#/%zz"})", "/$ref", "schema_reference"},
      {R"({"$ref":7})", "/$ref", "schema_malformed"},
      {R"({"$ref":"#/title","title":"x"})", "/title", "schema_malformed"},
      {R"({"$ref":"#"})", "", "schema_endless"},
      {R"({"allOf":[{"anyOf":[{"not":{"$ref":"#"}}]}]})", "", "schema_endless"},
      {R"({"$dynamicRef":"#x"})", "/$dynamicRef", "schema_reference"},
      {R"({"$anchor":"1"})", "/$anchor", "schema_malformed"},
      {R"({"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}})", "/$defs/b", "schema_malformed"},
      {R"({"$id":"a#b"})", "/$id", "schema_malformed"},
      {R"({"additionalItems":false})", "/additionalItems", "schema_unknown_keyword"},
      {R"({"$schema":"http://json-schema.org/draft-07/schema#","prefixItems":[true]})", "/prefixItems",
       "schema_unknown_keyword"},
      {R"({"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"a":{}},"$ref":"#/definitions/a",
           "type":"string"})",
       "/type", "schema_ignored"},
      {R"({"prefixItems":[]})", "/prefixItems", "schema_malformed"},
      {R"({"dependentRequired":{"a":"b"}})", "/dependentRequired", "schema_malformed"},
      {R"({"patternProperties":{"(":true}})", "/patternProperties/(", "schema_pattern"},
      {R"({"$defs":{"unused":{"type":"text"}}})", "/$defs/unused/type", "schema_malformed"},
      {R"({"items":{"a/b":1}})", "/items/a~1b", "schema_unknown_keyword"},
      {R"({"type":"text"})", "/type", "schema_malformed"},
      {R"({"type":[]})", "/type", "schema_malformed"},
      {R"({"type":["string","string"]})", "/type", "schema_malformed"},
      {R"({"type":["string",7]})", "/type", "schema_malformed"},
      {R"({"enum":"a"})", "/enum", "schema_malformed"},
      {R"({"enum":[]})", "/enum", "schema_malformed"},
      {R"({"required":"a"})", "/required", "schema_malformed"},
      {R"({"required":[1]})", "/required", "schema_malformed"},
      {R"({"required":["a","b","a"]})", "/required", "schema_malformed"},
      {R"({"properties":[]})", "/properties", "schema_malformed"},
      {R"({"additionalProperties":"no"})", "/additionalProperties", "schema_malformed"},
      {R"({"items":[{}]})", "/items", "schema_malformed"},
      {R"({"minItems":-1})", "/minItems", "schema_malformed"},
      {R"({"maxItems":1.5})", "/maxItems", "schema_malformed"},
      {R"({"minLength":"1"})", "/minLength", "schema_malformed"},
      {R"({"minProperties":null})", "/minProperties", "schema_malformed"},
      {R"({"maxProperties":true})", "/maxProperties", "schema_malformed"},
      {R"({"uniqueItems":1})", "/uniqueItems", "schema_malformed"},
      {R"({"minimum":"1"})", "/minimum", "schema_malformed"},
      {R"({"maximum":null})", "/maximum", "schema_malformed"},
      {R"({"exclusiveMinimum":true})", "/exclusiveMinimum", "schema_malformed"},
      {R"({"exclusiveMaximum":{}})", "/exclusiveMaximum", "schema_malformed"},
      {R"({"multipleOf":0})", "/multipleOf", "schema_malformed"},
      {R"({"multipleOf":-2})", "/multipleOf", "schema_malformed"},
      {R"({"multipleOf":0.1234567890123456789})", "/multipleOf", "schema_malformed"},
      {R"({"pattern":1})", "/pattern", "schema_malformed"},
      {R"({"pattern":"("})", "/pattern", "schema_pattern"},
      {R"j({"pattern":"a(?=b)"})j", "/pattern", "schema_pattern"},
      {R"({"pattern":"(?<!a)b"})", "/pattern", "schema_pattern"},
      {R"({"pattern":"(a)\\1"})", "/pattern", "schema_pattern"},
      {R"({"pattern":"a{2000}"})", "/pattern", "schema_pattern"},
      {R"j({"pattern":"((a{100}){100}){100}"})j", "/pattern", "schema_pattern"},
      {R"({"pattern":"\\"})", "/pattern", "schema_pattern"},
      {R"({"format":7})", "/format", "schema_malformed"},
      {R"({"format":"phone"})", "/format", "schema_format"},
      {R"({"$schema":"http://json-schema.org/draft-04/schema#"})", "/$schema", "schema_dialect"},
      {R"({"$id":1})", "/$id", "schema_malformed"},
      {R"({"title":1})", "/title", "schema_malformed"},
      {R"({"examples":1})", "/examples", "schema_malformed"},
      {R"({"readOnly":"yes"})", "/readOnly", "schema_malformed"},
  };
  for (const Unfit& row : rows) {
    SCOPED_TRACE(row.schema);
    const Result<Schema> schema = Schema::compile(read(row.schema));
    ASSERT_FALSE(schema);
    EXPECT_EQ(schema.error().code, ErrorCode::invalid_tool);
    ASSERT_EQ(schema.error().problems.size(), 1u);
    const Problem& problem = schema.error().problems[0];
    EXPECT_EQ(problem.pointer, row.place);
    EXPECT_EQ(problem.code, row.code);
    EXPECT_FALSE(problem.expected.empty());
    EXPECT_FALSE(problem.message.empty());
  }
}

TEST(Schema, every_problem_of_a_schema_comes_at_once_with_the_remedy) {
  const Result<Schema> schema = Schema::compile(read(
      R"j({"typ":"object","properties":{"a":{"type":"strin"},"b":{"pattern":"(?!x)"},"c":{"format":"mail"}},"$definitions":{}})j"));
  ASSERT_FALSE(schema);
  std::vector<std::string> seen;
  for (const Problem& problem : schema.error().problems) seen.push_back(problem.pointer + " " + problem.code);
  EXPECT_EQ(seen,
            (std::vector<std::string>{"/typ schema_unknown_keyword", "/properties/a/type schema_malformed",
                                      "/properties/b/pattern schema_pattern", "/properties/c/format schema_format",
                                      "/$definitions schema_unknown_keyword"}));
  EXPECT_NE(schema.error().problems[0].message.find("did you mean \"type\"?"), std::string::npos);
  EXPECT_NE(schema.error().problems[2].message.find("look-ahead"), std::string::npos);
  EXPECT_NE(schema.error().problems[4].message.find("did you mean \"definitions\"?"), std::string::npos);
}

TEST(Schema, size_and_depth_of_a_schema_are_limited) {
  const auto nested = [](int depth) {
    Json schema = Json::object();
    for (int i = 0; i < depth; ++i) schema = Json::object({{"items", std::move(schema)}});
    return schema;
  };
  EXPECT_TRUE(Schema::compile(nested(64)));
  const Result<Schema> deep = Schema::compile(nested(65));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().problems.at(0).code, "schema_too_deep");

  for (const bool as_properties : {true, false}) {
    Json properties = Json::object(), names = Json::array();
    for (int i = 0; i < 10'000; ++i) {
      properties.as_object().push_back({"p" + std::to_string(i), Json(true)});
      names.push_back("p" + std::to_string(i));
    }
    Json document = as_properties ? Json::object({{"properties", properties}}) : Json::object({{"required", names}});
    const Result<Schema> large = Schema::compile(document);
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().problems.size(), 1u);
    EXPECT_EQ(large.error().problems[0].code, "schema_too_deep");
  }
}

TEST(Schema, formats_are_asserted) {
  struct Row {
    std::string format;
    std::vector<std::string> good;
    std::vector<std::string> bad;
  };
  const Row rows[] = {
      {"date-time",
       {"2026-11-22T20:14:18Z", "2026-11-22t20:14:18.123456z", "2026-11-22T20:14:18+05:30", "1998-12-31T23:59:60Z",
        "1998-12-31T15:59:60.5-08:00"},
       {"", "2026-11-22", "2026-11-22 20:14:18Z", "2026-11-22T20:14:18", "2026-13-22T20:14:18Z", "2026-11-22T24:00:00Z",
        "2026-11-22T20:14:18.Z", "2026-11-22T20:14:18+24:00", "1998-12-31T22:59:60Z", "2026-11-22T20:14:18Zx"}},
      {"date", {"2024-02-29", "0000-01-01"}, {"2023-02-29", "2023-2-09", "20230209", "2023-02-09x", "2023-00-01"}},
      {"time", {"20:14:18Z", "08:30:06.283185-08:00"}, {"20:14:18", "20:14Z", "25:00:00Z", "20:14:18+1:00"}},
      {"duration",
       {"P3DT4H", "PT30M", "P2W", "P1Y2M3DT4H5M6S"},
       {"", "P", "PT", "P1YT", "P1Y2D", "PT1H2S", "1D", "PT0.5S", "P1W2D", "P1D "}},
      {"email",
       {"ada@example.org", "a+b@x", "\"joe bloggs\"@example.com", "joe@[127.0.0.1]", "joe@[IPv6:::1]"},
       {"ada", "@example.org", "ada@", ".a@x", "a.@x", "a..b@x", "a b@x", "a@x y", "a@[1.2.3]", "a@b@c", "\"a@x",
        "é@x"}},
      {"uri",
       {"https://example.org/a?b=c#d", "urn:a:b", "mailto:ada@example.org", "http://[2001:db8::1]:80/",
        "http://u:p@h:1/%20", "file:///a"},
       {"", "/a", "a b:c", "1http://x", "http://a b", "http://x/%2", "http://[::1/", "http://x:y/", "http://é/",
        "http://x/\\"}},
      {"uri-reference",
       {"", "/a?b", "a/b", "#x", "//host/p", "?q", "./a:b", "http://x"},
       {"a b", "%zz", "1:2", "\\a", "[x]"}},
      {"uuid",
       {"0b5e2a4c-9f5d-4a41-8f8e-3a1c5c1f9d10", "0B5E2A4C-9F5D-4A41-8F8E-3A1C5C1F9D10"},
       {"0b5e2a4c9f5d4a418f8e3a1c5c1f9d10", "0b5e2a4c-9f5d-4a41-8f8e-3a1c5c1f9d1g",
        "{0b5e2a4c-9f5d-4a41-8f8e-3a1c5c1f9d1}"}},
      {"ipv4",
       {"192.0.2.1", "0.0.0.0", "255.255.255.255"},
       {"192.0.2", "192.0.2.1.", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "0x1.2.3.4"}},
      {"ipv6",
       {"::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1", "1:2:3:4:5:6:1.2.3.4"},
       {"", ":", ":::", "1", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "::1%eth0", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7",
        "1.2.3.4::", "::1.2.3"}},
      {"hostname",
       {"a", "mail.example.org", "xn--bcher-kva.example", "1host"},
       {"", ".", "a.", "-a", "a-", "a_b", "a..b", "é", std::string(64, 'a')}},
      {"json-pointer", {"", "/a/0", "/~0~1"}, {"a", "/~", "/~2", "#/a"}},
  };
  for (const Row& row : rows) {
    const Schema schema = compiled("{\"format\":\"" + row.format + "\"}");
    for (const std::string& text : row.good) EXPECT_TRUE(schema.accepts(Json(text))) << row.format << " " << text;
    for (const std::string& text : row.bad) EXPECT_FALSE(schema.accepts(Json(text))) << row.format << " " << text;
    EXPECT_TRUE(schema.accepts(Json(7))) << "formats speak of strings only";
  }
}

TEST(Schema, knows_which_places_are_possible_and_which_are_sure) {
  const std::string schema_text =
      R"({"type":"object","required":["id","lines","mode","anything"],"additionalProperties":false,
    "properties":{
      "id":{"type":"string"},
      "note":{"type":"object","required":["text"],"properties":{"text":{"type":"string"}}},
      "lines":{"type":"array","minItems":1,"maxItems":3,"items":{"type":"object","required":["sku"],
               "properties":{"sku":{"type":"integer"},"qty":true},"additionalProperties":{"type":"boolean"}}},
      "maybe":{"type":["object","null"],"required":["x"]},
      "mode":{"enum":["a","b"]},
      "pair":{"enum":[{"k":1,"l":{"m":2}},{"k":2}]},
      "fixed":{"const":{"k":[5]}},
      "untyped":{"properties":{"p":{"type":"null"}},"required":["p"]},
      "either":{"items":{"type":"null"}},
      "never":false,
      "anything":true}})";
  struct Row {
    std::string pointer;
    bool possible;
    bool required;
    std::string schema;  ///< pointer into the schema; "-" for unknown
  };
  const Row rows[] = {
      {"", true, true, ""},
      {"/id", true, true, "/properties/id"},
      {"/id/x", false, false, "-"},
      {"/other", false, false, "-"},
      {"/note", true, false, "/properties/note"},
      {"/note/text", true, false, "/properties/note/properties/text"},
      {"/note/more", true, false, "-"},
      {"/note/more/deep", true, false, "-"},
      {"/lines", true, true, "/properties/lines"},
      {"/lines/0", true, true, "/properties/lines/items"},
      {"/lines/0/sku", true, true, "/properties/lines/items/properties/sku"},
      {"/lines/0/qty", true, false, "-"},
      {"/lines/0/other", true, false, "/properties/lines/items/additionalProperties"},
      {"/lines/1", true, false, "/properties/lines/items"},
      {"/lines/1/sku", true, false, "/properties/lines/items/properties/sku"},
      {"/lines/3", false, false, "-"},
      {"/lines/x", false, false, "-"},
      {"/lines/01", false, false, "-"},
      {"/lines/-", false, false, "-"},
      {"/maybe/x", true, false, "-"},
      {"/mode", true, true, "/properties/mode"},
      {"/mode/x", false, false, "-"},
      {"/pair/k", true, false, "-"},
      {"/pair/l/m", true, false, "-"},
      {"/pair/z", false, false, "-"},
      {"/fixed/k/0", true, false, "-"},
      {"/fixed/k/1", false, false, "-"},
      {"/untyped/p", true, false, "/properties/untyped/properties/p"},
      {"/either/0", true, false, "-"},
      {"/never", false, false, "-"},
      {"/anything", true, true, "-"},
      {"/anything/at/all", true, false, "-"},
  };
  const Schema original = compiled(schema_text);
  Schema schema = compiled("true");
  schema = compiled(schema_text);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.pointer);
    const Schema::Place place = schema.at(Pointer::parse(row.pointer)->tokens);
    EXPECT_EQ(place.possible, row.possible);
    EXPECT_EQ(place.required, row.required);
    const Json* want = row.schema == "-" ? nullptr : Pointer::parse(row.schema)->find(schema.document());
    EXPECT_EQ(place.schemas.empty() ? nullptr : place.schemas[0], want);
  }
  EXPECT_TRUE(schema.document() == original.document());
  EXPECT_EQ(schema.names_at({"note"}), (std::vector<std::string>{"text"}));
  EXPECT_EQ(schema.names_at({"lines", "0"}), (std::vector<std::string>{"qty", "sku"}));

  const Schema constant = compiled(R"({"const":{"k":[5]}})");
  EXPECT_TRUE(constant.at({"k", "0"}).required);
  EXPECT_FALSE(constant.at({"k", "1"}).possible);
  EXPECT_FALSE(compiled("false").at({}).possible);
  EXPECT_FALSE(compiled(R"({"type":"string"})").at({"a"}).possible);
}

}  // namespace
}  // namespace settle
