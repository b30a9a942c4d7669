#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/loop.h"
#include "workflows/step.h"

namespace settle {

class PermitLine;

/// Where permits go: the shard of the waiting workflow.
class PermitSink {
 public:
  virtual ~PermitSink() = default;
  /// The run's turn has come. The permit is used by a call of this run, or given back at once. Loop: the sink's own.
  virtual void permitted(PermitLine& line, const std::string& workflow, ActionIndex run) = 0;
};

/// The limits of one tool, and the runs that wait for them. Each workflow has its turn, one run at a time, in the order
/// in which they came; the runs of one workflow go in the order of the plan. Nothing here is durable: after a start
/// whoever is gated joins again, and the bucket is empty.
/// Thread: any. `loop` is the caller's own; timers are set there.
class PermitLine {
 public:
  /// The tool's present limits; null while it has no enabled version (then the last ones go on to count).
  using Current = std::function<std::optional<RateLimit>()>;
  PermitLine(Current current, RateLimit limits, Time empty_at)
      : current_(std::move(current)), limits_(limits), empty_at_(empty_at) {}

  /// Takes a permit for a call at `now` if there is one and nobody waits; else says what stands in the way.
  Limit enter(Time now);
  /// Waits for a permit, which goes to `sink` on `loop`. Joining again changes nothing.
  void join(const std::string& workflow, ActionIndex run, PermitSink& sink, Loop& loop);
  /// Waits no longer. (A permit that is on its way already comes all the same.)
  void leave(const std::string& workflow, ActionIndex run);
  /// The call has ended, or was never made. For the rate it counts all the same: whoever gives back late must not make
  /// up for time in which others were sent.
  void give_back(Loop& loop);
  /// The provider asks not to be called before `until`. Believed for a minute at most: then one call asks again.
  void pause(Time until, Loop& loop);
  /// Gives no permit to those who wait any more.
  void close();

  struct Standing {
    std::size_t waiting = 0, under_way = 0;
  };
  Standing standing() const;

 private:
  struct Waiting {
    PermitSink* sink;
    Loop* loop;
    std::set<ActionIndex> runs;
    std::list<std::string>::iterator turn;
  };
  /// Loops may differ by a little: for a line, time never goes back.
  Time forward(Time now) { return latest_ = std::max(latest_, now); }
  void refresh(Time now);
  std::int64_t interval() const;
  std::int64_t tolerance() const;
  Limit in_the_way(Time now);
  void take(Time now);
  void serve(Loop& loop);
  void give_next();
  void arm(Loop& loop, Time at);

  mutable std::mutex mutex_;
  const Current current_;
  RateLimit limits_;
  Time latest_{};
  Time refreshed_at_{};
  const Time empty_at_;
  /// The token bucket as one moment, in microseconds (GCRA): when the bucket would be full again. Null: not used yet.
  std::optional<std::int64_t> full_at_;
  Time paused_until_{};
  std::uint32_t under_way_ = 0;
  std::list<std::string> turns_;  ///< the workflows that wait, the next one first
  std::unordered_map<std::string, Waiting> waiting_;
  std::size_t runs_waiting_ = 0;
  bool armed_ = false;
  bool closed_ = false;
};

class ToolRegistry;

/// All lines, by namespace and tool. Shared by all loops; lines live as long as this. Thread: any.
class PermitLines {
 public:
  explicit PermitLines(const ToolRegistry& tools);
  /// The buckets are empty at this moment, and fill from then on: so no number of restarts lets more calls through than
  /// the rate does.
  void begin(Time now);
  /// The limits that count are those of the newest enabled version, within a second after a change.
  PermitLine& line(const std::string& name_space, const Tool& tool);
  void close();

 private:
  const ToolRegistry& tools_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<PermitLine>> lines_;
  Time begun_{};
  bool closed_ = false;
};

/// The gate of one shard's steps, one step at a time.
class ShardGate final : public Gate {
 public:
  explicit ShardGate(PermitLines& lines) : lines_(lines) {}

  Limit enter(const std::string& name_space, const Tool& tool, ActionIndex run, Time now) override;
  /// The next step may pass once for this run.
  void hold(ActionIndex run) { held_ = run; }
  /// Ends that; true when the permit was not used.
  bool take_back() { return std::exchange(held_, std::nullopt).has_value(); }
  PermitLine& line(const std::string& name_space, const Tool& tool);

 private:
  PermitLines& lines_;
  std::unordered_map<std::string, PermitLine*> known_;  ///< so that the shared map is asked once only
  std::optional<ActionIndex> held_;
};

}  // namespace settle
