#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace settle {

using Addresses = std::vector<boost::asio::ip::address>;
using Resolved = std::function<void(boost::system::error_code, const Addresses&)>;
/// Looks one host name up and reports on the loop, never inside of the call.
using Lookup = std::function<void(const std::string& host, Resolved done)>;

/// Turns host names into addresses: one look-up at a time per name, its answer kept for a second. A pool that opens
/// many connections at once asks once, and a name that hangs never fills the resolver's thread with copies of itself.
/// Loop: one. Owned by a shared_ptr, since a look-up can end after its owner has gone.
class NameCache : public std::enable_shared_from_this<NameCache> {
 public:
  /// `lookup`: empty for the system's resolver.
  NameCache(boost::asio::io_context& loop, Lookup lookup);

  /// `done` runs exactly once, at once when the answer is fresh; not at all after stop().
  void resolve(const std::string& host, Resolved done);
  void stop();

 private:
  struct Entry {
    Addresses addresses;
    std::chrono::steady_clock::time_point expires{};
    bool asking = false;
    std::vector<Resolved> waiting;  // at most one per connection being opened
  };

  void on_answer(const std::string& host, boost::system::error_code error, const Addresses& addresses);
  void forget_expired();

  using Resolver = boost::asio::ip::basic_resolver<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  Resolver resolver_;
  Lookup lookup_;
  std::unordered_map<std::string, Entry> entries_;
  bool stopped_ = false;
};

}  // namespace settle
