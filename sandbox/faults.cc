#include "sandbox/faults.h"

#include <algorithm>

namespace settle {

namespace {

constexpr std::int64_t kCountMax = 1'000'000;
constexpr std::int64_t kDelayMsMax = 600'000;

std::string names_in_words() {
  std::string out;
  for (const std::string_view name : fault_names()) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

// An optional number of `document`; a problem is said in `problem`.
std::int64_t number(const Json& document, std::string_view name, std::int64_t missing, std::int64_t least,
                    std::int64_t most, std::string& problem) {
  const Json* found = document.find(name);
  if (found == nullptr) return missing;
  if (found->is_integer() && found->as_integer() >= least && found->as_integer() <= most) return found->as_integer();
  problem = "\"" + std::string(name) + "\" must be a whole number from " + std::to_string(least) + " to " +
            std::to_string(most);
  return missing;
}

std::string text(const Json& document, std::string_view name, std::string& problem) {
  const Json* found = document.find(name);
  if (found == nullptr) return {};
  if (found->is_string()) return found->as_string();
  problem = "\"" + std::string(name) + "\" must be a string";
  return {};
}

void refuse_unknown(const Json& document, std::initializer_list<std::string_view> names, std::string& problem) {
  for (const JsonMember& member : document.as_object()) {
    if (std::find(names.begin(), names.end(), member.name) == names.end())
      problem = "unknown member \"" + member.name + "\"";
  }
}

}  // namespace

const std::vector<std::string_view>& fault_names() {
  static const std::vector<std::string_view> names = {"drop_before", "drop_after", "e500_before", "e500_after",
                                                      "truncate",    "malformed",  "delay",       "r429",
                                                      "r503",        "lie",        "partial",     "late"};
  return names;
}

std::string_view name_of(FaultKind kind) {
  return fault_names()[static_cast<std::size_t>(kind)];
}

bool Fault::matches(const SandboxRequest& request) const {
  return (method.empty() || method == request.method) && request.path.starts_with(path_prefix);
}

Json Fault::document() const {
  return Json::object({{"id", id},
                       {"fault", name_of(kind)},
                       {"match", Json::object({{"method", method}, {"path_prefix", path_prefix}, {"nth", nth}})},
                       {"times", times},
                       {"delay_ms", delay.count()}});
}

Result<Fault> read_fault(const Json& document) {
  const Json empty = Json::object();
  const Json* match = document.find("match");
  if (match == nullptr) match = &empty;
  if (!document.is_object() || !match->is_object())
    return fail(ErrorCode::invalid_argument, "a fault is an object, and so is its \"match\"");

  std::string problem;
  refuse_unknown(document, {"id", "match", "fault", "times", "delay_ms"}, problem);
  refuse_unknown(*match, {"method", "path_prefix", "nth"}, problem);
  Fault fault;
  fault.method = text(*match, "method", problem);
  fault.path_prefix = text(*match, "path_prefix", problem);
  fault.nth = number(*match, "nth", 1, 1, kCountMax, problem);
  fault.times = number(document, "times", 1, 1, kCountMax, problem);
  fault.delay = Duration(number(document, "delay_ms", 1'000, 0, kDelayMsMax, problem));
  fault.id = number(document, "id", 0, 0, INT64_MAX, problem);

  const std::string kind = text(document, "fault", problem);
  const auto& names = fault_names();
  const auto found = std::find(names.begin(), names.end(), kind);
  if (found == names.end()) problem = "\"fault\" must be one of " + names_in_words();
  if (!problem.empty()) return fail(ErrorCode::invalid_argument, problem);
  fault.kind = static_cast<FaultKind>(found - names.begin());
  return fault;
}

}  // namespace settle
