#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace settle {

/// Where a request goes: scheme, host and port, in one normal form (RFC 6454).
struct Origin {
  bool tls = false;
  std::string host;        ///< lower case; an IPv6 address without brackets
  std::uint16_t port = 0;  ///< the scheme's own when the text named none
  bool literal = false;    ///< the host is an address: there is nothing to resolve
  std::string text;  ///< "https://api.example.org:443": always with the port, so that equal origins have equal texts
  std::string host_header;  ///< as the Host field wants it: the port only when it is not the scheme's own

  friend bool operator==(const Origin&, const Origin&) = default;
};

/// Reads "http://host", "https://host:port" or the same with an IPv4 or bracketed IPv6 address. Null for anything else:
/// other schemes, user information, a path, and hosts that look like numbers but are no strict IPv4 address ("0x7f.1",
/// "127.1").
std::optional<Origin> parse_origin(std::string_view text);

/// An absolute URL in its two halves, as views into it.
struct SplitUrl {
  std::string_view origin;  ///< "https://host:port" as written; still to be read by parse_origin
  std::string_view target;  ///< path and query as written; may be empty or begin with '?'
};

/// Splits an http or https URL after checking every character: only those that RFC 3986 allows, percent signs only
/// before two hexadecimal digits, no fragment, nothing beyond `url_bytes_max`. Null when it may not be sent.
std::optional<SplitUrl> split_url(std::string_view url);

inline constexpr std::size_t url_bytes_max = 8 * 1024;

}  // namespace settle
