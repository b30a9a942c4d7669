#include "engine/shard.h"

#include <algorithm>

#include "engine/approvals.h"
#include "receipts/entry.h"
#include "storage/keys.h"

namespace settle {
namespace {

/// When a restart has to take the workflow up: at once while a call or a workflow of its own is under way, or a permit
/// is waited for (its creation, so that the queue stays in order of time), at its next timer, or never (it waits for a
/// person, or has ended and is not looked at again).
std::optional<Time> due_of(const Workflow& workflow) {
  if (workflow.gated > 0) return workflow.header.created_at;
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const Stage stage = workflow.actions[i].stage;
    const bool has_child = stage == Stage::waiting && workflow.call_of(i).tool->builtin == Builtin::run_plan;
    if (is_calling(stage) || has_child) return workflow.header.created_at;
  }
  return workflow.next_wake();
}

constexpr Duration clock_interval{1'000};

/// The newest moment that is stored of it. The stored clock may be older, by up to clock_interval.
Time newest_time(const Workflow& workflow) {
  Time newest = std::max(workflow.header.created_at, workflow.header.ended_at.value_or(Time()));
  for (const ActionState& run : workflow.actions) {
    for (const std::optional<Time>& time :
         {std::optional<Time>(run.since), run.scheduled_at, run.first_send_at, run.closed_at, run.executed_at,
          run.verified_at, run.observed_at, run.before_at, run.recheck_since})
      newest = std::max(newest, time.value_or(Time()));
    if (run.approval) newest = std::max(newest, run.approval->requested_at);
    for (std::size_t i = 0; run.approval && i < run.approval->decisions.size(); ++i)
      newest = std::max(newest, run.approval->decisions[i].at);
  }
  return newest;
}

}  // namespace

Shard::Shard(Loop& loop, Store& store, const ToolRegistry& tools, Connector& connector, PermitLines& lines,
             ShardLimits limits)
    : loop_(loop), store_(store), tools_(tools), connector_(connector), gate_(lines), limits_(limits) {}

std::string Shard::key_of(const std::string& name_space, const std::string& id) {
  return name_space + '\0' + id;
}

std::pair<std::string, std::string> Shard::split(const std::string& key) {
  const std::size_t end = key.find('\0');
  return {key.substr(0, end), key.substr(end + 1)};
}

Shard::Live* Shard::live(const std::string& key) {
  const auto found = live_.find(key);
  return found == live_.end() ? nullptr : found->second.get();
}

/// The workflow in memory, loaded when it is not there. Not yet durable ones are always there.
Result<Shard::Live*> Shard::find(const std::string& name_space, const std::string& id) {
  const std::string key = key_of(name_space, id);
  if (Live* found = live(key)) return found;
  const std::unique_ptr<Reader> reader = store_.snapshot();
  Result<std::optional<LoadedWorkflow>> loaded = load_workflow(*reader, tools_, name_space, id);
  if (!loaded) return std::move(loaded).error();
  if (!*loaded) return fail(ErrorCode::not_found, "there is no workflow \"" + id + "\"");
  auto made = std::make_unique<Live>();
  made->key = key;
  made->workflow = std::move((*loaded)->workflow);
  made->durable = made->workflow.header.version;
  made->due_at = (*loaded)->due_at;
  made->attention_told = made->workflow.header.attention;
  loop_.not_before(newest_time(made->workflow));
  Live& out = *made;
  live_.emplace(key, std::move(made));
  // Nobody here waits for the calls that the record speaks of: they were made by a process that is gone.
  const std::vector<ActionState>& runs = out.workflow.actions;
  const bool interrupted =
      std::any_of(runs.begin(), runs.end(), [](const ActionState& run) { return is_calling(run.stage); });
  if (interrupted) {
    apply(out, on_restart(out.workflow, moment()), {});
  } else if (out.workflow.next_wake()) {
    out.timer_at = out.workflow.next_wake();  // a sleeper's timer may be set already; the set keeps one
    timers_.emplace(*out.timer_at, key);
    arm_timer();
  }
  return &out;
}

/// One batch: state, history, receipts, index and the entry that a restart finds it by. Then, when durable, the
/// effects.
void Shard::apply(Live& live, Transition transition, WriteBatch batch) {
  if (!transition.changed) return;
  encode(live, transition, batch);
  move_in_lines(live, transition.gates);
  Effects later;
  later.children = std::move(transition.children);
  for (CallEffect& call : transition.calls) {
    if (call.at_once && !draining_) {
      start_call(live, std::move(call));
    } else {
      later.calls.push_back(std::move(call));
    }
  }
  ++live.commits;
  ++commits_pending_;
  ++counters_.commits;
  const std::string key = live.key;
  const std::uint32_t version = live.workflow.header.version;
  store_.commit(std::move(batch), loop_, [this, key, version, later = std::move(later)](const CommitResult&) {
    committed(key, version, later);
  });
  rearm(live);
  serve_watches(live);
}

void Shard::encode(Live& live, Transition& transition, WriteBatch& batch) {
  const Workflow& workflow = live.workflow;
  const WorkflowHeader& header = workflow.header;
  const std::string& space = header.name_space;
  const std::string& id = header.id;
  const keys::OfWorkflow records(space, id);
  const Time now = loop_.now();

  const std::optional<Time> due = due_of(workflow);
  if (due != live.due_at) {
    if (live.due_at) batch.erase(Family::due, records.due(*live.due_at));
    if (due) batch.put(Family::due, records.due(*due), "");
  }
  live.due_at = due;
  batch.put(Family::state, records.header(), encode_header(workflow, due));
  for (const ActionIndex index : transition.actions)
    batch.put(Family::state, records.action(index), encode_action(workflow.actions[index]));
  for (const ActionIndex index : transition.new_inputs)
    batch.put(Family::state, records.input(index), canonical(*workflow.actions[index].input));
  for (const ActionIndex index : transition.new_outputs)
    batch.put(Family::state, records.output(index), canonical(*workflow.actions[index].output));
  for (const ActionIndex index : transition.old_inputs) {
    if (workflow.actions[index].input == nullptr) batch.erase(Family::state, records.input(index));
  }
  for (const ActionIndex index : transition.old_outputs) {
    if (workflow.actions[index].output == nullptr) batch.erase(Family::state, records.output(index));
  }
  for (const std::uint32_t index : transition.signals)
    batch.put(Family::state, records.signal(index + 1), encode_signal(workflow.signals[index]));
  for (const ActionIndex index : transition.new_befores)
    batch.put(Family::state, records.before(index), canonical(*workflow.actions[index].before));
  for (const ApprovalChange& change : transition.approvals) put_approval(workflow, change, batch);
  if (!transition.history.empty()) {
    const auto first = static_cast<std::uint32_t>(header.events - transition.history.size() + 1);
    batch.put(Family::history, records.events(first), encode_events(transition.history, now));
  }
  for (IssuedReceipt& receipt : transition.receipts) {
    LedgerEntry entry{records.receipt(receipt.number), std::move(receipt.bytes), {}};
    entry.hash = ledger_entry(entry.bytes);
    batch.ledger.push_back(std::move(entry));
  }
  bool listed = header.version == 1;
  for (const HistoryEvent& event : transition.history) {
    listed = listed || event.type.starts_with("workflow.");
    counters_.ended += event.type == "workflow.ended" ? 1 : 0;
  }
  if (listed) batch.put(Family::index, keys::summary(space, header.created_at, id), encode_summary(workflow));
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

void Shard::committed(const std::string& key, std::uint32_t version, const Effects& effects) {
  Live* found = live(key);
  SETTLE_ASSERT(found != nullptr && found->commits > 0);
  --found->commits;
  --commits_pending_;
  found->durable = version;
  for (const CallEffect& call : effects.calls) start_call(*found, call);
  for (const ChildEffect& child : effects.children) order_child(*found, child);
  tell_parent(*found);
  while (!found->held.empty() && found->held.front().version <= found->durable) {
    const std::function<void()> give = std::move(found->held.front().give);
    found->held.pop_front();
    give();
    found = live(key);
    if (found == nullptr) return;
  }
  release(key);
}

void Shard::start_call(Live& live, CallEffect effect) {
  ++live.calls;
  ++in_flight_;
  ++counters_.calls;
  const std::string key = live.key;
  const ActionIndex action = effect.action;
  const std::uint32_t number = effect.number;
  PermitLine* const permit = permit_of(live, effect);
  const bool expired = effect.leave_by && loop_.now() > *effect.leave_by;
  if (draining_ || expired) {  // the intent is durable, but not a byte will leave: say so; the core goes on from there
    Outcome outcome;
    outcome.kind = OutcomeClass::not_sent;
    outcome.code = expired ? "intent_expired" : "engine_stopping";
    outcome.detail = expired ? "the disk took so long that the provider may have forgotten the key; nothing was sent"
                             : "the engine is shutting down; nothing was sent";
    outcome.started = outcome.ended = loop_.now();
    loop_.post([this, key, action, number, permit, outcome] { call_ended(key, action, number, outcome, permit); });
    return;
  }
  connector_.start(std::move(effect.call), [this, key, action, number, permit](Outcome outcome) {
    call_ended(key, action, number, std::move(outcome), permit);
  });
}

void Shard::call_ended(const std::string& key, ActionIndex action, std::uint32_t number, Outcome outcome,
                       PermitLine* permit) {
  Live* found = live(key);
  SETTLE_ASSERT(found != nullptr && found->calls > 0);
  --found->calls;
  --in_flight_;
  if (permit != nullptr) return_permit(*permit, outcome);
  apply(*found, on_answer(found->workflow, action, number, std::move(outcome), moment()), {});
  release(key);
}

/// The timer follows the earliest wake-up of the workflow.
void Shard::rearm(Live& live) {
  set_timer(live, live.workflow.next_wake());
}

void Shard::set_timer(Live& live, std::optional<Time> at) {
  if (live.timer_at == at) return;
  if (live.timer_at) timers_.erase({*live.timer_at, live.key});
  live.timer_at = at;
  if (at) timers_.emplace(*at, live.key);
  arm_timer();
}

void Shard::arm_timer() {
  // After a leap of the clock, what was armed may be due already and still wait as long as before; it must not keep
  // later timers from being armed.
  const bool late = timer_armed_ <= loop_.now();
  if (timers_.empty() || (timers_.begin()->first >= timer_armed_ && !late)) return;
  if (timer_ != 0) loop_.cancel(timer_);
  timer_armed_ = timers_.begin()->first;
  timer_ = loop_.schedule(timer_armed_, [this] { timer(); });
}

void Shard::timer() {
  timer_ = 0;
  timer_armed_ = Time::max();
  const Time now = loop_.now();
  constexpr int batch_max = 1'000;  // then other events get their turn
  for (int i = 0; i < batch_max && !draining_ && !timers_.empty() && timers_.begin()->first <= now; ++i) {
    const std::string key = timers_.begin()->second;
    timers_.erase(timers_.begin());
    const auto [name_space, id] = split(key);
    const Result<Live*> found = find(name_space, id);
    if (!found) continue;  // reported when it was read first; a damaged record can't be helped here
    Live& due = **found;
    if (due.creating) {
      due.after_creation.push_back([this, name_space, id] { sleep(name_space, id, loop_.now()); });
      continue;
    }
    // Stood in the store to be taken up at once, but at the start the clock was behind its creation.
    const std::optional<Time> wake = due.workflow.next_wake();
    const bool not_taken_up = !wake || *wake > now;
    if (not_taken_up) {
      recover(name_space, id, [](const Error&) {});
      continue;
    }
    due.timer_at = std::nullopt;
    apply(due, on_timer(due.workflow, {now, loop_.entropy(), &gate_, loop_.leapt()}), {});
    rearm(due);
    release(key);
  }
  if (!draining_) arm_timer();
}

/// Lets go of a workflow that has nothing to do in memory. Its timer, if it has one, brings it back.
void Shard::release(const std::string& key) {
  if (draining_ && in_flight_ == 0 && commits_pending_ == 0 && quiet_) loop_.post(std::exchange(quiet_, nullptr));
  Live* found = live(key);
  if (found == nullptr || found->commits > 0 || found->calls > 0 || found->creating) return;
  if (!found->watches.empty() || !found->held.empty()) return;
  // What waits for a permit may be wanted again in a moment: it stays while there is plenty of room.
  if (found->workflow.gated > 0 && live_.size() <= limits_.live_max / 2) return;
  const std::optional<Time> wake = found->workflow.next_wake();
  const bool rests = !wake || *wake > loop_.now() + limits_.rest_after;
  if (rests) live_.erase(key);
}

void Shard::recover(const std::string& name_space, const std::string& id,
                    const std::function<void(const Error&)>& failed) {
  const Result<Live*> found = find(name_space, id);
  if (!found) return failed(found.error());
  Live& taken = **found;
  const bool taken_up = taken.commits > 0 || taken.calls > 0;  // by find(), or by somebody who came before
  if (!taken_up) apply(taken, on_restart(taken.workflow, moment()), {});
  rearm(taken);
  release(taken.key);
}

void Shard::sleep(const std::string& name_space, const std::string& id, Time at) {
  timers_.emplace(at, key_of(name_space, id));
  arm_timer();
}

void Shard::drain(std::function<void()> quiet) {
  draining_ = true;
  if (in_flight_ == 0 && commits_pending_ == 0) {
    loop_.post(std::move(quiet));
  } else {
    quiet_ = std::move(quiet);
  }
}

Shard::Counters Shard::counters() const {
  Counters out = counters_;
  out.live = live_.size();
  out.in_flight = in_flight_;
  out.sleeping = timers_.size();
  return out;
}

}  // namespace settle
