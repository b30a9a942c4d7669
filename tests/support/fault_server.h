#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/time.h"
#include "tests/support/certificates.h"

namespace settle::test {

/// How much of a request the server reads before it acts. Its first byte has always come, `nothing` leaves it in the
/// socket.
enum class ReadPart { nothing, head, all };
/// What the server does after its bytes.
enum class Then {
  keep,   ///< waits for the next request on the connection
  close,  ///< FIN
  reset,  ///< RST
  hang,   ///< says nothing more and keeps the connection open
};

/// One scripted answer.
struct Reply {
  std::string bytes;
  ReadPart read = ReadPart::all;
  Then then = Then::keep;
  Duration pause_per_byte{0};  ///< drips
};

/// "HTTP/1.1 <status> X" with Content-Length and the extra fields ("Retry-After: 1\r\n"), and the body.
std::string response(int status, std::string_view body = "", std::string_view fields = "");

/// What a request looked like.
struct SeenRequest {
  std::size_t connection = 0;  ///< 0 for the first one accepted
  std::string head;            ///< request line and fields, as they came
  std::string body;
  std::string line() const { return head.substr(0, head.find("\r\n")); }
  /// The value of a field (any case), or null.
  std::optional<std::string> field(std::string_view name) const;
};

/// A raw HTTP server that does exactly what it is told, on 127.0.0.1 and a port of its own, with blocking sockets: one
/// thread accepts, one serves each connection. Thread: any.
class FaultServer {
 public:
  /// Replies to every request with `reply`, unless the script still holds another. With a certificate it speaks TLS.
  explicit FaultServer(Reply reply = {.bytes = response(200, "{}")}, const Certificate* certificate = nullptr);
  ~FaultServer();
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(std::string_view target = "/", std::string_view host = "127.0.0.1") const;

  /// From now on this for every request.
  void reply_with(Reply reply);
  /// These first, one a request.
  void script(std::vector<Reply> replies);
  /// Holds every reply back until release() is called.
  void hold();
  void release();

  std::size_t connections() const;
  std::size_t connections_closed() const;
  std::vector<SeenRequest> requests() const;
  /// Waits up to 10 s for the condition, which sees the server's state locked.
  bool wait_for_requests(std::size_t count) const;
  bool wait_for_closed(std::size_t count) const;

 private:
  struct Peer;
  void accept_all();
  void serve(std::size_t number, int socket);
  bool serve_one(Peer& peer);
  bool answer(Peer& peer, const Reply& reply);
  Reply next_reply();

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Reply reply_;
  std::vector<Reply> script_;
  bool held_ = false;
  bool stopping_ = false;
  std::size_t closed_ = 0;
  std::vector<SeenRequest> requests_;
  std::map<std::size_t, int> open_sockets_;
  std::vector<std::thread> threads_;
  std::size_t connections_ = 0;
  void* tls_ = nullptr;  // SSL_CTX
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
};

/// A listening socket whose queue is full: the kernel leaves further connects unanswered, like a host that drops
/// packets.
class BlackHole {
 public:
  BlackHole();
  ~BlackHole();
  BlackHole(const BlackHole&) = delete;
  BlackHole& operator=(const BlackHole&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<int> fillers_;
};

/// A port on 127.0.0.1 where nobody listens: bound, so that nobody else takes it, but never listening.
class ClosedPort {
 public:
  ClosedPort();
  ~ClosedPort();
  ClosedPort(const ClosedPort&) = delete;
  ClosedPort& operator=(const ClosedPort&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  int socket_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace settle::test
