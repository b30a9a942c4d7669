#include "workflows/schedule.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json_parts.h"
#include "base/text.h"

namespace settle {
namespace {

constexpr Duration instant{1};

Time due_of(const ScheduleRules& rules, std::string_view schedule, Time scheduled_at) {
  return scheduled_at + rules.recurrence.delay(schedule, scheduled_at);
}

/// The last scheduled time after `after` that is due by `by`. A time is due before the next one is scheduled, so only
/// the last of them can be put off beyond `by`.
std::optional<Time> last_due(const ScheduleRules& rules, std::string_view schedule, Time after, Time by) {
  std::optional<Time> last = rules.recurrence.last(after, by);
  if (last && due_of(rules, schedule, *last) > by) last = rules.recurrence.last(after, *last - instant);
  return last;
}

void add_recent(ScheduleProgress& progress, ScheduledRun run) {
  progress.recent.push_back(std::move(run));
  if (progress.recent.size() > ScheduleLimits::recent_max) progress.recent.erase(progress.recent.begin());
}

void drop_first(ScheduleProgress& progress) {
  SETTLE_ASSERT(!progress.waiting.empty());
  progress.waiting.erase(progress.waiting.begin());
}

void note_skipped(ScheduleProgress& progress, Time scheduled_at, std::string why) {
  ++progress.counts.skipped;
  progress.skipped = SkippedTime{scheduled_at, std::move(why)};
}

/// The times from `first` to `last` are over.
void pass_over(const ScheduleRules& rules, ScheduleProgress& progress, Time first, Time last, std::string why, Time now,
               Decided& out) {
  MissedTimes missed{first, last, 1, std::move(why), now};
  for (std::optional<Time> at = first; at && *at < last && missed.count < ScheduleLimits::counted_max; ++missed.count)
    at = rules.recurrence.next(*at);
  progress.handled = last;
  progress.counts.missed += missed.count;
  progress.missed = missed;
  out.missed.push_back(std::move(missed));
  out.changed = true;
}

/// Whether a time that is due has to wait until there is room for it.
bool is_full(const ScheduleRules& rules, const ScheduleProgress& progress) {
  const bool queues = rules.overlap == Overlap::queue_all || rules.overlap == Overlap::allow;
  return queues && progress.waiting.size() >= ScheduleLimits::waiting_max;
}

/// The first that waits makes way for a newer one.
void supersede(ScheduleProgress& progress, Time now, Decided& out) {
  const Time first = progress.waiting.front();
  const MissedTimes missed{first, first, 1, "superseded", now};
  note_missed(progress, missed);
  out.missed.push_back(missed);
}

/// A time is due, in time, and there is room for it. `before`: what waits up to there was decided earlier.
void take(const ScheduleRules& rules, ScheduleProgress& progress, Time scheduled_at, const DecideAt& when, Time before,
          Decided& out) {
  progress.handled = scheduled_at;
  out.changed = true;
  std::vector<Time>& waiting = progress.waiting;
  const std::string busy = progress.open.empty() ? "start_pending" : "run_open";
  switch (rules.overlap) {
    case Overlap::skip:
      // What could not begin since then is less worth than the newer time; else both might come to nothing.
      while (progress.open.empty() && !when.beginning && !waiting.empty() && waiting.front() <= before)
        supersede(progress, when.now, out);
      if (!progress.open.empty() || !waiting.empty()) return note_skipped(progress, scheduled_at, busy);
      break;
    case Overlap::queue_one:
      // Where nothing is open, the first is about to begin, and one may wait behind it.
      if (waiting.size() >= (progress.open.empty() ? 2U : 1U)) return note_skipped(progress, scheduled_at, busy);
      break;
    case Overlap::cancel_running:
      while (waiting.size() > (when.submitting ? 1U : 0U)) {
        note_skipped(progress, waiting.back(), "superseded");
        waiting.pop_back();
      }
      break;
    case Overlap::queue_all:
    case Overlap::allow:
      break;
  }
  waiting.push_back(scheduled_at);
}

/// What becomes of the next time; false: it is not due, or has to wait until there is room.
bool decide_next(const ScheduleRules& rules, std::string_view schedule, ScheduleProgress& progress,
                 const DecideAt& when, Time before, Decided& out) {
  const Time now = when.now;
  const std::optional<Time> next = rules.recurrence.next(progress.handled);
  if (!next || due_of(rules, schedule, *next) > now) return false;
  const Time over = now - grace_of(rules) - instant;
  if (due_of(rules, schedule, *next) <= over) {
    const Time last = last_due(rules, schedule, progress.handled, over).value_or(*next);
    pass_over(rules, progress, *next, last, "late", now, out);
    return true;
  }
  // What was held back has come in time, and waits for room.
  const bool late = !when.held && now - due_of(rules, schedule, *next) > ScheduleLimits::late_after;
  if (late && rules.catch_up == CatchUp::latest) {
    const Time latest = last_due(rules, schedule, progress.handled, now).value_or(*next);
    if (latest > *next) {
      const Time last = rules.recurrence.last(progress.handled, latest - instant).value_or(*next);
      pass_over(rules, progress, *next, last, "not_latest", now, out);
      return true;
    }
  }
  if (is_full(rules, progress)) return false;
  take(rules, progress, *next, when, before, out);
  return true;
}

void read_catch_up(Fields& fields, ScheduleRules& rules) {
  const Json* document = fields.take("catch_up");
  if (document == nullptr) return;
  Fields members(*document, fields.place_of("catch_up"), fields.problems());
  if (const auto runs = members.choice("runs", {"latest", "all", "none"})) rules.catch_up = static_cast<CatchUp>(*runs);
  if (const auto window = members.duration("window")) rules.window = *window;
  members.finish();
}

void read_run_labels(Fields& fields, ScheduleRules& rules) {
  const Json* labels = fields.take("labels");
  if (labels == nullptr) return;
  read_labels(*labels, fields.place_of("labels"), rules.labels, fields.problems());
  for (const std::string_view own : {schedule_label, scheduled_at_label}) {
    if (rules.labels.erase(std::string(own)) > 0)
      fields.problems().push_back({fields.place_of("labels") + "/" + std::string(own), "label_reserved", "another name",
                                   std::string(own), "every run gets this label from its schedule"});
  }
}

}  // namespace

std::string_view name_of(Overlap overlap) {
  constexpr std::string_view names[] = {"skip", "queue_one", "queue_all", "cancel_running", "allow"};
  return names[static_cast<std::size_t>(overlap)];
}

std::string_view name_of(CatchUp catch_up) {
  constexpr std::string_view names[] = {"latest", "all", "none"};
  return names[static_cast<std::size_t>(catch_up)];
}

std::optional<ScheduleRules> read_schedule_rules(Fields& fields, const TimeZones& zones) {
  const std::size_t before = fields.problems().size();
  std::optional<Recurrence> recurrence = Recurrence::read(fields, zones);
  ScheduleRules rules;
  if (recurrence) rules.recurrence = *recurrence;
  if (const auto overlap = fields.choice("overlap", {"skip", "queue_one", "queue_all", "cancel_running", "allow"}))
    rules.overlap = static_cast<Overlap>(*overlap);
  read_catch_up(fields, rules);
  rules.pause_on_failure = fields.boolean("pause_on_failure").value_or(false);
  rules.time_input = fields.text("scheduled_at_input").value_or("");
  if (fields.take("scheduled_at_input") != nullptr && (rules.time_input.empty() || rules.time_input.size() > 128))
    fields.problem("scheduled_at_input", "not_a_name", "the name of a member of the plan's input, of 1 to 128 bytes",
                   "\"scheduled_at_input\" names where the scheduled time goes");
  read_run_labels(fields, rules);
  if (!recurrence || fields.problems().size() > before) return std::nullopt;
  return rules;
}

Json rules_document(const ScheduleRules& rules) {
  Json out = rules.recurrence.document();
  out.set("overlap", name_of(rules.overlap));
  out.set("catch_up", Json::object({{"runs", name_of(rules.catch_up)}, {"window", format_duration(rules.window)}}));
  out.set("pause_on_failure", rules.pause_on_failure);
  if (!rules.time_input.empty()) out.set("scheduled_at_input", rules.time_input);
  out.set("labels", texts_document(rules.labels));
  return out;
}

std::string run_id(std::string_view schedule, Time scheduled_at) {
  std::string time = format_time(scheduled_at);
  if (const std::size_t none = time.find(".000Z"); none != std::string::npos) time.replace(none, 5, "Z");
  std::replace(time.begin(), time.end(), ':', '-');
  return std::string(schedule) + "-" + time;
}

std::string triggered_run_id(std::string_view name_space, std::string_view schedule, std::string_view key) {
  std::string all(name_space);
  all.push_back('\0');
  all += schedule;
  all.push_back('\0');
  all += key;
  return std::string(schedule) + "-now-" + to_base32hex(sha256(all), 20);
}

/// A plan that has no place for it is refused by its check.
Json plan_at(Json plan, const std::string& time_input, Time scheduled_at) {
  if (time_input.empty() || !plan.is_object()) return plan;
  if (plan.find("input") == nullptr) plan.set("input", Json::object());
  Json& input = *plan.find("input");
  if (input.is_object()) input.set(time_input, format_time(scheduled_at));
  return plan;
}

Json run_body(const ScheduleRules& rules, std::string_view schedule, std::string id, Json plan, Time scheduled_at) {
  Json labels = texts_document(rules.labels);
  labels.set(schedule_label, schedule);
  labels.set(scheduled_at_label, format_time(scheduled_at));
  return Json::object({{"id", std::move(id)},
                       {"plan", plan_at(std::move(plan), rules.time_input, scheduled_at)},
                       {"labels", std::move(labels)}});
}

bool is_run_of(const Json& labels, std::string_view schedule, std::optional<Time> scheduled_at) {
  const Json* name = labels.find(schedule_label);
  const Json* time = labels.find(scheduled_at_label);
  if (name == nullptr || time == nullptr || *name != Json(schedule)) return false;
  return !scheduled_at || *time == Json(format_time(*scheduled_at));
}

Duration grace_of(const ScheduleRules& rules) {
  if (rules.catch_up == CatchUp::none) return ScheduleLimits::late_after;
  return std::max(rules.window, ScheduleLimits::late_after);
}

Decided decide(const ScheduleRules& rules, std::string_view schedule, ScheduleProgress& progress,
               const DecideAt& when) {
  Decided out;
  const Time before = progress.handled;
  int left = ScheduleLimits::decided_at_once;
  while (left > 0 && decide_next(rules, schedule, progress, when, before, out)) --left;
  out.more = left == 0;
  out.held = is_full(rules, progress) || (when.held && out.more);
  return out;
}

std::optional<Time> next_decision(const ScheduleRules& rules, std::string_view schedule,
                                  const ScheduleProgress& progress, Time now) {
  const std::optional<Time> next = rules.recurrence.next(progress.handled);
  if (!next) return std::nullopt;
  const Time due = due_of(rules, schedule, *next);
  // One that is due and was not taken waits for room, or until it is over.
  return due > now ? due : due + grace_of(rules) + 2 * instant;
}

bool may_start(const ScheduleRules& rules, const ScheduleProgress& progress) {
  if (progress.waiting.empty()) return false;
  return rules.overlap == Overlap::allow ? progress.open.size() < ScheduleLimits::open_max : progress.open.empty();
}

bool must_cancel(const ScheduleRules& rules, const ScheduleProgress& progress) {
  return rules.overlap == Overlap::cancel_running && !progress.waiting.empty() && !progress.open.empty();
}

bool is_too_late(const ScheduleRules& rules, std::string_view schedule, const ScheduleProgress& progress, Time now) {
  const bool queues = rules.overlap != Overlap::skip && rules.overlap != Overlap::allow;
  if (queues || progress.waiting.empty()) return false;
  return due_of(rules, schedule, progress.waiting.front()) + grace_of(rules) < now;
}

void note_started(ScheduleProgress& progress, ScheduledRun run) {
  if (!run.triggered) {
    drop_first(progress);
    ++progress.counts.started;
  }
  progress.failing = false;
  if (run.ended_at) return add_recent(progress, std::move(run));
  progress.open.push_back(std::move(run));
}

void note_missed(ScheduleProgress& progress, MissedTimes missed) {
  drop_first(progress);
  progress.counts.missed += missed.count;
  progress.missed = std::move(missed);
}

void note_failed(ScheduleProgress& progress, FailedStart failed) {
  drop_first(progress);
  ++progress.counts.failed;
  progress.failure = std::move(failed);
  progress.failing = true;
}

bool note_ended(ScheduleProgress& progress, std::string_view workflow, WorkflowOutcome outcome, Time now) {
  const auto is_it = [&](const ScheduledRun& run) { return run.workflow == workflow; };
  const auto found = std::find_if(progress.open.begin(), progress.open.end(), is_it);
  if (found == progress.open.end()) return false;
  ScheduledRun run = std::move(*found);
  progress.open.erase(found);
  run.outcome = outcome;
  run.ended_at = now;
  add_recent(progress, std::move(run));
  return true;
}

}  // namespace settle
