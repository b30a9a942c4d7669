// Whatever the core remembers about a workflow survives being stored. Each struct is taken apart by name below, so that
// a member that is added to it does not compile here until it is listed, filled, and thereby tested.
#include "storage/codec.h"

#include <gtest/gtest.h>

#include <tuple>

#include "tests/unit/workflows/support/fixture.h"

namespace settle {

namespace {

Time at(std::int64_t milliseconds) {
  return Time(Duration(milliseconds));
}

/// Every member that a record always holds and that compares by its value; `input`, `output` and `before` may have keys
/// of their own, a pass of looks is begun anew after a restart, what a receipt supersedes is known only until that is
/// stored, and whatever is read has a record.
template <class State>
auto stored_members(State& state) {
  auto& [planned, role, element, parent, fallback, elements, first_element, idle_fallback, stage, attempt, counted,
         backoffs, call, generation, unclear, doubted, adopted, throttled, held, call_write, limit, target, wake_at,
         since, scheduled_at, first_send_at, closed_at, executed_at, verified_at, observed_at, looks_from, status_code,
         record_id, error, refusal, effect, confidence, checks, receipt, receipt_before, word, child_attention, input,
         output, before, before_at, rechecks, recheck_since, recheck_failed, recorded, approval_requests, approval,
         earlier_decisions, pass] = state;
  (void)target, (void)receipt_before, (void)input, (void)output, (void)before, (void)recorded, (void)pass;
  return std::tie(planned, role, element, parent, fallback, elements, first_element, idle_fallback, stage, attempt,
                  counted, backoffs, call, generation, unclear, doubted, adopted, throttled, held, call_write, limit,
                  wake_at, since, scheduled_at, first_send_at, closed_at, executed_at, verified_at, observed_at,
                  looks_from, status_code, record_id, error, refusal, effect, confidence, checks, receipt, word,
                  child_attention, before_at, rechecks, recheck_since, recheck_failed, approval_requests, approval,
                  earlier_decisions);
}

/// The same of a header; namespace and id stand in the key.
template <class Header>
auto stored_header_members(Header& header) {
  auto& [name_space, id, labels, plan_digest, body_digest, submitted_by, status, outcome, attention, paused, created_at,
         ended_at, deadline_at, expired, version, events, receipts, retries, recorded, parent, depth] = header;
  (void)name_space, (void)id;
  return std::tie(labels, plan_digest, body_digest, submitted_by, status, outcome, attention, paused, created_at,
                  ended_at, deadline_at, expired, version, events, receipts, retries, recorded, parent, depth);
}

/// No member has its default, and no two of a type have the same value where the type allows that.
ActionState filled_action() {
  ActionState out;
  out.planned = 1;
  out.role = CallRole::compensate_fallback;
  out.element = 2;
  out.parent = 3;
  out.fallback = 4;
  out.elements = 5;
  out.first_element = 6;
  out.idle_fallback = 7;
  out.stage = Stage::ready;
  out.attempt = 8;
  out.counted = 9;
  out.backoffs = 10;
  out.call = 11;
  out.generation = 12;
  out.unclear = out.doubted = out.adopted = out.throttled = out.held = out.call_write = true;
  out.target = std::make_shared<CallTarget>(CallTarget{"https://a.test", "b", "c"});
  out.wake_at = at(13);
  out.since = at(14);
  out.scheduled_at = at(15);
  out.first_send_at = at(16);
  out.closed_at = at(17);
  out.executed_at = at(18);
  out.verified_at = at(19);
  out.observed_at = at(20);
  out.looks_from = at(21);
  out.status_code = 22;
  out.record_id = std::string("d");
  out.error = ActionError{"e", "f"};
  out.refusal = ActionError{"g", "h"};
  out.effect = Effect::partial;
  out.confidence = Confidence::operator_;
  out.checks = {{"/i", Operator::equals, Json("j"), Json("k"), true, true, "o"},
                {"/l", Operator::less, Json(1), Json(), false, false, ""}};
  out.receipt = 23;
  out.word = OperatorWord{true, "m", "n", at(24), "o"};
  out.child_attention = true;
  out.limit = Limit::concurrency;
  out.before_at = at(25);
  out.rechecks = 26;
  out.recheck_since = at(27);
  out.recheck_failed = true;
  out.approval_requests = 28;
  out.approval = ApprovalRequest{29,
                                 "p",
                                 ApprovalState::withdrawn,
                                 at(30),
                                 at(31),
                                 32,
                                 OnExpiry::escalate,
                                 true,
                                 true,
                                 {{true, "q", "r", at(33), "s"}, {false, "t", "", at(34), "u"}}};
  out.earlier_decisions = {{true, "v", "w", at(35), "x"}};
  return out;
}

WorkflowHeader filled_header() {
  WorkflowHeader out;
  out.labels = {{"a", "b"}, {"c", ""}};
  out.plan_digest = "sha256:d";
  out.body_digest = "sha256:e";
  out.submitted_by = "h";
  out.status = WorkflowStatus::compensating;
  out.outcome = WorkflowOutcome::failed;
  out.attention = out.paused = out.expired = true;
  out.created_at = at(1);
  out.ended_at = at(2);
  out.deadline_at = at(3);
  out.version = 4;
  out.events = 5;
  out.receipts = 6;
  out.retries = 7;
  out.recorded = 10;
  out.parent = ParentLink{"f", "g", 8};
  out.depth = 9;
  return out;
}

ActionState round_trip(const ActionState& action) {
  Result<ActionState> read = decode_action(encode_action(action, {}));
  EXPECT_TRUE(read) << read.error().message;
  return read ? *std::move(read) : ActionState();
}

WorkflowHeader round_trip(const WorkflowHeader& header) {
  Workflow workflow;
  workflow.header = header;
  workflow.plan = test::plan_of(test::make_tool());
  workflow.header.version = 1;
  Result<StoredHeader> read = decode_header(encode_header(workflow, at(8), 9));
  EXPECT_TRUE(read) << read.error().message;
  if (!read) return {};
  read->header.version = header.version;
  EXPECT_EQ(read->due_at, at(8));
  EXPECT_EQ(read->kept_bytes, 9U);
  EXPECT_EQ(read->plan_name, "p");
  EXPECT_EQ(read->tools.size(), 1U);
  StoredHeader later = *read;
  const WorkflowHeader plain;
  EXPECT_TRUE(apply_progress(encode_progress(plain, std::nullopt, 0), later)) << "whatever stood there";
  EXPECT_EQ(later.header.version, plain.version);
  EXPECT_TRUE(apply_progress(encode_progress(header, at(8), 10), later));
  EXPECT_EQ(later.due_at, at(8));
  EXPECT_EQ(later.kept_bytes, 10U);
  EXPECT_TRUE(stored_header_members(later.header) == stored_header_members(read->header)) << "as far as it was";
  return read->header;
}

/// Each member alone, so that no two can be swapped, and all of them together.
template <class Struct, class Members>
void expect_every_member_survives(const Struct& filled, Members members) {
  const Struct whole = round_trip(filled);
  EXPECT_TRUE(members(filled) == members(whole)) << "together";
  const auto each = [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto one = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
      SCOPED_TRACE("member " + std::to_string(N));
      const Struct plain;
      EXPECT_FALSE(std::get<N>(members(filled)) == std::get<N>(members(plain))) << "it has its default value";
      Struct alone;
      std::get<N>(members(alone)) = std::get<N>(members(filled));
      const Struct read = round_trip(alone);
      EXPECT_TRUE(members(read) == members(alone)) << "it was lost, or turned up elsewhere";
    };
    (one(std::integral_constant<std::size_t, I>()), ...);
  };
  each(std::make_index_sequence<std::tuple_size_v<decltype(members(filled))>>());
}

TEST(Codec, every_member_of_an_action_survives) {
  expect_every_member_survives(filled_action(), [](auto& action) { return stored_members(action); });
}

TEST(Codec, where_an_intent_went_survives) {
  const ActionState action = filled_action();
  const ActionState read = round_trip(action);
  ASSERT_TRUE(read.target);
  EXPECT_EQ(*read.target, *action.target);
  EXPECT_EQ(round_trip(ActionState()).target, nullptr);
}

TEST(Codec, every_member_of_a_workflow_survives) {
  expect_every_member_survives(filled_header(), [](auto& header) { return stored_header_members(header); });
}

TEST(Codec, what_is_small_stands_within_the_record) {
  ActionState action;
  action.input = std::make_shared<const Json>(Json::object({{"a", 1}}));
  action.output = std::make_shared<const Json>();
  const Result<ActionState> apart = decode_action(encode_action(action, {}));
  ASSERT_TRUE(apart);
  EXPECT_TRUE(apart->input == nullptr && apart->output == nullptr);
  const Result<ActionState> within = decode_action(encode_action(action, {.input = true, .output = true}));
  ASSERT_TRUE(within && within->input && within->output);
  EXPECT_EQ(canonical(*within->input), R"({"a":1})");
  EXPECT_TRUE(within->output->is_null());
  EXPECT_TRUE(stored_members(*within) == stored_members(action));
}

TEST(Codec, every_stage_survives_and_no_other_is_read) {
  ActionState action;
  for (std::size_t stage = 0; stage < stage_count; ++stage) {
    action.stage = static_cast<Stage>(stage);
    EXPECT_EQ(round_trip(action).stage, action.stage);
  }
  action.stage = static_cast<Stage>(stage_count);
  EXPECT_FALSE(decode_action(encode_action(action, {})));
}

TEST(Codec, a_listing_shows_a_pause_and_every_tool_that_the_plan_calls) {
  test::ToolSpec other;
  other.name = "box.other";
  Workflow workflow;
  workflow.header = filled_header();
  workflow.plan = test::make_plan(
      test::json(R"({"name": "p", "actions": [{"id": "a", "tool": "box.put", "input": {"name": "n", "value": "v"},
          "fallback": {"tool": "box.other", "input": {"name": "n", "value": "v"}}}]})"),
      {test::make_tool(), test::make_tool(other)});
  const Result<Summary> read = decode_summary(encode_summary(workflow));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->status, WorkflowStatus::paused);
  EXPECT_EQ(read->outcome, WorkflowOutcome::failed);
  EXPECT_EQ(read->tools, (std::vector<std::string>{"box.other", "box.put"}));
  EXPECT_EQ(read->labels, workflow.header.labels);
  EXPECT_EQ(read->ended_at, at(2));
}

}  // namespace
}  // namespace settle
