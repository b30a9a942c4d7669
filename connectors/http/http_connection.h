#pragma once

#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "connectors/connector.h"
#include "connectors/http/credentials.h"
#include "connectors/http/name_cache.h"
#include "connectors/http/origin.h"
#include "connectors/http/private_hosts.h"
#include "connectors/http/response_parser.h"

namespace settle {

struct HttpPool;

/// One call on its way through the connector.
struct HttpJob {
  Call call;
  CallDone done;
  Time started{};
  std::chrono::steady_clock::time_point queue_deadline{};
  const Credential* credential = nullptr;
  HttpPool* pool = nullptr;
  std::size_t target_at = 0;  ///< where path and query begin in call.url

  std::string_view target() const { return std::string_view(call.url).substr(target_at); }
};

/// What every connection of one connector shares.
struct HttpConnectionContext {
  boost::asio::io_context& loop;
  boost::asio::ssl::context tls;
  std::string tls_error;  ///< why `tls` can't be used; empty when it can
  std::shared_ptr<NameCache> names;
  Duration connect_timeout;
  AddressPolicy addresses;  ///< of hosts that `private_hosts` does not name
  PrivateHosts private_hosts;
  ResponseLimits response;
  std::function<Time()> now;
};

/// One connection and the call that it carries, as an explicit state machine:
///
///     resolving → connecting → (handshaking) → exchanging ⇄ idle → closed
///
/// Whether a byte of the request has left is known only here, so this is where a failure becomes not_sent or ambiguous.
/// Loop: the connector's. Deadlines are looked at from outside (deadline(), on_deadline()): no timer of its own.
class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
 public:
  using Clock = std::chrono::steady_clock;

  class Owner {
   public:
    virtual ~Owner() = default;
    /// The call of `connection` has ended. `reusable`: the connection is idle now; otherwise it is closed.
    virtual void call_ended(HttpConnection& connection, std::unique_ptr<HttpJob> job, Outcome outcome,
                            bool reusable) = 0;
    /// The reused connection turned out dead before the kernel took one byte: the same attempt may go over a fresh one.
    virtual void call_unsent(HttpConnection& connection, std::unique_ptr<HttpJob> job) = 0;
  };

  HttpConnection(HttpConnectionContext& context, Owner& owner, const Origin& origin);

  /// Connects and sends the call. May report to the owner before it returns.
  void open(std::unique_ptr<HttpJob> job);
  /// Sends the call over this idle connection. May report to the owner before it returns.
  void send(std::unique_ptr<HttpJob> job);

  /// Idle, and the peer has neither closed nor said anything (a non-blocking look at the socket).
  bool still_open();
  Clock::time_point idle_since() const { return idle_since_; }

  /// When on_deadline() wants to be called; max() while idle or closed.
  Clock::time_point deadline() const { return deadline_; }
  void on_deadline(Clock::time_point now);

  /// Closes without reporting. Returns the call under way, or null; `written` says whether a byte of it may have left.
  std::unique_ptr<HttpJob> abandon(bool& written);

  std::size_t slot = 0;  ///< the owner's: place in the pool's list

 private:
  enum class Phase : std::uint8_t { fresh, resolving, connecting, handshaking, exchanging, idle, closed };
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  using TlsStream = boost::asio::ssl::stream<Socket&>;
  using Error = boost::system::error_code;

  void on_resolved(Error error, const Addresses& addresses);
  void connect_next();
  void on_connected(Error error);
  AddressPolicy policy() const;
  bool connected_to_itself();
  void handshake();
  void on_handshake(Error error);
  void exchange();
  void write_plain();
  void write_tls();
  void on_write_error(Error error);
  void read();
  void on_read(Error error, std::size_t bytes);
  void on_answer();
  void on_lost(Error error);
  bool more_to_read();
  void finish(Outcome outcome, bool reusable);
  void finish_unanswered(OutcomeClass kind, std::string_view code, const std::string& detail);
  void wipe_request();
  void close();

  HttpConnectionContext& context_;
  Owner& owner_;
  const Origin origin_;
  Phase phase_ = Phase::fresh;
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;
  std::unique_ptr<HttpJob> job_;

  Addresses addresses_;
  std::size_t next_address_ = 0;
  Error last_error_;
  Clock::time_point connect_deadline_{};
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point idle_since_{};

  std::string out_;
  std::size_t sent_ = 0;  // bytes that the kernel took; over TLS all at once, since nobody can tell
  bool write_done_ = false;
  bool reused_ = false;
  bool extra_bytes_ = false;  // the peer said more than one answer
  ResponseParser parser_;
  std::array<char, 16 * 1024> in_;
};

}  // namespace settle
