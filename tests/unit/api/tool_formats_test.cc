// The names of tools elsewhere: legal, each its own, and readable back; and what may be called strict.
#include "api/tool_formats.h"

#include <set>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

TEST(WireName, plain_names_keep_their_look) {
  EXPECT_EQ(wire_tool_name("crm.create_contact"), "crm__create_contact");
  EXPECT_EQ(wire_tool_name("mail-send"), "mail-send");
  EXPECT_EQ(wire_tool_name("a.b.c"), "a__b__c");
  EXPECT_EQ(wire_tool_name("_a_"), "_a_");
}

TEST(WireName, names_that_could_not_be_read_back_get_a_digest) {
  for (const char* name : {"a__b", "a_.b", "a._b", "a..b", "a~b", "a___b"}) {
    const std::string wire = wire_tool_name(name);
    EXPECT_NE(wire.find("___"), std::string::npos) << name;
  }
  EXPECT_EQ(wire_tool_name(std::string(128, 'x')).size(), 64U);
  EXPECT_EQ(wire_tool_name(std::string(64, 'x')), std::string(64, 'x'));
}

/// Every name of up to six letters over those that matter, and its wire name: legal, and no other's.
TEST(WireName, no_two_short_names_have_one_wire_name_and_each_finds_its_tool) {
  const std::string letters = "a._~-";
  std::vector<std::string> names = {""}, all;
  for (int length = 1; length <= 6; ++length) {
    std::vector<std::string> longer;
    for (const std::string& name : names) {
      for (const char letter : letters) longer.push_back(name + letter);
    }
    names = std::move(longer);
    for (const std::string& name : names) {
      if (name[0] != '.') all.push_back(name);
    }
  }
  std::set<std::string> wires;
  for (const std::string& name : all) {
    const std::string wire = wire_tool_name(name);
    EXPECT_TRUE(wires.insert(wire).second) << name << " has the wire name of another: " << wire;
    EXPECT_LE(wire.size(), 64U);
    EXPECT_EQ(wire.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-"), std::string::npos) << wire;
    if (wire.find("___") == std::string::npos) {
      std::string back;
      for (std::size_t i = 0; i < wire.size(); ++i) {
        const bool dot = wire.compare(i, 2, "__") == 0;
        back += dot ? '.' : wire[i];
        i += dot ? 1 : 0;
      }
      EXPECT_EQ(back, name);
    }
  }
  const std::vector<std::string> some(all.begin(), all.begin() + 700);
  for (const std::string& name : some) EXPECT_EQ(settle_tool_name(wire_tool_name(name), some), name);
}

TEST(WireName, a_name_that_no_wire_has_is_settles_own) {
  const std::vector<std::string> known = {"crm.create", "x__y", "x.y"};
  EXPECT_EQ(settle_tool_name("crm.create", known), "crm.create");
  EXPECT_EQ(settle_tool_name("crm__create", known), "crm.create");
  EXPECT_EQ(settle_tool_name("x__y", known), "x.y") << "on the wire, two underscores are a dot";
  EXPECT_EQ(settle_tool_name(wire_tool_name("x__y"), known), "x__y");
  EXPECT_EQ(settle_tool_name("nobody", known), std::nullopt);
}

struct StrictRow {
  const char* schema;
  bool fits;
};

TEST(OpenAiStrict, holds_only_where_the_schema_is_enforced_as_it_is) {
  const StrictRow rows[] = {
      {R"({"type": "object", "additionalProperties": false})", true},
      {R"({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a": {"type": "string"}}})",
       true},
      {R"({"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string"}}})", false},
      {R"({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}})", false},
      {R"({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a": {"enum": ["b"]}}})",
       false},
      {R"({"type": "object", "additionalProperties": false, "required": ["a"],
           "properties": {"a": {"type": "string", "minLength": 1}}})",
       false},
      {R"({"type": "object", "additionalProperties": false, "required": ["a"],
           "properties": {"a": {"type": "string", "format": "uri"}}})",
       false},
      {R"({"type": "object", "additionalProperties": false, "required": ["a"],
           "properties": {"a": {"type": ["object", "null"]}}})",
       false},
      {R"({"type": "object", "additionalProperties": false, "required": ["a"],
           "properties": {"a": {"type": "array", "items": {"type": "object"}}}})",
       false},
      {R"({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a": {"type": "array"}}})",
       false},
      {R"({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a": true}})", false},
  };
  for (const StrictRow& row : rows) EXPECT_EQ(fits_openai_strict(json(row.schema)), row.fits) << row.schema;
}

}  // namespace
}  // namespace settle::test
