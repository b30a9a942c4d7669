#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "base/time.h"
#include "storage/store.h"

namespace settle {

/// One event loop as the engine sees it: time, dice, timers and a door for other threads. The simulator owns another
/// implementation. Unless said otherwise, methods are called on the loop's own thread.
class Loop : public CompletionSink {
 public:
  /// The greater of the wall clock and every time this loop has given or been told before (contract, promise 9). Where
  /// the wall clock was set back it goes on with the monotonic one.
  virtual Time now() = 0;
  /// `time` was seen in stored data: now() never falls behind it. Thread: any.
  virtual void not_before(Time time) = 0;
  /// When the wall clock last leapt ahead, as now() was after it; Time::min(): never. What has to have lasted by the
  /// outside's time, too, counts from there.
  virtual Time leapt() const = 0;
  /// A leap that was stored.
  virtual void knows_leap(Time leap) = 0;
  virtual std::uint64_t entropy() = 0;

  /// Runs `task` later on the loop. Thread: any.
  virtual void post(std::function<void()> task) = 0;

  /// Runs `task` once `at` has come. Waits by the monotonic clock; when the task runs, now() is at least `at`.
  virtual std::uint64_t schedule(Time at, std::function<void()> task) = 0;
  /// A timer that has not run will not. Unknown ids are fine.
  virtual void cancel(std::uint64_t timer) = 0;

  /// True on the loop's own thread. Thread: any.
  virtual bool here() const = 0;
};

/// Runs `task` on the loop: at once when that is here. Thread: any.
inline void on(Loop& loop, std::function<void()> task) {
  if (loop.here()) return task();
  loop.post(std::move(task));
}

/// The same `done`, but for any thread to call: it runs on the loop.
template <class T>
std::function<void(T)> back_on(Loop& loop, std::function<void(T)> done) {
  return [&loop, done = std::move(done)](T result) {
    on(loop, [done, result = std::move(result)]() mutable { done(std::move(result)); });
  };
}

}  // namespace settle
