#include "connectors/http/address_policy.h"

#include <optional>

namespace settle {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

struct Network {
  std::uint32_t prefix;
  int bits;
};

// IANA's registry of special-purpose addresses (RFC 6890).
constexpr Network never_networks[] = {
    {0x00000000, 8},   // 0.0.0.0/8
    {0xA9FE0000, 16},  // 169.254/16, link-local
    {0xE0000000, 4},   // multicast
    {0xF0000000, 4},   // reserved, and broadcast
};
constexpr Network inner_networks[] = {
    {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},  {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24},
    {0xC0586300, 24}, {0xC0A80000, 16}, {0xC6120000, 15}, {0xC6336400, 24}, {0xCB007100, 24},
};

template <std::size_t N>
bool within(std::uint32_t address, const Network (&networks)[N]) {
  for (const Network& network : networks) {
    if ((address ^ network.prefix) >> (32 - network.bits) == 0) return true;
  }
  return false;
}

bool is_allowed_v4(address_v4 address, AddressPolicy policy) {
  const std::uint32_t value = address.to_uint();
  return !within(value, never_networks) && (policy == AddressPolicy::any || !within(value, inner_networks));
}

/// The IPv4 address that the IPv6 one stands for, if it does.
std::optional<address_v4> carried(const address_v6::bytes_type& b) {
  const auto at = [&b](std::size_t i) { return address_v4({b[i], b[i + 1], b[i + 2], b[i + 3]}); };
  bool zeros = true;
  for (std::size_t i = 0; i < 10; ++i) zeros = zeros && b[i] == 0;
  if (zeros && b[10] == 0xff && b[11] == 0xff) return at(12);  // ::ffff:0:0/96, mapped
  if (zeros && b[10] == 0 && b[11] == 0 && (b[12] != 0 || b[13] != 0 || b[14] != 0 || b[15] > 1))
    return at(12);                                                               // ::/96
  if (b[0] == 0 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b) return at(12);  // 64:ff9b::, NAT64
  if (b[0] == 0x20 && b[1] == 0x02) return at(2);                                // 2002::/16, 6to4
  return std::nullopt;
}

bool is_allowed_v6(const address_v6& address, AddressPolicy policy) {
  const address_v6::bytes_type b = address.to_bytes();
  if (const std::optional<address_v4> inner = carried(b)) {
    if (!is_allowed_v4(*inner, policy)) return false;
  }
  const bool link_local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
  if (address.is_unspecified() || address.is_multicast() || link_local) return false;
  if (policy == AddressPolicy::any) return true;
  const bool unique_local = (b[0] & 0xfe) == 0xfc;
  const bool site_local = b[0] == 0xfe && (b[1] & 0xc0) == 0xc0;
  const bool teredo_or_documentation =
      b[0] == 0x20 && b[1] == 0x01 && ((b[2] & 0xfe) == 0 || (b[2] == 0x0d && b[3] == 0xb8));
  return !address.is_loopback() && !unique_local && !site_local && !teredo_or_documentation;
}

}  // namespace

bool is_allowed(const boost::asio::ip::address& address, AddressPolicy policy) {
  return address.is_v4() ? is_allowed_v4(address.to_v4(), policy) : is_allowed_v6(address.to_v6(), policy);
}

}  // namespace settle
