// Signals: delivered once, durable before they are answered.

#include "base/text.h"
#include "engine/engine.h"

namespace settle {
namespace {

constexpr std::size_t signals_max = 1'000;            // of one workflow, taken ones included
constexpr std::size_t signals_bytes_max = 4'194'304;  // of their payloads together

/// Whatever the quota of the namespace: most signals say that a workflow may go on, and what has ended gives back.
constexpr std::size_t signal_always_taken = 1'024;

Json signal_document(const Workflow& workflow, std::size_t index) {
  const SignalState& signal = workflow.signals[index];
  return Json::object({{"workflow", workflow.header.id},
                       {"signal", static_cast<std::int64_t>(index + 1)},
                       {"name", signal.name},
                       {"key", signal.key.empty() ? Json() : Json(signal.key)},
                       {"received_at", format_time(signal.received_at)},
                       {"taken_by", signal.taken_by ? Json(workflow.action_of(*signal.taken_by).id) : Json()}});
}

/// Null: there is room for one more.
std::optional<Error> signals_full(const Workflow& workflow, const Signal& signal) {
  std::size_t bytes = signal.bytes;
  for (const SignalState& one : workflow.signals) bytes += one.bytes;
  if (workflow.signals.size() < signals_max && bytes <= signals_bytes_max) return std::nullopt;
  return fail(ErrorCode::signals_full, "workflow \"" + workflow.header.id + "\" has had " +
                                           std::to_string(workflow.signals.size()) + " signals; it takes at most " +
                                           std::to_string(signals_max) + ", of together 4 MiB");
}

}  // namespace

void Shard::signal(const std::string& name_space, const std::string& id, Signal signal,
                   std::function<void(Result<Delivered>)> done, const AuditNotePtr& audit) {
  if (draining_)
    return done(fail(ErrorCode::shutting_down, "the engine is shutting down; send the signal again in a moment"));
  const Result<Live*> found = find(name_space, id);
  if (!found) return done(found.error());
  Live& chosen = **found;
  if (chosen.creating)
    return chosen.after_creation.push_back([=, this] { this->signal(name_space, id, signal, done, audit); });
  const std::string key = chosen.key;
  Workflow& workflow = chosen.workflow;
  for (std::size_t i = 0; i < workflow.signals.size() && !signal.key.empty(); ++i) {
    if (workflow.signals[i].key != signal.key) continue;
    const bool same = workflow.signals[i].digest == signal.digest;
    const Result<Delivered> answer =
        same ? Result<Delivered>(Delivered{false, signal_document(workflow, i)})
             : fail(ErrorCode::idempotency_key_reused, "this key came with another signal before");
    when_durable(chosen, [done, answer] { done(answer); });
    return release(key);
  }
  std::optional<Error> refused = signals_full(workflow, signal);
  if (workflow.header.status == WorkflowStatus::ended)
    refused = fail(ErrorCode::wrong_state, "workflow \"" + id + "\" has ended");
  if (refused) {  // which shows state as well as any other answer
    when_durable(chosen, [done, error = *std::move(refused)] { done(error); });
    return release(key);
  }
  if (signal.bytes > signal_always_taken) {
    const Share payload{0, static_cast<std::int64_t>(signal.bytes)};
    if (const Result<void> taken = chosen.use->take(payload); !taken) {
      when_durable(chosen, [done, error = taken.error()] { done(error); });
      return release(key);
    }
    chosen.share.bytes += payload.bytes;
  }
  const std::size_t index = workflow.signals.size();
  apply(chosen, on_signal(workflow, std::move(signal), moment(chosen)), audit);
  when_durable(chosen, [done, answer = Delivered{true, signal_document(workflow, index)}] { done(answer); });
  release(key);
}

void Engine::signal(const std::string& name_space, const std::string& id, Signal signal, Loop& loop,
                    std::function<void(Result<Shard::Delivered>)> done, AuditNotePtr audit) {
  const auto refuse = [&](Error error) { on(loop, [done, error = std::move(error)] { done(error); }); };
  if (!is_name(id)) return refuse(fail(ErrorCode::not_found, "there is no workflow \"" + shorten(id, 130) + "\""));
  if (!is_name(signal.name))
    return refuse(fail(ErrorCode::invalid_argument, "\"" + shorten(signal.name, 130) +
                                                        "\" is no name of a signal: 1 to 128 of A-Z a-z 0-9 . _ ~ -"));
  if (!store_.has_room())
    return refuse(fail(ErrorCode::disk_full, "the disk is nearly full; nothing new is taken until there is room"));
  const Home& home = home_of(name_space, id);
  on(home.loop, [&home, name_space, id, signal = std::move(signal), &loop, done = std::move(done),
                 audit = std::move(audit)] { home.shard->signal(name_space, id, signal, back_on(loop, done), audit); });
}

}  // namespace settle
