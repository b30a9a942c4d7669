// What a namespace may use, and what it uses.

#include "api/api.h"

namespace settle {
namespace {

template <class Number>
Json limit_of(const std::optional<Number>& limit) {
  return limit ? Json(static_cast<std::int64_t>(*limit)) : Json();
}

}  // namespace

std::vector<Route> HttpApi::quota_routes() {
  return {
      {"GET", "/v1/quotas", {}, false, Rule::reads(Roles::all()), [this](const Ask& ask) { quotas(ask); }},
  };
}

void HttpApi::quotas(const Ask& ask) {
  const QuotaLimits& limits = engine_.usage().limits_of(ask.name_space());
  const Share now = engine_.usage().now(ask.name_space());
  ask.json(200, Json::object({{"namespace", ask.name_space()},
                              {"requests_per_second", Json::object({{"limit", limit_of(limits.requests_per_second)}})},
                              {"open_workflows", Json::object({{"limit", limit_of(limits.open_workflows)},
                                                               {"used", Json(now.workflows)}})},
                              {"bytes", Json::object({{"limit", limit_of(limits.bytes)},
                                                      {"used", limits.bytes ? Json(now.bytes) : Json()}})}}));
}

}  // namespace settle
