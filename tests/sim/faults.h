#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "tests/sim/sim_loop.h"

namespace settle::sim {

/// What can go wrong outside. The first ones any provider may do; from `lie` on the tool's own word is broken, and the
/// truth of the run says so.
enum class Fault : std::uint8_t {
  connect_failed,     ///< no byte leaves
  throttled,          ///< 429, or 503 with Retry-After, sometimes an absurd one
  unavailable,        ///< 503 without Retry-After: nothing was done, and nobody can know
  lost_before,        ///< the connection breaks before anything was done
  error_before,       ///< 500 and its like before anything was done
  refused,            ///< a definite no
  refused_repeat,     ///< "exists already" to a repeat
  late,               ///< done after the answer, at most `late_max` after the call came
  lost_after,         ///< done, and the answer is lost
  error_after,        ///< done, and answered by 500, 408, 206, …
  malformed,          ///< done, and the answer is no strict JSON
  schema_drift,       ///< done, and the answer does not fit the output schema
  slow,               ///< done, and answered after the timeout
  read_down,          ///< a look gets an error, a refusal or nothing
  read_malformed,     ///< a look gets an answer that can't be read
  search_unreadable,  ///< the look-up answers 404, or without its list
  stale,              ///< looks go to replicas that lag
  reader_odd,         ///< an optional member of an answer is missing
  never_settles,      ///< a record stays as good as new for ever
  further_page,       ///< a search shows only a part, and says so
  drift,              ///< somebody else changes the account

  lie,           ///< 200, and nothing was stored
  partial,       ///< 200, and something else was stored
  wrong_record,  ///< another's record in the answer or in a read-back
  doubled,       ///< the network delivers a call twice
  false_busy,    ///< 503 with Retry-After, and done all the same
  human,         ///< a person edits or deletes a record
};
inline constexpr std::size_t fault_count = static_cast<std::size_t>(Fault::human) + 1;
std::string_view name_of(Fault fault);

/// How often what goes wrong. Each kind is on with probability one half (those that break the tool's word less often),
/// and its rate is drawn then.
struct Faults {
  std::array<double, fault_count> rates{};
  double& operator[](Fault fault) { return rates[static_cast<std::size_t>(fault)]; }
  double operator[](Fault fault) const { return rates[static_cast<std::size_t>(fault)]; }
};
Faults draw_faults(Dice& dice);

}  // namespace settle::sim
