#include "workflows/recurrence.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"

namespace settle {
namespace {

using std::chrono::hours;
using std::chrono::sys_days;
using std::chrono::year;

constexpr std::size_t crons_max = 20;
constexpr std::size_t zone_name_bytes_max = 64;
constexpr Duration every_min = std::chrono::seconds(1);
constexpr Duration jitter_max = hours(24);
constexpr Duration tick = Duration(1);

/// Scheduled times lie where RFC 3339 has years, and where the rules of time zones are known.
constexpr Time earliest = sys_days(year(0) / 1 / 1);
constexpr Time latest = sys_days(year(2300) / 1 / 1) - tick;
constexpr Time readable_max = sys_days(year(10'000) / 1 / 1) - tick;

LocalTime local(Time instant, Duration offset) {
  return LocalTime(instant.time_since_epoch() + offset);
}

Time instant_of(LocalTime time, Duration offset) {
  return Time(time.time_since_epoch() - offset);
}

/// A span of a zone, cut to the times that count, with what its wall clocks show.
struct Clocks {
  Clocks(const TimeZone& zone, Time instant) {
    const TimeZone::Span span = zone.at(instant);
    from = std::max(span.from, earliest - tick);
    until = std::min(span.until, latest + tick);
    offset = span.offset;
    first = local(from, offset);
    end = local(until, offset);
  }

  Time from;
  Time until;
  Duration offset;
  LocalTime first;
  LocalTime end;
};

/// All local times before this one have been shown before `clocks.from`, or were left out. Later than `clocks.first`
/// when the clock was set back there, earlier when it was set forward.
LocalTime shown_before(const TimeZone& zone, const Clocks& clocks) {
  if (clocks.from < earliest) return clocks.first;
  // Offsets lie within 26 h of UTC, so what ended 52 h before can't have shown more than this span's predecessor.
  LocalTime shown = local(clocks.from, -hours(26));
  for (Time at = clocks.from; at >= earliest && at > clocks.from - hours(52);) {
    const Clocks before(zone, at - tick);
    shown = std::max(shown, before.end);
    at = before.from;
  }
  return shown;
}

/// Remembers the last answer of an expression, since a rare one is asked about for many spans in which it has no time.
class FirstFrom {
 public:
  explicit FirstFrom(const Cron& cron) : cron_(cron) {}

  std::optional<LocalTime> operator()(LocalTime from) {
    if (!found_ || from < asked_ || from > *found_) {
      asked_ = from;
      found_ = cron_.first_from(from);
    }
    return found_;
  }

 private:
  const Cron& cron_;
  LocalTime asked_;
  std::optional<LocalTime> found_;
};

class LastUntil {
 public:
  explicit LastUntil(const Cron& cron) : cron_(cron) {}

  std::optional<LocalTime> operator()(LocalTime until) {
    if (!found_ || until > asked_ || until < *found_) {
      asked_ = until;
      found_ = cron_.last_until(until);
    }
    return found_;
  }

 private:
  const Cron& cron_;
  LocalTime asked_;
  std::optional<LocalTime> found_;
};

/// The first time of `cron` after `after`, which is not before `earliest - tick`.
std::optional<Time> next_of(const Cron& cron, const TimeZone& zone, Time after) {
  FirstFrom first_from(cron);
  for (Clocks clocks(zone, after + tick);; clocks = Clocks(zone, clocks.until)) {
    LocalTime from = std::max(clocks.first, local(after + tick, clocks.offset));
    if (!cron.any_hour()) {
      const LocalTime shown = shown_before(zone, clocks);
      if (clocks.from > after && shown < clocks.first) {
        const std::optional<LocalTime> left_out = first_from(shown);
        if (!left_out) return std::nullopt;
        if (*left_out < clocks.first) return clocks.from;
      }
      from = std::max(from, shown);
    }
    const std::optional<LocalTime> found = first_from(from);
    if (!found) return std::nullopt;
    if (*found < clocks.end) return instant_of(*found, clocks.offset);
    if (clocks.until > latest) return std::nullopt;
  }
}

/// The last time of `cron` after `after`, at or before `until`.
std::optional<Time> last_of(const Cron& cron, const TimeZone& zone, Time after, Time until) {
  LastUntil last_until(cron);
  for (Clocks clocks(zone, until); clocks.until > after + tick; clocks = Clocks(zone, clocks.from - tick)) {
    const std::optional<LocalTime> found = last_until(std::min(clocks.end - tick, local(until, clocks.offset)));
    if (!found) return std::nullopt;
    const LocalTime shown = cron.any_hour() ? clocks.first : shown_before(zone, clocks);
    std::optional<Time> time;
    if (*found >= std::max(clocks.first, shown)) {
      time = instant_of(*found, clocks.offset);
    } else if (shown < clocks.first && last_until(clocks.first - tick) >= shown) {
      time = clocks.from;
    }
    if (time) return *time > after ? time : std::nullopt;
    if (clocks.from < earliest) break;
  }
  return std::nullopt;
}

/// The last multiple of `every` plus `offset` at or before `until`.
Time step_until(Duration every, Duration offset, Time until) {
  const std::int64_t since = (until.time_since_epoch() - offset).count();
  const std::int64_t over = (since % every.count() + every.count()) % every.count();
  return until - Duration(over);
}

std::optional<Time> read_time(Fields& fields, std::string_view name) {
  const std::optional<std::string> given = fields.text(name);
  if (!given) return std::nullopt;
  const std::optional<Time> time = parse_time(*given);
  if (time && *time >= earliest && *time <= readable_max) return time;
  fields.problem(name, "not_a_time", "a time of RFC 3339, such as 2026-11-27T09:00:00Z",
                 "\"" + std::string(name) + "\" takes a time with its offset from UTC");
  return std::nullopt;
}

void read_crons(const Json* given, const Fields& fields, std::vector<Problem>& problems, std::vector<Cron>& crons) {
  if (given == nullptr) return;
  const std::string place = fields.place_of("cron");
  const auto read_one = [&](const Json& value, const std::string& at) {
    if (!value.is_string()) {
      problems.push_back({at, "wrong_type", "a cron expression", got_text(value), "a cron expression is a string"});
    } else if (std::optional<Cron> cron = Cron::read(value.as_string(), at, problems)) {
      crons.push_back(*std::move(cron));
    }
  };
  if (!given->is_array()) return read_one(*given, place);
  if (given->size() < 1 || given->size() > crons_max) {
    problems.push_back({place, "out_of_range", "1 to 20 cron expressions", std::to_string(given->size()),
                        "\"cron\" takes one expression, or a list of 1 to 20"});
    return;
  }
  for (std::size_t i = 0; i < given->size(); ++i) read_one(given->as_array()[i], place + "/" + std::to_string(i));
}

}  // namespace

std::optional<Recurrence> Recurrence::read(Fields& fields, const TimeZones& zones) {
  if (!fields.is_object()) return std::nullopt;  // which is noted
  const std::size_t problems_before = fields.problems().size();
  Recurrence read;
  const Json* cron = fields.take("cron");
  read_crons(cron, fields, fields.problems(), read.crons_);
  const Json* every = fields.take("every");
  read.every_ = fields.duration("every", every_min).value_or(Duration(0));
  if ((cron == nullptr) == (every == nullptr))
    fields.problem(every == nullptr ? "cron" : "every", "one_of_two", "either \"cron\" or \"every\"",
                   "what recurs has either cron expressions or an interval");
  read.read_zone(fields, zones);
  read.offset_ = fields.duration("offset").value_or(Duration(0));
  if (fields.take("offset") != nullptr && every == nullptr) {
    fields.problem("offset", "member_without_its_other", "no \"offset\" without \"every\"",
                   "\"offset\" moves the times of an interval");
  } else if (read.every_.count() > 0 && read.offset_ >= read.every_) {
    fields.problem("offset", "out_of_range", "a duration below " + format_duration(read.every_),
                   "\"offset\" lies within the interval");
  }
  read.jitter_ = fields.duration("jitter").value_or(Duration(0));
  if (read.jitter_ > jitter_max)
    fields.problem("jitter", "out_of_range", "a duration of at most 24h", "\"jitter\" takes at most 24h");
  read.from_ = read_time(fields, "from");
  read.until_ = read_time(fields, "until");
  if (read.from_ && read.until_ && *read.until_ < *read.from_)
    fields.problem("until", "out_of_range", "a time not before \"from\"", "\"until\" lies before \"from\"");
  if (fields.problems().size() > problems_before) return std::nullopt;

  if (!read.next(Time::min())) {
    fields.problem(read.until_ ? "until" : "from", "never_comes", "a span with a scheduled time in it",
                   "no scheduled time lies between \"from\" and \"until\"");
    return std::nullopt;
  }
  return read;
}

void Recurrence::read_zone(Fields& fields, const TimeZones& zones) {
  const std::optional<std::string> name = fields.text("time_zone");
  if (name && fields.take("every") != nullptr && fields.take("cron") == nullptr)
    fields.problem("time_zone", "member_without_its_other", "no \"time_zone\" without \"cron\"",
                   "an interval is counted from 1970-01-01T00:00:00Z, whatever the clocks say");
  if (fields.take("cron") == nullptr) return;
  zone_name_ = name.value_or("UTC");
  zone_ = utc_zone();
  if (zone_name_ == "UTC") return;
  Result<std::shared_ptr<const TimeZone>> found = zone_name_.size() > zone_name_bytes_max
                                                      ? fail(ErrorCode::not_found, "no time zone has so long a name")
                                                      : zones.find(zone_name_);
  if (found) {
    zone_ = *std::move(found);
    return;
  }
  const bool unknown = found.error().code == ErrorCode::not_found;
  const std::optional<std::string> near =
      zone_name_.size() > zone_name_bytes_max ? std::nullopt : nearest(zone_name_, zones.names());
  fields.problem("time_zone", unknown ? "unknown_time_zone" : "no_time_zones",
                 "the name of a time zone, such as Europe/Berlin", found.error().message + did_you_mean(near),
                 near.value_or(""));
}

std::optional<Time> Recurrence::next(Time after) const {
  after = std::max({after, earliest - tick, from_.value_or(earliest) - tick});
  const Time end = std::min(latest, until_.value_or(latest));
  if (after >= end) return std::nullopt;
  std::optional<Time> first;
  if (crons_.empty()) first = step_until(every_, offset_, after) + every_;
  for (const Cron& cron : crons_) {
    const std::optional<Time> time = next_of(cron, *zone_, after);
    if (time && (!first || *time < *first)) first = time;
  }
  return first && *first <= end ? first : std::nullopt;
}

std::optional<Time> Recurrence::last(Time after, Time until) const {
  after = std::max({after, earliest - tick, from_.value_or(earliest) - tick});
  until = std::min({until, latest, until_.value_or(latest)});
  if (after >= until) return std::nullopt;
  std::optional<Time> last;
  if (crons_.empty()) last = step_until(every_, offset_, until);
  for (const Cron& cron : crons_) {
    const std::optional<Time> time = last_of(cron, *zone_, after, until);
    if (time && (!last || *time > *last)) last = time;
  }
  return last && *last > after ? last : std::nullopt;
}

Duration Recurrence::delay(std::string_view seed, Time scheduled) const {
  const std::optional<Time> following = jitter_.count() > 0 ? next(scheduled) : std::nullopt;
  const Duration most = following ? std::min(jitter_, *following - scheduled) : jitter_;
  if (most.count() == 0) return Duration(0);
  const Hash hash = sha256(std::string(seed) + '\0' + format_time(scheduled));
  std::uint64_t drawn = 0;
  for (std::size_t i = 0; i < 8; ++i) drawn = drawn << 8 | hash[i];
  return Duration(static_cast<std::int64_t>(drawn % static_cast<std::uint64_t>(most.count())));
}

Json Recurrence::document() const {
  Json out = Json::object();
  if (crons_.empty()) {
    out.set("every", format_duration(every_));
    if (offset_.count() > 0) out.set("offset", format_duration(offset_));
  } else {
    Json::Array texts;
    for (const Cron& cron : crons_) texts.emplace_back(cron.text());
    out.set("cron", texts.size() == 1 ? texts.front() : Json(texts));
    out.set("time_zone", zone_name_);
  }
  if (jitter_.count() > 0) out.set("jitter", format_duration(jitter_));
  if (from_) out.set("from", format_time(*from_));
  if (until_) out.set("until", format_time(*until_));
  return out;
}

}  // namespace settle
