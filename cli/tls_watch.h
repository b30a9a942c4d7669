#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/http/server_tls.h"

namespace settle {

/// Reads the server's certificates again on SIGHUP, and within 5 s after their files have changed. Connections that are
/// open stay as they are; files that can't be used change nothing, and are told. Loop: its own.
class TlsWatch {
 public:
  enum class Level : std::uint8_t { info, warning, error };
  using Tell = std::function<void(Level, const std::string& sentence)>;

  /// `tls` null: the server speaks no TLS, and SIGHUP changes nothing.
  TlsWatch(boost::asio::io_context& loop, std::shared_ptr<ServerTls> tls, Tell tell);

  /// From now on SIGHUP does not end the process.
  void start();
  void stop();

 private:
  void await_signal();
  void await_change();
  void reload(const char* why);

  const std::shared_ptr<ServerTls> tls_;
  const Tell tell_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer timer_;
};

}  // namespace settle
