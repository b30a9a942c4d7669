#include "http_fixture.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <utility>

#include "tests/support/certificates.h"

namespace settle::test {
namespace {

// OpenSSL writes to a socket in a way that raises it.
[[maybe_unused]] const auto no_sigpipe = std::signal(SIGPIPE, SIG_IGN);

SSL_CTX* client_context() {
  static SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  return context;
}

void answer_what_was_read(HttpRequest request, std::unique_ptr<Responder> responder) {
  responder->send(text(request.method + " " + request.path + " " + request.body));
}

}  // namespace

std::shared_ptr<ServerTls> test_identity() {
  static const std::shared_ptr<ServerTls> identity = [] {
    const Certificate certificate = make_certificate("DNS:localhost,IP:127.0.0.1", nullptr);
    const TemporaryFile certificate_file(certificate.certificate), key_file(certificate.key);
    auto loaded = ServerTls::load({.certificate = certificate_file.path(), .key = key_file.path(), .client_ca = {}});
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return *std::move(loaded);
  }();
  return identity;
}

TestServer::TestServer(HttpLimits limits, HttpHandler handler)
    : TestServer(limits, std::move(handler), {.tls = over_tls ? test_identity() : nullptr, .hosts = nullptr}) {}

TestServer::TestServer(HttpLimits limits, HttpHandler handler, HttpGuards guards) : work_(loop_.get_executor()) {
  if (!handler) handler = answer_what_was_read;
  auto server = HttpServer::listen(loop_, "127.0.0.1:0", limits, std::move(handler), nullptr, std::move(guards));
  if (!server) throw std::runtime_error(server.error().message);
  server_ = std::move(*server);
  shared_ = server_->shared();
  port_ = server_->port();
  thread_ = std::thread([this] { loop_.run(); });
}

TestServer::~TestServer() {
  close();
  loop_.stop();
  thread_.join();
}

bool TestServer::reaches(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < until) {
    if (on_loop(condition)) return true;
    std::this_thread::yield();
  }
  return false;
}

RawConnection::RawConnection(std::uint16_t port, int receive_bytes) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_bytes > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  const timeval patience{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  if (!over_tls) return;
  tls_.reset(SSL_new(client_context()));
  SSL_set_fd(tls_.get(), socket_);
  SSL_connect(tls_.get());  // a server that has no place for us closes; the test sees that
}

RawConnection::~RawConnection() {
  ::close(socket_);
}

bool RawConnection::send(std::string_view bytes) {
  while (tls_ && !bytes.empty()) {
    const int sent =
        SSL_write(tls_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 16)));
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void RawConnection::half_close() {
  if (tls_) SSL_shutdown(tls_.get());
  ::shutdown(socket_, SHUT_WR);
}

bool RawConnection::fill() {
  std::array<char, 65536> buffer{};
  errno = 0;
  const ssize_t got = tls_ ? SSL_read(tls_.get(), buffer.data(), static_cast<int>(buffer.size()))
                           : ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (got > 0) ready_.append(buffer.data(), static_cast<std::size_t>(got));
  reset_ = reset_ || (got < 0 && errno == ECONNRESET);
  timed_out_ = timed_out_ || (got < 0 && errno == EAGAIN);
  return got > 0;
}

std::string RawConnection::read_until(std::string_view mark) {
  while (true) {
    const std::size_t found = ready_.find(mark);
    if (found != std::string::npos) return read(found + mark.size());
    if (!fill()) return read(ready_.size());
  }
}

std::string RawConnection::read(std::size_t bytes) {
  while (ready_.size() < bytes && fill()) {
  }
  std::string out = ready_.substr(0, bytes);
  ready_.erase(0, out.size());
  return out;
}

std::string RawConnection::read_to_end() {
  while (fill()) {
  }
  return std::exchange(ready_, {});
}

RawResponse RawConnection::read_response(bool head_only) {
  RawResponse response;
  response.head = read_until("\r\n\r\n");
  if (response.head.size() < 12) return response;
  response.status = std::stoi(response.head.substr(9, 3));
  if (head_only || response.status < 200 || response.status == 204) return response;
  if (response.head.find("Transfer-Encoding: chunked") != std::string::npos) {
    while (true) {
      const std::size_t size = std::stoul("0" + read_until("\r\n"), nullptr, 16);
      response.body += read(size);
      read(2);
      if (size == 0) return response;
    }
  }
  const std::size_t length = response.head.find("Content-Length: ");
  if (length != std::string::npos) response.body = read(std::stoul(response.head.substr(length + 16)));
  return response;
}

HttpResponse text(std::string body) {
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

std::string request_text(const std::string& method, const std::string& target, const std::string& body,
                         const std::string& fields) {
  std::string out = method + " " + target + " HTTP/1.1\r\nHost: a\r\n" + fields;
  if (!body.empty()) out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + body;
}

}  // namespace settle::test
