#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/client.h"
#include "base/result.h"

namespace settle {

/// Where a client connects to.
struct ServerAddress {
  bool tls = false;
  std::string host;  ///< name or address, IPv6 without brackets
  std::string port;
  std::string authority;  ///< as Host says it
  std::string prefix;     ///< path in front of every path; empty or "/…" without a slash at its end
};

/// Reads "http://host:port/prefix". Errors: invalid_argument.
Result<ServerAddress> parse_base_url(std::string_view url);

/// A blocking connection, plain or TLS, every operation of which ends by a deadline.
/// Errors of every method: unreachable, with what happened as the message. Thread: one.
class Wire {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  Wire() = default;
  explicit Wire(ClientTrust trust) : trust_(std::move(trust)) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  Result<void> open(const ServerAddress& address, Deadline deadline);
  Result<void> write(std::string_view bytes, Deadline deadline);
  /// The next bytes, at least one; 0 when the peer has closed in order.
  Result<std::size_t> read(char* to, std::size_t bytes_max, Deadline deadline);

 private:
  using Tcp = boost::asio::ip::tcp;

  template <class Start>
  boost::system::error_code await(Deadline deadline, Start start);
  Result<void> prepare_tls(const std::string& host);
  Result<void> open_tls(const std::string& host, Deadline deadline);

  const ClientTrust trust_;
  boost::asio::io_context loop_{1};
  Tcp::resolver resolver_{loop_};
  Tcp::socket socket_{loop_};
  std::optional<boost::asio::ssl::context> tls_context_;
  std::optional<boost::asio::ssl::stream<Tcp::socket&>> tls_;
};

}  // namespace settle
