#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/schedule_runner.h"

namespace settle {

/// Schedules (docs/schedules.md): each lives on one loop, which its namespace and name choose. Every call may come from
/// any loop; `done` runs on the loop given. Owned by the engine.
class Schedules {
 public:
  Schedules(Engine& engine, Store& store, const std::vector<Loop*>& loops, FeedBell& bell, ScheduleOptions options);

  ~Schedules();

  /// Reads every schedule; they go to work when the loops run. Before anything else is asked. Errors: corruption.
  Result<void> load();
  /// `quiet` runs, on some loop, once no run is being started and how far each is has been stored.
  void drain(std::function<void()> quiet);

  const TimeZones& zones() const { return *options_.zones; }

  /// Which one is asked for.
  struct Which {
    std::string name_space, name;
  };
  /// What a PUT asks for, checked already.
  struct Wanted {
    Which which;
    ScheduleRules rules;
    Json plan;
    std::optional<bool> paused;  ///< null: as it is
    ScheduleHolder holder;
    std::string by;
    bool may_resume = false;  ///< also what a person has paused
  };
  struct Answer {
    bool created = false;
    Json document;
  };
  using Done = std::function<void(Result<Answer>)>;
  // While the engine ends nothing is changed: shutting_down.
  /// Makes it, or changes what differs. Errors: quota_exceeded, forbidden (it takes an operator to resume it).
  void put(Wanted wanted, Loop& loop, Done done, AuditNotePtr audit);
  // Errors of all these: not_found.
  void remove(const Which& which, Loop& loop, Done done, AuditNotePtr audit);
  void pause(const Which& which, std::string reason, std::string by, Loop& loop, Done done, AuditNotePtr audit);
  void resume(const Which& which, ScheduleHolder holder, Loop& loop, Done done, AuditNotePtr audit);
  /// One run now; see ScheduleRunner::trigger.
  void trigger(const Which& which, std::string key, bool anyway, Loop& loop, ScheduleRunner::TriggerDone done,
               AuditNotePtr audit);
  void show(const Which& which, Loop& loop, std::function<void(Result<Json>)> done);
  /// {"schedules": […], "next_after"}: those of a namespace whose names come after `after`, at most `limit`, by name.
  void list(const std::string& name_space, const std::string& after, std::size_t limit, Loop& loop,
            std::function<void(Result<Json>)> done);

  /// A workflow that says it is a run of a schedule has ended.
  void run_ended(RunEnd end);
  /// A token was revoked: schedules whose runs it answers for stop.
  void token_revoked(const std::string& id);

 private:
  using Key = std::pair<std::string, std::string>;
  struct Home {
    Home(Loop& on, std::size_t starts_max) : loop(on), timers(on), turns(on, starts_max) {}
    Loop& loop;
    WallTimers timers;
    Turns turns;
    std::map<Key, std::shared_ptr<ScheduleRunner>> runners;
    bool draining = false;
  };
  struct Listing;
  Home& home_of(const std::string& name_space, const std::string& name);
  std::shared_ptr<ScheduleRunner> make(Home& home, StoredSchedule stored, std::optional<ScheduleRules> rules,
                                       ScheduleProgress progress, std::string trouble);
  Result<void> load_one(const Reader& reader, std::string_view bytes, std::string name_space, std::string name);
  /// Runs `task` with the schedule, or with not_found, on the loop where it would be, when nothing of it is changing.
  using Task = std::function<void(Result<ScheduleRunner*>)>;
  void with(const Which& which, Task task);
  /// The same, but with shutting_down when it is too late for a change.
  void to_change(const Which& which, Task task);
  void create(const Wanted& wanted, const Done& done, const AuditNotePtr& audit);
  void update(ScheduleRunner& runner, const Wanted& wanted, const Done& done, const AuditNotePtr& audit);
  void answer(const std::shared_ptr<ScheduleRunner>& runner, bool created, const Done& done);
  /// Counts one more; false: there are too many.
  Result<void> count(const std::string& name_space);
  void uncount(const std::string& name_space);

  Engine& engine_;
  Store& store_;
  FeedBell& bell_;
  ScheduleOptions options_;
  std::vector<std::unique_ptr<Home>> homes_;
  std::mutex counts_mutex_;
  std::size_t count_ = 0;                      ///< of all namespaces
  std::map<std::string, std::size_t> counts_;  ///< of each
};

}  // namespace settle
