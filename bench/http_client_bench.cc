// How many calls the http connector carries on one loop, against a lean epoll server in a thread of its own.
//
//     http_client_bench [seconds=5] [calls in flight=64] [body bytes=200]
//
// Prints calls per second of wall time, and CPU time of the client's thread per call: on a machine where server and
// client share cores, the second is the steadier figure.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "connectors/http/http_connector.h"

namespace {

using namespace settle;

/// Answers every request on every connection with the same bytes. Knows of HTTP only where a request ends.
class LeanServer {
 public:
  explicit LeanServer(std::size_t body_bytes) {
    const std::string body = "{\"id\":\"" + std::string(body_bytes, 'x') + "\"}";
    answer_ =
        "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    SETTLE_ASSERT(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(listener_, 1024) == 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    poll_ = epoll_create1(0);
    watch(listener_);
    thread_ = std::thread([this] { run(); });
  }
  ~LeanServer() {
    stopping_ = true;
    thread_.join();
  }
  std::uint16_t port() const { return port_; }

 private:
  void watch(int socket) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
    epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &event);
  }

  void run() {
    epoll_event events[256];
    while (!stopping_) {
      const int count = epoll_wait(poll_, events, 256, 50);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listener_) {
          const int accepted = accept(listener_, nullptr, nullptr);
          const int on = 1;
          setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          watch(accepted);
        } else {
          serve(events[i].data.fd);
        }
      }
    }
  }

  void serve(int socket) {
    char bytes[16384];
    const ssize_t count = recv(socket, bytes, sizeof bytes, 0);
    if (count <= 0) {
      close(socket);
      unread_.erase(socket);
      return;
    }
    std::string& text = unread_[socket];
    text.append(bytes, static_cast<std::size_t>(count));
    const std::size_t head_end = text.find("\r\n\r\n");
    if (head_end == std::string::npos) return;
    const std::size_t field = text.find("Content-Length: ");
    const std::size_t length = field < head_end ? std::strtoul(text.c_str() + field + 16, nullptr, 10) : 0;
    if (text.size() < head_end + 4 + length) return;
    text.clear();
    (void)send(socket, answer_.data(), answer_.size(), MSG_NOSIGNAL);
  }

  std::string answer_;
  int listener_ = -1;
  int poll_ = -1;
  std::uint16_t port_ = 0;
  std::unordered_map<int, std::string> unread_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

int main(int count, char** arguments) {
  const int seconds = count > 1 ? std::atoi(arguments[1]) : 5;
  const int in_flight = count > 2 ? std::atoi(arguments[2]) : 64;
  const std::size_t body_bytes = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 200;

  LeanServer server(body_bytes);
  boost::asio::io_context loop(1);
  HttpConnector connector(loop, {}, *CredentialStore::load({}));
  const Call call{.connector = "http",
                  .method = "POST",
                  .url = "http://127.0.0.1:" + std::to_string(server.port()) + "/contacts",
                  .headers = {{"Idempotency-Key", "0123456789abcdefghijklmnopqrstuv"}},
                  .body = "{\"email\":\"ada@example.org\",\"note\":\"" + std::string(body_bytes, 'y') + "\"}",
                  .credential = {}};
  std::uint64_t answered = 0, others = 0;
  bool stopping = false;
  CallDone done = [&](const Outcome& outcome) {
    ++(outcome.kind == OutcomeClass::answered ? answered : others);
    if (!stopping) connector.start(call, done);
  };

  const auto begin = std::chrono::steady_clock::now();
  const double cpu_begin = thread_cpu_seconds();
  for (int i = 0; i < in_flight; ++i) connector.start(call, done);
  while (std::chrono::steady_clock::now() - begin < std::chrono::seconds(seconds))
    loop.run_one_for(std::chrono::milliseconds(50)), loop.poll();
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double cpu = thread_cpu_seconds() - cpu_begin;
  stopping = true;
  const std::uint64_t calls = answered, lost = others;
  connector.stop();

  std::printf(
      "%llu calls answered, %llu otherwise; %.0f calls/s; %.1f us of CPU a call, which is %.0f calls/s on a core of "
      "its own\n",
      static_cast<unsigned long long>(calls), static_cast<unsigned long long>(lost), static_cast<double>(calls) / wall,
      cpu / static_cast<double>(calls) * 1e6, static_cast<double>(calls) / cpu);
  return lost == 0 && calls > 0 ? 0 : 1;
}
