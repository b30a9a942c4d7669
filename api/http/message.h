#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace settle {

/// One request, whole: framing checked, target split and percent-decoded.
struct HttpRequest {
  std::string method;
  std::string path;  ///< decoded, "/v1/workflows/a:cancel"; never with "..", "//" or NUL; "*" for OPTIONS *
  std::vector<std::string>
      segments;  ///< the path between slashes, each decoded by itself; "/" has none, "/a/" has "a" and ""
  std::vector<std::pair<std::string, std::string>> query;    ///< decoded ("+" is a space), in order
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case, values without outer white space
  std::string body;
  std::string remote;      ///< address of the peer
  std::string request_id;  ///< given back in the header Request-Id

  /// The first header of this (lower-case) name, or null. Host, Content-Type, Authorization, Idempotency-Key, Origin
  /// and Settle-Namespace come at most once.
  const std::string* header(std::string_view name) const;
};

/// What a handler answers. The server adds Content-Length, Date, Request-Id, X-Content-Type-Options and Connection;
/// of `headers` it leaves out those that it owns, except that "Connection: close" is honoured.
struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct HttpLimits {
  std::size_t header_bytes_max = 8 * 1024;  ///< request line, fields and the empty line
  std::size_t header_fields_max = 64;
  std::size_t body_bytes_max = 1 << 20;
  std::size_t bodies_bytes_max = 128 << 20;  ///< of all bodies being received, per server (all loops); beyond: 503
  std::size_t connections_max = 4096;        ///< per server (all loops); beyond: 503 and closed
  std::size_t connections_per_peer_max = 1024;
  std::size_t requests_in_flight_max =
      4096;  ///< handed to the handler and not yet answered, per loop; beyond: 503 with Retry-After
  std::size_t stream_backlog_bytes_max = 1 << 20;
  Duration handshake_timeout{5'000};  ///< of TLS, from accepting the connection
  Duration header_timeout{5'000};  ///< from the first byte (on a new connection: from accepting it, or from the end of
                                   ///< the handshake) to the end of the header
  Duration body_timeout{15'000};
  Duration idle_timeout{30'000};   ///< between two requests
  Duration write_timeout{15'000};  ///< for each 64 KiB of an answer
};

}  // namespace settle
