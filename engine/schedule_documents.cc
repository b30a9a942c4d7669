#include "engine/schedule_documents.h"

#include "base/json_parts.h"

namespace settle {
namespace {

constexpr std::size_t next_max = 10;

Json number(std::uint64_t value) {
  return Json(static_cast<std::int64_t>(value));
}

Json run_document(const ScheduledRun& run) {
  const bool ended = run.ended_at.has_value();
  return Json::object(
      {{"workflow", run.workflow},
       {"scheduled_at", format_time(run.scheduled_at)},
       {"triggered", run.triggered},
       {"started_at", format_time(run.started_at)},
       {"ended_at", time_or_null(run.ended_at)},
       {"outcome", ended && run.outcome != WorkflowOutcome::none ? Json(name_of(run.outcome)) : Json()}});
}

Json runs_document(const std::vector<ScheduledRun>& runs) {
  Json::Array out;
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) out.push_back(run_document(*run));
  return Json(std::move(out));
}

Json pause_document(const std::optional<SchedulePause>& pause) {
  if (!pause) return Json();
  return Json::object({{"code", pause->code},
                       {"reason", pause->reason},
                       {"by", text_or_null(pause->by)},
                       {"at", format_time(pause->at)}});
}

Json skipped_document(const std::optional<SkippedTime>& skipped) {
  if (!skipped) return Json();
  return Json::object({{"scheduled_at", format_time(skipped->scheduled_at)}, {"why", skipped->why}});
}

Json missed_document(const std::optional<MissedTimes>& missed) {
  if (!missed) return Json();
  return Json::object({{"first", format_time(missed->first)},
                       {"last", format_time(missed->last)},
                       {"count", number(missed->count)},
                       {"why", missed->why},
                       {"at", format_time(missed->at)}});
}

Json failure_document(const std::optional<FailedStart>& failure) {
  if (!failure) return Json();
  const Result<Json> problems = read_json(failure->problems);
  return Json::object({{"scheduled_at", format_time(failure->scheduled_at)},
                       {"at", format_time(failure->at)},
                       {"code", failure->code},
                       {"message", failure->message},
                       {"errors", problems ? *problems : Json::array()}});
}

/// "2026-11-27T10:00:00.000+01:00". Offsets of whole minutes only, as RFC 3339 has them; older ones are cut.
std::string local_text(Time time, Duration offset) {
  std::string out = format_time(time + offset);
  out.pop_back();
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(offset).count();
  const auto two_digits = [](std::int64_t n) { return std::string(n < 10 ? "0" : "") + std::to_string(n); };
  const std::int64_t size = minutes < 0 ? -minutes : minutes;
  return out + (minutes < 0 ? "-" : "+") + two_digits(size / 60) + ":" + two_digits(size % 60);
}

/// The rules as they were asked for, with their defaults.
void set_rules(const ScheduleRunner& runner, Json& out) {
  const Result<Json> rules = read_json(runner.stored().rules);
  if (!rules || !rules->is_object()) return;
  for (const JsonMember& member : rules->as_object()) out.set(member.name, member.value);
}

}  // namespace

Json times_document(const Recurrence& recurrence, const TimeZones& zones, std::string_view name, Time after,
                    std::size_t count) {
  Json::Array out;
  const std::string zone_name = text_member(recurrence.document(), "time_zone");
  const Result<std::shared_ptr<const TimeZone>> zone = zones.find(zone_name.empty() ? "UTC" : zone_name);
  std::optional<Time> at = recurrence.next(after);
  for (; at && out.size() < count; at = recurrence.next(*at))
    out.push_back(Json::object({{"scheduled_at", format_time(*at)},
                                {"local", zone ? Json(local_text(*at, (*zone)->at(*at).offset)) : Json()},
                                {"starts_at", format_time(*at + recurrence.delay(name, *at))}}));
  return Json(std::move(out));
}

Json schedule_document(const ScheduleRunner& runner, const TimeZones& zones, const Json* plan, Time now) {
  const StoredSchedule& stored = runner.stored();
  const ScheduleProgress& progress = runner.progress();
  Json out = Json::object({{"name", stored.name},
                           {"namespace", stored.name_space},
                           {"state", stored.pause ? "paused" : "active"},
                           {"pause", pause_document(stored.pause)},
                           {"attention", runner.needs_attention()},
                           {"trouble", text_or_null(runner.trouble())}});
  set_rules(runner, out);
  const bool comes = runner.rules() && !stored.pause;
  out.set("next", comes ? times_document(runner.rules()->recurrence, zones, stored.name,
                                         std::max(now, progress.handled), plan == nullptr ? 1 : next_max)
                        : Json::array());
  out.set("open", runs_document(progress.open));
  Json::Array waiting;
  for (const Time time : progress.waiting) waiting.emplace_back(format_time(time));
  out.set("waiting", Json(std::move(waiting)));
  out.set("recent", runs_document(progress.recent));
  out.set("started", number(progress.counts.started));
  out.set("triggered", number(progress.counts.triggered));
  out.set("skipped", number(progress.counts.skipped));
  out.set("missed", number(progress.counts.missed));
  out.set("failed_to_start", number(progress.counts.failed));
  out.set("last_skipped", skipped_document(progress.skipped));
  out.set("last_missed", missed_document(progress.missed));
  out.set("last_failure", failure_document(progress.failure));
  out.set("handled_until", format_time(progress.handled));
  out.set("created_at", format_time(stored.created_at));
  out.set("created_by", stored.created_by);
  out.set("changed_at", format_time(stored.changed_at));
  out.set("changed_by", stored.changed_by);
  out.set("submitted_by", text_or_null(stored.holder.submitted_by));
  out.set("plan_digest", stored.plan_digest);
  if (plan != nullptr) out.set("plan", *plan);
  return out;
}

}  // namespace settle
