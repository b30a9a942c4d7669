#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "connectors/connector.h"
#include "connectors/http/credentials.h"
#include "connectors/http/http_connection.h"
#include "connectors/http/private_hosts.h"

namespace settle {

struct HttpConnectorOptions {
  std::size_t connections_per_host_max = 256;  ///< per scheme, host and port
  std::size_t queue_per_host_max = 10'000;     ///< calls waiting for a connection; beyond: not_sent "queue_full"
  Duration idle_timeout{15'000};               ///< an unused connection is closed after this
  Duration connect_timeout{5'000};  ///< resolve, connect and TLS together; never above the call's own timeout
  ResponseLimits response;
  std::string ca_file;                                   ///< PEM, beside the system's roots; empty: those only
  AddressPolicy addresses = AddressPolicy::public_only;  ///< of hosts that `private_hosts` does not name
  PrivateHosts private_hosts;
  std::function<Time()> now;  ///< wall clock of outcomes and of Retry-After dates; empty: the system's
  Lookup lookup;              ///< empty: the system's resolver
};

/// Carries calls over HTTP/1.1, in the clear or over TLS, through keep-alive pools. The classification is CONTRACT
/// §2's; README.md lists the codes. Redirects are not followed, answers are not decompressed, proxies of the
/// environment are not used. Time limits are checked every 50 ms, so that a call may end that much late, never early.
/// Loop: all methods and every `done` on the loop given. stop() may be called inside of a `done`; the destructor not.
class HttpConnector final : public Connector, private HttpConnection::Owner {
 public:
  HttpConnector(boost::asio::io_context& loop, HttpConnectorOptions options,
                std::shared_ptr<const CredentialStore> credentials);
  /// Stops first, if nobody has.
  ~HttpConnector() override;
  HttpConnector(const HttpConnector&) = delete;
  HttpConnector& operator=(const HttpConnector&) = delete;

  /// Whether every option could be used. Errors: configuration (ca_file). Calls over TLS end not_sent "tls_failed"
  /// otherwise.
  Result<void> ready() const;

  void start(Call call, CallDone done) override;
  /// The `done` of everything under way runs before this returns; calls started later end not_sent "engine_shutdown".
  void stop() override;

  /// Calls handed over and not yet ended; connections open now, over all hosts. For metrics and tests.
  std::size_t calls_under_way() const { return calls_; }
  std::size_t connections_open() const;

 private:
  using Clock = HttpConnection::Clock;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  template <class T>
  using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

  void call_ended(HttpConnection& connection, std::unique_ptr<HttpJob> job, Outcome outcome, bool reusable) override;
  void call_unsent(HttpConnection& connection, std::unique_ptr<HttpJob> job) override;

  bool admit(HttpJob& job, Outcome& refusal);
  HttpPool* pool_of(std::string_view origin_text, Reach reach);
  AddressPolicy policy_of(const Origin& origin, Reach reach) const;
  void dispatch(std::unique_ptr<HttpJob> job);
  bool has_room(const HttpPool& pool) const;
  void carry(HttpPool& pool, std::unique_ptr<HttpJob> job);
  void open(HttpPool& pool, std::unique_ptr<HttpJob> job);
  void release(HttpPool& pool, HttpConnection& connection);
  void pump(HttpPool& pool);
  void report(std::unique_ptr<HttpJob> job, Outcome outcome);

  void arm(Duration period);
  void on_tick();
  void take_expired(HttpPool& pool, Clock::time_point now, std::vector<std::unique_ptr<HttpJob>>& expired);
  void close_idle(HttpPool& pool, Clock::time_point now);
  void forget_empty_pools();

  boost::asio::io_context& loop_;
  HttpConnectorOptions options_;
  std::shared_ptr<const CredentialStore> credentials_;
  HttpConnectionContext context_;
  ByText<std::unique_ptr<HttpPool>> pools_;  // by Origin::text and reach
  // For each reach, by the origin as URLs write it: a cache, cleared when pools go.
  std::array<ByText<HttpPool*>, 3> pools_as_written_;
  boost::asio::steady_timer ticker_;
  Duration period_{0};  // of the tick under way; 0: none
  int quiet_ticks_ = 0;
  std::size_t calls_ = 0;  // in a queue or on a connection
  int starting_ = 0;       // inside of start(): outcomes are posted, never given at once
  bool stopped_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace settle
