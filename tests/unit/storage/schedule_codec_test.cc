#include "storage/schedule_codec.h"

#include <gtest/gtest.h>

#include "storage/keys.h"

namespace settle {
namespace {

Time at(std::int64_t milliseconds) {
  return Time(Duration(milliseconds));
}

StoredSchedule whole_schedule() {
  return {.name_space = "default",
          .name = "nightly",
          .rules = R"({"every":"1h"})",
          .plan_digest = "sha256:0",
          .pause = SchedulePause{"paused", "a reason", "operator", at(7)},
          .holder = {"t1", "planner", true},
          .created_at = at(1),
          .created_by = "planner",
          .changed_at = at(2),
          .changed_by = "another"};
}

ScheduleProgress whole_progress() {
  ScheduleProgress out;
  out.handled = at(50);
  out.waiting = {at(40), at(50)};
  out.open = {{at(30), "s-30", at(31), true, std::nullopt, WorkflowOutcome::none}};
  out.recent = {{at(20), "s-20", at(21), false, at(22), WorkflowOutcome::failed}};
  out.counts = {1, 2, 3, 4, 5};
  out.skipped = SkippedTime{at(10), "run_open"};
  out.missed = MissedTimes{at(11), at(12), 2, "late", at(13)};
  out.failure = FailedStart{at(14), at(15), "invalid_plan", "no", "[]"};
  out.failing = true;
  return out;
}

TEST(ScheduleCodec, what_is_written_comes_back) {
  EXPECT_EQ(*decode_schedule(encode_schedule(whole_schedule()), "default", "nightly"), whole_schedule());
  StoredSchedule bare = whole_schedule();
  bare.pause = std::nullopt;
  EXPECT_EQ(*decode_schedule(encode_schedule(bare), "default", "nightly"), bare);
  EXPECT_EQ(*decode_schedule_progress(encode_schedule_progress(whole_progress())), whole_progress());
  EXPECT_EQ(*decode_schedule_progress(encode_schedule_progress({})), ScheduleProgress());
}

/// Whatever stands in a damaged store is read, or refused as damaged, and never believed beyond its bounds.
TEST(ScheduleCodec, damage_is_found_or_harmless) {
  for (const std::string& bytes : {encode_schedule(whole_schedule()), encode_schedule_progress(whole_progress())}) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (const unsigned char flip : {0x01, 0x80, 0xff}) {
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ flip);
        const Result<StoredSchedule> schedule = decode_schedule(damaged, "default", "nightly");
        if (!schedule) {
          EXPECT_EQ(schedule.error().code, ErrorCode::corruption);
        }
        const Result<ScheduleProgress> progress = decode_schedule_progress(damaged);
        if (!progress) {
          EXPECT_EQ(progress.error().code, ErrorCode::corruption);
        }
        if (progress) {
          EXPECT_GE(progress->handled.time_since_epoch().count(), 0);
        }
      }
    }
    EXPECT_FALSE(decode_schedule_progress(bytes.substr(0, bytes.size() - 1)) &&
                 decode_schedule(bytes.substr(0, bytes.size() - 1), "default", "nightly"));
  }
}

TEST(ScheduleCodec, bounds_are_kept) {
  ScheduleProgress wrong = whole_progress();
  wrong.waiting = {at(50), at(40)};
  EXPECT_FALSE(decode_schedule_progress(encode_schedule_progress(wrong))) << "out of order";
  wrong = whole_progress();
  wrong.waiting.assign(1'000, at(1));
  EXPECT_FALSE(decode_schedule_progress(encode_schedule_progress(wrong))) << "too many";
  wrong = whole_progress();
  wrong.handled = at(-1);
  EXPECT_FALSE(decode_schedule_progress(encode_schedule_progress(wrong)));
  wrong = whole_progress();
  wrong.open[0].workflow = "a b";
  EXPECT_FALSE(decode_schedule_progress(encode_schedule_progress(wrong)));
  EXPECT_FALSE(decode_schedule(encode_schedule(whole_schedule()), "default", std::string(101, 'n')));
}

TEST(ScheduleKeys, those_of_one_kind_begin_alike_and_no_other_does) {
  EXPECT_TRUE(keys::schedule("default", "a").starts_with(keys::schedules));
  EXPECT_FALSE(keys::schedule_plan("default", "a").starts_with(keys::schedules));
  EXPECT_FALSE(keys::schedule_progress("default", "a").starts_with(keys::schedules));
  EXPECT_NE(keys::schedule("a", "bc"), keys::schedule("ab", "c"));
}

}  // namespace
}  // namespace settle
