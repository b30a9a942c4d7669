#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace settle {

/// One request, whole: framing checked, target split and percent-decoded.
struct HttpRequest {
  std::string method;
  std::string path;                                          ///< decoded, "/v1/workflows/a:cancel"; never with "..", "//" or NUL
  std::vector<std::string> segments;                         ///< the path between slashes, each decoded by itself
  std::vector<std::pair<std::string, std::string>> query;    ///< decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
  std::string remote;                                        ///< address of the peer
  std::string request_id;                                    ///< given back in the header Request-Id

  /// The header (lower-case name), or null.
  const std::string* header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// A response that is written piece by piece (server-sent events). Every method runs on the loop of the connection.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  /// Queues bytes. False when the peer is gone or has more than `stream_backlog_bytes_max` unread: then it is closed.
  virtual bool write(std::string bytes) = 0;
  virtual void close() = 0;
  /// `gone` runs once, when the peer has closed or the server stops.
  virtual void on_close(std::function<void()> gone) = 0;
};

/// Answers one request, exactly once, on the loop of its connection, now or later. Destroying it unanswered answers 500.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void send(HttpResponse response) = 0;
  /// Sends the head of a streamed response and keeps the connection.
  virtual std::shared_ptr<HttpStream> stream(HttpResponse head) = 0;
  /// Closes the connection without an answer (or after the first `bytes` bytes of `response`); `reset` by RST. For fault injection.
  virtual void abort(bool reset, const HttpResponse* response = nullptr, std::size_t bytes = 0) = 0;
};

using HttpHandler = std::function<void(HttpRequest, std::unique_ptr<Responder>)>;

struct HttpLimits {
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t header_fields_max = 64;
  std::size_t body_bytes_max = 1 << 20;
  std::size_t connections_max = 4096;             ///< per server (all loops); beyond: 503 and closed
  std::size_t connections_per_peer_max = 1024;
  std::size_t requests_in_flight_max = 4096;      ///< handed to the handler and not yet answered, per loop; beyond: 503 with Retry-After
  std::size_t stream_backlog_bytes_max = 1 << 20;
  Duration header_timeout{5'000};
  Duration body_timeout{15'000};
  Duration idle_timeout{30'000};
  Duration write_timeout{15'000};
};

/// An HTTP/1.1 server on one event loop. Several, one per loop, listen on the same address through SO_REUSEPORT.
/// Every request passes the framing gate of docs/http.md before the handler sees it; what is refused is answered with a
/// problem document (RFC 9457) and, for framing errors, the connection is closed. Pipelined requests are answered in order.
class HttpServer {
 public:
  struct Shared;  ///< counters of all loops of one listener

  /// `address` "127.0.0.1:8700" or "[::1]:8700"; port 0 picks one. Errors: io_error (with what to do), invalid_argument.
  static Result<std::unique_ptr<HttpServer>> listen(boost::asio::io_context& loop, const std::string& address,
                                                    HttpLimits limits, HttpHandler handler,
                                                    std::shared_ptr<Shared> shared = nullptr);
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
  virtual std::shared_ptr<Shared> shared() const = 0;
  /// Stops accepting; idle connections close now, the others after their answer. `done` runs when all are gone or `patience` is over.
  virtual void shutdown(Duration patience, std::function<void()> done) = 0;
};

/// A problem document (RFC 9457) for `error`: type, title, status, detail, code, safe_to_retry, errors[], request_id.
HttpResponse problem_response(const Error& error, std::string_view request_id);

}  // namespace settle
