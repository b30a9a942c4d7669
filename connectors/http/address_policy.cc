#include "connectors/http/address_policy.h"

#include <algorithm>
#include <array>
#include <vector>

namespace settle {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;
using Bytes = address_v6::bytes_type;

struct Network {
  std::uint32_t prefix;
  int bits;
};

// IANA's registry of special-purpose addresses (RFC 6890), and where clouds answer with the machine's own credentials.
constexpr Network never_networks[] = {
    {0x00000000, 8},   // 0.0.0.0/8
    {0xA9FE0000, 16},  // 169.254/16, link-local
    {0xE0000000, 4},   // multicast
    {0xF0000000, 4},   // reserved, and broadcast
    {0x646464C8, 32},  // 100.100.100.200, Alibaba
    {0xA83F8110, 32},  // 168.63.129.16, Azure
    {0xC00000C0, 32},  // 192.0.0.192, Oracle
};
constexpr Network inner_networks[] = {
    {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},  {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24},
    {0xC0586300, 24}, {0xC0A80000, 16}, {0xC6120000, 15}, {0xC6336400, 24}, {0xCB007100, 24},
};

template <std::size_t N>
bool within(std::uint32_t address, const Network (&networks)[N]) {
  return std::any_of(std::begin(networks), std::end(networks), [address](const Network& network) {
    return (address ^ network.prefix) >> (32 - network.bits) == 0;
  });
}

bool is_allowed_v4(address_v4 address, AddressPolicy policy) {
  const std::uint32_t value = address.to_uint();
  return !within(value, never_networks) && (policy == AddressPolicy::any || !within(value, inner_networks));
}

bool begins_with(const Bytes& bytes, std::initializer_list<unsigned> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

/// The IPv4 addresses that the IPv6 one stands for or leads to.
std::vector<address_v4> carried(const Bytes& b) {
  const auto at = [&b](std::size_t i) { return address_v4({b[i], b[i + 1], b[i + 2], b[i + 3]}); };
  const auto hidden_at = [&b](std::size_t i) {  // Teredo writes it with every bit turned round
    const auto turned = [&b](std::size_t k) { return static_cast<unsigned char>(~b[k]); };
    return address_v4({turned(i), turned(i + 1), turned(i + 2), turned(i + 3)});
  };
  std::vector<address_v4> out;
  const bool mapped = begins_with(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
  const bool translated = begins_with(b, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0});  // RFC 2765
  const bool compatible = begins_with(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) && at(12).to_uint() > 1;
  const bool nat64 = begins_with(b, {0, 0x64, 0xff, 0x9b});
  const bool isatap = (b[8] & 0xfd) == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe;  // RFC 5214
  if (mapped || translated || compatible || nat64 || isatap) out.push_back(at(12));
  if (begins_with(b, {0x20, 0x02})) out.push_back(at(2));  // 6to4
  if (begins_with(b, {0x20, 0x01, 0, 0})) out.insert(out.end(), {at(4), hidden_at(12)});
  return out;
}

/// Reachable from everywhere: 2000::/3 without what is set aside in it, and what the well-known prefix of NAT64 or a
/// mapping carries.
bool is_public_v6(const Bytes& b) {
  if (begins_with(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return true;
  if (begins_with(b, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return true;
  if ((b[0] & 0xe0) != 0x20) return false;
  const bool protocols = begins_with(b, {0x20, 0x01}) && (b[2] & 0xfe) == 0;  // 2001::/23: Teredo, ORCHID, benchmarks
  const bool documentation = begins_with(b, {0x20, 0x01, 0x0d, 0xb8}) || (begins_with(b, {0x3f, 0xff}) && b[2] < 0x10);
  return !protocols && !documentation;
}

bool is_allowed_v6(const address_v6& address, AddressPolicy policy) {
  const Bytes b = address.to_bytes();
  for (const address_v4& inner : carried(b)) {
    if (!is_allowed_v4(inner, policy)) return false;
  }
  const bool link_local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
  if (address.is_unspecified() || address.is_multicast() || link_local) return false;
  // A network's own NAT64 puts the IPv4 address in places that only that network knows (RFC 8215, RFC 6052).
  if (begins_with(b, {0, 0x64, 0xff, 0x9b, 0, 1})) return false;
  // Amazon's and Google's, which lie within the private fc00::/7.
  if (begins_with(b, {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54})) return false;
  if (begins_with(b, {0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54})) return false;
  return policy == AddressPolicy::any || is_public_v6(b);
}

}  // namespace

bool is_allowed(const boost::asio::ip::address& address, AddressPolicy policy) {
  return address.is_v4() ? is_allowed_v4(address.to_v4(), policy) : is_allowed_v6(address.to_v6(), policy);
}

}  // namespace settle
