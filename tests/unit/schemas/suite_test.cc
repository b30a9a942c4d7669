#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "schemas/schema.h"

namespace settle {
namespace {

namespace fs = std::filesystem;

constexpr const char* expectations_file = "tests/cases/schema-optional.txt";

fs::path suite_folder() {
  const char* suites = std::getenv("SETTLE_SUITES");
  return suites == nullptr ? fs::path() : fs::path(suites) / "json-schema";
}

#define SKIP_WITHOUT_SUITE()                                                                            \
  if (suite_folder().empty())                                                                           \
  GTEST_SKIP() << "NOT RUN: SETTLE_SUITES names no folder that holds json-schema/tests, so nothing is " \
                  "proved about the standard here"

/// The document, with another control character in the place of NUL: Settle refuses that before a schema sees it.
Json contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  for (std::size_t at = 0; (at = text.find("\\u0000", at)) != std::string::npos;) text[at + 5] = '1';
  JsonLimits limits;
  limits.bytes_max = 10'000'000;
  limits.numbers = JsonNumbers::exact;
  Result<Json> out = read_json(text, limits);
  if (out) return std::move(*out);
  ADD_FAILURE() << path << ": " << out.error().message;
  return Json::array();
}

/// What the suite serves at http://localhost:1234.
std::shared_ptr<const SchemaResources> remotes() {
  static const std::shared_ptr<const SchemaResources> loaded = [] {
    auto out = std::make_shared<SchemaResources>();
    const fs::path folder = suite_folder() / "remotes";
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".json") continue;
      out->emplace("http://localhost:1234/" + fs::relative(entry.path(), folder).generic_string(),
                   contents(entry.path()));
    }
    return out;
  }();
  return loaded;
}

SchemaOptions options_of(const std::string& draft, bool assert_formats) {
  SchemaOptions options;
  options.unknown_keywords = UnknownKeywords::ignore;
  options.assert_formats = assert_formats;
  options.default_draft = draft == "draft7" ? SchemaDraft::draft_07 : SchemaDraft::draft_2020_12;
  options.resources = remotes();
  return options;
}

/// Runs one file and calls `tell(group, test, answer)` with "pass", "wrong" or "refused: …" for each test.
template <class Tell>
void run_file(const fs::path& path, const SchemaOptions& options, const Tell& tell) {
  const Json groups = contents(path);
  for (const Json& group : groups.as_array()) {
    const std::string& name = group.find("description")->as_string();
    const Result<Schema> schema = Schema::compile(*group.find("schema"), options);
    for (const Json& test : group.find("tests")->as_array()) {
      const std::string& what = test.find("description")->as_string();
      if (!schema) {
        tell(name, what, "refused: " + schema.error().problems.at(0).code);
        continue;
      }
      const bool valid = test.find("valid")->as_bool();
      const bool accepted = schema->accepts(*test.find("data"));
      EXPECT_EQ(schema->validate(*test.find("data")).empty(), accepted);
      tell(name, what, accepted == valid ? "pass" : "wrong");
    }
  }
}

int run_required(const std::string& draft) {
  int passed = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(suite_folder() / "tests" / draft)) {
    if (!entry.is_regular_file()) continue;
    const std::string file = entry.path().filename().string();
    run_file(entry.path(), options_of(draft, false),
             [&](const std::string& group, const std::string& test, const std::string& answer) {
               EXPECT_EQ(answer, "pass") << draft << "/" << file << ": " << group << ": " << test;
               passed += answer == "pass" ? 1 : 0;
             });
  }
  return passed;
}

TEST(JsonSchemaTestSuite, every_required_test_of_2020_12_passes) {
  SKIP_WITHOUT_SUITE();
  EXPECT_GE(run_required("draft2020-12"), 1299);
}

TEST(JsonSchemaTestSuite, every_required_test_of_draft_07_passes) {
  SKIP_WITHOUT_SUITE();
  EXPECT_GE(run_required("draft7"), 927);
}

/// One line for each optional file, and one for each optional test that does not pass.
std::string optional_results() {
  std::string out;
  for (const std::string draft : {"draft2020-12", "draft7"}) {
    const fs::path folder = suite_folder() / "tests" / draft / "optional";
    std::set<fs::path> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) files.insert(entry.path());
    }
    for (const fs::path& file : files) {
      const std::string name = draft + "/" + fs::relative(file, folder).generic_string();
      const bool formats = file.parent_path().filename() == "format";
      int passed = 0, others = 0;
      std::string lines;
      run_file(file, options_of(draft, formats),
               [&](const std::string& group, const std::string& test, const std::string& answer) {
                 ++(answer == "pass" ? passed : others);
                 if (answer != "pass") lines += "  " + answer + ": " + group + " | " + test + "\n";
               });
      out += name + ": " + std::to_string(passed) + " pass, " + std::to_string(others) + " do not\n" + lines;
    }
  }
  return out;
}

/// The expectations without the lines of reasons, which begin with "#".
std::string expectations(const fs::path& path) {
  std::ifstream file(path);
  std::string out;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with('#') && !line.empty()) out += line + "\n";
  }
  return out;
}

TEST(JsonSchemaTestSuite, the_optional_tests_give_what_is_written_down) {
  SKIP_WITHOUT_SUITE();
  const std::string results = optional_results();
  if (const char* rewrite = std::getenv("SETTLE_REWRITE_CASES")) {
    std::ofstream(rewrite) << results;
    GTEST_SKIP() << "wrote " << rewrite;
  }
  EXPECT_EQ(results, expectations(fs::path(SETTLE_SOURCE_DIR) / expectations_file))
      << "compare, and when the change is meant, put the new lines and the reason into " << expectations_file;
}

}  // namespace
}  // namespace settle
