#pragma once

#include <map>
#include <optional>
#include <string>

#include "tests/sim/sim_tool.h"

namespace settle::sim {

/// What the providers of tools with a `rate_limit` count, by the monotonic clock (docs/tools.md): whether a send is one
/// too many. Each answers with what is wrong, or null.
class SimLimits {
 public:
  explicit SimLimits(const Schedule& schedule) : schedule_(schedule) {}

  /// A process has begun: its buckets are empty, and nothing of it is under way. What was asked of the one before is
  /// forgotten: docs/tools.md promises only the rate over restarts.
  void begin();
  /// An intent of this run is written: from here on it is a send. Not while the provider asks for a pause.
  std::optional<std::string> intent(const SimTool& tool, const std::string& run);
  /// The call leaves. An intent may have waited for the disk meanwhile: what was allowed one after the other may then
  /// leave at once, but never more than was allowed.
  std::optional<std::string> left(const SimTool& tool, const std::string& run);
  /// This run's intent is over. One whose call never left is no send (docs/tools.md counts sends): the outside has seen
  /// nothing of it, so it takes nothing from those that follow. (An orderly stop ends what it holds back in this way.)
  void over(const SimTool& tool, const std::string& run);
  /// A run has waited for so long, and was never sent. Not while there was room for it.
  std::optional<std::string> given_up(const SimTool& tool, Duration waited);
  /// Our side of it is closed.
  void closed(const SimTool& tool, int status, std::optional<Duration> retry_after);

 private:
  /// A token bucket, which may never be overdrawn.
  struct Bucket {
    double tokens = 0;
    Time at{};
    bool take(const SimPromises& promises, Time now, Duration waited);
  };
  struct Standing {
    Bucket intents, calls;
    std::size_t under_way = 0;
    Time used_at{};                   ///< the latest intent, or the latest end of a call
    Time asked_at{}, not_before{};    ///< the provider's Retry-After
    std::map<std::string, Time> due;  ///< intents whose call has not left yet
    Duration waited_max{0};           ///< between an intent and its call
  };
  Standing& of(const SimTool& tool);

  const Schedule& schedule_;
  Time begun_{};
  std::map<std::string, Standing> tools_;
};

}  // namespace settle::sim
