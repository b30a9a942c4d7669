// Settle's own tools among others, driven by dice: signals, ends of children, crashes that lose what had not left yet,
// pauses, cancellations and deadlines in any order. The driver checks every step; here, that everything comes to an
// end.
#include <deque>
#include <random>

#include "tests/unit/workflows/support/fixture.h"
#include "workflows/waiting.h"

namespace settle::test {
namespace {

std::map<std::string, std::size_t>& sometimes() {
  static std::map<std::string, std::size_t> counts;
  return counts;
}

class BuiltinWalk {
 public:
  explicit BuiltinWalk(std::uint64_t seed) : dice_(seed), run_(draw_plan(), seed) {}

  void go() {
    run_.start();
    heard();
    for (int step = 0; step < 120 && !ended(); ++step) event();
    run_.resume();
    heard();
    for (int step = 0; step < 2'000 && !ended() && !::testing::Test::HasFailure(); ++step) heal();
    EXPECT_TRUE(ended() || run_.workflow.header.attention) << "stuck in a healthy world\n" << dump(run_.workflow);
    for (const HistoryEvent& happened : run_.history) ++sometimes()[happened.type];
    for (const ActionState& action : run_.workflow.actions) {
      if (action.stage == Stage::failed) ++sometimes()["failed: " + action.error->code];
    }
  }

 private:
  /// A child outside: it is there or not, and may have ended, whatever becomes of the engine.
  struct Child {
    ActionIndex run = 0;
    bool begun = false;
    std::optional<ChildEnd> end;
    bool told = true;  ///< nobody asked since it was told last
  };

  bool chance(int percent) { return std::uniform_int_distribution<int>(1, 100)(dice_) <= percent; }
  std::size_t below(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(dice_); }
  bool ended() const { return run_.workflow.header.status == WorkflowStatus::ended; }

  std::shared_ptr<const Plan> draw_plan() {
    static const char* const kinds[] = {
        R"({"tool": "flow.sleep", "input": {"for": "7s"}})",
        R"({"tool": "flow.wait_signal", "input": {"name": "go", "timeout": "20s"}})",
        R"({"tool": "flow.wait_signal", "input": {"name": "go", "timeout": "20s"}, "fallback": {"tool": "box.put",
          "input": {"name": "n", "value": "v"}}})",
        R"({"tool": "flow.assert", "input": {"that": {"equals": [1, 1]}}})",
        R"({"tool": "flow.run_plan", "input": {"plan": {"$literal": {"name": "c", "actions": [{"id": "x",
          "tool": "flow.sleep", "input": {"for": "1s"}}]}}}, "compensate": {"tool": "flow.run_plan", "input": {"plan":
          {"$literal": {"name": "u", "actions": [{"id": "x", "tool": "flow.sleep", "input": {"for": "1s"}}]}}}}})",
        R"({"tool": "flow.run_plan", "input": {"plan": {"$literal": {"name": "c", "actions": [{"id": "x",
          "tool": "flow.sleep", "input": {"for": "1s"}}]}}}, "fallback": {"tool": "flow.sleep", "input": {"for": "1s"}}})",
        R"({"tool": "flow.wait_signal", "for_each": ["go", "go", "other"], "max_parallel": 2,
          "input": {"name": {"$from": "/item"}, "timeout": "15s"}})",
        R"({"tool": "box.put", "input": {"name": "n", "value": "v"}})"};
    Json actions = Json::array();
    const std::size_t count = 2 + below(5);
    for (std::size_t i = 0; i < count; ++i) {
      Json action = json(kinds[below(std::size(kinds))]);
      if (i > 0 && chance(50)) action.set("after", Json(Json::Array{Json("a" + std::to_string(below(i)))}));
      action.set("id", "a" + std::to_string(i));
      actions.push_back(std::move(action));
    }
    static const char* const rules[] = {"stop", "continue", "compensate"};
    Json plan = Json::object({{"name", "p"}, {"on_failure", rules[below(3)]}, {"actions", std::move(actions)}});
    if (chance(30)) plan.set("deadline", "12s");
    return make_plan(plan, {make_tool()});
  }

  /// What the last step sends to children is on its way; it leaves after its commit, and is lost by a crash before.
  void heard() {
    for (const ChildEffect& effect : run_.last.children) orders_.push_back(effect);
    run_.last = {};
  }

  void deliver_order() {
    if (orders_.empty()) return;
    const ChildEffect effect = orders_.front();
    orders_.pop_front();
    Child& child = children_[effect.child];
    child.run = effect.action;
    child.told = false;
    if (effect.cancel && !child.end)
      child.end = child.begun ? ChildEnd{.outcome = WorkflowOutcome::cancelled, .effect = Effect::partial}
                              : ChildEnd{.how = ChildEnd::How::absent};
    if (child.end && child.end->how == ChildEnd::How::absent) ++sometimes()["a child that was never begun"];
    if (!effect.cancel) child.begun = true;
  }

  void tell_end() {
    for (auto& [id, child] : children_) {
      if (child.told || (!child.begun && !child.end)) continue;
      if (!child.end) {
        child.end = ChildEnd{.outcome = static_cast<WorkflowOutcome>(1 + below(4)),
                             .effect = chance(50) ? Effect::none : Effect::partial,
                             .confidence = Confidence::response};
      }
      child.told = true;
      if (child_id(run_.workflow, child.run) != id) return;
      ++sometimes()["a child told its end"];
      run_.child_ended(child.run, *child.end);
      return heard();
    }
  }

  void answer() {
    if (run_.open.empty()) return;
    const ActionIndex index = run_.open.begin()->first;
    const bool sends = run_.stage(index) == Stage::sending;
    run_.answer(!sends ? seen() : chance(70) ? done() : chance(50) ? rejected(422) : ambiguous(), index);
    heard();
  }

  void crash() {
    orders_.clear();
    run_.restart();
    heard();
    ++sometimes()["crashed"];
  }

  void event() {
    switch (below(12)) {
      case 0:
        run_.signal("go");
        return heard();
      case 1:
      case 2:
        return tell_end();
      case 3:
      case 4:
        return answer();
      case 5:
        return crash();
      case 6:
        if (chance(10)) run_.cancel();
        return heard();
      case 7:
        if (chance(30)) run_.workflow.header.paused ? run_.resume() : run_.pause();
        return heard();
      case 8:
        for (const auto& [id, child] : children_) {
          if (child_id(run_.workflow, child.run) == id) run_.child_attention(child.run, chance(50));
          heard();
        }
        return;
      case 9:
        run_.wake();
        return heard();
      default:
        return deliver_order();
    }
  }

  void heal() {
    deliver_order();
    tell_end();
    answer();
    run_.wake();
    heard();
  }

  std::mt19937_64 dice_;
  Driver run_;
  std::deque<ChildEffect> orders_;
  std::map<std::string, Child> children_;
};

TEST(BuiltinWalk, everything_comes_to_its_end_whatever_the_order_and_the_crashes) {
  for (std::uint64_t seed = 1; seed <= 800; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    BuiltinWalk(seed).go();
    ASSERT_FALSE(HasFailure());
  }
  for (const char* branch :
       {"crashed", "a child told its end", "a child that was never begun", "action.waiting", "action.signalled",
        "action.child_attention", "action.fallback_held", "workflow.compensating", "workflow.paused",
        "workflow.cancel_requested", "failed: signal_timeout", "failed: child_failed", "failed: child_cancelled",
        "failed: deadline_exceeded"}) {
    EXPECT_GT(sometimes()[branch], 0U) << "never reached: " << branch;
  }
}

}  // namespace
}  // namespace settle::test
