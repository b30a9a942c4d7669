#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "engine/usage.h"

namespace settle {

/// The requests of each namespace, counted over all loops together: so many in each second, and after a quiet second so
/// many at once. Thread: any, through a Meter for each loop.
class Quotas {
 public:
  explicit Quotas(QuotaOptions options) : options_(std::move(options)) {}

  /// What one loop sees of them: it knows its way to the counters that it has asked for before. Loop: its own.
  class Meter {
   public:
    /// Without quotas nothing is refused.
    explicit Meter(std::shared_ptr<Quotas> quotas) : quotas_(std::move(quotas)) {}
    /// Counts a request; false when it is one too many.
    bool take(const std::string& name_space, Time now);

   private:
    struct Known {
      std::uint32_t per_second = 0;  ///< 0: no limit
      std::atomic<std::int64_t>* full_at = nullptr;
    };
    std::shared_ptr<Quotas> quotas_;
    std::unordered_map<std::string, Known> known_;
  };

  /// Namespaces with a counter of their own; those beyond share one, so that names can't use up the memory.
  static constexpr std::size_t counted_max = 10'000;

 private:
  std::atomic<std::int64_t>* counter_of(const std::string& name_space);

  const QuotaOptions options_;
  std::mutex mutex_;  ///< guards the map, not the counters
  /// Microseconds at which all that was taken so far is paid off at the rate of the namespace.
  std::map<std::string, std::unique_ptr<std::atomic<std::int64_t>>, std::less<>> counters_;
};

}  // namespace settle
