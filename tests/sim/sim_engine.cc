#include "tests/sim/sim_engine.h"

#include "engine/operations.h"
#include "storage/keys.h"

namespace settle::sim {

/// Carries calls to the provider; answers to an engine that crashed meanwhile are lost.
class SimEngine::Carrier final : public Connector {
 public:
  explicit Carrier(SimEngine& owner) : owner_(owner) {}
  void start(Call call, CallDone done) override {
    if (call.write && !owner_.intent_is_durable(call)) ++owner_.writes_without_intent;
    owner_.provider.call(call, [alive = std::weak_ptr<int>(alive_), done = std::move(done)](Outcome outcome) {
      if (!alive.expired()) done(std::move(outcome));
    });
  }
  void stop() override {}

 private:
  SimEngine& owner_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

SimEngine::SimEngine(std::uint64_t seed) : dice(seed), provider(schedule, seed ^ 0x5eed) {}
SimEngine::~SimEngine() = default;

void SimEngine::start() {
  loop_ = std::make_unique<SimLoop>(schedule, dice.next());
  tools_ = std::make_unique<ToolRegistry>(store_, Values());
  SETTLE_ASSERT(tools_->load());
  carrier_ = std::make_unique<Carrier>(*this);
  engine_ = std::make_unique<Engine>(store_, *tools_, std::vector<Engine::Part>{{loop_.get(), carrier_.get()}});
  alive_ = std::make_shared<int>(0);
  sync_is_coming_ = false;
  for (const std::string mode : {"key", "lookup", "natural", "none"}) {
    tools_->put("default", tool_document(mode), schedule.now(), *loop_,
                [](const Result<ToolRegistry::Put>& put) { SETTLE_ASSERT(put); });
  }
  store_.sync();
  run(Duration(1));
  SETTLE_ASSERT(engine_->recover([] {}, [](const Error&) { SETTLE_ASSERT(!"a stored workflow could not be loaded"); }));
}

/// The "disk" catches up a moment after something was queued, as a group commit does.
void SimEngine::sync_later() {
  if (sync_is_coming_ || store_.queued() == 0) return;
  sync_is_coming_ = true;
  const Time at =
      schedule.now() +
      Duration(1 + static_cast<std::int64_t>(dice.below(static_cast<std::uint64_t>(sync_delay_max.count()))));
  schedule.at(at, [this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    sync_is_coming_ = false;
    store_.sync();
  });
}

void SimEngine::crash() {
  alive_ = nullptr;
  engine_ = nullptr;
  carrier_ = nullptr;
  tools_ = nullptr;
  loop_ = nullptr;
  store_.crash(static_cast<std::size_t>(dice.below(store_.queued() + 1)));
}

void SimEngine::submit(const std::string& id, const Json& plan) {
  SubmitRequest request;
  request.body = Json::object({{"id", id}, {"plan", plan}});
  engine_->submit(std::move(request), *loop_, [this, id](const Result<Engine::Started>& started) {
    SETTLE_ASSERT(started);
    acknowledged_.insert(id);
  });
}

void SimEngine::cancel(const std::string& id) {
  engine_->operate("default", id, cancel_operation(), *loop_, [](const Result<Json>&) {});
}

void SimEngine::run(Duration duration) {
  const Time until = schedule.now() + duration;
  bool reached = false;
  schedule.at(until, [&reached] { reached = true; });
  while (!reached) {
    schedule.run_one();
    if (running()) sync_later();
  }
}

/// The call's key belongs to one action; that action must stand in the durable store as sending, with this attempt's
/// intent.
bool SimEngine::intent_is_durable(const Call& call) {
  const Result<Json> body = read_json(*call.body);
  const std::string key = body->find("key")->as_string();
  for (const std::string& id : acknowledged_) {
    const std::optional<Workflow> workflow = stored(id);
    for (ActionIndex i = 0; workflow && i < workflow->actions.size(); ++i) {
      if (idempotency_key("default", id, workflow->plan->actions[i].id, 0, "main", 0) != key) continue;
      return workflow->actions[i].stage == Stage::sending;
    }
  }
  // Not acknowledged yet: the intent may be durable together with the creation, whose answer is on its way.
  return true;
}

std::optional<Workflow> SimEngine::stored(const std::string& id) {
  const Result<std::optional<Workflow>> loaded = load_for_show(*store_.snapshot(), "default", id);
  SETTLE_ASSERT(loaded);
  return *loaded;
}

std::vector<std::string> SimEngine::stored_receipts(const std::string& id) {
  const Result<std::vector<std::string>> receipts = load_receipts(*store_.snapshot(), "default", id);
  SETTLE_ASSERT(receipts);
  return *receipts;
}

}  // namespace settle::sim
