#pragma once

#include <map>
#include <string>
#include <vector>

namespace settle::test {

/// A call that must not reach anything: how it tries, and how it must end.
struct SsrfVector {
  std::string name;
  std::string url;
  std::string code;  ///< "invalid_request" where the URL is none that may be sent, else "address_forbidden"
  /// What the resolver answers for the host, if it is asked.
  std::vector<std::string> addresses = {};
  /// What the configuration has as allow_private.
  std::vector<std::string> allow_private = {};
};

/// All of them; names are unique.
std::vector<SsrfVector> ssrf_vectors();

}  // namespace settle::test
