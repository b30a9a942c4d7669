// Every stage against every event: what the table refuses changes nothing at all, what it allows leads where it may.
#include <functional>
#include <set>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

ToolSpec spec(IdempotencyMode mode, bool read_back = true) {
  ToolSpec out;
  out.mode = mode;
  out.read_back = read_back;
  return out;
}

/// Two actions, so that the second can be blocked behind the first or cancelled with it.
Driver pair() {
  Driver out(
      make_plan(json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
    {"id": "b", "tool": "box.put", "input": {"name": "n", "value": "v"}, "after": ["a"]}]})"),
                {make_tool(spec(IdempotencyMode::lookup))}));
  out.start();
  return out;
}

/// One action with more members than a plain one has.
Driver with(std::string_view members) {
  Json action = json(R"({"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}})");
  const Json more = json(members);
  for (const JsonMember& member : more.as_object()) action.set(member.name, member.value);
  Driver out(make_plan(Json::object({{"name", "p"}, {"actions", Json(Json::Array{action})}}),
                       {make_tool(spec(IdempotencyMode::key))}));
  out.start();
  return out;
}

constexpr std::string_view with_before =
    R"({"before": {"connector": "http", "method": "GET", "url": "https://box.test/balance"}})";

/// A workflow whose action `index` is in the stage.
struct Example {
  Driver run;
  ActionIndex index = 0;
};

Example in_stage(Stage stage) {
  using enum Stage;
  const auto after = [](Driver run, std::initializer_list<Outcome> outcomes) {
    for (const Outcome& outcome : outcomes) run.answer(outcome);
    return Example{std::move(run)};
  };
  switch (stage) {
    case blocked:
      return {pair(), 1};
    case sending:
      return {running(spec(IdempotencyMode::lookup))};
    case backing_off:
      return after(running(spec(IdempotencyMode::key)), {ambiguous()});
    case looking:
      return after(running(spec(IdempotencyMode::lookup)), {ambiguous()});
    case look_wait:
      return after(running(spec(IdempotencyMode::lookup)), {ambiguous(), found(0)});
    case settling:
      return after(running(spec(IdempotencyMode::none)), {ambiguous()});
    case settle_wait:
      return after(running(spec(IdempotencyMode::none)), {ambiguous(), rejected(404)});
    case in_doubt:
      return after(running(spec(IdempotencyMode::lookup)), {ambiguous(), found(2)});
    case reading:
      return after(running(spec(IdempotencyMode::key)), {done()});
    case read_wait:
      return after(running(spec(IdempotencyMode::key)), {done(), rejected(404)});
    case unverified: {
      Example out = after(running(spec(IdempotencyMode::key)), {done()});
      out.run.advance(Duration(120'000));
      out.run.answer(rejected(403));
      return out;
    }
    case executed:
      return after(running(spec(IdempotencyMode::key, false)), {done()});
    case verified:
      return after(running(spec(IdempotencyMode::key)), {done(), seen()});
    case failed:
      return after(running(spec(IdempotencyMode::key)), {rejected(422)});
    case skipped:
      return {with(R"({"when": {"equals": [1, 2]}})")};
    case gathering:
      return {with(R"({"for_each": ["x", "y"]})")};
    case fallback_held: {
      Example out{with(R"({"fallback": {"tool": "box.put", "input": {"name": "n", "value": "v"}}})")};
      out.run.answer(done());
      while (out.run.stage() == reading || out.run.stage() == read_wait) {
        if (out.run.stage() == reading) out.run.answer(seen("other"));
        if (out.run.stage() == read_wait) out.run.wake();
      }
      return out;
    }
    case waiting:
      return {with(R"({"tool": "flow.wait_signal", "input": {"name": "go", "timeout": "1h"}})")};
    case before_reading:
      return {begun(with_verify(spec(IdempotencyMode::key), with_before))};
    case before_wait:
      return after(begun(with_verify(spec(IdempotencyMode::key), with_before)), {rejected(403)});
    case rechecking: {
      Example out =
          after(begun(with_verify(spec(IdempotencyMode::key), R"({"recheck": {"after": "1h"}})")), {done(), seen()});
      out.run.wake();
      return out;
    }
    case gated: {
      ToolSpec limited = spec(IdempotencyMode::key);
      limited.rate_limit = R"({"concurrency": 1})";
      Example out{Driver(plan_of(make_tool(limited)))};
      out.run.gate.shut = Limit::concurrency;
      out.run.start();
      return out;
    }
    case awaiting_approval: {
      ToolSpec asks = spec(IdempotencyMode::key);
      asks.approval = "{}";
      return {begun(tool_document(asks))};
    }
    case cancelled: {
      Example out{pair(), 1};
      out.run.cancel();
      return out;
    }
    case revived: {  // behind the first of its list
      Example out{with(R"({"for_each": ["x", "y"], "max_parallel": 1, "on_element_failure": "continue"})"), 2};
      for (const ActionIndex i : {1U, 2U}) {
        out.run.answer(done(), i);
        look_on(out.run, seen("other"), i);
      }
      out.run.retry();
      return out;
    }
    case ready: {
      Example out{pair(), 1};
      out.run.pause();
      out.run.answer(done());
      out.run.answer(seen());
      return out;
    }
  }
  return {pair()};
}

/// Whether the event, sent to the action, changed anything.
bool happens(Example& example, EventKind kind) {
  Driver& run = example.run;
  switch (kind) {
    case EventKind::start:
      return false;  // only start_workflow() and the end of another action start one
    case EventKind::answer: {
      Outcome outcome = done();
      outcome.started = outcome.ended = run.now;
      return run.answer_number(example.index, run.action(example.index).call, std::move(outcome));
    }
    case EventKind::timer:
      run.advance(Duration(86'400'000));
      return run.timer();
    case EventKind::restart:
      return run.restart();
    case EventKind::cancel:
      return run.cancel();
    case EventKind::resolve:
      return run.resolve({.happened = false, .who = "ada", .seen = "nothing there"}, example.index).empty();
    case EventKind::retry:
      return run.retry().empty();
    case EventKind::permit:
      return run.permit(example.index);
    case EventKind::signal: {  // the workflow keeps it in any case; whether the action takes it is the question
      const std::string before = dump(run.action(example.index));
      run.signal("go");
      return dump(run.action(example.index)) != before;
    }
    case EventKind::decide:
      return run.action(example.index).approval && run.decide(true, "ada", example.index).empty();
    case EventKind::child:
      return run.child_ended(example.index, {.outcome = WorkflowOutcome::verified});
  }
  return false;
}

std::vector<Stage> all_stages() {
  std::vector<Stage> out;
  for (std::size_t i = 0; i < stage_count; ++i) {
    const auto stage = static_cast<Stage>(i);
    const bool entered = stage != Stage::waiting && stage != Stage::gated;
    if (entered) out.push_back(stage);
  }
  return out;
}

TEST(TransitionTable, every_stage_can_be_reached_and_meets_every_event) {
  for (const Stage stage : all_stages()) {
    for (std::size_t kind = 0; kind < event_kind_count; ++kind) {
      const auto event = static_cast<EventKind>(kind);
      SCOPED_TRACE(std::string(name_of(stage)) + " meets " + std::string(name_of(event)));
      Example example = in_stage(stage);
      ASSERT_EQ(example.run.stage(example.index), stage);
      const std::string before = dump(example.run.action(example.index));
      const bool changed = happens(example, event);
      const Stage after = example.run.stage(example.index);
      if (!is_legal(stage, event)) {
        EXPECT_EQ(dump(example.run.action(example.index)), before) << "refused, and changed all the same";
        // Another action may have moved (a cancelled workflow still hears the answer of the other one), this one may
        // not.
        if (example.run.workflow.actions.size() == 1) {
          EXPECT_FALSE(changed);
        }
      }
      EXPECT_TRUE(may_follow(stage, after)) << "to " << name_of(after);
    }
  }
}

TEST(TransitionTable, a_final_stage_takes_no_event_but_a_later_look_and_a_parked_one_no_answer) {
  for (const Stage stage : all_stages()) {
    for (std::size_t kind = 0; kind < event_kind_count; ++kind) {
      const bool legal = is_legal(stage, static_cast<EventKind>(kind));
      const bool looked_at_again = stage == Stage::verified || stage == Stage::rechecking;
      const bool by_a_person =
          static_cast<EventKind>(kind) == EventKind::retry || static_cast<EventKind>(kind) == EventKind::resolve;
      if (is_final(stage) && !looked_at_again && !by_a_person) {
        EXPECT_FALSE(legal) << name_of(stage);
      }
    }
    EXPECT_EQ(is_legal(stage, EventKind::answer), is_calling(stage)) << name_of(stage);
    if (!is_final(stage)) {
      EXPECT_TRUE(is_legal(stage, EventKind::restart) && is_legal(stage, EventKind::cancel)) << name_of(stage);
    }
  }
}

TEST(TransitionTable, a_wrong_number_is_refused_in_every_stage) {
  for (const Stage stage : all_stages()) {
    SCOPED_TRACE(name_of(stage));
    for (const int off : {-1, 1, 1'000}) {
      Example example = in_stage(stage);
      const std::uint32_t number = example.run.action(example.index).call + static_cast<std::uint32_t>(off);
      EXPECT_FALSE(example.run.answer_number(example.index, number, done()));
    }
  }
}

TEST(TransitionTable, a_timer_that_is_not_due_does_nothing) {
  for (const Stage stage : all_stages()) {
    SCOPED_TRACE(name_of(stage));
    Example example = in_stage(stage);
    EXPECT_FALSE(example.run.timer());
  }
}

TEST(TransitionTable, the_same_state_event_and_moment_give_the_same_transition) {
  for (const Stage stage : all_stages()) {
    SCOPED_TRACE(name_of(stage));
    for (std::size_t kind = 0; kind < event_kind_count; ++kind) {
      Example one = in_stage(stage);
      Example two = in_stage(stage);
      happens(one, static_cast<EventKind>(kind));
      happens(two, static_cast<EventKind>(kind));
      EXPECT_EQ(dump(one.run.workflow), dump(two.run.workflow));
      EXPECT_EQ(one.run.receipts, two.run.receipts);
    }
  }
}

TEST(TransitionTable, state_and_phase_are_words_of_the_contract) {
  const std::set<std::string_view> states = {"pending", "executed", "verified", "failed", "skipped", "cancelled"};
  for (const Stage stage : all_stages()) {
    EXPECT_TRUE(states.contains(state_of(stage))) << name_of(stage);
    if (state_of(stage) == "pending" || stage == Stage::unverified) {
      ActionState action;
      action.stage = stage;
      EXPECT_FALSE(phase_of(action).empty()) << name_of(stage);
    }
  }
}

}  // namespace
}  // namespace settle::test
