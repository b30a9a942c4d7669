#include "connectors/http/private_hosts.h"

#include <algorithm>

namespace settle {

bool PrivateHosts::add(std::string_view host) {
  const std::optional<Origin> origin = parse_origin("http://" + std::string(host));
  if (!origin) return false;
  const std::size_t bracket = host.rfind(']');
  const bool has_port = host.find(':', bracket == std::string_view::npos ? 0 : bracket) != std::string_view::npos;
  entries_.push_back({origin->host, has_port ? std::optional(origin->port) : std::nullopt});
  return true;
}

AddressPolicy PrivateHosts::policy_of(const Origin& origin) const {
  const bool named = std::any_of(entries_.begin(), entries_.end(), [&origin](const Entry& entry) {
    return entry.host == origin.host && (!entry.port || *entry.port == origin.port);
  });
  return named ? AddressPolicy::any : AddressPolicy::public_only;
}

bool is_forbidden_literal(const Origin& origin, const PrivateHosts& hosts) {
  return origin.literal && !is_allowed(boost::asio::ip::make_address(origin.host), hosts.policy_of(origin));
}

}  // namespace settle
