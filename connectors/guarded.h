#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "connectors/circuit.h"
#include "connectors/connector.h"
#include "connectors/retry_budget.h"

namespace settle {

struct GuardOptions {
  CircuitOptions circuit;
  RetryBudgetOptions budget;
};

/// What a guard needs of its loop. All run on that loop; `post` runs its task later.
struct GuardPorts {
  std::function<Time()> now;
  std::function<std::uint64_t()> entropy;
  std::function<void(std::function<void()>)> post;
  /// A circuit has opened or closed: a sentence for the log. May be empty.
  std::function<void(bool opened, const std::string& sentence)> tell;
};

/// Spares hosts that are in trouble: a circuit breaker and a budget of repeats for each origin, before another
/// connector. What is not let through ends not_sent at once, `circuit_open` or `retry_budget_exhausted`, with a
/// Retry-After of ours and the host, since when and until when in its detail. One for each loop, without a lock: each
/// loop finds out for itself.
class GuardedConnector final : public Connector {
 public:
  /// `inner` outlives this.
  GuardedConnector(Connector& inner, GuardPorts ports, GuardOptions options);

  void start(Call call, CallDone done) override;
  void stop() override { inner_.stop(); }

  std::size_t hosts() const { return hosts_.size(); }

 private:
  struct Host {
    explicit Host(const GuardOptions& options) : circuit(options.circuit), budget(options.budget) {}
    Circuit circuit;
    RetryBudget budget;
    std::size_t under_way = 0;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Hosts = std::unordered_map<std::string, Host, TextHash, std::equal_to<>>;

  Hosts::value_type* host_of(std::string_view url);
  void forget_quiet_hosts();
  void refuse(CallDone done, std::string code, std::string detail, Duration retry_after);
  void ended(Hosts::value_type& named, bool probe, bool repeat, Time made, const Outcome& outcome);

  Connector& inner_;
  const GuardPorts ports_;
  const GuardOptions options_;
  Hosts hosts_;
};

}  // namespace settle
