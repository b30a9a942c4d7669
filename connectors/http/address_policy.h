#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>

namespace settle {

/// Where calls may go. Origins are the operator's own (never from a plan), so private networks are allowed unless told
/// otherwise.
enum class AddressPolicy : std::uint8_t {
  any,          ///< all but what is never a tool: see is_allowed
  public_only,  ///< no loopback, private, shared or otherwise special network either
};

/// Whether a call may connect to `address`. Never allowed: unspecified, link-local (where clouds keep the machine's own
/// credentials), multicast, broadcast and reserved ones; an IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4)
/// is judged by both.
bool is_allowed(const boost::asio::ip::address& address, AddressPolicy policy);

}  // namespace settle
