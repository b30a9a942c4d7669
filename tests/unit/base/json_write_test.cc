#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <random>
#include <string>

#include "base/json.h"

namespace settle {
namespace {

JsonLimits exact() {
  JsonLimits limits;
  limits.numbers = JsonNumbers::exact;
  return limits;
}

TEST(JsonCanonical, numbers_are_written_as_appendix_b_of_rfc_8785_lists_them) {
  struct Row {
    std::uint64_t bits;
    std::string text;
  };
  const Row rows[] = {
      {0x0000000000000000, "0"},
      {0x8000000000000000, "0"},
      {0x0000000000000001, "5e-324"},
      {0x8000000000000001, "-5e-324"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0xffefffffffffffff, "-1.7976931348623157e+308"},
      {0x4340000000000000, "9007199254740992"},
      {0xc340000000000000, "-9007199254740992"},
      {0x4430000000000000, "295147905179352830000"},
      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
      {0x444b1ae4d6e2ef4e, "999999999999999700000"},
      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
      {0x444b1ae4d6e2ef50, "1e+21"},
      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
      {0x3eb0c6f7a0b5ed8d, "0.000001"},
      {0x41b3de4355555553, "333333333.3333332"},
      {0x41b3de4355555554, "333333333.33333325"},
      {0x41b3de4355555555, "333333333.3333333"},
      {0x41b3de4355555556, "333333333.3333334"},
      {0x41b3de4355555557, "333333333.33333343"},
      {0xbecbf647612f3696, "-0.0000033333333333333333"},
      {0x43143ff3c1cb0959, "1424953923781206.2"},
  };
  for (const Row& row : rows) EXPECT_EQ(canonical(Json(std::bit_cast<double>(row.bits))), row.text);
}

TEST(JsonCanonical, numbers_outside_of_the_appendix_keep_to_the_ecmascript_layout) {
  const std::pair<double, std::string> rows[] = {{1e-7, "1e-7"},
                                                 {1.5e-7, "1.5e-7"},
                                                 {0.00001234, "0.00001234"},
                                                 {123.456, "123.456"},
                                                 {-0.5, "-0.5"},
                                                 {1e22, "1e+22"},
                                                 {1e100, "1e+100"},
                                                 {4.50, "4.5"},
                                                 {2e-3, "0.002"},
                                                 {1e20, "100000000000000000000"},
                                                 {1.5e21, "1.5e+21"}};
  for (const auto& [value, text] : rows) EXPECT_EQ(canonical(Json(value)), text);
}

TEST(JsonCanonical, every_double_of_everyday_size_is_written_with_its_shortest_digits) {
  std::mt19937_64 dice(5);
  const auto expect_shortest = [](double value) {
    // In this range ECMAScript writes no exponent.
    if (std::abs(value) < 1e-6 || std::abs(value) >= 1e21) return;
    char text[64];
    const auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
    EXPECT_EQ(canonical(Json(value)), std::string(text, end));
  };
  for (int i = 0; i < 20'000; ++i) {
    const auto digits = static_cast<double>(dice() % (i % 2 == 0 ? 100'000 : 2'000'000'000'000'000));
    for (const double scale : {1e1, 1e2, 1e3, 1e5, 1e6, 1e7, 1e9}) {
      const double value = (i % 3 == 0 ? -digits : digits) / scale;
      expect_shortest(value);
      expect_shortest(std::nextafter(value, 1e300));
      expect_shortest(std::nextafter(value, -1e300));
    }
    expect_shortest(static_cast<double>(dice()) / static_cast<double>(dice()));
  }
}

TEST(JsonCanonical, the_example_of_rfc_8785_comes_out_as_printed_there) {
  const Result<Json> value = read_json(R"({
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  })");
  ASSERT_TRUE(value);
  EXPECT_EQ(canonical(*value),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
            "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(JsonCanonical, names_are_ordered_by_utf16_code_units) {
  const Result<Json> value = read_json(R"({
    "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
    "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"})");
  ASSERT_TRUE(value);
  const Result<Json> written = read_json(canonical(*value));
  ASSERT_TRUE(written);
  std::vector<std::string> order;
  for (const JsonMember& member : written->as_object()) order.push_back(member.value.as_string());
  EXPECT_EQ(order, (std::vector<std::string>{"Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis",
                                             "Euro Sign", "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh"}));
}

TEST(JsonCanonical, a_shorter_name_comes_before_its_extensions_and_inner_objects_are_ordered_too) {
  const Result<Json> value = read_json(R"({"b":[{"z":1,"y":{"d":1,"c":{}}}],"ab":1,"a":2,"":3})");
  ASSERT_TRUE(value);
  EXPECT_EQ(canonical(*value), R"({"":3,"a":2,"ab":1,"b":[{"y":{"c":{},"d":1},"z":1}]})");
}

TEST(JsonWrite, strings_are_escaped_as_rfc_8785_demands) {
  std::string out;
  write_json_string("\x01\x1f\b\t\n\f\r\"\\/\x7f plain é \xF0\x9F\x98\x80", out);
  EXPECT_EQ(out, "\"\\u0001\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\x7f plain é \xF0\x9F\x98\x80\"");
}

TEST(JsonWrite, members_keep_their_order_on_one_line_and_indented) {
  const Json value = Json::object(
      {{"b", Json(Json::Array{1, "x", Json::array()})}, {"a", Json::object({{"c", nullptr}})}, {"d", Json::object()}});
  EXPECT_EQ(write_json(value), R"({"b":[1,"x",[]],"a":{"c":null},"d":{}})");
  EXPECT_EQ(write_json(value, 2),
            "{\n  \"b\": [\n    1,\n    \"x\",\n    []\n  ],\n  \"a\": {\n    \"c\": null\n  },\n  \"d\": {}\n}");
}

TEST(JsonWrite, a_decimal_keeps_its_token_for_people_and_is_normalised_for_hashing) {
  const Json value(Json::Decimal{"-0012.500E400"});
  const Json tidy(Json::Decimal{"-12.500E400"});
  EXPECT_EQ(write_json(tidy), "-12.500E400");
  EXPECT_EQ(canonical(tidy), "-1.25e+401");
  EXPECT_EQ(canonical(value), "-1.25e+401");
}

TEST(JsonWrite, a_byte_that_needs_an_escape_is_found_at_every_place_of_strings_of_every_length) {
  for (std::size_t length = 0; length <= 70; ++length) {
    const std::string plain(length, 'x');
    EXPECT_EQ(canonical(Json(plain)), "\"" + plain + "\"");
    for (std::size_t at = 0; at < length; ++at) {
      for (const auto& [byte, written] :
           {std::pair('"', "\\\""), {'\\', "\\\\"}, {'\x1f', "\\u001f"}, {'\x7f', "\x7f"}}) {
        std::string text = plain, want = "\"" + plain + "\"";
        text[at] = byte;
        want.replace(at + 1, 1, written);
        ASSERT_EQ(canonical(Json(text)), want);
        const Result<Json> back = read_json(want);
        ASSERT_TRUE(back && back->as_string() == text) << want;
      }
    }
  }
}

TEST(JsonWrite, documents_larger_than_the_buffer_of_the_writer_come_out_whole) {
  for (const std::size_t length : {4090U, 4094U, 4095U, 4096U, 4097U, 9000U}) {
    const std::string text(length, 'x');
    std::string out = "kept";
    write_canonical(Json(Json::Array{text, 1.5, text, -17}), out);
    EXPECT_EQ(out, "kept[\"" + text + "\",1.5,\"" + text + "\",-17]");
  }
  EXPECT_EQ(write_json(Json(Json::Array(5000, Json(7)))).size(), 10'001U);
}

TEST(JsonCanonical, the_first_bytes_of_names_order_them_as_whole_names_do) {
  const char* const ordered[] = {"",
                                 "a",
                                 "a\x01",
                                 "ab",
                                 "abcdefg",
                                 "abcdefgh",
                                 "abcdefgh\x01",
                                 "abcdefgha",
                                 "abcdefghb",
                                 "abcdefh",
                                 "b",
                                 "\xC3\xA9",
                                 "\xED\x9F\xBF",
                                 "\xF0\x90\x80\x80",
                                 "\xF4\x8F\xBF\xBF",
                                 "\xEE\x80\x80",
                                 "\xEF\xBF\xBD",
                                 "\xEF\xBF\xBD\xF0\x90\x80\x80",
                                 "\xEF\xBF\xBD\xEE\x80\x80"};
  std::string want;
  for (const char* name : ordered) {
    want += want.empty() ? "{" : ",";
    write_json_string(name, want);
    want += ":1";
  }
  want += "}";
  std::vector<std::string> names(std::begin(ordered), std::end(ordered));
  std::mt19937_64 dice(3);
  for (int round = 0; round < 50; ++round) {
    std::shuffle(names.begin(), names.end(), dice);
    Json all = Json::object();
    for (const std::string& name : names) all.set(name, 1);
    ASSERT_EQ(canonical(all), want);
  }
}

/// Random documents from a seed; every kind of value, with names and strings that need escapes.
class RandomDocument {
 public:
  explicit RandomDocument(std::uint64_t seed) : dice_(seed) {}

  Json value(int depth) {
    switch (below(depth > 0 ? 10 : 8)) {
      case 0:
        return Json();
      case 1:
        return Json(below(2) == 0);
      case 2:
        return Json(static_cast<std::int64_t>(dice_()));
      case 3:
        return Json(static_cast<std::int64_t>(below(2000)) - 1000);
      case 4:
        return real();
      case 5:
        return decimal();
      case 6:
      case 7:
        return Json(text());
      case 8:
        return array(depth);
      default:
        return object(depth);
    }
  }

 private:
  std::uint64_t below(std::uint64_t end) { return dice_() % end; }

  Json real() {
    if (below(2) == 0)
      return Json(static_cast<double>(static_cast<std::int64_t>(below(2'000'000)) - 1'000'000) / 1000.0);
    for (;;) {
      const double value = std::bit_cast<double>(dice_());
      if (std::isfinite(value)) return Json(value);
    }
  }

  Json decimal() {
    std::string token = below(2) == 0 ? "-" : "";
    token += static_cast<char>('1' + below(9));
    for (std::uint64_t i = 20 + below(20); i > 0; --i) token += static_cast<char>('0' + below(10));
    token += ".5";
    if (below(2) == 0) token += "e" + std::to_string(static_cast<std::int64_t>(below(2000)) - 1000);
    return Json(Json::Decimal{token});
  }

  std::string text() {
    static const std::string pieces[] = {
        "a", "plain", "\"",   "\\",        "\n", "\x01", "/", "é", "€", "\xF0\x9D\x84\x9E", "\xEF\xAC\xB3",
        "~", " ",     "\x7f", "0123456789"};
    std::string out;
    for (std::uint64_t i = below(6); i > 0; --i) out += pieces[below(std::size(pieces))];
    return out;
  }

  Json array(int depth) {
    Json out = Json::array();
    for (std::uint64_t i = below(6); i > 0; --i) out.push_back(value(depth - 1));
    return out;
  }

  Json object(int depth) {
    Json out = Json::object();
    for (std::uint64_t i = below(below(10) == 0 ? 60 : 6); i > 0; --i) out.set(text(), value(depth - 1));
    return out;
  }

  std::mt19937_64 dice_;
};

TEST(JsonProperty, what_was_written_reads_back_equal_and_canonical_bytes_are_a_fixed_point) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(seed);
    const Json value = RandomDocument(seed).value(4);
    for (const int indent : {0, 3}) {
      const Result<Json> back = read_json(write_json(value, indent), exact());
      ASSERT_TRUE(back) << back.error().message;
      ASSERT_TRUE(*back == value) << write_json(value);
    }
    const std::string bytes = canonical(value);
    const Result<Json> back = read_json(bytes, exact());
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_TRUE(*back == value) << bytes;
    ASSERT_EQ(canonical(*back), bytes);
  }
}

TEST(JsonProperty, documents_are_equal_exactly_when_their_canonical_bytes_are) {
  std::vector<Json> values;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) values.push_back(RandomDocument(seed).value(1));
  for (const Json& a : values) {
    for (const Json& b : values) ASSERT_EQ(a == b, canonical(a) == canonical(b)) << canonical(a) << canonical(b);
  }
}

TEST(JsonProperty, no_byte_flip_crashes_the_reader_and_what_it_accepts_round_trips) {
  std::mt19937_64 dice(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string text = canonical(RandomDocument(1 + dice() % 500).value(3));
    if (text.empty()) continue;
    for (std::uint64_t flips = 1 + dice() % 3; flips > 0; --flips)
      text[dice() % text.size()] = static_cast<char>(dice());
    const Result<Json> value = read_json(text, exact());
    if (!value) continue;
    const Result<Json> back = read_json(canonical(*value), exact());
    ASSERT_TRUE(back) << text;
    ASSERT_TRUE(*back == *value) << text;
  }
}

}  // namespace
}  // namespace settle
