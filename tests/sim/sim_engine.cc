#include "tests/sim/sim_engine.h"

#include <iostream>

#include "connectors/http/classify.h"
#include "engine/load.h"
#include "engine/step_records.h"
#include "storage/keys.h"
#include "workflows/receipt.h"

namespace settle::sim {

namespace {

/// A seed takes some thousand; this many mean that something runs in circles.
constexpr std::uint64_t tasks_max = 300'000;

}  // namespace

/// Carries calls to the world and judges their ends with the real connector's rules. Answers to an engine that crashed
/// meanwhile are lost.
class SimEngine::Carrier final : public Connector {
 public:
  Carrier(SimEngine& owner, SimLoop& loop) : owner_(owner), loop_(loop) {}

  void start(Call call, CallDone done) override {
    const Time started = loop_.now();
    owner_.judge_call(call);
    Reply reply = owner_.world.serve(call);
    owner_.trace_hash_.add(call.url);
    owner_.trace_hash_.add(reply.body);
    if (owner_.tracing) {
      owner_.trace(call.method + " " + call.url + " " + call.body.value_or("") + " -> " + std::to_string(reply.status) +
                   " " + reply.body + (reply.kind == Reply::Kind::lost ? "(lost)" : "") + " after " +
                   format_duration(reply.after));
    }
    const std::uint64_t number = next_++;
    const Duration after = std::min(reply.after, call.timeout);
    open_.emplace(number, Open{std::move(call), std::move(reply), std::move(done), started});
    owner_.schedule.after(after, [this, alive = std::weak_ptr<int>(alive_), number] {
      if (!alive.expired()) end(number);
    });
  }

  void stop() override {
    stopping_ = true;
    owner_.schedule.after(Duration(0), [this, alive = std::weak_ptr<int>(alive_)] {
      if (alive.expired()) return;
      while (!open_.empty()) end(open_.begin()->first);
    });
  }

 private:
  struct Open {
    Call call;
    Reply reply;
    CallDone done;
    Time started;
  };

  void end(std::uint64_t number) {
    auto node = open_.extract(number);
    if (node.empty()) return;
    Open& open = node.mapped();
    Outcome outcome = judge(open);
    outcome.started = open.started;
    outcome.ended = loop_.now();
    if (!World::sender_of(open.call).empty())
      owner_.limits.closed(owner_.world.tool_of(open.call), outcome.status, outcome.retry_after);
    owner_.world.delivered(open.reply, outcome);
    open.done(std::move(outcome));
  }

  Outcome judge(const Open& open) const {
    const Reply& reply = open.reply;
    if (stopping_) return unanswered(OutcomeClass::ambiguous, "engine_shutdown", "the engine stopped");
    if (reply.kind == Reply::Kind::refused_connection)
      return unanswered(OutcomeClass::not_sent, "connect_failed", "simulated");
    if (reply.kind == Reply::Kind::lost) return unanswered(OutcomeClass::ambiguous, "connection_lost", "simulated");
    if (reply.after > open.call.timeout) return unanswered(OutcomeClass::ambiguous, "timeout", "simulated");
    const std::optional<std::string_view> retry_after =
        reply.retry_after ? std::optional<std::string_view>(*reply.retry_after) : std::nullopt;
    return classify({reply.status, reply.body, retry_after}, open.call.write, open.started);
  }

  SimEngine& owner_;
  SimLoop& loop_;
  std::map<std::uint64_t, Open> open_;
  std::uint64_t next_ = 1;
  bool stopping_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

SimEngine::SimEngine(std::uint64_t seed, const std::map<std::string, Sketch>& sketches, Verdict& verdict,
                     Counters& counters)
    : dice(seed),
      world(schedule, seed ^ 0x5eed, counters),
      store(schedule, seed ^ 0xd15c),
      monitor(sketches, world, verdict, counters),
      people(seed ^ 0x70656f706c65),
      verdict_(verdict),
      counters_(counters) {
  quotas.usual.bytes = plenty;
  monitor.is_over = [this](const std::string& token) { return people.at(token).ended; };
  monitor.on_disk = [this] { return store.snapshot(); };
  store.observer = [this](const WriteBatch& batch, CompletionSink& sink) { observe(batch, sink); };
  monitor.on_intent = [this](const SimTool& tool, const std::string& value) {
    judge_limits(tool, value, limits.intent(tool, value));
  };
  monitor.on_intent_over = [this](const SimTool& tool, const std::string& value) { limits.over(tool, value); };
  monitor.on_given_up = [this](const SimTool& tool, const std::string& value, Duration waited) {
    judge_limits(tool, value, limits.given_up(tool, waited));
  };
}

SimEngine::~SimEngine() {
  apis_.clear();
  engine_ = nullptr;
}

void SimEngine::start(const std::vector<SimTool>& tools, const std::string& origin, std::size_t loops,
                      const ShardLimits& limits_of_shards) {
  const auto clock = std::make_shared<Clock>();
  for (std::size_t i = 0; i < loops; ++i) {
    loops_.push_back(std::make_unique<SimLoop>(schedule, dice.next(), clock));
    carriers_.push_back(std::make_unique<Carrier>(*this, *loops_.back()));
  }
  // The registry of the last run is as good as one that is read again, and costs nothing; now and then it is read.
  const bool first = tools_ == nullptr;
  moved = moved || (!first && origin != origin_);
  if (first || origin != origin_ || dice.chance(0.1)) {
    tools_ = std::make_unique<ToolRegistry>(store, Values{{"sim", origin}});
    SETTLE_ASSERT(tools_->load());
    origin_ = origin;
    monitor.origin = origin;
  }
  if (first) put_tools(tools);
  limits.begin();
  monitor.calls_max = limits_of_shards.calls_per_workflow;
  monitor.calls_least = std::min(limits_of_shards.calls_per_workflow, limits_of_shards.calls_beside_others);
  std::vector<Engine::Part> parts;
  for (std::size_t i = 0; i < loops; ++i) parts.push_back({loops_[i].get(), carriers_[i].get()});
  engine_ = std::make_unique<Engine>(store, *tools_, std::move(parts),
                                     EngineOptions{.shard = limits_of_shards, .quotas = quotas});
  engine_->observe([this](const Workflow& workflow, const Transition& transition, Loop& loop) {
    WriteBatch batch;
    KeptBytes kept;  // as it is now, which is what is written
    kept.plan(workflow.plan->document.size());
    for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
      const ActionState& run = workflow.actions[i];
      if (run.input) kept.set(KeptBytes::Of::input, i, canonical(*run.input).size());
      if (run.output) kept.set(KeptBytes::Of::output, i, canonical(*run.output).size());
    }
    write_step(workflow, transition, due_of(workflow), kept, batch);
    judge_step(batch, loop.now());
  });
  bool ready = false;
  const auto told = std::make_shared<bool*>(&ready);
  const auto failed = [this](const Error& error) {
    verdict_.violated("P1", "", "a stored workflow could not be loaded: " + error.message);
  };
  const auto tell = [told] {
    if (*told != nullptr) **told = true;
  };
  SETTLE_ASSERT(engine_->recover(tell, failed));
  judge_usage(counted(), true);
  // It is the first that every loop is asked; but a server hears requests before all is taken up, so every other start
  // does, too.
  std::size_t begun = 0;
  for (const std::unique_ptr<SimLoop>& loop : loops_) loop->post([&begun] { ++begun; });
  while (begun < loops_.size()) schedule.run_one();
  const bool waits = ++starts_ % 2 == 0;
  while (waits && !ready && schedule.next() <= schedule.now()) schedule.run_one();
  *told = nullptr;
  open_api();
  if (first) make_first_tokens();
}

void SimEngine::put_tools(const std::vector<SimTool>& tools) {
  for (const SimTool& tool : tools) {
    world.add(tool);
    tools_->put("default", tool.document(), schedule.wall(), *loops_[0], [](const Result<ToolRegistry::Put>& put) {
      if (!put) std::cerr << put.error().message << "\n";
      SETTLE_ASSERT(put);
    });
  }
  store.sync_now();
  while (!schedule.empty() && schedule.next() <= schedule.now() + Duration(10)) schedule.run_one();
}

/// A small one, one that comes while the engine is down and one that a crash forgets look like time that has passed.
void SimEngine::jump(Duration by) {
  schedule.wall_offset += by;
  if (by < Duration(0)) {
    clock_back = true;
    return;
  }
  clock_leapt = true;
  if (!running() || by <= Duration(100)) clock_ahead = true;
  leap_ = schedule.wall();
}

void SimEngine::crash() {
  const Share counted_last = counted();
  apis_.clear();
  engine_ = nullptr;
  registry_ = nullptr;
  carriers_.clear();
  loops_.clear();
  store.crash();
  judge_usage(counted_last, false);
  if (leap_) {
    const Result<std::optional<std::string>> stored = store.snapshot()->get(Family::meta, keys::leap);
    if (!*stored || *parse_time(**stored) < *leap_) clock_ahead = true;
  }
  monitor.reset(*store.snapshot());
  // What our side knew about a send is gone when it was not written down.
  for (auto& [value, truth] : world.truths) {
    if (truth.sends.empty()) continue;
    Send& last = truth.sends.back();
    const ActionState* run = monitor.state_of_run(value);
    const bool open = run != nullptr && run->stage == Stage::sending && run->attempt == last.attempt;
    if (open || last.known == Known::open) last.known = Known::unclear;
  }
  if (tracing) trace("crash");
}

bool SimEngine::stop(Duration patience) {
  bool stopped = false;
  engine_->shutdown(patience, [&stopped] { stopped = true; });
  for (int i = 0; i < 400 && !stopped && running(); ++i) run(Duration(50));
  if (!running()) return false;
  if (!stopped) verdict_.violated("P7", "", "an orderly stop does not end");
  store.sync_now();
  store.crash_due = false;
  crash();
  return true;
}

bool SimEngine::spins() const {
  return schedule.tasks_run > tasks_max;
}

void SimEngine::run(Duration duration) {
  bool reached = false;
  const auto over = std::make_shared<bool*>(&reached);
  schedule.after(duration, [over] {
    if (*over != nullptr) **over = true;
  });
  while (!reached) {
    schedule.run_one();
    if (spins()) break;
    if (!store.crash_due) continue;
    counters_.note("crash at an operation of the store");
    crash();
    break;
  }
  *over = nullptr;
}

/// Steps are judged as they are made; one that begins a workflow, when it is written, since only then it has guards.
void SimEngine::observe(const WriteBatch& batch, CompletionSink& sink) {
  for (const Write& write : batch.writes) {
    trace_hash_.add(write.key);
    if (write.value) trace_hash_.add(*write.value);
  }
  if (batch.guards.empty()) return monitor.written(batch);
  for (const std::unique_ptr<SimLoop>& loop : loops_) {
    if (loop.get() == &sink) judge_step(batch, loop->now());
  }
}

/// The time of a step is that of the loop that made it: after the wall clock was set back, loops differ.
void SimEngine::judge_step(const WriteBatch& batch, Time now) {
  monitor.real_now = schedule.now();
  monitor.clock_jumped = clock_leapt || clock_back;
  monitor.stepped(batch, now, clock_ahead);
}

/// P2, and that a run has one key of its own. A call that may change something must stand in the durable store as an
/// intent of just this attempt.
void SimEngine::judge_call(const Call& call) {
  counters_.note(call.write ? "write dispatched" : "read dispatched");
  const SimTool& tool = world.tool_of(call);
  const std::string sender = World::sender_of(call);
  if (!sender.empty() && tool.promises.limited()) judge_limits(tool, sender, limits.left(tool, sender));
  if (!call.write) return judge_look(call);
  const Result<Json> body = read_json(*call.body);
  const std::string value = run_in(*body);
  const std::string& key = body->find("key")->as_string();
  const std::string id = value.substr(0, value.find('.'));
  judge_key(id, value, key);
  if (tool.promises.before) judge_before(tool, value);

  const Monitor::Run* run = monitor.run_of(value);
  std::optional<ActionState> stored;
  if (run != nullptr) {
    const auto bytes =
        store.snapshot()->get(Family::state, keys::OfWorkflow("default", run->workflow).action(run->index));
    if (*bytes) stored = *decode_action(**bytes);
  }
  if (!stored || stored->stage != Stage::sending || stored->attempt != body->find("attempt")->as_integer())
    verdict_.violated("P2", id, value + ": a call left before its intent was durable");
  if (stored && !(stored->target && call.url.starts_with(stored->target->origin)))
    verdict_.violated("P2", id, value + ": a call went to another origin than its intent");
  const auto truth = world.truths.find(value);
  if (truth == world.truths.end() || truth->second.tool->reads_only()) return;
  // A person's retry does not wait for it, and gives a new key.
  const std::vector<Send>& sends = truth->second.sends;
  const bool told_to_wait = !sends.empty() && sends.back().known == Known::not_sent && truth->second.keys.contains(key);
  // The stored clock lags by up to a second, which shows when the wall clock is no help at a restart.
  const Duration lag(clock_back ? 1'000 : 0);
  if (told_to_wait && schedule.now() + lag < sends.back().not_before && !clock_leapt && !retried_.contains(id))
    verdict_.violated("P21", id, value + ": sent again before the provider's Retry-After");
  if (truth->second.tool->mode != IdempotencyMode::none) return;
  for (const Send& send : truth->second.sends) {
    if (may_have_happened(send))
      verdict_.violated("P3", id, value + ": sent again in mode none though an earlier send may have happened");
  }
}

/// No two runs share a key; a run changes its key only when nothing that it sent under the old one can have happened.
void SimEngine::judge_key(const std::string& id, const std::string& value, const std::string& key) {
  const auto [owner, fresh] = world.owners.emplace(key, value);
  if (owner->second != value) verdict_.violated("P3", id, value + " uses the idempotency key of " + owner->second);
  const auto truth = world.truths.find(value);
  if (!fresh || truth == world.truths.end() || truth->second.tool->reads_only()) return;
  if (!truth->second.sends.empty()) counters_.note("a new generation of a key");
  for (const Send& send : truth->second.sends) {
    if (may_have_happened(send))
      verdict_.violated("P3", id, value + ": sent under a new key though an earlier send may have happened");
  }
}

bool SimEngine::is_stored(const std::string& id) const {
  return store.snapshot()->get(Family::state, keys::OfWorkflow("default", id).header())->has_value();
}

void SimEngine::submit(const SimSubmission& submission) {
  const auto sketch = monitor.sketch_of(submission.id);
  SubmitRequest request;
  request.idempotency_key = submission.idempotency_key;
  request.submitted_by = submitter_of(submission.id);
  request.body = Json::object({{"id", submission.id}, {"plan", sketch->document()}});
  if (submission.other_body) request.body.set("labels", Json::object({{"body", "other"}}));
  const bool known = acknowledged_.contains(submission.id);
  engine_->submit(std::move(request), *loops_[0], [this, submission, known](const Result<Engine::Started>& started) {
    judge_answer(submission, known, started);
  });
}

/// P1 and P20: what is acknowledged is durable; one id stands for one body, and is created once.
void SimEngine::judge_answer(const SimSubmission& submission, bool known_before,
                             const Result<Engine::Started>& started) {
  const std::string& id = submission.id;
  const auto known = acknowledged_.find(id);
  if (!started) {
    const ErrorCode code = started.error().code;
    counters_.note("submission refused: " + std::string(info(code).name));
    if (code == ErrorCode::shutting_down) return;
    const auto owner = key_owners_.find(submission.idempotency_key);
    const bool same_body = known != acknowledged_.end() && known->second == submission.other_body;
    const bool fair = code == ErrorCode::conflict ? !same_body
                      : code == ErrorCode::idempotency_key_reused
                          ? owner == key_owners_.end() || owner->second != id || !same_body
                          : had_no_room(submission, known_before, code);
    if (!fair) verdict_.violated("P20", id, "a submission was refused: " + started.error().message);
    if (code == ErrorCode::conflict && !is_stored(id))
      verdict_.violated("P20", id, "refused in favour of a workflow that is not durable");
    return;
  }
  const std::string shown = started->workflow.header.id;
  counters_.note(started->created ? "submission created" : "submission replayed");
  if (!is_stored(shown)) verdict_.violated("P1", id, "acknowledged before it was durable");
  if (shown != id) return verdict_.violated("P20", id, "answered with another workflow");
  if (started->created && !created_.insert(id).second) verdict_.violated("P20", id, "created twice");
  if (known != acknowledged_.end() && known->second != submission.other_body)
    verdict_.violated("P20", id, "two bodies were accepted under one id");
  acknowledged_.emplace(id, submission.other_body);
  if (started->created && !submission.idempotency_key.empty()) {
    const auto [owner, fresh] = key_owners_.emplace(submission.idempotency_key, id);
    if (!fresh) verdict_.violated("P20", id, "created under the Idempotency-Key of " + owner->second);
  }
  judge_document(started->workflow.document());
}

void SimEngine::cancel(const std::string& id) {
  cancelled_.insert(id);
  engine_->operate("default", id, cancel_operation(), *loops_[0], [this, id](const Result<WorkflowText>& shown) {
    if (!shown) return judge_refused_operation(id, "cancelled", shown.error());
    counters_.note("cancelled by the operator");
    const std::optional<Workflow> stored = *load_for_show(*store.snapshot(), "default", id);
    if (!stored) return verdict_.violated("P1", id, "a cancelled workflow is lost");
    const WorkflowHeader& header = stored->header;
    // It may have ended, and have been retried, in the commits that came with this one.
    if (header.status == WorkflowStatus::running && header.retries == 0)
      verdict_.violated("P1", id, "a cancellation was acknowledged before it was durable");
    judge_document(shown->document());
  });
}

void SimEngine::operate(const std::string& id, const Shard::Operation& operation, const std::string& what) {
  engine_->operate("default", id, operation, *loops_[0], [this, id, what](const Result<WorkflowText>& shown) {
    if (!shown) return judge_refused_operation(id, what, shown.error());
    counters_.note(what);
    judge_document(shown->document());
  });
}

void SimEngine::pause(const std::string& id) {
  operate(id, pause_operation(), "paused");
}

void SimEngine::resume(const std::string& id) {
  operate(id, resume_operation(), "resumed");
}

void SimEngine::retry(const std::string& id, bool latest) {
  retried_.insert(id);
  operate(id, retry_operation(*engine_, "default", latest), "retry accepted");
}

void SimEngine::resolve(const std::string& id, bool send_again) {
  const auto found = monitor.workflows().find(id);
  if (found == monitor.workflows().end()) return;
  const Monitor::Shadow& workflow = found->second;
  for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
    const ActionState& run = workflow.runs[i];
    const bool fallen = Monitor::is_fallen(workflow, i);
    if (!is_parked(run.stage) && !fallen) continue;
    if (workflow.flow_of(i) != Builtin::none) {
      ResolveRequest request{workflow.planned(i).id, run.element, run.role, run.attempt, {}};
      if (!resolve_held(workflow, i, request)) continue;
      return operate(id, resolve_operation(std::move(request)), "resolved");
    }
    if (!workflow.calls(i)) continue;
    Truth& truth = world.truth_of(workflow.value_of(i), workflow.sketch->actions[run.planned].tool_of(run.role));
    if (truth.pending > 0 || (truth.broken() && !fallen)) continue;
    ResolveRequest request{workflow.sketch->actions[run.planned].id, run.element, run.role, run.attempt, {}};
    request.resolution.happened = fallen ? world.holds(workflow.value_of(i)) : !truth.effects.empty();
    request.resolution.who = "an operator";
    request.resolution.seen = "the provider's own truth, look " + std::to_string(++looked_);
    if (request.resolution.happened) {
      request.resolution.record_id = world.record_of(workflow.value_of(i));
    } else {
      request.resolution.send_again = send_again && run.stage != Stage::fallback_held && !fallen;
      // Of what fell, the word says only that nothing is left.
      for (Send& send : truth.sends) send.known = fallen ? send.known : Known::settled;
    }
    return operate(id, resolve_operation(std::move(request)), fallen ? "seen to" : "resolved");
  }
}

void SimEngine::watch(const std::string& id, Duration wait) {
  engine_->get("default", id, WaitFor::ended, wait, *loops_[0], [this](const Result<WorkflowText>& shown) {
    if (shown) judge_document(shown->document());
  });
}

/// An answer that shows state is given only when what it shows is durable.
void SimEngine::judge_document(const Json& document) {
  counters_.note("document shown");
  const std::unique_ptr<Reader> reader = store.snapshot();
  for (const Json& action : document.find("actions")->as_array()) {
    judge_phase(document, action);
    const Json* receipt = action.find("receipt");
    if (!receipt->is_string()) continue;
    const auto place = parse_receipt_id(receipt->as_string());
    if (!reader->get(Family::receipts, keys::OfWorkflow("default", place->first).receipt(place->second))->has_value())
      verdict_.violated("P1", place->first, "a document shows " + receipt->as_string() + ", which is not durable");
  }
}

/// FNV-1a, 64 bits: cheap, and all that "the same trace" needs.
void SimEngine::trace(const std::string& line) {
  std::cout << "    " << format_time(schedule.now()).substr(14, 9) << "  " << line << "\n";
}

}  // namespace settle::sim
