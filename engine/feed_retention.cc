#include "engine/feed_retention.h"

#include <algorithm>

#include "engine/feed.h"
#include "storage/keys.h"

namespace settle {
namespace {

constexpr Duration pause{10'000}, short_pause{100};

}  // namespace

Result<std::optional<Time>> retention_held_since(const Reader& reader) {
  const Result<std::optional<std::string>> stored = reader.get(Family::meta, keys::retention_hold);
  if (!stored) return stored.error();
  if (!*stored) return std::optional<Time>();
  const std::optional<Time> since = parse_time(**stored);
  if (!since) return fail(ErrorCode::corruption, "since when retention is held can't be read");
  return since;
}

void release_retention(WriteBatch& batch) {
  batch.erase(Family::meta, std::string(keys::retention_hold));
}

void FeedRetention::start() {
  later(Duration(0));
}

void FeedRetention::later(Duration after) {
  loop_.schedule(loop_.now() + after, [self = weak_from_this()] {
    const auto here = self.lock();
    if (here == nullptr) return;
    const Result<std::uint64_t> gone = here->look();
    if (!gone) here->note(gone);
    here->later(gone && *gone == step_max ? short_pause : pause);
  });
}

/// Told once, not at each look.
void FeedRetention::note(const Result<std::uint64_t>& looked) {
  const std::string trouble = looked ? "" : looked.error().message;
  if (!looked && tell_ && trouble != trouble_) tell_(looked.error());
  trouble_ = trouble;
}

/// True when there was one: then nothing is let go of in this look.
bool FeedRetention::tell_leap() {
  loop_.now();  // the clock sees a leap when it is read
  if (clock_ == nullptr || clock_->leapt() <= told_) return false;
  told_ = clock_->leapt();
  if (clock_->leapt_by() <= leap_told) return false;
  WriteBatch batch;
  batch.feed.push_back(
      notice_of({"engine.clock_leapt", std::nullopt,
                 Json::object({{"to", format_time(told_)}, {"by_ms", clock_->leapt_by().count()}}), loop_.now()}));
  batch.put(Family::meta, std::string(keys::retention_hold), format_time(told_));
  store_.commit(std::move(batch), loop_, nullptr);
  return true;
}

/// How many of the `most` oldest are too old. Records are in the order of time, so the greatest step of which the last
/// one is old is taken.
Result<std::uint64_t> FeedRetention::old_of(const Reader& reader, std::uint64_t floor, std::uint64_t most) const {
  const Result<std::optional<Time>> held = retention_held_since(reader);
  if (!held) return held.error();
  for (std::uint64_t step = *held ? 0 : most; step > 0; step = step == 1 ? 0 : std::max<std::uint64_t>(1, step / 8)) {
    const Result<std::optional<Time>> at = time_of_record(reader, floor + step - 1);
    if (!at) return at.error();
    if (!*at || **at + options_.keep <= loop_.now()) return step;  // one of which nothing is left is as old as can be
  }
  return std::uint64_t{0};
}

Result<std::uint64_t> FeedRetention::look() {
  if (tell_leap()) return std::uint64_t{0};
  const std::unique_ptr<Reader> reader = store_.snapshot();
  const Result<std::uint64_t> floor = feed_floor(*reader);
  if (!floor) return floor.error();
  const std::uint64_t last = store_.feed_size();
  if (last <= *floor) return std::uint64_t{0};
  const std::uint64_t most = std::min(step_max, last - *floor);
  const std::uint64_t kept = last + 1 - *floor;
  const std::uint64_t too_many = std::min(most, kept > options_.records_max ? kept - options_.records_max : 0);
  const Result<std::uint64_t> old = old_of(*reader, *floor, most);
  note(old);
  const std::uint64_t gone = std::max(too_many, old ? *old : 0);
  if (gone == 0) return old;
  WriteBatch batch;
  trim_feed(*floor, *floor + gone, batch);
  store_.commit(std::move(batch), loop_, nullptr);
  return gone;
}

}  // namespace settle
