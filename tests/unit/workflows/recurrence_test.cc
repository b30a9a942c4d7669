// When something recurs: across changes of the clock, by intervals, within bounds. Each row is one rule of
// docs/schedules.md, "When it runs".
#include "workflows/recurrence.h"

#include <gmock/gmock.h>

#include "tests/unit/workflows/support/recurrences.h"

namespace settle::test {
namespace {

using testing::ElementsAre;
using Times = std::vector<std::string>;

struct ZoneRow {
  const char* zone;
  const char* cron;
  const char* after;
  Times want;
};

TEST(Recurrence, a_time_of_day_runs_once_on_each_day) {
  const ZoneRow rows[] = {
      {"UTC", "0 9 * * *", "2026-11-27T09:00:00Z", {"2026-11-28T09:00:00Z", "2026-11-29T09:00:00Z"}},
      {"UTC", "0 9 * * *", "2026-11-27T08:59:59.999Z", {"2026-11-27T09:00:00Z"}},
      // left out at 02:00, when it becomes 03:00
      {"Europe/Berlin",
       "30 2 * * *",
       "2026-03-28T00:00:00Z",
       {"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
      {"Europe/Berlin", "*/20 2 * * *", "2026-03-28T02:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
      {"Europe/Berlin", "0 2,3 * * *", "2026-03-28T03:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
      {"Europe/Berlin", "30 2 29 3 *", "2026-01-01T00:00:00Z", {"2026-03-29T01:00:00Z", "2027-03-29T00:30:00Z"}},
      // shown twice, from 02:00 to 03:00
      {"Europe/Berlin",
       "30 2 * * *",
       "2026-10-24T00:00:00Z",
       {"2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
      {"Europe/Berlin", "0 0-23 * * *", "2026-10-24T23:30:00Z", {"2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"}},
      {"America/New_York", "0 2 * * *", "2026-03-07T08:00:00Z", {"2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"}},
      // half an hour
      {"Australia/Lord_Howe", "45 1 * * *", "2026-04-03T15:00:00Z", {"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
      {"Australia/Lord_Howe", "15 2 * * *", "2026-10-02T16:00:00Z", {"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
      // a day that did not exist
      {"Pacific/Apia",
       "0 9 * * *",
       "2011-12-29T00:00:00Z",
       {"2011-12-29T19:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"}},
      {"Pacific/Apia", "0 9 30 12 *", "2011-01-01T00:00:00Z", {"2011-12-30T10:00:00Z", "2012-12-29T19:00:00Z"}},
      // midnight left out, and the hour before midnight twice
      {"America/Sao_Paulo",
       "0 0 * * *",
       "2017-10-14T00:00:00Z",
       {"2017-10-14T03:00:00Z", "2017-10-15T03:00:00Z", "2017-10-16T02:00:00Z"}},
      {"America/Sao_Paulo", "30 23 * * *", "2018-02-17T02:00:00Z", {"2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"}},
      {"Africa/Cairo",
       "0 0 * * *",
       "2026-04-22T00:00:00Z",
       {"2026-04-22T22:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"}},
      // winter is the exception
      {"Europe/Dublin", "30 1 * * *", "2026-10-24T12:00:00Z", {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
      {"Europe/Dublin", "30 1 * * *", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
      // offsets with seconds, and a gap that ends in the middle of a minute
      {"Africa/Monrovia", "0 9 * * *", "1972-01-06T00:00:00Z", {"1972-01-06T09:44:30Z", "1972-01-07T09:00:00Z"}},
      {"Africa/Monrovia", "15 0 * * *", "1972-01-06T12:00:00Z", {"1972-01-07T00:44:30Z", "1972-01-08T00:15:00Z"}},
      // the same day twice
      {"America/Juneau",
       "0 12 * * *",
       "1867-10-17T12:00:00Z",
       {"1867-10-17T20:57:41Z", "1867-10-18T20:57:41Z", "1867-10-20T20:57:41Z"}},
  };
  for (const ZoneRow& row : rows) {
    SCOPED_TRACE(std::string(row.zone) + " " + row.cron);
    EXPECT_EQ(times_after(recurrence(row.cron, row.zone), row.after, row.want.size()), row.want);
  }
}

TEST(Recurrence, hours_with_a_star_are_those_that_the_clock_shows) {
  const ZoneRow rows[] = {
      {"Europe/Berlin",
       "30 * * * *",
       "2026-03-29T00:00:00Z",
       {"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"}},
      {"Europe/Berlin", "30 */2 * * *", "2026-03-28T23:00:00Z", {"2026-03-28T23:30:00Z", "2026-03-29T02:30:00Z"}},
      {"Europe/Berlin",
       "30 */2 * * *",
       "2026-10-25T00:00:00Z",
       {"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T03:30:00Z"}},
      {"Australia/Lord_Howe", "*/15 * * * *", "2026-10-03T15:00:00Z", {"2026-10-03T15:15:00Z", "2026-10-03T15:30:00Z"}},
      {"Australia/Lord_Howe", "0 * * * *", "2026-10-03T14:00:00Z", {"2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z"}},
      {"Pacific/Apia", "0 * 30 12 *", "2011-12-29T00:00:00Z", {"2012-12-29T10:00:00Z"}},
      {"Asia/Kathmandu", "@hourly", "2026-01-01T00:00:00Z", {"2026-01-01T00:15:00Z", "2026-01-01T01:15:00Z"}},
  };
  for (const ZoneRow& row : rows) {
    SCOPED_TRACE(std::string(row.zone) + " " + row.cron);
    EXPECT_EQ(times_after(recurrence(row.cron, row.zone), row.after, row.want.size()), row.want);
  }
}

TEST(Recurrence, several_expressions_are_one_sequence_and_equal_times_one_time) {
  const Recurrence of = recurrence(json(R"({"cron": ["0 9 * * *", "0 9,17 * * *", "30 12 * * *"]})"));
  EXPECT_THAT(times_after(of, "2026-11-27T00:00:00Z", 4), ElementsAre("2026-11-27T09:00:00Z", "2026-11-27T12:30:00Z",
                                                                      "2026-11-27T17:00:00Z", "2026-11-28T09:00:00Z"));
  EXPECT_EQ(of.last(*parse_time("2026-11-27T09:00:00Z"), *parse_time("2026-11-27T16:59:59Z")),
            parse_time("2026-11-27T12:30:00Z"));
}

TEST(Recurrence, an_interval_counts_from_the_epoch) {
  const auto after = [](const char* document, const char* time) {
    return times_after(recurrence(json(document)), time, 2);
  };
  EXPECT_THAT(after(R"({"every": "1h"})", "2026-11-27T09:00:00Z"),
              ElementsAre("2026-11-27T10:00:00Z", "2026-11-27T11:00:00Z"));
  EXPECT_THAT(after(R"({"every": "1h", "offset": "19m"})", "2026-11-27T09:18:59.999Z"),
              ElementsAre("2026-11-27T09:19:00Z", "2026-11-27T10:19:00Z"));
  EXPECT_THAT(after(R"({"every": "7d", "offset": "4d"})", "2026-11-27T00:00:00Z"),
              ElementsAre("2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"));  // 1970-01-05 was a Monday
  EXPECT_THAT(after(R"({"every": "1d"})", "1969-12-30T12:00:00Z"),
              ElementsAre("1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"));
  const Recurrence odd = recurrence(json(R"({"every": "1.5s", "offset": "1ms"})"));
  EXPECT_EQ(odd.next(Time(Duration(1))), Time(Duration(1501)));
  EXPECT_EQ(odd.last(Time(Duration(1)), Time(Duration(1501))), Time(Duration(1501)));
  EXPECT_EQ(odd.last(Time(Duration(1)), Time(Duration(1500))), std::nullopt);
  EXPECT_EQ(odd.last(Time(Duration(-9999)), Time(Duration(-1))), Time(Duration(-1499)));
}

TEST(Recurrence, nothing_runs_before_from_or_after_until_and_both_are_within) {
  const Recurrence of = recurrence(
      json(R"({"cron": "0 * * * *", "from": "2026-11-27T10:00:00+01:00", "until": "2026-11-27T11:00:00Z"})"));
  EXPECT_THAT(times_after(of, "2020-01-01T00:00:00Z", 9),
              ElementsAre("2026-11-27T09:00:00Z", "2026-11-27T10:00:00Z", "2026-11-27T11:00:00Z"));
  EXPECT_EQ(of.next(*parse_time("2026-11-27T11:00:00Z")), std::nullopt);
  EXPECT_EQ(of.last(Time::min(), Time::max()), parse_time("2026-11-27T11:00:00Z"));
  EXPECT_EQ(of.last(Time::min(), *parse_time("2026-11-27T09:59:00Z")), parse_time("2026-11-27T09:00:00Z"));
  EXPECT_EQ(of.last(Time::min(), *parse_time("2026-11-27T08:59:00Z")), std::nullopt);
  EXPECT_EQ(of.last(*parse_time("2026-11-27T11:00:00Z"), Time::max()), std::nullopt);
}

TEST(Recurrence, the_ends_of_time_are_no_trap) {
  for (const char* document : {R"({"cron": "@hourly", "time_zone": "Europe/Berlin"})",
                               R"({"cron": "0 0 29 2 *", "time_zone": "America/Juneau"})", R"({"every": "100d"})"}) {
    const Recurrence of = recurrence(json(document));
    EXPECT_GE(of.next(Time::min()), parse_time("0000-01-01T00:00:00Z"));
    EXPECT_EQ(of.next(Time::max()), std::nullopt);
    EXPECT_EQ(of.next(*parse_time("2299-12-31T23:59:59.999Z")), std::nullopt);
    EXPECT_LT(of.last(Time::min(), Time::max()), parse_time("2300-01-01T00:00:00Z"));
    EXPECT_GT(of.last(Time::min(), Time::max()), parse_time("2290-01-01T00:00:00Z"));
    EXPECT_EQ(of.last(Time::max(), Time::min()), std::nullopt);
    EXPECT_EQ(of.last(Time::min(), Time::min()), std::nullopt);
  }
}

TEST(Recurrence, a_delay_depends_on_seed_and_time_and_never_reaches_the_next) {
  const Recurrence of = recurrence(json(R"({"cron": "0,1 * * * *", "jitter": "10m"})"));
  std::set<std::int64_t> before_the_next, long_ones;
  for (std::optional<Time> time = of.next(Time()); *time < Time(std::chrono::hours(100)); time = of.next(*time)) {
    const Duration delay = of.delay("a", *time);
    EXPECT_EQ(of.delay("a", *time), delay);
    EXPECT_GE(delay.count(), 0);
    EXPECT_LT(*time + delay, of.next(*time));
    EXPECT_LT(delay, std::chrono::minutes(10));
    (of.next(*time) == *time + std::chrono::minutes(1) ? before_the_next : long_ones).insert(delay.count());
  }
  EXPECT_GT(before_the_next.size(), 90u);
  EXPECT_GT(long_ones.size(), 90u);
  EXPECT_GT(*long_ones.rbegin(), 500'000);
  EXPECT_NE(of.delay("a", Time()), of.delay("b", Time()));
  EXPECT_EQ(recurrence("@daily", "UTC").delay("a", Time()), Duration(0));
  // It is stored nowhere, so it must never change from one version to the next.
  EXPECT_EQ(of.delay("report", *parse_time("2026-11-27T09:01:00Z")), Duration(164'421));
}

TEST(Recurrence, the_document_is_read_again_as_the_same) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"cron": " 0 9  * * MON"})", R"({"cron": "0 9 * * mon", "time_zone": "UTC"})"},
      {R"({"cron": ["@daily"], "time_zone": "Europe/Berlin"})", R"({"cron": "@daily", "time_zone": "Europe/Berlin"})"},
      {R"({"cron": ["@daily", "0 9 L * *"], "jitter": "60s", "from": "2026-11-27T10:00:00+01:00"})",
       R"({"cron": ["@daily", "0 9 L * *"], "time_zone": "UTC", "jitter": "1m", "from": "2026-11-27T09:00:00.000Z"})"},
      {R"({"every": "3600s", "offset": "0s", "until": "2027-01-01T00:00:00Z"})",
       R"({"every": "1h", "until": "2027-01-01T00:00:00.000Z"})"},
      {R"({"every": "1d", "offset": "9h"})", R"({"every": "24h", "offset": "9h"})"},
  };
  for (const auto& [given, want] : rows) {
    const Json document = recurrence(json(given)).document();
    EXPECT_EQ(canonical(document), canonical(json(want)));
    EXPECT_EQ(recurrence(document).document(), document);
  }
}

struct ProblemsRow {
  const char* document;
  Times want;  ///< "CODE PLACE"
};

TEST(Recurrence, every_problem_is_told_at_once) {
  const ProblemsRow rows[] = {
      {R"([])", {"wrong_type "}},
      {R"({})", {"one_of_two /cron"}},
      {R"({"cron": "@daily", "every": "1h"})", {"one_of_two /every"}},
      {R"({"cron": 5})", {"wrong_type /cron"}},
      {R"({"cron": []})", {"out_of_range /cron"}},
      {R"({"cron": ["@daily", 5, "0 0 30 2 *", "61 * * * *"]})",
       {"wrong_type /cron/1", "never_comes /cron/2", "cron_malformed /cron/3"}},
      {R"({"cron": ["0","0","0","0","0","0","0","0","0","0","0","0","0","0","0","0","0","0","0","0","0"]})",
       {"out_of_range /cron"}},
      {R"({"every": "0.5s"})", {"not_a_duration /every"}},
      {R"({"every": 60})", {"not_a_duration /every"}},
      {R"({"every": "1h", "time_zone": "Europe/Berlin"})", {"member_without_its_other /time_zone"}},
      {R"({"cron": "@daily", "offset": "1m"})", {"member_without_its_other /offset"}},
      {R"({"every": "1h", "offset": "1h"})", {"out_of_range /offset"}},
      {R"({"every": "1h", "jitter": "25h"})", {"out_of_range /jitter"}},
      {R"({"every": "1h", "from": "2026-11-27", "until": 5})", {"not_a_time /from", "wrong_type /until"}},
      {R"({"every": "1h", "from": "2026-11-27T10:00:00Z", "until": "2026-11-27T09:00:00Z"})", {"out_of_range /until"}},
      {R"({"every": "1h", "from": "2026-11-27T10:01:00Z", "until": "2026-11-27T10:59:00Z"})", {"never_comes /until"}},
      {R"({"every": "1h", "from": "2300-01-01T00:00:00Z"})", {"never_comes /from"}},
      {R"({"cron": "x", "time_zone": "Mars/Olympus", "offset": "1m", "jitter": "1y", "from": "soon", "to": 1})",
       {"cron_malformed /cron", "unknown_time_zone /time_zone", "member_without_its_other /offset",
        "not_a_duration /jitter", "not_a_time /from", "unknown_member /to"}},
  };
  for (const ProblemsRow& row : rows) {
    SCOPED_TRACE(row.document);
    const Json document = json(row.document);
    std::vector<Problem> problems;
    Fields fields(document, "", problems);
    EXPECT_FALSE(Recurrence::read(fields, system_zones()));
    fields.finish();
    Times got;
    for (const Problem& problem : problems) got.push_back(problem.code + " " + problem.pointer);
    EXPECT_EQ(got, row.want);
  }
}

Problem zone_problem(const char* zone, const TimeZones& zones) {
  const Json document = Json::object({{"cron", "@daily"}, {"time_zone", zone}});
  std::vector<Problem> problems;
  Fields fields(document, "", problems);
  EXPECT_FALSE(Recurrence::read(fields, zones));
  EXPECT_EQ(problems.size(), 1u);
  return problems.empty() ? Problem() : problems.front();
}

TEST(Recurrence, an_unknown_zone_is_refused_with_the_nearest_name) {
  EXPECT_EQ(zone_problem("Europe/Berln", system_zones()).suggestion, "Europe/Berlin");
  EXPECT_EQ(zone_problem("europe/berlin", system_zones()).suggestion, "Europe/Berlin");
  EXPECT_EQ(zone_problem("CEST", system_zones()).code, "unknown_time_zone");
  EXPECT_EQ(zone_problem(std::string(100'000, 'x').c_str(), system_zones()).code, "unknown_time_zone");
  const SystemTimeZones none("/nowhere");
  EXPECT_EQ(zone_problem("Europe/Berlin", none).code, "no_time_zones");
  EXPECT_THAT(times_after(recurrence(json(R"({"cron": "@daily"})"), none), "2026-11-27T00:00:00Z", 1),
              ElementsAre("2026-11-28T00:00:00Z"));
}

/// Counts what is asked of a zone.
class CountedZones final : public TimeZones {
 public:
  class Zone final : public TimeZone {
   public:
    Zone(std::shared_ptr<const TimeZone> zone, std::size_t& asked) : zone_(std::move(zone)), asked_(asked) {}
    Span at(Time instant) const override { return ++asked_, zone_->at(instant); }

   private:
    std::shared_ptr<const TimeZone> zone_;
    std::size_t& asked_;
  };

  Result<std::shared_ptr<const TimeZone>> find(std::string_view name) const override {
    return std::shared_ptr<const TimeZone>(std::make_shared<Zone>(*system_zones().find(name), asked));
  }
  const std::vector<std::string>& names() const override { return system_zones().names(); }

  mutable std::size_t asked = 0;
};

TEST(Recurrence, the_rarest_time_is_found_in_a_bounded_number_of_steps) {
  const CountedZones zones;
  const Recurrence rare = recurrence(json(R"({"cron": "0 0 29 2 */7", "time_zone": "Africa/Casablanca"})"), zones);
  zones.asked = 0;
  EXPECT_EQ(rare.next(*parse_time("2089-01-01T00:00:00Z")), parse_time("2128-02-28T23:00:00Z"));
  EXPECT_LT(zones.asked, 1000u);
  const Recurrence often = recurrence(json(R"({"cron": "* * * * *", "time_zone": "Europe/Berlin"})"), zones);
  zones.asked = 0;
  EXPECT_EQ(often.last(*parse_time("2000-01-01T00:00:00Z"), *parse_time("2026-11-27T09:00:30Z")),
            parse_time("2026-11-27T09:00:00Z"));
  EXPECT_LT(zones.asked, 10u);
}

}  // namespace
}  // namespace settle::test
