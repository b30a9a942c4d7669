#include "tests/support/fault_server.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <memory>

#include "base/error.h"

namespace settle::test {
namespace {

constexpr std::chrono::seconds patience{10};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int bound_socket(std::uint16_t& port) {
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  SETTLE_ASSERT(made >= 0 && bind(made, reinterpret_cast<sockaddr*>(&address), size) == 0);
  SETTLE_ASSERT(getsockname(made, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return made;
}

SSL_CTX* make_server_context(const Certificate& certificate) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  BIO* certificate_in = BIO_new_mem_buf(certificate.certificate.data(), -1);
  BIO* key_in = BIO_new_mem_buf(certificate.key.data(), -1);
  X509* x509 = PEM_read_bio_X509(certificate_in, nullptr, nullptr, nullptr);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_in, nullptr, nullptr, nullptr);
  SETTLE_ASSERT(SSL_CTX_use_certificate(context, x509) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1);
  X509_free(x509);
  EVP_PKEY_free(key);
  BIO_free(certificate_in);
  BIO_free(key_in);
  return context;
}

}  // namespace

std::string response(int status, std::string_view body, std::string_view fields) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " X\r\n";
  out.append(fields).append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return out;
}

std::optional<std::string> SeenRequest::field(std::string_view name) const {
  const auto lower = [](std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
  };
  const std::size_t at = lower(head).find("\r\n" + lower(name) + ": ");
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

/// One connection as its thread sees it.
struct FaultServer::Peer {
  std::size_t number;
  int socket;
  SSL* tls;
  std::string unread;  ///< bytes of the next request that came with this one

  long receive(char* bytes, std::size_t count) const {
    return tls != nullptr ? SSL_read(tls, bytes, static_cast<int>(count)) : recv(socket, bytes, count, 0);
  }
  bool send_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const long sent = tls != nullptr ? SSL_write(tls, bytes.data(), static_cast<int>(bytes.size()))
                                       : send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// Waits for a byte of a request without taking it. False when the peer is gone.
  bool wait_readable() const {
    if (!unread.empty()) return true;
    char byte;
    return tls != nullptr ? SSL_peek(tls, &byte, 1) == 1 : recv(socket, &byte, 1, MSG_PEEK) == 1;
  }
};

FaultServer::FaultServer(Reply reply, const Certificate* certificate) : reply_(std::move(reply)) {
  std::signal(SIGPIPE, SIG_IGN);  // SSL_write has no flag for it
  if (certificate != nullptr) tls_ = make_server_context(*certificate);
  listener_ = bound_socket(port_);
  SETTLE_ASSERT(listen(listener_, 1024) == 0);
  acceptor_ = std::thread([this] { accept_all(); });
}

FaultServer::~FaultServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    for (const auto& [number, socket] : open_sockets_) shutdown(socket, SHUT_RDWR);
    changed_.notify_all();
  }
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
  SSL_CTX_free(static_cast<SSL_CTX*>(tls_));
}

std::string FaultServer::url(std::string_view target, std::string_view host) const {
  std::string out = tls_ != nullptr ? "https://" : "http://";
  return out.append(host).append(":").append(std::to_string(port_)).append(target);
}

void FaultServer::reply_with(Reply reply) {
  const std::lock_guard lock(mutex_);
  reply_ = std::move(reply);
}

void FaultServer::script(std::vector<Reply> replies) {
  const std::lock_guard lock(mutex_);
  std::reverse(replies.begin(), replies.end());
  script_ = std::move(replies);
}

void FaultServer::hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
}

void FaultServer::release() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  changed_.notify_all();
}

std::size_t FaultServer::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

std::size_t FaultServer::connections_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::vector<SeenRequest> FaultServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool FaultServer::wait_for_requests(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return requests_.size() >= count; });
}

bool FaultServer::wait_for_closed(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return closed_ >= count; });
}

void FaultServer::accept_all() {
  while (true) {
    const int accepted = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) return;
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      close(accepted);
      return;
    }
    const std::size_t number = connections_++;
    open_sockets_[number] = accepted;
    threads_.emplace_back([this, number, accepted] { serve(number, accepted); });
  }
}

void FaultServer::serve(std::size_t number, int socket) {
  Peer peer{.number = number, .socket = socket, .tls = nullptr, .unread = {}};
  bool alive = true;
  if (tls_ != nullptr) {
    peer.tls = SSL_new(static_cast<SSL_CTX*>(tls_));
    SSL_set_fd(peer.tls, socket);
    alive = SSL_accept(peer.tls) == 1;
  }
  while (alive) alive = serve_one(peer);
  SSL_free(peer.tls);
  ERR_clear_error();

  const std::lock_guard lock(mutex_);
  open_sockets_.erase(number);
  close(socket);
  ++closed_;
  changed_.notify_all();
}

/// Reads a request as far as the reply wants, records it and replies. False when the connection is at its end.
bool FaultServer::serve_one(Peer& peer) {
  if (!peer.wait_readable()) return false;
  const Reply reply = next_reply();
  SeenRequest seen{.connection = peer.number, .head = {}, .body = {}};
  std::string text = std::move(peer.unread);
  peer.unread.clear();
  char bytes[16384];
  const auto more = [&] {
    const long count = peer.receive(bytes, sizeof bytes);
    if (count > 0) text.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  };
  if (reply.read != ReadPart::nothing) {
    while (text.find("\r\n\r\n") == std::string::npos) {
      if (!more()) return false;
    }
    const std::size_t head_end = text.find("\r\n\r\n") + 4;
    seen.head = text.substr(0, head_end);
    text.erase(0, head_end);
    std::size_t length = 0;
    if (const auto field = seen.field("content-length"))
      std::from_chars(field->data(), field->data() + field->size(), length);
    if (reply.read == ReadPart::all) {
      while (text.size() < length) {
        if (!more()) return false;
      }
      seen.body = text.substr(0, length);
      peer.unread = text.substr(length);
    }
  }
  {
    std::unique_lock lock(mutex_);
    requests_.push_back(std::move(seen));
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_ || stopping_; });
    if (stopping_) return false;
  }
  return answer(peer, reply);
}

bool FaultServer::answer(Peer& peer, const Reply& reply) {
  const std::size_t piece = reply.pause_per_byte.count() > 0 ? 1 : std::max<std::size_t>(reply.bytes.size(), 1);
  for (std::size_t at = 0; at < reply.bytes.size(); at += piece) {
    if (!peer.send_all(std::string_view(reply.bytes).substr(at, piece))) return false;
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, reply.pause_per_byte, [&] { return stopping_; })) return false;
  }
  switch (reply.then) {
    case Then::keep:
      return true;
    case Then::close:
      if (peer.tls != nullptr) SSL_shutdown(peer.tls);
      shutdown(peer.socket, SHUT_WR);
      return false;
    case Then::reset: {
      const linger now{.l_onoff = 1, .l_linger = 0};
      setsockopt(peer.socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      return false;
    }
    case Then::hang: {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_; });
      return false;
    }
  }
  return false;
}

Reply FaultServer::next_reply() {
  const std::lock_guard lock(mutex_);
  if (script_.empty()) return reply_;
  Reply next = std::move(script_.back());
  script_.pop_back();
  return next;
}

BlackHole::BlackHole() {
  listener_ = bound_socket(port_);
  SETTLE_ASSERT(listen(listener_, 0) == 0);
  // Two connections fill a queue of length zero; that the third waits is what the tests rest on.
  for (int i = 0; i < 2; ++i) {
    const int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port_);
    (void)connect(filler, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    fillers_.push_back(filler);
  }
}

BlackHole::~BlackHole() {
  for (const int filler : fillers_) close(filler);
  close(listener_);
}

ClosedPort::ClosedPort() {
  socket_ = bound_socket(port_);
}

ClosedPort::~ClosedPort() {
  close(socket_);
}

}  // namespace settle::test
