#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/token_text.h"
#include "tests/sim/sim_loop.h"

namespace settle::sim {

/// A token of somebody, and what whoever asked was told of it.
struct SimToken {
  std::string text;    ///< as its holder shows it
  std::string holder;  ///< its name
  bool approves = false;
  std::optional<Time> expires_at;
  bool made = false;    ///< acknowledged
  bool ending = false;  ///< somebody has asked for its end
  bool ended = false;   ///< and it was acknowledged
};

/// Who has which tokens. They outlive the engine.
class SimPeople {
 public:
  explicit SimPeople(std::uint64_t seed) : dice_(seed) {}

  /// A new token of random digits, known by its id; nobody has made it yet.
  TokenText draw(const std::string& holder, bool approves, std::optional<Time> expires_at);
  SimToken& at(const std::string& id) { return tokens_.at(id); }
  const std::map<std::string, SimToken>& all() const { return tokens_; }
  /// The newest of somebody's that may be used at this time, as far as anybody was told; null: there is none.
  const std::string* current(const std::string& holder, Time now) const;
  /// Any of somebody's that could be used once.
  const std::string* earlier(const std::string& holder, Time now);
  bool stands(const std::string& id, Time now) const;
  Dice& dice() { return dice_; }

 private:
  Dice dice_;  ///< of its own, so that what else a seed holds does not depend on it
  std::map<std::string, SimToken> tokens_;
  std::map<std::string, std::vector<std::string>> of_;  ///< by holder, the newest last
};

}  // namespace settle::sim
