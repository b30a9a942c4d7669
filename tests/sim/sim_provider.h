#pragma once

#include <map>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "engine/tools.h"
#include "tests/sim/sim_loop.h"

namespace settle::sim {

/// How often what goes wrong; drawn per seed.
struct Faults {
  double not_sent = 0, throttled = 0, lost_before = 0, lost_after = 0, status_500_before = 0, status_500_after = 0,
         malformed_after = 0, late = 0, refused = 0, lie = 0, partial = 0, read_down = 0;
  Duration read_lag{0};
};

/// The outside: four collections, one per idempotency mode, with the truth about every effect. It outlives the engine's
/// crashes.
class Provider {
 public:
  Provider(Schedule& schedule, std::uint64_t seed) : schedule_(schedule), dice_(seed) {}

  struct Record {
    std::string value;
    Time at{};
  };
  struct Truth {
    std::vector<Record> effects;  ///< one per effect that really happened
    int sends = 0;
    int unclear_then_sent = 0;  ///< mode none: sends after one that was not definitely refused
    bool doubtful = false;
    bool lied = false;
  };

  /// Executes one call at this moment; `done` comes later, if the caller is still there.
  void call(const Call& call, const std::function<void(Outcome)>& done);

  Faults faults;
  std::map<std::string, Truth> truth;  ///< by idempotency key

 private:
  void write(const std::string& mode, const std::string& key, const std::string& value,
             const std::function<void(Outcome)>& done);
  void apply(const std::string& mode, const std::string& key, const std::string& value);
  void answer(Outcome outcome, const std::function<void(Outcome)>& done);
  Outcome read(const std::string& what, const std::string& key);

  Schedule& schedule_;
  Dice dice_;
};

/// The tool of one mode: writes {key, value}, is read back by key.
Json tool_document(const std::string& mode);

}  // namespace settle::sim
