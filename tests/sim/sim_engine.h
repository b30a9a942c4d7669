#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "engine/engine.h"
#include "engine/operations.h"
#include "tests/sim/monitor.h"
#include "tests/sim/sim_limits.h"
#include "tests/sim/sim_people.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/trace_hash.h"

namespace settle::sim {

/// What a submission carries beside its plan.
struct SimSubmission {
  std::string id;
  bool other_body = false;      ///< the same plan with other labels
  std::string idempotency_key;  ///< empty: none
};

/// The real engine on simulated loops, store and outside. What it answers is judged at the moment of the answer.
class SimEngine final {
 public:
  SimEngine(std::uint64_t seed, const std::map<std::string, Sketch>& sketches, Verdict& verdict, Counters& counters);
  ~SimEngine();

  /// Starts the engine on what the store holds. `origin` is what `${sim}` stands for in its configuration.
  void start(const std::vector<SimTool>& tools, const std::string& origin, std::size_t loops,
             const ShardLimits& limits_of_shards);
  /// kill -9: the engine and all that it was about to do are gone.
  void crash();
  /// An orderly stop that takes at most `patience`; a crash on the way is possible. True: it stopped.
  bool stop(Duration patience);
  bool running() const { return engine_ != nullptr; }
  /// What the engine counts of the quota; while it runs.
  Share counted() const;
  void judge_usage(const Share& counted, bool at_rest);
  /// Whether something is limited that a workflow of a seed may come up to.
  bool is_limited() const { return quotas.usual.open_workflows || quotas.usual.bytes < plenty; }
  static constexpr std::int64_t plenty = std::int64_t{1} << 50;  ///< of bytes: as good as none, but they are counted
  /// It runs in circles: far more happened than a seed takes. Nothing runs any more.
  bool spins() const;

  void submit(const SimSubmission& submission);
  void cancel(const std::string& id);
  void pause(const std::string& id);
  void resume(const std::string& id);
  void retry(const std::string& id, bool latest);
  void signal(const std::string& id, const SentSignal& sent);
  /// Through the API, with the token that it names.
  void decide(SentVerdict sent);
  void make_token(const std::string& holder, Roles roles, std::optional<Duration> life);
  void revoke(const std::string& token);
  Time now() { return loops_[0]->now(); }
  /// An operator looks at the outside, and says of one parked run what is so. Nothing while nobody can tell.
  void resolve(const std::string& id, bool send_again);
  /// Asks for the document, at the latest after `wait`.
  void watch(const std::string& id, Duration wait);
  /// Runs for so long; less when the store says that it is time to crash (the engine is gone then).
  void run(Duration duration);

  /// Ids of the workflows that were acknowledged, and with which body.
  const std::map<std::string, bool>& acknowledged() const { return acknowledged_; }
  /// Signals that were acknowledged, by workflow and number.
  const std::map<std::pair<std::string, std::uint32_t>, SentSignal>& acknowledged_signals() const {
    return acknowledged_signals_;
  }
  /// Whether somebody asked for its cancellation, answered or not.
  bool asked_to_cancel(const std::string& id) const { return cancelled_.contains(id); }
  std::uint64_t trace_hash() const { return trace_hash_.value(); }
  void trace(const std::string& line);

  Schedule schedule;
  Dice dice;
  World world;
  SimStore store;
  Monitor monitor;
  SimLimits limits{schedule};
  SimPeople people;
  bool clock_leapt = false;  ///< the wall clock has leapt ahead
  bool clock_ahead = false;  ///< and the engine can't know of it: waits prove less
  bool clock_back = false;   ///< it was set back: after a restart, a window looks longer than it is
  bool moved = false;        ///< the configuration moved the endpoint: looks that were begun may end without a result
  QuotaOptions quotas;       ///< from the next start on
  bool tracing = false;

  /// The wall clock leaps, ahead or back.
  void jump(Duration by);

 private:
  class Carrier;
  void put_tools(const std::vector<SimTool>& tools);
  void open_api();
  void make_first_tokens();
  void ask(const std::string& token, std::vector<std::string> segments, const std::optional<Json>& body,
           std::function<void(Result<Json>)> told);
  void observe(const WriteBatch& batch, CompletionSink& sink);
  void judge_step(const WriteBatch& batch, Time now);
  void judge_call(const Call& call);
  void judge_look(const Call& call);
  void judge_limits(const SimTool& tool, const std::string& value, const std::optional<std::string>& wrong);
  void judge_before(const SimTool& tool, const std::string& value);
  void judge_key(const std::string& id, const std::string& value, const std::string& key);
  void operate(const std::string& id, const Shard::Operation& operation, const std::string& what);
  void judge_refused_operation(const std::string& id, const std::string& what, const Error& error);
  void judge_answer(const SimSubmission& submission, bool known_before, const Result<Engine::Started>& started);
  bool had_no_room(const SimSubmission& submission, bool known_before, ErrorCode code) const;
  bool may_be_full_for(std::size_t signal_bytes, ErrorCode code) const;
  void judge_document(const Json& document);
  void judge_delivery(const std::string& id, const SentSignal& sent, const Shard::Delivered& delivered);
  void judge_refusal(const std::string& id, const SentSignal& sent, const Error& error);
  void judge_verdict(const SentVerdict& sent, const Result<Json>& decided);
  bool judge_token(const SentVerdict& sent, const Result<Json>& decided);
  bool resolve_held(const Monitor::Shadow& workflow, ActionIndex index, ResolveRequest& request) const;
  void judge_phase(const Json& document, const Json& action);
  bool is_stored(const std::string& id) const;

  Verdict& verdict_;
  Counters& counters_;
  std::vector<std::unique_ptr<SimLoop>> loops_;
  std::unique_ptr<ToolRegistry> tools_;
  std::string origin_;
  std::uint64_t starts_ = 0;
  std::vector<std::unique_ptr<Carrier>> carriers_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<TokenRegistry> registry_;
  std::atomic<bool> ready_{true};
  std::vector<std::unique_ptr<HttpApi>> apis_;  ///< one for each loop
  std::uint64_t asked_ = 0;                     ///< of them
  std::map<std::string, bool> acknowledged_;
  std::map<std::pair<std::string, std::uint32_t>, SentSignal> acknowledged_signals_;
  std::set<std::string> created_, cancelled_, retried_;
  std::map<std::string, std::string> key_owners_;  ///< Idempotency-Key of the API -> workflow
  std::optional<Time> leap_;                       ///< the wall clock after its latest leap ahead
  std::uint64_t looked_ = 0;                       ///< by the operator, to tell words apart that fall into one moment
  TraceHash trace_hash_;
};

}  // namespace settle::sim
