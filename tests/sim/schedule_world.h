#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/sim_store.h"

namespace settle::sim {

/// No call ever leaves: the plans of these tests are of Settle's own tools.
class NoCalls final : public Connector {
 public:
  void start(Call, CallDone) override;
  void stop() override {}
};

/// An engine in virtual time whose schedules run plans without calls.
class ScheduleWorld {
 public:
  explicit ScheduleWorld(std::uint64_t seed) : dice(seed), store(schedule, seed ^ 1) {}

  void start(std::size_t loops = 2);
  /// The process is gone, with what was not durable.
  void crash();
  /// Lets time pass; a crash that is due happens, and a new engine is started.
  void run(Duration time);
  /// SIGTERM, and the end of the process.
  void stop();
  /// Lets time pass while there is none.
  void idle(Duration time);

  /// `document` as PUT takes it. False: refused, see `refusal`.
  bool put(const std::string& name, const std::string& document);
  bool pause(const std::string& name);
  bool resume(const std::string& name, const ScheduleHolder& holder = {});
  bool remove(const std::string& name);
  /// The run's id, or the code of the refusal.
  std::string trigger(const std::string& name, const std::string& key = "", bool anyway = false);
  Json shown(const std::string& name);
  std::int64_t count(const std::string& name, std::string_view what);

  struct Run {
    std::string id, schedule, scheduled_at;
    Time created_at{};
    std::optional<Time> ended_at;
    std::string outcome;
  };
  /// Every workflow that is durable, the oldest first.
  std::vector<Run> runs();
  /// The types of the events of the engine's own, in the order of the feed.
  std::vector<std::string> notices();

  Engine& engine() { return *engine_; }
  Loop& loop() { return *loops_[0]; }
  Time now() { return loops_[0]->now(); }

  Schedule schedule;
  Dice dice;
  SimStore store;
  ScheduleOptions options;
  ShardLimits limits;
  QuotaOptions quotas;
  ErrorCode refusal = ErrorCode::internal;
  std::set<std::string> revoked;
  std::size_t crashes = 0;
  std::optional<std::size_t> damaged;  ///< how often a workflow could not be read; null: it must not be

 private:
  /// Runs until `done`.
  void until(const bool& done);
  Schedules::Done noted(bool& done, bool& ok);

  std::vector<std::unique_ptr<SimLoop>> loops_;
  std::unique_ptr<ToolRegistry> tools_;
  NoCalls connector_;
  std::unique_ptr<Engine> engine_;
};

/// A plan that sleeps for so long; with `fails` it fails then.
std::string sleeping_plan(const std::string& time, bool fails = false);

}  // namespace settle::sim
