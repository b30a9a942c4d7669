// What follows in a plan when what was verified no longer holds.
#include "tests/unit/workflows/support/recheck.h"

namespace settle::test {
namespace {

TEST(Recheck, while_the_workflow_runs_it_is_a_failure_like_any_other) {
  for (const char* rule : {"stop", "continue"}) {
    SCOPED_TRACE(rule);
    Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
      {"id": "b", "tool": "box.other", "input": {"name": "n"}, "after": ["a"]},
      {"id": "c", "tool": "box.other", "input": {"name": "n"}, "after": ["b"]},
      {"id": "d", "tool": "box.other", "input": {"name": "n"}},
      {"id": "e", "tool": "box.other", "input": {"name": "n"}, "after": ["d"]}])",
                      rule);
    run.answer(done());
    run.answer(seen());
    EXPECT_EQ(run.stage(1), Stage::sending) << "a dependent has begun";
    run.wake();
    EXPECT_EQ(run.stage(), Stage::rechecking);
    look_again(run, rejected(404));
    EXPECT_EQ(run.stage(), Stage::failed);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::running);
    EXPECT_TRUE(run.workflow.header.attention);
    EXPECT_EQ(run.stage(1), Stage::sending) << "what was begun goes on";
    const bool stop = std::string_view(rule) == "stop";
    EXPECT_EQ(run.stage(4), stop ? Stage::cancelled : Stage::blocked);
    EXPECT_EQ(run.stage(2), stop ? Stage::cancelled : Stage::blocked) << "it depends on b, which stands";
  }
}

TEST(Recheck, a_dependent_may_start_while_the_look_is_under_way) {
  Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
    {"id": "d", "tool": "box.other", "input": {"name": "n", "value": "v"}},
    {"id": "e", "tool": "box.other", "input": {"name": "n"}, "after": ["a", "d"]}])");
  run.answer(done());
  run.answer(seen());
  run.wake();
  EXPECT_EQ(run.stage(), Stage::rechecking);
  run.answer(done(), 1);
  run.answer(seen(), 1);
  EXPECT_EQ(run.stage(2), Stage::sending);
}

TEST(Recheck, its_fallback_is_not_tried_since_others_have_built_on_it) {
  Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"},
    "fallback_when": "any_failure", "fallback": {"tool": "box.other", "input": {"name": "f"}}}])");
  run.answer(done());
  run.answer(seen());
  look_again(run, rejected(404));
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.workflow.actions.size(), 1U);
}

TEST(Recheck, of_a_fallback_counts_for_its_action) {
  Driver run = plan(R"([{"id": "a", "tool": "box.other", "input": {"name": "n"},
    "fallback": {"tool": "box.put", "input": {"name": "n", "value": "v"}}}])");
  run.answer(rejected(422));
  run.answer(done(), 1);
  run.answer(seen(), 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  look_again(run, rejected(404), 1);
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
  EXPECT_TRUE(run.workflow.header.attention);
}

TEST(Recheck, a_list_falls_with_its_element) {
  Driver run = plan(
      R"([{"id": "a", "tool": "box.put", "for_each": ["v", "v"], "input": {"name": "n", "value": {"$from": "/item"}}},
    {"id": "d", "tool": "box.other", "input": {"name": "n"}}, {"id": "e", "tool": "box.other", "input": {"name": "n"}, "after": ["d"]}])");
  const ActionIndex first = run.action().first_element;
  for (const ActionIndex i : {first, first + 1}) {
    run.answer(done(), i);
    run.answer(seen(), i);
  }
  EXPECT_EQ(run.stage(), Stage::verified);
  look_again(run, rejected(404), first + 1);
  EXPECT_EQ(run.stage(first + 1), Stage::failed);
  EXPECT_EQ(run.stage(), Stage::failed);
  EXPECT_EQ(run.error_code(), "no_longer_holds");
  EXPECT_EQ(run.action().effect, Effect::partial);
  EXPECT_EQ(run.stage(2), Stage::cancelled);
}

TEST(Recheck, what_the_plan_undoes_on_purpose_is_not_looked_at_again) {
  Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"},
    "compensate": {"tool": "box.put", "input": {"name": "n", "value": "v"}}},
    {"id": "b", "tool": "box.other", "input": {"name": "n"}, "after": ["a"]}])",
                    "compensate");
  run.answer(done());
  run.answer(seen());
  Driver under_way = run;
  run.answer(rejected(422), 1);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::compensating);
  EXPECT_FALSE(run.action().wake_at);
  run.answer(done(), 2);
  run.answer(seen(), 2);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_TRUE(run.action(2).wake_at) << "the undoing is";
  look_again(run, seen("back again"), 2);
  EXPECT_EQ(run.stage(2), Stage::failed);
  EXPECT_TRUE(run.workflow.header.attention);

  under_way.wake();
  EXPECT_EQ(under_way.stage(), Stage::rechecking);
  under_way.answer(rejected(422), 1);
  under_way.answer(rejected(404));
  EXPECT_EQ(under_way.stage(), Stage::verified) << "it is gone because we undo it";
}

TEST(Recheck, a_failure_found_in_time_is_undone_like_any_other) {
  Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"},
    "compensate": {"tool": "box.other", "input": {"name": "n"}}},
    {"id": "d", "tool": "box.other", "input": {"name": "n", "value": "v"}}])",
                    "compensate");
  run.answer(done());
  run.answer(seen());
  look_again(run, seen("half gone"));
  EXPECT_EQ(run.action().effect, Effect::partial);
  run.answer(done(), 1);
  run.answer(seen(), 1);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::compensating);
  EXPECT_EQ(run.workflow.actions.size(), 3U);
}

TEST(Recheck, what_a_person_has_seen_to_be_gone_is_not_undone) {
  Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"},
    "compensate": {"tool": "box.other", "input": {"name": "n"}}},
    {"id": "d", "tool": "box.other", "input": {"name": "n", "value": "v"}}])",
                    "compensate");
  run.answer(done());
  run.answer(seen());
  look_again(run, seen("half gone"));
  run.pause();
  run.answer(done(), 1);
  run.answer(seen(), 1);
  ASSERT_EQ(run.stage(2), Stage::ready);
  EXPECT_EQ(run.resolve({.happened = false, .who = "eve", .seen = "nothing of it is there"}), "");
  run.resume();
  EXPECT_EQ(run.stage(2), Stage::cancelled);
  EXPECT_EQ(run.sends(2), 0U);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
}

TEST(Recheck, a_cancelled_workflow_is_looked_at_all_the_same) {
  Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
    {"id": "e", "tool": "box.other", "input": {"name": "n"}, "after": ["a"]}])");
  run.answer(done());
  run.cancel();
  run.answer(seen());
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::cancelled);
  look_again(run, rejected(404));
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::failed);
}

TEST(Recheck, nobody_has_to_decide_about_a_fallback_that_will_not_be_tried_any_more) {
  for (const char* rule : {"stop", "continue"}) {
    SCOPED_TRACE(rule);
    Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
      {"id": "b", "tool": "box.other", "after": ["a"], "input": {"name": "n", "value": "v"},
       "fallback": {"tool": "box.other", "input": {"name": "f", "value": "v"}}}])",
                      rule);
    run.answer(done());
    run.answer(seen());
    run.answer(done(), 1);
    for (int i = 0; i < 1'000 && run.stage(1) != Stage::fallback_held; ++i) {
      if (run.stage(1) == Stage::reading) run.answer(seen("other"), 1);
      if (run.stage(1) == Stage::read_wait) run.wake();
    }
    ASSERT_EQ(run.stage(1), Stage::fallback_held);
    look_again(run, rejected(404));
    EXPECT_EQ(run.stage(1), Stage::failed);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  }
}

TEST(Recheck, no_element_of_a_list_begins_on_what_no_longer_holds) {
  for (const char* rule : {"stop", "continue"}) {
    SCOPED_TRACE(rule);
    Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}},
      {"id": "b", "tool": "box.other", "after": ["a"], "for_each": ["x", "y"], "max_parallel": 1, "input": {"name": "n"}},
      {"id": "c", "tool": "box.other", "after": ["b"], "input": {"name": "n"}}])",
                      rule);
    run.answer(done());
    run.answer(seen());
    look_again(run, rejected(404));
    EXPECT_EQ(run.stage(3), Stage::sending) << "what was begun goes on";
    EXPECT_EQ(run.stage(4), Stage::cancelled);
    run.answer(rejected(422), 3);
    EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  }
}

Driver two_fallen(std::string_view second, std::string_view on_failure) {
  Driver run = plan(R"([{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}}, )" + std::string(second) +
                        R"(, {"id": "c", "tool": "box.other", "input": {"name": "n"}, "after": ["b"]}])",
                    on_failure);
  run.answer(done());
  run.answer(seen());
  const ActionIndex b = run.action(1).elements > 0 ? run.action(1).first_element : 1;
  run.answer(done(), b);
  run.answer(seen(), b);
  run.answer(rejected(422), 2);
  look_again(run, rejected(404), 0);
  look_again(run, rejected(404), b);
  EXPECT_EQ(run.workflow.header.status, WorkflowStatus::ended);
  EXPECT_EQ(run.stage(b), Stage::failed);
  return run;
}

TEST(Recheck, a_retry_of_what_fell_keeps_the_order_of_the_plan) {
  for (const bool list : {false, true}) {
    SCOPED_TRACE(list ? "a list" : "an action");
    const char* second =
        list
            ? R"({"id": "b", "tool": "box.put", "after": ["a"], "for_each": ["v"], "input": {"name": "n", "value": "v"}})"
            : R"({"id": "b", "tool": "box.put", "after": ["a"], "input": {"name": "n", "value": "v"}})";
    const ActionIndex b = list ? 3 : 1;
    Driver good = two_fallen(second, "stop");
    EXPECT_EQ(good.retry(), "");
    EXPECT_EQ(good.stage(0), Stage::reading);
    EXPECT_EQ(good.stage(b), Stage::revived) << "what it needs does not hold yet";
    good.restart();
    EXPECT_EQ(good.stage(b), Stage::revived);
    good.answer(seen(), 0);
    EXPECT_EQ(good.stage(b), Stage::reading);
    good.answer(seen(), b);
    EXPECT_EQ(good.stage(2), Stage::sending);

    for (const char* rule : {"stop", "continue"}) {
      Driver bad = two_fallen(second, rule);
      EXPECT_EQ(bad.retry(), "");
      for (int i = 0; i < 1'000 && bad.stage(0) != Stage::failed; ++i) {
        bad.answer(rejected(404), 0);
        if (bad.stage(0) == Stage::read_wait) bad.wake();
      }
      EXPECT_EQ(bad.stage(b), Stage::failed) << "as it was before";
      EXPECT_EQ(bad.stage(2), Stage::cancelled);
      EXPECT_EQ(bad.workflow.header.status, WorkflowStatus::ended);
    }
  }
}

}  // namespace
}  // namespace settle::test
