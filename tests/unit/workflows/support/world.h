#pragma once

#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {

/// How long the outside may take, at most, to let a lost call land and to show what has landed. The tools of the walk
/// declare `quiet` and `within` to fit.
inline constexpr Duration late_max{3'000};
inline constexpr Duration lag_max{1'500};

/// What really happens outside, for one action: the truth that the engine never sees but through its calls.
class World {
 public:
  World(const ToolSpec& tool, std::uint64_t seed) : tool_(tool), dice_(seed) {}

  /// How one call ends, decided when it begins. `closes` is when the core hears of it.
  struct Script {
    Outcome outcome;
    Time closes;
    bool is_read = false;
    Time looked_at;  ///< reads: what was true then (less the lag) is what they show
  };
  /// A send begins: decides what becomes of it, and enters what it will do into the world.
  Script send(const Call& call, Time now);
  Script read_back(Time now);
  Script look_up(Time now);
  /// A read-back that is a search by our key.
  Script search(Time now);
  /// The engine died while the call was under way: the provider closes it, and lands what it still lands in good time.
  void crash(Time now);
  /// From now on everything works.
  void heal() { healed_ = true; }

  /// What had landed by `at`.
  struct Truth {
    std::size_t records = 0;  ///< effects; for natural, whether there is one
    bool whole = false;       ///< the newest holds all that was asked for
  };
  Truth truth(Time at) const;
  Truth truth_in_the_end() const { return truth(Time::max()); }

  std::size_t unrefused_sends = 0;  ///< sends that did not end rejected or not sent
  bool lied = false;                ///< it said "done", and it was not
  bool refused_although_done = false;
  bool last_read_matched = false;

 private:
  struct Landing {
    Time received;  ///< when the provider noted the key
    Time at;
    Time shows_at;  ///< when a search finds it
    bool whole = true;
  };
  bool chance(int percent) { return std::uniform_int_distribution<int>(1, 100)(dice_) <= percent; }
  Duration upto(Duration most) { return Duration(std::uniform_int_distribution<std::int64_t>(0, most.count())(dice_)); }
  std::vector<Landing> landed(Time at) const;
  Json record(bool whole) const;
  void land(Time received, Time at, bool whole);
  /// Of mode key: those that the provider did not take for repeats.
  std::vector<Landing> deduplicated() const;

  ToolSpec tool_;
  std::mt19937_64 dice_;
  bool healed_ = false;
  std::string key_;
  std::vector<Landing> landings_;
};

}  // namespace settle::test
