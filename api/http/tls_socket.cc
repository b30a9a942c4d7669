#include "api/http/tls_socket.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "base/error.h"

namespace settle {
namespace {

using boost::system::error_code;

// -1 once the socket is closed: the number may be another connection's by then.
int descriptor_of(BIO* bio) {
  return static_cast<TlsSocket::Socket*>(BIO_get_data(bio))->native_handle();
}

bool may_be_tried_again() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// OpenSSL's own socket BIO writes with write(), which raises SIGPIPE when the peer has gone.
int write_socket(BIO* bio, const char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(descriptor_of(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  if (sent < 0 && may_be_tried_again()) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int read_socket(BIO* bio, char* to, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(descriptor_of(bio), to, static_cast<std::size_t>(count), 0);
  if (got < 0 && may_be_tried_again()) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

long control_socket(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "settle socket");
    SETTLE_ASSERT(made != nullptr);
    BIO_meth_set_write(made, write_socket);
    BIO_meth_set_read(made, read_socket);
    BIO_meth_set_ctrl(made, control_socket);
    return made;
  }();
  return method;
}

}  // namespace

TlsSocket::TlsSocket(Socket& socket, std::shared_ptr<const TlsIdentity> identity)
    : socket_(socket), identity_(std::move(identity)), connection_(SSL_new(identity_->context())) {
  BIO* const bio = BIO_new(socket_method());
  SETTLE_ASSERT(connection_ && bio != nullptr);
  BIO_set_data(bio, &socket_);
  BIO_set_init(bio, 1);
  SSL_set_bio(connection_.get(), bio, bio);
  SSL_set_accept_state(connection_.get());
  error_code ignored;
  socket_.non_blocking(true, ignored);
}

void TlsSocket::handshake(Done done) {
  wait(Socket::wait_read, [this](std::size_t&) { return SSL_do_handshake(connection_.get()); }, std::move(done));
}

void TlsSocket::read_some(char* to, std::size_t bytes_max, Done done) {
  const Attempt once = [this, to, bytes_max](std::size_t& bytes) {
    return SSL_read_ex(connection_.get(), to, bytes_max, &bytes);
  };
  if (SSL_has_pending(connection_.get()) == 0) return wait(Socket::wait_read, once, std::move(done));
  boost::asio::post(socket_.get_executor(),
                    [this, once, done = std::move(done)]() mutable { attempt(once, std::move(done)); });
}

void TlsSocket::write_some(std::string_view bytes, Done done) {
  const Attempt once = [this, bytes](std::size_t& written) {
    return SSL_write_ex(connection_.get(), bytes.data(), bytes.size(), &written);
  };
  // Most answers go out at once; what follows from that must not run in here.
  attempt(once, [executor = socket_.get_executor(), done = std::move(done)](const error_code& ec, std::size_t written) {
    boost::asio::post(executor, [done, ec, written] { done(ec, written); });
  });
}

void TlsSocket::attempt(const Attempt& once, Done done) {
  ERR_clear_error();
  std::size_t bytes = 0;
  const int result = once(bytes);
  if (result > 0) return done({}, bytes);
  switch (SSL_get_error(connection_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return wait(Socket::wait_read, once, std::move(done));
    case SSL_ERROR_WANT_WRITE:
      return wait(Socket::wait_write, once, std::move(done));
    case SSL_ERROR_ZERO_RETURN:
      return done(boost::asio::error::eof, 0);
    default:
      ERR_clear_error();
      return done(boost::asio::error::connection_reset, 0);
  }
}

void TlsSocket::wait(Socket::wait_type what, const Attempt& once, Done done) {
  socket_.async_wait(what, [this, once, done = std::move(done)](const error_code& ec) mutable {
    if (ec) return done(ec, 0);
    attempt(once, std::move(done));
  });
}

void TlsSocket::say_goodbye() {
  if (SSL_is_init_finished(connection_.get()) == 0 || !socket_.is_open()) return;
  if ((SSL_get_shutdown(connection_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  ERR_clear_error();
  SSL_shutdown(connection_.get());
  ERR_clear_error();
}

}  // namespace settle
