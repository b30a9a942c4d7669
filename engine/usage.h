#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/store.h"

namespace settle {

/// What a namespace may use. Null: as much as it likes.
struct QuotaLimits {
  std::optional<std::uint32_t> requests_per_second;
  std::optional<std::int64_t> open_workflows;  ///< that have not ended
  std::optional<std::int64_t> bytes;           ///< that those keep (engine/kept_bytes.h)
};

struct QuotaOptions {
  QuotaLimits usual;                                    ///< of namespaces that have no own
  std::map<std::string, QuotaLimits, std::less<>> own;  ///< by namespace

  const QuotaLimits& of(std::string_view name_space) const;
};

/// What is taken from the quota of a namespace: by a workflow that has not ended itself, and what it keeps.
struct Share {
  std::int64_t workflows = 0;
  std::int64_t bytes = 0;
};

/// What the open workflows of one namespace take together. Thread: any; no call waits.
class NamespaceUse {
 public:
  NamespaceUse(std::string name_space, const QuotaLimits& limits)
      : name_space_(std::move(name_space)), limits_(limits) {}

  /// Takes the share if the namespace then has no more than it may; of two that come at once, and of which only one
  /// fits, at most one gets it. Errors: quota_exceeded; payload_too_large, where it would not fit if nothing was used.
  Result<void> take(const Share& share);
  /// Whether it would be refused now, without taking it. Errors: those of take.
  Result<void> has_room(const Share& share) const;
  /// What is there already, or can't be refused any more: the namespace may then have more than it may.
  void add(const Share& share);
  void give_back(const Share& share);

  Share now() const;
  /// How many places were given back so far: as long as that grows, who waits for one may hope.
  std::uint64_t freed() const { return freed_.load(std::memory_order_relaxed); }
  const QuotaLimits& limits() const { return limits_; }

 private:
  Error too_many(const Share& share) const;
  Error too_much(const Share& share) const;
  Result<void> ever_fits(const Share& share) const;

  const std::string name_space_;
  const QuotaLimits limits_;
  std::atomic<std::int64_t> workflows_{0}, bytes_{0};
  std::atomic<std::uint64_t> freed_{0};
};

/// What all namespaces use, counted over all loops together. A workflow is counted before it is durable, and until its
/// end is. Thread: any; the lock is for namespaces that are asked for the first time, so whoever asks keeps the answer.
class Usage {
 public:
  explicit Usage(QuotaOptions options) : options_(std::move(options)) {}

  /// Stays where it is for as long as this does. One is kept for each namespace that was ever asked for.
  NamespaceUse& of(const std::string& name_space);
  /// What it uses now; nothing, if nobody has asked for it.
  Share now(std::string_view name_space) const;
  const QuotaLimits& limits_of(std::string_view name_space) const { return options_.of(name_space); }
  /// Counts what the store holds, before anything changes it: one look for each open workflow, and another where the
  /// bytes of its namespace are limited. `marks`: what is about to be written of a store from before there were marks.
  /// One that can't be read counts as one without bytes, and is told through `damaged`. Errors: corruption (the marks),
  /// io_error.
  Result<void> count(const Reader& reader, const std::optional<WriteBatch>& marks,
                     const std::function<void(const Error&)>& damaged);

 private:
  const QuotaOptions options_;
  mutable std::mutex mutex_;  ///< guards the map, not what stands in it
  std::map<std::string, std::unique_ptr<NamespaceUse>, std::less<>> namespaces_;
};

}  // namespace settle
