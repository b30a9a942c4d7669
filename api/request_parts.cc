#include "api/request_parts.h"

namespace settle {
namespace {

constexpr std::size_t idempotency_key_bytes_max = 255;

}  // namespace

Result<std::string> idempotency_key_of(const HttpRequest& request) {
  const std::string* header = request.header("idempotency-key");
  if (header == nullptr) return std::string();
  std::string key = *header;
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"') key = key.substr(1, key.size() - 2);
  if (!key.empty() && key.size() <= idempotency_key_bytes_max) return key;
  return fail(ErrorCode::invalid_argument,
              "an Idempotency-Key has 1 to " + std::to_string(idempotency_key_bytes_max) + " characters");
}

std::string etag_of(const Json& workflow) {
  return "\"" + canonical(*workflow.find("version")) + "\"";
}

std::vector<Problem> deprecation_warnings(const Plan& plan) {
  std::vector<Problem> out;
  for (std::size_t i = 0; i < plan.actions.size(); ++i) {
    const Tool& tool = *plan.actions[i].tool;
    if (!tool.deprecated) continue;
    out.push_back({"/actions/" + std::to_string(i) + "/tool", "tool_deprecated", "a tool that is not deprecated",
                   tool.name,
                   "tool \"" + tool.name + "\" is deprecated" +
                       (tool.deprecation.empty() ? std::string() : ": " + tool.deprecation)});
  }
  return out;
}

Json problems_document(const std::vector<Problem>& problems) {
  Json::Array out;
  for (const Problem& problem : problems) {
    out.push_back(Json::object({{"pointer", problem.pointer},
                                {"code", problem.code},
                                {"expected", problem.expected},
                                {"got", problem.got},
                                {"message", problem.message}}));
  }
  return out;
}

}  // namespace settle
