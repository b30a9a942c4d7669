#include "connectors/guarded.h"

#include <algorithm>
#include <utility>

namespace settle {
namespace {

/// Origins are constant or configured, so there are few; beyond this many, those that are not known go unguarded.
constexpr std::size_t hosts_max = 1'024;
/// The budget moves on once per second.
constexpr Duration budget_wait{1'000};

}  // namespace

GuardedConnector::GuardedConnector(Connector& inner, GuardPorts ports, GuardOptions options)
    : inner_(inner), ports_(std::move(ports)), options_(options) {}

GuardedConnector::Hosts::value_type* GuardedConnector::host_of(std::string_view url) {
  const std::string_view origin = origin_of(url);
  if (const auto known = hosts_.find(origin); known != hosts_.end()) return &*known;
  if (hosts_.size() >= hosts_max) forget_quiet_hosts();
  if (hosts_.size() >= hosts_max) return nullptr;
  return &*hosts_.emplace(std::string(origin), Host(options_)).first;
}

void GuardedConnector::forget_quiet_hosts() {
  std::erase_if(hosts_, [](const auto& named) { return named.second.under_way == 0 && named.second.circuit.quiet(); });
}

void GuardedConnector::start(Call call, CallDone done) {
  Hosts::value_type* const named = host_of(call.url);
  if (named == nullptr) return inner_.start(std::move(call), std::move(done));
  Host& host = named->second;
  const Time now = ports_.now();
  if (const std::optional<Duration> wait = host.circuit.refuses(now)) {
    const Time until = std::max(host.circuit.until(), now + *wait);
    return refuse(std::move(done), "circuit_open",
                  "calls to " + named->first + " are held back since " + format_time(host.circuit.since()) +
                      ", until " + format_time(until) + " at least; the last one that was tried ended with " +
                      host.circuit.last_code(),
                  *wait);
  }
  const bool probe = host.circuit.probing();
  if (call.repeat && !probe && !host.budget.repeat(now)) {
    return refuse(std::move(done), "retry_budget_exhausted",
                  "too many of the latest calls to " + named->first +
                      " are repeats that were not answered; this one waits until " + format_time(now + budget_wait) +
                      " at least",
                  budget_wait);
  }
  host.budget.call(now);
  ++host.under_way;
  const bool repeat = call.repeat && !probe;
  inner_.start(std::move(call), [this, named, probe, repeat, now, done = std::move(done)](Outcome outcome) {
    ended(*named, probe, repeat, now, outcome);
    done(std::move(outcome));
  });
}

void GuardedConnector::refuse(CallDone done, std::string code, std::string detail, Duration retry_after) {
  Outcome outcome;
  outcome.kind = OutcomeClass::not_sent;
  outcome.code = std::move(code);
  outcome.detail = std::move(detail);
  outcome.retry_after = retry_after;
  outcome.started = outcome.ended = ports_.now();
  ports_.post([done = std::move(done), outcome = std::move(outcome)] { done(outcome); });
}

void GuardedConnector::ended(Hosts::value_type& named, bool probe, bool repeat, Time made, const Outcome& outcome) {
  Host& host = named.second;
  --host.under_way;
  const Time now = ports_.now();
  const HostSeen seen = host_seen(outcome);
  if (repeat && seen == HostSeen::alive) host.budget.answered(made, now);
  if (!host.circuit.ended(seen, probe, outcome.code, now, ports_.entropy()) || !ports_.tell) return;
  const bool opened = host.circuit.state() == Circuit::State::open;
  ports_.tell(opened, opened ? "circuit to " + named.first + " is open until " + format_time(host.circuit.until()) +
                                   ": calls fail, the last with " + outcome.code
                             : "circuit to " + named.first + " is closed again");
}

}  // namespace settle
