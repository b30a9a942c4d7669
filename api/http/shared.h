#pragma once

#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <map>
#include <mutex>

#include "api/http/server.h"

namespace settle {

/// What all loops of one listener count together. Thread: any.
struct HttpServer::Shared {
  std::atomic<std::size_t> connections{0};   ///< open now
  std::atomic<std::size_t> bodies_bytes{0};  ///< of bodies being received now
  std::atomic<std::uint64_t> requests{0};    ///< handed to the handler so far
  std::atomic<std::uint64_t> refusals{0};    ///< requests and connections refused before the handler so far
  std::atomic<std::uint16_t> port{0};

  /// Takes a place for a connection from `peer`; false when either limit is reached.
  bool admit(const boost::asio::ip::address& peer, const HttpLimits& limits);
  /// Gives back what admit() took.
  void leave(const boost::asio::ip::address& peer);

 private:
  std::mutex mutex_;
  std::map<boost::asio::ip::address, std::size_t> peers_;  ///< connections of each; guarded by mutex_
};

}  // namespace settle
