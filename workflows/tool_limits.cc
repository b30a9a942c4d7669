#include "workflows/tool_limits.h"

#include <algorithm>

namespace settle {

RateLimit read_rate_limit(Fields& tool, std::vector<Problem>& problems) {
  RateLimit out;
  const Json* document = tool.take("rate_limit");
  if (document == nullptr) return out;
  Fields limit(*document, "/rate_limit", problems);
  if (!limit.is_object()) return out;
  if (limit.take("per_second") == nullptr && limit.take("concurrency") == nullptr) {
    tool.problem("rate_limit", "missing_member", "\"per_second\", \"concurrency\" or both",
                 "a rate limit without a limit says nothing");
  }
  out.per_second = limit.number("per_second", 0.001, 1'000'000).value_or(0);
  out.concurrency = static_cast<std::uint32_t>(limit.integer("concurrency", 1, 1'000'000).value_or(0));
  limit.finish();
  return out;
}

std::vector<int> read_not_processed(Fields& tool, std::vector<Problem>& problems) {
  const Json* list = tool.take("not_processed");
  if (list == nullptr) return {429, 503};
  constexpr const char* expected = "a list of 429, 503, both or none";
  std::vector<int> out;
  if (!list->is_array()) {
    tool.problem("not_processed", "wrong_type", expected, "this is no list");
    return out;
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& status = list->as_array()[i];
    const bool known = status == Json(429) || status == Json(503);
    const int number = status == Json(429) ? 429 : 503;
    if (known && std::find(out.begin(), out.end(), number) == out.end()) {
      out.push_back(number);
      continue;
    }
    problems.push_back({"/not_processed/" + std::to_string(i), "not_in_list", expected, got_text(status),
                        known ? "this status is there twice"
                              : "only 429 and 503 can say that nothing was processed; every other refusal or error "
                                "has a meaning of its own"});
  }
  return out;
}

}  // namespace settle
