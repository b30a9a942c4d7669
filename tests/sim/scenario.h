#pragma once

#include <cstdint>

#include "tests/sim/counters.h"
#include "tests/sim/verdict.h"

namespace settle::sim {

struct SeedResult {
  Verdict verdict;
  std::uint64_t trace_hash = 0;
};

/// One world: first everything that can go wrong (safety), then everything heals and must come to an end (liveness),
/// then the oracles. The same seed gives the same trace. With `tracing`, every call and every event is told on standard
/// output.
SeedResult run_seed(std::uint64_t seed, Counters& counters, bool tracing = false);

}  // namespace settle::sim
