// Signals as people and other systems send them, and what they are answered; what an operator is refused, and what can
// be said of a workflow that ran for another.

#include "base/hash.h"
#include "engine/load.h"
#include "storage/keys.h"
#include "tests/sim/sim_engine.h"

namespace settle::sim {

void SimEngine::signal(const std::string& id, const SentSignal& sent) {
  monitor.sent_signals[id].push_back(sent);
  Signal signal;
  signal.name = sent.name;
  signal.key = sent.key;
  signal.payload = std::make_shared<const Json>(sent.payload);
  const std::string payload = canonical(sent.payload);
  signal.bytes = payload.size();
  signal.digest = "sha256:" + to_hex(sha256(sent.name + " " + payload));
  engine_->signal("default", id, std::move(signal), *loops_[0],
                  [this, id, sent](const Result<Shard::Delivered>& delivered) {
                    if (delivered) return judge_delivery(id, sent, *delivered);
                    judge_refusal(id, sent, delivered.error());
                  });
}

/// P1 and P20: a signal that is acknowledged is durable, and a key stands for one signal.
void SimEngine::judge_delivery(const std::string& id, const SentSignal& sent, const Shard::Delivered& delivered) {
  counters_.note(delivered.created ? "signal delivered" : "signal replayed");
  const auto number = static_cast<std::uint32_t>(delivered.signal.find("signal")->as_integer());
  const auto bytes = store.snapshot()->get(Family::state, keys::OfWorkflow("default", id).signal(number));
  if (!*bytes) return verdict_.violated("P1", id, "a signal was acknowledged before it was durable");
  const SignalState stored = *decode_signal(**bytes);
  if (stored.name != sent.name || stored.key != sent.key || *stored.payload != sent.payload)
    verdict_.violated("P20", id, "a signal was acknowledged, and another one is stored");
  if (!delivered.created && sent.key.empty())
    verdict_.violated("P20", id, "a signal without a key passed for a repeat");
  const auto [known, fresh] = acknowledged_signals_.emplace(std::pair(id, number), sent);
  if (!fresh && delivered.created) verdict_.violated("P20", id, "two signals have one number");
}

/// A refusal shows state, too: what it rests on must be durable.
void SimEngine::judge_refusal(const std::string& id, const SentSignal& sent, const Error& error) {
  counters_.note("signal refused: " + std::string(info(error.code).name));
  bool fair = error.code == ErrorCode::shutting_down || may_be_full_for(canonical(sent.payload).size(), error.code);
  if (error.code == ErrorCode::not_found) fair = !acknowledged_.contains(id);
  if (error.code == ErrorCode::idempotency_key_reused) {
    for (const SentSignal& other : monitor.sent_signals[id])
      fair = fair || (other.key == sent.key && !sent.key.empty() && other != sent);
  }
  if (error.code == ErrorCode::wrong_state) {
    const std::optional<Workflow> stored = *load_for_show(*store.snapshot(), "default", id);
    // It may have been retried in the commits that came with its end.
    fair = stored && (stored->header.status == WorkflowStatus::ended || stored->header.retries > 0);
    for (const auto& [place, acknowledged] : acknowledged_signals_) {
      if (place.first == id && !sent.key.empty() && acknowledged == sent) fair = false;  // a repeat is known as one
    }
  }
  if (!fair) verdict_.violated("P20", id, "a signal was refused: " + error.message);
}

/// A refusal shows state, too: who is told that it has ended must not see it run after a crash.
void SimEngine::judge_refused_operation(const std::string& id, const std::string& what, const Error& error) {
  if (error.code != ErrorCode::wrong_state || what == "resolved" || what == "retry accepted") return;
  const WorkflowHeader header = load_for_show(*store.snapshot(), "default", id)->value_or(Workflow()).header;
  const bool over = header.status == WorkflowStatus::ended || header.status == WorkflowStatus::cancelling;
  // It may have ended, and have been retried, in the commits that came with this one.
  if (!over && header.retries == 0) verdict_.violated("P1", id, "refused for an end that is not durable: " + what);
}

/// What is left behind by a workflow that was run and failed, before its fallback. False: nobody can tell yet.
bool SimEngine::resolve_held(const Monitor::Shadow& workflow, ActionIndex index, ResolveRequest& request) const {
  const Monitor::Deeds deeds = monitor.deeds_of(workflow.header.id, index);
  if (deeds.broken) return false;
  request.resolution.happened = deeds.happened;
  request.resolution.who = "an operator";
  request.resolution.seen = "what became of everything that it did";
  return true;
}

}  // namespace settle::sim
