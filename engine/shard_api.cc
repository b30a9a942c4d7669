// What the outside asks of a shard: submissions, watching and cancelling.

#include <utility>

#include "base/text.h"
#include "engine/shard.h"
#include "storage/keys.h"

namespace settle {

Error tool_call_taken(const std::string& call, const std::string& workflow) {
  return fail(ErrorCode::conflict, "tool call \"" + shorten(call, 80) + "\" runs in workflow \"" + workflow +
                                       "\" already; ask for its result there, or give an id of your own");
}

void Shard::submit(NewWorkflow submission, SubmitDone done) {
  if (draining_)
    return done(fail(ErrorCode::shutting_down, "the engine is shutting down; send the plan again in a moment"));
  const std::string key = key_of(submission.name_space, submission.id);
  if (Live* existing = live(key)) {
    const bool same = existing->workflow.header.body_digest == submission.body_digest;
    const Result<Submitted> answer =
        same ? Result<Submitted>(Submitted{false, submission.id})
             : fail(ErrorCode::conflict, "workflow \"" + submission.id + "\" exists with another body");
    if (existing->creating)
      return existing->after_creation.push_back(
          [this, submission = std::move(submission), done = std::move(done)] { submit(submission, done); });
    return when_durable(*existing, [done, answer] { done(answer); });
  }
  if (is_full()) return done(fail(ErrorCode::overloaded, "too many workflows are active; send the plan again later"));

  NamespaceUse& use = use_of(submission.name_space);
  // Looked at before anything is made; taken when it is known how much.
  if (Result<void> room = use.has_room({1, static_cast<std::int64_t>(submission.plan->document.size())}); !room)
    return done(std::move(room).error());

  std::unique_ptr<Live> made = make_live(key);
  made->creating = true;
  made->use = &use;
  made->kept.plan(submission.plan->document.size());
  made->workflow.plan = submission.plan;
  WorkflowHeader& header = made->workflow.header;
  header.name_space = submission.name_space;
  header.id = submission.id;
  header.labels = submission.labels;
  header.plan_digest = submission.plan_digest;
  header.body_digest = submission.body_digest;
  header.parent = submission.parent;
  header.depth = submission.depth;
  header.submitted_by = submission.submitted_by;
  Live& begun = *made;
  live_.emplace(key, std::move(made));
  under_way_.store(live_.size() - ended_.size(), std::memory_order_relaxed);

  Transition transition = start_workflow(begun.workflow, moment(begun));
  note_step(begun);
  WriteBatch batch;
  const keys::OfWorkflow records(header.name_space, header.id);
  batch.guards.push_back({Family::state, records.header()});
  batch.put(Family::state, records.plan(), submission.plan->document);
  if (!submission.idempotency_key.empty()) {
    std::string stands_for = keys::idempotency(header.name_space, submission.idempotency_key);
    batch.guards.push_back({Family::keys, stands_for});
    batch.put(Family::keys, std::move(stands_for), encode_key({header.id, submission.body_digest}));
  }
  for (const std::string& call : submission.tool_calls) {
    std::string stands_for = keys::tool_call(header.name_space, call);
    batch.guards.push_back({Family::keys, stands_for});
    batch.put(Family::keys, std::move(stands_for), encode_key({header.id, submission.body_digest}));
  }
  encode(begun, transition, batch);
  if (Result<void> taken = use.take(share_of(begun)); !taken) {
    clock_saved_ = Time();  // the batch that had it is dropped
    undo(begun, transition.calls);
    return done(std::move(taken).error());
  }
  begun.share = share_of(begun);
  if (submission.audit != nullptr) submission.audit->put_into(batch);
  ++counters_.submitted;
  begun.commits = 1;
  ++commits_pending_;
  ++counters_.commits;
  const std::uint32_t version = begun.workflow.header.version;
  // Nothing leaves before the guard has held, not even a safe read: the id may belong to another workflow.
  store_.commit(std::move(batch), loop_,
                [this, key, submission = std::move(submission), done = std::move(done), version,
                 effects = Effects{std::move(transition.calls), std::move(transition.children), {}},
                 gates = std::move(transition.gates)](const CommitResult& result) mutable {
                  created(key, submission, result, done, version, std::move(effects), gates);
                });
}

void Shard::created(const std::string& key, const NewWorkflow& submission, const CommitResult& result,
                    const SubmitDone& done, std::uint32_t version, Effects effects,
                    const std::vector<ActionIndex>& gates) {
  Live* found = live(key);
  SETTLE_ASSERT(found != nullptr && found->creating);
  const std::vector<std::function<void()>> waiting = std::exchange(found->after_creation, {});
  if (result.applied) {
    found->creating = false;
    move_in_lines(*found, gates);
    rearm(*found);
    leave(*found, std::move(effects));  // before the answer is written: the outside takes longest
    done(Submitted{true, submission.id});
    durable(key, found, version);
  } else {
    --commits_pending_;
    clock_saved_ = Time();  // as above
    if (submission.audit != nullptr) submission.audit->settled = false;
    found->use->give_back(found->share);
    undo(*found, effects.calls);
    done(answer_existing(submission, result));
    release(key);  // an orderly stop may have waited for this commit alone
  }
  for (const std::function<void()>& task : waiting) task();
}

/// It is not begun after all: the permits of its first calls go to others.
void Shard::undo(Live& begun, const std::vector<CallEffect>& calls) {
  for (const CallEffect& call : calls) {
    if (PermitLine* permit = permit_of(begun, call)) permit->give_back(loop_);
  }
  live_.erase(std::string(begun.key));
}

/// The submission lost to one that stands: the same body is a replay, another one is refused.
Result<Submitted> Shard::answer_existing(const NewWorkflow& submission, const CommitResult& result) {
  if (result.guard == 0) {
    const Result<StoredHeader> stored = decode_header(result.existing);
    if (!stored) return stored.error();
    if (stored->header.body_digest == submission.body_digest) return Submitted{false, submission.id};
    return fail(ErrorCode::conflict, "workflow \"" + submission.id + "\" exists with another body");
  }
  const Result<StoredKey> stored = decode_key(result.existing);
  if (!stored) return stored.error();
  if (stored->body_digest == submission.body_digest) return Submitted{false, stored->workflow};
  const std::size_t before_calls = submission.idempotency_key.empty() ? 1 : 2;
  if (result.guard >= before_calls)
    return tool_call_taken(submission.tool_calls.at(result.guard - before_calls), stored->workflow);
  return fail(ErrorCode::idempotency_key_reused, "this Idempotency-Key came with another body before");
}

bool Shard::satisfied(const Live& live, const Watch& watch) const {
  const WorkflowHeader& header = live.workflow.header;
  const bool ended = header.status == WorkflowStatus::ended;
  switch (watch.until.what) {
    case WaitFor::now:
      return true;
    case WaitFor::ended:
      return ended;
    case WaitFor::attention:
      return ended || header.attention;
    case WaitFor::events:
      return ended || header.events > watch.until.after;
  }
  return true;
}

void Shard::watch(const std::string& name_space, const std::string& id, Until until, Time deadline, Look look,
                  const Refuse& refuse) {
  const Result<Live*> found = find(name_space, id);
  if (!found) return refuse(found.error());
  Live& watched = **found;
  if (watched.creating) {
    return watched.after_creation.push_back([=, this] { watch(name_space, id, until, deadline, look, refuse); });
  }
  const std::string key = watched.key;
  Watch made{until, 0, std::move(look)};
  if (satisfied(watched, made) || deadline <= loop_.now()) {
    give(watched, made);
    return release(key);
  }
  if (watches_ >= limits_.watches_max) {
    refuse(fail(ErrorCode::overloaded, "too many requests wait for workflows"));
    return release(key);
  }
  const std::uint64_t number = next_watch_++;
  ++watches_;
  made.timer = loop_.schedule(deadline, [this, key, number] {
    Live* late = live(key);
    if (late == nullptr) return;
    const auto found_watch = late->watches.find(number);
    if (found_watch == late->watches.end()) return;
    const Watch over = std::move(found_watch->second);
    late->watches.erase(found_watch);
    --watches_;
    give(*late, over);
    release(key);
  });
  watched.watches.emplace(number, std::move(made));
}

/// Looks now; hands out when that version is durable.
void Shard::give(Live& live, const Watch& watch) {
  when_durable(live, watch.look(live.workflow));
}

void Shard::serve_watches(Live& live) {
  for (auto at = live.watches.begin(); at != live.watches.end();) {
    if (!satisfied(live, at->second)) {
      ++at;
      continue;
    }
    loop_.cancel(at->second.timer);
    --watches_;
    const Watch watch = std::move(at->second);
    at = live.watches.erase(at);
    give(live, watch);
  }
}

void Shard::when_durable(Live& live, std::function<void()> give) {
  if (live.durable >= live.workflow.header.version) return give();
  live.held.push_back({live.workflow.header.version, std::move(give)});
}

void Shard::operate(const std::string& name_space, const std::string& id, const Operation& operation, const Done& done,
                    const AuditNotePtr& audit) {
  const Result<Live*> found = find(name_space, id);
  if (!found) return done(found.error());
  Live& chosen = **found;
  if (chosen.creating)
    return chosen.after_creation.push_back([=, this] { operate(name_space, id, operation, done, audit); });
  const std::string key = chosen.key;
  // A retry must not change what the receipts of the end are written from.
  if (chosen.gathered && chosen.workflow.header.status == WorkflowStatus::ended)
    return when_durable(chosen, [=, this] { operate(name_space, id, operation, done, audit); });
  // After a leap of the clock a timer is late by the engine's time: what is due comes before what a person says.
  const std::optional<Time> due = chosen.workflow.next_wake();
  if (!draining_ && due && *due <= loop_.now()) apply(chosen, on_timer(chosen.workflow, moment(chosen)));
  Result<Transition> transition = operation(chosen.workflow, moment(chosen));
  if (transition) {
    const AuditNotePtr told = transition->changed ? audit : nullptr;
    apply(chosen, *std::move(transition), told);
    when_durable(chosen, [done] { done({}); });
  } else {
    when_durable(chosen, [done, error = std::move(transition).error()] { done(error); });  // it shows state, too
  }
  release(key);
}

}  // namespace settle
