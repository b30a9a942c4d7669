#include "tests/sim/faults.h"

namespace settle::sim {

std::string_view name_of(Fault fault) {
  constexpr std::array<std::string_view, fault_count> names = {
      "connect_failed", "throttled",   "unavailable",    "lost_before",
      "error_before",   "refused",     "refused_repeat", "late",
      "lost_after",     "error_after", "malformed",      "schema_drift",
      "slow",           "read_down",   "read_malformed", "search_unreadable",
      "stale",          "reader_odd",  "never_settles",  "further_page",
      "drift",          "lie",         "partial",        "wrong_record",
      "doubled",        "false_busy",  "human"};
  return names[static_cast<std::size_t>(fault)];
}

Faults draw_faults(Dice& dice) {
  Faults out;
  static const std::vector<double> intensities = {0.3, 0.6, 1.0};
  const double intensity = dice.of(intensities);
  for (std::size_t i = 0; i < fault_count; ++i) {
    const bool breaks_word = i >= static_cast<std::size_t>(Fault::lie);
    const double rate =
        intensity * (breaks_word ? 0.02 : 0.01) * static_cast<double>(1 + dice.below(breaks_word ? 4 : 25));
    if (dice.chance(breaks_word ? 0.15 : 0.5)) out.rates[i] = rate;
  }
  return out;
}

}  // namespace settle::sim
