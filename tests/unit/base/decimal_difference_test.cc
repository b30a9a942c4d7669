// Exact differences of decimal numbers.
#include <gtest/gtest.h>

#include <random>

#include "base/decimal.h"

namespace settle {
namespace {

std::string minus(std::string_view a, std::string_view b) {
  const std::optional<DecimalValue> found = difference(decimal_value(a), decimal_value(b));
  if (!found) return "too wide";
  std::string out;
  write_decimal(*found, out);
  EXPECT_EQ(*found, decimal_value(out)) << "not in normal form";
  return out;
}

TEST(DecimalDifference, is_exact_whatever_the_size) {
  struct Row {
    const char *a, *b, *want;
  };
  const Row rows[] = {
      {"0", "0", "0"},
      {"5", "0", "5"},
      {"0", "5", "-5"},
      {"5", "5.000", "0"},
      {"-5", "-5", "0"},
      {"-3", "4", "-7"},
      {"3", "-4", "7"},
      {"100", "99.99", "0.01"},
      {"0.3", "0.1", "0.2"},
      {"1e2", "1", "99"},
      {"999", "-1", "1000"},
      {"1e-3", "1e3", "-999.999"},
      {"9007199254740993000000000000000001", "9007199254740993000000000000000000", "1"},
      {"12345678901234567890.5", "0.5", "12345678901234567890"},
      {"1e300000", "1", "too wide"},
      {"1e300000", "1e300000", "0"},
      {"3e300000", "1e300000", "2e+300000"},
      {"1", "1e-9999", "too wide"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.a) + " - " + row.b);
    if (std::string_view(row.b) == "1e-9999") {
      EXPECT_NE(minus(row.a, row.b), "too wide") << "just within the limit";
      EXPECT_EQ(minus(row.a, "1e-10000"), "too wide");
    } else {
      EXPECT_EQ(minus(row.a, row.b), row.want);
    }
  }
}

TEST(DecimalDifference, agrees_with_integers_at_every_scale) {
  std::mt19937_64 dice(1);
  std::uniform_int_distribution<std::int64_t> number(-1'000'000'000'000, 1'000'000'000'000);
  for (int i = 0; i < 20'000; ++i) {
    const std::int64_t a = number(dice) >> (i % 40), b = number(dice) >> (i % 37);
    const std::string scale = "e" + std::to_string(i % 60 - 30);
    const std::optional<DecimalValue> found =
        difference(decimal_value(std::to_string(a) + scale), decimal_value(std::to_string(b) + scale));
    ASSERT_TRUE(found);
    ASSERT_EQ(*found, decimal_value(std::to_string(a - b) + scale)) << a << " - " << b << " " << scale;
  }
}

}  // namespace
}  // namespace settle
