#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/workflows/support/fixture.h"
#include "time_zones/system_time_zones.h"
#include "workflows/recurrence.h"

namespace settle::test {

inline const TimeZones& system_zones() {
  static const SystemTimeZones zones;
  return zones;
}

/// What this document says; a refused one is a failure of the test.
inline Recurrence recurrence(const Json& document, const TimeZones& zones = system_zones()) {
  std::vector<Problem> problems;
  Fields fields(document, "", problems);
  std::optional<Recurrence> read = Recurrence::read(fields, zones);
  fields.finish();
  for (const Problem& problem : problems) ADD_FAILURE() << problem.pointer << " " << problem.message;
  if (read) return *std::move(read);
  Fields daily(Json::object({{"cron", "@daily"}}), "", problems);
  return *Recurrence::read(daily, zones);
}

inline Recurrence recurrence(std::string_view cron, std::string_view time_zone) {
  return recurrence(Json::object({{"cron", cron}, {"time_zone", time_zone}}));
}

/// The first `count` scheduled times after `after`, without their milliseconds.
inline std::vector<std::string> times_after(const Recurrence& of, const char* after, std::size_t count) {
  std::vector<std::string> times;
  std::optional<Time> time = of.next(*parse_time(after));
  for (; time && times.size() < count; time = of.next(*time)) times.push_back(format_time(*time).substr(0, 19) + "Z");
  return times;
}

}  // namespace settle::test
