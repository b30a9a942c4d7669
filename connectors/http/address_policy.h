#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>

namespace settle {

/// Where calls may go. Decided for each host: see PrivateHosts.
enum class AddressPolicy : std::uint8_t {
  any,          ///< all but what is never a tool: see is_allowed
  public_only,  ///< no loopback, private, shared or otherwise special network either
};

/// Whether a call may connect to `address`. Never allowed: unspecified, link-local, multicast, broadcast and reserved
/// ones, and the addresses at which clouds hand out the machine's own credentials. An IPv6 address that carries an IPv4
/// one (mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP) is judged by both.
bool is_allowed(const boost::asio::ip::address& address, AddressPolicy policy);

}  // namespace settle
