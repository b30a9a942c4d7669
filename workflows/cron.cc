#include "workflows/cron.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/text.h"
#include "workflows/fields.h"

namespace settle {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::months;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr std::size_t bytes_max = 256;
/// A 29 February on one weekday may be 40 years away: a century without a leap day lies between.
constexpr int months_max = 12 * 50;

struct FieldRule {
  std::string_view name;
  unsigned least;
  unsigned most;
  std::array<std::string_view, 12> names;  ///< of the values from names_from; empty behind the last
  unsigned names_from;
};
enum Place : std::size_t { minute, hour, day, month, weekday };
constexpr std::array<FieldRule, 5> rules = {{
    {"minute", 0, 59, {}, 0},
    {"hour", 0, 23, {}, 0},
    {"day of the month", 1, 31, {}, 0},
    {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}, 1},
    {"weekday", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, 0},
}};

struct Macro {
  std::string_view name;
  std::string_view fields;
};
constexpr Macro macros[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

constexpr std::string_view five_fields =
    "five fields: minute, hour, day of the month, month, weekday; or @hourly, @daily, @weekly, @monthly, @yearly";

/// The parts of `text` between separators; with `skip_empty` runs of them count once.
std::vector<std::string_view> split(std::string_view text, std::string_view separators, bool skip_empty) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
    if (end > at || !skip_empty) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/// Reads the fields of one expression; what is wrong with any of them is noted.
class FieldReader {
 public:
  FieldReader(const std::string& place, std::string_view whole, std::vector<Problem>& problems)
      : place_(place), whole_(whole), problems_(problems) {}

  struct Values {
    std::uint64_t bits = 0;
    bool last_day = false;
  };

  Values read(Place which, std::string_view field) {
    rule_ = &rules[which];
    Values values;
    for (const std::string_view part : split(field, ",", false)) {
      if (which == day && part == "l") {
        values.last_day = true;
      } else {
        values.bits |= element(which, part);
      }
    }
    return values;
  }

 private:
  /// `*`, a value or a range, with or without a step.
  std::uint64_t element(Place which, std::string_view part) {
    if (foreign(part)) return 0;
    const std::size_t slash = part.find('/');
    const std::string_view range = part.substr(0, slash);
    const std::size_t dash = range.find('-');
    unsigned first = rule_->least, last = which == weekday ? 6 : rule_->most;
    if (range != "*") {
      const std::optional<unsigned> low = value(range.substr(0, dash));
      const std::optional<unsigned> high = dash == std::string_view::npos ? low : value(range.substr(dash + 1));
      if (!low || !high) return 0;
      first = *low;
      last = *high;
      if (which == weekday && last == 0 && range.ends_with("sun") && first > 0) last = 7;
      if (first > last) return refuse("a range that rises; one over the end is written as two: 22-23,0-5", part);
      if (slash != std::string_view::npos && dash == std::string_view::npos)
        return refuse("a step behind * or a range, such as */15 or 9-17/2", part);
    }
    const std::optional<unsigned> step =
        slash == std::string_view::npos ? std::optional<unsigned>(1) : number(part.substr(slash + 1));
    const unsigned step_max = rules[which].most - rules[which].least;
    if (!step || *step < 1 || *step > step_max)
      return refuse("a step from 1 to " + std::to_string(step_max) + " (for longer intervals, there is \"every\")",
                    part);
    return bits(first, last, *step);
  }

  std::uint64_t bits(unsigned first, unsigned last, unsigned step) const {
    std::uint64_t set = 0;
    for (unsigned at = first; at <= last; at += step) set |= std::uint64_t{1} << at;
    return set;
  }

  /// Notes what other schedulers write and nobody here understands.
  bool foreign(std::string_view part) {
    for (const std::string_view sign : {"?", "#", "w", "l", "h"}) {
      const bool word = sign != "?" && sign != "#";
      // A letter is foreign by itself or beside digits; inside of a name it is none.
      const std::size_t at = part.find(sign);
      if (at == std::string_view::npos) continue;
      if (word && part.find_first_not_of("0123456789-lwh") != std::string_view::npos) continue;
      refuse("no \"" + std::string(sign) +
                 "\", which only other schedulers know (L alone, as a day of the month, is its last day)",
             part);
      return true;
    }
    return false;
  }

  std::optional<unsigned> value(std::string_view text) {
    const std::optional<unsigned> given = number(text);
    if (given && *given >= rule_->least && *given <= rule_->most) return given;
    for (unsigned i = 0; !text.empty() && i < rule_->names.size(); ++i) {
      if (rule_->names[i] == text) return rule_->names_from + i;
    }
    std::string expected = std::to_string(rule_->least) + " to " + std::to_string(rule_->most);
    if (!rule_->names[0].empty()) expected += " or a name such as " + std::string(rule_->names[0]);
    refuse(expected, text);
    return std::nullopt;
  }

  static std::optional<unsigned> number(std::string_view text) {
    if (text.empty() || text.size() > 2) return std::nullopt;
    unsigned value = 0;
    for (const char digit : text) {
      if (digit < '0' || digit > '9') return std::nullopt;
      value = value * 10 + static_cast<unsigned>(digit - '0');
    }
    return value;
  }

  std::uint64_t refuse(const std::string& expected, std::string_view part) {
    problems_.push_back({place_, "cron_malformed", expected, got_text(Json(whole_)),
                         "the " + std::string(rule_->name) + " \"" + shorten(part, 40) +
                             "\" does not stand for times: it takes " + expected});
    return 0;
  }

  const std::string& place_;
  std::string_view whole_;
  std::vector<Problem>& problems_;
  const FieldRule* rule_ = nullptr;
};

/// Why an expression that is no five fields is refused, in the words of what it was probably meant to be.
std::string shape_message(std::string_view lower, std::size_t fields) {
  if (lower.empty()) return "an empty expression names no time";
  if (lower.starts_with("@every")) return "an interval has a member of its own: \"every\": \"5m\"";
  if (lower.starts_with("@reboot")) return "a schedule has no start of a machine to run at";
  if (lower.starts_with('@')) return "there is no such abbreviation";
  if (lower.starts_with("tz=") || lower.starts_with("cron_tz="))
    return "the time zone has a member of its own: \"time_zone\": \"Europe/Berlin\"";
  if (fields == 6 || fields == 7) return "seconds and years are not offered: an expression has five fields";
  return "an expression has five fields, not " + std::to_string(fields);
}

std::uint32_t length_of(year_month month) {
  return static_cast<unsigned>((month / std::chrono::last).day());
}

/// The lowest bit of `set` that is at least `from`, or none.
std::optional<unsigned> lowest(std::uint64_t set, unsigned from) {
  set = from > 63 ? 0 : set >> from << from;
  return set == 0 ? std::nullopt : std::optional<unsigned>(static_cast<unsigned>(std::countr_zero(set)));
}

/// The highest bit of `set` that is at most `until`, or none.
std::optional<unsigned> highest(std::uint64_t set, unsigned until) {
  if (until < 63) set &= (std::uint64_t{2} << until) - 1;
  return set == 0 ? std::nullopt : std::optional<unsigned>(63 - static_cast<unsigned>(std::countl_zero(set)));
}

LocalTime at_minute(year_month month, unsigned day_of_month, unsigned hour_of_day, unsigned minute_of_hour) {
  return local_days(month / std::chrono::day(day_of_month)) + hours(hour_of_day) + minutes(minute_of_hour);
}

/// A local time in the parts that an expression speaks of.
struct Parts {
  explicit Parts(LocalTime time) {
    const local_days midnight = std::chrono::floor<days>(time);
    const year_month_day date(midnight);
    in = date.year() / date.month();
    day_of_month = static_cast<unsigned>(date.day());
    const auto since = std::chrono::floor<minutes>(time - midnight).count();
    hour_of_day = static_cast<unsigned>(since / 60);
    minute_of_hour = static_cast<unsigned>(since % 60);
  }

  year_month in;
  unsigned day_of_month;
  unsigned hour_of_day;
  unsigned minute_of_hour;
};

}  // namespace

std::optional<Cron> Cron::read(std::string_view text, const std::string& place, std::vector<Problem>& problems) {
  const auto refuse = [&](std::string code, std::string expected, std::string message) {
    problems.push_back({place, std::move(code), std::move(expected), got_text(Json(text)), std::move(message)});
    return std::nullopt;
  };
  if (text.size() > bytes_max)
    return refuse("cron_malformed", "at most 256 characters", "so long an expression is better written as several");
  const std::string lower = to_lower(text);
  std::vector<std::string_view> fields = split(lower, " \t", true);
  Cron cron;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t begin = cron.text_.append(i == 0 ? "" : " ").size();
    cron.text_ += fields[i];
    if (i == day) std::replace(cron.text_.begin() + static_cast<std::ptrdiff_t>(begin), cron.text_.end(), 'l', 'L');
  }
  for (const Macro& macro : macros) {
    if (cron.text_ == macro.name) fields = split(macro.fields, " ", true);
  }
  if (fields.size() != rules.size())
    return refuse("cron_malformed", std::string(five_fields), shape_message(cron.text_, fields.size()));

  const std::size_t problems_before = problems.size();
  FieldReader reader(place, text, problems);
  cron.minutes_ = reader.read(minute, fields[minute]).bits;
  cron.hours_ = static_cast<std::uint32_t>(reader.read(hour, fields[hour]).bits);
  const FieldReader::Values days_named = reader.read(day, fields[day]);
  cron.days_ = static_cast<std::uint32_t>(days_named.bits);
  cron.last_day_ = days_named.last_day;
  cron.months_ = static_cast<std::uint32_t>(reader.read(month, fields[month]).bits);
  const std::uint64_t weekdays_named = reader.read(weekday, fields[weekday]).bits;
  cron.weekdays_ = static_cast<std::uint32_t>((weekdays_named | weekdays_named >> 7) & 0x7F);
  if (problems.size() > problems_before) return std::nullopt;

  cron.either_day_ = !fields[day].starts_with('*') && !fields[weekday].starts_with('*');
  cron.any_hour_ = fields[hour].starts_with('*');
  // Which day is asked from does not matter: what a calendar can have comes within 50 years.
  if (!cron.first_from(local_days(std::chrono::year(2000) / 1 / 1)))
    return refuse("never_comes", "a day that its months have", "no month that it names has such a day");
  return cron;
}

std::uint32_t Cron::days_of(year_month month) const {
  const std::uint32_t length = length_of(month);
  const std::uint32_t all = static_cast<std::uint32_t>((std::uint64_t{2} << length) - 2);
  const std::uint32_t by_date = (days_ | (last_day_ ? 1U << length : 0U)) & all;
  const unsigned first_weekday = std::chrono::weekday(local_days(month / 1)).c_encoding();
  std::uint32_t by_weekday = 0;
  for (std::uint32_t of_month = 1; of_month <= length; ++of_month)
    by_weekday |= (weekdays_ >> (first_weekday + of_month - 1) % 7 & 1U) << of_month;
  return either_day_ ? by_date | by_weekday : by_date & by_weekday;
}

std::optional<LocalTime> Cron::first_from(LocalTime from) const {
  const Parts start(std::chrono::ceil<minutes>(from));
  unsigned from_day = start.day_of_month;
  if (months_ >> static_cast<unsigned>(start.in.month()) & 1U && days_of(start.in) >> from_day & 1U) {
    const bool in_hour = hours_ >> start.hour_of_day & 1U;
    const std::optional<unsigned> same = in_hour ? lowest(minutes_, start.minute_of_hour) : std::nullopt;
    if (same) return at_minute(start.in, from_day, start.hour_of_day, *same);
    if (const std::optional<unsigned> later = lowest(hours_, start.hour_of_day + 1))
      return at_minute(start.in, from_day, *later, *lowest(minutes_, 0));
  }
  ++from_day;
  year_month in = start.in;
  for (int seen = 0; seen < months_max; ++seen, in += months(1), from_day = 1) {
    if ((months_ >> static_cast<unsigned>(in.month()) & 1U) == 0) continue;
    if (const std::optional<unsigned> found = lowest(days_of(in), from_day))
      return at_minute(in, *found, *lowest(hours_, 0), *lowest(minutes_, 0));
  }
  return std::nullopt;
}

std::optional<LocalTime> Cron::last_until(LocalTime until) const {
  const Parts start(until);
  unsigned until_day = start.day_of_month;
  if (months_ >> static_cast<unsigned>(start.in.month()) & 1U && days_of(start.in) >> until_day & 1U) {
    const bool in_hour = hours_ >> start.hour_of_day & 1U;
    const std::optional<unsigned> same = in_hour ? highest(minutes_, start.minute_of_hour) : std::nullopt;
    if (same) return at_minute(start.in, until_day, start.hour_of_day, *same);
    const std::optional<unsigned> earlier =
        start.hour_of_day == 0 ? std::nullopt : highest(hours_, start.hour_of_day - 1);
    if (earlier) return at_minute(start.in, until_day, *earlier, *highest(minutes_, 59));
  }
  --until_day;
  year_month in = start.in;
  for (int seen = 0; seen < months_max; ++seen, in -= months(1), until_day = 31) {
    if ((months_ >> static_cast<unsigned>(in.month()) & 1U) == 0) continue;
    if (const std::optional<unsigned> found = highest(days_of(in), until_day))
      return at_minute(in, *found, *highest(hours_, 23), *highest(minutes_, 59));
  }
  return std::nullopt;
}

}  // namespace settle
