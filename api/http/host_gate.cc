#include "api/http/host_gate.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "api/http/octets.h"
#include "api/http/server_tls.h"
#include "base/text.h"

namespace settle {
namespace {

/// The host of "host", "host:port" or "[v6]:port", brackets kept. The parser has checked the form.
std::string_view without_port(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  return authority.substr(0, authority.find(':', bracket == std::string_view::npos ? 0 : bracket));
}

bool is_address(std::string_view host) {
  const bool v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string text(v6 ? host.substr(1, host.size() - 2) : host);
  std::array<unsigned char, 16> bytes{};
  return inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) == 1;
}

bool is_host_byte(char c) {
  return (c >= 'a' && c <= 'z') || octets::is_digit(c) || c == '-' || c == '_' || c == '.';
}

Error other_page() {
  return fail(ErrorCode::origin_not_allowed,
              "requests from web pages of another origin are not answered; a page of this server, or of a name in "
              "\"hosts\" of its configuration, may ask");
}

bool holds(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

bool HostGate::add(std::string_view name) {
  const std::string authority = to_lower(name);
  const std::string_view host = without_port(authority);
  const std::string_view port = std::string_view(authority).substr(host.size());
  const bool named = !host.empty() && std::all_of(host.begin(), host.end(), is_host_byte);
  const auto digit = [](char c) { return octets::is_digit(c); };
  const bool port_fits =
      port.empty() || (port.size() >= 2 && port.size() <= 6 && std::all_of(port.begin() + 1, port.end(), digit));
  if ((!named && !is_address(host)) || !port_fits) return false;
  hosts_.emplace_back(host);
  authorities_.push_back(authority);
  return true;
}

bool HostGate::goes_by(std::string_view host, const TlsIdentity* tls) const {
  if (host == "localhost" || is_address(host) || holds(hosts_, host)) return true;
  return tls != nullptr && tls->names(std::string(host));
}

Result<void> HostGate::check(const HttpRequest& request, const TlsIdentity* tls) const {
  const std::string* given = request.header("host");
  if (given == nullptr) return check_origin(request, "", tls != nullptr);  // HTTP/1.0
  const std::string authority = to_lower(*given);
  if (!goes_by(without_port(authority), tls)) {
    return fail(
        ErrorCode::host_not_allowed,
        "this server does not go by the name of the Host field; use its address, or add the name to \"hosts\" of "
        "its configuration");
  }
  return check_origin(request, authority, tls != nullptr);
}

/// What browsers say of themselves: Origin (RFC 6454), and Sec-Fetch-Site (W3C Fetch Metadata) where a request has no
/// Origin. Others say neither.
Result<void> HostGate::check_origin(const HttpRequest& request, std::string_view host, bool tls) const {
  const std::string* site = request.header("sec-fetch-site");
  const std::string* mode = request.header("sec-fetch-mode");
  const bool visit = mode != nullptr && *mode == "navigate" && (request.method == "GET" || request.method == "HEAD");
  if (site != nullptr && *site != "same-origin" && *site != "none" && !visit) return other_page();

  const std::string* origin = request.header("origin");
  if (origin == nullptr) return {};
  const std::string text = to_lower(*origin);
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return other_page();  // "null" too
  const std::string_view authority = std::string_view(text).substr(scheme + 3);
  const std::string_view name = std::string_view(text).substr(0, scheme);
  // Before a proxy that speaks TLS for us the page is of https, though we are not.
  if (name != "https" && (name != "http" || tls)) return other_page();
  const bool ours = !authority.empty() && (authority == host || holds(authorities_, authority));
  return ours ? Result<void>() : other_page();
}

}  // namespace settle
