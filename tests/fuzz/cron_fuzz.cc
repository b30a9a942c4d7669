// Any text as a cron expression: what is accepted has times, which rise, and is read again as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "workflows/cron.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace settle;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<Problem> problems;
  const std::optional<Cron> cron = Cron::read(text, "/cron", problems);
  SETTLE_ASSERT(cron.has_value() == problems.empty());
  if (!cron) return 0;

  const std::optional<Cron> again = Cron::read(cron->text(), "/cron", problems);
  SETTLE_ASSERT(again && again->text() == cron->text() && again->any_hour() == cron->any_hour());
  LocalTime from = std::chrono::local_days(std::chrono::year(1999) / 12 / 31) + Duration(1);
  for (int i = 0; i < 20; ++i) {
    const std::optional<LocalTime> time = cron->first_from(from);
    SETTLE_ASSERT(time && *time >= from && time->time_since_epoch() % std::chrono::minutes(1) == Duration(0));
    SETTLE_ASSERT(again->first_from(from) == time);
    // Backwards from anywhere up to the next one, it is the last.
    SETTLE_ASSERT(cron->last_until(*time) == time && cron->first_from(*time) == time);
    const std::optional<LocalTime> before = cron->last_until(*time - Duration(1));
    SETTLE_ASSERT(!before || *before < from);
    from = *time + Duration(1);
  }
  return 0;
}
