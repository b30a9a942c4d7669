#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "storage/memory/memory_store.h"
#include "tests/sim/sim_provider.h"

namespace settle::sim {

/// The real engine on a simulated loop, store and outside, reproducible from its seed. Crashes lose what was not
/// synced.
class SimEngine final {
 public:
  explicit SimEngine(std::uint64_t seed);
  ~SimEngine();

  /// Starts the engine on what the store holds.
  void start();
  /// kill -9: the engine and all that it was about to do are gone; of the queued commits a random part became durable.
  void crash();
  bool running() const { return engine_ != nullptr; }

  void submit(const std::string& id, const Json& plan);
  void cancel(const std::string& id);
  /// Runs until `until` of virtual time.
  void run(Duration duration);

  /// The durable state, read from the store alone.
  std::optional<Workflow> stored(const std::string& id);
  std::vector<std::string> stored_receipts(const std::string& id);
  const std::set<std::string>& acknowledged() const { return acknowledged_; }

  Schedule schedule;
  Dice dice;
  Provider provider;
  Duration sync_delay_max{5};
  std::uint64_t writes_without_intent = 0;  ///< write calls that left before their intent was durable; must stay 0

 private:
  class Carrier;
  void sync_later();
  bool intent_is_durable(const Call& call);

  MemoryStore store_;
  std::unique_ptr<SimLoop> loop_;
  std::unique_ptr<ToolRegistry> tools_;
  std::unique_ptr<Carrier> carrier_;
  std::unique_ptr<Engine> engine_;
  std::set<std::string> acknowledged_;
  bool sync_is_coming_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace settle::sim
