#pragma once

#include <cstdint>
#include <string_view>

namespace settle::sim {

/// A hash (FNV-1a) of everything that happened in a seed, in order: equal traces have equal ones.
class TraceHash {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) value_ = (value_ ^ static_cast<std::uint8_t>(c)) * 1099511628211ULL;
    value_ = (value_ ^ 0xff) * 1099511628211ULL;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 14695981039346656037ULL;
};

}  // namespace settle::sim
