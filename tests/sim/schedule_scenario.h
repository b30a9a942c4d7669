#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/sim/scenario.h"
#include "tests/sim/schedule_ledger.h"
#include "tests/sim/schedule_world.h"
#include "tests/sim/trace_hash.h"

namespace settle::sim {

/// A world of schedules (docs/simulation.md): the real engine, whose runs make no calls, on a clock that leaps and a
/// disk that dies.
class ScheduleScenario {
 public:
  ScheduleScenario(std::uint64_t seed, Counters& counters, bool tracing)
      : dice_(seed * 0x9e3779b97f4a7c15ULL + 3), counters_(counters), tracing_(tracing), store_(clock_, dice_.next()) {}

  SeedResult run() {
    draw();
    start();
    for (std::uint64_t turns = 6 + dice_.below(12); turns > 0; --turns) turn();
    heal();
    judge();
    return {std::move(verdict_), trace_.value()};
  }

 private:
  inline static const std::string name_space = "default";

  // the engine
  void draw();
  void start();
  void crash();
  void come_back(std::string_view why);
  void run_for(Duration duration);
  void leap();
  Time now() { return loops_.front()->now(); }
  std::shared_ptr<const TimeZones> zones() const { return {std::shared_ptr<void>(), &zones_of_the_machine()}; }
  void tell(const std::string& line) const;

  // people
  void turn();
  void act(const std::string& name);
  void put(const std::string& name);
  void pause(const std::string& name);
  void resume(const std::string& name);
  void remove(const std::string& name);
  void trigger(const std::string& name);
  void trigger_many(const std::string& name);
  void revoke(const std::string& name);
  void take_id(const std::string& name);
  void take_room();
  void submit(const std::string& id, const char* time);
  void show(const std::string& name);
  template <class Answer>
  std::optional<Answer> ask(const std::function<void(std::function<void(Answer)>)>& send);
  void woken(ScheduleLedger& ledger);
  ScheduleHolder new_holder(ScheduleLedger& ledger);

  void heal();
  struct Stored;
  std::optional<Stored> working(const std::string& name);
  bool is_behind(const std::string& name);
  void judge_decided(const std::string& when);
  void tell_feed(const Reader& reader) const;
  void judge();

  Verdict verdict_;
  Dice dice_;
  Counters& counters_;
  const bool tracing_;
  Schedule clock_;
  SimStore store_;
  TraceHash trace_;
  NoCalls outside_;
  std::map<std::string, ScheduleLedger> ledgers_;
  std::vector<std::string> names_;
  std::set<std::string> revoked_;
  std::vector<Leap> leaps_;
  std::vector<Time> restarts_;
  Time last_now_{};  ///< the engine's, before it died
  Duration unsure_{}, longest_{};
  ShardLimits limits_;
  bool leaps_on_ = false, fast_ = false, tight_ = false;
  std::uint64_t tokens_ = 0, others_ = 0;
  std::vector<std::unique_ptr<SimLoop>> loops_;
  std::unique_ptr<ToolRegistry> tools_;
  std::unique_ptr<Engine> engine_;
};

/// One such world; as run_seed() in all else.
SeedResult run_schedule_seed(std::uint64_t seed, Counters& counters, bool tracing = false);

}  // namespace settle::sim
