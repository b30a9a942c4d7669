#include "tests/sim/scenario.h"

#include <algorithm>
#include <iostream>

#include "tests/sim/oracles.h"

namespace settle::sim {
namespace {

constexpr Duration day{86'400'000};

class Scenario {
 public:
  Scenario(std::uint64_t seed, Counters& counters, bool tracing)
      : dice_(seed * 0x9e3779b97f4a7c15ULL + 1),
        counters_(counters),
        engine_(dice_.next(), sketches_, verdict_, counters) {
    engine_.tracing = tracing;
  }

  SeedResult run() {
    draw();
    start();
    const std::uint64_t turns = 4 + dice_.below(14);
    for (std::uint64_t i = 0; i < turns; ++i) turn();
    heal();
    judge();
    return {std::move(verdict_), engine_.trace_hash()};
  }

 private:
  void draw();
  void start();
  void turn();
  void actor();
  void submit(const std::string& id);
  void crash();
  void break_disk();
  void come_back();
  void jump();
  void resume_paused();
  void heal();
  void judge();
  Duration bound() const;
  bool is_quiet() const;
  void tell_history() const;

  Verdict verdict_;
  std::map<std::string, Sketch> sketches_;
  Dice dice_;
  Counters& counters_;
  std::vector<SimTool> writers_, readers_, tools_;
  std::vector<std::string> ids_;
  std::vector<SimSubmission> submitted_;
  std::string origin_ = "http://sim";
  bool jumps_ = false, moves_ = false;
  SimEngine engine_;
};

void Scenario::draw() {
  const std::uint64_t writers = 2 + dice_.below(4);
  for (std::uint64_t i = 0; i < writers; ++i) writers_.push_back(draw_tool(dice_, i));
  readers_.push_back(draw_reader(dice_, 0));
  tools_ = writers_;
  tools_.insert(tools_.end(), readers_.begin(), readers_.end());
  const std::uint64_t workflows = 1 + dice_.below(4);
  for (std::uint64_t i = 0; i < workflows; ++i) {
    ids_.push_back("w" + std::to_string(i));
    sketches_.emplace(ids_.back(), draw_sketch(dice_, ids_.back(), writers_, readers_));
  }
  engine_.world.faults = draw_faults(dice_);
  if (dice_.chance(0.3)) engine_.store.slow_rate = 0.02 * static_cast<double>(1 + dice_.below(10));
  jumps_ = dice_.chance(0.1);
  moves_ = dice_.chance(0.1);
}

void Scenario::start() {
  static const std::vector<Duration> rests = {Duration(50), Duration(1'000), Duration(30'000)};
  engine_.start(tools_, origin_, 1 + dice_.below(3), dice_.of(rests));
}

/// Something happens, and time passes.
void Scenario::turn() {
  actor();
  if (jumps_ && dice_.chance(0.2)) jump();
  if (dice_.chance(0.1) && engine_.world.faults[Fault::connect_failed] > 0)
    engine_.world.outage(dice_.between(Duration(100), Duration(8'000)), dice_.chance(0.5));
  if (engine_.world.faults[Fault::human] > 0 && dice_.chance(0.3)) engine_.world.tamper();
  if (dice_.chance(0.15)) engine_.store.crash_after = 1 + dice_.below(30);
  engine_.run(dice_.chance(0.5) ? dice_.between(Duration(0), Duration(40))
                                : dice_.between(Duration(0), Duration(2'500)));
  if (engine_.running() && dice_.chance(0.12)) crash();
  if (!engine_.running()) come_back();
}

/// Planners and operators: they submit, submit again, submit something else under the same name, cancel and watch.
void Scenario::actor() {
  const std::string& id = dice_.of(ids_);
  const std::uint64_t what = dice_.below(14);
  if (submitted_.size() < ids_.size() && dice_.chance(0.8)) return submit(ids_[submitted_.size()]);
  if (what < 2 || submitted_.empty()) return submit(id);
  SimSubmission again = dice_.of(submitted_);
  if (what < 6) return engine_.submit(again);
  if (what == 6) {
    again.other_body = dice_.chance(0.7);
    if (dice_.chance(0.3)) again.idempotency_key = "key-" + dice_.of(ids_);
    engine_.submit(again);
  }
  if (what == 7) engine_.watch(id, dice_.between(Duration(0), Duration(3'000)));
  if (what == 8 && dice_.chance(0.4)) engine_.cancel(id);
  if (what == 9) engine_.pause(id);
  if (what == 10) engine_.resume(id);
  if (what == 11) engine_.retry(id, dice_.chance(0.3));
  if (what >= 12) engine_.resolve(id, dice_.chance(0.6));
}

/// Now and then two plans race for one Idempotency-Key.
void Scenario::submit(const std::string& id) {
  SimSubmission made{id, false, dice_.chance(0.3) ? "key-" + id : ""};
  if (dice_.chance(0.1)) engine_.submit({dice_.of(ids_), false, made.idempotency_key});
  submitted_.push_back(made);
  engine_.submit(made);
}

void Scenario::crash() {
  const std::uint64_t kind = dice_.below(4);
  if (kind == 0) {
    counters_.note("orderly stop");
    engine_.stop(dice_.between(Duration(0), Duration(1'500)));
  } else if (kind == 1) {
    break_disk();
  } else {
    counters_.note("crash");
    engine_.crash();
  }
}

/// P9: the first sync that fails is the last thing that the process sees of its disk. While it dies, nothing may be
/// acknowledged and no call may leave whose batch is not durable.
void Scenario::break_disk() {
  counters_.note("the disk died");
  engine_.store.dead = true;
  engine_.run(dice_.between(Duration(0), Duration(1'000)));
  if (engine_.running()) engine_.crash();
}

/// The engine comes back, sometimes elsewhere configured, and sometimes dies again while it recovers.
void Scenario::come_back() {
  engine_.run(dice_.chance(0.5) ? Duration(1) : dice_.between(Duration(1), Duration(4'000)));
  if (moves_ && dice_.chance(0.5)) {
    origin_ = origin_ == "http://sim" ? "http://moved" : "http://sim";
    counters_.note("the configuration moved the endpoint");
  }
  for (int i = 0; i < 3; ++i) {
    start();
    if (!dice_.chance(0.25)) break;
    engine_.store.crash_after = 1 + dice_.below(6);
    engine_.run(dice_.between(Duration(0), Duration(5)));
    if (engine_.running()) engine_.crash();
    counters_.note("crash during recovery");
  }
  if (!engine_.running()) start();
}

void Scenario::jump() {
  const bool ahead = dice_.chance(0.5);
  const Duration by = dice_.chance(0.5) ? day : dice_.between(Duration(1), Duration(120'000));
  engine_.jump(ahead ? by : -by);
  counters_.note(ahead ? "the clock leapt ahead" : "the clock went back");
}

bool Scenario::is_quiet() const {
  const auto& all = engine_.monitor.workflows();
  return std::all_of(all.begin(), all.end(), [](const auto& one) {
    const auto& [id, workflow] = one;
    if (workflow.header.paused) return false;  // a pause that was asked for before everything healed
    const bool looks_again = std::any_of(workflow.runs.begin(), workflow.runs.end(), [](const ActionState& run) {
      return run.stage == Stage::rechecking || (run.stage == Stage::verified && run.wake_at);
    });
    if (looks_again) return false;
    return workflow.header.status == WorkflowStatus::ended ||
           std::all_of(workflow.runs.begin(), workflow.runs.end(), [](const ActionState& run) {
             return is_unstarted(run.stage) || run.stage == Stage::revived || run.stage == Stage::gathering ||
                    is_final(run.stage) || is_parked(run.stage);
           });
  });
}

/// P7's bound: what every run may still wait for, one after the other, and 60 s.
Duration Scenario::bound() const {
  Duration each{0};
  for (const SimTool& tool : tools_) {
    Duration own = tool.maximum + tool.quiet + tool.within + tool.timeout * 3 + tool.interval * 2;
    const SimPromises& promises = tool.promises;
    own += (promises.recheck_after + tool.within + tool.timeout * 5 + tool.interval * 5) * promises.recheck_times;
    if (promises.limited()) own += tool.limit;  // in line at most so long
    each = std::max(each, own);
  }
  std::size_t runs = 0;
  for (const auto& [id, workflow] : engine_.monitor.workflows()) runs = std::max(runs, workflow.runs.size());
  return each * static_cast<std::int64_t>(2 * runs + 2) + Duration(60'000);
}

/// Only what is paused: a request would wake what the engine has forgotten.
void Scenario::resume_paused() {
  for (const auto& [id, workflow] : engine_.monitor.workflows()) {
    if (workflow.header.paused) engine_.resume(id);
  }
}

void Scenario::heal() {
  // What is to be looked at again is sometimes no longer so.
  for (int i = 0; i < 2 && engine_.world.faults[Fault::human] > 0; ++i) engine_.world.tamper();
  engine_.world.heal();
  engine_.store.slow_rate = 0;
  engine_.store.crash_after = std::nullopt;
  if (!engine_.running()) start();
  if (engine_.tracing) engine_.trace("everything heals");
  const Time begun = engine_.schedule.now();
  engine_.run(Duration(200));
  resume_paused();
  engine_.run(Duration(200));
  const auto goes_on = [&] { return !is_quiet() && !engine_.spins() && engine_.schedule.now() - begun < bound(); };
  do {
    while (goes_on()) {
      engine_.run(Duration(1'000));
      resume_paused();  // a pause that was asked for earlier may have waited for a slow disk
    }
    engine_.run(Duration(4'000));  // what is on its way lands
  } while (goes_on());  // a deadline may have ended what waited for a person
}

void Scenario::judge() {
  engine_.store.sync_now();
  engine_.monitor.reset(*engine_.store.snapshot());
  if (engine_.spins()) verdict_.violated("P7", "", "does not come to rest");
  judge_all(engine_, verdict_, counters_);
  if (engine_.tracing) tell_history();
}

/// The events of every workflow, as the store has them.
void Scenario::tell_history() const {
  for (const std::string& id : ids_) {
    const auto events = load_events(*engine_.store.snapshot(), "default", id, 0, 10'000);
    if (!events || events->empty()) continue;
    std::cout << "  history of " << id << ": " << canonical(sketches_.at(id).document()) << "\n";
    for (const StoredEvent& event : *events) {
      std::cout << "    " << format_time(event.at).substr(14, 9) << "  " << event.event.type << " "
                << (event.event.action ? "a" + std::to_string(*event.event.action) : "") << " "
                << canonical(event.event.data) << "\n";
    }
  }
  for (const SimTool& tool : tools_) std::cout << "  tool " << canonical(tool.document()) << "\n";
}

}  // namespace

SeedResult run_seed(std::uint64_t seed, Counters& counters, bool tracing) {
  return Scenario(seed, counters, tracing).run();
}

}  // namespace settle::sim
