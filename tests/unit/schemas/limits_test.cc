#include <gtest/gtest.h>

#include <string>

#include "schemas/schema.h"

namespace settle {
namespace {

Json read(std::string_view text) {
  Result<Json> out = read_json(text, {.depth_max = 1000, .numbers = JsonNumbers::exact});
  if (out) return std::move(*out);
  ADD_FAILURE() << text << ": " << out.error().message;
  return Json();
}

Schema compiled(const Json& document, const SchemaOptions& options = {}) {
  Result<Schema> out = Schema::compile(document, options);
  if (out) return std::move(*out);
  ADD_FAILURE() << out.error().message;
  return std::move(*Schema::compile(Json(true)));
}

/// Neither accepted nor reported as anything but a limit.
void expect_limit(const Schema& schema, const Json& instance) {
  EXPECT_FALSE(schema.accepts(instance));
  const std::vector<SchemaFailure> failures = schema.validate(instance);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].keyword, "limit");
  EXPECT_FALSE(failures[0].expected.empty());
}

/// Definitions d0 to d`levels`, each of which asks the next one twice.
Json doubling(const std::string& keyword, int levels) {
  std::string text = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < levels; ++i) {
    const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"}";
    text += "\"d" + std::to_string(i) + "\":{\"" + keyword + "\":[" + next + "," + next + "]},";
  }
  return read(text + "\"d" + std::to_string(levels) + R"(":{"type":"string"}}})");
}

TEST(SchemaLimits, alternatives_that_double_at_every_level_end_in_a_limit) {
  // 2^60 evaluations would be needed.
  expect_limit(compiled(doubling("anyOf", 60)), Json(7));
  expect_limit(compiled(doubling("oneOf", 60)), Json("x"));
  expect_limit(compiled(doubling("allOf", 60)), Json("x"));
}

TEST(SchemaLimits, the_number_of_steps_is_a_choice_and_is_kept_exactly) {
  // d0 to d10: fewer than 2^13 steps are needed.
  const Json schema = doubling("allOf", 10);
  EXPECT_TRUE(compiled(schema, {.steps_max = 1 << 13}).accepts(Json("x")));
  expect_limit(compiled(schema, {.steps_max = 1 << 10}), Json("x"));
}

TEST(SchemaLimits, what_is_given_up_is_never_valid_by_negation) {
  Json schema = Json::object({{"not", Json::object({{"$ref", "#/$defs/d0"}})}});
  schema.set("$defs", *doubling("anyOf", 60).find("$defs"));
  expect_limit(compiled(schema), Json(7));
  schema.erase("not");
  schema.set("if", Json::object({{"$ref", "#/$defs/d0"}}));
  schema.set("else", Json(true));
  expect_limit(compiled(schema), Json(7));
  schema.erase("if");
  schema.set("contains", Json::object({{"$ref", "#/$defs/d0"}}));
  schema.set("minContains", Json(0));
  schema.set("maxContains", Json(5));
  expect_limit(compiled(schema), Json(Json::Array{Json(7)}));
}

TEST(SchemaLimits, deep_evaluation_ends_in_a_limit_before_the_stack_does) {
  Json chain = Json::object({{"type", "integer"}});
  Json definitions = Json::object();
  for (int i = 0; i < 5000; ++i) {
    definitions.as_object().push_back(
        {"d" + std::to_string(i), Json::object({{"$ref", "#/$defs/d" + std::to_string(i + 1)}})});
  }
  definitions.as_object().push_back({"d5000", chain});
  expect_limit(compiled(Json::object({{"$ref", "#/$defs/d0"}, {"$defs", definitions}})), Json(1));

  const Schema list = compiled(read(R"({"items":{"$ref":"#"}})"));
  Json deep = Json::array();
  for (int i = 0; i < 900; ++i) deep = Json(Json::Array{std::move(deep)});
  EXPECT_TRUE(list.accepts(deep));
  for (int i = 0; i < 1500; ++i) deep = Json(Json::Array{std::move(deep)});
  expect_limit(list, deep);
}

TEST(SchemaLimits, a_dynamic_reference_that_makes_no_progress_ends_in_a_limit) {
  expect_limit(compiled(read(R"({"$dynamicAnchor":"x","$dynamicRef":"#x"})")), Json(1));
}

TEST(SchemaLimits, a_hundred_failures_are_the_most_however_many_alternatives_there_are) {
  Json branches = Json::array();
  for (int i = 0; i < 50; ++i) branches.push_back(Json::object({{"items", Json::object({{"const", "never"}})}}));
  Json list = Json::array();
  for (int i = 0; i < 1000; ++i) list.push_back(Json(i));
  EXPECT_LE(compiled(Json::object({{"anyOf", branches}})).validate(list).size(), 100u);
}

TEST(SchemaLimits, a_pattern_takes_linear_time) {
  const Schema schema = compiled(read(R"({"pattern":"^(a+)+$"})"));
  EXPECT_FALSE(schema.accepts(Json(std::string(100'000, 'a') + "!")));
}

TEST(SchemaLimits, unequal_elements_of_one_hash_cost_steps) {
  Json list = Json::array();
  for (int i = 0; i < 2000; ++i) list.push_back(Json::object({{"a", i}}));
  const Json unique = read(R"({"uniqueItems":true})");
  EXPECT_TRUE(compiled(unique).accepts(list));
  expect_limit(compiled(unique, {.steps_max = 3000}), list);
}

}  // namespace
}  // namespace settle
