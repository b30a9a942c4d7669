// Recurrences against an oracle that knows none of their code: it walks through time step by step, asks the C library
// what the clocks show, and looks each minute up in sets that were drawn first and then written as an expression.
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>

#include "base/hash.h"
#include "tests/unit/workflows/support/recurrences.h"

namespace settle::test {
namespace {

using Dice = std::mt19937_64;

int draw(Dice& dice, int least, int most) {
  return std::uniform_int_distribution<int>(least, most)(dice);
}

/// A field of an expression: the values it stands for and its text.
struct DrawnField {
  std::set<int> values;
  std::string text;

  bool star() const { return text.front() == '*'; }
};

DrawnField drawn_field(Dice& dice, int least, int most, int stars) {
  DrawnField field;
  const auto add = [&](int first, int last, int step) {
    for (int at = first; at <= last; at += step) field.values.insert(at);
  };
  if (draw(dice, 1, 10) <= stars) {
    const int step = draw(dice, 0, 2) == 0 ? draw(dice, 1, most - least) : 1;
    add(least, most, step);
    field.text = step == 1 ? "*" : "*/" + std::to_string(step);
    return field;
  }
  const int parts = draw(dice, 1, 3);
  for (int i = 0; i < parts; ++i) {
    const int first = draw(dice, least, most), last = draw(dice, first, most), step = draw(dice, 1, 4);
    const int kind = draw(dice, 0, 2);
    field.text += (i == 0 ? "" : ",") + std::to_string(first);
    if (kind == 0) add(first, first, 1);
    if (kind > 0) field.text += "-" + std::to_string(last);
    if (kind == 1) add(first, last, 1);
    if (kind == 2) field.text += "/" + std::to_string(step), add(first, last, step);
  }
  return field;
}

struct DrawnCron {
  explicit DrawnCron(Dice& dice)
      : minute(drawn_field(dice, 0, 59, 2)),
        hour(drawn_field(dice, 0, 23, 3)),
        day(drawn_field(dice, 1, 31, 7)),
        month(drawn_field(dice, 1, 12, 8)),
        weekday(drawn_field(dice, 0, 6, 7)) {}

  std::string text() const {
    return minute.text + " " + hour.text + " " + day.text + " " + month.text + " " + weekday.text;
  }
  bool matches(const tm& local) const {
    const bool by_day = day.values.count(local.tm_mday) > 0, by_weekday = weekday.values.count(local.tm_wday) > 0;
    const bool fits = day.star() || weekday.star() ? by_day && by_weekday : by_day || by_weekday;
    return fits && minute.values.count(local.tm_min) > 0 && hour.values.count(local.tm_hour) > 0 &&
           month.values.count(local.tm_mon + 1) > 0;
  }

  DrawnField minute, hour, day, month, weekday;
};

/// What begins at one instant: a minute that the clocks show, or those that they leave out.
struct Beginning {
  time_t instant;
  tm local;
  bool left_out;
  bool shown_before;
};

/// Every beginning of a minute in [begin, end), and for each what the clocks did two days before and since.
std::vector<Beginning> walk(time_t begin, time_t end, time_t step) {
  std::vector<Beginning> beginnings;
  std::set<time_t> shown;  // local minutes, shown or left out
  std::optional<time_t> previous;
  for (time_t now = begin; now < end; now += step) {
    tm local{};
    ::localtime_r(&now, &local);
    const time_t second = now + local.tm_gmtoff;
    for (time_t missing = previous.value_or(second) / 60 * 60 + 60; missing < second; missing += 60) {
      tm parts{};
      ::gmtime_r(&missing, &parts);
      if (missing > *previous && shown.insert(missing).second) beginnings.push_back({now, parts, true, false});
    }
    if (local.tm_sec == 0) beginnings.push_back({now, local, false, !shown.insert(second).second});
    previous = second;
  }
  return beginnings;
}

std::vector<Time> expected(const DrawnCron& cron, const std::vector<Beginning>& beginnings) {
  std::vector<Time> times;
  for (const Beginning& one : beginnings) {
    if (cron.hour.star() ? one.left_out : one.shown_before) continue;
    const Time time = Time(std::chrono::seconds(one.instant));
    if (cron.matches(one.local) && (times.empty() || times.back() != time)) times.push_back(time);
  }
  return times;
}

void compare(const DrawnCron& cron, const char* zone, std::vector<Time> want, Time begin, Time end, Dice& dice) {
  const Recurrence of = recurrence(cron.text(), zone);
  std::erase_if(want, [&](Time time) { return time < begin; });
  std::vector<Time> got;
  for (std::optional<Time> time = of.next(begin - Duration(1)); time && *time < end; time = of.next(*time)) {
    ASSERT_TRUE(got.empty() || *time > got.back());
    got.push_back(*time);
  }
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(format_time(got[i]), format_time(want[i]));

  const auto anywhere = [&] {
    // Often a scheduled time itself, or a millisecond beside it.
    if (!want.empty() && draw(dice, 0, 1) == 0)
      return want[static_cast<std::size_t>(draw(dice, 0, static_cast<int>(want.size()) - 1))] +
             Duration(draw(dice, -1, 1));
    return begin + Duration(std::uniform_int_distribution<std::int64_t>(0, (end - begin).count() - 1)(dice));
  };
  for (int i = 0; i < 20; ++i) {
    const Time after = std::max(begin, anywhere()), until = std::min(end - Duration(1), anywhere());
    const auto above = std::upper_bound(want.begin(), want.end(), until);
    const bool any = above != want.begin() && *std::prev(above) > after && after < until;
    ASSERT_EQ(of.last(after, until), any ? std::optional<Time>(*std::prev(above)) : std::nullopt)
        << format_time(after) << " " << format_time(until);
  }
}

/// Compares drawn expressions with the walk over two and a half days on both sides of `change`.
void compare_around(const char* zone, time_t change, time_t step, int crons, Dice& dice) {
  const time_t begin = change - 5 * 86'400, end = change + 3 * 86'400;
  const std::vector<Beginning> beginnings = walk(begin - begin % 60, end, step);
  for (int i = 0; i < crons; ++i) {
    const DrawnCron cron(dice);
    SCOPED_TRACE(std::string(zone) + " " + cron.text() + " around " + std::to_string(change));
    std::vector<Problem> problems;
    if (!Cron::read(cron.text(), "", problems) && problems.front().code == "never_comes") continue;
    compare(cron, zone, expected(cron, beginnings), Time(std::chrono::seconds(change - 2 * 86'400)),
            Time(std::chrono::seconds(end)), dice);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(RecurrenceWalk, the_last_of_many_is_the_one_that_next_came_to) {
  Dice dice(19);
  const char* zones[] = {"UTC", "Europe/Berlin", "Africa/Casablanca", "Australia/Lord_Howe"};
  for (int i = 0; i < 200; ++i) {
    const DrawnCron cron(dice);
    const char* zone = zones[draw(dice, 0, 3)];
    SCOPED_TRACE(cron.text() + " in " + zone);
    std::vector<Problem> problems;
    if (!Cron::read(cron.text(), "", problems)) continue;
    const Recurrence of = recurrence(cron.text(), zone);
    const Time begin = *parse_time("1999-12-31T23:59:59Z") + std::chrono::hours(draw(dice, 0, 200'000));
    std::vector<Time> times = {begin};
    for (std::optional<Time> time = of.next(begin); time && times.size() < 300; time = of.next(*time))
      times.push_back(*time);
    ASSERT_GT(times.size(), 5u);
    for (std::size_t at = 1; at < times.size(); at += static_cast<std::size_t>(draw(dice, 1, 20))) {
      ASSERT_EQ(of.last(begin, times[at]), times[at]);
      const std::optional<Time> before = at == 1 ? std::nullopt : std::optional<Time>(times[at - 1]);
      ASSERT_EQ(of.last(begin, times[at] - Duration(1)), before);
      ASSERT_EQ(of.last(times[at - 1], times[at] - Duration(1)), std::nullopt);
    }
  }
}

std::string name_of(const testing::TestParamInfo<const char*>& zone) {
  std::string name = zone.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

class RecurrenceOracle : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ::setenv("TZ", GetParam(), 1);
    ::tzset();
  }
  void TearDown() override {
    ::unsetenv("TZ");
    ::tzset();
  }
};

TEST_P(RecurrenceOracle, no_time_is_missed_doubled_or_made_up) {
  const char* zone_name = GetParam();
  const std::shared_ptr<const TimeZone> zone = *system_zones().find(zone_name);
  Dice dice(crc32c(zone_name));
  std::vector<time_t> changes;
  const Time until = *parse_time("2040-01-01T00:00:00Z");
  for (Time at = zone->at(*parse_time("1980-01-01T00:00:00Z")).until; at < until; at = zone->at(at).until)
    changes.push_back(at.time_since_epoch() / std::chrono::seconds(1));
  std::shuffle(changes.begin(), changes.end(), dice);
  if (changes.empty()) changes.push_back(1'795'000'000);
  if (changes.size() > 8) changes.resize(8);
  for (const time_t change : changes) compare_around(zone_name, change, 60, 30, dice);
}

INSTANTIATE_TEST_SUITE_P(zones, RecurrenceOracle,
                         testing::Values("UTC", "Europe/Berlin", "Europe/Dublin", "Europe/London", "Europe/Lisbon",
                                         "America/New_York", "America/St_Johns", "America/Sao_Paulo", "America/Havana",
                                         "America/Caracas", "America/Godthab", "Africa/Cairo", "Africa/Casablanca",
                                         "Africa/El_Aaiun", "Asia/Tehran", "Asia/Gaza", "Asia/Beirut", "Asia/Pyongyang",
                                         "Asia/Kathmandu", "Australia/Lord_Howe", "Australia/Sydney",
                                         "Antarctica/Troll", "Antarctica/Casey", "Pacific/Apia", "Pacific/Kwajalein",
                                         "Pacific/Chatham", "Pacific/Norfolk", "Europe/Istanbul"),
                         name_of);

class OldTimes : public RecurrenceOracle {};

/// Offsets with seconds, and days that came twice or never: walked second by second.
TEST_P(OldTimes, hold_too) {
  const std::shared_ptr<const TimeZone> zone = *system_zones().find(GetParam());
  Dice dice(7);
  int changes = 0;
  const Time until = *parse_time("1975-01-01T00:00:00Z");
  for (Time at = zone->at(*parse_time("1800-01-01T00:00:00Z")).until; at < until && changes < 2;
       at = zone->at(at).until, ++changes)
    compare_around(GetParam(), at.time_since_epoch() / std::chrono::seconds(1), 1, 25, dice);
  EXPECT_GT(changes, 0);
}

INSTANTIATE_TEST_SUITE_P(zones, OldTimes,
                         testing::Values("America/Juneau", "Asia/Manila", "Africa/Monrovia", "Europe/Amsterdam"),
                         name_of);

}  // namespace
}  // namespace settle::test
