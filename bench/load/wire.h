#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the load programs share: as little HTTP/1.1 as two ends need that know each other. No program here is part of
/// Settle; they are what it is measured with and against, so they are lean before they are anything else.
namespace settle::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

/// "--name value" pairs of a command line; anything else, or a name that nobody asked for, is refused.
class Arguments {
 public:
  Arguments(int count, char** arguments, std::map<std::string, std::string> defaults) : values_(std::move(defaults)) {
    for (int i = 1; i < count; i += 2) {
      const std::string name = arguments[i];
      if (!values_.contains(name) || i + 1 >= count) give_up("unknown or incomplete argument " + name);
      values_[name] = arguments[i + 1];
    }
  }
  const std::string& text(const std::string& name) const { return values_.at(name); }
  std::size_t number(const std::string& name) const { return std::strtoul(values_.at(name).c_str(), nullptr, 10); }
  /// Fractions of a second are allowed: the short form for CI has little time.
  Seconds seconds(const std::string& name) const { return Seconds(std::strtod(values_.at(name).c_str(), nullptr)); }

 private:
  std::map<std::string, std::string> values_;
};

/// One whole message at the beginning of what was read; its parts point into that.
struct Message {
  std::string_view head;  ///< first line and fields
  std::string_view body;
  std::size_t bytes = 0;  ///< of both

  /// Value of a field, without regard to case; empty when it is not there.
  std::string_view field(std::string_view name) const {
    for (std::size_t line = head.find("\r\n"); line != std::string_view::npos; line = head.find("\r\n", line + 2)) {
      const std::string_view rest = head.substr(line + 2);
      if (rest.size() <= name.size() || rest[name.size()] != ':') continue;
      if (strncasecmp(rest.data(), name.data(), name.size()) != 0) continue;
      const std::size_t from = rest.find_first_not_of(' ', name.size() + 1);
      return rest.substr(from, rest.find("\r\n") - from);
    }
    return {};
  }
  int status() const { return head.size() < 12 ? 0 : std::atoi(head.data() + 9); }
};

/// Null until a message is complete. Bodies are framed by Content-Length alone.
inline std::optional<Message> message_in(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  Message out{bytes.substr(0, end), {}, end + 4};
  const std::string_view length = out.field("Content-Length");
  std::size_t body = 0;
  std::from_chars(length.data(), length.data() + length.size(), body);
  if (bytes.size() < end + 4 + body) return std::nullopt;
  out.body = bytes.substr(end + 4, body);
  out.bytes += body;
  return out;
}

/// A connection and what was read from it but not used yet.
struct Channel {
  int socket = -1;
  std::string unread;

  /// Takes what there is; false when the peer has gone.
  bool read() {
    char bytes[32768];
    const ssize_t count = recv(socket, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    unread.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  /// Messages are small and each end waits for its turn, so the kernel's buffer always has room: no queue of our own.
  bool send_all(std::string_view bytes) const {
    return send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  /// Hands every complete message to `use`, in order. False when `use` is.
  template <class Use>
  bool each_message(Use use) {
    std::size_t used = 0;
    bool fine = true;
    while (fine) {
      const std::optional<Message> message = message_in(std::string_view(unread).substr(used));
      if (!message) break;
      fine = use(*message);
      used += message->bytes;
    }
    unread.erase(0, used);
    return fine;
  }
};

inline void without_delay(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline int connect_to(std::uint16_t port) {
  const int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (connect(out, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    give_up("nothing listens on port " + std::to_string(port));
  without_delay(out);
  return out;
}

/// Level-triggered epoll; each entry carries a number that its owner chose.
class Poll {
 public:
  Poll() : poll_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~Poll() { close(poll_); }
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  void add(int socket, std::uint64_t owner) const {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = owner}};
    if (epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &event) != 0) give_up("epoll_ctl failed");
  }
  /// Runs `use` with the owner of each socket that can be read; waits at most `milliseconds`.
  template <class Use>
  void wait(int milliseconds, Use use) const {
    epoll_event events[256];
    const int count = epoll_wait(poll_, events, 256, milliseconds);
    for (int i = 0; i < count; ++i) use(events[i].data.u64);
  }

 private:
  const int poll_;
};

/// The value below which `share` of them lie; 0 for none.
inline double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

/// CPU time of a process, user and system, in microseconds (proc(5): fields 14 and 15 of stat, in clock ticks).
inline double cpu_micros(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) give_up("there is no process " + process);
  double user = 0, system = 0;
  std::sscanf(text.c_str() + name_end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lf %lf", &user, &system);
  return (user + system) * 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// The part of a run that counts: it begins `warm` after the start and lasts `seconds`.
struct Window {
  Clock::time_point begin, end;

  Window(Seconds warm, Seconds length)
      : begin(Clock::now() + std::chrono::duration_cast<Clock::duration>(warm)),
        end(begin + std::chrono::duration_cast<Clock::duration>(length)) {}
  bool holds(Clock::time_point moment) const { return moment >= begin && moment < end; }
  double seconds() const { return Seconds(end - begin).count(); }
};

}  // namespace settle::bench
