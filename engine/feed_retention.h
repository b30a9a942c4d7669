#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/clock.h"
#include "engine/loop.h"
#include "storage/store.h"

namespace settle {

struct FeedRetentionOptions {
  Duration keep{std::int64_t{7} * 24 * 3'600'000};  ///< a record is let go of when its first event is older
  std::uint64_t records_max = 10'000'000;           ///< and beyond so many, whatever their age
};

/// A leap of the clock beyond this raises an event and holds retention (contract, promise 9).
inline constexpr Duration leap_told{60'000};

/// Since when retention is held because the clock leapt ahead; null: it is not. Errors: corruption.
Result<std::optional<Time>> retention_held_since(const Reader& reader);
/// An operator has agreed: ages count again.
void release_retention(WriteBatch& batch);

/// Lets go of old records of the feed, a few at a time. Never of the last one, and never because somebody has read them
/// or has not. History stays: only the feed ends there. When the clock leaps ahead by more than leap_told, everything
/// looks old at once: that is told as an event (`engine.clock_leapt`), and nothing goes by its age until somebody
/// agrees. Loop: its own.
class FeedRetention : public std::enable_shared_from_this<FeedRetention> {
 public:
  /// `clock`: what the loop reads; null: leaps are not looked for.
  /// `tell`: what keeps records from going is said there, for the log; null: nowhere.
  FeedRetention(Store& store, Loop& loop, FeedRetentionOptions options, std::shared_ptr<const Clock> clock = nullptr,
                std::function<void(const Error&)> tell = nullptr)
      : store_(store),
        loop_(loop),
        options_(options),
        clock_(std::move(clock)),
        tell_(std::move(tell)),
        told_(clock_ == nullptr ? Time() : clock_->leapt()) {}

  /// Looks every few seconds from now on.
  void start();
  /// One look: how many records are let go of, at most `step_max`. Those that are too many go even if it can't be read
  /// how old they are. Errors: corruption, when none went.
  Result<std::uint64_t> look();

  static constexpr std::uint64_t step_max = 1'000;

 private:
  void later(Duration pause);
  bool tell_leap();
  void note(const Result<std::uint64_t>& looked);
  Result<std::uint64_t> old_of(const Reader& reader, std::uint64_t floor, std::uint64_t most) const;

  Store& store_;
  Loop& loop_;
  const FeedRetentionOptions options_;
  const std::shared_ptr<const Clock> clock_;
  const std::function<void(const Error&)> tell_;
  std::string trouble_;  ///< that was told last, while it lasts
  Time told_;            ///< the leap that was seen last
};

}  // namespace settle
