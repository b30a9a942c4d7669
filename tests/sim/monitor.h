#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/codec.h"
#include "tests/sim/flow.h"
#include "tests/sim/verdict.h"
#include "tests/sim/world.h"

namespace settle::sim {

/// Of input and answer that stand within the record of a run.
std::size_t payload_bytes_within(std::string_view record);

/// Follows the batches in the order in which they are queued, and judges every step that they record: what may follow
/// what is decided here from the drawn plan, not from the engine's code. What a crash forgets, it forgets, too.
class Monitor {
 public:
  Monitor(const std::map<std::string, Sketch>& sketches, const World& world, Verdict& verdict, Counters& counters)
      : sketches_(sketches), world_(world), verdict_(verdict), counters_(counters) {}

  /// What is on the disk at this moment; set once.
  std::function<std::unique_ptr<Reader>()> on_disk;
  /// The monotonic time of the step that comes next.
  Time real_now{};
  std::uint64_t steps = 0;    ///< so far
  bool clock_jumped = false;  ///< the wall clock has: a wait by it may be shorter than by a good clock
  std::map<std::string, std::vector<SentSignal>> sent_signals;  ///< by workflow, answered or not
  std::vector<SentVerdict> sent_verdicts;                       ///< answered or not
  std::function<bool(const std::string& token)> is_over;        ///< it was revoked, and that was acknowledged
  std::uint32_t calls_max = 0;                                  ///< of one workflow, under way at a time
  std::uint32_t calls_least = 0;                                ///< that it may have beside however many others
  std::string origin;                                           ///< what `${sim}` stands for at the moment

  /// A workflow made a step at `now`, the engine's time: what it changes, as if it had a batch of its own.
  void stepped(const WriteBatch& batch, Time now, bool clock_ahead);
  /// A batch is on its way to the disk, with one step of a workflow or with several.
  void written(const WriteBatch& batch);
  /// After a crash only what is durable counts.
  void reset(const Reader& durable);

  /// An intent of this tool is written, by the run that writes `value`.
  std::function<void(const SimTool& tool, const std::string& value)> on_intent;
  /// The intent of this run is over: its call has ended, or will never leave.
  std::function<void(const SimTool& tool, const std::string& value)> on_intent_over;
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
    std::vector<ActionState> runs;                                             ///< with their outputs
    std::map<char, std::map<ActionIndex, std::shared_ptr<const Json>>> apart;  ///< by letter: payloads with records
    std::vector<SignalState> signals;

    const ActionState& effective(ActionIndex index) const {
      return runs[index].fallback == 0 ? runs[index] : runs[runs[index].fallback];
    }
    const SketchAction& planned(ActionIndex index) const { return sketch->actions[runs[index].planned]; }
    /// A `for_each` itself does nothing; only its elements do.
    bool is_list(ActionIndex index) const {
      const ActionState& run = runs[index];
      return planned(index).for_each && run.role == CallRole::main && !run.element;
    }
    /// Which of Settle's own tools it runs, if any.
    Builtin flow_of(ActionIndex index) const {
      return is_list(index) ? Builtin::none : planned(index).tool_of(runs[index].role).builtin;
    }
    const FlowCall& flow_call(ActionIndex index) const { return planned(index).flows.at(runs[index].role); }
    bool calls(ActionIndex index) const { return !is_list(index) && flow_of(index) == Builtin::none; }
    /// It waits for people, and nothing that it sent is in doubt.
    bool awaits_people(ActionIndex index) const {
      return runs[index].stage == Stage::awaiting_approval && !runs[index].unclear;
    }
    /// It waits for a time or a signal.
    bool waits_idly(ActionIndex index) const {
      return runs[index].stage == Stage::waiting && flow_of(index) != Builtin::run_plan;
    }
    std::string value_of(ActionIndex index) const {
      return header.id + sketch->run_name(runs[index].planned, runs[index].role, runs[index].element.value_or(0));
    }
    /// The workflow that this run of flow.run_plan runs, by its present generation.
    std::string child_of(ActionIndex index) const;
  };
  const std::map<std::string, Shadow>& workflows() const { return workflows_; }
  /// Counts children that their parents have ordered and that have not begun.
  void note_waiting_children();
  /// A request for approval as the batches have it, the latest of its run.
  struct Asked {
    std::string workflow;
    ActionIndex run = 0;
    ApprovalRequest request;
  };
  /// By its id: all that ever were, also those that a crash took.
  const std::map<std::string, Asked>& asked() const { return asked_; }
  /// The runs' own numbers say which request is whose: not by the engine's function.
  static std::string approval_of(const Shadow& workflow, ActionIndex run);
  /// Whose agreement this run needs for its input. Null: nobody's.
  static std::optional<SimRule> rule_of(const Shadow& workflow, ActionIndex run);
  static bool is_fallen(const Shadow& shadow, ActionIndex index);

  /// What a run of flow.run_plan has done outside, all that ran for it together.
  struct Deeds {
    bool happened = false;       ///< or is still going to
    bool broken = false;         ///< a tool's own word was, somewhere
    bool retried = false;        ///< by a person, who may have done so after its parent had gone on
    bool retried_below = false;  ///< one that it ran was
  };
  Deeds deeds_of(const std::string& workflow, ActionIndex run) const;
  /// Ids of all that ever ran for it.
  std::vector<std::string> children_of(const std::string& workflow, ActionIndex run) const {
    const auto found = children_.find({workflow, run});
    return found == children_.end() ? std::vector<std::string>() : found->second;
  }

 private:
  /// One step's changes to one workflow.
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

  /// How a workflow ended, as it has to be told to its parent.
  struct End {
    WorkflowOutcome outcome = WorkflowOutcome::none;
    Effect effect = Effect::none;
    Confidence confidence = Confidence::none;
    std::uint32_t version = 0;
    std::uint32_t retries = 0;
  };

  static bool tells_the_same(const End& one, const End& other);
  static bool is_end_by(const End& end, const ActionState& run, const std::string& code, bool called_off);
  bool is_dropped(const WriteBatch& batch) const;
  const Sketch* sketch_for(const std::string& id, const WorkflowHeader& header) const;
  void add_fresh(Shadow& shadow);
  void add_fresh_elements(Shadow& shadow);
  void follow(const std::string& id, const Shadow& shadow, ActionIndex from);
  void apply(Shadow& shadow, const Write& write, std::string_view rest);
  void count_steps(const std::string& id, std::uint32_t version);
  void judge_kept(const std::string& id, const std::string& key, std::uint64_t said);
  void judge(const Step& step);
  void judge_run(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_send(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_may_begin(const Step& step, ActionIndex index, const ActionState& after);
  void judge_first_send(const Step& step, ActionIndex index, const ActionState& after);
  void judge_fallback(const Step& step, ActionIndex index, const ActionState& after);
  void judge_compensation(const Step& step, ActionIndex index, const ActionState& after);
  void judge_elements(const Step& step, ActionIndex index, const ActionState& after);
  void judge_denial(const Step& step, ActionIndex index, const ActionState& before, const ActionState& after);
  void judge_timer(const Step& step, ActionIndex index, const ActionState& before, const ActionState& after);
  static bool may_fall(const Step& step, ActionIndex index, const ActionState& before, const ActionState& after);
  void judge_recheck(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_gated(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_held(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void tell_intents_over(const Step& step);
  void judge_held(const Step& step);
  void judge_lists(const Step& step);
  void judge_line(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_receipts(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_header(const Step& step);

  // flow_rules.cc
  void judge_flow(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_waiting(const Step& step, ActionIndex index, const ActionState& after);
  void judge_wait_over(const Step& step, ActionIndex index, bool waited, const ActionState& after);
  void judge_assertion(const Step& step, ActionIndex index, const ActionState& after);
  void judge_idle_waits(const Step& step);
  static bool stopped(const Shadow& workflow, ActionIndex index);
  static bool list_stopped(const Shadow& workflow, const ActionState& element);
  // approval_rules.cc
  void judge_approval(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_request(const Step& step, ActionIndex index, const ActionState& after);
  void judge_decisions(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  void judge_released(const Step& step, ActionIndex index, const ActionState& after);
  void judge_gate(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  std::string digest_of(const Step& step, ActionIndex index) const;
  // signal_rules.cc
  void judge_signals(const Step& step);
  void judge_new_signal(const Step& step, const SignalState& signal);
  void judge_taking(const Step& step, std::size_t number);
  // child_rules.cc
  void judge_birth(const Step& step);
  void judge_asking(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after);
  bool did_something(const Step& step, ActionIndex index) const;
  void judge_child_end(const Step& step, ActionIndex index, const ActionState& after);
  void judge_end_of_parent(const Step& step);
  void judge_deeds_of_list(const Step& step, ActionIndex index, const ActionState& after);
  const End* last_end_of(const std::string& id) const;
  static End end_of(const Shadow& workflow);
  void wrong(const Step& step, std::string promise, std::string text);
  void violated(const Step& step, std::string promise, ActionIndex index, std::string text);

  const std::map<std::string, Sketch>& sketches_;
  const World& world_;
  Verdict& verdict_;
  Counters& counters_;
  std::map<std::string, Shadow> workflows_;
  std::map<std::string, Run> runs_;                                                   ///< by value
  std::set<std::string> keys_;                                                        ///< of the family `keys`
  std::map<std::string, std::uint32_t> versions_;                                     ///< of workflows, as last written
  std::map<std::string, std::string> newest_;                                         ///< records, as last stepped
  std::map<std::pair<std::string, ActionIndex>, std::vector<std::string>> children_;  ///< of one run
  std::map<std::string, std::vector<End>> ends_;
  /// Since when a run waits by the monotonic clock, and of which retry that is.
  struct Wait {
    Time since{};
    std::uint32_t retries = 0;
  };
  std::map<std::string, Wait> waits_;  ///< by the run's value
  std::map<std::string, Asked> asked_;
};

}  // namespace settle::sim
