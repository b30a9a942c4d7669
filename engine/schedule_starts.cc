// How a schedule begins its runs: the first that waits, and those that somebody asks for.

#include <algorithm>

#include "base/json_parts.h"
#include "base/problem.h"
#include "base/text.h"
#include "engine/engine.h"
#include "engine/load.h"
#include "engine/schedule_runner.h"
#include "storage/keys.h"

namespace settle {
namespace {

constexpr Duration first_retry{1'000}, retry_max{60'000};
constexpr std::size_t problems_max = 20, message_bytes_max = 1'000;
/// The engine can't now; a moment later it may.
bool is_for_the_moment(ErrorCode code) {
  using enum ErrorCode;
  return code == overloaded || code == disk_full || code == quota_exceeded || code == shutting_down ||
         code == request_timeout;
}

ScheduledRun run_of(Time scheduled_at, const WorkflowHeader& workflow, bool triggered) {
  ScheduledRun run;
  run.scheduled_at = scheduled_at;
  run.workflow = workflow.id;
  run.started_at = workflow.created_at;
  run.triggered = triggered;
  if (workflow.status != WorkflowStatus::ended) return run;
  run.ended_at = workflow.ended_at;
  run.outcome = workflow.outcome;
  return run;
}

Error id_taken(const std::string& id) {
  return fail(ErrorCode::conflict, "the id \"" + id + "\" belongs to a workflow that is no run of this schedule");
}

}  // namespace

void ScheduleRunner::begin() {
  starting_ = true;
  ports_.turns.take([self = shared_from_this()] { self->begin_now(); });
}

void ScheduleRunner::begin_now() {
  if (!works() || changes_ > 0 || !may_start(*rules_, progress_)) return start_over();
  if (is_revoked()) {
    token_revoked();
    return start_over();
  }
  const Time scheduled_at = progress_.waiting.front();
  submitting_ = scheduled_at;
  // It may have begun before a crash all the same.
  if (tries_ == 0 && is_too_late(*rules_, stored_.name, progress_, now()))
    return look(scheduled_at, fail(ErrorCode::not_found, "it is over"));
  if (!tried_since_) tried_since_ = now();
  // That it waits is stored first: after a crash it is looked for, however long that takes, and not taken for one that
  // was missed while its run is open.
  when_durable([self = shared_from_this(), scheduled_at] {
    if (!self->works() || self->changes_ > 0) return self->start_over();
    self->submit(scheduled_at);
  });
}

/// Those that wait and have begun, since a crash came before that was stored. They begin in their order.
void ScheduleRunner::find_begun(const Reader& reader) {
  while (!progress_.waiting.empty()) {
    const Time scheduled_at = progress_.waiting.front();
    const std::string id = run_id(stored_.name, scheduled_at);
    const Result<std::optional<StoredHeader>> stored = load_header(reader, stored_.name_space, id);
    if (!stored) return;
    if (!*stored) {
      // One that is over is given up at once, or a time that is due now would be skipped for it.
      if (!works() || !is_too_late(*rules_, stored_.name, progress_, now())) return;
      give_up(scheduled_at, "late");
      continue;
    }
    const WorkflowHeader& header = (*stored)->header;
    if (!is_run_of(texts_document(header.labels), stored_.name, scheduled_at)) return;
    const ScheduledRun run{scheduled_at, id, header.created_at, false, header.ended_at, header.outcome};
    note_started(progress_, run);
    changed();
    if (run.ended_at && rules_) look_at_end(run);
  }
}

void ScheduleRunner::submit(Time scheduled_at) {
  const Result<Json> plan = read_plan();
  if (!plan) return submitted(scheduled_at, plan.error());
  SubmitRequest request;
  request.name_space = stored_.name_space;
  request.body = run_body(*rules_, stored_.name, run_id(stored_.name, scheduled_at), *plan, scheduled_at);
  request.submitted_by = stored_.holder.submitted_by;
  request.audit = audit_of("workflow.submit");
  request.audit->entry.status = 201;
  ports_.engine.submit(std::move(request), ports_.loop,
                       [self = shared_from_this(), scheduled_at](const Result<Engine::Started>& started) {
                         self->submitted(scheduled_at,
                                         started ? Result<WorkflowText>(started->workflow) : started.error());
                       });
}

Result<Json> ScheduleRunner::read_plan() const {
  const Result<std::optional<std::string>> bytes =
      ports_.store.snapshot()->get(Family::meta, keys::schedule_plan(stored_.name_space, stored_.name));
  if (!bytes) return bytes.error();
  Result<Json> plan = *bytes ? read_plan_document(**bytes) : Result<Json>(Json());
  if (!plan || !plan->is_object()) return fail(ErrorCode::corruption, "the plan of " + named() + " can't be read");
  return plan;
}

/// Whether the run exists already: of another body, since the schedule was made anew meanwhile, or from before a crash.
/// If not, it ends as `otherwise`.
void ScheduleRunner::look(Time scheduled_at, const Error& otherwise) {
  const std::string id = run_id(stored_.name, scheduled_at);
  ports_.engine.get(stored_.name_space, id, WaitFor::now, Duration(0), ports_.loop,
                    [self = shared_from_this(), scheduled_at, id, otherwise](const Result<WorkflowText>& workflow) {
                      if (!workflow && workflow.error().code != ErrorCode::not_found)
                        return self->submitted(scheduled_at, workflow.error());
                      if (!workflow) return self->submitted(scheduled_at, otherwise);
                      if (is_run_of(texts_document(workflow->header.labels), self->stored_.name, scheduled_at))
                        return self->begun(scheduled_at, *workflow);
                      self->submitting_ = std::nullopt;
                      self->failed(scheduled_at, id_taken(id));
                    });
}

void ScheduleRunner::submitted(Time scheduled_at, const Result<WorkflowText>& workflow) {
  if (removed_) return start_over();
  if (workflow) return begun(scheduled_at, *workflow);
  const Error& error = workflow.error();
  if (error.code == ErrorCode::conflict) return look(scheduled_at, fail(ErrorCode::overloaded, error.message));
  submitting_ = std::nullopt;
  if (is_for_the_moment(error.code)) return put_off(scheduled_at, error);
  if (error.code == ErrorCode::not_found) return missed(scheduled_at, "late");
  failed(scheduled_at, error);
}

void ScheduleRunner::begun(Time scheduled_at, const WorkflowText& workflow) {
  if (removed_) return start_over();
  ScheduledRun run = run_of(scheduled_at, workflow.header, false);
  if (ended_early_ && !run.ended_at) {
    run.ended_at = now();
    run.outcome = ended_early_->outcome;
  }
  note_started(progress_, run);
  changed();
  start_over();
  if (run.ended_at) look_at_end(run);
}

void ScheduleRunner::put_off(Time scheduled_at, const Error& error) {
  ++tries_;
  const Duration delay = rules_->recurrence.delay(stored_.name, scheduled_at);
  const Time since = std::max(scheduled_at + delay, tried_since_.value_or(now()));
  if (now() > since + grace_of(*rules_)) return missed(scheduled_at, std::string(info(error.code).name));
  Duration pause = first_retry;
  for (std::uint32_t i = 1; i < tries_ && pause < retry_max; ++i) pause *= 2;
  const auto half = static_cast<std::uint64_t>(std::min(pause, retry_max).count() / 2);
  not_before_ = now() + Duration(static_cast<std::int64_t>(half + ports_.loop.entropy() % (half + 1)));
  starting_ = false;
  ports_.turns.over();
  pump_later();
}

/// The first that waits, which was being started, is given up: nothing is retried for ever.
void ScheduleRunner::missed(Time scheduled_at, std::string why) {
  give_up(scheduled_at, std::move(why));
  start_over();
}

void ScheduleRunner::give_up(Time scheduled_at, std::string why) {
  const MissedTimes missed{scheduled_at, scheduled_at, 1, std::move(why), now()};
  note_missed(progress_, missed);
  tell_missed(missed);
}

void ScheduleRunner::failed(Time scheduled_at, const Error& error) {
  if (removed_) return start_over();
  std::vector<Problem> problems = error.problems;
  if (problems.size() > problems_max) problems.resize(problems_max);
  const std::string code(info(error.code).name), message = shorten(error.message, message_bytes_max);
  note_failed(progress_, {scheduled_at, now(), code, message, canonical(problem_documents(problems))});
  if (ports_.options.tell)
    ports_.options.tell(named() + " could not start its run of " + format_time(scheduled_at) + ": " + message);
  note("schedule.start_failed",
       Json::object({{"scheduled_at", format_time(scheduled_at)}, {"code", code}, {"message", message}}));
  start_over();
  if (works() && rules_->pause_on_failure) stop("start_failed", message);
}

/// What was being started is so, or is given up, or has to wait: the next may have its turn.
void ScheduleRunner::start_over() {
  starting_ = false;
  forget_tries();
  submitting_ = std::nullopt;
  ended_early_ = std::nullopt;
  not_before_ = Time();
  ports_.turns.over();
  pump_later();
}

/// Another one is the first that waits, or somebody has seen to the schedule since.
void ScheduleRunner::forget_tries() {
  tries_ = 0;
  tried_since_ = std::nullopt;
}

// --- when somebody asks

/// The run counts as open before it begins, so that a crash in between never lets another one begin beside it.
void ScheduleRunner::trigger(const std::string& key, bool anyway, TriggerDone done, const AuditNotePtr& audit) {
  const auto dice = [&] { return std::to_string(ports_.loop.entropy()); };
  const std::string id =
      triggered_run_id(stored_.name_space, stored_.name, key.empty() ? "dice " + dice() + " " + dice() : "key " + key);
  std::vector<TriggerDone>& waiting = triggers_[id];
  waiting.push_back(std::move(done));
  if (waiting.size() > 1) return;  // the same request is under way
  if (key.empty()) return trigger_new(id, anyway, audit);
  ports_.engine.get(stored_.name_space, id, WaitFor::now, Duration(0), ports_.loop,
                    [self = shared_from_this(), id, anyway, audit](const Result<WorkflowText>& workflow) {
                      self->trigger_keyed(id, anyway, audit, workflow);
                    });
}

/// `workflow`: what this key has made before.
void ScheduleRunner::trigger_keyed(const std::string& id, bool anyway, const AuditNotePtr& audit,
                                   const Result<WorkflowText>& workflow) {
  if (workflow) {
    const bool own = is_run_of(texts_document(workflow->header.labels), stored_.name, std::nullopt);
    return answer_trigger(id, own ? Result<Triggered>(Triggered{false, *workflow}) : Result<Triggered>(id_taken(id)));
  }
  if (workflow.error().code != ErrorCode::not_found) return answer_trigger(id, workflow.error());
  // A change may be on its way to the disk by now: its rules would meet the plan of before.
  when_settled([self = shared_from_this(), id, anyway, audit] { self->trigger_new(id, anyway, audit); });
}

void ScheduleRunner::trigger_new(const std::string& id, bool anyway, const AuditNotePtr& audit) {
  const auto refuse = [&](ErrorCode code, const std::string& why) { answer_trigger(id, fail(code, why)); };
  if (draining_) return refuse(ErrorCode::shutting_down, "the engine is shutting down");
  if (removed_) return refuse(ErrorCode::not_found, "there is no schedule \"" + stored_.name + "\" any more");
  if (!rules_) return refuse(ErrorCode::wrong_state, named() + " can't be read: " + trouble_);
  if (is_revoked()) return refuse(ErrorCode::wrong_state, "the token that answers for its runs was revoked; resume it");
  const bool may = anyway || rules_->overlap == Overlap::allow;
  if (!may && !progress_.open.empty())
    return refuse(ErrorCode::wrong_state,
                  "workflow \"" + progress_.open.front().workflow +
                      "\" of this schedule is open; \"overlap\": \"allow\" starts one beside it");
  if (!may && starting_) return refuse(ErrorCode::wrong_state, "a run of this schedule is just beginning");
  if (progress_.open.size() >= ScheduleLimits::open_max)
    return refuse(ErrorCode::overloaded, "too many runs of this schedule are open");
  const Result<Json> plan = read_plan();
  if (!plan) return answer_trigger(id, plan.error());
  const Time at = now();
  progress_.open.push_back({at, id, at, true, std::nullopt, WorkflowOutcome::none});
  changed();
  SubmitRequest request;
  request.name_space = stored_.name_space;
  request.body = run_body(*rules_, stored_.name, id, *plan, at);
  request.submitted_by = stored_.holder.submitted_by;
  request.audit = audit;
  when_durable([self = shared_from_this(), id, at, request = std::move(request)] {
    self->ports_.engine.submit(request, self->ports_.loop, [self, id, at](const Result<Engine::Started>& started) {
      self->triggered(id, at, started ? Result<WorkflowText>(started->workflow) : started.error());
    });
  });
}

void ScheduleRunner::triggered(const std::string& id, Time at, const Result<WorkflowText>& workflow) {
  const auto is_it = [&](const ScheduledRun& run) { return run.workflow == id; };
  if (!workflow) {
    std::erase_if(progress_.open, is_it);
    changed();
    pump();
    return answer_trigger(id, workflow.error());
  }
  ++progress_.counts.triggered;
  progress_.failing = false;
  changed();
  const ScheduledRun run = run_of(at, workflow->header, true);
  if (run.ended_at) run_ended({stored_.name_space, stored_.name, id, run.outcome});
  pump();
  answer_trigger(id, Triggered{true, *workflow});
}

/// All that asked for it under one key: the first made it, the others get the same.
void ScheduleRunner::answer_trigger(const std::string& id, const Result<Triggered>& answer) {
  const std::vector<TriggerDone> waiting = std::exchange(triggers_[id], {});
  triggers_.erase(id);
  when_durable([waiting, answer] {
    for (std::size_t i = 0; i < waiting.size(); ++i)
      waiting[i](i == 0 || !answer ? answer : Result<Triggered>(Triggered{false, answer->workflow}));
  });
  be_quiet();
}

}  // namespace settle
