#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "base/json.h"

namespace settle {
namespace {

namespace fs = std::filesystem;

/// Files that RFC 8259 allows and Settle refuses all the same.
const std::map<std::string, std::string> declared_exceptions = {
    {"y_object_duplicated_key.json", "duplicate names are refused: which of the two was meant is a guess"},
    {"y_object_duplicated_key_and_value.json", "duplicate names are refused"},
    {"y_object_escaped_null_in_key.json", "\\u0000 is refused: NUL is not text for the tools that will see it"},
    {"y_string_null_escape.json", "\\u0000 is refused"},
};

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(JsonTestSuite, every_y_file_is_accepted_but_the_declared_ones_and_every_n_file_is_refused) {
  const char* suites = std::getenv("SETTLE_SUITES");
  if (suites == nullptr) GTEST_SKIP() << "SETTLE_SUITES names no folder that holds JSONTestSuite/test_parsing";
  const fs::path folder = fs::path(suites) / "JSONTestSuite" / "test_parsing";
  ASSERT_TRUE(fs::is_directory(folder)) << folder;

  std::set<std::string> unused;
  for (const auto& [name, reason] : declared_exceptions) unused.insert(name);
  int accepted = 0, refused = 0;
  for (const JsonNumbers numbers : {JsonNumbers::strict, JsonNumbers::exact}) {
    JsonLimits limits;
    limits.numbers = numbers;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      SCOPED_TRACE(name);
      const Result<Json> value = read_json(contents(entry.path()), limits);
      (value ? accepted : refused) += 1;
      if (name.starts_with("n_")) {
        EXPECT_FALSE(value);
      } else if (declared_exceptions.contains(name)) {
        EXPECT_FALSE(value);
        unused.erase(name);
      } else if (name.starts_with("y_")) {
        EXPECT_TRUE(value) << value.error().message;
      }
      if (!value) continue;
      limits.numbers = JsonNumbers::exact;
      const Result<Json> back = read_json(canonical(*value), limits);
      EXPECT_TRUE(back && *back == *value);
      limits.numbers = numbers;
    }
  }
  EXPECT_TRUE(unused.empty()) << *unused.begin();
  EXPECT_GT(accepted, 180);
  EXPECT_GT(refused, 370);
}

}  // namespace
}  // namespace settle
