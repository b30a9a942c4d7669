// The public suite of github.com/nst/JSONTestSuite, whole, in both modes of the reader. docs/json.md has the same
// lists.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace settle {
namespace {

namespace fs = std::filesystem;

/// Files that RFC 8259 allows and Settle refuses all the same, in both modes, with the code.
const std::map<std::string, std::string> declared_exceptions = {
    {"y_object_duplicated_key.json", "duplicate_name"},
    {"y_object_duplicated_key_and_value.json", "duplicate_name"},
    {"y_object_escaped_null_in_key.json", "nul_character"},
    {"y_string_null_escape.json", "nul_character"},
};

/// What RFC 8259 leaves to the reader: the code of the refusal in each mode, or "" where the text is accepted.
struct Choice {
  std::string file, strict, exact;
};
const std::vector<Choice> choices = {
    {"i_number_double_huge_neg_exp.json", "", ""},
    {"i_number_huge_exp.json", "number_too_large", "number_too_large"},
    {"i_number_neg_int_huge_exp.json", "number_too_large", ""},
    {"i_number_pos_double_huge_exp.json", "number_too_large", ""},
    {"i_number_real_neg_overflow.json", "number_too_large", ""},
    {"i_number_real_pos_overflow.json", "number_too_large", ""},
    {"i_number_real_underflow.json", "", ""},
    {"i_number_too_big_neg_int.json", "number_not_exact", ""},
    {"i_number_too_big_pos_int.json", "number_not_exact", ""},
    {"i_number_very_big_negative_int.json", "number_not_exact", ""},
    {"i_object_key_lone_2nd_surrogate.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_1st_surrogate_but_2nd_missing.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_1st_valid_surrogate_2nd_invalid.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_UTF-16LE_with_BOM.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_UTF-8_invalid_sequence.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_UTF8_surrogate_U+D800.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_incomplete_surrogate_and_escape_valid.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_incomplete_surrogate_pair.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_incomplete_surrogates_escape_valid.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_invalid_lonely_surrogate.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_invalid_surrogate.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_invalid_utf-8.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_inverted_surrogates_U+1D11E.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_iso_latin_1.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_lone_second_surrogate.json", "unpaired_surrogate", "unpaired_surrogate"},
    {"i_string_lone_utf8_continuation_byte.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_not_in_unicode_range.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_overlong_sequence_2_bytes.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_overlong_sequence_6_bytes.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_overlong_sequence_6_bytes_null.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_truncated-utf-8.json", "invalid_utf8", "invalid_utf8"},
    {"i_string_utf16BE_no_BOM.json", "nul_character", "nul_character"},
    {"i_string_utf16LE_no_BOM.json", "nul_character", "nul_character"},
    {"i_structure_500_nested_arrays.json", "too_deep", "too_deep"},
    {"i_structure_UTF-8_BOM_empty_object.json", "syntax", "syntax"},
};

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// The code of the refusal, or "" for a text that is accepted, which must then survive the canonical writer.
std::string verdict(const std::string& text, JsonNumbers numbers) {
  JsonLimits limits;
  limits.numbers = numbers;
  const Result<Json> value = read_json(text, limits);
  if (!value) return value.error().problems.at(0).code;
  limits.numbers = JsonNumbers::exact;
  const Result<Json> back = read_json(canonical(*value), limits);
  EXPECT_TRUE(back && *back == *value);
  return "";
}

/// NAME → text of every file of the suite that begins with `kind`; empty where the suite is not at hand.
std::map<std::string, std::string> files(const std::string& kind) {
  std::map<std::string, std::string> out;
  const char* suites = std::getenv("SETTLE_SUITES");
  if (suites == nullptr) return out;
  const fs::path folder = fs::path(suites) / "JSONTestSuite" / "test_parsing";
  EXPECT_TRUE(fs::is_directory(folder)) << folder;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kind)) out.emplace(name, contents(entry.path()));
  }
  return out;
}

class JsonTestSuite : public testing::TestWithParam<JsonNumbers> {
 protected:
  void SetUp() override {
    if (std::getenv("SETTLE_SUITES") == nullptr)
      GTEST_SKIP() << "SKIPPED: SETTLE_SUITES names no folder that holds JSONTestSuite/test_parsing";
  }
};

TEST_P(JsonTestSuite, every_file_that_must_be_accepted_is_but_for_the_declared_exceptions) {
  std::map<std::string, std::string> unseen = declared_exceptions;
  const std::map<std::string, std::string> all = files("y_");
  EXPECT_GE(all.size(), 95U);
  for (const auto& [name, text] : all) {
    const auto exception = declared_exceptions.find(name);
    EXPECT_EQ(verdict(text, GetParam()), exception == declared_exceptions.end() ? "" : exception->second) << name;
    unseen.erase(name);
  }
  EXPECT_TRUE(unseen.empty()) << unseen.begin()->first << " is declared, but not part of the suite";
}

TEST_P(JsonTestSuite, every_file_that_must_be_refused_is) {
  const std::map<std::string, std::string> all = files("n_");
  EXPECT_GE(all.size(), 187U);
  for (const auto& [name, text] : all) EXPECT_NE(verdict(text, GetParam()), "") << name;
}

TEST_P(JsonTestSuite, what_the_standard_leaves_open_is_decided_as_the_table_says) {
  std::map<std::string, std::string> open = files("i_");
  for (const Choice& choice : choices) {
    ASSERT_TRUE(open.contains(choice.file)) << choice.file;
    EXPECT_EQ(verdict(open[choice.file], GetParam()), GetParam() == JsonNumbers::strict ? choice.strict : choice.exact)
        << choice.file;
    open.erase(choice.file);
  }
  EXPECT_TRUE(open.empty()) << open.begin()->first << " stands in no table";
}

INSTANTIATE_TEST_SUITE_P(BothModes, JsonTestSuite, testing::Values(JsonNumbers::strict, JsonNumbers::exact),
                         [](const testing::TestParamInfo<JsonNumbers>& mode) {
                           return mode.param == JsonNumbers::strict ? "strict" : "exact";
                         });

}  // namespace
}  // namespace settle
