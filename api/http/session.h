#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/http/request_parser.h"
#include "api/http/response_writer.h"
#include "api/http/server.h"
#include "api/http/shared.h"
#include "api/http/tls_socket.h"

namespace settle {

class Session;

/// What the sessions of one loop have in common. Owned by the listener and by whoever still has to answer.
struct SessionHost {
  SessionHost(boost::asio::io_context& its_loop, HttpLimits its_limits, HttpHandler its_handler, HttpGuards its_guards,
              std::shared_ptr<HttpServer::Shared> its_shared)
      : loop(its_loop),
        limits(its_limits),
        handler(std::move(its_handler)),
        guards(std::move(its_guards)),
        shared(std::move(its_shared)) {}

  boost::asio::io_context& loop;
  const HttpLimits limits;
  HttpHandler handler;
  const HttpGuards guards;
  std::shared_ptr<HttpServer::Shared> shared;
  DateField date;
  std::vector<std::shared_ptr<Session>> sessions;  ///< all that are open, in no order
  std::size_t in_flight = 0;                       ///< responders that have not answered
  std::size_t refused_connections = 0;             ///< open only to be told 503
  bool stopping = false;
  std::function<void()> on_empty;  ///< the last session has gone
};

/// One connection: reads a request, hands it over, writes the answer, and so on. A machine of explicit phases; in each
/// at most one read and one write are under way, and `deadline_` bounds it (the listener looks at it from time to
/// time).
///
///     (handshaking ->) idle -> header -> body -> handling -> writing -> idle …   streaming takes the place of writing
///     any refusal, "Connection: close" or shutdown: writing -> lingering -> closed
class Session final : public std::enable_shared_from_this<Session> {
 public:
  using Socket = TlsSocket::Socket;
  using Clock = std::chrono::steady_clock;

  Session(std::shared_ptr<SessionHost> host, Socket socket, boost::asio::ip::address peer);

  /// Begins to serve; the place counted by Shared::admit() is given back at the end.
  void start();
  /// Tells the peer that there is no place for it, and ends.
  void refuse_connection();
  /// Of the request being answered, or of the last one.
  const std::string& request_id() const { return request_id_; }
  /// Ends or answers what has outlived its deadline.
  void check_deadline(Clock::time_point now);
  /// The server stops: ends at once when idle, otherwise after the answer.
  void stop();
  /// Closes at once, whatever is under way.
  void finish();

  // For the responder of the request that is being handled; without effect in any other phase.
  void answer(HttpResponse response);
  bool open_stream(HttpResponse head);
  void abort(bool reset, const HttpResponse* response, std::size_t bytes);

  // For the stream of the response that is being sent.
  bool stream_write(std::string_view bytes);
  void stream_close();
  bool stream_on_close(std::function<void()> gone);

 private:
  enum class Phase : std::uint8_t { handshaking, idle, header, body, handling, writing, streaming, lingering, closed };
  enum class AfterWrite : std::uint8_t { next_request, resume_body, linger, reset };

  void join();
  void handshake();
  void on_handshake(const boost::system::error_code& ec);
  void advance();
  void await_more();
  void dispatch();
  void refuse(int status, const Error& error);
  void respond(HttpResponse response);
  std::string head_of(const HttpResponse& response, BodyFraming framing);
  bool account_body();
  void release_body();

  void start_read();
  void on_read(const boost::system::error_code& ec, std::size_t bytes);
  void on_peer_done();
  void start_write();
  void write_some();
  void on_written(const boost::system::error_code& ec, std::size_t bytes);
  void on_flushed();
  void on_answer_flushed();
  void linger();
  void reset();
  void end_stream();

  void enter(Phase phase, Clock::duration patience);
  void enter_unbounded(Phase phase);

  std::shared_ptr<SessionHost> host_;
  Socket socket_;
  std::unique_ptr<TlsSocket> tls_;  ///< null in the clear
  boost::asio::ip::address peer_;
  std::string remote_;
  std::size_t place_ = 0;  ///< index in host_->sessions
  bool admitted_ = false;
  bool reset_ = false;  ///< ends by RST
  Phase phase_ = Phase::idle;
  Clock::time_point deadline_ = Clock::time_point::max();

  // Input: bytes received and not yet parsed are [begin_, end_).
  std::unique_ptr<char[]> input_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool reading_ = false;
  bool peer_done_ = false;  ///< the peer sends no more
  std::size_t drained_bytes_ = 0;
  std::size_t accounted_bytes_ = 0;  ///< of the body, in Shared::bodies_bytes
  RequestParser parser_;
  bool first_request_ = true;

  // The request being answered.
  std::string request_id_;
  bool head_only_ = false;
  bool http_1_0_ = false;
  bool keep_alive_ = false;

  // Output: first head_out_, then body_out_.
  std::string head_out_;
  std::string body_out_;
  std::size_t written_bytes_ = 0;
  std::size_t progress_mark_ = 0;  ///< written_bytes_ when the deadline was set
  bool writing_ = false;
  AfterWrite after_write_ = AfterWrite::next_request;

  // The stream, in phase streaming.
  std::string backlog_;
  bool stream_open_ = false;
  std::function<void()> gone_;
};

/// Makes the responder of the request that `session` has just read, and counts it as in flight.
std::unique_ptr<Responder> make_responder(const std::shared_ptr<Session>& session, std::shared_ptr<SessionHost> host);

/// "req_" and 16 hexadecimal digits, unique within the process and most likely beyond. Thread: any.
std::string next_request_id();

}  // namespace settle
