#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "workflows/state.h"

namespace settle {

/// How much a workflow keeps: the bytes of its plan, of the inputs, the answers and the looks before the first send of
/// its runs, and of the payloads of its signals, each in the canonical form in which it is stored. What changes is
/// counted when it is written, so nothing is ever added up anew.
class KeptBytes {
 public:
  enum class Of : std::uint8_t { input, output, before };

  std::uint64_t total() const { return total_; }
  void plan(std::size_t bytes) { total_ += bytes; }
  /// `bytes` take the place of what was there; 0: it is erased.
  void set(Of of, ActionIndex run, std::size_t bytes);
  std::size_t of(Of of, ActionIndex run) const;
  /// Those that came since the last time. They are never taken away.
  void signals(const std::vector<SignalState>& all);

 private:
  std::uint64_t total_ = 0;
  std::vector<std::array<std::uint32_t, 3>> runs_;
  std::size_t signals_ = 0;  ///< that are counted
};

}  // namespace settle
