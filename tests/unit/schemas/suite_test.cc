#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "schemas/schema.h"

namespace settle {
namespace {

namespace fs = std::filesystem;

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

/// Groups whose keywords are all in the subset, but whose verdicts Settle means to differ from.
const std::map<std::string, std::string> declared_exceptions = {
    {"validation of A-label (punycode) host names", "A-labels are checked as letters, digits and hyphens only"},
    {"empty enum", "an enum without values accepts nothing: a mistake in a tool, so it is refused"},
    {"schema that uses custom metaschema with with no validation vocabulary",
     "no metaschemas but the two standard ones"},
    {"ignore unrecognized optional vocabulary", "no metaschemas but the two standard ones"},
};

struct Tally {
  int groups = 0, refused_groups = 0, tests = 0;
};

/// Runs every group whose schema is within the subset; the others must be refused when compiled.
void run_file(const fs::path& path, Tally& tally) {
  const Json groups = contents(path);
  for (const Json& group : groups.as_array()) {
    const std::string& name = group.find("description")->as_string();
    if (declared_exceptions.contains(name)) continue;
    SCOPED_TRACE(path.filename().string() + ": " + name);
    const Result<Schema> schema = Schema::compile(*group.find("schema"));
    if (!schema) {
      ++tally.refused_groups;
      for (const Problem& problem : schema.error().problems) {
        EXPECT_EQ(problem.code, "schema_unknown_keyword") << problem.message;
      }
      continue;
    }
    ++tally.groups;
    for (const Json& test : group.find("tests")->as_array()) {
      ++tally.tests;
      const bool valid = test.find("valid")->as_bool();
      EXPECT_EQ(schema->accepts(*test.find("data")), valid) << test.find("description")->as_string();
      EXPECT_EQ(schema->validate(*test.find("data")).empty(), valid);
    }
  }
}

fs::path suite_folder() {
  const char* suites = std::getenv("SETTLE_SUITES");
  return suites == nullptr ? fs::path() : fs::path(suites) / "json-schema" / "tests" / "draft2020-12";
}

TEST(JsonSchemaTestSuite, every_group_within_the_subset_gives_the_verdicts_of_the_suite) {
  const fs::path folder = suite_folder();
  if (folder.empty()) GTEST_SKIP() << "SETTLE_SUITES names no folder that holds json-schema/tests";
  ASSERT_TRUE(fs::is_directory(folder)) << folder;
  Tally tally;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    // format.json asks for annotation only; Settle asserts formats, see the next test.
    if (entry.is_regular_file() && entry.path().filename() != "format.json") run_file(entry.path(), tally);
  }
  for (const char* name : {"bignum.json", "float-overflow.json", "non-bmp-regex.json", "no-schema.json"}) {
    run_file(folder / "optional" / name, tally);
  }
  RecordProperty("groups", tally.groups);
  RecordProperty("refused_groups", tally.refused_groups);
  RecordProperty("tests", tally.tests);
  EXPECT_GT(tally.groups, 100);
  EXPECT_GT(tally.tests, 400);
}

TEST(JsonSchemaTestSuite, the_known_formats_give_the_verdicts_of_the_suite) {
  const fs::path folder = suite_folder();
  if (folder.empty()) GTEST_SKIP() << "SETTLE_SUITES names no folder that holds json-schema/tests";
  Tally tally;
  for (const char* name : {"date-time", "date", "time", "duration", "email", "uri", "uri-reference", "uuid", "ipv4",
                           "ipv6", "hostname", "json-pointer"}) {
    run_file(folder / "optional" / "format" / (std::string(name) + ".json"), tally);
  }
  RecordProperty("tests", tally.tests);
  EXPECT_EQ(tally.refused_groups, 0);
  EXPECT_GT(tally.tests, 300);
}

}  // namespace
}  // namespace settle
