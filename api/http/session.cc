#include "api/http/session.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <utility>

#include "api/http/problem.h"

namespace settle {
namespace {

using boost::system::error_code;

// Bounds what is read ahead of the request being answered.
constexpr std::size_t input_bytes_max = 16 * 1024;
// A peer must take this much within `write_timeout`.
constexpr std::size_t progress_bytes = 64 * 1024;
// After the last answer the peer may go on sending for this long, so that it comes to read the answer (RFC 9112 §9.6).
constexpr std::chrono::seconds linger_patience{2};
// …and this much: a client that sends ten times the limit is told so. Throwing bytes away costs little, and no memory.
constexpr std::size_t linger_bytes_max = 32 * 1024 * 1024;

// Over TLS a body up to this goes out in one record with its head.
constexpr std::size_t joined_body_bytes_max = 12 * 1024;

std::string chunk_size_line(std::size_t bytes) {
  std::array<char, 24> line{};
  const int length = std::snprintf(line.data(), line.size(), "%zx\r\n", bytes);
  return std::string(line.data(), static_cast<std::size_t>(length));
}

}  // namespace

Session::Session(std::shared_ptr<SessionHost> host, Socket socket, boost::asio::ip::address peer)
    : host_(std::move(host)),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      remote_(peer_.to_string()),
      input_(new char[input_bytes_max]),  // not zeroed: most connections use little of it
      parser_(host_->limits) {}

void Session::join() {
  place_ = host_->sessions.size();
  host_->sessions.push_back(shared_from_this());
}

void Session::start() {
  admitted_ = true;
  join();
  if (host_->guards.tls) return handshake();
  enter(Phase::idle, host_->limits.header_timeout);
  start_read();
}

void Session::handshake() {
  enter(Phase::handshaking, host_->limits.handshake_timeout);
  tls_ = std::make_unique<TlsSocket>(socket_, host_->guards.tls->current());
  tls_->handshake([self = shared_from_this()](const error_code& ec, std::size_t) { self->on_handshake(ec); });
}

void Session::on_handshake(const error_code& ec) {
  if (phase_ == Phase::closed) return;
  if (ec) {
    host_->shared->refusals.fetch_add(1, std::memory_order_relaxed);
    return finish();
  }
  enter(Phase::idle, host_->limits.header_timeout);
  start_read();
}

void Session::refuse_connection() {
  ++host_->refused_connections;
  join();
  refuse(503, fail(ErrorCode::overloaded, "too many connections are open; close some, or try again later"));
}

void Session::enter(Phase phase, Clock::duration patience) {
  phase_ = phase;
  deadline_ = Clock::now() + patience;
}

void Session::enter_unbounded(Phase phase) {
  phase_ = phase;
  deadline_ = Clock::time_point::max();
}

// ---- reading -------------------------------------------------------------------------------------------------------

void Session::start_read() {
  if (reading_ || peer_done_) return;
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == input_bytes_max && begin_ > 0) {
    std::copy(input_.get() + begin_, input_.get() + end_, input_.get());
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == input_bytes_max) return;  // enough read ahead

  reading_ = true;
  if (tls_ && phase_ != Phase::lingering) {  // what only is thrown away needs no deciphering
    return tls_->read_some(
        input_.get() + end_, input_bytes_max - end_,
        [self = shared_from_this()](const error_code& ec, std::size_t bytes) { self->on_read(ec, bytes); });
  }
  socket_.async_read_some(
      boost::asio::buffer(input_.get() + end_, input_bytes_max - end_),
      [self = shared_from_this()](const error_code& ec, std::size_t bytes) { self->on_read(ec, bytes); });
}

void Session::on_read(const error_code& ec, std::size_t bytes) {
  reading_ = false;
  if (phase_ == Phase::closed) return;
  if (ec) return on_peer_done();

  end_ += bytes;
  switch (phase_) {
    case Phase::idle:
    case Phase::header:
    case Phase::body:
      return advance();
    case Phase::streaming:
      return start_read();
    case Phase::lingering:
      begin_ = end_;
      drained_bytes_ += bytes;
      if (drained_bytes_ > linger_bytes_max + host_->limits.body_bytes_max) return finish();
      return start_read();
    case Phase::handshaking:
    case Phase::handling:
    case Phase::writing:
    case Phase::closed:
      return;  // read ahead; its turn comes after the answer
  }
}

void Session::on_peer_done() {
  peer_done_ = true;
  // A peer that closed its sending side while we answer may still be reading (RFC 9112 §9.6), but not one of a stream.
  if (phase_ != Phase::handling && phase_ != Phase::writing) finish();
}

void Session::advance() {
  begin_ += parser_.consume(std::string_view(input_.get() + begin_, end_ - begin_));
  switch (parser_.state()) {
    case RequestParser::State::complete:
      return dispatch();
    case RequestParser::State::refused:
      return refuse(parser_.refusal().status, parser_.refusal().error);
    case RequestParser::State::head:
    case RequestParser::State::body:
      return await_more();
  }
}

void Session::await_more() {
  if (peer_done_) return finish();
  if (parser_.state() == RequestParser::State::body) {
    if (!account_body()) {
      return refuse(503, fail(ErrorCode::overloaded, "too many bodies are being received; try again"));
    }
    if (phase_ != Phase::body) {
      enter(Phase::body, host_->limits.body_timeout);
      if (parser_.awaits_continue()) {
        head_out_ = "HTTP/1.1 100 Continue\r\n\r\n";
        after_write_ = AfterWrite::resume_body;
        phase_ = Phase::writing;
        return start_write();
      }
    }
  } else if (parser_.started() && phase_ == Phase::idle) {
    // The clock of a connection's first header runs since the connection was accepted.
    if (first_request_) {
      phase_ = Phase::header;
    } else {
      enter(Phase::header, host_->limits.header_timeout);
    }
  }
  start_read();
}

bool Session::account_body() {
  const std::size_t added = parser_.body_bytes() - std::exchange(accounted_bytes_, parser_.body_bytes());
  return host_->shared->bodies_bytes.fetch_add(added) + added <= host_->limits.bodies_bytes_max;
}

void Session::release_body() {
  if (accounted_bytes_ > 0) host_->shared->bodies_bytes.fetch_sub(std::exchange(accounted_bytes_, 0));
}

// ---- answering -----------------------------------------------------------------------------------------------------

void Session::dispatch() {
  release_body();
  first_request_ = false;
  request_id_ = next_request_id();
  keep_alive_ = parser_.keep_alive();
  http_1_0_ = parser_.http_1_0();
  HttpRequest request = parser_.take();
  head_only_ = request.method == "HEAD";
  enter_unbounded(Phase::handling);
  if (host_->in_flight >= host_->limits.requests_in_flight_max) {
    host_->shared->refusals.fetch_add(1, std::memory_order_relaxed);
    return respond(problem_response(fail(ErrorCode::overloaded, "too many requests wait for their answers; try again"),
                                    request_id_));
  }

  request.remote = remote_;
  request.request_id = request_id_;
  if (host_->guards.hosts != nullptr) {
    const Result<void> welcome = host_->guards.hosts->check(request, tls_ ? &tls_->identity() : nullptr);
    if (!welcome) {
      host_->shared->refusals.fetch_add(1, std::memory_order_relaxed);
      return respond(problem_response(welcome.error(), request_id_));
    }
  }
  host_->shared->requests.fetch_add(1, std::memory_order_relaxed);
  const auto self = shared_from_this();
  host_->handler(std::move(request), make_responder(self, host_));
}

void Session::refuse(int status, const Error& error) {
  release_body();
  host_->shared->refusals.fetch_add(1, std::memory_order_relaxed);
  request_id_ = next_request_id();
  head_only_ = parser_.method() == "HEAD";
  http_1_0_ = parser_.http_1_0();
  keep_alive_ = false;
  respond(problem_response(error, status, request_id_));
}

std::string Session::head_of(const HttpResponse& response, BodyFraming framing) {
  HeadOptions options;
  options.framing = framing;
  options.http_1_0 = http_1_0_;
  options.keep_alive = keep_alive_;
  options.request_id = request_id_;
  options.date = host_->date.now();
  return write_response_head(response, options);
}

void Session::respond(HttpResponse response) {
  if (!is_sendable(response)) {
    response =
        problem_response(fail(ErrorCode::internal, "the answer has a field that HTTP does not allow"), request_id_);
  }
  if (asks_close(response) || host_->stopping) keep_alive_ = false;
  head_out_ = head_of(response, BodyFraming::length);
  if (!head_only_ && status_has_body(response.status)) body_out_ = std::move(response.body);
  after_write_ = keep_alive_ ? AfterWrite::next_request : AfterWrite::linger;
  phase_ = Phase::writing;
  start_write();
}

void Session::answer(HttpResponse response) {
  if (phase_ == Phase::handling) respond(std::move(response));
}

void Session::abort(bool reset_it, const HttpResponse* response, std::size_t bytes) {
  if (phase_ != Phase::handling) return;
  if (response == nullptr || bytes == 0) return reset_it ? reset() : linger();
  head_out_ = head_of(*response, BodyFraming::length);
  if (!head_only_ && status_has_body(response->status)) head_out_ += response->body;
  head_out_.resize(std::min(head_out_.size(), bytes));
  after_write_ = reset_it ? AfterWrite::reset : AfterWrite::linger;
  phase_ = Phase::writing;
  start_write();
}

// ---- streaming -----------------------------------------------------------------------------------------------------

bool Session::open_stream(HttpResponse head) {
  if (phase_ != Phase::handling) return false;
  if (!is_sendable(head)) {
    respond(std::move(head));
    return false;
  }

  if (asks_close(head) || http_1_0_ || host_->stopping) keep_alive_ = false;
  head_out_ = head_of(head, http_1_0_ ? BodyFraming::until_close : BodyFraming::chunked);
  if (head_only_ || !status_has_body(head.status)) {
    after_write_ = keep_alive_ ? AfterWrite::next_request : AfterWrite::linger;
    phase_ = Phase::writing;
    start_write();
    return false;
  }

  enter_unbounded(Phase::streaming);
  stream_open_ = true;
  start_write();
  stream_write(head.body);
  if (host_->stopping) end_stream();
  start_read();  // to notice when the peer leaves
  return phase_ == Phase::streaming && stream_open_;
}

bool Session::stream_write(std::string_view bytes) {
  if (phase_ != Phase::streaming || !stream_open_) return false;
  if (bytes.empty()) return true;
  const std::size_t unwritten = writing_ ? head_out_.size() - written_bytes_ : 0;
  if (unwritten + backlog_.size() + bytes.size() > host_->limits.stream_backlog_bytes_max) {
    reset();
    return false;
  }
  if (http_1_0_) {
    backlog_.append(bytes);
  } else {
    backlog_.append(chunk_size_line(bytes.size())).append(bytes).append("\r\n");
  }
  if (!writing_) on_flushed();
  return true;
}

void Session::stream_close() {
  if (phase_ != Phase::streaming || !stream_open_) return;
  stream_open_ = false;
  gone_ = nullptr;
  if (!http_1_0_) backlog_.append("0\r\n\r\n");
  if (!writing_) on_flushed();
}

bool Session::stream_on_close(std::function<void()> gone) {
  if (phase_ != Phase::streaming || !stream_open_) return false;
  gone_ = std::move(gone);
  return true;
}

// Ends the stream from our side, in order, and tells its writer.
void Session::end_stream() {
  if (gone_) boost::asio::post(host_->loop, std::exchange(gone_, nullptr));
  keep_alive_ = false;
  stream_close();
}

// ---- writing -------------------------------------------------------------------------------------------------------

void Session::start_write() {
  SETTLE_ASSERT(!writing_);
  writing_ = true;
  if (tls_ && body_out_.size() <= joined_body_bytes_max) head_out_.append(std::exchange(body_out_, {}));
  written_bytes_ = 0;
  progress_mark_ = 0;
  deadline_ = Clock::now() + host_->limits.write_timeout;
  write_some();
}

void Session::write_some() {
  const std::size_t head_done = std::min(written_bytes_, head_out_.size());
  const std::size_t body_done = written_bytes_ - head_done;
  if (tls_) {
    const bool in_head = head_done < head_out_.size();
    const std::string_view rest =
        in_head ? std::string_view(head_out_).substr(head_done) : std::string_view(body_out_).substr(body_done);
    return tls_->write_some(
        rest, [self = shared_from_this()](const error_code& ec, std::size_t bytes) { self->on_written(ec, bytes); });
  }
  const std::array<boost::asio::const_buffer, 2> rest = {boost::asio::buffer(head_out_) + head_done,
                                                         boost::asio::buffer(body_out_) + body_done};
  socket_.async_write_some(
      rest, [self = shared_from_this()](const error_code& ec, std::size_t bytes) { self->on_written(ec, bytes); });
}

void Session::on_written(const error_code& ec, std::size_t bytes) {
  if (phase_ == Phase::closed) return;
  if (ec) return finish();
  written_bytes_ += bytes;
  if (written_bytes_ < head_out_.size() + body_out_.size()) {
    if (written_bytes_ - progress_mark_ >= progress_bytes) {
      progress_mark_ = written_bytes_;
      deadline_ = Clock::now() + host_->limits.write_timeout;
    }
    return write_some();
  }
  writing_ = false;
  head_out_.clear();
  body_out_ = std::string();  // a large answer must not stay with an idle connection
  on_flushed();
}

void Session::on_flushed() {
  if (phase_ != Phase::streaming) return on_answer_flushed();
  if (!backlog_.empty()) {
    head_out_ = std::exchange(backlog_, {});
    return start_write();
  }
  deadline_ = Clock::time_point::max();
  if (stream_open_) return;
  after_write_ = keep_alive_ ? AfterWrite::next_request : AfterWrite::linger;
  on_answer_flushed();
}

void Session::on_answer_flushed() {
  switch (after_write_) {
    case AfterWrite::next_request:
      if (host_->stopping) return linger();
      enter(Phase::idle, host_->limits.idle_timeout);
      return advance();
    case AfterWrite::resume_body:
      enter(Phase::body, host_->limits.body_timeout);
      return start_read();
    case AfterWrite::linger:
      return linger();
    case AfterWrite::reset:
      return reset();
  }
}

// ---- ending --------------------------------------------------------------------------------------------------------

void Session::check_deadline(Clock::time_point now) {
  if (now < deadline_) return;
  switch (phase_) {
    case Phase::header:
      return refuse(408, fail(ErrorCode::request_timeout, "the header did not arrive in time"));
    case Phase::body:
      return refuse(408, fail(ErrorCode::request_timeout, "the body did not arrive in time"));
    case Phase::writing:
    case Phase::streaming:
      return reset();  // what the peer does not take must not stay in the kernel's buffers either
    case Phase::handshaking:
    case Phase::idle:
    case Phase::handling:
    case Phase::lingering:
    case Phase::closed:
      return finish();
  }
}

void Session::stop() {
  if (phase_ == Phase::idle || phase_ == Phase::handshaking) return finish();
  if (phase_ == Phase::streaming) end_stream();
}

void Session::linger() {
  enter(Phase::lingering, std::min<Clock::duration>(linger_patience, host_->limits.body_timeout));
  if (tls_) tls_->say_goodbye();
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  if (peer_done_) return finish();
  if (!reading_) begin_ = end_;
  start_read();
}

void Session::reset() {
  error_code ignored;
  socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  reset_ = true;
  finish();
}

void Session::finish() {
  if (phase_ == Phase::closed) return;
  const auto self = shared_from_this();
  phase_ = Phase::closed;
  stream_open_ = false;
  if (gone_) boost::asio::post(host_->loop, std::exchange(gone_, nullptr));
  if (tls_ && !reset_) tls_->say_goodbye();
  error_code ignored;
  socket_.close(ignored);
  release_body();
  if (admitted_) {
    host_->shared->leave(peer_);
  } else {
    --host_->refused_connections;
  }

  auto& sessions = host_->sessions;
  sessions.back()->place_ = place_;
  std::swap(sessions[place_], sessions.back());
  sessions.pop_back();
  if (sessions.empty() && host_->on_empty) host_->on_empty();
}

}  // namespace settle
