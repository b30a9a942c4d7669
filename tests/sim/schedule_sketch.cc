#include "tests/sim/schedule_sketch.h"

#include "time_zones/system_time_zones.h"

namespace settle::sim {
namespace {

/// A time that comes about each `period`, and the length of that period.
struct Rhythm {
  Duration period;
  const char* cron;  ///< null: by an interval alone
};
constexpr Rhythm rhythms[] = {
    {Duration(1'000), nullptr},
    {Duration(7'000), nullptr},
    {Duration(60'000), "* * * * *"},
    {Duration(600'000), "*/10 * * * *"},
    {Duration(1'800'000), "5,35 * * * *"},
    {Duration(3'600'000), "30 * * * *"},
    {Duration(3'600'000), "15 0-23 * * *"},
    {Duration(7'200'000), "30 */2 * * *"},
    {Duration(43'200'000), "30 2,14 * * *"},
};
constexpr Duration unbounded = std::chrono::hours(24 * 40);
/// What is caught up after a day is still few enough for a seed.
constexpr int backlog_max = 150;
/// Runs of a queue have to be shorter than its rhythm, or it never ends.
constexpr Duration queue_period_min{60'000};

/// Zones in which a seed may see the clock change, and one without.
std::string draw_zone(Dice& dice) {
  static const std::vector<std::string> zones = {"UTC", "Europe/Berlin", "Europe/Berlin", "Australia/Lord_Howe",
                                                 "America/New_York"};
  return dice.of(zones);
}

void draw_times(Dice& dice, const Rhythm& rhythm, Time until, Json& out) {
  if (rhythm.cron != nullptr && dice.chance(0.7)) {
    out.set("cron", rhythm.cron);
    out.set("time_zone", draw_zone(dice));
  } else {
    out.set("every", format_duration(rhythm.period));
    if (dice.chance(0.3)) out.set("offset", format_duration(rhythm.period / 3));
  }
  if (dice.chance(0.2)) out.set("until", format_time(until));
  if (dice.chance(0.3)) out.set("jitter", dice.chance(0.5) ? "2s" : "5m");
}

Json action(std::string_view id, std::string_view tool, Json input) {
  return Json::object({{"id", id}, {"tool", tool}, {"input", std::move(input)}});
}

/// Runs that end at once, after some seconds, badly, or that can't begin.
Json draw_plan(Dice& dice, bool& startable) {
  Json::Array actions;
  const std::uint64_t kind = dice.below(10);
  if (kind < 8)
    actions.push_back(action("wait", "flow.sleep",
                             Json::object({{"for", format_duration(dice.between(Duration(1), Duration(8'000)))}})));
  if (kind >= 6) {
    const Json holds = Json(Json::Array{1, kind == 7 ? 2 : 1});
    Json look = action("look", "flow.assert", Json::object({{"that", Json::object({{"equals", holds}})}}));
    if (kind < 8) look.set("after", Json(Json::Array{"wait"}));
    actions.push_back(std::move(look));
  }
  startable = dice.chance(0.93);
  if (!startable) actions.push_back(action("gone", "crm.gone", Json::object()));
  return Json::object({{"name", "run"}, {"input", Json::object()}, {"actions", Json(std::move(actions))}});
}

}  // namespace

bool ScheduleSketch::whole() const {
  const bool keeps = rules.overlap == Overlap::queue_all || rules.overlap == Overlap::allow;
  return startable && keeps && rules.catch_up == CatchUp::all && rules.window == unbounded;
}

ScheduleSketch draw_schedule(Dice& dice, Time now, bool fast, bool whole) {
  static const std::vector<std::string> keeping = {"queue_all", "allow"};
  static const std::vector<std::string> overlaps = {"skip", "queue_one", "queue_all", "cancel_running", "allow"};
  static const std::vector<std::string> runs = {"latest", "all", "none"};
  static const std::vector<Duration> windows = {Duration(0), Duration(30'000), Duration(300'000), Duration(3'600'000),
                                                std::chrono::hours(48)};
  SETTLE_ASSERT(!fast || !whole);
  ScheduleSketch out;
  std::string overlap, catch_up;
  Duration window{};
  const Rhythm* rhythm = nullptr;
  do {
    overlap = whole ? dice.of(keeping) : dice.of(overlaps);
    catch_up = whole ? "all" : dice.of(runs);
    window = whole ? unbounded : dice.of(windows);
    rhythm = &rhythms[dice.below(std::size(rhythms))];
  } while ((rhythm->period <= queue_period_min) != fast ||
           (overlap == "queue_all" && rhythm->period < queue_period_min) ||
           (catch_up == "all" && rhythm->period * backlog_max < std::min<Duration>(window, std::chrono::hours(24))));
  Json document = Json::object({{"overlap", overlap},
                                {"catch_up", Json::object({{"runs", catch_up}, {"window", format_duration(window)}})},
                                {"pause_on_failure", !whole && dice.chance(0.2)}});
  draw_times(dice, *rhythm, now + 100 * rhythm->period, document);
  if (dice.chance(0.2)) document.set("scheduled_at_input", "due");
  std::vector<Problem> problems;
  Fields fields(document, "", problems);
  std::optional<ScheduleRules> rules = read_schedule_rules(fields, zones_of_the_machine());
  SETTLE_ASSERT(rules.has_value());
  out.rules = *std::move(rules);
  out.period = rhythm->period;
  out.plan = draw_plan(dice, out.startable);
  return out;
}

const TimeZones& zones_of_the_machine() {
  static const SystemTimeZones zones;
  return zones;
}

}  // namespace settle::sim
