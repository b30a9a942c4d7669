#include "connectors/http/origin.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>

#include "base/text.h"
#include "connectors/http/text.h"

namespace settle {

using namespace http_text;
namespace {

/// Reads "http://" or "https://" off the front, in any case.
std::optional<bool> take_scheme(std::string_view& text) {
  for (const auto& [scheme, tls] : {std::pair<std::string_view, bool>{"http://", false}, {"https://", true}}) {
    if (!equals_ignoring_case(text.substr(0, scheme.size()), scheme)) continue;
    text.remove_prefix(scheme.size());
    return tls;
  }
  return std::nullopt;
}

bool is_address(int family, const std::string& host) {
  std::array<unsigned char, 16> bytes;
  return inet_pton(family, host.c_str(), bytes.data()) == 1;
}

/// Resolvers read "0x7f.1", "017700000001" and "2130706433" as addresses; a name that ends like a number never is a
/// name.
bool ends_like_a_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (last.starts_with("0x")) return true;
  for (const char c : last) {
    if (!is_digit(c)) return false;
  }
  return true;
}

/// Letters, digits, '-' and '_' in labels of 1 to 63 characters (RFC 1123, and the underscore that real names use).
bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    const bool allowed = (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
    if (!allowed || ++label > 63) return false;
  }
  return label > 0;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  unsigned value = 0;
  if (text.empty() || text.size() > 5) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

/// 1 for every character of RFC 3986 that a path or a query may hold ('%' is checked apart).
constexpr std::array<bool, 256> make_url_characters() {
  std::array<bool, 256> table{};
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("-._~!$&'()*+,;=:@/?%[]")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> url_characters = make_url_characters();

}  // namespace

std::optional<Origin> parse_origin(std::string_view text) {
  Origin origin;
  const std::optional<bool> tls = take_scheme(text);
  if (!tls) return std::nullopt;
  origin.tls = *tls;

  const bool bracketed = text.starts_with('[');
  const std::size_t host_end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && host_end == std::string_view::npos) return std::nullopt;
  origin.host = to_lower(bracketed ? text.substr(1, host_end - 1) : text.substr(0, host_end));
  std::string_view rest =
      host_end == std::string_view::npos ? std::string_view() : text.substr(host_end + (bracketed ? 1 : 0));

  const bool ipv4 = !bracketed && is_address(AF_INET, origin.host);
  if (bracketed && !is_address(AF_INET6, origin.host)) return std::nullopt;
  if (!bracketed && !ipv4 && (!is_host_name(origin.host) || ends_like_a_number(origin.host))) return std::nullopt;
  origin.literal = bracketed || ipv4;

  const std::uint16_t own_port = origin.tls ? 443 : 80;
  origin.port = own_port;
  if (!rest.empty()) {
    if (!rest.starts_with(':')) return std::nullopt;
    const std::optional<std::uint16_t> port = parse_port(rest.substr(1));
    if (!port) return std::nullopt;
    origin.port = *port;
  }

  const std::string shown = bracketed ? "[" + origin.host + "]" : origin.host;
  const std::string with_port = shown + ":" + std::to_string(origin.port);
  origin.text = (origin.tls ? "https://" : "http://") + with_port;
  origin.host_header = origin.port == own_port ? shown : with_port;
  return origin;
}

std::optional<SplitUrl> split_url(std::string_view url) {
  if (url.size() > url_bytes_max) return std::nullopt;
  for (std::size_t i = 0; i < url.size(); ++i) {
    if (!url_characters[static_cast<unsigned char>(url[i])]) return std::nullopt;
    if (url[i] == '%' && (i + 2 >= url.size() || !is_hex_digit(url[i + 1]) || !is_hex_digit(url[i + 2])))
      return std::nullopt;
  }
  std::string_view rest = url;
  if (!take_scheme(rest)) return std::nullopt;
  const std::size_t scheme_bytes = url.size() - rest.size();
  const std::size_t authority_bytes = std::min(rest.find_first_of("/?"), rest.size());
  return SplitUrl{.origin = url.substr(0, scheme_bytes + authority_bytes), .target = rest.substr(authority_bytes)};
}

}  // namespace settle
