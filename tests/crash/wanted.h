#pragma once

#include <cstdint>
#include <cstdlib>

namespace settle {

/// A number from the environment, with which a soak run asks for more than the usual.
inline std::uint64_t number_wanted(const char* variable, std::uint64_t usual) {
  const char* const given = std::getenv(variable);
  return given == nullptr ? usual : std::strtoull(given, nullptr, 10);
}

inline std::uint64_t seed_wanted() {
  return number_wanted("SETTLE_SEED", 1);
}

}  // namespace settle
