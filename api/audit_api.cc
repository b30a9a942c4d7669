// The audit log, for auditors and admins.

#include <algorithm>
#include <limits>

#include "api/api.h"

namespace settle {

std::vector<Route> HttpApi::audit_routes() {
  return {{"GET", "/v1/audit", {"after", "limit"}, false, Rule::reads({Role::auditor, Role::admin}), [this](Ask ask) {
             audit(std::move(ask));
           }}};
}

void HttpApi::audit(Ask ask) {
  const Result<std::int64_t> limit = number_of(ask, "limit", 200, static_cast<std::int64_t>(options_.page_max));
  if (!limit) return ask.refuse(limit.error());
  const Result<std::int64_t> after = number_of(ask, "after", 0, std::numeric_limits<std::int64_t>::max() - 1);
  if (!after) return ask.refuse(after.error());
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(1, *limit));
  const Result<Json> page =
      audit_page(*engine_.store().snapshot(), ask.actor.token->name_space, static_cast<std::uint64_t>(*after), count);
  if (!page) return ask.refuse(page.error());
  ask.json(200, *page);
}

}  // namespace settle
