#include "tests/sim/sim_store.h"

namespace settle::sim {

void SimStore::commit(WriteBatch batch, CompletionSink& sink, CompletionSink::Done done) {
  if (observer) observer(batch, sink);
  inner_.commit(std::move(batch), sink, std::move(done));
  count();
  sync_later();
}

/// The disk catches up a moment after something was queued, as a group commit does.
void SimStore::sync_later() {
  if (sync_is_coming_ || dead || inner_.queued() == 0) return;
  sync_is_coming_ = true;
  const bool slow = slow_rate > 0 && dice_.chance(slow_rate);
  const Duration wait = slow ? dice_.between(Duration(50), slow_max) : dice_.between(Duration(1), Duration(4));
  schedule_.after(wait, [this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    sync_is_coming_ = false;
    if (dead) return;
    inner_.sync();
    count();
    sync_later();
  });
}

void SimStore::count() {
  if (!crash_after) return;
  if (*crash_after > 0) --*crash_after;
  if (*crash_after == 0) crash_due = true;
}

void SimStore::crash() {
  alive_ = std::make_shared<int>(0);
  sync_is_coming_ = false;
  dead = crash_due = false;
  crash_after = std::nullopt;
  inner_.crash(static_cast<std::size_t>(dice_.below(inner_.queued() + 1)));
}

}  // namespace settle::sim
