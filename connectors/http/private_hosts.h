#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/http/address_policy.h"
#include "connectors/http/origin.h"

namespace settle {

/// The hosts that may stand for an address of a private network: what the operator wrote as `allow_private`. All others
/// are reached at public addresses only. Immutable. Thread: any.
class PrivateHosts {
 public:
  /// None.
  PrivateHosts() = default;
  /// Adds "crm.internal", "10.1.2.3", "[fd00::5]", or one of them with a port, which then is the only one. False when
  /// it is none of these.
  [[nodiscard]] bool add(std::string_view host);

  /// Where calls to this origin may go.
  AddressPolicy policy_of(const Origin& origin) const;

 private:
  struct Entry {
    std::string host;                   // as Origin::host
    std::optional<std::uint16_t> port;  // null: every port
  };
  std::vector<Entry> entries_;
};

/// Whether the origin is an address where `hosts` let no call go: such a call is refused whatever else happens.
bool is_forbidden_literal(const Origin& origin, const PrivateHosts& hosts);

}  // namespace settle
