// The stages that one event may lead to, written down beside the code that decides it.
#include <algorithm>
#include <initializer_list>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {

bool may_follow(Stage from, Stage to) {
  using enum Stage;
  const auto one_of = [&](std::initializer_list<Stage> allowed) {
    return std::find(allowed.begin(), allowed.end(), to) != allowed.end();
  };
  if (from == to) return true;
  // Whatever is about to be sent may need somebody's agreement first.
  const bool would_send = from == blocked || from == ready || from == backing_off || from == gated ||
                          from == before_reading || from == looking || from == failed || from == cancelled ||
                          from == revived || from == in_doubt || from == unverified;
  if (to == awaiting_approval) return would_send;
  switch (from) {
    case blocked:
      return one_of({sending, gated, before_reading, failed, cancelled, skipped, gathering, verified, fallback_held,
                     ready, waiting});
    case ready:
      return one_of(
          {sending, gated, before_reading, failed, cancelled, skipped, gathering, verified, fallback_held, waiting});
    case waiting:
      return one_of({verified, executed, failed, cancelled, fallback_held});
    case before_reading:
      return one_of({before_wait, sending, gated, backing_off, failed, cancelled});
    case awaiting_approval:
      return one_of(
          {sending, gated, backing_off, before_reading, verified, failed, cancelled, settling, settle_wait, in_doubt});
    case before_wait:
      return one_of({before_reading, failed, cancelled});
    case verified:
      return one_of({rechecking, failed});
    case executed:  // a list whose element fell
      return to == failed;
    case rechecking:
      return one_of({verified, failed});
    case gathering:
      return one_of({verified, executed, failed, cancelled});
    case fallback_held:
      return to == failed;
    case in_doubt:
      return one_of({reading, read_wait, executed, unverified, failed, fallback_held, sending, backing_off, gated});
    case unverified:
      return one_of({reading, read_wait, executed, failed, fallback_held, sending, backing_off, gated});
    case revived:
      return one_of({looking, settling, settle_wait, reading, sending, backing_off, gated, in_doubt, unverified,
                     verified, waiting, ready, failed, cancelled});
    case failed:
    case cancelled:
      return one_of({blocked, revived, ready, sending, gated, gathering, looking, settling, settle_wait, reading,
                     failed, cancelled, skipped, verified, waiting, in_doubt, unverified, before_reading});
    case sending:
      return one_of({backing_off, looking, settling, settle_wait, in_doubt, reading, read_wait, unverified, executed,
                     verified, failed, cancelled, fallback_held, gated});
    case gated:
      return one_of({sending, backing_off, looking, settling, settle_wait, in_doubt, failed, cancelled});
    case backing_off:
      return one_of({before_reading, sending, gated, looking, settling, settle_wait, in_doubt, failed, cancelled});
    case looking:
      return one_of({look_wait, in_doubt, backing_off, sending, gated, reading, read_wait, unverified, executed, failed,
                     cancelled});
    case look_wait:
      return one_of({looking, in_doubt});
    case settling:
      return one_of({settle_wait, in_doubt, verified, failed, fallback_held});
    case settle_wait:
      return one_of({settling, in_doubt});
    case reading:
      return one_of({read_wait, unverified, verified, failed, fallback_held});
    case read_wait:
      return one_of({reading, unverified});
    default:
      return false;  // final
  }
}

}  // namespace settle::test
