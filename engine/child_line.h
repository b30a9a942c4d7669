#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/children.h"

namespace settle {

/// The children of one namespace that can't be begun for want of room, in the order in which they came. Nothing of it
/// is stored: after a restart their parents order them again. Thread: that of its loop.
class ChildLine {
 public:
  /// How long one waits for the quota of its namespace while no place comes free. For ever would be too long: where all
  /// that is open waits for children of its own, nothing ends that could make room.
  static constexpr Duration wait_max{600'000};

  bool empty() const { return waiting_.empty(); }
  std::size_t size() const { return waiting_.size(); }
  bool has(const std::string& child) const { return turns_.contains(child); }
  /// There must be one.
  const ChildOrder& first() const { return waiting_.begin()->second; }
  ChildOrder take_first();

  /// Takes the place that it had before; without one it is the last. Of one that waits already the newer order counts.
  void join(ChildOrder order, Time now);
  /// It is not wanted any more. Who does not wait is fine.
  void leave(const std::string& child);

  /// It gets on, or does not for another reason than the quota: the time without a free place begins anew.
  void moves(Time now) { stuck_since_ = now; }
  /// The first finds no room in the quota; `freed` counts the places that the namespace has given back so far. Gives
  /// those that are to be given up, none of which waits any more: when no place came free for `wait_max`, the first one
  /// and those of the same parent. Only these, as the end of that parent may be what others wait for.
  std::vector<ChildOrder> give_up(Time now, std::uint64_t freed);

 private:
  std::map<std::uint64_t, ChildOrder> waiting_;           ///< by turn
  std::unordered_map<std::string, std::uint64_t> turns_;  ///< by the id of the child
  std::uint64_t next_turn_ = 1;
  Time stuck_since_{};
  std::uint64_t freed_ = 0;  ///< as it was then
};

}  // namespace settle
