#pragma once

#include <string>
#include <vector>

#include "tests/sim/counters.h"

namespace settle::sim {

/// What a batch of seeds has to reach, so that its silence means something: those of it that it has not.
std::vector<std::string> never_reached(const Counters& counters);

}  // namespace settle::sim
