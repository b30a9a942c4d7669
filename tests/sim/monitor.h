#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/codec.h"
#include "tests/sim/sketch.h"
#include "tests/sim/verdict.h"
#include "tests/sim/world.h"

namespace settle::sim {

/// Follows the batches in the order in which they are queued, and judges every step that they record: what may follow
/// what is decided here from the drawn plan, not from the engine's code. What a crash forgets, it forgets, too.
class Monitor {
 public:
  Monitor(const std::map<std::string, Sketch>& sketches, const World& world, Verdict& verdict, Counters& counters)
      : sketches_(sketches), world_(world), verdict_(verdict), counters_(counters) {}

  /// A batch was queued at `now`, the engine's time.
  void queued(const WriteBatch& batch, Time now, bool clock_ahead);
  /// After a crash only what is durable counts.
  void reset(const Reader& durable);

  /// An intent of this tool is written, by the run that writes `value`.
  std::function<void(const SimTool& tool, const std::string& value)> on_intent;
  /// A run's time is over after it has waited so long in the line of this tool.
  std::function<void(const SimTool& tool, const std::string& value, Duration waited)> on_given_up;

  const Sketch* sketch_of(const std::string& id) const { return &sketches_.at(id); }

  struct Run {
    std::string workflow;
    ActionIndex index = 0;
  };
  /// The run that writes `value`, or null.
  const Run* run_of(const std::string& value) const;
  /// As it was queued last, or null.
  const ActionState* state_of_run(const std::string& value) const;

  /// A workflow as the batches have it.
  struct Shadow {
    const Sketch* sketch = nullptr;
    WorkflowHeader header;
    std::vector<ActionState> runs;

    const ActionState& effective(ActionIndex index) const {
      return runs[index].fallback == 0 ? runs[index] : runs[runs[index].fallback];
    }
    /// A `for_each` itself makes no call; only its elements do.
    bool calls(ActionIndex index) const {
      const ActionState& run = runs[index];
      return !sketch->actions[run.planned].for_each || run.role != CallRole::main || run.element.has_value();
    }
    std::string value_of(ActionIndex index) const {
      return sketch->value_of(runs[index].planned, runs[index].role, runs[index].element.value_or(0));
    }
  };
  const std::map<std::string, Shadow>& workflows() const { return workflows_; }
  static bool is_fallen(const Shadow& shadow, ActionIndex index);

 private:
  /// One batch's changes to one workflow.
  struct Step {
    const Shadow& before;
    const Shadow& after;
    const WriteBatch& batch;
    Time now;
    bool clock_ahead;
    std::map<std::uint32_t, Json> receipts;

    bool retried() const { return after.header.retries != before.header.retries; }
    /// A person's retry, or a fallback from before a retry that is needed once more.
    bool revived(ActionIndex index) const {
      const ActionState& run = after.runs[index];
      const bool again = run.role == CallRole::fallback && run.parent < before.runs.size();
      return retried() || (again && before.runs[run.parent].fallback == 0);
    }
  };

  bool is_dropped(const WriteBatch& batch) const;
  void apply(Shadow& shadow, const Write& write, std::string_view rest);
  void judge(const Step& step);
  void judge_run(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_send(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_first_send(const Step& step, ActionIndex index, const ActionState& after);
  void judge_fallback(const Step& step, ActionIndex index, const ActionState& after);
  void judge_compensation(const Step& step, ActionIndex index, const ActionState& after);
  void judge_elements(const Step& step, ActionIndex index, const ActionState& after);
  void judge_timer(const Step& step, ActionIndex index, const ActionState& before, const ActionState& after);
  static bool may_fall(const Step& step, ActionIndex index, const ActionState& before, const ActionState& after);
  void judge_recheck(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_gated(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_held(const Step& step);
  void judge_line(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_receipts(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_header(const Step& step);
  void violated(const Step& step, std::string promise, ActionIndex index, std::string text);

  const std::map<std::string, Sketch>& sketches_;
  const World& world_;
  Verdict& verdict_;
  Counters& counters_;
  std::map<std::string, Shadow> workflows_;
  std::map<std::string, Run> runs_;  ///< by value
  std::set<std::string> keys_;       ///< of the family `keys`
};

}  // namespace settle::sim
