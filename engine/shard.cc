#include "engine/shard.h"

#include <algorithm>

#include "storage/keys.h"

namespace settle {
namespace {

/// A wall clock that leaps ahead, as after a suspend, moves no timer that is set; so none is set for longer.
constexpr Duration timer_wait_max{5'000};

/// The newest moment that is stored of it. The stored clock may be older, by up to a second.
Time newest_time(const Workflow& workflow) {
  Time newest = std::max(workflow.header.created_at, workflow.header.ended_at.value_or(Time()));
  for (const ActionState& run : workflow.actions) {
    for (const MaybeTime time : {MaybeTime(run.since), run.scheduled_at, run.first_send_at, run.closed_at,
                                 run.executed_at, run.verified_at, run.observed_at, run.before_at, run.recheck_since})
      newest = std::max(newest, time.value_or(Time()));
    if (run.approval) newest = std::max(newest, run.approval->requested_at);
    for (std::size_t i = 0; run.approval && i < run.approval->decisions.size(); ++i)
      newest = std::max(newest, run.approval->decisions[i].at);
  }
  return newest;
}

}  // namespace

Shard::Shard(Loop& loop, Store& store, const ToolRegistry& tools, Connector& connector, PermitLines& lines,
             FeedBell& bell, Usage& usage, ShardLimits limits)
    : loop_(loop),
      store_(store),
      tools_(tools),
      connector_(connector),
      gate_(lines),
      bell_(bell),
      usage_(usage),
      limits_(limits) {}

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

std::unique_ptr<Shard::Live> Shard::make_live(const std::string& key) {
  auto made = std::make_unique<Live>();
  made->key = key;
  made->number = next_live_++;
  return made;
}

/// The workflow in memory, loaded when it is not there. Not yet durable ones are always there.
Result<Shard::Live*> Shard::find(const std::string& name_space, const std::string& id) {
  const std::string key = key_of(name_space, id);
  if (Live* found = live(key)) return found;
  const std::unique_ptr<Reader> reader = store_.snapshot();
  Result<std::optional<LoadedWorkflow>> loaded = load_workflow(*reader, tools_, name_space, id);
  if (!loaded) return std::move(loaded).error();
  if (!*loaded) return fail(ErrorCode::not_found, "there is no workflow \"" + id + "\"");
  std::unique_ptr<Live> made = make_live(key);
  made->loaded = true;
  made->workflow = std::move((*loaded)->workflow);
  made->durable = made->workflow.header.version;
  made->receipts_taken = made->workflow.header.receipts;
  made->due_at = (*loaded)->due_at;
  made->marks = marks_of(made->workflow.header);
  made->kept = std::move((*loaded)->kept);
  made->use = &use_of(name_space);
  made->share = share_of(*made);
  made->attention_told = made->workflow.header.attention;
  loop_.not_before(newest_time(made->workflow));
  Live& out = *made;
  live_.emplace(key, std::move(made));
  // Nobody here waits for the calls that the record speaks of: they were made by a process that is gone.
  const std::vector<ActionState>& runs = out.workflow.actions;
  const bool interrupted =
      std::any_of(runs.begin(), runs.end(), [](const ActionState& run) { return is_calling(run.stage); });
  // It stands in the store to be taken up at once, and its turn has not come yet.
  const bool waits_for_turn = out.due_at == out.workflow.header.created_at && timers_.erase({*out.due_at, key}) > 0;
  if (interrupted || waits_for_turn) {
    apply(out, on_restart(out.workflow, moment(out)));
  } else if (out.workflow.next_wake()) {
    out.timer_at = out.workflow.next_wake();  // a sleeper's timer may be set already; the set keeps one
    timers_.emplace(*out.timer_at, key);
    arm_timer();
  }
  return &out;
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
  apply(*found, on_answer(found->workflow, action, number, std::move(outcome), moment(*found)));
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
  timer_armed_ = std::min(timers_.begin()->first, loop_.now() + timer_wait_max);
  timer_ = loop_.schedule(timer_armed_, [this] { timer(); });
}

void Shard::timer() {
  timer_ = 0;
  timer_armed_ = Time::max();
  const Time now = loop_.now();
  constexpr int batch_max = 128;  // then other events get their turn
  ++commits_under_way_;           // what changes in this turn goes to the disk together
  for (int i = 0; i < batch_max && !draining_ && !timers_.empty() && timers_.begin()->first <= now; ++i) {
    const auto [at, key] = *timers_.begin();
    timers_.erase(timers_.begin());
    const auto [name_space, id] = split(key);
    const Result<Live*> found = find(name_space, id);
    if (!found) {
      if (damaged_) damaged_(found.error());
      continue;
    }
    Live& due = **found;
    if (due.creating) {
      due.after_creation.push_back([this, key] {
        timers_.emplace(loop_.now(), key);
        arm_timer();
      });
      continue;
    }
    due.timer_at = std::nullopt;
    const bool to_take_up = at == due.workflow.header.created_at;  // every timer of its own is later
    if (to_take_up) {
      take_up(due);
    } else {
      apply(due, on_timer(due.workflow, moment(due)));
    }
    rearm(due);
    release(key);
  }
  if (--commits_under_way_ == 0 && !gathered_.empty()) commit_gathered();
  if (draining_) return;
  arm_timer();
  tell_recovered();
}

/// Lets go of a workflow that has nothing to do in memory. Its timer, if it has one, brings it back.
void Shard::release(const std::string& key) {
  if (draining_ && in_flight_ == 0 && commits_pending_ == 0 && quiet_) loop_.post(std::exchange(quiet_, nullptr));
  Live* found = live(key);
  if (found != nullptr && !found->stays && is_idle(*found)) {
    if (found->workflow.header.status == WorkflowStatus::ended) {
      keep_ended(*found);
    } else {
      live_.erase(key);
    }
  }
  under_way_.store(live_.size() - ended_.size(), std::memory_order_relaxed);
}

/// Nothing is under way for it, nobody waits, and its next timer is far away.
bool Shard::is_idle(const Live& live) const {
  if (live.commits > 0 || live.calls > 0 || live.creating || !live.watches.empty() || !live.held.empty()) return false;
  // What waits for a permit may be wanted again in a moment: it stays while there is plenty of room.
  if (live.workflow.gated > 0 && live_.size() <= limits_.live_max / 2) return false;
  const std::optional<Time> wake = live.workflow.next_wake();
  return !wake || *wake > loop_.now() + limits_.rest_after;
}

void Shard::note_step(const Live& live) {
  if (last_step_.who != live.number) last_of_another_ = last_step_;
  last_step_ = {live.number, loop_.now()};
}

/// Half of the loop for one workflow, while there are others that get on: calls that only hang are in nobody's way. It
/// is asked again whenever a call of the workflow has ended.
std::uint32_t Shard::calls_allowed(const Live& live) const {
  constexpr Duration gets_on{1'000};
  const Stepped& another = last_step_.who != live.number ? last_step_ : last_of_another_;
  const std::size_t others = in_flight_ - live.calls + commits_pending_ - live.commits;
  if (another.who == 0 || another.at + gets_on < loop_.now() || others == 0) return limits_.calls_per_workflow;
  const auto share = static_cast<std::uint32_t>(std::min<std::size_t>(others, limits_.calls_per_workflow));
  return std::min(limits_.calls_per_workflow, std::max(share, limits_.calls_beside_others));
}

/// Who began a small workflow asks in a moment how it ended; to read it from the store again takes longer than to run
/// it. It makes room for those that end after it.
void Shard::keep_ended(Live& ended) {
  constexpr std::size_t small = 32 << 10;
  if (ended.loaded || ended.stored_bytes > small || limits_.ended_kept == 0) {
    live_.erase(ended.key);
    return;
  }
  ended.stays = true;
  ended_.push_back(ended.key);
  if (ended_.size() <= limits_.ended_kept) return;
  Live* const oldest = live(ended_.front());
  SETTLE_ASSERT(oldest != nullptr && oldest->stays);
  ended_.pop_front();
  oldest->stays = false;
  if (is_idle(*oldest)) live_.erase(oldest->key);
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
