// What is stored of a workflow while it runs, and that all of it is read again: what nothing has happened to has no
// record.
#include <gtest/gtest.h>

#include "engine/documents.h"
#include "engine/load.h"
#include "engine/step_records.h"
#include "storage/keys.h"
#include "tests/unit/engine/stored_records.h"
#include "tests/unit/workflows/support/plans.h"

namespace settle::test {
namespace {

class FreshElements : public ::testing::Test {
 protected:
  /// Ten elements of which this many may run at a time, with room for three calls.
  static Driver begun(const std::string& parallel) {
    Driver run(make_plan(json(R"({"name": "p", "input": {"list": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}, "actions": [
                 {"id": "a", "tool": "box.put", "for_each": {"$from": "/input/list"}, "input": {"name": "n", "value": "v"})" +
                              parallel + "}]}"),
                         {make_tool()}));
    run.calls_max = 3;
    run.start();
    return run;
  }
  Result<std::optional<LoadedWorkflow>> load_records(const Records& records) {
    return load_workflow(RecordReader(records), registry.tools, "default", "w1");
  }
  void expect_same(Workflow workflow, const Records& records) {
    for (ActionState& run : workflow.actions) run.pass = {};  // which is not stored
    const Result<std::optional<LoadedWorkflow>> loaded = load_records(records);
    ASSERT_TRUE(loaded && *loaded) << loaded.error().message;
    EXPECT_EQ(dump((*loaded)->workflow), dump(workflow));
    const Result<std::optional<Workflow>> shown = load_for_show(RecordReader(records), "default", "w1");
    ASSERT_TRUE(shown && *shown) << shown.error().message;
    EXPECT_EQ(workflow_text(**shown).text, workflow_text(workflow).text);
  }

  Registry registry{{tool_document({})}};
};

TEST_F(FreshElements, are_read_from_the_record_of_their_list) {
  for (const std::string parallel : {"", R"(, "max_parallel": 2)", R"(, "max_parallel": 5)"}) {
    SCOPED_TRACE("with" + parallel);
    Driver run = begun(parallel);
    std::size_t fresh = 0;
    while (!run.open.empty()) {
      const Records records = records_of(run.workflow), all = records_of(run.workflow, Fresh::stored);
      expect_same(run.workflow, records);
      expect_same(run.workflow, all);
      fresh += all.size() - records.size();
      const ActionIndex next = run.open.begin()->first;
      run.answer(run.stage(next) == Stage::sending ? done() : seen(), next);
    }
    EXPECT_GT(fresh, 20U);
    EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  }
}

/// Follows a workflow by the records that each of its steps writes.
class Written : public FreshElements {
 protected:
  explicit Written(std::size_t text_bytes)
      : run(make_plan(json(R"({"name": "p", "actions": [
              {"id": "a", "tool": "box.put", "input": {"name": "n", "value": ")" +
                           std::string(text_bytes, 'v') + R"("}},
              {"id": "b", "tool": "box.put", "after": ["a"], "input": {"name": "n", "value": "v"}},
              {"id": "c", "tool": "box.put", "after": ["b"], "input": {"name": "n", "value": "v"}}]})"),
                      {make_tool()})) {
    records[of.plan()] = run.workflow.plan->document;
    kept.plan(run.workflow.plan->document.size());
    run.start();
    write();
  }
  void answer() {
    const ActionIndex next = run.open.begin()->first;
    const std::string value = run.workflow.actions[next].input->find("value")->as_string();
    run.answer(run.stage(next) == Stage::sending ? done() : seen(value), next);
    write();
  }
  void write() {
    WriteBatch batch;
    write_step(run.workflow, run.last, std::nullopt, kept, batch);
    for (const Write& one : batch.writes) {
      if (one.family != Family::state) continue;
      if (one.value) {
        records[one.key] = *one.value;
      } else {
        records.erase(one.key);
      }
    }
    expect_same(run.workflow, records);
    const Result<std::optional<LoadedWorkflow>> loaded = load_records(records);
    ASSERT_TRUE(loaded && *loaded);
    EXPECT_EQ((*loaded)->kept.total(), kept.total());
    for (ActionIndex i = 0; i < run.workflow.actions.size(); ++i)
      EXPECT_EQ(payload((*loaded)->workflow.actions[i]), payload(run.workflow.actions[i]));
  }
  static std::string payload(const ActionState& action) {
    const auto text = [](const std::shared_ptr<const Json>& value) { return value ? canonical(*value) : "-"; };
    return text(action.input) + " " + text(action.output);
  }

  const keys::OfWorkflow of{"default", "w1"};
  Records records;
  KeptBytes kept;
  Driver run;
};

struct WrittenSmall : Written {
  WrittenSmall() : Written(100) {}
};
struct WrittenLarge : Written {
  WrittenLarge() : Written(600) {}
};

TEST_F(WrittenSmall, what_nothing_has_happened_to_has_no_record_and_small_payloads_none_of_their_own) {
  EXPECT_TRUE(records.contains(of.action(0)));
  EXPECT_FALSE(records.contains(of.action(1)));
  while (!run.open.empty()) answer();
  EXPECT_EQ(run.workflow.header.outcome, WorkflowOutcome::verified);
  for (ActionIndex i = 0; i < 3; ++i) {
    EXPECT_TRUE(records.contains(of.action(i)));
    EXPECT_FALSE(records.contains(of.input(i)) || records.contains(of.output(i)));
  }
}

TEST_F(WrittenLarge, large_payloads_have_records_of_their_own) {
  while (!run.open.empty()) answer();
  EXPECT_TRUE(records.contains(of.input(0)));
  EXPECT_FALSE(records.contains(of.input(1)));
}

TEST_F(WrittenSmall, a_record_that_is_lost_does_not_pass_for_one_that_never_was) {
  answer();
  answer();
  answer();
  ASSERT_TRUE(records.contains(of.action(1)));
  for (const ActionIndex lost : {0U, 1U}) {
    Records rest = records;
    rest.erase(of.action(lost));
    const Result<std::optional<LoadedWorkflow>> loaded = load_records(rest);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::corruption);
  }
}

TEST_F(WrittenSmall, what_a_store_of_before_holds_apart_is_read_and_then_written_within) {
  answer();
  const Workflow before = run.workflow;
  records = records_of(before, Fresh::stored);
  const Result<std::optional<LoadedWorkflow>> loaded = load_records(records);
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_TRUE(records.contains(of.input(0)));
  // From here on as an engine that has loaded it.
  kept = (*loaded)->kept;
  run.workflow = (*loaded)->workflow;
  while (!run.open.empty()) answer();
  EXPECT_EQ(run.workflow.header.recorded, 3U);
}

TEST_F(FreshElements, lie_at_the_end_of_their_list_and_have_nothing_else) {
  const Driver run = begun("");
  const keys::OfWorkflow of("default", "w1");
  const Records records = records_of(run.workflow);
  ASSERT_TRUE(load_records(records));
  Records hole = records, input = records, list = records;
  hole.erase(of.action(2));
  input[of.input(7)] = "{}";
  list[of.input(0)] = "[0, 1, 2, 3, 4, 5, 6, 7, 8]";
  for (const Records& damaged : {hole, input, list}) {
    const Result<std::optional<LoadedWorkflow>> loaded = load_records(damaged);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::corruption);
  }
}

TEST_F(FreshElements, a_document_may_be_as_large_as_the_longest_list) {
  Json::Array list;
  for (std::size_t i = 0; i < elements_max; ++i) list.emplace_back(static_cast<std::int64_t>(i));
  Json plan =
      json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"}}]})");
  plan.find("actions")->as_array()[0].set("for_each", Json(std::move(list)));
  Driver run(make_plan(plan, {make_tool()}));
  run.calls_max = 3;
  run.start();
  const Json document = workflow_text(run.workflow).document();
  EXPECT_EQ(document.find("actions")->as_array()[0].find("elements")->size(), elements_max);
}

TEST_F(WrittenSmall, an_answer_that_takes_the_place_of_one_apart_leaves_nothing_of_it) {
  answer();
  records = records_of(run.workflow);
  ASSERT_TRUE(records.contains(of.output(0)));
  run.workflow.actions[0].output =
      std::make_shared<const Json>(json(R"({"id": "r1", "value": "another, and longer"})"));
  run.last = {};
  run.last.actions = {0};
  run.last.new_outputs = {0};
  write();
  EXPECT_FALSE(records.contains(of.output(0)));
}

TEST_F(WrittenSmall, what_stands_within_counts_before_what_is_left_apart) {
  answer();
  const std::uint64_t total = kept.total();
  records[of.output(0)] = R"("left over, and long enough to be seen in what is kept")";
  const Result<std::optional<LoadedWorkflow>> loaded = load_records(records);
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ(payload((*loaded)->workflow.actions[0]), payload(run.workflow.actions[0]));
  EXPECT_EQ((*loaded)->kept.total(), total);
}

}  // namespace
}  // namespace settle::test
