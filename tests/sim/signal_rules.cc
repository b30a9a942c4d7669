// What may become of a signal: it is one that somebody sent, nobody takes it twice, and the oldest of a name goes to
// the first that waits for it.

#include <algorithm>
#include <tuple>

#include "base/hash.h"
#include "tests/sim/monitor.h"

namespace settle::sim {
namespace {

bool is_same(const SignalState& a, const SignalState& b) {
  return a.name == b.name && a.key == b.key && *a.payload == *b.payload && a.received_at == b.received_at;
}

bool is_of(const SentSignal& sent, const SignalState& signal) {
  return sent.name == signal.name && sent.key == signal.key && sent.payload == *signal.payload;
}

}  // namespace

void Monitor::judge_signals(const Step& step) {
  const std::vector<SignalState>& was = step.before.signals;
  const std::vector<SignalState>& is = step.after.signals;
  for (std::size_t i = 0; i < is.size(); ++i) {
    const bool known = i < was.size();
    if (!known) judge_new_signal(step, is[i]);
    if (known && !is_same(was[i], is[i])) wrong(step, "P20", "a signal changed after it was delivered");
    if (known && was[i].taken_by && was[i].taken_by != is[i].taken_by) wrong(step, "P20", "a signal was taken twice");
    if (is[i].taken_by && !(known && was[i].taken_by)) judge_taking(step, i);
  }
  for (ActionIndex i = 0; i < step.after.runs.size(); ++i) {
    const ActionState& run = step.after.runs[i];
    if (step.after.flow_of(i) != Builtin::wait_signal) continue;
    const std::string& name = step.after.flow_call(i).signal;
    const bool lies = std::any_of(is.begin(), is.end(),
                                  [&](const SignalState& signal) { return signal.name == name && !signal.taken_by; });
    if (lies && run.stage == Stage::waiting) violated(step, "P20", i, "waits for a signal that is there");
    const bool was_verified = i < step.before.runs.size() && step.before.runs[i].stage == Stage::verified;
    const bool took =
        std::any_of(is.begin(), is.end(), [&](const SignalState& signal) { return signal.taken_by == i; });
    if (run.stage == Stage::verified && !was_verified && !took)
      violated(step, "P4", i, "verified without a signal that it took");
  }
}

/// Somebody sent it; with a key it came once, without one at most as often as it was sent.
void Monitor::judge_new_signal(const Step& step, const SignalState& signal) {
  if (step.before.header.status == WorkflowStatus::ended) wrong(step, "P20", "a signal came after the end");
  const std::vector<SentSignal>& sent = sent_signals[step.after.header.id];
  const auto sendings =
      std::count_if(sent.begin(), sent.end(), [&](const SentSignal& one) { return is_of(one, signal); });
  const std::vector<SignalState>& all = step.after.signals;
  const auto stored = std::count_if(all.begin(), all.end(), [&](const SignalState& one) {
    return signal.key.empty() ? one.name == signal.name && one.key.empty() && *one.payload == *signal.payload
                              : one.key == signal.key;
  });
  if (sendings == 0) wrong(step, "P20", "a signal is stored that nobody sent");
  if (stored > (signal.key.empty() ? sendings : 1)) wrong(step, "P20", "a signal was delivered more often than sent");
}

/// By whom: a run that waits for its name, and first come, first served on both sides.
void Monitor::judge_taking(const Step& step, std::size_t number) {
  const SignalState& signal = step.after.signals[number];
  const Shadow& now = step.after;
  const ActionIndex taker = *signal.taken_by;
  counters_.note(number < step.before.signals.size() ? "a signal had come before it was waited for"
                                                     : "a signal ended a wait");
  if (taker >= now.runs.size() || now.flow_of(taker) != Builtin::wait_signal)
    return wrong(step, "P20", "a signal was taken by what does not wait for one");
  if (now.flow_call(taker).signal != signal.name) violated(step, "P4", taker, "took a signal of another name");
  if (now.runs[taker].stage != Stage::verified) violated(step, "P4", taker, "took a signal and is not verified");
  for (std::size_t i = 0; i < number; ++i) {
    if (now.signals[i].name == signal.name && !now.signals[i].taken_by)
      violated(step, "P20", taker, "took a later signal than the oldest");
  }
  const auto place = [&](ActionIndex i) { return std::tuple(now.runs[i].planned, now.runs[i].element.value_or(0), i); };
  for (ActionIndex i = 0; i < step.before.runs.size(); ++i) {
    // What begins in this very step, as at the end of a pause, begins one after the other.
    const bool waited = step.before.waits_idly(i) && now.waits_idly(i) && now.flow_of(i) == Builtin::wait_signal;
    if (waited && now.flow_call(i).signal == signal.name && place(i) < place(taker))
      violated(step, "P20", taker, "took a signal for which " + now.value_of(i) + " waited before it");
  }
  const Json* output = now.runs[taker].output.get();
  const auto shows = [&](std::string_view member, const Json& value) {
    return output != nullptr && output->find(member) != nullptr && *output->find(member) == value;
  };
  if (!shows("name", signal.name) || !shows("payload", *signal.payload) ||
      !shows("key", signal.key.empty() ? Json() : Json(signal.key)) ||
      !shows("received_at", format_time(signal.received_at)))
    violated(step, "P4", taker, "its output is not the signal that it took");
}

}  // namespace settle::sim
