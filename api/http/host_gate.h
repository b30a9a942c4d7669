#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"
#include "base/result.h"

namespace settle {

class TlsIdentity;

/// Keeps web pages out. A page may have its own name resolve to this server (DNS rebinding), so a request has to name
/// the server by an address, as "localhost", by a name of the certificate, or by one that was added here; and it has to
/// come from no page of another origin. Immutable once it is shared. Thread: any.
class HostGate {
 public:
  /// Adds a name that the server goes by: "settle.example.com", or with the port that browsers are to use
  /// ("settle.example.com:8443"). False when it is none.
  [[nodiscard]] bool add(std::string_view name);

  /// Errors: host_not_allowed, origin_not_allowed; each says what would be accepted. `tls`: the identity of the
  /// connection, or null.
  Result<void> check(const HttpRequest& request, const TlsIdentity* tls) const;

 private:
  bool goes_by(std::string_view host, const TlsIdentity* tls) const;
  Result<void> check_origin(const HttpRequest& request, std::string_view host, bool tls) const;

  std::vector<std::string> hosts_;        // without a port
  std::vector<std::string> authorities_;  // as they were added
};

}  // namespace settle
