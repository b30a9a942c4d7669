// The yardstick of submissions: a bare Beast server that reads a body, parses it with the strict reader of the API
// under its limits, and answers 201. No routes, no plan, no record. As in the engine every thread has an event loop and
// a listening socket of its own, and the kernel deals the connections out.
//
//     beast [--port 0] [--threads 2]
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <thread>

#include "base/json.h"
#include "bench/load/wire.h"

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

/// One connection, one request at a time; lives as long as an operation on it is under way.
class Session final : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(Socket socket) : socket_(std::move(socket)) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(limits_.bytes_max);
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](const error_code& ec, std::size_t) {
      if (!ec) self->answer();
    });
  }

 private:
  void answer() {
    const settle::Result<settle::Json> body = settle::read_json(parser_->get().body(), limits_);
    answer_ = {body ? http::status::created : http::status::bad_request, 11};
    answer_.set(http::field::content_type, "application/json");
    answer_.body() = body ? R"({"id":"wf_0123456789abcdef0123456789abcdef","status":"running"})" : "{}";
    answer_.prepare_payload();
    http::async_write(socket_, answer_, [self = shared_from_this()](const error_code& ec, std::size_t) {
      if (!ec) self->read();
    });
  }

  const settle::JsonLimits limits_;  // those of the API, which leaves them as they are
  Socket socket_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> answer_;
};

/// An event loop with a listening socket on the port that all of them share.
class Listener {
 public:
  explicit Listener(std::uint16_t port) : loop_(1), acceptor_(loop_) {
    acceptor_.open(tcp::v4());
    const int on = 1;
    setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    acceptor_.bind({asio::ip::address_v4::loopback(), port});
    acceptor_.listen(4096);
    accept_next();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void run() { loop_.run(); }

 private:
  void accept_next() {
    acceptor_.async_accept([this](const error_code& ec, Socket socket) {
      if (!ec) {
        socket.set_option(tcp::no_delay(true));
        std::make_shared<Session>(std::move(socket))->read();
      }
      accept_next();
    });
  }

  asio::io_context loop_;
  Acceptor acceptor_;
};

}  // namespace

int main(int count, char** arguments) {
  const settle::bench::Arguments given(count, arguments, {{"--port", "0"}, {"--threads", "2"}});
  auto port = static_cast<std::uint16_t>(given.number("--port"));
  std::vector<std::unique_ptr<Listener>> listeners;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, given.number("--threads")); ++i) {
    listeners.push_back(std::make_unique<Listener>(port));
    port = listeners.front()->port();
  }
  std::printf("listening on http://127.0.0.1:%d\n", port);
  std::fflush(stdout);
  std::vector<std::thread> threads;
  for (auto& listener : listeners) threads.emplace_back([&listener] { listener->run(); });
  for (std::thread& thread : threads) thread.join();
}
