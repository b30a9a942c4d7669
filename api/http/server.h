#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/host_gate.h"
#include "api/http/message.h"
#include "api/http/server_tls.h"
#include "base/result.h"

namespace settle {

/// A response that is written piece by piece (server-sent events). Every method runs on the loop of the connection.
/// Dropping the last reference closes it.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  /// Queues bytes. False when the peer is gone or has more than `stream_backlog_bytes_max` unread: then it is closed.
  virtual bool write(std::string bytes) = 0;
  virtual void close() = 0;
  /// `gone` runs once, from the loop and never inside another call, when the stream ended for any reason other than
  /// close(): the peer has left or is too slow, or the server stops.
  virtual void on_close(std::function<void()> gone) = 0;
};

/// Answers one request, exactly once, on the loop of its connection, now or later. Destroying it unanswered answers
/// 500. When the connection or the server is gone meanwhile, nothing happens.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void send(HttpResponse response) = 0;
  /// Sends the head of a streamed response (its body, if any, first) and keeps the connection.
  virtual std::shared_ptr<HttpStream> stream(HttpResponse head) = 0;
  /// Closes the connection without an answer (or after the first `bytes` bytes of `response`, its head included);
  /// `reset` by RST. For fault injection.
  virtual void abort(bool reset, const HttpResponse* response = nullptr, std::size_t bytes = 0) = 0;
};

using HttpHandler = std::function<void(HttpRequest, std::unique_ptr<Responder>)>;

/// What stands before every request. All loops of a listener share them.
struct HttpGuards {
  std::shared_ptr<ServerTls> tls;         ///< null: in the clear
  std::shared_ptr<const HostGate> hosts;  ///< null: whatever Host and Origin say is taken
};

/// An HTTP/1.1 server on one event loop. Several, one per loop, listen on the same address through SO_REUSEPORT.
/// Every request passes the framing gate of docs/http.md before the handler sees it; what is refused is answered with a
/// problem document (RFC 9457) and, for framing errors, the connection is closed. Pipelined requests are answered in
/// order. Loop: its own, for every method; destroy it before the loop. Destroying it closes every connection at once.
class HttpServer {
 public:
  struct Shared;  ///< counters of all loops of one listener; see api/http/shared.h

  /// `address` "127.0.0.1:8700" or "[::1]:8700"; port 0 picks one. The first server of a listener gets no `shared`; the
  /// others get the first one's, and its port for port 0. Errors: io_error (with what to do), invalid_argument.
  static Result<std::unique_ptr<HttpServer>> listen(boost::asio::io_context& loop, const std::string& address,
                                                    HttpLimits limits, HttpHandler handler,
                                                    std::shared_ptr<Shared> shared = nullptr, HttpGuards guards = {});
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
  virtual std::shared_ptr<Shared> shared() const = 0;
  /// Stops accepting; idle connections close now, streams end now, the others after their answer. `done` runs from the
  /// loop when all are gone or `patience` is over (those left are closed then). Calling again sets a new patience.
  virtual void shutdown(Duration patience, std::function<void()> done) = 0;
};

/// A problem document (RFC 9457) for `error`: type, title, status, detail, code, safe_to_retry, errors[], request_id.
HttpResponse problem_response(const Error& error, std::string_view request_id);

}  // namespace settle
