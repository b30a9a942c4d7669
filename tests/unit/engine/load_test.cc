// Stored records that pass their checksums and do not fit each other: reported, and never the end of the process.
#include "engine/load.h"

#include <cstdlib>
#include <functional>

#include "engine/documents.h"
#include "storage/keys.h"
#include "tests/unit/engine/stored_records.h"
#include "tests/unit/workflows/support/drawn_plan.h"
#include "tests/unit/workflows/support/plans.h"

namespace settle::test {
namespace {

// ---- one mistake each ----

struct Mistake {
  const char* name;
  ActionIndex run;
  std::function<void(ActionState&)> make;
};

class Inconsistent : public ::testing::Test {
 protected:
  Inconsistent() : registry({tool_document({}), named("box.other"), named("box.undo"), reading("box.get")}) {}
  static Json named(const std::string& name) {
    ToolSpec spec;
    spec.name = name;
    return tool_document(spec);
  }
  static Json reading(const std::string& name) {
    ToolSpec spec;
    spec.name = name;
    spec.reads = true;
    return tool_document(spec);
  }
  Result<std::optional<LoadedWorkflow>> load(const Workflow& workflow) {
    const Records records = records_of(workflow);
    return load_workflow(RecordReader(records), registry.tools, "default", "w1");
  }
  void expect_refused(const Driver& run, const std::vector<Mistake>& mistakes) {
    ASSERT_TRUE(load(run.workflow)) << load(run.workflow).error().message;
    for (const Mistake& mistake : mistakes) {
      SCOPED_TRACE(mistake.name);
      Workflow workflow = run.workflow;
      ActionState& changed = workflow.actions[mistake.run];
      mistake.make(changed);
      if (!std::exchange(changed.recorded, true)) ++workflow.header.recorded;
      const Result<std::optional<LoadedWorkflow>> loaded = load(workflow);
      ASSERT_FALSE(loaded);
      EXPECT_EQ(loaded.error().code, ErrorCode::corruption) << loaded.error().message;
    }
  }

  Registry registry;
};

TEST_F(Inconsistent, what_is_kept_is_as_it_was_written_down_or_else_counted) {
  const Driver run = started({action("a"), action("b")});
  Records records = records_of(run.workflow);
  const keys::OfWorkflow of("default", "w1");
  std::uint64_t sum = records[of.plan()].size();
  for (ActionIndex i = 0; i < run.workflow.actions.size(); ++i) {
    ASSERT_TRUE(run.workflow.actions[i].input);
    sum += records[of.input(i)].size();
  }
  const Result<std::optional<LoadedWorkflow>> loaded =
      load_workflow(RecordReader(records), registry.tools, "default", "w1");
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->kept.total(), sum);
  const Result<std::uint64_t> counted = kept_bytes_of(RecordReader(records), "default", "w1");
  ASSERT_TRUE(counted);
  EXPECT_EQ(*counted, sum) << "of a store from before it was written down";
  records[of.progress()] = encode_progress(run.workflow.header, std::nullopt, 7);
  const Result<std::uint64_t> written = kept_bytes_of(RecordReader(records), "default", "w1");
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, 7U);
  EXPECT_FALSE(kept_bytes_of(RecordReader(records), "default", "nobody"));
}

TEST_F(Inconsistent, lists_and_their_elements) {
  const Driver run =
      started({action("a", R"({"for_each": {"$from": "/input/list"}, "max_parallel": 1})"), action("b")});
  expect_refused(
      run, {{"an element past the list", 2, [](ActionState& a) { a.element = 3; }},
            {"an element twice", 2, [](ActionState& a) { a.element = 1; }},
            {"an element of nothing", 2, [](ActionState& a) { a.element = std::nullopt; }},
            {"an element of an action without a list", 2, [](ActionState& a) { a.parent = 1; }},
            {"an element of itself", 2, [](ActionState& a) { a.parent = 2; }},
            {"an element of another action", 2, [](ActionState& a) { a.planned = 1; }},
            {"an element that gathers", 2, [](ActionState& a) { a.stage = Stage::gathering; }},
            {"an element that is skipped", 4, [](ActionState& a) { a.stage = Stage::skipped; }},
            {"a list that has ended before its elements", 0, [](ActionState& a) { a.stage = Stage::cancelled; }},
            {"a list that was not begun", 0, [](ActionState& a) { a.stage = Stage::blocked; }},
            {"a list without elements", 0, [](ActionState& a) { a.elements = 0; }},
            {"fewer elements than there are", 0, [](ActionState& a) { a.elements = 2; }},
            {"more elements than there are", 0, [](ActionState& a) { a.elements = 4; }},
            {"elements elsewhere", 0, [](ActionState& a) { a.first_element = 1; }},
            {"a list of another length", 0, [](ActionState& a) { a.input = std::make_shared<Json>(json("[1]")); }},
            {"a list that is none", 0, [](ActionState& a) { a.input = std::make_shared<Json>(json("{}")); }},
            {"no list at all", 0, [](ActionState& a) { a.input = nullptr; }},
            {"a list that sends", 0, [](ActionState& a) { a.stage = Stage::sending; }},
            {"elements of an action without a list", 1, [](ActionState& a) {
               a.elements = 1;
               a.first_element = 2;
             }}});
}

TEST_F(Inconsistent, fallbacks_and_compensations) {
  Json a = undoable_action("a");
  a.set("fallback_when", "any_failure");
  a.set("fallback", json(R"({"tool": "box.other", "input": {"name": "n", "value": "v"},
                             "compensate": {"tool": "box.undo", "input": {"name": "n", "value": "v"}}})"));
  Driver run = started({a, action("b", R"({"after": ["a"]})")}, undoing);
  mismatch(run, 0, seen("other"));
  const Driver falls_back = run;
  succeed(run, 2);
  run.answer(rejected(422), 1);
  ASSERT_EQ(run.workflow.header.status, WorkflowStatus::compensating);
  expect_refused(
      falls_back,
      {{"a fallback that nobody began", 0, [](ActionState& r) { r.fallback = 0; }},
       {"a fallback that is none", 0, [](ActionState& r) { r.fallback = 1; }},
       {"a fallback of an action that has not failed", 0, [](ActionState& r) { r.stage = Stage::verified; }},
       {"a fallback of another action", 2, [](ActionState& r) { r.planned = 1; }},
       {"a fallback of a fallback", 2, [](ActionState& r) { r.parent = 2; }},
       {"a fallback with an element", 2, [](ActionState& r) { r.element = 0; }},
       {"an action of the plan that is a fallback", 0, [](ActionState& r) { r.role = CallRole::fallback; }},
       {"a compensation before its time", 2, [](ActionState& r) { r.role = CallRole::compensate; }},
       {"one that waits although it may fall back", 0, [](ActionState& r) { r.stage = Stage::fallback_held; }}});
  expect_refused(run, {{"an action undone twice", 4,
                        [](ActionState& r) {
                          r.parent = 2;
                          r.role = CallRole::compensate_fallback;
                        }},
                       {"undone by the other's call", 3, [](ActionState& r) { r.role = CallRole::compensate; }},
                       {"undone for nobody", 3, [](ActionState& r) { r.parent = 1; }},
                       {"undone while something is open", 1, [](ActionState& r) { r.stage = Stage::blocked; }}});
}

TEST_F(Inconsistent, stages_and_what_they_need) {
  Driver run = started({action("a"), action("b", R"({"tool": "box.get"})")});
  run.answer(done());
  ASSERT_EQ(run.stage(), Stage::reading);
  expect_refused(run, {{"a timer of a stage that waits for none", 0, [&](ActionState& a) { a.wake_at = run.now; }},
                       {"a wait without a timer", 0, [](ActionState& a) { a.stage = Stage::read_wait; }},
                       {"a look-up by a tool that has none", 0,
                        [](ActionState& a) {
                          a.stage = Stage::looking;
                          a.unclear = true;
                        }},
                       {"a read-back by a tool that has none", 1,
                        [](ActionState& a) {
                          a.stage = Stage::reading;
                          a.output = a.input;
                          a.executed_at = a.since;
                        }},
                       {"a doubt about nothing", 0, [](ActionState& a) { a.stage = Stage::settling; }},
                       {"executed without an answer", 0, [](ActionState& a) { a.output = nullptr; }},
                       {"executed at no time", 0, [](ActionState& a) { a.executed_at = std::nullopt; }},
                       {"sent without an input", 1, [](ActionState& a) { a.input = nullptr; }},
                       {"failed without an error", 0, [](ActionState& a) { a.stage = Stage::failed; }},
                       {"final and unclear", 0,
                        [](ActionState& a) {
                          a.stage = Stage::cancelled;
                          a.unclear = true;
                        }},
                       {"skipped without a condition", 0, [](ActionState& a) { a.stage = Stage::skipped; }},
                       {"held without a fallback", 0,
                        [](ActionState& a) {
                          a.stage = Stage::fallback_held;
                          a.error = ActionError{"x", "x"};
                        }},
                       {"a receipt that was not issued", 0, [](ActionState& a) { a.receipt = 99; }},
                       {"a time before all times", 0, [](ActionState& a) { a.since = Time(Duration(-1)); }},
                       {"a time after all times", 0, [](ActionState& a) { a.since = Time::max(); }}});
}

TEST_F(Inconsistent, requests_for_approval) {
  Driver run = started({action("a", R"({"approval": {"approvers": 2}})"), action("b")});
  ASSERT_EQ(run.stage(), Stage::awaiting_approval);
  run.decide(true, "ada");
  const Driver asked = run;
  run.decide(true, "bob");
  ASSERT_EQ(run.stage(), Stage::sending);
  expect_refused(
      asked, {{"waits for a request that there is not", 0, [](ActionState& a) { a.approval = std::nullopt; }},
              {"waits for one that is decided", 0,
               [](ActionState& a) {
                 a.approval->state = ApprovalState::approved;
                 a.approval->approvers = 1;
               }},
              {"waits for one without an end", 0, [](ActionState& a) { a.wake_at = std::nullopt; }},
              {"waits without an end for one with an end", 0, [](ActionState& a) { a.approval->escalated = true; }},
              {"of another number", 0, [](ActionState& a) { a.approval_requests = 7; }},
              {"enough people, and still open", 0, [](ActionState& a) { a.approval->approvers = 1; }},
              {"of nobody", 0, [](ActionState& a) { a.approval->approvers = 0; }},
              {"rejected, and still open", 0, [](ActionState& a) { a.approval->decisions[0].approved = false; }},
              {"decided before all times", 0, [](ActionState& a) { a.approval->decisions[0].at = Time(Duration(-1)); }},
              {"sent while it is asked about", 0,
               [](ActionState& a) {
                 a.stage = Stage::sending;
                 a.wake_at = std::nullopt;
               }},
              {"a request about what needs none", 1, [&](ActionState& b) {
                 b.approval = asked.action(0).approval;
                 b.approval_requests = 1;
                 b.stage = Stage::awaiting_approval;
                 b.wake_at = b.approval->expires_at;
               }}});
  expect_refused(
      run, {{"sent without agreement", 0, [](ActionState& a) { a.approval = std::nullopt; }},
            {"sent with too few", 0, [](ActionState& a) { a.approval->decisions.pop_back(); }},
            {"sent with one who speaks twice", 0, [](ActionState& a) { a.approval->decisions[1].by = "ada"; }},
            {"sent though it was withdrawn", 0, [](ActionState& a) { a.approval->state = ApprovalState::withdrawn; }}});
}

TEST_F(Inconsistent, headers) {
  Driver run = started({action("a")});
  run.answer(done());
  const std::pair<const char*, std::function<void(WorkflowHeader&)>> mistakes[] = {
      {"ended while something is open", [](WorkflowHeader& h) { h.status = WorkflowStatus::ended; }},
      {"undoing nothing", [](WorkflowHeader& h) { h.status = WorkflowStatus::compensating; }},
      {"an outcome before the end", [](WorkflowHeader& h) { h.outcome = WorkflowOutcome::verified; }},
      {"an end before the end", [](WorkflowHeader& h) { h.ended_at = h.created_at; }},
      {"a deadline passed that there is not", [](WorkflowHeader& h) { h.expired = true; }},
      {"a status that there is not", [](WorkflowHeader& h) { h.status = static_cast<WorkflowStatus>(200); }},
      {"fewer receipts than were issued", [](WorkflowHeader& h) { h.receipts = 0; }},
  };
  for (const auto& [name, make] : mistakes) {
    SCOPED_TRACE(name);
    Workflow workflow = run.workflow;
    make(workflow.header);
    EXPECT_FALSE(load(workflow));
  }
}

// ---- every field of every record, to whatever value ----

std::uint64_t read_varint(std::string_view bytes, std::size_t& at) {
  std::uint64_t out = 0;
  for (int shift = 0; at < bytes.size(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes[at++]);
    out |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) break;
  }
  return out;
}

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80U));
  out.push_back(static_cast<char>(value));
  return out;
}

/// The message without field `number`. (Records have varints and lengths only.)
std::string without(std::string_view bytes, std::uint64_t number) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t begin = at;
    const std::uint64_t tag = read_varint(bytes, at);
    const std::uint64_t value = read_varint(bytes, at);
    if ((tag & 7) == 2) at += value;
    if (tag >> 3 != number) out += bytes.substr(begin, at - begin);
  }
  return out;
}

constexpr std::uint64_t fields_max = 82;
constexpr std::uint64_t numbers[] = {0,  1,  2,  3,  4,  5,         6,          9,          12,
                                     13, 16, 17, 18, 99, 1U << 31U, UINT32_MAX, 1ULL << 62, UINT64_MAX};

/// The record as it is but for one field, which is gone, another number or another text; the last one given counts.
std::string mutated(const std::string& bytes, std::uint64_t field, std::mt19937_64& dice) {
  const std::uint64_t roll = dice() % (std::size(numbers) + 3);
  if (roll == 0) return without(bytes, field);
  if (roll == 1) return bytes + varint(field << 3 | 2) + varint(0);
  if (roll == 2) return bytes + varint(field << 3 | 2) + varint(1) + "x";
  return bytes + varint(field << 3) + varint(numbers[roll - 3]);
}

Outcome any_outcome(std::mt19937_64& dice, Time now) {
  Outcome out;
  switch (dice() % 6) {
    case 0:
      out = rejected(422);
      break;
    case 1:
      out = ambiguous();
      break;
    case 2:
      out = found(dice() % 3);
      break;
    case 3:
      out = seen("other");
      break;
    default:
      out = answered(json(R"({"id": "r1", "name": "n", "value": "v"})"));
  }
  out.started = out.ended = now;
  return out;
}

/// A while in the life of a workflow: whatever was loaded, the core goes on with it.
void live_on(Workflow workflow, std::mt19937_64& dice, Time now) {
  (void)workflow_text(workflow);
  (void)on_restart(workflow, {now, 1});
  for (std::uint64_t step = 0; step < 6; ++step) {
    now += Duration(3'000);
    (void)on_timer(workflow, {now, step});
    for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
      if (is_calling(workflow.actions[i].stage))
        (void)on_answer(workflow, i, workflow.actions[i].call, any_outcome(dice, now), {now, step});
    }
  }
  (void)on_cancel(workflow, {now, 7});
  (void)workflow_text(workflow);
}

/// A workflow in the middle of its life.
Driver somewhere(const DrawnPlan& drawn, std::mt19937_64& dice) {
  Driver run(drawn.plan, dice());
  run.start();
  for (std::uint64_t steps = dice() % 25; steps > 0; --steps) {
    if (run.workflow.header.status == WorkflowStatus::ended) break;
    if (!run.open.empty()) {
      run.answer(any_outcome(dice, run.now),
                 std::next(run.open.begin(), static_cast<std::ptrdiff_t>(dice() % run.open.size()))->first);
    } else if (!run.wake()) {
      break;
    }
  }
  return run;
}

TEST(Damage, no_record_that_passes_its_checksum_ends_the_process) {
  const char* seeds = std::getenv("SETTLE_SEEDS");
  const std::uint64_t count = seeds == nullptr ? 60 : std::strtoull(seeds, nullptr, 10);
  std::size_t refused = 0, accepted = 0;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 dice(seed);
    const DrawnPlan drawn = draw_plan(dice);
    std::vector<Json> documents;
    for (const ToolSpec& spec : drawn.specs) documents.push_back(tool_document(spec));
    const Registry registry(documents);
    const Driver run = somewhere(drawn, dice);
    Records records = records_of(run.workflow);
    const RecordReader reader(records);
    const auto loaded = [&] { return load_workflow(reader, registry.tools, "default", "w1"); };
    const Result<std::optional<LoadedWorkflow>> unchanged = loaded();
    ASSERT_TRUE(unchanged) << unchanged.error().message;
    EXPECT_EQ(records_of((*unchanged)->workflow), records);
    for (auto& [key, value] : records) {
      const std::string whole = value;
      const char kind = key[keys::OfWorkflow("default", "w1").prefix().size()];
      const bool json_text = kind == 'p' || kind == 'i' || kind == 'o';
      const std::string texts[] = {"", "null", "[]", "{}", "7", "[[],{}]", "{\"actions\":[]}", "{\"actions\":[7]}"};
      for (std::uint64_t field = 1; field <= (json_text ? std::size(texts) : fields_max); ++field) {
        value = json_text ? texts[field - 1] : mutated(whole, field, dice);
        const Result<std::optional<LoadedWorkflow>> changed = loaded();
        const Result<std::optional<Workflow>> shown = load_for_show(reader, "default", "w1");
        if (shown && *shown) (void)workflow_text(**shown);
        refused += changed ? 0 : 1;
        if (!changed || !*changed) continue;
        ++accepted;
        live_on((*changed)->workflow, dice, run.now);
      }
      value = whole;
    }
  }
  EXPECT_GT(refused, 1'000U);
  EXPECT_GT(accepted, 1'000U);
}

}  // namespace
}  // namespace settle::test
