#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/audit.h"
#include "engine/children.h"
#include "engine/documents.h"
#include "engine/feed_watch.h"
#include "engine/loop.h"
#include "engine/wall_timers.h"
#include "storage/schedule_codec.h"
#include "storage/store.h"

namespace settle {

class Engine;

struct ScheduleOptions {
  std::shared_ptr<const TimeZones> zones = {};  ///< null: UTC alone is known
  std::function<bool(const std::string& token_id)> is_revoked = {};
  std::function<void(const std::string& sentence)> tell = {};  ///< a warning for the log
  std::size_t schedules_max = 10'000;                          ///< of all namespaces
  std::size_t name_space_max = 1'000;                          ///< of one
  std::size_t starts_max = 8;                                  ///< of one loop, at once: no burst after a long stop
};

/// So many tasks at once; the others wait for their turn. Loop: its own.
class Turns {
 public:
  Turns(Loop& loop, std::size_t most) : loop_(loop), left_(most) {}
  /// Runs `task` when it has its turn, which lasts until over().
  void take(std::function<void()> task);
  void over();

 private:
  Loop& loop_;
  std::size_t left_;
  std::deque<std::function<void()>> waiting_;
};

/// What the schedules of one loop share. All of it outlives them.
struct SchedulePorts {
  Engine& engine;
  Store& store;
  Loop& loop;
  FeedBell& bell;
  WallTimers& timers;
  Turns& turns;
  const ScheduleOptions& options;
};

/// One schedule at work: decides what becomes of its times, submits the runs, hears of their ends, and stores how far
/// it is. A run's id follows from its scheduled time; that the time waits is stored before its run is submitted, that
/// it has begun after the run is durable (docs/decisions/0027-schedules.md). So a crash in between submits it again,
/// and finds it. Loop: all of it on its own.
class ScheduleRunner : public std::enable_shared_from_this<ScheduleRunner> {
 public:
  /// `rules` null: what is stored can't be read any more, and nothing runs; `trouble` says why.
  ScheduleRunner(SchedulePorts ports, StoredSchedule stored, std::optional<ScheduleRules> rules,
                 ScheduleProgress progress, std::string trouble = {});

  const StoredSchedule& stored() const { return stored_; }
  const std::optional<ScheduleRules>& rules() const { return rules_; }
  const ScheduleProgress& progress() const { return progress_; }
  const std::string& trouble() const { return trouble_; }
  /// The plan of its runs, as it is durable. Errors: corruption.
  Result<Json> read_plan() const;
  /// Somebody has to see to it.
  bool needs_attention() const;

  /// Goes to work after the engine's start: looks what became of the runs that were open, or that had begun. Nothing is
  /// asked of it before that (when_settled).
  void start();

  using Done = std::function<void()>;
  /// Runs `task` when it is at work and no change of what was asked for is on its way to the disk.
  void when_settled(Done task);
  /// Runs `task` when all that can be seen of it now is durable.
  void when_durable(Done task);

  /// Takes the place of what it was. `plan` null: the plan stays. `from_now`: times before now are passed over.
  void change(StoredSchedule next, ScheduleRules rules, const std::string* plan, bool from_now, const Done& done,
              const AuditNotePtr& audit);
  void pause(SchedulePause pause, const Done& done, const AuditNotePtr& audit);
  /// `holder`: whose the runs are from now on, if the token that answered for them was revoked.
  void resume(const ScheduleHolder& holder, const Done& done, const AuditNotePtr& audit);
  void remove(const Done& done, const AuditNotePtr& audit);

  struct Triggered {
    bool created = false;  ///< false: this key had its run before
    WorkflowText workflow;
  };
  using TriggerDone = std::function<void(Result<Triggered>)>;
  /// One run now; `key` may be empty. Unless the rules or `anyway` allow it, not while another one is open. Errors:
  /// wrong_state, those of Engine::submit.
  void trigger(const std::string& key, bool anyway, TriggerDone done, const AuditNotePtr& audit);

  void run_ended(const RunEnd& end);
  void token_revoked();
  /// Starts nothing any more; `quiet` runs when nothing is under way and how far it is has been stored.
  void drain(Done quiet);
  /// Tells nobody who still waits for it. When the engine goes without a drain: what waits may hold the runner itself.
  void abandon();

 private:
  bool works() const;
  Time now() const { return ports_.loop.now(); }
  std::string named() const;
  bool is_revoked() const;
  void pump();
  void pump_later();
  void arm();
  void cancel_open();

  // starting a run
  void find_begun(const Reader& reader);
  void begin();
  void begin_now();
  void submit(Time scheduled_at);
  void look(Time scheduled_at, const Error& otherwise);
  void submitted(Time scheduled_at, const Result<WorkflowText>& workflow);
  void begun(Time scheduled_at, const WorkflowText& workflow);
  void put_off(Time scheduled_at, const Error& error);
  void missed(Time scheduled_at, std::string why);
  void give_up(Time scheduled_at, std::string why);
  void failed(Time scheduled_at, const Error& error);
  void start_over();
  void forget_tries();
  void trigger_keyed(const std::string& id, bool anyway, const AuditNotePtr& audit,
                     const Result<WorkflowText>& workflow);
  void trigger_new(const std::string& id, bool anyway, const AuditNotePtr& audit);
  void triggered(const std::string& id, Time at, const Result<WorkflowText>& workflow);
  void answer_trigger(const std::string& id, const Result<Triggered>& answer);

  // what others are to hear
  void stop(std::string code, std::string reason);
  void look_at_end(const ScheduledRun& run);
  void tell_missed(const MissedTimes& missed);
  void note(std::string type, Json data);
  AuditNotePtr audit_of(std::string action) const;

  // storing
  void changed() { ++version_; }
  void save();
  void save_change(WriteBatch batch, const Done& done, const AuditNotePtr& audit);
  void queue_change(WriteBatch batch, const Done& done);
  void commit(WriteBatch batch, const Done& done);
  void settle();
  void be_quiet();

  const SchedulePorts ports_;
  StoredSchedule stored_;
  std::optional<ScheduleRules> rules_;
  ScheduleProgress progress_;
  std::string trouble_;

  bool starting_ = false;                                     ///< the first that waits is being started
  std::uint32_t tries_ = 0;                                   ///< of it, that were refused for the moment
  std::optional<Time> tried_since_;                           ///< it has had its turn since
  Time not_before_{};                                         ///< it is tried again then
  std::optional<Time> submitting_;                            ///< its run is on its way into the engine
  std::optional<RunEnd> ended_early_;                         ///< that run has ended before it was known to have begun
  std::map<std::string, std::vector<TriggerDone>> triggers_;  ///< under way, by the run's id

  std::uint64_t version_ = 1, queued_ = 0, durable_ = 0;
  std::size_t saves_ = 0, changes_ = 0;
  std::vector<FeedEntry> notices_;  ///< for the next batch
  std::deque<Done> settling_;
  std::deque<std::pair<std::uint64_t, Done>> held_;
  std::uint64_t timer_ = 0;
  bool begun_ = false;      ///< it is at work
  bool held_back_ = false;  ///< there was no room for times that came (Decided::held)
  bool pump_posted_ = false, removed_ = false, draining_ = false;
  Done quiet_;
};

}  // namespace settle
