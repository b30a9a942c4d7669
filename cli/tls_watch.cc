#include "cli/tls_watch.h"

#include <chrono>
#include <csignal>
#include <utility>

namespace settle {
namespace {

constexpr std::chrono::seconds look_every{5};

}  // namespace

TlsWatch::TlsWatch(boost::asio::io_context& loop, std::shared_ptr<ServerTls> tls, Tell tell)
    : tls_(std::move(tls)), tell_(std::move(tell)), signals_(loop), timer_(loop) {}

void TlsWatch::start() {
  signals_.add(SIGHUP);
  await_signal();
  if (tls_) await_change();
}

void TlsWatch::stop() {
  signals_.cancel();
  timer_.cancel();
}

void TlsWatch::await_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    if (tls_) {
      reload("on SIGHUP");
    } else {
      tell_(Level::info, "SIGHUP: there are no certificates to read again; everything else is read at a start only");
    }
    await_signal();
  });
}

void TlsWatch::await_change() {
  timer_.expires_after(look_every);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (tls_->files_changed()) reload("as its files have changed");
    await_change();
  });
}

void TlsWatch::reload(const char* why) {
  const Result<void> reloaded = tls_->reload();
  const std::string now = tls_->current()->description();
  if (reloaded) return tell_(Level::info, "TLS: the certificate was read again " + std::string(why) + ": " + now);
  std::string sentence =
      "TLS: the certificate was to be read again " + std::string(why) + ", and stays what it was (" + now + ")";
  for (const Problem& problem : reloaded.error().problems) sentence += "; " + problem.message;
  if (reloaded.error().problems.empty()) sentence += "; " + reloaded.error().message;
  tell_(tls_->current()->expired() ? Level::error : Level::warning, sentence);
}

}  // namespace settle
