#include "engine/clock.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Clock::Nanoseconds noon = hours(500'000);

Time at(Clock::Nanoseconds since_epoch) {
  return Time(std::chrono::floor<Duration>(since_epoch));
}

TEST(Clock, follows_the_wall_clock_and_never_goes_back) {
  Clock clock;
  EXPECT_EQ(clock.now(noon, seconds(1)), at(noon));
  EXPECT_EQ(clock.now(noon + seconds(2), seconds(3)), at(noon + seconds(2)));
  EXPECT_EQ(clock.now(noon - hours(24), seconds(4)), at(noon + seconds(3))) << "it goes on with the monotonic clock";
  EXPECT_EQ(clock.leapt(), Time::min());
}

TEST(Clock, is_never_before_what_was_stored) {
  Clock clock;
  clock.not_before(at(noon + hours(1)), seconds(1));
  EXPECT_EQ(clock.now(noon, seconds(1)), at(noon + hours(1)));
  EXPECT_EQ(clock.now(noon + seconds(5), seconds(6)), at(noon + hours(1) + seconds(5)));
}

TEST(Clock, notices_a_leap_ahead) {
  Clock clock;
  clock.now(noon, seconds(1));
  EXPECT_EQ(clock.now(noon + hours(2), seconds(2)), at(noon + hours(2)));
  EXPECT_EQ(clock.leapt(), at(noon + hours(2)));
  clock.now(noon + hours(2) + seconds(9), seconds(11));
  EXPECT_EQ(clock.leapt(), at(noon + hours(2))) << "it has not leapt again";
}

TEST(Clock, takes_stored_times_that_are_ahead_for_a_leap) {
  Clock clock;
  clock.now(noon, seconds(1));
  clock.not_before(at(noon + hours(1)), seconds(1));
  EXPECT_EQ(clock.leapt(), at(noon + hours(1)));
}

TEST(Clock, takes_a_slow_drift_and_an_interrupted_reading_for_no_leap) {
  Clock clock;
  clock.now(noon, seconds(1) + milliseconds(90));  // 90 ms passed between the readings
  clock.now(noon + seconds(1), seconds(2));
  EXPECT_EQ(clock.leapt(), Time::min());
}

TEST(Clock, knows_a_leap_that_was_stored) {
  Clock clock;
  clock.knows_leap(at(noon));
  clock.knows_leap(at(noon - hours(1)));
  EXPECT_EQ(clock.leapt(), at(noon));
}

}  // namespace
}  // namespace settle
