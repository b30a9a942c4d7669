#include "tests/sim/schedule_scenario.h"

#include <algorithm>
#include <iostream>

#include "engine/feed.h"
#include "storage/keys.h"
#include "storage/schedule_codec.h"

namespace settle::sim {
namespace {

constexpr Duration day = std::chrono::hours(24);

/// Where a seed begins: on an ordinary day, or some hours before the clocks of Berlin or of Lord Howe change.
Time draw_beginning(Dice& dice) {
  static const std::vector<std::string> beginnings = {"2026-11-27T09:00:00Z", "2026-03-28T23:10:00Z",
                                                      "2026-10-24T22:50:00Z", "2026-04-04T13:00:00Z"};
  return *parse_time(dice.of(beginnings));
}

}  // namespace

void ScheduleScenario::tell(const std::string& line) const {
  if (tracing_) std::cout << "    " << format_time(clock_.wall()) << "  " << line << "\n";
}

// --- the engine

void ScheduleScenario::draw() {
  clock_.wall_offset = draw_beginning(dice_) - clock_.now();
  fast_ = dice_.chance(0.4);
  leaps_on_ = dice_.chance(0.5);
  longest_ = fast_ ? Duration(90'000) : Duration(std::chrono::hours(5));
  if (dice_.chance(0.3)) store_.slow_rate = 0.02 * static_cast<double>(1 + dice_.below(20));
  tight_ = dice_.chance(0.2);
  if (tight_) limits_ = {.live_max = 1 + dice_.below(3), .rest_after = day};
  for (std::uint64_t i = 0, count = 1 + dice_.below(3); i < count; ++i) names_.push_back("s" + std::to_string(i));
  store_.observer = [this](const WriteBatch& batch, CompletionSink&) {
    for (const Write& write : batch.writes) {
      trace_.add(write.key);
      if (write.value) trace_.add(*write.value);
    }
  };
}

void ScheduleScenario::start() {
  const auto clock = std::make_shared<Clock>();
  std::vector<Engine::Part> parts;
  for (std::uint64_t i = 0, count = 1 + dice_.below(3); i < count; ++i) {
    loops_.push_back(std::make_unique<SimLoop>(clock_, dice_.next(), clock));
    parts.push_back({loops_.back().get(), &outside_});
  }
  ScheduleOptions schedules;
  schedules.zones = zones();
  schedules.is_revoked = [this](const std::string& id) { return revoked_.contains(id); };
  schedules.starts_max = 1 + dice_.below(8);
  tools_ = std::make_unique<ToolRegistry>(store_, Values{});
  engine_ = std::make_unique<Engine>(store_, *tools_, std::move(parts),
                                     EngineOptions{.shard = limits_, .schedules = schedules});
  const Result<void> begun =
      engine_->recover([] {},
                       [this](const Error& error) {
                         verdict_.violated("P1", "", "what is stored can't be taken up: " + error.message);
                       });
  if (!begun) verdict_.violated("P1", "", "the engine does not start: " + begun.error().message);
}

void ScheduleScenario::crash() {
  last_now_ = now();
  engine_ = nullptr;
  loops_.clear();
  store_.crash();
}

void ScheduleScenario::come_back(std::string_view why) {
  counters_.note("schedules: " + std::string(why));
  tell(std::string(why));
  if (leaps_on_ && dice_.chance(0.3)) leap();
  if (dice_.chance(0.5)) run_for(dice_.between(Duration(1), longest_));
  start();
  restarts_.push_back(now());
  unsure_ = std::max(unsure_, last_now_ - now());
}

void ScheduleScenario::run_for(Duration duration) {
  const auto over = std::make_shared<bool>(false);
  clock_.after(duration, [over] { *over = true; });
  while (!*over && clock_.run_one()) {
    if (!store_.crash_due) continue;
    crash();
    return come_back("crash at an operation of the store");
  }
}

/// The wall clock leaps by up to a day.
void ScheduleScenario::leap() {
  const bool ahead = dice_.chance(0.6);
  const Duration by =
      dice_.chance(0.5) ? dice_.between(Duration(1), Duration(120'000)) : dice_.between(Duration(1), day);
  const Time from = loops_.empty() ? clock_.wall() : now();
  clock_.wall_offset += ahead ? by : -by;
  counters_.note(ahead ? "schedules: the clock leapt ahead" : "schedules: the clock went back");
  tell(std::string("the clock leaps by ") + (ahead ? "" : "-") + format_duration(by));
  if (ahead) leaps_.push_back({from, by});
}

// --- the end

/// Nothing goes wrong any more, and every schedule must come up with the clock.
void ScheduleScenario::heal() {
  store_.crash_after = std::nullopt;
  store_.slow_rate = 0;
  if (tight_) {
    limits_ = ShardLimits();
    crash();
    come_back("crash");
  }
  for (const std::string& name : names_) {
    if (ledgers_[name].exists.value_or(true) && !ledgers_[name].puts.empty() && dice_.chance(0.7)) resume(name);
  }
  const auto behind = [this] {
    return std::any_of(names_.begin(), names_.end(), [this](const std::string& name) { return is_behind(name); });
  };
  for (int i = 0; i < 400 && (i == 0 || behind()); ++i) run_for(Duration(20'000));
  if (leaps_on_) {
    // An engine without trouble notices a leap within seconds.
    const Duration by = fast_ ? Duration(40'000) : std::chrono::hours(3);
    leaps_.push_back({now(), by});
    clock_.wall_offset += by;
    tell("the last leap");
    run_for(Duration(12'000));
    judge_decided("after a leap of the clock");
    for (int i = 0; i < 400 && (i == 0 || behind()); ++i) run_for(Duration(20'000));
  }
  bool stopped = false;
  engine_->shutdown(Duration(2'000), [&stopped] { stopped = true; });
  for (int i = 0; i < 400 && !stopped; ++i) run_for(Duration(50));
  if (!stopped) verdict_.violated("P7", "", "an orderly stop does not end");
  store_.sync_now();
}

/// A schedule as it is stored.
struct ScheduleScenario::Stored {
  Recurrence recurrence;
  ScheduleProgress progress;
};

/// Null: there is none, or it is paused.
std::optional<ScheduleScenario::Stored> ScheduleScenario::working(const std::string& name) {
  const std::unique_ptr<Reader> reader = store_.snapshot();
  const Result<std::optional<std::string>> stored = reader->get(Family::meta, keys::schedule(name_space, name));
  const Result<std::optional<std::string>> far = reader->get(Family::meta, keys::schedule_progress(name_space, name));
  if (!*stored || !*far) return std::nullopt;
  const Result<StoredSchedule> schedule = decode_schedule(**stored, name_space, name);
  if (schedule->pause) return std::nullopt;
  const Json document = *read_json(schedule->rules);
  std::vector<Problem> problems;
  Fields fields(document, "", problems);
  return Stored{read_schedule_rules(fields, zones_of_the_machine())->recurrence, *decode_schedule_progress(**far)};
}

/// Whether a schedule that works has a time that was due more than 15 s ago and has not begun.
bool ScheduleScenario::is_behind(const std::string& name) {
  const std::optional<Stored> stored = working(name);
  if (!stored) return false;
  const auto is_late = [&](Time at) { return at + stored->recurrence.delay(name, at) < now() - Duration(15'000); };
  const std::vector<Time>& waiting = stored->progress.waiting;
  const std::optional<Time> next = stored->recurrence.next(stored->progress.handled);
  return (!waiting.empty() && is_late(waiting.front())) || (next && is_late(*next));
}

/// It may take long until all runs that wait have begun, but what becomes of a time is decided within seconds, unless
/// the queue is full.
void ScheduleScenario::judge_decided(const std::string& when) {
  for (const std::string& name : names_) {
    const std::optional<Stored> stored = working(name);
    if (!stored || stored->progress.waiting.size() >= ScheduleLimits::waiting_max) continue;
    const std::optional<Time> next = stored->recurrence.next(stored->progress.handled);
    if (next && *next + stored->recurrence.delay(name, *next) < now() - Duration(10'000))
      verdict_.violated("P7", name, "nothing has become of " + format_time(*next) + " " + when);
  }
}

/// What became durable, in its order.
void ScheduleScenario::tell_feed(const Reader& reader) const {
  FeedReader feed;
  const auto visit = [this](const FeedEvent& event) {
    const std::string who = event.workflow.empty() ? "engine" : event.workflow;
    tell("feed: " + format_time(event.event.at) + " " + who + " " + event.event.event.type + " " +
         canonical(event.event.event.data));
    return true;
  };
  const Result<FeedCursor> end = feed.read(reader, {}, 10'000'000, [](std::string_view) { return true; }, visit);
  SETTLE_ASSERT(end);
}

void ScheduleScenario::judge() {
  for (const std::string& name : names_) {
    if (is_behind(name))
      verdict_.violated("P7", name, "a time that was due is not dealt with, though nothing is wrong");
  }
  const std::unique_ptr<Reader> reader = store_.snapshot();
  if (tracing_) tell_feed(*reader);
  judge_schedules({*reader, ledgers_, leaps_, restarts_, unsure_, now(), verdict_, counters_});
}

SeedResult run_schedule_seed(std::uint64_t seed, Counters& counters, bool tracing) {
  return ScheduleScenario(seed, counters, tracing).run();
}

}  // namespace settle::sim
