#include "cli/schema_lines.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace settle {
namespace {

struct Judged {
  std::string out;
  std::string err;
  int code = 0;
};

Judged judged(const std::string& lines, const SchemaCommandOptions& options = {}) {
  std::istringstream in(lines);
  std::ostringstream out, err;
  const int code = validate_lines(options, in, out, err);
  return {out.str(), err.str(), code};
}

TEST(SchemaLines, each_line_gets_one_answer) {
  const Judged all = judged(
      "{\"schema\":{\"type\":\"string\"},\"instance\":\"x\"}\n"
      "{\"schema\":{\"type\":\"string\"},\"instance\":7}\n"
      "{\"schema\":{\"maximum\":9007199254740993},\"instance\":9007199254740994}\n");
  EXPECT_EQ(all.out,
            "{\"valid\":true}\n"
            "{\"valid\":false,\"errors\":[{\"instance\":\"\",\"schema\":\"/type\",\"keyword\":\"type\","
            "\"expected\":\"a string\",\"got\":\"7\"}]}\n"
            "{\"valid\":false,\"errors\":[{\"instance\":\"\",\"schema\":\"/maximum\",\"keyword\":\"maximum\","
            "\"expected\":\"a number of at most 9007199254740993\",\"got\":\"9007199254740994\"}]}\n");
  EXPECT_EQ(all.code, 0);
}

TEST(SchemaLines, what_cant_be_judged_is_refused_and_shows_in_the_exit_code) {
  const Judged schema = judged("{\"schema\":{\"$ref\":\"#/none\"},\"instance\":1}\n{\"schema\":true,\"instance\":1}\n");
  EXPECT_NE(schema.out.find("{\"refused\":[{\"pointer\":\"/$ref\",\"code\":\"schema_reference\""), std::string::npos);
  EXPECT_TRUE(schema.out.ends_with("{\"valid\":true}\n"));
  EXPECT_EQ(schema.code, 3);
  for (const char* line : {"{", "7", "{\"schema\":true}", "{\"schema\":true,\"instance\":1,\"more\":1}"}) {
    const Judged bad = judged(std::string(line) + "\n");
    EXPECT_TRUE(bad.out.starts_with("{\"refused\":[")) << line;
    EXPECT_EQ(bad.code, 2) << line;
  }
}

TEST(SchemaLines, formats_and_drafts_follow_the_options) {
  const std::string format = "{\"schema\":{\"format\":\"date\"},\"instance\":\"never\"}\n";
  EXPECT_EQ(judged(format).out, "{\"valid\":true}\n");
  EXPECT_TRUE(judged(format, {.assert_formats = true}).out.starts_with("{\"valid\":false"));
  const std::string old = "{\"schema\":{\"items\":[{\"type\":\"null\"}]},\"instance\":[1]}\n";
  EXPECT_TRUE(judged(old).out.starts_with("{\"refused\""));
  EXPECT_TRUE(judged(old, {.draft = "draft-07"}).out.starts_with("{\"valid\":false"));
}

TEST(SchemaLines, references_lead_into_the_folder_by_id_and_by_path) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "schema_lines";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "deep");
  std::ofstream(folder / "deep" / "a.json") << "{\"$id\":\"https://example.org/a\",\"type\":\"null\"}";
  const SchemaCommandOptions options{.folder = folder.string(), .base = "http://localhost:1234"};
  for (const char* uri : {"https://example.org/a", "http://localhost:1234/deep/a.json"}) {
    const std::string line = "{\"schema\":{\"$ref\":\"" + std::string(uri) + "\"},\"instance\":1}\n";
    EXPECT_TRUE(judged(line, options).out.starts_with("{\"valid\":false")) << uri;
    EXPECT_TRUE(judged(line).out.starts_with("{\"refused\"")) << uri;
  }
  const Judged nowhere = judged("", {.folder = (folder / "none").string()});
  EXPECT_EQ(nowhere.code, 13);
  EXPECT_FALSE(nowhere.err.empty());
  std::ofstream(folder / "bad.json") << "{";
  EXPECT_EQ(judged("", options).code, 2);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace settle
