#include "connectors/http/http_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "connectors/http/classify.h"
#include "connectors/http/request_writer.h"
#include "connectors/http/tls.h"

namespace settle {
namespace {

namespace asio = boost::asio;

/// A name with more addresses than this is tried at the first ones only.
constexpr std::size_t addresses_max = 8;
/// A request buffer larger than this is given back after the call that needed it.
constexpr std::size_t kept_bytes_max = 256 * 1024;

std::string_view code_of(ResponseParser::Fault fault) {
  switch (fault) {
    case ResponseParser::Fault::too_large:
      return "response_too_large";
    case ResponseParser::Fault::truncated:
      return "truncated_response";
    default:
      return "malformed_response";
  }
}

std::string_view sentence_of(ResponseParser::Fault fault) {
  switch (fault) {
    case ResponseParser::Fault::too_large:
      return "the response is larger than the connector reads";
    case ResponseParser::Fault::truncated:
      return "the connection ended in the middle of the response";
    default:
      return "the response is not valid HTTP/1.1";
  }
}

}  // namespace

HttpConnection::HttpConnection(HttpConnectionContext& context, Owner& owner, const Origin& origin,
                               AddressPolicy addresses)
    : context_(context),
      owner_(owner),
      origin_(origin),
      allowed_(addresses),
      socket_(context.loop),
      parser_(context.response) {}

// --- connecting ---

void HttpConnection::open(std::unique_ptr<HttpJob> job) {
  SETTLE_ASSERT(phase_ == Phase::fresh);
  const std::shared_ptr<HttpConnection> self = shared_from_this();  // a failure at once makes the owner let go
  job_ = std::move(job);
  phase_ = Phase::resolving;
  connect_deadline_ = deadline_ = Clock::now() + std::min(context_.connect_timeout, job_->call.timeout);

  if (origin_.tls && !context_.tls_error.empty())
    return finish_unanswered(OutcomeClass::not_sent, "tls_failed", context_.tls_error);
  if (origin_.literal) return on_resolved({}, {asio::ip::make_address(origin_.host)});
  context_.names->resolve(origin_.host, [weak = weak_from_this()](Error error, const Addresses& addresses) {
    if (const std::shared_ptr<HttpConnection> connection = weak.lock()) connection->on_resolved(error, addresses);
  });
}

void HttpConnection::on_resolved(Error error, const Addresses& addresses) {
  if (phase_ != Phase::resolving) return;
  if (error || addresses.empty()) {
    const std::string why = error ? error.message() : "no address";
    return finish_unanswered(OutcomeClass::not_sent, "resolve_failed",
                             "the name " + origin_.host + " can't be resolved: " + why);
  }
  // One bad address among good ones is how rebinding begins, so that it spoils them all.
  for (const asio::ip::address& address : addresses) {
    if (is_allowed(address, allowed_)) continue;
    const bool ever = is_allowed(address, AddressPolicy::any);
    const std::string why =
        ever ? ", a private address, and is not among allow_private of the configuration" : ", where calls may not go";
    return finish_unanswered(OutcomeClass::rejected, "address_forbidden",
                             origin_.host + " stands for " + address.to_string() + why);
  }
  addresses_ = addresses;
  if (addresses_.size() > addresses_max) addresses_.resize(addresses_max);
  phase_ = Phase::connecting;
  connect_next();
}

/// Tries the next address, with its share of the time that is left.
void HttpConnection::connect_next() {
  Error ignored;
  socket_.close(ignored);
  if (next_address_ == addresses_.size()) {
    return finish_unanswered(OutcomeClass::not_sent, "connect_failed",
                             "can't connect to " + origin_.text + ": " + last_error_.message());
  }
  const Clock::time_point now = Clock::now();
  const auto left = static_cast<Clock::rep>(addresses_.size() - next_address_);
  deadline_ = now + (connect_deadline_ - now) / left;

  const asio::ip::tcp::endpoint endpoint(addresses_[next_address_], origin_.port);
  const std::size_t attempt = ++next_address_;
  socket_.async_connect(endpoint, [self = shared_from_this(), attempt](Error error) {
    if (self->phase_ == Phase::connecting && self->next_address_ == attempt) self->on_connected(error);
  });
}

void HttpConnection::on_connected(Error error) {
  if (!error) socket_.set_option(asio::ip::tcp::no_delay(true), error);
  if (!error) socket_.non_blocking(true, error);
  if (!error && connected_to_itself()) error = asio::error::connection_refused;
  if (error) {
    last_error_ = error;
    return connect_next();
  }
  deadline_ = connect_deadline_;
  if (origin_.tls) return handshake();
  exchange();
}

/// On loopback, a connect to a closed port can meet its own source port: the kernel then connects the socket to itself.
bool HttpConnection::connected_to_itself() {
  Error error;
  const auto local = socket_.local_endpoint(error);
  return !error && local == socket_.remote_endpoint(error) && !error;
}

void HttpConnection::handshake() {
  phase_ = Phase::handshaking;
  tls_ = std::make_unique<TlsStream>(socket_, context_.tls);
  if (!expect_peer(*tls_->native_handle(), origin_)) {
    return finish_unanswered(OutcomeClass::not_sent, "tls_failed", "TLS can't be prepared for " + origin_.text);
  }
  tls_->async_handshake(asio::ssl::stream_base::client,
                        [self = shared_from_this()](Error error) { self->on_handshake(error); });
}

void HttpConnection::on_handshake(Error error) {
  if (phase_ != Phase::handshaking) return;
  if (!error) return exchange();
  const std::string why = handshake_failure(*tls_->native_handle(), error.message());
  finish_unanswered(OutcomeClass::not_sent, "tls_failed", "no trusted TLS connection to " + origin_.text + ": " + why);
}

// --- one call ---

void HttpConnection::send(std::unique_ptr<HttpJob> job) {
  SETTLE_ASSERT(phase_ == Phase::idle);
  const std::shared_ptr<HttpConnection> self = shared_from_this();
  job_ = std::move(job);
  reused_ = true;
  exchange();
}

void HttpConnection::exchange() {
  phase_ = Phase::exchanging;
  deadline_ = Clock::now() + job_->call.timeout;
  sent_ = 0;
  write_done_ = extra_bytes_ = false;
  parser_.reset(job_->call.method == "HEAD");
  write_request(job_->call, origin_, job_->target(), job_->credential, out_);
  if (tls_) {
    write_tls();
  } else {
    write_plain();
  }
  // Reading begins with the writing: a server may refuse a long request before it has taken all of it.
  if (phase_ == Phase::exchanging) read();
}

/// Writes straight into the socket, without a round through the loop; waits only when the kernel takes no more.
void HttpConnection::write_plain() {
  while (sent_ < out_.size()) {
    Error error;
    sent_ += socket_.write_some(asio::buffer(out_.data() + sent_, out_.size() - sent_), error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      socket_.async_wait(Socket::wait_write, [self = shared_from_this()](Error failed) {
        if (self->phase_ != Phase::exchanging) return;
        if (failed) return self->on_write_error(failed);
        self->write_plain();
      });
      return;
    }
    if (error) return on_write_error(error);
  }
  write_done_ = true;
  wipe_request();
}

void HttpConnection::write_tls() {
  sent_ = out_.size();
  asio::async_write(*tls_, asio::buffer(out_), [self = shared_from_this()](Error error, std::size_t) {
    if (self->phase_ != Phase::exchanging) return;
    if (error) return self->on_write_error(error);
    self->write_done_ = true;
    self->wipe_request();
  });
}

void HttpConnection::on_write_error(Error error) {
  // Once a byte has left, the reading side tells the rest: the peer may have answered before it closed.
  if (sent_ > 0) return;
  if (reused_) {
    std::unique_ptr<HttpJob> job = std::move(job_);
    close();
    return owner_.call_unsent(*this, std::move(job));
  }
  finish_unanswered(OutcomeClass::not_sent, "connect_failed",
                    "nothing could be sent to " + origin_.text + ": " + error.message());
}

void HttpConnection::read() {
  const auto on_bytes = [self = shared_from_this()](Error error, std::size_t bytes) { self->on_read(error, bytes); };
  if (tls_) {
    tls_->async_read_some(asio::buffer(in_), on_bytes);
  } else {
    socket_.async_read_some(asio::buffer(in_), on_bytes);
  }
}

void HttpConnection::on_read(Error error, std::size_t bytes) {
  if (phase_ != Phase::exchanging) return;
  if (bytes > 0) extra_bytes_ = parser_.feed({in_.data(), bytes}) < bytes;
  // Only an orderly end completes a body that ends with the connection; a reset or a cut TLS stream does not.
  if (error == asio::error::eof && parser_.started()) parser_.end();
  if (parser_.complete()) return on_answer();
  if (parser_.failed()) {
    Outcome out =
        unanswered(OutcomeClass::ambiguous, code_of(parser_.fault()), std::string(sentence_of(parser_.fault())));
    return finish(std::move(out), false);
  }
  if (error) return on_lost(error);
  read();
}

void HttpConnection::on_answer() {
  const HttpAnswer answer{.status = parser_.status(), .body = parser_.body(), .retry_after = parser_.retry_after()};
  Outcome out = classify(answer, job_->call.write, context_.now());
  const bool reusable = parser_.keep_alive() && write_done_ && !extra_bytes_ && !more_to_read();
  finish(std::move(out), reusable);
}

void HttpConnection::on_lost(Error error) {
  if (sent_ == 0) return on_write_error(error);
  const bool begun = parser_.started();
  const std::string where = begun ? "in the middle of the response" : "before a response came";
  finish_unanswered(OutcomeClass::ambiguous, begun ? "truncated_response" : "connection_lost",
                    "the connection to " + origin_.text + " ended " + where + ": " + error.message());
}

/// Decrypted or buffered bytes that the socket no longer shows: they would be taken for the next call's answer.
bool HttpConnection::more_to_read() {
  return tls_ && has_unread_bytes(*tls_->native_handle());
}

bool HttpConnection::still_open() {
  if (phase_ != Phase::idle) return false;
  char byte;
  const ssize_t seen = recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void HttpConnection::on_deadline(Clock::time_point now) {
  if (phase_ == Phase::connecting && now < connect_deadline_) {
    last_error_ = asio::error::timed_out;
    return connect_next();
  }
  if (phase_ == Phase::exchanging && sent_ > 0) {
    return finish_unanswered(OutcomeClass::ambiguous, "timeout",
                             "no complete response from " + origin_.text + " in time");
  }
  if (phase_ != Phase::idle && phase_ != Phase::closed) {
    finish_unanswered(OutcomeClass::not_sent, "connect_timeout", "no connection to " + origin_.text + " in time");
  }
}

// --- ends ---

void HttpConnection::finish_unanswered(OutcomeClass kind, std::string_view code, const std::string& detail) {
  finish(unanswered(kind, code, detail), false);
}

void HttpConnection::finish(Outcome outcome, bool reusable) {
  if (outcome.status == 0) outcome.status = phase_ == Phase::exchanging ? parser_.status() : 0;
  if (job_->credential != nullptr) {
    if (outcome.body) job_->credential->redact(*outcome.body);
    job_->credential->redact(outcome.detail);
  }
  if (reusable) {
    phase_ = Phase::idle;
    idle_since_ = Clock::now();
    deadline_ = Clock::time_point::max();
  } else {
    close();
  }
  std::unique_ptr<HttpJob> job = std::move(job_);
  owner_.call_ended(*this, std::move(job), std::move(outcome), reusable);
}

std::unique_ptr<HttpJob> HttpConnection::abandon(bool& written) {
  written = phase_ == Phase::exchanging && sent_ > 0;
  close();
  return std::move(job_);
}

/// The buffer is kept for the next request, the credential in it is not.
void HttpConnection::wipe_request() {
  if (job_ && job_->credential != nullptr) wipe(out_);
  if (out_.capacity() > kept_bytes_max) out_ = std::string();
}

void HttpConnection::close() {
  phase_ = Phase::closed;
  deadline_ = Clock::time_point::max();
  Error ignored;
  socket_.close(ignored);
}

}  // namespace settle
