#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace settle {

/// A request target, split and percent-decoded.
struct RequestTarget {
  std::string path;
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;
};

/// Reads a target in origin form ("/a/b?c=d", RFC 9112 §3.2.1), or in absolute form when its authority is `host`.
/// Refuses what RFC 3986 does not allow in it, wrong percent-encoding, encoded control bytes, text that is not UTF-8,
/// and paths that are not normal: dot segments and empty segments, also when they are encoded.
/// Errors: malformed_request.
Result<RequestTarget> parse_target(std::string_view target, std::string_view host);

}  // namespace settle
