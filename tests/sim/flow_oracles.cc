#include "tests/sim/oracles.h"

namespace settle::sim {
namespace {

using Shadow = Monitor::Shadow;

/// P1: what was acknowledged is still there, as it was sent.
void judge_acknowledged_signals(const Evidence& evidence) {
  for (const auto& [place, sent] : evidence.engine.acknowledged_signals()) {
    const auto& [id, number] = place;
    const auto found = evidence.durable.workflows().find(id);
    const bool there = found != evidence.durable.workflows().end() && number <= found->second.signals.size();
    if (!there) {
      evidence.verdict.violated("P1", id, "an acknowledged signal is lost");
      continue;
    }
    const SignalState& signal = found->second.signals[number - 1];
    if (signal.name != sent.name || signal.key != sent.key || *signal.payload != sent.payload)
      evidence.verdict.violated("P1", id, "an acknowledged signal is another one now");
    if (!signal.taken_by) evidence.counters.note("a signal that nobody took");
  }
}

/// All is quiet: a run that still waits for a workflow waits for one that needs a person, and shows it.
void judge_child_wait(const Evidence& evidence, const Shadow& workflow, ActionIndex index) {
  const auto wrong = [&](const std::string& text) {
    evidence.verdict.violated("P7", workflow.header.id, workflow.value_of(index) + " " + text);
  };
  const auto child = evidence.durable.workflows().find(workflow.child_of(index));
  if (child == evidence.durable.workflows().end()) return wrong("waits for a workflow that was never begun");
  const WorkflowHeader& header = child->second.header;
  if (header.status == WorkflowStatus::ended) return wrong("waits for a workflow that has ended");
  if (workflow.runs[index].child_attention != header.attention)
    wrong("does not show that its workflow waits for a person");
  const bool called_off = workflow.header.status == WorkflowStatus::cancelling || workflow.header.expired;
  if (called_off && !is_undoing(workflow.runs[index].role) && header.status == WorkflowStatus::running)
    wrong("is to end, and its workflow was not asked to");
  evidence.counters.note("a parent shows its child's attention");
}

}  // namespace

void judge_flows(const Evidence& evidence) {
  judge_acknowledged_signals(evidence);
  for (const auto& [id, workflow] : evidence.durable.workflows()) {
    for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
      const bool waits = workflow.runs[i].stage == Stage::waiting;
      if (waits && workflow.flow_of(i) == Builtin::run_plan) judge_child_wait(evidence, workflow, i);
    }
    if (!workflow.header.parent) continue;
    evidence.counters.note("child " + std::string(workflow.header.status == WorkflowStatus::ended
                                                      ? name_of(workflow.header.outcome)
                                                      : "waits for a person"));
  }
}

}  // namespace settle::sim
