#include "connectors/http/http_date.h"

#include <algorithm>
#include <array>

#include "connectors/http/text.h"

namespace settle {

using namespace http_text;
namespace {

constexpr Duration retry_after_max = std::chrono::hours(24);

constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> weekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                      "Thursday", "Friday", "Saturday"};

/// The parts of a date as a pattern finds them in a text. A pattern letter stands for what it names; others for
/// themselves.
struct DateParts {
  int day = 0, month = 0, year = 0, hour = 0, minute = 0, second = 0;
  unsigned weekday = 0;
};

std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

/// Takes the name that `text` begins with and returns its place in `names`, each cut to `length`.
template <std::size_t N>
std::optional<int> take_name(std::string_view& text, const std::array<std::string_view, N>& names, std::size_t length) {
  for (std::size_t i = 0; i < N; ++i) {
    const std::string_view name = names[i].substr(0, length);
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    return static_cast<int>(i);
  }
  return std::nullopt;
}

/// Matches the whole text. w: short weekday, W: long one, d: two digits of day, e: day with a leading blank, b: month,
/// Y: year, y: two digits of it, t: time.
std::optional<DateParts> match(std::string_view text, std::string_view pattern) {
  DateParts parts;
  const auto two = [&text](int& field) {
    const std::optional<int> value = take_digits(text, 2);
    if (value) field = *value;
    return value.has_value();
  };
  const auto literal = [&text](char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
  };
  for (const char p : pattern) {
    bool ok = true;
    std::optional<int> value;
    switch (p) {
      case 'w':
      case 'W':
        value = take_name(text, weekdays, p == 'w' ? 3 : std::string_view::npos);
        parts.weekday = static_cast<unsigned>(value.value_or(0));
        ok = value.has_value();
        break;
      case 'b':
        value = take_name(text, months, 3);
        parts.month = value.value_or(0) + 1;
        ok = value.has_value();
        break;
      case 'Y':
      case 'y':
        value = take_digits(text, p == 'Y' ? 4 : 2);
        parts.year = value.value_or(0);
        ok = value.has_value();
        break;
      case 'd':
        ok = two(parts.day);
        break;
      case 'e':
        value = literal(' ') ? take_digits(text, 1) : take_digits(text, 2);
        parts.day = value.value_or(0);
        ok = value.has_value();
        break;
      case 't':
        ok = two(parts.hour) && literal(':') && two(parts.minute) && literal(':') && two(parts.second);
        break;
      default:
        ok = literal(p);
    }
    if (!ok) return std::nullopt;
  }
  return text.empty() ? std::optional(parts) : std::nullopt;
}

int year_of(Time time) {
  return static_cast<int>(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(time)).year());
}

}  // namespace

std::optional<Time> parse_http_date(std::string_view text, Time now) {
  std::optional<DateParts> parts = match(text, "w, d b Y t GMT");
  if (!parts) parts = match(text, "w b e t Y");
  if (!parts) {
    parts = match(text, "W, d-b-y t GMT");
    if (!parts) return std::nullopt;
    // RFC 9110: a year that would lie more than 50 years ahead is the most recent past one with these digits.
    const int current = year_of(now);
    parts->year += current / 100 * 100;
    if (parts->year > current + 50) parts->year -= 100;
  }
  const std::chrono::year_month_day date{std::chrono::year(parts->year),
                                         std::chrono::month(static_cast<unsigned>(parts->month)),
                                         std::chrono::day(static_cast<unsigned>(parts->day))};
  if (!date.ok() || parts->hour > 23 || parts->minute > 59 || parts->second > 60) return std::nullopt;
  const std::chrono::sys_days days(date);
  if (std::chrono::weekday(days).c_encoding() != parts->weekday) return std::nullopt;
  return Time(days.time_since_epoch()) + std::chrono::hours(parts->hour) + std::chrono::minutes(parts->minute) +
         std::chrono::seconds(parts->second);
}

std::optional<Duration> parse_retry_after(std::string_view text, Time now) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_digit)) {
    std::int64_t seconds = 0;
    for (const char c : text) seconds = std::min<std::int64_t>(seconds * 10 + (c - '0'), 1'000'000);
    return std::min<Duration>(std::chrono::seconds(seconds), retry_after_max);
  }
  const std::optional<Time> at = parse_http_date(text, now);
  if (!at) return std::nullopt;
  return std::clamp(*at - now, Duration(0), retry_after_max);
}

}  // namespace settle
