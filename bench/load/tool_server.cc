// The tool that the load benchmarks call: records in memory behind lean HTTP on loopback, one thread, one epoll.
//
//     tool_server [--port 0]
//
//   - POST /effects with Idempotency-Key and {"value": …}: 201 {"id":"7","value":…}, the same record for the same key
//   - GET /effects/ID: 200 with the record, or 404
//   - POST /throttled: 429 with Retry-After: 3600
//   - POST /held: no answer, ever
//   - GET /stats: what came so far; "first_call_ns" (CLOCK_MONOTONIC) is that of the first call after the last
//   - POST /stats, which forgets it and answers the same
//
// The body is trusted to be {"value": …} in canonical form: this is a yardstick, no example of a server.
#include <ctime>
#include <memory>
#include <unordered_map>

#include "bench/load/wire.h"

namespace {

using namespace settle::bench;

std::int64_t monotonic_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

class ToolServer {
 public:
  explicit ToolServer(std::uint16_t port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 4096) != 0)
      give_up("port " + std::to_string(port) + " can't be listened on");
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    std::printf("listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    poll_.add(listener_, static_cast<std::uint64_t>(listener_));
  }

  [[noreturn]] void run() {
    while (true) {
      poll_.wait(-1, [this](std::uint64_t owner) {
        const int socket = static_cast<int>(owner);
        if (socket == listener_) return accept_one();
        Channel& channel = channels_[socket];
        const bool stays =
            channel.read() && channel.each_message([&](const Message& request) { return answer(channel, request); });
        if (stays) return;
        close(socket);
        channels_.erase(socket);
      });
    }
  }

 private:
  void accept_one() {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    without_delay(socket);
    channels_[socket] = Channel{socket, {}};
    poll_.add(socket, static_cast<std::uint64_t>(socket));
  }

  bool answer(const Channel& channel, const Message& request) {
    const std::string_view head = request.head;
    if (head.starts_with("GET /stats ")) return send(channel, "200 OK", stats());
    if (head.starts_with("POST /stats ")) {
      first_call_ = 0;
      return send(channel, "200 OK", stats());
    }
    ++calls_;
    if (first_call_ == 0) first_call_ = monotonic_nanoseconds();
    if (head.starts_with("POST /effects ")) return create(channel, request);
    if (head.starts_with("GET /effects/")) return show(channel, head.substr(13, head.find(' ', 13) - 13));
    if (head.starts_with("POST /held ")) return true;
    if (head.starts_with("POST /throttled ")) return send(channel, "429 Too Many Requests\r\nRetry-After: 3600", "{}");
    return send(channel, "404 Not Found", "{}");
  }

  bool create(const Channel& channel, const Message& request) {
    const std::string_view key = request.field("Idempotency-Key");
    if (key.empty() || request.body.size() < 2) return send(channel, "400 Bad Request", "{}");
    const auto [found, created] = by_key_.try_emplace(std::string(key), records_.size());
    if (created) {
      records_.push_back("{\"id\":\"" + std::to_string(records_.size()) + "\"," + std::string(request.body.substr(1)));
    } else {
      ++repeats_;
    }
    return send(channel, "201 Created", records_[found->second]);
  }

  bool show(const Channel& channel, std::string_view id) {
    std::size_t index = records_.size();
    std::from_chars(id.data(), id.data() + id.size(), index);
    if (index >= records_.size()) return send(channel, "404 Not Found", "{}");
    return send(channel, "200 OK", records_[index]);
  }

  bool send(const Channel& channel, std::string_view status, std::string_view body) {
    answer_.assign("HTTP/1.1 ").append(status).append("\r\nContent-Type: application/json\r\nContent-Length: ");
    answer_.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    return channel.send_all(answer_);
  }

  std::string stats() const {
    return "{\"calls\":" + std::to_string(calls_) + ",\"effects\":" + std::to_string(records_.size()) +
           ",\"repeats\":" + std::to_string(repeats_) + ",\"first_call_ns\":" + std::to_string(first_call_) + "}";
  }

  Poll poll_;
  int listener_ = -1;
  std::unordered_map<int, Channel> channels_;
  std::unordered_map<std::string, std::size_t> by_key_;
  std::vector<std::string> records_;
  std::string answer_;
  std::uint64_t calls_ = 0, repeats_ = 0;
  std::int64_t first_call_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  const Arguments given(count, arguments, {{"--port", "0"}});
  ToolServer(static_cast<std::uint16_t>(given.number("--port"))).run();
}
