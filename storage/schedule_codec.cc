#include "storage/schedule_codec.h"

#include <records.pb.h>

#include "base/text.h"
#include "storage/record_values.h"

namespace settle {
namespace {

constexpr std::size_t waiting_max = 2 * ScheduleLimits::waiting_max, runs_max = 10'000;

void write(const ScheduledRun& run, records::ScheduledRunRecord& out) {
  out.set_scheduled_at(number(run.scheduled_at));
  out.set_workflow(run.workflow);
  out.set_started_at(number(run.started_at));
  out.set_triggered(run.triggered);
  out.set_ended_at(number(run.ended_at));
  out.set_outcome(static_cast<std::uint32_t>(run.outcome));
}

template <class Records>
bool read(const Records& records, std::vector<ScheduledRun>& out) {
  if (static_cast<std::size_t>(records.size()) > runs_max) return false;
  for (const records::ScheduledRunRecord& record : records) {
    if (!are_times({record.scheduled_at(), record.started_at(), record.ended_at()}) || !is_name(record.workflow()) ||
        !names_up_to(record.outcome(), WorkflowOutcome::cancelled))
      return false;
    out.push_back({time_of(record.scheduled_at()), record.workflow(), time_of(record.started_at()), record.triggered(),
                   optional_time(record.ended_at()), static_cast<WorkflowOutcome>(record.outcome())});
  }
  return true;
}

bool are_in_order(const std::vector<Time>& times) {
  return std::is_sorted(times.begin(), times.end());
}

}  // namespace

std::string encode_schedule(const StoredSchedule& schedule) {
  records::ScheduleRecord record;
  record.set_rules(schedule.rules);
  record.set_plan_digest(schedule.plan_digest);
  if (schedule.pause) {
    record.set_paused(true);
    record.set_pause_code(schedule.pause->code);
    record.set_pause_reason(schedule.pause->reason);
    record.set_paused_by(schedule.pause->by);
    record.set_paused_at(number(schedule.pause->at));
  }
  record.set_created_at(number(schedule.created_at));
  record.set_created_by(schedule.created_by);
  record.set_changed_at(number(schedule.changed_at));
  record.set_changed_by(schedule.changed_by);
  record.set_token(schedule.holder.token_id);
  record.set_submitted_by(schedule.holder.submitted_by);
  record.set_token_revoked(schedule.holder.revoked);
  return record.SerializeAsString();
}

Result<StoredSchedule> decode_schedule(std::string_view bytes, std::string name_space, std::string name) {
  records::ScheduleRecord record;
  const bool read = record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (!read || !is_name(name_space) || !is_name(name, schedule_name_max) || record.rules().empty() ||
      !are_times({record.paused_at(), record.created_at(), record.changed_at()}))
    return damaged("record of schedule \"" + shorten(name, 130) + "\"");
  StoredSchedule out;
  out.name_space = std::move(name_space);
  out.name = std::move(name);
  out.rules = record.rules();
  out.plan_digest = record.plan_digest();
  if (record.paused())
    out.pause =
        SchedulePause{record.pause_code(), record.pause_reason(), record.paused_by(), time_of(record.paused_at())};
  out.holder = {record.token(), record.submitted_by(), record.token_revoked()};
  out.created_at = time_of(record.created_at());
  out.created_by = record.created_by();
  out.changed_at = time_of(record.changed_at());
  out.changed_by = record.changed_by();
  return out;
}

std::string encode_schedule_progress(const ScheduleProgress& progress) {
  records::ScheduleProgressRecord record;
  record.set_handled(number(progress.handled));
  for (const Time time : progress.waiting) record.add_waiting(number(time));
  for (const ScheduledRun& run : progress.open) write(run, *record.add_open());
  for (const ScheduledRun& run : progress.recent) write(run, *record.add_recent());
  record.set_started(progress.counts.started);
  record.set_triggered(progress.counts.triggered);
  record.set_skipped(progress.counts.skipped);
  record.set_missed(progress.counts.missed);
  record.set_failed(progress.counts.failed);
  if (progress.skipped) {
    record.set_skipped_time(number(progress.skipped->scheduled_at));
    record.set_skipped_why(progress.skipped->why);
  }
  if (progress.missed) {
    record.set_missed_first(number(progress.missed->first));
    record.set_missed_last(number(progress.missed->last));
    record.set_missed_count(progress.missed->count);
    record.set_missed_why(progress.missed->why);
    record.set_missed_at(number(progress.missed->at));
  }
  if (progress.failure) {
    record.set_failed_time(number(progress.failure->scheduled_at));
    record.set_failed_at(number(progress.failure->at));
    record.set_failed_code(progress.failure->code);
    record.set_failed_message(progress.failure->message);
    record.set_failed_problems(progress.failure->problems);
  }
  record.set_failing(progress.failing);
  return record.SerializeAsString();
}

Result<ScheduleProgress> decode_schedule_progress(std::string_view bytes) {
  const auto unreadable = [] { return damaged("progress of a schedule"); };
  records::ScheduleProgressRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return unreadable();
  const bool times = are_times({record.handled(), record.skipped_time(), record.missed_first(), record.missed_last(),
                                record.missed_at(), record.failed_time(), record.failed_at()});
  if (!times || static_cast<std::size_t>(record.waiting_size()) > waiting_max) return unreadable();
  ScheduleProgress out;
  out.handled = time_of(record.handled());
  for (const std::int64_t time : record.waiting()) {
    if (!are_times({time})) return unreadable();
    out.waiting.push_back(time_of(time));
  }
  if (!are_in_order(out.waiting) || !read(record.open(), out.open) || !read(record.recent(), out.recent))
    return unreadable();
  out.counts = {record.started(), record.triggered(), record.skipped(), record.missed(), record.failed()};
  if (!record.skipped_why().empty()) out.skipped = SkippedTime{time_of(record.skipped_time()), record.skipped_why()};
  if (record.missed_count() > 0)
    out.missed = MissedTimes{time_of(record.missed_first()), time_of(record.missed_last()), record.missed_count(),
                             record.missed_why(), time_of(record.missed_at())};
  if (!record.failed_code().empty())
    out.failure = FailedStart{time_of(record.failed_time()), time_of(record.failed_at()), record.failed_code(),
                              record.failed_message(), record.failed_problems()};
  out.failing = record.failing();
  return out;
}

}  // namespace settle
