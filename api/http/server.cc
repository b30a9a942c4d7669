#include "api/http/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <charconv>
#include <optional>

#include "api/http/session.h"

namespace settle {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using Executor = boost::asio::io_context::executor_type;
using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Acceptor = boost::asio::basic_socket_acceptor<tcp, Executor>;

constexpr int backlog = 1024;
// Connections beyond the limit are told so, as long as there are not too many of these either.
constexpr std::size_t refused_connections_max = 64;
// Out of file descriptors: others must close theirs first.
constexpr std::chrono::milliseconds accept_pause{50};

// Asio has no public name for this option.
error_code share_port(int socket) {
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) return {};
  return error_code(errno, boost::system::system_category());
}

Result<tcp::endpoint> parse_endpoint(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const Error wrong = fail(ErrorCode::invalid_argument,
                           "\"" + address + "\" is no address to listen on; write it as 127.0.0.1:8700 or [::1]:8700");
  if (colon == std::string::npos || colon + 1 == address.size()) return wrong;

  std::uint16_t port = 0;
  const char* const port_end = address.data() + address.size();
  const auto [end, problem] = std::from_chars(address.data() + colon + 1, port_end, port);
  if (problem != std::errc() || end != port_end) return wrong;

  std::string host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  error_code ec;
  const auto ip = boost::asio::ip::make_address(host, ec);
  if (ec || ip.is_v6() != bracketed) return wrong;
  return tcp::endpoint(ip, port);
}

std::chrono::milliseconds sweep_interval(const HttpLimits& limits) {
  const Duration shortest = std::min({limits.handshake_timeout, limits.header_timeout, limits.body_timeout,
                                      limits.idle_timeout, limits.write_timeout});
  return std::clamp<std::chrono::milliseconds>(shortest / 4, Duration{5}, Duration{250});
}

boost::asio::ip::address plain_address(const boost::asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
}

/// Accepts connections, looks after their deadlines and brings them to an end. Its handlers keep it alive.
class Listener final : public std::enable_shared_from_this<Listener> {
 public:
  Listener(boost::asio::io_context& loop, HttpLimits limits, HttpHandler handler, HttpGuards guards,
           std::shared_ptr<HttpServer::Shared> shared)
      : host_(std::make_shared<SessionHost>(loop, limits, std::move(handler), std::move(guards), std::move(shared))),
        acceptor_(loop),
        sweep_timer_(loop),
        pause_timer_(loop),
        patience_timer_(loop) {}

  Result<void> open(const std::string& name, tcp::endpoint endpoint, bool first);
  void start();
  void shutdown(Duration patience, std::function<void()> done);
  void close_all();
  const std::shared_ptr<HttpServer::Shared>& shared() const { return host_->shared; }

 private:
  error_code try_open(const tcp::endpoint& endpoint, bool first);
  void accept_next();
  void on_accepted(const error_code& ec, Session::Socket socket);
  void serve(Session::Socket socket);
  void sweep_later();
  void sweep();
  void end_shutdown();

  std::shared_ptr<SessionHost> host_;
  Acceptor acceptor_;
  Timer sweep_timer_;
  Timer pause_timer_;
  Timer patience_timer_;
  bool sweeping_ = false;
  std::vector<std::function<void()>> done_;
};

Result<void> Listener::open(const std::string& name, tcp::endpoint endpoint, bool first) {
  if (!first && endpoint.port() == 0) endpoint.port(shared()->port);
  const error_code ec = try_open(endpoint, first);
  if (!ec) return {};
  const bool taken = ec == boost::asio::error::address_in_use;
  const char* const remedy = taken ? "; stop the other program, or choose another port" : "; check address and port";
  return fail(ErrorCode::io_error, "can't listen on " + name + ": " + ec.message() + remedy);
}

error_code Listener::try_open(const tcp::endpoint& endpoint, bool first) try {
  if (first && endpoint.port() != 0) {
    // SO_REUSEPORT would let a second engine of the same user share our port unnoticed. A socket without it sees that.
    Acceptor probe(host_->loop, endpoint.protocol());
    probe.set_option(Acceptor::reuse_address(true));
    probe.bind(endpoint);
  }
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(Acceptor::reuse_address(true));
  if (const error_code ec = share_port(acceptor_.native_handle())) return ec;
  acceptor_.bind(endpoint);
  acceptor_.listen(backlog);
  shared()->port = acceptor_.local_endpoint().port();
  return {};
} catch (const boost::system::system_error& error) {
  return error.code();
}

void Listener::start() {
  const std::weak_ptr<Listener> weak = weak_from_this();
  host_->on_empty = [weak] {
    const auto self = weak.lock();
    if (self != nullptr && self->host_->stopping) self->end_shutdown();
  };
  accept_next();
}

void Listener::accept_next() {
  acceptor_.async_accept([self = shared_from_this()](const error_code& ec, Session::Socket socket) {
    self->on_accepted(ec, std::move(socket));
  });
}

void Listener::on_accepted(const error_code& ec, Session::Socket socket) {
  if (!acceptor_.is_open()) return;
  if (!ec) {
    serve(std::move(socket));
    return accept_next();
  }
  if (ec == boost::asio::error::connection_aborted) return accept_next();
  pause_timer_.expires_after(accept_pause);
  pause_timer_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (!cancelled && self->acceptor_.is_open()) self->accept_next();
  });
}

void Listener::serve(Session::Socket socket) {
  error_code ec;
  const tcp::endpoint remote = socket.remote_endpoint(ec);
  if (ec) return;  // it has left already
  socket.set_option(tcp::no_delay(true), ec);

  const auto peer = plain_address(remote.address());
  const bool admitted = shared()->admit(peer, host_->limits);
  // Over TLS it would take a handshake to say why: too dear for whom there is no place.
  if (!admitted && (host_->guards.tls || host_->refused_connections >= refused_connections_max)) {
    shared()->refusals.fetch_add(1, std::memory_order_relaxed);
    return;  // closes the socket
  }
  const auto session = std::make_shared<Session>(host_, std::move(socket), peer);
  admitted ? session->start() : session->refuse_connection();
  sweep_later();
}

void Listener::sweep_later() {
  if (sweeping_) return;
  sweeping_ = true;
  sweep_timer_.expires_after(sweep_interval(host_->limits));
  sweep_timer_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    self->sweeping_ = false;
    if (!cancelled) self->sweep();
  });
}

void Listener::sweep() {
  const auto now = Session::Clock::now();
  // From the back: a session that ends is replaced by the last one, which has been looked at by then.
  for (std::size_t i = host_->sessions.size(); i > 0; --i) {
    const auto session = host_->sessions[i - 1];
    session->check_deadline(now);
  }
  if (!host_->sessions.empty()) sweep_later();
}

void Listener::shutdown(Duration patience, std::function<void()> done) {
  done_.push_back(std::move(done));
  if (!host_->stopping) {
    host_->stopping = true;
    error_code ignored;
    acceptor_.close(ignored);
    pause_timer_.cancel();
    for (std::size_t i = host_->sessions.size(); i > 0; --i) {
      const auto session = host_->sessions[i - 1];
      session->stop();
    }
  }
  if (host_->sessions.empty()) return end_shutdown();
  patience_timer_.expires_after(patience);
  patience_timer_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (!cancelled) self->close_all();
  });
}

void Listener::end_shutdown() {
  patience_timer_.cancel();
  sweep_timer_.cancel();
  for (auto& done : std::exchange(done_, {})) boost::asio::post(host_->loop, std::move(done));
}

void Listener::close_all() {
  error_code ignored;
  acceptor_.close(ignored);
  pause_timer_.cancel();
  sweep_timer_.cancel();
  while (!host_->sessions.empty()) {
    const auto session = host_->sessions.back();
    session->finish();
  }
  patience_timer_.cancel();
}

class Server final : public HttpServer {
 public:
  explicit Server(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  ~Server() override { listener_->close_all(); }

  std::uint16_t port() const override { return listener_->shared()->port; }
  std::shared_ptr<Shared> shared() const override { return listener_->shared(); }
  void shutdown(Duration patience, std::function<void()> done) override {
    listener_->shutdown(patience, std::move(done));
  }

 private:
  std::shared_ptr<Listener> listener_;
};

}  // namespace

bool HttpServer::Shared::admit(const boost::asio::ip::address& peer, const HttpLimits& limits) {
  if (connections.fetch_add(1) >= limits.connections_max) {
    connections.fetch_sub(1);
    return false;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  std::size_t& of_peer = peers_[peer];
  if (of_peer < limits.connections_per_peer_max) {
    ++of_peer;
    return true;
  }
  if (of_peer == 0) peers_.erase(peer);
  connections.fetch_sub(1);
  return false;
}

void HttpServer::Shared::leave(const boost::asio::ip::address& peer) {
  connections.fetch_sub(1);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = peers_.find(peer);
  SETTLE_ASSERT(found != peers_.end() && found->second > 0);
  if (--found->second == 0) peers_.erase(found);
}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(boost::asio::io_context& loop, const std::string& address,
                                                       HttpLimits limits, HttpHandler handler,
                                                       std::shared_ptr<Shared> shared, HttpGuards guards) {
  Result<tcp::endpoint> endpoint = parse_endpoint(address);
  if (!endpoint) return std::move(endpoint.error());
  const bool first = shared == nullptr;
  if (first) shared = std::make_shared<Shared>();

  auto listener = std::make_shared<Listener>(loop, limits, std::move(handler), std::move(guards), std::move(shared));
  if (Result<void> opened = listener->open(address, *endpoint, first); !opened) return std::move(opened.error());
  listener->start();
  return std::unique_ptr<HttpServer>(std::make_unique<Server>(std::move(listener)));
}

}  // namespace settle
