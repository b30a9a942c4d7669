// The grammar of cron expressions and the minutes they name, in a calendar without a time zone.
#include "workflows/cron.h"

#include <gmock/gmock.h>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

using Times = std::vector<std::string>;

/// "2026-11-27 09:00", in the calendar of the expression.
LocalTime local(const std::string& text) {
  return LocalTime(parse_time(text.substr(0, 10) + "T" + text.substr(11) + ":00Z")->time_since_epoch());
}

std::string text_of(LocalTime time) {
  const std::string text = format_time(Time(time.time_since_epoch()));
  return text.substr(0, 10) + " " + text.substr(11, 5);
}

struct TimesRow {
  const char* expression;
  const char* from;
  Times want;
};

TEST(Cron, an_expression_names_its_minutes) {
  const TimesRow rows[] = {
      {"* * * * *", "2026-12-31 23:58", {"2026-12-31 23:58", "2026-12-31 23:59", "2027-01-01 00:00"}},
      {"*/15 9-17 * * mon-fri", "2026-11-27 17:31", {"2026-11-27 17:45", "2026-11-30 09:00", "2026-11-30 09:15"}},
      {"5,1-3 0 * * *",
       "2026-11-27 00:00",
       {"2026-11-27 00:01", "2026-11-27 00:02", "2026-11-27 00:03", "2026-11-27 00:05"}},
      {"0 8-18/5 * * *", "2026-11-27 00:00", {"2026-11-27 08:00", "2026-11-27 13:00", "2026-11-27 18:00"}},
      {"0 0 31 * *", "2026-01-01 00:00", {"2026-01-31 00:00", "2026-03-31 00:00", "2026-05-31 00:00"}},
      {"0 0 1 JAN,Jul *", "2026-01-02 00:00", {"2026-07-01 00:00", "2027-01-01 00:00"}},
      {"0 0 * * 7", "2026-11-27 00:00", {"2026-11-29 00:00", "2026-12-06 00:00"}},
      {"0 0 * * Sun", "2026-11-27 00:00", {"2026-11-29 00:00", "2026-12-06 00:00"}},
      {"0 0 * * fri-sun",
       "2026-11-27 00:00",
       {"2026-11-27 00:00", "2026-11-28 00:00", "2026-11-29 00:00", "2026-12-04 00:00"}},
      {"0 0 * * 5-7", "2026-11-28 12:00", {"2026-11-29 00:00", "2026-12-04 00:00"}},
      {"0 0 * * */2", "2026-11-27 00:00", {"2026-11-28 00:00", "2026-11-29 00:00", "2026-12-01 00:00"}},
      {"0 0 L * *", "2026-01-31 00:01", {"2026-02-28 00:00", "2026-03-31 00:00"}},
      {"0 0 L 2 *", "2027-01-01 00:00", {"2027-02-28 00:00", "2028-02-29 00:00"}},
      {"0 0 15,l * *", "2026-04-01 00:00", {"2026-04-15 00:00", "2026-04-30 00:00", "2026-05-15 00:00"}},
      {"0 0 28,L 2 *", "2027-01-01 00:00", {"2027-02-28 00:00", "2028-02-28 00:00", "2028-02-29 00:00"}},
      // Both restricted: either. With a field that begins with * the other one must hold too.
      {"0 0 13 * fri", "2026-11-01 00:00", {"2026-11-06 00:00", "2026-11-13 00:00", "2026-11-20 00:00"}},
      {"0 0 12 * fri", "2026-11-10 00:00", {"2026-11-12 00:00", "2026-11-13 00:00", "2026-11-20 00:00"}},
      {"0 0 L * mon", "2026-11-24 00:00", {"2026-11-30 00:00", "2026-12-07 00:00"}},
      {"0 0 */2 * mon", "2026-11-01 00:00", {"2026-11-09 00:00", "2026-11-23 00:00"}},
      {"0 0 13 * */5", "2026-01-01 00:00", {"2026-02-13 00:00", "2026-03-13 00:00", "2026-09-13 00:00"}},
      {"0 0 29 2 *", "2026-01-01 00:00", {"2028-02-29 00:00", "2032-02-29 00:00"}},
      {"0 0 29 2 *", "2096-03-01 00:00", {"2104-02-29 00:00"}},
      {"0 0 29 2 */7", "2089-01-01 00:00", {"2128-02-29 00:00"}},
      {"30 4 1,15 * 5", "2026-05-01 05:00", {"2026-05-08 04:30", "2026-05-15 04:30", "2026-05-22 04:30"}},
      {"  0\t0  * *\t* ", "2026-11-27 00:00", {"2026-11-27 00:00"}},
      {"@hourly", "2026-11-27 00:01", {"2026-11-27 01:00", "2026-11-27 02:00"}},
      {"@daily", "2026-11-27 00:01", {"2026-11-28 00:00"}},
      {"@midnight", "2026-11-27 00:01", {"2026-11-28 00:00"}},
      {"@WEEKLY", "2026-11-27 00:00", {"2026-11-29 00:00"}},
      {"@monthly", "2026-11-27 00:00", {"2026-12-01 00:00"}},
      {"@yearly", "2026-11-27 00:00", {"2027-01-01 00:00"}},
      {"@annually", "2026-11-27 00:00", {"2027-01-01 00:00"}},
  };
  for (const TimesRow& row : rows) {
    SCOPED_TRACE(row.expression);
    std::vector<Problem> problems;
    const std::optional<Cron> cron = Cron::read(row.expression, "", problems);
    ASSERT_TRUE(cron) << problems.front().message;
    Times forward, backward;
    for (std::optional<LocalTime> time = cron->first_from(local(row.from)); time && forward.size() < row.want.size();
         time = cron->first_from(*time + Duration(1)))
      forward.push_back(text_of(*time));
    EXPECT_EQ(forward, row.want);
    for (std::optional<LocalTime> time = cron->last_until(local(row.want.back()) + Duration(59'999));
         time && backward.size() < row.want.size(); time = cron->last_until(*time - Duration(1)))
      backward.insert(backward.begin(), text_of(*time));
    EXPECT_EQ(backward, row.want);
  }
}

TEST(Cron, an_expression_is_written_in_one_way) {
  const std::pair<const char*, const char*> rows[] = {
      {" 0  9 *\tJAN MON-Fri ", "0 9 * jan mon-fri"}, {"@Daily", "@daily"}, {"0 0 15,l JUL *", "0 0 15,L jul *"}};
  for (const auto& [given, want] : rows) {
    std::vector<Problem> problems;
    const std::optional<Cron> cron = Cron::read(given, "", problems);
    ASSERT_TRUE(cron) << given;
    EXPECT_EQ(cron->text(), want);
  }
}

TEST(Cron, a_star_in_front_of_the_hours_goes_by_the_clock) {
  const std::pair<const char*, bool> rows[] = {{"0 * * * *", true},    {"0 */2 * * *", true},   {"@hourly", true},
                                               {"*/5 2 * * *", false}, {"0 0-23 * * *", false}, {"@daily", false}};
  for (const auto& [expression, want] : rows) {
    std::vector<Problem> problems;
    EXPECT_EQ(Cron::read(expression, "", problems)->any_hour(), want) << expression;
  }
}

struct RefusedRow {
  const char* expression;
  const char* says;  ///< a part of the message
};

TEST(Cron, a_refusal_says_what_is_wrong) {
  const RefusedRow rows[] = {
      {"", "empty expression"},
      {"   ", "empty expression"},
      {"* * * *", "five fields, not 4"},
      {"0 * * * * *", "seconds and years are not offered"},
      {"0 0 12 * * ? 2026", "seconds and years are not offered"},
      {"* * * * * * * *", "five fields, not 8"},
      {"@reboot", "no start of a machine"},
      {"@every 5m", "\"every\": \"5m\""},
      {"@fortnightly", "no such abbreviation"},
      {"TZ=Europe/Berlin 0 9 * * *", "\"time_zone\""},
      {"CRON_TZ=UTC 0 9 * * *", "\"time_zone\""},
      {"60 * * * *", "the minute \"60\" does not stand for times: it takes 0 to 59"},
      {"* 24 * * *", "the hour \"24\""},
      {"* * 0 * *", "the day of the month \"0\""},
      {"* * 32 * *", "it takes 1 to 31"},
      {"* * * 13 *", "1 to 12 or a name such as jan"},
      {"* * * january *", "the month \"january\""},
      {"* * * * 8", "0 to 7 or a name such as sun"},
      {"* * * * mond", "the weekday \"mond\""},
      {"mon * * * *", "the minute \"mon\""},
      {"5-1 * * * *", "a range that rises"},
      {"0 22-5 * * *", "22-23,0-5"},
      {"* * * * sat-mon", "a range that rises"},
      {"*/0 * * * *", "a step from 1 to 59"},
      {"*/90 * * * *", "\"every\""},
      {"*/60 * * * *", "a step from 1 to 59"},
      {"*/ * * * *", "a step"},
      {"*/-1 * * * *", "a step"},
      {"5/15 * * * *", "a step behind * or a range"},
      {"1,,2 * * * *", "the minute \"\""},
      {",1 * * * *", "the minute \"\""},
      {"1- * * * *", "the minute \"\""},
      {"-1 * * * *", "the minute \"\""},
      {"1-2-3 * * * *", "the minute \"2-3\""},
      {"*-5 * * * *", "the minute \"*\""},
      {"** * * * *", "the minute \"**\""},
      {"+5 * * * *", "the minute \"+5\""},
      {"0x5 * * * *", "the minute \"0x5\""},
      {"005 * * * *", "the minute \"005\""},
      {"1.5 * * * *", "the minute \"1.5\""},
      {"0 0 ? * *", "no \"?\""},
      {"0 0 * * 5#2", "no \"#\""},
      {"0 0 15W * *", "no \"w\""},
      {"0 0 LW * *", "no \"w\""},
      {"0 0 L-3 * *", "no \"l\""},
      {"0 0 * * 5L", "no \"l\""},
      {"H H * * *", "no \"h\""},
      {"0 0 30 2 *", "no month that it names has such a day"},
      {"0 0 31 2,4,6,9,11 *", "no month that it names has such a day"},
      {"0 0 30-31 feb *", "no month that it names has such a day"},
  };
  for (const RefusedRow& row : rows) {
    SCOPED_TRACE(row.expression);
    std::vector<Problem> problems;
    EXPECT_FALSE(Cron::read(row.expression, "/cron/3", problems));
    ASSERT_FALSE(problems.empty());
    EXPECT_THAT(problems.front().message, testing::HasSubstr(row.says));
    EXPECT_EQ(problems.front().pointer, "/cron/3");
    EXPECT_THAT(problems.front().code, testing::AnyOf("cron_malformed", "never_comes"));
    EXPECT_FALSE(problems.front().expected.empty());
  }
  std::vector<Problem> problems;
  EXPECT_FALSE(Cron::read(std::string(257, '*'), "", problems));
}

TEST(Cron, every_wrong_field_is_named_at_once) {
  std::vector<Problem> problems;
  EXPECT_FALSE(Cron::read("60,61 24 0 13 8", "", problems));
  EXPECT_EQ(problems.size(), 6u);
}

/// A weekday rescues a date that never comes, since either is enough.
TEST(Cron, the_thirtieth_of_february_or_a_monday_comes) {
  std::vector<Problem> problems;
  EXPECT_TRUE(Cron::read("0 0 30 2 mon", "", problems));
}

}  // namespace
}  // namespace settle::test
