#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "workflows/plan.h"
#include "workflows/step.h"

namespace settle::test {

/// Reads a document; a malformed one is a failure of the test.
Json json(std::string_view text);

/// What a tool of the tests says of itself; the rest follows from it. Every tool takes {"name", "value"}, answers
/// {"id", …}, sends the idempotency key, and reads back GET /items/NAME for the same value.
struct ToolSpec {
  std::string name = "box.put";
  IdempotencyMode mode = IdempotencyMode::key;
  bool reads = false;
  bool read_back = true;
  bool tied = false;        ///< the read-back also compares our key
  bool key_lookup = false;  ///< mode key with a look-up
  bool unique = false;      ///< the read-back searches for our key, and demands exactly one
  bool before = false;      ///< it is read before the first send too
  bool recheck = false;     ///< looked at again ten minutes after
  Duration window = Duration(3'600'000);
  Duration quiet = Duration(5'000);
  Duration within = Duration(2'000);
  Duration interval = Duration(300);
  Duration start_to_close = Duration(2'000);
  Duration schedule_to_close = Duration(60'000);
  int attempts = 3;
  std::string host = "https://box.test";  ///< of every call
  std::string auth;
  std::string rate_limit;     ///< JSON; empty: none
  std::string not_processed;  ///< JSON; empty: the default
  std::string approval;       ///< JSON; empty: none
};

/// The usual tool, of this mode.
ToolSpec of_mode(IdempotencyMode mode = IdempotencyMode::key);
Json tool_document(const ToolSpec& spec);
/// The same with further members of `verify`; null takes one out.
Json with_verify(const ToolSpec& spec, std::string_view members);
std::shared_ptr<const Tool> compiled(const Json& document, const Values& values = {});
std::shared_ptr<const Tool> make_tool(const ToolSpec& spec = {});

/// Finds these tools by their names; it refers to `tools`.
ToolOf finder(const std::vector<std::shared_ptr<const Tool>>& tools);
/// A plan over these tools; a refused one is a failure of the test.
std::shared_ptr<const Plan> make_plan(const Json& document, const std::vector<std::shared_ptr<const Tool>>& tools);
/// The one action "a" of the tool, with {"name": "n", "value": "v"}.
std::shared_ptr<const Plan> plan_of(const std::shared_ptr<const Tool>& tool);

/// The document with one place set to a JSON text, or without it where the text is empty.
Json changed(Json document, const std::string& pointer, std::string_view value);
/// "POINTER CODE" of every problem with which a document is refused; empty when it is accepted.
std::vector<std::string> tool_problems(const Json& document, const Values& values = {});
std::vector<std::string> plan_problems(const Json& document, const std::vector<std::shared_ptr<const Tool>>& tools,
                                       const PlanLimits& limits = {});

// How a call can end. `started` and `ended` are filled in by the driver.
Outcome answered(Json body, int status = 200);
Outcome rejected(int status);
Outcome not_sent(int status = 0, std::optional<Duration> retry_after = std::nullopt);
Outcome ambiguous(const std::string& code = "timeout");
/// What the tools of make_tool() answer, what their read-back shows and what their look-up finds.
Outcome done();
Outcome seen(std::string_view value = "v");
Outcome found(std::size_t records);

/// Every stored field as text: two states are the same when their dumps are.
std::string dump(const ActionState& action);
std::string dump(const Workflow& workflow);

/// The stages that one event may lead to, from each stage.
bool may_follow(Stage from, Stage to);

/// The limits of the tools, opened and shut by the test. Only tools with a rate_limit ask.
struct TestGate final : public Gate {
  Limit enter(const std::string&, const Tool&, ActionIndex run, Time) override {
    if (held == run) return held.reset(), Limit::none;
    return shut;
  }
  Limit shut = Limit::none;
  std::optional<ActionIndex> held;  ///< passes once all the same
};

/// Runs one workflow without an engine, in a time of its own, and checks after every transition what always holds.
class Driver {
 public:
  explicit Driver(std::shared_ptr<const Plan> plan, std::uint64_t entropy = 1);

  void start();
  /// The call under way of this action ends now, `took` after it began to be waited for.
  void answer(Outcome outcome, ActionIndex index = 0, Duration took = Duration(10));
  /// The same for a call of which nothing is known to be under way; times are those of the outcome.
  bool answer_number(ActionIndex index, std::uint32_t number, Outcome outcome);
  bool timer();
  /// A permit for this run. Whether it was used: see `gate`.
  bool permit(ActionIndex index = 0);
  /// Time goes on to the next timer, which fires. False when there is none.
  bool wake();
  /// Every call under way is forgotten, as after a crash.
  bool restart();
  bool cancel();
  bool pause();
  bool resume();
  /// The code of the refusal; empty when it was taken.
  std::string resolve(Resolution resolution, ActionIndex run = 0);
  std::string retry(std::shared_ptr<const Plan> plan = nullptr);
  /// The code of the refusal; empty when it was taken, "again" when nothing changed by it.
  std::string decide(bool approve, const std::string& who, ActionIndex run = 0, const std::string& digest = "");
  bool signal(const std::string& name, Json payload = Json(), const std::string& key = "");
  /// The workflow that this run waits for has ended, or its attention changed.
  bool child_ended(ActionIndex index, const ChildEnd& end);
  bool child_attention(ActionIndex index, bool attention);
  void advance(Duration by) { now += by; }
  /// The configuration changes behind the workflow's back: the same action with another tool.
  void swap_tool(std::shared_ptr<const Tool> tool, ActionIndex index = 0);

  const ActionState& action(ActionIndex index = 0) const { return workflow.actions[index]; }
  Stage stage(ActionIndex index = 0) const { return action(index).stage; }
  /// Of the latest error; empty when there is none.
  std::string error_code(ActionIndex index = 0) const { return action(index).error ? action(index).error->code : ""; }
  /// The call under way, or null.
  const CallEffect* call(ActionIndex index = 0) const;
  std::size_t sends(ActionIndex index = 0) const;
  /// The newest receipt of the action; null when there is none.
  Json receipt(ActionIndex index = 0) const;
  std::size_t happened(std::string_view type) const;

  TestGate gate;
  std::uint32_t calls_max = 0;
  Workflow workflow;
  Time now = Time(Duration(1'800'000'000'000));
  Time leapt = Time::min();
  Transition last;
  std::vector<Json> receipts;
  std::vector<HistoryEvent> history;
  std::map<ActionIndex, CallEffect> open;
  std::map<ActionIndex, Time> issued_at;

 private:
  bool take(Workflow before, Transition transition);
  std::string take_result(const Workflow& before, Result<Transition> transition);
  void check_counters(const Workflow& before, const Transition& transition) const;
  void check_actions(const Workflow& before, const Transition& transition) const;
  void check_receipts(const Workflow& before, const Transition& transition);
  void check_calls(const Workflow& before, const Transition& transition);
  void check_children(const Transition& transition) const;
  void check_approvals(const Workflow& before, const Transition& transition) const;
  Moment moment() {
    Moment out{now, ++entropy_, &gate, leapt};
    out.calls_max = calls_max;
    return out;
  }

  std::uint64_t entropy_;
  std::map<ActionIndex, std::size_t> sends_;
  std::map<std::pair<ActionIndex, std::uint32_t>, std::string> keys_;  ///< by run and generation
};

/// A workflow of the one action "a", whose first call is under way.
Driver running(const ToolSpec& spec);
/// A workflow of the one action "a" of that tool, begun.
Driver begun(const Json& document);
/// Answers every look alike, and lets timers fire, until the action is final or parked.
void look_on(Driver& run, const Outcome& outcome, ActionIndex index = 0);
/// The same, its second send under way because nobody knows what became of the first.
Driver repeating(const ToolSpec& spec);
/// The same, executed and its first read-back under way.
Driver reading(const ToolSpec& spec);

/// "POINTER CODE: MESSAGE"
std::string text_of(const Problem& problem);

}  // namespace settle::test

namespace settle {
void PrintTo(Stage stage, std::ostream* out);
void PrintTo(Effect effect, std::ostream* out);
void PrintTo(Confidence confidence, std::ostream* out);
void PrintTo(WorkflowOutcome outcome, std::ostream* out);
void PrintTo(const Json& value, std::ostream* out);
}  // namespace settle
