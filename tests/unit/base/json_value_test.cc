#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "base/json.h"
#include "base/pointer.h"

namespace settle {
namespace {

Json decimal(std::string text) {
  return Json(Json::Decimal{std::move(text)});
}

TEST(JsonValue, numbers_compare_by_exact_value_across_their_kinds) {
  // Each row is smaller than the next; cells of a row are equal.
  const std::vector<std::vector<Json>> rows = {
      {decimal("-1e999999999")},
      {decimal("-1e400"), decimal("-0.01e402")},
      {Json(-1e300)},
      {Json(std::numeric_limits<std::int64_t>::min()), decimal("-9223372036854775808")},
      {Json(-2), Json(-2.0), decimal("-2.000")},
      {Json(-1.5), decimal("-15e-1")},
      {decimal("-1e-999999999")},
      {Json(0), Json(-0.0), decimal("0e999999999"), decimal("-0.00")},
      {decimal("1e-999999999")},
      {Json(5e-324), decimal("5e-324")},
      {Json(0.1), decimal("0.1"), decimal("0.100000")},
      {decimal("0.1000000000000000000000001")},
      {Json(1), Json(1.0), decimal("10e-1")},
      {decimal("1.0000000000000000000001")},
      {Json(std::int64_t{9007199254740992}), Json(9007199254740992.0)},
      {Json(std::int64_t{9007199254740993}), decimal("9007199254740993.0")},
      {Json(std::numeric_limits<std::int64_t>::max())},
      {Json(std::uint64_t{9223372036854775808u}), decimal("9223372036854775808")},
      {Json(1e19), Json(std::uint64_t{10000000000000000000u})},
      {Json(1e308), decimal("100e306")},
      {decimal("1e400")},
      {decimal("9.99e999999998")},
      {decimal("1e999999999")},
      {decimal("2e999999999"), decimal("0.2e1000000000")},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows.size(); ++j) {
      for (const Json& a : rows[i]) {
        for (const Json& b : rows[j]) {
          SCOPED_TRACE(write_json(a) + " and " + write_json(b));
          const int order = compare_numbers(a, b);
          EXPECT_EQ(order < 0, i < j);
          EXPECT_EQ(order > 0, i > j);
          EXPECT_EQ(a == b, i == j);
          EXPECT_EQ(canonical(a) == canonical(b), i == j);
        }
      }
    }
  }
}

TEST(JsonValue, types_never_mix) {
  const Json values[] = {Json(),   Json(true), Json(false),   Json(1),        Json("1"),
                         Json(""), Json(1.5),  Json::array(), Json::object(), Json(0)};
  for (std::size_t i = 0; i < std::size(values); ++i) {
    for (std::size_t j = 0; j < std::size(values); ++j) EXPECT_EQ(values[i] == values[j], i == j);
  }
}

TEST(JsonValue, objects_are_equal_whatever_their_order_and_arrays_are_not) {
  Json forward = Json::object(), backward = Json::object();
  for (int i = 0; i < 40; ++i) {
    forward.set("n" + std::to_string(i), i);
    backward.set("n" + std::to_string(39 - i), 39 - i);
    EXPECT_EQ(forward == backward, i == 39) << i;
  }
  backward.set("n7", "other");
  EXPECT_FALSE(forward == backward);
  EXPECT_FALSE(Json(Json::Array{1, 2}) == Json(Json::Array{2, 1}));
  EXPECT_FALSE(Json::object({{"a", 1}, {"b", 1}}) == Json::object({{"a", 1}, {"c", 1}}));
  EXPECT_TRUE(Json::object({{"a", 1}, {"b", 2}}) == Json::object({{"b", 2.0}, {"a", 1}}));
}

TEST(JsonValue, integral_doubles_become_integers) {
  EXPECT_TRUE(Json(3.0).is_integer());
  EXPECT_TRUE(Json(-0.0).is_integer());
  EXPECT_EQ(Json(-9007199254740991.0).as_integer(), -9007199254740991);
  EXPECT_FALSE(Json(9007199254740992.0).is_integer());
  EXPECT_TRUE(Json(std::uint64_t{5}).is_integer());
}

TEST(JsonValue, as_double_rounds_any_number) {
  EXPECT_EQ(decimal("1e400").as_double(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(decimal("-1e400").as_double(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(decimal("1e-400").as_double(), 0.0);
  EXPECT_EQ(decimal("0.1000000000000000055511151231257827").as_double(), 0.1);
  EXPECT_EQ(Json(std::int64_t{9007199254740993}).as_double(), 9007199254740992.0);
}

TEST(JsonValue, members_are_set_replaced_found_and_erased) {
  Json value;
  value.set("a", 1);
  value.set("b", Json::object()).set("deep", "x");
  EXPECT_FALSE(value.erase("c"));
  value.set("a", 3);
  EXPECT_EQ(write_json(value.as_object()[0].value), "3");
  EXPECT_TRUE(value.erase("a"));
  EXPECT_EQ(write_json(value), R"({"b":{"deep":"x"}})");
  EXPECT_EQ(Json(7).find("a"), nullptr);
  EXPECT_FALSE(Json(7).erase("a"));

  Json list;
  list.push_back(1);
  list.push_back("x");
  EXPECT_EQ(write_json(list), "[1,\"x\"]");
  EXPECT_EQ(Json("abc").size(), 0u);
}

TEST(JsonValue, type_names_are_those_of_json_schema) {
  const std::pair<Json, std::string_view> rows[] = {
      {Json(), "null"},         {Json(true), "boolean"},      {Json(1), "integer"},
      {Json(1.5), "number"},    {decimal("1e400"), "number"}, {Json(""), "string"},
      {Json::array(), "array"}, {Json::object(), "object"}};
  for (const auto& [value, name] : rows) EXPECT_EQ(value.type_name(), name);
}

TEST(JsonValueDeathTest, the_wrong_accessor_is_a_bug) {
  EXPECT_DEATH(static_cast<void>(Json("1").as_integer()), "is_integer");
  EXPECT_DEATH(Json{std::numeric_limits<double>::infinity()}, "isfinite");
  EXPECT_DEATH(Json::object({{"a", 1}, {"a", 2}}), "find");
}

TEST(Pointer, parses_only_what_rfc_6901_allows_and_writes_it_back) {
  for (const std::string_view text : {"", "/", "/a", "/a/b", "//", "/~0~1/m~0n", "/0/-", "/é"}) {
    const std::optional<Pointer> pointer = Pointer::parse(text);
    ASSERT_TRUE(pointer) << text;
    EXPECT_EQ(pointer->text(), text);
  }
  for (const std::string_view text : {"a", " /a", "#/a", "/~", "/~2", "/a~/b", "/a/~x"}) {
    EXPECT_FALSE(Pointer::parse(text)) << text;
  }
  EXPECT_EQ(Pointer::parse("/a~1b/m~0n")->tokens, (std::vector<std::string>{"a/b", "m~n"}));
  EXPECT_EQ(Pointer::parse("/~01")->tokens, (std::vector<std::string>{"~1"}));
  EXPECT_EQ(Pointer::parse("/a/")->tokens, (std::vector<std::string>{"a", ""}));
}

TEST(Pointer, finds_the_places_of_the_example_of_rfc_6901) {
  const Result<Json> document =
      read_json(R"({"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8})");
  ASSERT_TRUE(document);
  const std::pair<std::string_view, std::string_view> rows[] = {{"/foo", R"(["bar","baz"])"},
                                                                {"/foo/0", "\"bar\""},
                                                                {"/", "0"},
                                                                {"/a~1b", "1"},
                                                                {"/c%d", "2"},
                                                                {"/e^f", "3"},
                                                                {"/g|h", "4"},
                                                                {"/i\\j", "5"},
                                                                {"/k\"l", "6"},
                                                                {"/ ", "7"},
                                                                {"/m~0n", "8"}};
  for (const auto& [pointer, want] : rows) {
    const Json* found = Pointer::parse(pointer)->find(*document);
    ASSERT_NE(found, nullptr) << pointer;
    EXPECT_EQ(write_json(*found), want);
  }
  EXPECT_EQ(Pointer{}.find(*document), &*document);
  for (const std::string_view text : {"/bar", "/foo/2", "/foo/-", "/foo/00", "/foo/01", "/foo/+1", "/foo/0/x",
                                      "/foo/99999999999999999999", "/a~1b/0"}) {
    EXPECT_EQ(Pointer::parse(text)->find(*document), nullptr) << text;
  }
}

}  // namespace
}  // namespace settle
