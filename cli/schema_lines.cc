#include "cli/schema_lines.h"

#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <unordered_map>

#include "base/problem.h"
#include "schemas/schema.h"

namespace settle {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t schemas_kept_max = 256;

JsonLimits line_limits() {
  JsonLimits limits;
  limits.bytes_max = 16 << 20;
  limits.nodes_max = 1'000'000;
  limits.depth_max = 256;
  limits.numbers = JsonNumbers::exact;
  return limits;
}

/// Every *.json below the folder, by $id where that is absolute, and by its path under `base`.
Result<std::shared_ptr<const SchemaResources>> read_folder(const std::string& folder, std::string base) {
  auto out = std::make_shared<SchemaResources>();
  std::error_code error;
  if (!base.empty() && !base.ends_with('/')) base += '/';
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (!at->is_regular_file() || at->path().extension() != ".json") continue;
    std::ifstream file(at->path(), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    Result<Json> document = read_json(text, line_limits());
    if (!document) return fail(document.error().code, at->path().string() + ": " + document.error().message);
    const Json* id = document->find("$id");
    if (id != nullptr && id->is_string() && id->as_string().find(':') != std::string::npos) {
      std::string uri = id->as_string();
      if (uri.ends_with('#')) uri.pop_back();
      out->emplace(std::move(uri), *document);
    }
    out->insert_or_assign(base + fs::relative(at->path(), folder).generic_string(), *std::move(document));
  }
  if (error) return fail(ErrorCode::io_error, folder + ": " + error.message());
  return std::shared_ptr<const SchemaResources>(std::move(out));
}

/// What a refused line gets: every problem, or the one that the error itself is.
Json refusal(const Error& error) {
  Json problems = problem_documents(error.problems);
  if (error.problems.empty()) {
    problems.push_back(problem_document({"", std::string(info(error.code).name), "", "", error.message}));
  }
  return Json::object({{"refused", std::move(problems)}});
}

Json verdict(const std::vector<SchemaFailure>& failures) {
  if (failures.empty()) return Json::object({{"valid", true}});
  Json errors = Json::array();
  for (const SchemaFailure& failure : failures) {
    errors.push_back(Json::object({{"instance", failure.instance},
                                   {"schema", failure.schema},
                                   {"keyword", failure.keyword},
                                   {"expected", failure.expected},
                                   {"got", failure.got}}));
  }
  return Json::object({{"valid", false}, {"errors", std::move(errors)}});
}

class LineJudge {
 public:
  explicit LineJudge(SchemaOptions options) : options_(std::move(options)) {}

  Json judge(const std::string& line) {
    Result<Json> document = read_json(line, line_limits());
    if (!document) return malformed(document.error());
    const Json* schema = document->find("schema");
    const Json* instance = document->find("instance");
    if (schema == nullptr || instance == nullptr || document->size() != 2) {
      return malformed(
          fail(ErrorCode::invalid_argument, "a line is {\"schema\": …, \"instance\": …} and nothing else"));
    }
    const Result<Schema>& compiled = compiled_schema(*schema);
    if (compiled) return verdict(compiled->validate(*instance));
    schema_refused_ = true;
    return refusal(compiled.error());
  }

  int exit_code() const {
    if (malformed_) return info(ErrorCode::malformed_json).exit_code;
    return schema_refused_ ? info(ErrorCode::invalid_tool).exit_code : 0;
  }

 private:
  Json malformed(const Error& error) {
    malformed_ = true;
    return refusal(error);
  }

  const Result<Schema>& compiled_schema(const Json& schema) {
    std::string key = canonical(schema);
    const auto found = compiled_.find(key);
    if (found != compiled_.end()) return *found->second;
    if (compiled_.size() >= schemas_kept_max) compiled_.clear();
    auto compiled = std::make_unique<const Result<Schema>>(Schema::compile(schema, options_));
    return *compiled_.emplace(std::move(key), std::move(compiled)).first->second;
  }

  SchemaOptions options_;
  std::unordered_map<std::string, std::unique_ptr<const Result<Schema>>> compiled_;
  bool malformed_ = false;
  bool schema_refused_ = false;
};

}  // namespace

int validate_lines(const SchemaCommandOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  SchemaOptions how;
  how.unknown_keywords = UnknownKeywords::ignore;
  how.assert_formats = options.assert_formats;
  how.default_draft = options.draft == "draft-07" ? SchemaDraft::draft_07 : SchemaDraft::draft_2020_12;
  if (!options.folder.empty()) {
    Result<std::shared_ptr<const SchemaResources>> read = read_folder(options.folder, options.base);
    if (!read) {
      err << "settle: " << read.error().message << "\n";
      return info(read.error().code).exit_code;
    }
    how.resources = std::move(*read);
  }
  LineJudge judge(std::move(how));
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) out << write_json(judge.judge(line)) << "\n";
  }
  return judge.exit_code();
}

}  // namespace settle
