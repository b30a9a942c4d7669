// Whether what one schema promises can go where another takes it.
#include "workflows/schema_fit.h"

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

Schema schema(std::string_view text) {
  Result<Schema> out = Schema::compile(json(text));
  EXPECT_TRUE(out) << text;
  return *std::move(out);
}

std::string verdict(const Fit& found) {
  if (found.verdict == Fit::Verdict::always) return "always";
  return (found.verdict == Fit::Verdict::never ? "never " : "undecided ") + found.keyword +
         (found.below.empty() ? "" : " " + found.below);
}

struct Row {
  const char* from;
  const char* to;
  const char* want;
};

void expect_verdicts(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const Schema from = schema(row.from), to = schema(row.to);
    EXPECT_EQ(verdict(fit({&from, {}, false}, {&to, {}, false})), row.want) << row.from << " to " << row.to;
  }
}

TEST(SchemaFit, types_are_compared_as_sets) {
  expect_verdicts({
      {R"({"type": "string"})", R"({"type": "string"})", "always"},
      {R"({"type": "string"})", R"({"type": "integer"})", "never type"},
      {R"({"type": "integer"})", R"({"type": "number"})", "always"},
      {R"({"type": "number"})", R"({"type": "integer"})", "undecided type"},
      {R"({"type": ["string", "null"]})", R"({"type": "string"})", "undecided type"},
      {R"({"type": "string"})", R"({"type": ["string", "null"]})", "always"},
      {R"({})", R"({"type": "string"})", "undecided type"},
      {R"({"type": "string"})", R"({})", "always"},
      {R"(true)", R"({"type": "string"})", "undecided type"},
      {R"({"enum": ["a", 1]})", R"({"type": "boolean"})", "never type"},
  });
}

TEST(SchemaFit, values_are_compared_one_by_one) {
  expect_verdicts({
      {R"({"enum": ["a", "b"]})", R"({"enum": ["b", "a", "c"]})", "always"},
      {R"({"enum": ["a", "b"]})", R"({"enum": ["b"]})", "undecided enum"},
      {R"({"enum": ["a", "b"]})", R"({"enum": ["c"]})", "never enum"},
      {R"({"const": 1})", R"({"const": 1.0})", "always"},
      {R"({"const": 1})", R"({"const": 2})", "never enum"},
      {R"({"type": "string"})", R"({"enum": ["c"]})", "undecided enum"},
  });
}

TEST(SchemaFit, formats_that_exclude_each_other_never_fit) {
  expect_verdicts({
      {R"({"type": "string", "format": "email"})", R"({"type": "string", "format": "email"})", "always"},
      {R"({"type": "string", "format": "uuid"})", R"({"type": "string", "format": "email"})", "never format"},
      {R"({"type": "string", "format": "ipv4"})", R"({"type": "string", "format": "hostname"})", "undecided format"},
      {R"({"type": "string"})", R"({"type": "string", "format": "email"})", "undecided format"},
      {R"({"type": ["string", "null"], "format": "uuid"})", R"({"type": ["string", "null"], "format": "email"})",
       "undecided format"},
      {R"({"type": "string", "pattern": "^a"})", R"({"type": "string", "pattern": "^a"})", "always"},
      {R"({"type": "string", "pattern": "^a"})", R"({"type": "string", "pattern": "^b"})", "undecided pattern"},
  });
}

TEST(SchemaFit, bounds_are_compared_by_exact_value) {
  expect_verdicts({
      {R"({"type": "integer", "minimum": 1, "maximum": 5})", R"({"type": "integer", "minimum": 1, "maximum": 5})",
       "always"},
      {R"({"type": "integer", "minimum": 6})", R"({"type": "integer", "maximum": 5})", "never maximum"},
      {R"({"type": "integer", "minimum": 5})", R"({"type": "integer", "exclusiveMaximum": 5})", "never maximum"},
      {R"({"type": "integer", "maximum": 0})", R"({"type": "integer", "minimum": 1})", "never minimum"},
      {R"({"type": "integer"})", R"({"type": "integer", "minimum": 1})", "undecided minimum"},
      {R"({"type": "integer", "minimum": 1})", R"({"type": "integer", "exclusiveMinimum": 1})", "undecided minimum"},
      {R"({"type": "integer", "exclusiveMinimum": 1})", R"({"type": "integer", "minimum": 1})", "always"},
      {R"({"type": "string", "minLength": 5})", R"({"type": "string", "maxLength": 4})", "never maxLength"},
      {R"({"type": "string", "maxLength": 4})", R"({"type": "string", "minLength": 5})", "never minLength"},
      {R"({"type": "string"})", R"({"type": "string", "maxLength": 5})", "undecided maxLength"},
  });
}

TEST(SchemaFit, members_are_compared_below) {
  expect_verdicts({
      {R"({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}, "additionalProperties": false})",
       R"({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}, "additionalProperties": false})",
       "always"},
      {R"({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false})",
       R"({"type": "object", "required": ["a"], "properties": {"a": {}}})", "undecided required"},
      {R"({"type": "object", "additionalProperties": false})",
       R"({"type": "object", "required": ["a"], "properties": {"a": {}}})", "never required"},
      {R"({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}})",
       R"({"type": "object", "properties": {"a": {"type": "integer"}}})", "never type /a"},
      {R"({"type": "object", "properties": {"a": {"type": "string"}}})",
       R"({"type": "object", "properties": {"a": {"type": "integer"}}})", "undecided type /a"},
      {R"({"type": "object", "required": ["b"], "properties": {"b": {}}, "additionalProperties": false})",
       R"({"type": "object", "additionalProperties": false})", "never additionalProperties"},
      {R"({"type": "object"})", R"({"type": "object", "additionalProperties": false})",
       "undecided additionalProperties"},
  });
}

TEST(SchemaFit, elements_are_compared_below) {
  expect_verdicts({
      {R"({"type": "array", "items": {"type": "string"}})", R"({"type": "array", "items": {"type": "string"}})",
       "always"},
      {R"({"type": "array", "items": {"type": "string"}})", R"({"type": "array", "items": {"type": "integer"}})",
       "undecided type /0"},
      {R"({"type": "array", "items": {"type": "string"}, "minItems": 1})",
       R"({"type": "array", "items": {"type": "integer"}})", "never type /0"},
      {R"({"type": "array", "minItems": 3})", R"({"type": "array", "maxItems": 2})", "never maxItems"},
      {R"({"type": "array"})", R"({"type": "array", "minItems": 1})", "undecided minItems"},
  });
}

TEST(SchemaFit, what_is_not_compared_is_undecided) {
  expect_verdicts({
      {R"({"type": "integer"})", R"({"type": "integer", "multipleOf": 2})", "undecided multipleOf"},
      {R"({"type": "integer", "multipleOf": 2})", R"({"type": "integer", "multipleOf": 2})", "always"},
  });
}

TEST(SchemaFit, a_text_fits_where_any_string_does) {
  const auto text = [](std::string_view to) {
    const Schema taken = schema(to);
    return verdict(fit_text({&taken, {}, false}, 3));
  };
  EXPECT_EQ(text(R"({"type": "string"})"), "always");
  EXPECT_EQ(text(R"({"type": "integer"})"), "never type");
  EXPECT_EQ(text(R"({"type": "string", "maxLength": 9})"), "undecided maxLength");
  EXPECT_EQ(text(R"({"type": "string", "maxLength": 2})"), "never maxLength");
  EXPECT_EQ(text(R"({"type": "string", "minLength": 3})"), "always");
  EXPECT_EQ(text("true"), "always");
}

TEST(SchemaFit, a_list_of_what_a_schema_describes_is_an_array) {
  const Schema item = schema(R"({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}})");
  const Schema ids =
      schema(R"({"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}})");
  const Schema one = schema(R"({"type": "object"})");
  const SchemaView list{&item, {}, true};
  EXPECT_EQ(verdict(fit(list, {&one, {}, false})), "never type");
  EXPECT_EQ(verdict(fit(list, {&ids, {}, false})), "undecided type /0/id");
  EXPECT_FALSE(list.below("0").place().required) << "the list may be empty";
  EXPECT_FALSE(list.below("id").place().possible);
  EXPECT_EQ(verdict(fit(list.below("0"), {&one, {}, false})), "always");
}

}  // namespace
}  // namespace settle::test
