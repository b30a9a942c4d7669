#include "engine/schedule_runner.h"

#include <algorithm>

#include "base/text.h"
#include "engine/engine.h"
#include "engine/load.h"
#include "engine/operations.h"
#include "storage/keys.h"

namespace settle {

void Turns::take(std::function<void()> task) {
  if (left_ == 0) return waiting_.push_back(std::move(task));
  --left_;
  task();
}

void Turns::over() {
  if (waiting_.empty()) {
    ++left_;
    return;
  }
  std::function<void()> next = std::move(waiting_.front());
  waiting_.pop_front();
  loop_.post(std::move(next));
}

ScheduleRunner::ScheduleRunner(SchedulePorts ports, StoredSchedule stored, std::optional<ScheduleRules> rules,
                               ScheduleProgress progress, std::string trouble)
    : ports_(ports),
      stored_(std::move(stored)),
      rules_(std::move(rules)),
      progress_(std::move(progress)),
      trouble_(std::move(trouble)) {}

bool ScheduleRunner::works() const {
  return rules_ && !stored_.pause && !removed_ && !draining_;
}

bool ScheduleRunner::needs_attention() const {
  return !rules_ || progress_.failing || (stored_.pause && stored_.pause->by_itself());
}

std::string ScheduleRunner::named() const {
  return "schedule \"" + stored_.name + "\" of namespace \"" + stored_.name_space + "\"";
}

bool ScheduleRunner::is_revoked() const {
  const ScheduleHolder& holder = stored_.holder;
  return holder.revoked ||
         (ports_.options.is_revoked && !holder.token_id.empty() && ports_.options.is_revoked(holder.token_id));
}

void ScheduleRunner::start() {
  durable_ = queued_ = version_;  // all of it was read
  const std::unique_ptr<Reader> reader = ports_.store.snapshot();
  std::vector<ScheduledRun> ended;
  std::erase_if(progress_.open, [&](const ScheduledRun& run) {
    const Result<std::optional<StoredHeader>> header = load_header(*reader, stored_.name_space, run.workflow);
    if (!header) return false;  // it is told where the workflow is taken up
    if (!*header) {             // it was asked for and never begun
      changed();
      return true;
    }
    if ((*header)->header.status == WorkflowStatus::ended) {
      ended.push_back(run);
      ended.back().outcome = (*header)->header.outcome;
    }
    return false;
  });
  find_begun(*reader);
  begun_ = true;
  if (is_revoked()) token_revoked();  // the token's record is not kept for ever
  for (const ScheduledRun& run : ended) run_ended({stored_.name_space, stored_.name, run.workflow, run.outcome});
  settle();
  pump();
}

void ScheduleRunner::pump_later() {
  if (std::exchange(pump_posted_, true)) return;
  ports_.loop.post([self = weak_from_this()] {
    const auto here = self.lock();
    if (here == nullptr) return;
    here->pump_posted_ = false;
    here->pump();
  });
}

void ScheduleRunner::pump() {
  if (works()) {
    const auto first = [this] {
      return progress_.waiting.empty() ? std::nullopt : std::optional<Time>(progress_.waiting.front());
    };
    const std::optional<Time> tried = first();
    const Decided decided =
        decide(*rules_, stored_.name, progress_, {now(), starting_, submitting_.has_value(), held_back_});
    held_back_ = decided.held;
    if (first() != tried) forget_tries();  // the pause goes on: it is the engine that has no room
    for (const MissedTimes& missed : decided.missed) tell_missed(missed);
    if (decided.changed) changed();
    if (must_cancel(*rules_, progress_)) cancel_open();
    if (!starting_ && changes_ == 0 && not_before_ <= now() && may_start(*rules_, progress_)) begin();
    if (decided.more) pump_later();
  }
  // While a run begins, all that is decided is stored with it.
  if (version_ > queued_ && !starting_) save();
  arm();
  be_quiet();
}

void ScheduleRunner::arm() {
  ports_.timers.cancel(std::exchange(timer_, 0));
  if (!works()) return;
  std::optional<Time> at = next_decision(*rules_, stored_.name, progress_, now());
  const bool waits = !starting_ && not_before_ > now() && may_start(*rules_, progress_);
  if (waits) at = std::min(at.value_or(not_before_), not_before_);
  if (!at) return;
  timer_ = ports_.timers.schedule(*at, [self = weak_from_this()] {
    if (const auto here = self.lock()) here->pump();
  });
}

/// A run that is cancelled already is none the worse for it.
void ScheduleRunner::cancel_open() {
  for (const ScheduledRun& run : progress_.open) {
    const AuditNotePtr audit = audit_of("workflow.cancel");
    audit->entry.target = run.workflow;
    ports_.engine.operate(
        stored_.name_space, run.workflow, cancel_operation(), ports_.loop, [](const Result<WorkflowText>&) {}, audit);
  }
}

// --- what was asked for

void ScheduleRunner::when_settled(Done task) {
  if (begun_ && changes_ == 0) return task();
  settling_.push_back(std::move(task));
}

void ScheduleRunner::settle() {
  while (begun_ && changes_ == 0 && !settling_.empty()) {
    const Done next = std::move(settling_.front());
    settling_.pop_front();
    next();
  }
}

void ScheduleRunner::when_durable(Done task) {
  if (durable_ >= version_) return task();
  held_.emplace_back(version_, std::move(task));
  if (version_ > queued_) save();
}

void ScheduleRunner::change(StoredSchedule next, ScheduleRules rules, const std::string* plan, bool from_now,
                            const Done& done, const AuditNotePtr& audit) {
  if (queued_ > 0) pump();  // what was due before is decided by the rules of before
  begun_ = true;            // one that was just made has no runs to look for
  stored_ = std::move(next);
  rules_ = std::move(rules);
  trouble_.clear();
  progress_.failing = false;
  if (from_now) progress_.handled = std::max(progress_.handled, now());
  forget_tries();
  not_before_ = Time();
  WriteBatch batch;
  if (plan != nullptr) batch.put(Family::meta, keys::schedule_plan(stored_.name_space, stored_.name), *plan);
  save_change(std::move(batch), done, audit);
}

void ScheduleRunner::pause(SchedulePause pause, const Done& done, const AuditNotePtr& audit) {
  pump();
  stored_.pause = std::move(pause);
  save_change({}, done, audit);
}

void ScheduleRunner::resume(const ScheduleHolder& holder, const Done& done, const AuditNotePtr& audit) {
  if (is_revoked() || (stored_.pause && stored_.pause->code == "token_revoked")) stored_.holder = holder;
  stored_.pause = std::nullopt;
  progress_.handled = std::max(progress_.handled, now());
  forget_tries();
  not_before_ = Time();
  save_change({}, done, audit);
}

void ScheduleRunner::remove(const Done& done, const AuditNotePtr& audit) {
  removed_ = true;
  ports_.timers.cancel(std::exchange(timer_, 0));
  WriteBatch batch;
  batch.erase(Family::meta, keys::schedule(stored_.name_space, stored_.name));
  batch.erase(Family::meta, keys::schedule_plan(stored_.name_space, stored_.name));
  batch.erase(Family::meta, keys::schedule_progress(stored_.name_space, stored_.name));
  if (audit != nullptr) audit->put_into(batch);
  queue_change(std::move(batch), done);
}

void ScheduleRunner::token_revoked() {
  if (removed_ || draining_) return;
  const bool known = std::exchange(stored_.holder.revoked, true);
  if (!stored_.pause) return stop("token_revoked", "the token that answers for its runs was revoked");
  // Whoever resumes it is asked then, also when the token's record is gone by that time.
  if (!known) save_change({}, nullptr, nullptr);
}

/// It stops by itself.
void ScheduleRunner::stop(std::string code, std::string reason) {
  if (ports_.options.tell) ports_.options.tell(named() + " is paused (" + code + "): " + reason);
  note("schedule.paused", Json::object({{"code", code}, {"reason", reason}}));
  stored_.pause = SchedulePause{std::move(code), std::move(reason), "", now()};
  save_change({}, nullptr, nullptr);
}

// --- what others are to hear

void ScheduleRunner::run_ended(const RunEnd& end) {
  if (removed_ || draining_ || !begun_) return;  // looked at after the start, or by it
  if (submitting_ && rules_ && run_id(stored_.name, *submitting_) == end.workflow) ended_early_ = end;
  if (!note_ended(progress_, end.workflow, end.outcome, now())) return;
  changed();
  look_at_end(progress_.recent.back());
  pump();
}

void ScheduleRunner::look_at_end(const ScheduledRun& run) {
  if (run.outcome != WorkflowOutcome::failed || !works() || !rules_->pause_on_failure) return;
  stop("run_failed", "workflow \"" + run.workflow + "\" has failed");
}

void ScheduleRunner::tell_missed(const MissedTimes& missed) {
  const std::string last = format_time(missed.last);
  if (ports_.options.tell)
    ports_.options.tell(named() + " has missed " + std::to_string(missed.count) + " of its times, the last " + last +
                        " (" + missed.why + ")");
  note("schedule.missed", Json::object({{"first", format_time(missed.first)},
                                        {"last", last},
                                        {"count", static_cast<std::int64_t>(missed.count)},
                                        {"why", missed.why}}));
}

/// For the feed, with the next batch.
void ScheduleRunner::note(std::string type, Json data) {
  data.set("schedule", stored_.name);
  notices_.push_back(notice_of({std::move(type), std::nullopt, std::move(data), now()}, stored_.name_space));
  changed();
}

/// Tokens' names hold no colon, so nobody else is called so.
AuditNotePtr ScheduleRunner::audit_of(std::string action) const {
  auto audit = std::make_shared<AuditNote>();
  audit->entry.at = now();
  audit->entry.who = "schedule:" + stored_.name;
  audit->entry.name_space = stored_.name_space;
  audit->entry.action = std::move(action);
  return audit;
}

// --- storing

void ScheduleRunner::save() {
  commit({}, nullptr);
}

void ScheduleRunner::save_change(WriteBatch batch, const Done& done, const AuditNotePtr& audit) {
  batch.put(Family::meta, keys::schedule(stored_.name_space, stored_.name), encode_schedule(stored_));
  if (audit != nullptr) audit->put_into(batch);
  queue_change(std::move(batch), done);
}

void ScheduleRunner::queue_change(WriteBatch batch, const Done& done) {
  changed();
  ++changes_;
  commit(std::move(batch), [self = shared_from_this(), done] {
    --self->changes_;
    if (done) done();
    self->settle();
    self->pump_later();
  });
}

void ScheduleRunner::commit(WriteBatch batch, const Done& done) {
  queued_ = version_;
  ++saves_;
  if (!removed_)
    batch.put(Family::meta, keys::schedule_progress(stored_.name_space, stored_.name),
              encode_schedule_progress(progress_));
  const bool rings = !notices_.empty();
  for (FeedEntry& notice : notices_) batch.feed.push_back(std::move(notice));
  notices_.clear();
  ports_.store.commit(std::move(batch), ports_.loop,
                      [self = shared_from_this(), done, rings, version = queued_](const CommitResult&) {
                        --self->saves_;
                        self->durable_ = version;
                        if (rings) self->ports_.bell.ring();
                        if (done) done();
                        while (!self->held_.empty() && self->held_.front().first <= version) {
                          const Done next = std::move(self->held_.front().second);
                          self->held_.pop_front();
                          next();
                        }
                        self->be_quiet();
                      });
}

void ScheduleRunner::drain(Done quiet) {
  draining_ = true;
  quiet_ = std::move(quiet);
  ports_.timers.cancel(std::exchange(timer_, 0));
  be_quiet();
}

void ScheduleRunner::abandon() {
  settling_.clear();
  held_.clear();
  triggers_.clear();
  quiet_ = nullptr;
}

/// What was under way has ended, and how far it is has been stored.
void ScheduleRunner::be_quiet() {
  if (!quiet_ || starting_ || !triggers_.empty()) return;
  if (version_ > queued_ && !removed_) return save();
  if (saves_ == 0) ports_.loop.post(std::exchange(quiet_, nullptr));
}

}  // namespace settle
