#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/pointer.h"

namespace settle {
namespace {

using namespace std::string_literals;

std::string repeat(std::string_view text, std::size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

JsonLimits exact() {
  JsonLimits limits;
  limits.numbers = JsonNumbers::exact;
  return limits;
}

Json read(std::string_view text, const JsonLimits& limits = {}) {
  Result<Json> out = read_json(text, limits);
  if (!out) {
    ADD_FAILURE() << text.substr(0, 200) << ": " << out.error().message;
    return Json();
  }
  return std::move(*out);
}

struct Refusal {
  std::string name;
  std::string text;
  std::string code;
  std::string pointer;
  ErrorCode kind = ErrorCode::malformed_json;
};

void expect_refused(const Refusal& row, const JsonLimits& limits = {}) {
  SCOPED_TRACE(row.name);
  const Result<Json> out = read_json(row.text, limits);
  ASSERT_FALSE(out);
  ASSERT_EQ(out.error().problems.size(), 1u);
  const Problem& problem = out.error().problems[0];
  EXPECT_EQ(problem.code, row.code) << problem.message;
  EXPECT_EQ(problem.pointer, row.pointer) << problem.message;
  EXPECT_EQ(out.error().code, row.kind);
  EXPECT_EQ(problem.message, out.error().message);
  EXPECT_FALSE(problem.expected.empty());
  EXPECT_FALSE(problem.got.empty());
  EXPECT_TRUE(problem.message.starts_with("line ")) << problem.message;
}

TEST(JsonRead, every_kind_of_value_is_read_as_its_type) {
  const Json value = read(
      " {\"n\": null, \"t\": true, \"f\": false, \"i\": -12, \"r\": 1.5, \"s\": \"x\", \"a\": [1, [ ]], \"o\": { } "
      "}\r\n\t");
  EXPECT_TRUE(value.find("n")->is_null());
  EXPECT_TRUE(value.find("t")->as_bool());
  EXPECT_FALSE(value.find("f")->as_bool());
  EXPECT_EQ(value.find("i")->as_integer(), -12);
  EXPECT_EQ(value.find("r")->as_double(), 1.5);
  EXPECT_EQ(value.find("s")->as_string(), "x");
  EXPECT_EQ(value.find("a")->size(), 2u);
  EXPECT_EQ(value.find("o")->size(), 0u);
  EXPECT_EQ(value.as_object()[0].name, "n");
  EXPECT_EQ(value.as_object()[7].name, "o");
  EXPECT_EQ(value.find("missing"), nullptr);
}

TEST(JsonRead, strings_are_unescaped_and_utf8_is_kept) {
  const std::pair<std::string, std::string> rows[] = {
      {R"("")", ""},
      {R"("plain text that is longer than one word")", "plain text that is longer than one word"},
      {R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
      {R"("\u0041\u00e9\u20AC\ud834\udd1e")", "A\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E"},
      {"\"\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E\"", "\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E"},
      {"\"seven77\xC3\xA9\\nseven77\xF4\x8F\xBF\xBF\"", "seven77\xC3\xA9\nseven77\xF4\x8F\xBF\xBF"},
      {"\"\x7F\"", "\x7F"},
      {R"("\\u0000")", "\\u0000"},
      {R"("\uFFFF\u0001")", "\xEF\xBF\xBF\x01"},
  };
  for (const auto& [text, want] : rows) EXPECT_EQ(read(text).as_string(), want) << text;
}

TEST(JsonRead, what_is_not_strict_json_is_refused_with_code_and_place) {
  const Refusal rows[] = {
      {"nothing", "", "empty", ""},
      {"white space only", " \n\t", "empty", ""},
      {"byte order mark", "\xEF\xBB\xBF{}", "syntax", ""},
      {"single quotes", "{'a':1}", "syntax", ""},
      {"unquoted name", "{a:1}", "syntax", ""},
      {"comma at the end of an array", "[1,]", "syntax", "/1"},
      {"comma at the end of an object", "{\"a\":1,}", "syntax", ""},
      {"missing comma", "{\"a\":[1 2]}", "syntax", "/a"},
      {"missing colon", "{\"a\" 1}", "syntax", "/a"},
      {"missing value", "{\"a\":}", "syntax", "/a"},
      {"comment", "[1] // x", "trailing_bytes", ""},
      {"second value", "{}{}", "trailing_bytes", ""},
      {"NaN", "[NaN]", "syntax", "/0"},
      {"word cut short", "[tru]", "syntax", "/0"},
      {"word too long", "[nulll]", "syntax", ""},
      {"capital word", "True", "syntax", ""},
      {"leading zero", "{\"a\":[7,01]}", "syntax", "/a/1"},
      {"leading plus", "+1", "syntax", ""},
      {"minus alone", "-", "syntax", ""},
      {"no digit before the point", ".5", "syntax", ""},
      {"no digit behind the point", "1.", "syntax", ""},
      {"no digit in the exponent", "1e", "syntax", ""},
      {"two signs in the exponent", "1e+-1", "syntax", ""},
      {"hexadecimal", "0x10", "trailing_bytes", ""},
      {"open array", "[1", "syntax", ""},
      {"open object", "{\"a\":1", "syntax", ""},
      {"open string", "[\"abc", "syntax", "/0"},
      {"wrong bracket", "[1}", "syntax", ""},
      {"newline in a string", "[\"a\nb\"]", "syntax", "/0"},
      {"unknown escape", "[\"\\x\"]", "syntax", "/0"},
      {"short escape", "[\"\\u12\"]", "syntax", "/0"},
      {"backslash at the end", "\"\\", "syntax", ""},
      {"no-break space", "[\xC2\xA0]", "syntax", "/0"},
      {"NUL behind the document", "{}\0{}"s, "nul_character", ""},
      {"NUL in a string", "[\"a\0\"]"s, "nul_character", "/0"},
      {"NUL between tokens", "[\0]"s, "nul_character", "/0"},
      {"escaped NUL", "{\"a\":\"x\\u0000\"}", "nul_character", "/a"},
      {"escaped NUL in a name", "{\"a\\u0000\":1}", "nul_character", ""},
      {"high surrogate alone", R"(["\ud800"])", "unpaired_surrogate", "/0"},
      {"low surrogate alone", R"(["\udc00"])", "unpaired_surrogate", "/0"},
      {"high surrogate before text", R"(["\ud800x"])", "unpaired_surrogate", "/0"},
      {"high surrogate twice", R"(["\ud800\ud800"])", "unpaired_surrogate", "/0"},
      {"high surrogate and a cut escape", R"(["\ud800\u12"])", "syntax", "/0"},
      {"overlong slash", "[\"\xC0\xAF\"]", "invalid_utf8", "/0"},
      {"overlong in three bytes", "[\"\xE0\x80\xAF\"]", "invalid_utf8", "/0"},
      {"overlong in four bytes", "[\"\xF0\x80\x80\xAF\"]", "invalid_utf8", "/0"},
      {"surrogate in UTF-8", "[\"\xED\xA0\x80\"]", "invalid_utf8", "/0"},
      {"above U+10FFFF", "[\"\xF4\x90\x80\x80\"]", "invalid_utf8", "/0"},
      {"five bytes", "[\"\xF8\x88\x80\x80\x80\"]", "invalid_utf8", "/0"},
      {"continuation alone", "[\"\x80\"]", "invalid_utf8", "/0"},
      {"sequence cut by the quotation mark", "[\"\xE2\x82\"]", "invalid_utf8", "/0"},
      {"sequence cut by the end", "\"\xE2\x82", "invalid_utf8", ""},
      {"Latin-1", "[\"caf\xE9\"]", "invalid_utf8", "/0"},
      {"bad bytes outside of strings", "[1,\xFF]", "invalid_utf8", "/1"},
      {"same name twice", R"({"a":1,"b":2,"a":3})", "duplicate_name", "/a"},
      {"same name twice, deep", R"([{"x/y":{"a":1,"a":1}}])", "duplicate_name", "/0/x~1y/a"},
      {"same name, one of them escaped", R"({"a":1,"\u0061":1})", "duplicate_name", "/a"},
      {"escaping in the pointer", R"({"a/b~":{"":[0,x]}})", "syntax", "/a~1b~0//1"},
  };
  for (const Refusal& row : rows) expect_refused(row);
}

TEST(JsonRead, a_repeated_name_is_placed_whatever_stands_between_the_two) {
  const Result<Json> value =
      read_json("[{\"a\\\"{,\":[{\"a\\\"{,\":1,\"y\":\",}]\\\\\"},2],\n\"b\\\\\":{},\"\\u0061\\\"{,\":2}]");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().problems.at(0).code, "duplicate_name");
  EXPECT_EQ(value.error().problems.at(0).pointer, "/0/a\"{,");
  EXPECT_TRUE(value.error().message.starts_with("line 2, column 10:")) << value.error().message;
}

TEST(JsonRead, the_message_has_line_and_column_in_characters) {
  const Result<Json> out = read_json("{\n  \"é€\": tru\n}");
  ASSERT_FALSE(out);
  EXPECT_TRUE(out.error().message.starts_with("line 2, column 12: expected the literal true")) << out.error().message;
  const Result<Json> again = read_json("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, "line 3, column 2: expected names that differ, found the name \"a\" again");
}

TEST(JsonRead, strict_numbers_are_read_or_refused) {
  const std::pair<std::string, Json> rows[] = {
      {"0", 0},
      {"-0", 0},
      {"-0.0", 0},
      {"0e5", 0},
      {"0e99999999999999999999999", 0},
      {"1.0", 1},
      {"1e2", 100},
      {"1E+2", 100},
      {"12.50e1", 125},
      {"9007199254740991", std::int64_t{9007199254740991}},
      {"-9007199254740991", std::int64_t{-9007199254740991}},
      {"0.1", 0.1},
      {"1e20", 1e20},
      {"-1.5e-3", -0.0015},
      {"5e-324", 5e-324},
      {"1e-400", 0},
      {"-1e-99999999999999999999", 0},
      {"1.7976931348623157e308", 1.7976931348623157e308},
      {"0.1000000000000000055511151231257827", 0.1},
  };
  for (const auto& [text, want] : rows) {
    SCOPED_TRACE(text);
    const Json got = read(text);
    EXPECT_EQ(got.type(), want.type());
    EXPECT_TRUE(got == want);
  }
  const Refusal refusals[] = {
      {"2^53", "9007199254740992", "number_not_exact", ""},
      {"-2^53", "[-9007199254740992]", "number_not_exact", "/0"},
      {"2^64", "{\"a\":18446744073709551616}", "number_not_exact", "/a"},
      {"many digits", repeat("9", 5000), "number_not_exact", ""},
      {"overflow", "1e309", "number_too_large", ""},
      {"negative overflow", "[-1e309]", "number_too_large", "/0"},
      {"huge exponent", "1e999999999", "number_too_large", ""},
      {"huge exponent behind many zeros", "0.000001e99999999999999999999", "number_too_large", ""},
  };
  for (const Refusal& row : refusals) expect_refused(row);
}

TEST(JsonRead, exact_numbers_keep_every_digit) {
  struct Row {
    std::string text;
    Json::Type type;
    std::string canonical;
  };
  using enum Json::Type;
  const Row rows[] = {
      {"9007199254740993", integer, "9007199254740993"},
      {"-9223372036854775808", integer, "-9223372036854775808"},
      {"9223372036854775807", integer, "9223372036854775807"},
      {"9223372036854775808", decimal, "9223372036854775808"},
      {"9007199254740993.0", integer, "9007199254740993"},
      {"1e18", integer, "1000000000000000000"},
      {"-0", integer, "0"},
      {"-0.0e3", integer, "0"},
      {"1e20", real, "100000000000000000000"},
      {"100000000000000000000", real, "100000000000000000000"},
      {"100000000000000000001", decimal, "100000000000000000001"},
      {"0.10", real, "0.1"},
      {"0.1000000000000000055511151231257827", decimal, "0.1000000000000000055511151231257827"},
      {"1.00000000000000000001", decimal, "1.00000000000000000001"},
      {"1e400", decimal, "1e+400"},
      {"-12.50e400", decimal, "-1.25e+401"},
      {"1e-400", decimal, "1e-400"},
      {"1e999999999", decimal, "1e+999999999"},
      {"-1E-999999999", decimal, "-1e-999999999"},
      {"1234567890123456789012345", decimal, "1.234567890123456789012345e+24"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const Json got = read(row.text, exact());
    EXPECT_EQ(got.type(), row.type);
    EXPECT_EQ(canonical(got), row.canonical);
    EXPECT_TRUE(read(row.canonical, exact()) == got);
  }
  expect_refused({"an exponent beyond all reason", "[1e1000000001]", "number_too_large", "/0"}, exact());
  expect_refused({"a negative one", "[1e-99999999999999999999]", "number_too_large", "/0"}, exact());
}

TEST(JsonRead, limits_are_kept) {
  JsonLimits limits;
  limits.bytes_max = 10;
  EXPECT_TRUE(read_json("[12345678]", limits));
  expect_refused({"bytes", "[123456789]", "too_large", "", ErrorCode::payload_too_large}, limits);

  limits = {};
  limits.depth_max = 3;
  EXPECT_TRUE(read_json("[{\"a\":[]}]", limits));
  expect_refused({"depth", "[{\"a\":[{}]}]", "too_deep", "/0/a/0", ErrorCode::payload_too_large}, limits);

  limits = {};
  limits.nodes_max = 4;
  EXPECT_TRUE(read_json("[1,2,3]", limits));
  expect_refused({"nodes", "[1,2,{\"a\":3}]", "too_many_nodes", "/2/a", ErrorCode::payload_too_large}, limits);
}

TEST(JsonRead, a_document_a_million_deep_is_an_error_and_not_a_crash) {
  JsonLimits limits;
  limits.bytes_max = 100'000'000;
  const std::string place = repeat("/0", 64);
  expect_refused({"arrays", repeat("[", 1'000'000), "too_deep", place, ErrorCode::payload_too_large}, limits);
  expect_refused({"closed arrays", repeat("[", 1'000'000) + repeat("]", 1'000'000), "too_deep", place,
                  ErrorCode::payload_too_large},
                 limits);
  expect_refused({"objects", repeat("{\"a\":", 1'000'000), "too_deep", repeat("/a", 64), ErrorCode::payload_too_large},
                 limits);
  limits.depth_max = 1000;
  const Json deep = read(repeat("[", 1000) + repeat("]", 1000), limits);
  EXPECT_EQ(canonical(deep), repeat("[", 1000) + repeat("]", 1000));
  EXPECT_TRUE(deep == read(canonical(deep), limits));
}

TEST(JsonRead, a_hundred_thousand_members_with_a_duplicate_at_the_end_take_bounded_time) {
  // Long common beginnings, so that every comparison costs something.
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += "\"member-with-a-long-name-" + std::to_string(i) + "\":0,";
  text += "\"member-with-a-long-name-0\":0}";
  JsonLimits limits;
  limits.bytes_max = 10'000'000;
  limits.nodes_max = 200'000;
  const auto start = std::chrono::steady_clock::now();
  expect_refused({"duplicate", text, "duplicate_name", "/member-with-a-long-name-0"}, limits);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));

  const std::size_t last = text.rfind("-0\"");
  text.replace(last, 3, "-x\"");
  const Json a = read(text, limits);
  Json b = a;
  std::swap(b.as_object().front(), b.as_object().back());
  EXPECT_TRUE(a == b);
  b.as_object().front().value = 1;
  EXPECT_FALSE(a == b);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(JsonRead, the_first_repeated_name_is_named_whatever_the_size_of_the_object) {
  for (const int size : {3, 16, 17, 40}) {
    std::string text = "{";
    for (int i = 0; i < size; ++i) text += "\"n" + std::to_string(i) + "\":0,";
    expect_refused({std::to_string(size), text + "\"n1\":0,\"n0\":0}", "duplicate_name", "/n1"});
    EXPECT_EQ(read(text + "\"last\":0}").size(), static_cast<std::size_t>(size) + 1);
  }
}

}  // namespace
}  // namespace settle
