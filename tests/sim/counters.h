#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace settle::sim {

/// What the seeds reached, so that a green run means something.
class Counters {
 public:
  void note(std::string_view what, std::uint64_t times = 1) {
    const auto found = counts_.find(what);
    if (found != counts_.end()) {
      found->second += times;
    } else {
      counts_.emplace(what, times);
    }
  }
  std::uint64_t of(std::string_view what) const {
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }
  const std::map<std::string, std::uint64_t, std::less<>>& all() const { return counts_; }

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

}  // namespace settle::sim
