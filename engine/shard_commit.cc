// From a step to the disk: what changed is gathered, written in one batch, and what follows from it leaves once that is
// durable.

#include <algorithm>
#include <functional>
#include <iterator>

#include "engine/shard.h"
#include "engine/step_records.h"
#include "storage/committer.h"
#include "storage/keys.h"

namespace settle {
namespace {

constexpr Duration clock_interval{1'000};

/// An answer whose read-back is under way waits for that at most so long.
constexpr Duration linger_max{5};

/// All that has changed is executed and being read back, and nobody waits for that to be durable: when the read-back
/// has come, both are written together. A crash before makes the send unclear, as one a moment earlier would have; in
/// mode none that would need a person, so there it is not risked.
bool only_reads_back(const Workflow& workflow, const Transition& transition) {
  const auto reads_back = [&](ActionIndex index) {
    const bool may_be_unclear = workflow.call_of(index).tool->mode != IdempotencyMode::none;
    return workflow.actions[index].stage == Stage::reading && may_be_unclear;
  };
  return !transition.actions.empty() && transition.calls.empty() && transition.children.empty() &&
         transition.signals.empty() && std::all_of(transition.actions.begin(), transition.actions.end(), reads_back);
}

}  // namespace

/// While a batch of this loop is on its way to the disk, what changes meanwhile is gathered, so that several steps of a
/// workflow share a batch; else it is written at once.
void Shard::apply(Live& live, Transition transition, const AuditNotePtr& audit) {
  if (!transition.changed) return;
  note_step(live);
  if (on_step_) on_step_(live.workflow, transition, loop_);
  move_in_lines(live, transition.gates);
  std::vector<CallEffect> later;
  for (CallEffect& call : transition.calls) {
    if (call.at_once && !draining_) {
      start_call(live, std::move(call));
    } else {
      later.push_back(std::move(call));
    }
  }
  transition.calls = std::move(later);
  gather(live, std::move(transition), audit);
  if (commits_under_way_ == 0) commit_gathered();
  rearm(live);
  serve_watches(live);
}

void Shard::gather(Live& live, Transition transition, const AuditNotePtr& audit) {
  const bool urgent = audit != nullptr || !only_reads_back(live.workflow, transition);
  if (live.gathered) {
    live.gathered->urgent = live.gathered->urgent || urgent;
    merge(live.gathered->transition, std::move(transition));
  } else {
    live.gathered = Gathered{std::move(transition), urgent, loop_.now()};
    gathered_.push_back(&live);
    ++live.commits;
    ++commits_pending_;
  }
  if (audit != nullptr) live.gathered->audits.push_back(audit);
}

/// One batch for each workflow that has changed, but for those that may wait for what comes next.
void Shard::commit_gathered() {
  const Time now = loop_.now();
  const auto may_wait = [&](const Live* live) {
    return !live->gathered->urgent && now < live->gathered->since + linger_max && !draining_;
  };
  const auto first_to_wait = std::partition(gathered_.begin(), gathered_.end(), std::not_fn(may_wait));
  std::vector<Live*> changed(gathered_.begin(), first_to_wait);
  gathered_.erase(gathered_.begin(), first_to_wait);
  if (!gathered_.empty()) linger();
  std::vector<WriteBatch> batches(changed.size());
  std::vector<Transition> transitions(changed.size());
  std::vector<Share> freed(changed.size());
  for (std::size_t i = 0; i < changed.size(); ++i) {
    Gathered gathered = *std::exchange(changed[i]->gathered, std::nullopt);
    transitions[i] = std::move(gathered.transition);
    encode(*changed[i], transitions[i], batches[i]);
    freed[i] = take_share(*changed[i]);
    for (const AuditNotePtr& audit : gathered.audits) audit->put_into(batches[i]);
  }
  commits_under_way_ = changed.size();
  counters_.commits += changed.size();
  for (std::size_t i = 0; i < changed.size(); ++i) {
    Effects effects{std::move(transitions[i].calls), std::move(transitions[i].children), freed[i]};
    store_.commit(std::move(batches[i]), loop_,
                  [this, key = changed[i]->key, version = changed[i]->workflow.header.version,
                   effects = std::move(effects)](const CommitResult&) mutable {
                    committed(key, version, std::move(effects));
                    if (--commits_under_way_ == 0 && !gathered_.empty()) commit_gathered();
                  });
  }
}

/// Sees to it that nothing waits for longer than linger_max.
void Shard::linger() {
  if (std::exchange(lingers_, true)) return;
  Time first = Time::max();
  for (const Live* live : gathered_) first = std::min(first, live->gathered->since);
  loop_.schedule(first + linger_max, [this] {
    lingers_ = false;
    if (commits_under_way_ == 0 && !gathered_.empty()) commit_gathered();  // else when those have come back
  });
}

void Shard::encode(Live& live, const Transition& transition, WriteBatch& batch) {
  const Workflow& workflow = live.workflow;
  const std::optional<Time> due = due_of(workflow);
  const keys::OfWorkflow records(workflow.header.name_space, workflow.header.id);
  if (due != live.due_at) {
    if (live.due_at) batch.erase(Family::due, records.due(*live.due_at));
    if (due) batch.put(Family::due, records.due(*due), "");
  }
  live.due_at = due;
  const Marks marks = marks_of(workflow.header);
  change_marks(workflow.header, std::exchange(live.marks, marks), marks, batch);
  write_step(workflow, transition, due, live.kept, batch);
  live.receipts_taken = workflow.header.receipts;
  const auto is_end = [](const HistoryEvent& event) { return event.type == "workflow.ended"; };
  counters_.ended +=
      static_cast<std::uint64_t>(std::count_if(transition.history.begin(), transition.history.end(), is_end));
  live.stored_bytes += bytes_of(batch);
  const Time now = loop_.now();
  if (now - clock_saved_ >= clock_interval) {
    clock_saved_ = now;
    batch.put(Family::meta, std::string(keys::clock), format_time(now));
  }
  // A batch that may be dropped takes no such thing with it.
  if (loop_.leapt() > leap_saved_ && batch.guards.empty()) {  // with the first thing that is decided by the new time
    leap_saved_ = loop_.leapt();
    batch.put(Family::meta, std::string(keys::leap), format_time(leap_saved_));
  }
}

Share Shard::share_of(const Live& live) {
  if (live.workflow.header.status == WorkflowStatus::ended) return {};
  return {1, static_cast<std::int64_t>(live.kept.total())};
}

/// What it needs more is taken now; what it no longer needs is returned, to be given back when that is durable: so
/// after a crash no namespace has more than was counted.
Share Shard::take_share(Live& live) {
  const Share was = std::exchange(live.share, share_of(live));
  const Share more{live.share.workflows - was.workflows, live.share.bytes - was.bytes};
  live.use->add({std::max<std::int64_t>(more.workflows, 0), std::max<std::int64_t>(more.bytes, 0)});
  return {std::max<std::int64_t>(-more.workflows, 0), std::max<std::int64_t>(-more.bytes, 0)};
}

NamespaceUse& Shard::use_of(const std::string& name_space) {
  NamespaceUse*& use = uses_[name_space];
  if (use == nullptr) use = &usage_.of(name_space);
  return *use;
}

void Shard::committed(const std::string& key, std::uint32_t version, Effects effects) {
  Live* found = live(key);
  SETTLE_ASSERT(found != nullptr);
  leave(*found, std::move(effects));
  durable(key, found, version);
}

void Shard::leave(Live& live, Effects effects) {
  live.use->give_back(effects.freed);
  for (CallEffect& call : effects.calls) start_call(live, std::move(call));
  for (const ChildEffect& child : effects.children) order_child(live, child);
}

/// Whoever waits for this version gets it.
void Shard::durable(const std::string& key, Live* found, std::uint32_t version) {
  SETTLE_ASSERT(found->commits > 0);
  bell_.ring();
  --found->commits;
  --commits_pending_;
  found->durable = version;
  tell_parent(*found);
  tell_schedule(*found);
  const auto is_later = [&](const Held& held) { return held.version > found->durable; };
  const auto later = std::find_if(found->held.begin(), found->held.end(), is_later);
  const std::vector<Held> due(std::move_iterator(found->held.begin()), std::move_iterator(later));
  found->held.erase(found->held.begin(), later);
  for (const Held& one : due) one.give();
  release(key);
}

}  // namespace settle
