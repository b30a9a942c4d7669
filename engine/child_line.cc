#include "engine/child_line.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace settle {

ChildOrder ChildLine::take_first() {
  SETTLE_ASSERT(!waiting_.empty());
  ChildOrder out = std::move(waiting_.begin()->second);
  waiting_.erase(waiting_.begin());
  turns_.erase(out.child);
  return out;
}

void ChildLine::join(ChildOrder order, Time now) {
  if (waiting_.empty()) stuck_since_ = std::max(stuck_since_, order.turn == 0 ? now : order.waits_since);
  const auto known = turns_.find(order.child);
  if (known != turns_.end()) {
    ChildOrder& waits = waiting_.at(known->second);
    order.turn = waits.turn;
    order.waits_since = waits.waits_since;
    waits = std::move(order);
    return;
  }
  if (order.turn == 0) {
    order.turn = next_turn_++;
    order.waits_since = now;
  }
  next_turn_ = std::max(next_turn_, order.turn + 1);
  turns_.emplace(order.child, order.turn);
  waiting_.emplace(order.turn, std::move(order));
}

void ChildLine::leave(const std::string& child) {
  const auto known = turns_.find(child);
  if (known == turns_.end()) return;
  waiting_.erase(known->second);
  turns_.erase(known);
}

std::vector<ChildOrder> ChildLine::give_up(Time now, std::uint64_t freed) {
  if (std::exchange(freed_, freed) != freed) stuck_since_ = now;
  std::vector<ChildOrder> out;
  const auto is_over = [&](const ChildOrder& order) {
    return std::max(stuck_since_, order.waits_since) + wait_max <= now;
  };
  if (waiting_.empty() || !is_over(first())) return out;
  const std::string parent = first().parent.workflow;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (at->second.parent.workflow != parent || !is_over(at->second)) {
      ++at;
      continue;
    }
    turns_.erase(at->second.child);
    out.push_back(std::move(at->second));
    at = waiting_.erase(at);
  }
  return out;
}

}  // namespace settle
