#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "connectors/connector.h"
#include "engine/audit.h"
#include "engine/child_line.h"
#include "engine/children.h"
#include "engine/due_keys.h"
#include "engine/feed_watch.h"
#include "engine/limits.h"
#include "engine/listing.h"
#include "engine/load.h"
#include "engine/loop.h"
#include "engine/tools.h"
#include "engine/usage.h"
#include "storage/store.h"
#include "workflows/step.h"

namespace settle {

/// A workflow to begin. The plan is checked already.
struct NewWorkflow {
  std::string name_space;
  std::string id;
  std::string idempotency_key;  ///< of the API; empty: none
  /// Ids of a model's tool calls that run in no other workflow; each is guarded like an Idempotency-Key.
  std::vector<std::string> tool_calls;
  std::string body_digest;
  std::string plan_digest;
  std::map<std::string, std::string> labels;
  std::shared_ptr<const Plan> plan;
  std::optional<ParentLink> parent;  ///< the run that it runs for
  std::uint32_t depth = 0;           ///< parents above it
  std::string submitted_by;          ///< empty: not known
  AuditNotePtr audit = nullptr;      ///< enters the batch that creates it
};

/// The refusal of a tool call that runs in another workflow.
Error tool_call_taken(const std::string& call, const std::string& workflow);

/// How a submission ended.
struct Submitted {
  bool created = false;  ///< false: the first workflow stands (same body)
  std::string
      id;  ///< of the workflow that counts; another than the submitted one when an Idempotency-Key stands for it
};

/// What a watcher waits for.
enum class WaitFor : std::uint8_t { now, ended, attention, events };

struct ShardLimits {
  std::size_t live_max = 200'000;  ///< workflows in memory; beyond: submissions are refused (overloaded)
  std::size_t watches_max = 20'000;
  std::size_t children_waiting_max = 100'000;  ///< for room; beyond: they fail (overloaded), with effect none
  std::uint32_t calls_per_workflow = 32;       ///< under way at one time; further actions start when one has ended
  /// While others get on, as many as those have calls and steps under way, and at least so many.
  std::uint32_t calls_beside_others = 8;
  Duration rest_after{30'000};   ///< a workflow whose next timer is farther away leaves memory
  std::size_t ended_kept = 128;  ///< small workflows that ended last stay: their clients are about to ask
};

/// All workflows of some partitions: loads, asks the core, commits, and only then acts. Everything runs on one loop;
/// there is nothing to lock. Effects leave when their commit is durable; a safe read at once (DESIGN, "The loop").
class Shard final : private PermitSink {
 public:
  Shard(Loop& loop, Store& store, const ToolRegistry& tools, Connector& connector, PermitLines& lines, FeedBell& bell,
        Usage& usage, ShardLimits limits);

  using SubmitDone = std::function<void(Result<Submitted>)>;
  /// Looks at the workflow, and hands out what it has seen when it is asked to.
  using Look = std::function<std::function<void()>(const Workflow&)>;
  using Refuse = std::function<void(const Error&)>;
  using Done = std::function<void(Result<void>)>;

  /// Begins a workflow. Errors: conflict, idempotency_key_reused, overloaded, quota_exceeded, payload_too_large (more
  /// than the quota of its namespace ever gives), shutting_down, corruption.
  void submit(NewWorkflow submission, SubmitDone done);
  struct Until {
    WaitFor what;
    std::uint32_t after = 0;  ///< of WaitFor::events: the number of the last one that is known
  };
  /// Looks at the workflow once `until` holds or `deadline` has come, and has it handed out when what was seen is
  /// durable. Errors: not_found, overloaded, corruption, configuration.
  void watch(const std::string& name_space, const std::string& id, Until until, Time deadline, Look look,
             const Refuse& refuse);
  /// What a person asks of a workflow; it may refuse, and a transition without a change is fine.
  using Operation = std::function<Result<Transition>(Workflow&, const Moment&)>;
  /// Applies it to the workflow; `done` runs once that is durable. Errors: not_found, those of the operation.
  /// The audit's record enters the same batch, if anything changes.
  void operate(const std::string& name_space, const std::string& id, const Operation& operation, const Done& done,
               const AuditNotePtr& audit = nullptr);

  struct Delivered {
    bool created = false;  ///< false: this key brought the same signal before
    Json signal;           ///< its document
  };
  /// Delivers a signal; `done` runs when it is durable. Errors: not_found, wrong_state (the workflow has ended),
  /// idempotency_key_reused, signals_full, quota_exceeded, payload_too_large (more than the quota ever gives),
  /// shutting_down.
  void signal(const std::string& name_space, const std::string& id, Signal signal,
              std::function<void(Result<Delivered>)> done, const AuditNotePtr& audit = nullptr);

  using OnStep = std::function<void(const Workflow& workflow, const Transition& transition, Loop& loop)>;
  /// Sees each step of a workflow that exists when it is made, before it is gathered for the disk.
  void observe(OnStep on_step) { on_step_ = std::move(on_step); }

  /// Where children and parents live. Set once, before anything else is asked.
  void connect(Relatives relatives) { relatives_ = std::move(relatives); }
  /// A workflow of another shard wants a child here: begins it, or sees it cancelled, or answers how it ended. What
  /// can't be begun for the moment (overloaded, no room on the disk or in the quota) waits for its turn.
  void child_ordered(ChildOrder order);
  /// A child tells its parent here.
  void child_reported(const ChildReport& report);

  /// After a start, before anything else is asked: takes up those that are due (`at_once`), the oldest first and a few
  /// at a time, in between what else the loop has to do, and wakes the others when they are. `ready` runs when all that
  /// were due at this moment are taken up; never when the engine is stopped before. A workflow that is asked for
  /// meanwhile is taken up then. What can't be loaded when its time comes, now or later, is told through `damaged`.
  void recover(DueKeys at_once, DueKeys sleepers, std::function<void()> ready,
               std::function<void(const Error&)> damaged);

  /// Starts no call and takes no work any more; `quiet` runs once nothing is under way.
  void drain(std::function<void()> quiet);

  struct Counters {
    std::uint64_t submitted = 0, ended = 0, calls = 0, commits = 0;
    std::size_t live = 0, in_flight = 0, sleeping = 0;
  };
  Counters counters() const;

  /// Workflows in memory that have not come to their end. Thread: any.
  std::size_t under_way() const { return under_way_.load(std::memory_order_relaxed); }

 private:
  struct Watch {
    Until until;
    std::uint64_t timer;
    Look look;
  };
  struct Held {
    std::uint32_t version;  ///< what is shown; to be handed out once it is durable
    std::function<void()> give;
  };
  /// Steps that are not yet on their way to the disk.
  struct Gathered {
    Transition transition;
    bool urgent = true;  ///< something waits for them to be durable
    Time since{};
    std::vector<AuditNotePtr> audits = {};
  };
  struct Live {
    std::string key;
    std::uint64_t number = 0;  ///< of no other in this process
    Workflow workflow;
    std::uint32_t durable = 0;  ///< version
    std::optional<Gathered> gathered;
    std::uint32_t receipts_taken = 0;            ///< the newest that is on its way to the disk, or there
    std::size_t commits = 0;                     ///< gathered or queued, and not yet durable
    std::size_t calls = 0;                       ///< under way
    bool creating = false;                       ///< its first commit may still lose its guard
    bool end_told = false;                       ///< to its parent
    bool run_end_told = false;                   ///< to its schedule
    std::optional<bool> attention_told = false;  ///< null: it has asked, and is to be told whatever it is
    std::optional<Time> due_at;                  ///< as stored
    Marks marks = 0;                             ///< as stored
    KeptBytes kept = {};                         ///< as of the last batch
    NamespaceUse* use = nullptr;                 ///< of its namespace
    Share share = {};                            ///< what it has taken of that
    std::size_t stored_bytes = 0;                ///< what was written of it since it is in memory
    bool loaded = false;                         ///< from the store, so that `stored_bytes` does not tell its size
    bool stays = false;                          ///< stands in ended_
    std::optional<Time> timer_at;                ///< as in timers_
    std::map<std::uint64_t, Watch> watches;
    std::vector<Held> held;  ///< by version
    std::vector<std::function<void()>> after_creation;
  };

  // shard_commit.cc
  /// `audit`: what is written about whoever asked for the step, in the batch of the change.
  void apply(Live& live, Transition transition, const AuditNotePtr& audit = nullptr);
  void gather(Live& live, Transition transition, const AuditNotePtr& audit);
  void commit_gathered();
  void linger();
  void encode(Live& live, const Transition& transition, WriteBatch& batch);
  /// What leaves once a transition is durable.
  struct Effects {
    std::vector<CallEffect> calls;
    std::vector<ChildEffect> children;
    Share freed = {};  ///< of the namespace's quota
  };
  void committed(const std::string& key, std::uint32_t version, Effects effects);
  void leave(Live& live, Effects effects);
  void durable(const std::string& key, Live* found, std::uint32_t version);
  static Share share_of(const Live& live);
  static Share take_share(Live& live);
  NamespaceUse& use_of(const std::string& name_space);

  // shard.cc
  Result<Live*> find(const std::string& name_space, const std::string& id);
  std::unique_ptr<Live> make_live(const std::string& key);
  /// What a workflow is known by here, and its namespace and id again.
  static std::string key_of(const std::string& name_space, const std::string& id);
  static std::pair<std::string, std::string> split(const std::string& key);
  Live* live(const std::string& key);
  void start_call(Live& live, CallEffect effect);
  void call_ended(const std::string& key, ActionIndex action, std::uint32_t number, Outcome outcome,
                  PermitLine* permit);
  void rearm(Live& live);
  void set_timer(Live& live, std::optional<Time> at);
  void arm_timer();
  void timer();
  void release(const std::string& key);
  bool is_idle(const Live& live) const;
  std::uint32_t calls_allowed(const Live& live) const;
  void note_step(const Live& live);
  void keep_ended(Live& ended);
  Moment moment(const Live& live) {
    return {loop_.now(), loop_.entropy(), &gate_, loop_.leapt(), live.receipts_taken, calls_allowed(live)};
  }

  // shard_recovery.cc
  struct Recovery {
    DueKeys sleepers;  ///< whose timers are not set yet
    Time began;
    std::function<void()> ready;
  };
  void put_to_sleep();
  void tell_recovered();
  void take_up(Live& live);

  // shard_permits.cc
  void permitted(PermitLine& line, const std::string& key, ActionIndex run) override;
  void move_in_lines(const Live& live, const std::vector<ActionIndex>& gates);
  PermitLine* permit_of(const Live& live, const CallEffect& call);
  void return_permit(PermitLine& line, const Outcome& outcome);

  // shard_api.cc
  bool is_full() const { return live_.size() - ended_.size() >= limits_.live_max; }
  void created(const std::string& key, const NewWorkflow& submission, const CommitResult& result,
               const SubmitDone& done, std::uint32_t version, Effects effects, const std::vector<ActionIndex>& gates);
  void undo(Live& begun, const std::vector<CallEffect>& calls);
  static Result<Submitted> answer_existing(const NewWorkflow& submission, const CommitResult& result);
  bool satisfied(const Live& live, const Watch& watch) const;
  void give(Live& live, const Watch& watch);
  void serve_watches(Live& live);
  void when_durable(Live& live, std::function<void()> give);

  // shard_children.cc
  void order_child(const Live& live, const ChildEffect& effect);
  void tell_parent(Live& live);
  void tell_schedule(Live& live);
  void report(const ChildOrder& order, const ChildEnd& end);
  void refuse(const ChildOrder& order, const Error& why, const std::string& before = "");
  void begin_child(ChildOrder order);
  Result<void> room_for(const ChildOrder& order);
  void not_begun(ChildOrder order, const Error& why);
  void wait_in_line(ChildOrder order);
  void let_children_in();
  bool let_in(const std::string& name_space, ChildLine& line, std::size_t& left);

  Loop& loop_;
  Store& store_;
  const ToolRegistry& tools_;
  Connector& connector_;
  ShardGate gate_;
  FeedBell& bell_;
  Usage& usage_;
  const ShardLimits limits_;
  std::unordered_map<std::string, NamespaceUse*> uses_;  ///< that were asked for here
  std::unordered_map<std::string, std::unique_ptr<Live>> live_;
  std::deque<std::string> ended_;  ///< keys of those that are kept although they have ended, oldest first
  std::atomic<std::size_t> under_way_{0};
  std::set<std::pair<Time, std::string>> timers_;  ///< of live workflows and of sleeping ones
  std::uint64_t timer_ = 0;
  Time timer_armed_ = Time::max();
  std::uint64_t next_watch_ = 1;
  std::uint64_t next_live_ = 1;
  std::size_t watches_ = 0;
  std::size_t in_flight_ = 0;  ///< calls
  struct Stepped {
    std::uint64_t who = 0;  ///< Live::number; 0: nobody yet
    Time at{};
  };
  Stepped last_step_, last_of_another_;  ///< the newest step, and the newest of a workflow other than that one
  std::size_t commits_pending_ = 0;      ///< gathered or queued, and not yet durable
  std::vector<Live*> gathered_;          ///< workflows that changed while a batch was on its way
  std::size_t commits_under_way_ = 0;
  bool lingers_ = false;  ///< a timer is set for what may wait
  Time clock_saved_{};
  Time leap_saved_ = Time::min();
  bool draining_ = false;
  std::function<void()> quiet_;
  std::optional<Recovery> recovery_;  ///< until all is taken up
  std::function<void(const Error&)> damaged_;
  Relatives relatives_;
  OnStep on_step_;
  /// Of children that could not be begun yet, by namespace. A line that was needed once stays, so that turns are
  /// unique.
  std::map<std::string, ChildLine> child_lines_;
  bool lines_armed_ = false;  ///< it is seen to that they are looked at again
  Counters counters_;
};

}  // namespace settle
