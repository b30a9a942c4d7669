#include "tests/sim/scenario.h"

#include <algorithm>
#include <iostream>

#include "engine/child_line.h"
#include "tests/sim/oracles.h"

namespace settle::sim {
namespace {

constexpr Duration day{86'400'000};

/// What a seed has more of than others, so that what is rare in the mixture is common somewhere.
enum class Mood { mixed, pauses, retries, slow_disk, doubts };

Mood draw_mood(Dice& dice) {
  return dice.chance(0.6) ? Mood::mixed : static_cast<Mood>(1 + dice.below(4));
}

class Scenario {
 public:
  Scenario(std::uint64_t seed, Counters& counters, bool tracing)
      : dice_(seed * 0x9e3779b97f4a7c15ULL + 1),
        quota_dice_(seed ^ 0x71756f746173),
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
  Likes likes() const;
  void draw_by_mood();
  void draw_quotas();
  void start();
  void turn();
  void actor();
  void act_by_mood();
  std::string somebody();
  void signal();
  void answer_waits();
  void decide();
  void decide_all();
  void change_tokens();
  void renew_tokens();
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
  bool rests(const Monitor::Shadow& workflow, ActionIndex index) const;
  void tell_history() const;

  Verdict verdict_;
  std::map<std::string, Sketch> sketches_;
  Dice dice_;
  Dice quota_dice_;  ///< another, so that a seed without quotas does not change by what is drawn of them
  Counters& counters_;
  std::vector<SimTool> writers_, readers_, tools_;
  std::vector<std::string> ids_;
  std::vector<SimSubmission> submitted_;
  std::vector<std::pair<std::string, SentSignal>> sent_;
  std::string origin_ = "http://sim";
  bool jumps_ = false, moves_ = false, limited_ = false, lifted_ = false;
  Mood mood_ = Mood::mixed;
  SimEngine engine_;
};

void Scenario::draw() {
  mood_ = draw_mood(dice_);
  const std::uint64_t writers = 2 + dice_.below(4);
  for (std::uint64_t i = 0; i < writers; ++i) writers_.push_back(draw_tool(dice_, i));
  while (writers_[0].knows_runs_by_input()) writers_[0] = draw_tool(dice_, 0);  // children need one
  if (mood_ == Mood::slow_disk) {
    for (SimTool& tool : writers_) hasten(dice_, tool);
  }
  if (mood_ == Mood::retries) {
    // What failed and may have happened is sent once more over that, and people are asked about it.
    while (!writers_[1].natural()) writers_[1] = draw_tool(dice_, 1);
    if (!writers_[1].rule) writers_[1].rule = SimRule();
  }
  while (mood_ == Mood::doubts && !writers_[1].promises.before) writers_[1] = draw_tool(dice_, 1);
  readers_.push_back(draw_reader(dice_, 0));
  tools_ = writers_;
  tools_.insert(tools_.end(), readers_.begin(), readers_.end());
  const std::uint64_t workflows = 1 + dice_.below(4);
  for (std::uint64_t i = 0; i < workflows; ++i) {
    ids_.push_back("w" + std::to_string(i));
    sketches_.emplace(ids_.back(), draw_sketch(dice_, ids_.back(), writers_, readers_, likes()));
  }
  engine_.world.faults = draw_faults(dice_);
  if (dice_.chance(0.3)) engine_.store.slow_rate = 0.02 * static_cast<double>(1 + dice_.below(10));
  jumps_ = dice_.chance(0.1);
  moves_ = dice_.chance(0.1);
  draw_by_mood();
  limited_ = quota_dice_.chance(0.2);
  lifted_ = limited_ && quota_dice_.chance(0.5);
  if (limited_) draw_quotas();
}

/// Of what a namespace may use, so little that some of what comes is refused, or has to wait.
void Scenario::draw_quotas() {
  QuotaLimits& usual = engine_.quotas.usual;
  usual = {std::nullopt, std::nullopt, SimEngine::plenty};
  const std::uint64_t kind = quota_dice_.below(4);
  if (kind < 3) usual.open_workflows = static_cast<std::int64_t>(1 + quota_dice_.below(4));
  if (kind > 1) usual.bytes = static_cast<std::int64_t>(300 + quota_dice_.below(12'000));
}

Likes Scenario::likes() const {
  Likes out;
  if (mood_ == Mood::pauses) out.fallbacks = 0.5;
  if (mood_ == Mood::pauses) out.lists = 0.4;
  if (mood_ == Mood::retries) out.lists = 0.6;
  out.in_turn = mood_ == Mood::retries;
  return out;
}

/// What lets the rare things of a mood happen.
void Scenario::draw_by_mood() {
  Faults& faults = engine_.world.faults;
  if (mood_ == Mood::pauses || mood_ == Mood::retries) faults[Fault::refused] = 0.4;
  if (mood_ == Mood::retries) faults[Fault::partial] = 0.4;
  if (mood_ == Mood::doubts) {
    faults[Fault::lost_after] = 0.3;
    faults[Fault::read_down] = 0.35;
    faults[Fault::doubled] = faults[Fault::human] = 0.08;
  }
  if (mood_ != Mood::slow_disk) return;
  engine_.store.slow_rate = 0.5;
  faults[Fault::lost_after] = faults[Fault::error_after] = 0.3;
}

void Scenario::start() {
  static const std::vector<Duration> rests = {Duration(50), Duration(1'000), Duration(30'000)};
  static const std::vector<std::uint32_t> calls_max = {1, 2, 64};
  const std::size_t loops = 1 + dice_.below(3);
  ShardLimits limits{.calls_per_workflow = dice_.of(calls_max), .rest_after = dice_.of(rests)};
  if (limits.rest_after == rests[0]) limits.ended_kept = 0;
  if (limits.rest_after == rests[1]) limits.ended_kept = 1;
  engine_.start(tools_, origin_, loops, limits);
}

/// Something happens, and time passes.
void Scenario::turn() {
  actor();
  if (dice_.chance(0.3)) signal();
  change_tokens();
  if (limited_ && engine_.running()) engine_.monitor.note_waiting_children();
  for (std::uint64_t i = dice_.below(4); i > 0; --i) decide();
  if (dice_.chance(0.6)) act_by_mood();
  if (!engine_.running()) return come_back();
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
  if (what < 7) return;
  const std::string other = somebody();
  if (what == 7) engine_.watch(other, dice_.between(Duration(0), Duration(3'000)));
  if (what == 8 && dice_.chance(0.4)) engine_.cancel(other);
  if (what == 9) engine_.pause(other);
  if (what == 10) engine_.resume(other);
  if (what == 11) engine_.retry(other, dice_.chance(0.3));
  if (what >= 12) engine_.resolve(other, dice_.chance(0.6));
}

void Scenario::act_by_mood() {
  if (submitted_.empty()) return;
  const std::string other = dice_.chance(0.5) ? submitted_.back().id : somebody();
  if (mood_ == Mood::pauses) dice_.chance(0.5) ? engine_.pause(other) : engine_.resume(other);
  if (mood_ == Mood::doubts) dice_.chance(0.2) ? engine_.cancel(other) : engine_.resolve(other, dice_.chance(0.3));
  if (mood_ != Mood::retries) return;
  if (dice_.chance(0.5)) decide_all();
  engine_.retry(other, dice_.chance(0.2));
  if (!dice_.chance(0.5)) return;
  engine_.run(dice_.between(Duration(0), Duration(300)));
  if (engine_.running()) engine_.cancel(other);
}

/// A workflow that was submitted, or will be, or one that runs for another.
std::string Scenario::somebody() {
  const auto& all = engine_.monitor.workflows();
  if (all.empty() || dice_.chance(0.5)) return dice_.of(ids_);
  return std::next(all.begin(), static_cast<std::ptrdiff_t>(dice_.below(all.size())))->first;
}

/// A signal comes, at whatever moment: early, late, for nobody, once more, or once more with another payload.
void Scenario::signal() {
  static const std::vector<Json> payloads = {"go", "go", "go", "no", 7, Json()};
  if (!sent_.empty() && dice_.chance(0.3)) {
    auto [id, again] = dice_.of(sent_);
    if (dice_.chance(0.3)) again.payload = dice_.of(payloads);
    return engine_.signal(id, again);
  }
  SentSignal made;
  made.name = dice_.chance(0.1) ? unknown_signal : signal_names[dice_.below(std::size(signal_names))];
  made.payload = dice_.of(payloads);
  if (limited_ && quota_dice_.chance(0.3)) made.payload = std::string(1'100 + quota_dice_.below(9'000), 'x');
  if (dice_.chance(0.6)) made.key = "signal-" + std::to_string(sent_.size());
  sent_.emplace_back(somebody(), made);
  engine_.signal(sent_.back().first, sent_.back().second);
}

/// Whoever owes a signal for which a plan waits without end sends it.
void Scenario::answer_waits() {
  std::vector<std::pair<std::string, SentSignal>> owed;
  for (const auto& [id, workflow] : engine_.monitor.workflows()) {
    for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
      if (!workflow.waits_idly(i) || workflow.flow_of(i) != Builtin::wait_signal) continue;
      const FlowCall& call = workflow.flow_call(i);
      if (!call.wait) owed.push_back({id, {call.signal, "", dice_.chance(0.7) ? Json("go") : Json(7)}});
    }
  }
  for (const auto& [id, sent] : owed) engine_.signal(id, sent);
}

/// Somebody decides about a request: mostly an open one, as it is shown; else a late one, or of another digest, or it
/// is the submitter who does.
void Scenario::decide() {
  std::vector<const Monitor::Asked*> open, others;
  std::vector<std::string> open_ids, other_ids;
  for (const auto& [id, asked] : engine_.monitor.asked()) {
    const bool waits = asked.request.state == ApprovalState::open;
    (waits ? open : others).push_back(&asked);
    (waits ? open_ids : other_ids).push_back(id);
  }
  const bool late = open.empty() || (!others.empty() && dice_.chance(0.2));
  if (late && others.empty()) return;
  const std::size_t chosen = dice_.below(late ? others.size() : open.size());
  const Monitor::Asked& asked = late ? *others[chosen] : *open[chosen];
  SentVerdict sent{late ? other_ids[chosen] : open_ids[chosen], "", asked.request.digest, dice_.chance(0.85)};
  sent.who = dice_.chance(0.2) ? std::string(submitter) : std::string(people[dice_.below(std::size(people))]);
  if (dice_.chance(0.1)) sent.digest = others.empty() ? "sha256:other" : others[0]->request.digest;
  const bool twice = dice_.chance(0.2);
  Dice& tokens = engine_.people.dice();
  if (tokens.chance(0.08)) sent.who = bystander;
  const std::string* current = engine_.people.current(sent.who, engine_.now());
  const std::string* earlier = tokens.chance(0.15) ? engine_.people.earlier(sent.who, engine_.now()) : nullptr;
  const std::string* shown = earlier != nullptr ? earlier : current;
  if (shown == nullptr) return;  // nobody has made them one so far
  sent.token = *shown;
  engine_.decide(sent);
  if (twice) engine_.decide(sent);
  if (earlier == nullptr && sent.who != bystander && tokens.chance(0.1)) engine_.revoke(sent.token);
}

/// Tokens are revoked, run out and are replaced, whatever waits for their holders.
void Scenario::change_tokens() {
  Dice& tokens = engine_.people.dice();
  const std::string who(people[tokens.below(std::size(people))]);
  const std::string* current = engine_.people.current(who, engine_.now());
  if (current != nullptr && tokens.chance(0.15)) engine_.revoke(std::string(*current));
  if (tokens.chance(0.15)) engine_.make_token(who, {Role::approver}, tokens.between(Duration(0), Duration(2'000)));
  if (tokens.chance(0.3)) renew_tokens();
}

/// Whoever has none that stands gets another.
void Scenario::renew_tokens() {
  for (const std::string_view who : people) {
    if (engine_.people.current(std::string(who), engine_.now()) == nullptr)
      engine_.make_token(std::string(who), {Role::approver}, std::nullopt);
  }
  if (engine_.people.current(std::string(submitter), engine_.now()) == nullptr)
    engine_.make_token(std::string(submitter), {Role::planner, Role::approver}, std::nullopt);
}

/// Whoever is asked decides, so that nothing waits any more.
void Scenario::decide_all() {
  renew_tokens();
  std::vector<SentVerdict> owed;
  for (const auto& [id, asked] : engine_.monitor.asked()) {
    if (asked.request.state != ApprovalState::open) continue;
    const bool approve = dice_.chance(0.8);
    for (const std::string_view who : people) {
      const std::string* token = engine_.people.current(std::string(who), engine_.now());
      if (token != nullptr) owed.push_back({id, std::string(who), asked.request.digest, approve, *token});
    }
  }
  for (const SentVerdict& sent : owed) engine_.decide(sent);
}

/// Now and then two plans race for one Idempotency-Key.
void Scenario::submit(const std::string& id) {
  SimSubmission made{id, false, dice_.chance(0.3) ? "key-" + id : ""};
  if (dice_.chance(0.1)) engine_.submit({dice_.of(ids_), false, made.idempotency_key});
  submitted_.push_back(made);
  const std::uint64_t times = dice_.chance(0.1) ? 2 + dice_.below(4) : 1;  // clients that don't wait for the answer
  for (std::uint64_t i = 0; i < times; ++i) engine_.submit(made);
  if (!dice_.chance(0.1)) return;
  // Who begins something for it may die before that is there, and find afterwards that it is not wanted any more.
  engine_.store.crash_after = 2 + dice_.below(5);
  if (dice_.chance(0.5)) engine_.cancel(id);
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
  if (limited_ && quota_dice_.chance(0.3)) draw_quotas();
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
  for (const auto& [id, workflow] : engine_.monitor.workflows()) {
    if (workflow.header.paused) return false;  // a pause that was asked for before everything healed
    for (const ActionState& run : workflow.runs) {
      if (run.stage == Stage::rechecking || (run.stage == Stage::verified && run.wake_at)) return false;
    }
    if (workflow.header.status == WorkflowStatus::ended) continue;
    for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
      if (!rests(workflow, i)) return false;
    }
  }
  return true;
}

/// Nothing more will happen to it, but by a person.
bool Scenario::rests(const Monitor::Shadow& workflow, ActionIndex index) const {
  const ActionState& run = workflow.runs[index];
  if (run.stage == Stage::waiting) return run.child_attention;
  return is_unstarted(run.stage) || run.stage == Stage::revived || run.stage == Stage::gathering ||
         is_final(run.stage) || is_parked(run.stage);
}

/// P7's bound: what every run may still wait for, one after the other, until the clock shows again what it showed
/// before it was set back, and 60 s.
Duration Scenario::bound() const {
  Duration each{0};
  for (const SimTool& tool : tools_) {
    Duration own = tool.maximum + tool.quiet + tool.within + tool.timeout * 3 + tool.interval * 2;
    const SimPromises& promises = tool.promises;
    own += (promises.recheck_after + tool.within + tool.timeout * 5 + tool.interval * 5) * promises.recheck_times;
    if (promises.limited()) own += tool.limit;  // in line at most so long
    each = std::max(each, own);
  }
  each = std::max(each, flow_wait_max);
  if (engine_.is_limited()) each = std::max(each, ChildLine::wait_max + Duration(2'000));
  std::size_t runs = 0;  // of all together: a workflow may wait for others
  for (const auto& [id, workflow] : engine_.monitor.workflows()) runs += workflow.runs.size();
  return each * static_cast<std::int64_t>(2 * runs + 2) + std::max(Duration(0), -engine_.schedule.wall_offset) +
         Duration(60'000);
}

/// Only what is paused: a request would wake what the engine has forgotten.
void Scenario::resume_paused() {
  std::vector<std::string> paused;
  for (const auto& [id, workflow] : engine_.monitor.workflows()) {
    if (workflow.header.paused) paused.push_back(id);
  }
  for (const std::string& id : paused) engine_.resume(id);
}

void Scenario::heal() {
  // What is to be looked at again is sometimes no longer so.
  for (int i = 0; i < 2 && engine_.world.faults[Fault::human] > 0; ++i) engine_.world.tamper();
  engine_.world.heal();
  engine_.store.slow_rate = 0;
  engine_.store.crash_after = std::nullopt;
  if (lifted_) {
    if (engine_.running()) engine_.crash();
    engine_.quotas.usual = {std::nullopt, std::nullopt, SimEngine::plenty};
  }
  if (!engine_.running()) start();
  if (engine_.tracing) engine_.trace("everything heals");
  const Time begun = engine_.schedule.now();
  engine_.run(Duration(200));
  resume_paused();
  engine_.run(Duration(200));
  const auto has_time = [&] { return !engine_.spins() && engine_.schedule.now() - begun < bound(); };
  const auto goes_on = [&] { return !is_quiet() && has_time(); };
  std::uint64_t steps = 0;
  do {
    while (goes_on()) {
      engine_.run(Duration(1'000));
      answer_waits();
      decide_all();
      resume_paused();  // a pause that was asked for earlier may have waited for a slow disk
    }
    steps = engine_.monitor.steps;
    engine_.run(Duration(4'000));  // what is on its way lands
    // A deadline may have ended what waited for a person.
  } while (goes_on() || (engine_.monitor.steps != steps && has_time()));
}

void Scenario::judge() {
  engine_.store.sync_now();
  if (!engine_.spins()) engine_.judge_usage(engine_.counted(), true);
  engine_.monitor.reset(*engine_.store.snapshot());
  if (engine_.spins()) verdict_.violated("P7", "", "does not come to rest");
  judge_all(engine_, verdict_, counters_);
  if (engine_.tracing) tell_history();
}

/// The events of every workflow, as the store has them.
void Scenario::tell_history() const {
  for (const auto& [id, workflow] : engine_.monitor.workflows()) {
    const auto events = load_events(*engine_.store.snapshot(), "default", id, 0, 10'000);
    if (!events || events->empty()) continue;
    std::cout << "  history of " << id << ": " << canonical(workflow.sketch->document()) << "\n";
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
