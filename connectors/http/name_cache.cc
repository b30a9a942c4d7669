#include "connectors/http/name_cache.h"

#include <algorithm>
#include <utility>

namespace settle {
namespace {

using Clock = std::chrono::steady_clock;

/// Long enough for a burst of connections, short enough that a moved service is found by the next try.
constexpr std::chrono::seconds kept_for{1};
constexpr std::size_t entries_max = 1024;

}  // namespace

NameCache::NameCache(boost::asio::io_context& loop, Lookup lookup) : resolver_(loop), lookup_(std::move(lookup)) {
  if (lookup_) return;
  lookup_ = [this](const std::string& host, Resolved done) {
    resolver_.async_resolve(
        host, "", [done = std::move(done)](boost::system::error_code error, const Resolver::results_type& found) {
          Addresses addresses;
          for (const auto& entry : found) addresses.push_back(entry.endpoint().address());
          done(error, addresses);
        });
  };
}

void NameCache::resolve(const std::string& host, Resolved done) {
  if (stopped_) return;
  if (entries_.size() >= entries_max) forget_expired();
  Entry& entry = entries_[host];
  if (!entry.asking && !entry.addresses.empty() && Clock::now() < entry.expires) {
    const Addresses addresses = entry.addresses;
    return done({}, addresses);
  }
  entry.waiting.push_back(std::move(done));
  if (std::exchange(entry.asking, true)) return;
  lookup_(host, [weak = weak_from_this(), host](boost::system::error_code error, const Addresses& addresses) {
    if (const std::shared_ptr<NameCache> self = weak.lock()) self->on_answer(host, error, addresses);
  });
}

void NameCache::on_answer(const std::string& host, boost::system::error_code error, const Addresses& addresses) {
  const auto found = entries_.find(host);
  if (stopped_ || found == entries_.end()) return;
  Entry& entry = found->second;
  entry.asking = false;
  entry.addresses = error ? Addresses() : addresses;
  entry.expires = Clock::now() + kept_for;
  const std::vector<Resolved> waiting = std::move(entry.waiting);
  entry.waiting.clear();
  for (const Resolved& done : waiting) done(error, addresses);
}

void NameCache::forget_expired() {
  std::erase_if(entries_,
                [now = Clock::now()](const auto& item) { return !item.second.asking && item.second.expires <= now; });
}

void NameCache::stop() {
  stopped_ = true;
  resolver_.cancel();
  entries_.clear();
}

}  // namespace settle
