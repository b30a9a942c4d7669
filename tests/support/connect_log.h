#pragma once

#include <string>
#include <vector>

namespace settle::test {

/// Notes every connect() that this process makes to an internet address while it lives. What goes to loopback happens;
/// everything else is noted and refused, so that no test leaves the machine. One at a time. Thread: any.
class ConnectLog {
 public:
  ConnectLog();
  ~ConnectLog();
  ConnectLog(const ConnectLog&) = delete;
  ConnectLog& operator=(const ConnectLog&) = delete;

  /// "192.0.2.1:80", "[::1]:443", in order.
  std::vector<std::string> seen() const;
  void clear();
};

}  // namespace settle::test
