#pragma once

#include <string>

#include "tests/sim/oracles.h"

namespace settle::sim {

/// A run that makes calls: its workflow, number, state, tool and truth.
struct Judged {
  const Monitor::Shadow& workflow;
  ActionIndex index;
  const ActionState& run;
  const SimTool& tool;
  const Truth& truth;
  std::string value;
};

/// Calls `judge` with every run that makes calls.
template <class Judge>
void for_each_run(const Evidence& evidence, const Judge& judge) {
  static const Truth untouched;
  for (const auto& [id, workflow] : evidence.durable.workflows()) {
    for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
      if (!workflow.calls(i)) continue;
      const ActionState& run = workflow.runs[i];
      const std::string value = workflow.value_of(i);
      const auto truth = evidence.world.truths.find(value);
      judge(Judged{workflow, i, run, workflow.sketch->actions[run.planned].tool_of(run.role),
                   truth == evidence.world.truths.end() ? untouched : truth->second, value});
    }
  }
}

inline void violated(const Evidence& evidence, const std::string& promise, const Judged& judged,
                     const std::string& text) {
  const std::string code = judged.run.error ? " (" + judged.run.error->code + ")" : "";
  evidence.verdict.violated(
      promise, judged.workflow.sketch->id,
      judged.value + " [" + judged.tool.name + "] is " + std::string(name_of(judged.run.stage)) + code + ": " + text);
}

/// Whether this run, or the list that fell with it, did so after its workflow had ended: nothing follows from that.
bool fell_after_the_end(const Monitor::Shadow& workflow, const ActionState& run);

}  // namespace settle::sim
