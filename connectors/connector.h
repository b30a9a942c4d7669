#pragma once

#include <functional>

#include "workflows/call.h"

namespace settle {

using CallDone = std::function<void(Outcome)>;

/// Protocol code that carries calls. One instance per event loop; every method runs on that loop, and so does `done`.
class Connector {
 public:
  virtual ~Connector() = default;
  /// Sends the call once; never retries by itself. `done` runs exactly once, never inside of start().
  /// Bounded: calls beyond the limit of connections per host wait in a queue; one that waits longer than its timeout
  /// ends not_sent.
  virtual void start(Call call, CallDone done) = 0;
  /// Ends everything under way: calls not yet on the wire end not_sent, others ambiguous ("engine_shutdown").
  virtual void stop() = 0;
};

}  // namespace settle
