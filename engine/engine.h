#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/documents.h"
#include "engine/listing.h"
#include "engine/outbox.h"
#include "engine/schedules.h"
#include "engine/shard.h"

namespace settle {

/// A request to run a plan, as it came in: `body` is {id?, plan, labels?}, read strictly already.
struct SubmitRequest {
  std::string name_space = "default";
  std::string idempotency_key;
  Json body;
  std::vector<std::string> tool_calls = {};  ///< ids of tool calls that may run in no other workflow
  std::string submitted_by = {};             ///< who can't approve what it does; empty: not known
  AuditNotePtr audit = nullptr;              ///< enters the batch that creates the workflow, which becomes its target
};

/// Which requests for approval; without a state all of them, the open ones first.
struct ApprovalQuery {
  std::string name_space = "default";
  std::optional<ApprovalState> state = ApprovalState::open;
  std::string workflow = {};
  std::size_t limit = 50;
  std::string cursor = {};  ///< of the page before; empty: from the newest
};

/// How the parts of an engine are to behave, and what they may use.
struct EngineOptions {
  ShardLimits shard = {};  ///< `live_max` of all shards together
  PlanLimits plan = {};
  OutboxOptions outbox = {};
  QuotaOptions quotas = {};
  ScheduleOptions schedules = {};
};

/// The engine's face: every call may come from any loop, and `done` runs on the loop given. Owned by main().
class Engine {
 public:
  struct Part {
    Loop* loop;
    Connector* connector;
    Connector* webhooks = nullptr;  ///< of deliveries to subscribers; null: the same
  };
  Engine(Store& store, ToolRegistry& tools, std::vector<Part> parts, EngineOptions options = {});

  /// Takes up everything that was under way, in parallel, without looking at finished work; requests may come
  /// meanwhile. `ready` runs once, on the first loop, when every shard has taken up what is its own. `damaged` is told,
  /// now or later, of workflows that can't be loaded when their time comes; on any loop. Errors: corruption.
  Result<void> recover(std::function<void()> ready, std::function<void(const Error&)> damaged);

  struct Started {
    bool created = false;
    WorkflowText workflow;
  };
  /// Errors: invalid_argument, invalid_plan, conflict, idempotency_key_reused, overloaded, quota_exceeded,
  /// payload_too_large (more than the quota of its namespace ever gives), disk_full, shutting_down.
  void submit(SubmitRequest request, Loop& loop, std::function<void(Result<Started>)> done);

  /// The whole static check of a plan; nothing is stored. Pointers are into the plan; a tool of which every version is
  /// disabled is `tool_disabled`. What does not stand in the way is appended to `warnings` if given.
  Result<std::shared_ptr<const Plan>> check(const std::string& name_space, const Json& plan,
                                            std::vector<Problem>* warnings = nullptr) const;

  /// The workflow's document; waits up to `wait` for its end (or attention). Errors: not_found, overloaded.
  void get(const std::string& name_space, const std::string& id, WaitFor until, Duration wait, Loop& loop,
           std::function<void(Result<WorkflowText>)> done);
  /// The same with something else to see: `render` runs on the workflow's loop.
  template <class View>
  void show(const std::string& name_space, const std::string& id, WaitFor until, Duration wait, Loop& loop,
            View (*render)(const Workflow&), std::function<void(Result<View>)> done) {
    const auto look = [render, &loop, done](const Workflow& workflow) {
      return [view = std::make_shared<View>(render(workflow)), &loop, done] {
        on(loop, [view, done] { done(std::move(*view)); });
      };
    };
    watch(name_space, id, {until}, wait, look, loop, [done](const Error& error) { done(error); });
  }
  /// Whether it ran for a run that has begun another workflow since, or whose fallback (or for whose fallback the
  /// action itself) has taken its place, and so no longer hears of this one. As far as that is durable: what another
  /// loop has only decided is not seen.
  Result<bool> is_replaced(const WorkflowHeader& header) const;
  /// Applies what a person asks; `done` gets the workflow's document once that is durable. Errors: not_found, those of
  /// the operation (engine/operations.h).
  void operate(const std::string& name_space, const std::string& id, Shard::Operation operation, Loop& loop,
               std::function<void(Result<WorkflowText>)> done, AuditNotePtr audit = nullptr);

  /// Delivers a signal; `digest` and `payload` are filled in already. Errors: not_found, invalid_argument, wrong_state,
  /// idempotency_key_reused, signals_full, quota_exceeded, payload_too_large (as there), disk_full, shutting_down.
  void signal(const std::string& name_space, const std::string& id, Signal signal, Loop& loop,
              std::function<void(Result<Shard::Delivered>)> done, AuditNotePtr audit = nullptr);

  // approvals.cc
  /// {"approvals": […], "next_cursor"}, newest first. Errors: invalid_argument (a cursor that is none).
  Result<Json> approvals(const ApprovalQuery& query) const;
  /// All of one request, as it is durable. Errors: not_found.
  Result<Json> approval(const std::string& name_space, const std::string& id) const;
  /// What somebody says to it; `done` gets its document once that is durable. Errors: not_found, approval_changed,
  /// wrong_state, forbidden.
  void decide(const std::string& name_space, const std::string& id, Verdict verdict, Loop& loop,
              std::function<void(Result<Json>)> done, AuditNotePtr audit = nullptr);

  struct Page {
    std::vector<Json> events;
    bool ended = false;  ///< the workflow has ended, and these are all events that there will be
  };
  /// Durable events after `after`; waits up to `wait` when there are none yet. Errors: not_found, overloaded.
  void events(const std::string& name_space, const std::string& id, std::uint32_t after, std::size_t limit,
              Duration wait, Loop& loop, std::function<void(Result<Page>)> done);

  /// Canonical bytes of the durable receipts. Errors: not_found.
  Result<std::vector<std::string>> receipts(const std::string& name_space, const std::string& id) const;
  Result<std::string> receipt(const std::string& name_space, const std::string& receipt_id) const;
  void report(const std::string& name_space, const std::string& id, Loop& loop, std::function<void(Result<Json>)> done);
  /// {"workflows": […], "next_cursor"}. Errors: invalid_argument (a cursor that is none).
  Result<Json> list(const ListQuery& query) const;

  ToolRegistry& tools() { return tools_; }
  const ToolRegistry& tools() const { return tools_; }
  Store& store() { return store_; }
  /// Who is told of events, and how far that is.
  Outbox& outbox() { return *outbox_; }
  /// Plans that are run again and again.
  Schedules& schedules() { return *schedules_; }
  FeedBell& feed_bell() { return bell_; }
  /// What the open workflows of each namespace take. Bytes count only where they are limited: else those from before
  /// the start are missing.
  Usage& usage() { return usage_; }

  /// Stops taking work and starting calls; waits for calls under way at most `patience`, then ends them. `done` runs on
  /// the first loop.
  void shutdown(Duration patience, std::function<void()> done);
  /// For tests: sees each step of every workflow, on its loop. Set before anything else is asked.
  void observe(const Shard::OnStep& on_step) {
    for (Home& home : homes_) home.shard->observe(on_step);
  }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  /// Sum over all shards; `done` runs on `loop`.
  void counters(Loop& loop, std::function<void(Shard::Counters)> done);

 private:
  struct Home {
    Loop& loop;
    Connector& connector;
    std::unique_ptr<Shard> shard;
  };
  const Home& home_of(const std::string& name_space, const std::string& id) const;
  /// `look` runs on the workflow's loop, `refuse` on `loop`.
  void watch(const std::string& name_space, const std::string& id, Shard::Until until, Duration wait, Shard::Look look,
             Loop& loop, Shard::Refuse refuse);
  std::string new_id(const std::string& name_space, Loop& loop) const;
  Result<NewWorkflow> prepare(const SubmitRequest& request, Loop& loop) const;
  // children.cc
  void connect_shards();
  Result<NewWorkflow> prepare_child(const ChildOrder& order) const;
  std::optional<Result<Submitted>> replay(const SubmitRequest& request, const std::string& body_digest) const;
  void answer(const std::string& name_space, Result<Submitted> submitted, Loop& loop,
              const std::function<void(Result<Started>)>& done);

  Store& store_;
  ToolRegistry& tools_;
  const PlanLimits plan_limits_;
  PermitLines lines_;
  FeedBell bell_;
  Usage usage_;
  std::vector<Home> homes_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<Schedules> schedules_;
  std::atomic<bool> stopping_{false};
};

/// "wf_" and a UUIDv7 (RFC 9562 §5.7).
std::string new_workflow_id(Time now, std::uint64_t entropy_high, std::uint64_t entropy_low);

}  // namespace settle
