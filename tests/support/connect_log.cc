#include "tests/support/connect_log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>

#include "base/error.h"

namespace settle::test {
namespace {

std::mutex mutex;
bool watching = false;
std::vector<std::string> noted;

/// What the address is called, and whether it is loopback as the kernel sees it.
std::string name_of(const sockaddr* to, bool& loopback) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (to->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(to);
    loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(to);
  loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
  inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
  return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(v6->sin6_port));
}

/// False when the connect must not happen.
bool note(const sockaddr* to) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!watching || (to->sa_family != AF_INET && to->sa_family != AF_INET6)) return true;
  bool loopback = false;
  noted.push_back(name_of(to, loopback));
  return loopback;
}

}  // namespace

ConnectLog::ConnectLog() {
  const std::lock_guard<std::mutex> lock(mutex);
  SETTLE_ASSERT(!watching);
  watching = true;
  noted.clear();
}

ConnectLog::~ConnectLog() {
  const std::lock_guard<std::mutex> lock(mutex);
  watching = false;
}

std::vector<std::string> ConnectLog::seen() const {
  const std::lock_guard<std::mutex> lock(mutex);
  return noted;
}

void ConnectLog::clear() {
  const std::lock_guard<std::mutex> lock(mutex);
  noted.clear();
}

}  // namespace settle::test

// The program's own definition is found before the C library's. (The resolver inside of the library uses its own.)
extern "C" int connect(int socket, const sockaddr* to, socklen_t bytes) {
  if (!settle::test::note(to)) {
    errno = ECONNREFUSED;
    return -1;
  }
  return static_cast<int>(syscall(SYS_connect, socket, to, bytes));
}
