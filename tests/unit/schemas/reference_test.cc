#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/pointer.h"
#include "schemas/schema.h"
#include "schemas/uri.h"

namespace settle {
namespace {

Json read(std::string_view text) {
  Result<Json> out = read_json(text, {.numbers = JsonNumbers::exact});
  if (out) return std::move(*out);
  ADD_FAILURE() << text << ": " << out.error().message;
  return Json();
}

Schema compiled(std::string_view text, const SchemaOptions& options = {}) {
  Result<Schema> out = Schema::compile(read(text), options);
  if (out) return std::move(*out);
  ADD_FAILURE() << text << ": " << out.error().message;
  return std::move(*Schema::compile(Json(true)));
}

TEST(SchemaUri, references_are_resolved_as_rfc_3986_section_5_4_has_it) {
  const std::pair<const char*, const char*> rows[] = {
      {"g:h", "g:h"},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g#s", "http://a/b/c/g#s"},
      {";x", "http://a/b/c/;x"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
  };
  for (const auto& [reference, resolved] : rows) EXPECT_EQ(resolve_uri("http://a/b/c/d;p?q", reference), resolved);
  EXPECT_EQ(resolve_uri("urn:a:b", "#x"), "urn:a:b#x");
  EXPECT_EQ(percent_decoded("a%20%c3%a9"), "a é");
  EXPECT_FALSE(percent_decoded("%4"));
}

TEST(SchemaReferences, bundled_metaschemas_are_there_without_a_network) {
  for (const char* uri : {"https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"}) {
    const Schema schema = compiled(R"({"$ref":")" + std::string(uri) + R"("})");
    EXPECT_TRUE(schema.accepts(read(R"({"type":"string","properties":{"a":{"minLength":1}}})")));
    EXPECT_FALSE(schema.accepts(read(R"({"properties":{"a":{"minLength":"1"}}})")));
    EXPECT_FALSE(schema.accepts(read(R"({"type":"text"})")));
  }
}

TEST(SchemaReferences, preloaded_documents_are_found_by_their_uri_and_their_mistakes_are_named) {
  auto resources = std::make_shared<SchemaResources>();
  resources->emplace("https://example.org/good", read(R"({"$defs":{"a":{"type":"string"}}})"));
  resources->emplace("https://example.org/bad", read(R"({"type":"text"})"));
  resources->emplace("https://example.org/old", read(R"({"$schema":"http://json-schema.org/draft-04/schema#"})"));
  SchemaOptions options;
  options.resources = resources;
  options.base_uri = "https://example.org/main";
  const Schema schema = compiled(R"({"$ref":"good#/$defs/a"})", options);
  EXPECT_TRUE(schema.accepts(Json("x")));
  const std::vector<SchemaFailure> failures = schema.validate(Json(7));
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].schema, "/$ref/type");

  const std::pair<const char*, const char*> rows[] = {{"bad", "schema_malformed"}, {"old", "schema_dialect"}};
  for (const auto& [name, code] : rows) {
    const Result<Schema> refused = Schema::compile(Json::object({{"$ref", name}}), options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().problems[0].code, code);
    EXPECT_NE(refused.error().problems[0].message.find("https://example.org/"), std::string::npos);
  }
}

TEST(SchemaReferences, a_schema_may_be_recursive_below_members_and_elements) {
  const Schema tree = compiled(R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","required":["n"],
      "properties":{"n":{"type":"integer"},"next":{"$ref":"#/$defs/node"}},"additionalProperties":false}}})");
  EXPECT_TRUE(tree.accepts(read(R"({"n":1,"next":{"n":2,"next":{"n":3}}})")));
  const std::vector<SchemaFailure> failures = tree.validate(read(R"({"n":1,"next":{"n":2,"next":{"n":"3"}}})"));
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].instance, "/next/next/n");
  EXPECT_EQ(failures[0].schema, "/$ref/properties/next/$ref/properties/next/$ref/properties/n/type");
  EXPECT_EQ(tree.at({"next", "next", "n"}).schemas.size(), 1u);
  EXPECT_FALSE(tree.at({"next", "other"}).possible);
}

TEST(SchemaReport, of_alternatives_the_closest_is_explained) {
  const Schema schema = compiled(R"({"anyOf":[
      {"type":"object","required":["kind","radius"],"properties":{"kind":{"const":"circle"},"radius":{"type":"number"}}},
      {"type":"object","required":["kind","side"],"properties":{"kind":{"const":"square"},"side":{"type":"number"}}},
      {"type":"string"}]})");
  const std::vector<SchemaFailure> failures = schema.validate(read(R"({"kind":"square","side":"2"})"));
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0].schema, "/anyOf");
  EXPECT_EQ(failures[0].expected, "one of 3 alternatives; the closest is 1, and what it lacks follows");
  EXPECT_EQ(failures[1].instance, "/side");
  EXPECT_EQ(failures[1].schema, "/anyOf/1/properties/side/type");

  const std::vector<SchemaFailure> both = compiled(R"({"oneOf":[{"minimum":1},{"maximum":5}]})").validate(Json(3));
  ASSERT_EQ(both.size(), 1u);
  EXPECT_EQ(both[0].expected, "exactly one alternative that fits, not 0, 1");
}

TEST(SchemaReport, every_kind_of_applicator_names_its_place) {
  struct Row {
    const char* schema;
    const char* instance;
    const char* failure;  ///< instance, schema, keyword
  };
  const Row rows[] = {
      {R"({"not":{"type":"null"}})", "null", " /not not"},
      {R"({"if":{"type":"integer"},"then":{"minimum":5},"else":false})", "3", " /then/minimum minimum"},
      {R"({"if":{"type":"integer"},"then":{"minimum":5},"else":false})", "\"\"", " /else false"},
      {R"({"prefixItems":[true,{"type":"null"}],"items":false})", "[1,2]", "/1 /prefixItems/1/type type"},
      {R"({"prefixItems":[true],"items":false})", "[1,2]", "/1 /items false"},
      {R"({"contains":{"type":"null"}})", "[1]", " /contains contains"},
      {R"({"contains":{"type":"null"},"minContains":2})", "[null]", " /minContains minContains"},
      {R"({"contains":true,"maxContains":1})", "[1,2]", " /maxContains maxContains"},
      {R"({"patternProperties":{"^x/":{"type":"null"}}})", R"({"x/y":1})", "/x~1y /patternProperties/^x~1/type type"},
      {R"({"propertyNames":{"maxLength":1}})", R"({"ab":1})", "/ab /propertyNames/maxLength maxLength"},
      {R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})", " /dependentRequired/a dependentRequired"},
      {R"({"dependentSchemas":{"a":{"maxProperties":1}}})", R"({"a":1,"b":2})",
       " /dependentSchemas/a/maxProperties maxProperties"},
      {R"({"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false})", R"({"a":1,"b":2})",
       "/b /unevaluatedProperties unevaluatedProperties"},
      {R"({"prefixItems":[true],"unevaluatedItems":{"type":"null"}})", "[1,2]", "/1 /unevaluatedItems/type type"},
      {R"({"$dynamicRef":"#a","$defs":{"a":{"$dynamicAnchor":"a","type":"null"}}})", "1", " /$dynamicRef/type type"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.schema);
    const std::vector<SchemaFailure> failures = compiled(row.schema).validate(read(row.instance));
    ASSERT_EQ(failures.size(), 1u);
    EXPECT_EQ(failures[0].instance + " " + failures[0].schema + " " + failures[0].keyword, row.failure);
  }
}

TEST(SchemaPlace, follows_references_and_conjunctions_and_nothing_else) {
  const Schema schema = compiled(R"({"type":"object","required":["id"],
      "allOf":[{"$ref":"#/$defs/base"},{"properties":{"id":{"minLength":3}}}],
      "anyOf":[{"properties":{"id":{"maxLength":9}}},{"properties":{"extra":true},"required":["extra"]}],
      "patternProperties":{"^x-":{"type":"integer"}},
      "properties":{"list":{"prefixItems":[{"type":"string"}],"items":{"type":"null"},"type":"array","minItems":1}},
      "unevaluatedProperties":false,
      "$defs":{"base":{"properties":{"id":{"type":"string"}},"required":["id"]}}})");
  struct Row {
    const char* place;
    bool possible;
    bool required;
    std::vector<std::string> schemas;
  };
  const Row rows[] = {
      {"/id", true, true, {R"({"minLength":3})", R"({"type":"string"})"}},
      {"/x-a", true, false, {R"({"type":"integer"})"}},
      {"/extra", true, false, {}},
      {"/other", false, false, {}},
      {"/list/0", true, false, {R"({"type":"string"})"}},
      {"/list/1", true, false, {R"({"type":"null"})"}},
      {"/list/x", false, false, {}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.place);
    const Schema::Place place = schema.at(Pointer::parse(row.place)->tokens);
    EXPECT_EQ(place.possible, row.possible);
    EXPECT_EQ(place.required, row.required);
    std::vector<std::string> seen;
    for (const Json* one : place.schemas) seen.push_back(write_json(*one));
    EXPECT_EQ(seen, row.schemas);
  }
  EXPECT_EQ(schema.names_at({}), (std::vector<std::string>{"extra", "id", "list"}));
  EXPECT_FALSE(compiled(R"({"allOf":[{"type":"string"},{"type":"integer"}]})").at({}).possible);
  EXPECT_FALSE(compiled(R"({"propertyNames":{"maxLength":2}})").at({"abc"}).possible);
  EXPECT_TRUE(compiled(R"({"type":["integer","number"]})").at({}).possible);
}

}  // namespace
}  // namespace settle
