#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <openssl/ssl.h>

#include "api/http/server.h"
#include "api/http/shared.h"

namespace settle::test {

/// Whether the servers and connections of this program speak TLS: the same tests are built twice, since a connection
/// has to behave the same.
#ifdef SETTLE_TESTS_OVER_TLS
inline constexpr bool over_tls = true;
#else
inline constexpr bool over_tls = false;
#endif

/// An identity for localhost and 127.0.0.1, made at its first use.
std::shared_ptr<ServerTls> test_identity();

/// A server on a thread of its own, on a port that it picked. Without a handler it answers what it read.
class TestServer {
 public:
  explicit TestServer(HttpLimits limits = {}, HttpHandler handler = nullptr);
  TestServer(HttpLimits limits, HttpHandler handler, HttpGuards guards);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  HttpServer& server() { return *server_; }
  const HttpServer::Shared& counters() const { return *shared_; }
  boost::asio::io_context& loop() { return loop_; }

  /// Runs `work` on the loop and waits for it.
  template <class Work>
  auto on_loop(Work work) -> std::invoke_result_t<Work> {
    std::packaged_task<std::invoke_result_t<Work>()> task(std::move(work));
    auto done = task.get_future();
    boost::asio::post(loop_, [&task] { task(); });
    return done.get();
  }

  /// Waits until `condition`, asked on the loop again and again, holds; false after ten seconds.
  bool reaches(const std::function<bool()>& condition);

  /// Destroys the server, on its loop.
  void close() {
    on_loop([this] { server_.reset(); });
  }

 private:
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<HttpServer> server_;
  std::shared_ptr<HttpServer::Shared> shared_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// An answer of plain text.
HttpResponse text(std::string body);

/// A handler that keeps its responders until the test answers them. Everything happens on the loop.
struct Holder {
  std::vector<std::unique_ptr<Responder>> held;
  HttpHandler handler() {
    return [this](HttpRequest, std::unique_ptr<Responder> responder) { held.push_back(std::move(responder)); };
  }
};

/// A response as a raw connection saw it.
struct RawResponse {
  int status = 0;  ///< 0: none came
  std::string head;
  std::string body;
};

/// A TCP connection to 127.0.0.1, with TLS where the program speaks it. Reads wait at most ten seconds.
class RawConnection {
 public:
  /// `receive_bytes` > 0 makes the kernel hold only about so much that is not read.
  explicit RawConnection(std::uint16_t port, int receive_bytes = 0);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  /// False when the peer has closed.
  bool send(std::string_view bytes);
  void half_close();
  /// The next response, its body read by its length or as chunks; `head_only`: it has none.
  RawResponse read_response(bool head_only = false);
  /// The next bytes, exactly so many unless the connection ends before.
  std::string read(std::size_t bytes);
  /// Everything until the connection ends.
  std::string read_to_end();
  /// After a read that came to the end: the peer reset the connection.
  bool was_reset() const { return reset_; }
  bool timed_out() const { return timed_out_; }

 private:
  bool fill();
  std::string read_until(std::string_view mark);

  struct FreeTls {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };

  int socket_ = -1;
  std::unique_ptr<SSL, FreeTls> tls_;  ///< null in the clear
  std::string ready_;
  bool reset_ = false;
  bool timed_out_ = false;
};

/// "GET / HTTP/1.1" with Host, and the like.
std::string request_text(const std::string& method, const std::string& target, const std::string& body = "",
                         const std::string& fields = "");

}  // namespace settle::test
