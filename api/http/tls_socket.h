#pragma once

#include <openssl/ssl.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "api/http/server_tls.h"

namespace settle {

/// The server's end of TLS on a connected socket. OpenSSL reads and writes the socket itself, so that an idle
/// connection holds no buffers; this class waits for it. One read and one write may be under way at a time. Errors of
/// the protocol are reported as connection_reset; OpenSSL has told the peer what it did wrong. Loop: that of the
/// socket. Whoever owns it keeps it until every `done` has run; closing the socket ends them.
class TlsSocket {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  /// Never runs inside of the call that it was given to.
  using Done = std::function<void(const boost::system::error_code&, std::size_t bytes)>;

  TlsSocket(Socket& socket, std::shared_ptr<const TlsIdentity> identity);
  TlsSocket(const TlsSocket&) = delete;
  TlsSocket& operator=(const TlsSocket&) = delete;

  void handshake(Done done);
  void read_some(char* to, std::size_t bytes_max, Done done);
  /// `bytes` stay where they are until `done`.
  void write_some(std::string_view bytes, Done done);
  /// Says that nothing more will come (close_notify), if the kernel takes it now.
  void say_goodbye();

  /// What this connection was opened with.
  const TlsIdentity& identity() const { return *identity_; }

 private:
  using Attempt = std::function<int(std::size_t& bytes)>;
  struct Free {
    void operator()(SSL* connection) const { SSL_free(connection); }
  };

  void attempt(const Attempt& once, Done done);
  void wait(Socket::wait_type what, const Attempt& once, Done done);

  Socket& socket_;
  std::shared_ptr<const TlsIdentity> identity_;
  std::unique_ptr<SSL, Free> connection_;
};

}  // namespace settle
