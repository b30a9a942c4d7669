// What a person decides: to hold a workflow back, and what became of a run that nobody else can tell about.

#include <algorithm>

#include "base/text.h"
#include "workflows/stepper.h"

namespace settle {
namespace {

bool refers_to_record(const CallSpec& spec) {
  const std::vector<Template::Reference> references = spec.references();
  return std::any_of(references.begin(), references.end(),
                     [](const Template::Reference& r) { return r.source.tokens[0] == "record_id"; });
}

/// Whether what was seen is enough to go on with, and fits the tool.
std::vector<Problem> problems_of(const Tool& tool, const ActionState& state, const Resolution& resolution) {
  std::vector<Problem> problems;
  const bool failed = state.stage == Stage::fallback_held || state.stage == Stage::failed;
  if (!resolution.happened || failed) return problems;
  std::optional<std::string> id = resolution.record_id;
  if (!id && state.record_id) id = *state.record_id;
  if (resolution.output) {
    for (const SchemaFailure& failure : tool.output_schema->validate(*resolution.output))
      problems.push_back({"/happened/output" + failure.instance, "output_schema_violation", failure.expected,
                          failure.got, "the output does not fit the tool's output_schema"});
    const std::optional<std::string> inside = tool.record_id_in(*resolution.output);
    if (inside && resolution.record_id && *inside != *resolution.record_id)
      problems.push_back({"/happened/record_id", "record_id_differs", *inside, *resolution.record_id,
                          "the output names another record"});
    if (!id) id = inside;
  }
  const bool needs_id =
      !tool.read_unseen && std::any_of(tool.reads.begin(), tool.reads.end(),
                                       [](const ReadBack& look) { return refers_to_record(look.call); });
  if (!id && resolution.verify && needs_id)
    problems.push_back({"/happened/record_id", "missing_member", "the id of the record that was seen", "nothing",
                        "the read-back of tool \"" + tool.name + "\" needs it"});
  return problems;
}

bool waits_for_person(const ActionState& run) {
  return is_legal(run.stage, EventKind::resolve) && (run.stage != Stage::failed || is_fallen(run));
}

std::optional<std::string> not_allowed(const Workflow& workflow, const ActionState& state, const Resolution& resolution,
                                       Time now) {
  if (!waits_for_person(state)) return "it waits for no person";
  if (!resolution.send_again) return std::nullopt;
  if (state.stage == Stage::fallback_held || state.stage == Stage::failed)
    return "it has failed for good; it can't be sent again";
  const WorkflowHeader& header = workflow.header;
  if (header.status == WorkflowStatus::cancelling) return "the workflow is being cancelled; nothing is sent any more";
  const bool passed = header.expired || (header.deadline_at && *header.deadline_at <= now);
  if (passed && !is_undoing(state.role)) return "the plan's deadline has passed";
  return std::nullopt;
}

}  // namespace

void Stepper::pause() {
  expire_if_due();
  workflow_.header.paused = true;
  note("workflow.paused", std::nullopt);
}

void Stepper::resume() {
  expire_if_due();
  workflow_.header.paused = false;
  note("workflow.unpaused", std::nullopt);
  const auto runs = static_cast<ActionIndex>(workflow_.actions.size());
  for (ActionIndex i = 0; i < runs; ++i) {
    const ActionState& state = workflow_.actions[i];
    if (state.stage == Stage::ready) ready_.push_back(i);
    if (state.stage == Stage::backing_off && state.held) wake_to_send(i);
  }
}

/// Would be sent now, but for the pause: waits for its end, or for its own time limit.
void Stepper::hold(ActionIndex index) {
  enter(index, Stage::backing_off, std::max(deadline(index), moment_.now + Duration(1)));
  action(index).held = true;
}

/// That it was executed is what a person said; no tool ever answered.
bool Stepper::rests_on_word(const ActionState& state) {
  return state.word && state.word->happened && state.executed_at == state.word->at;
}

void Stepper::resolve(ActionIndex index, Resolution resolution) {
  expire_if_due();
  if (!waits_for_person(workflow_.actions[index])) return;  // the deadline has settled it
  ActionState& state = action(index);
  const bool on_word = rests_on_word(state);
  state.word = OperatorWord{resolution.happened, resolution.who, resolution.seen, moment_.now, resolution.by};
  // An earlier word, which this one confirms or takes back, was no answer of the tool.
  if (on_word) state.executed_at = resolution.happened ? std::optional<Time>(moment_.now) : std::nullopt;
  note("action.resolved", index,
       Json::object({{"said", resolution.happened ? "happened" : "did_not_happen"},
                     {"who", resolution.who},
                     {"seen", resolution.seen},
                     {"by", resolution.by.empty() ? Json() : Json(resolution.by)}}));
  if (state.stage == Stage::failed) {
    seen_to(index, resolution.happened);
  } else if (resolution.happened) {
    happened(index, resolution);
  } else {
    did_not_happen(index, resolution);
  }
}

/// What was verified and no longer holds stays failed; a person has seen to it, and says whether anything of it is
/// left.
void Stepper::seen_to(ActionIndex index, bool left) {
  ActionState& state = action(index);
  state.recheck_failed = false;
  --workflow_.fallen;
  if (!left) state.effect = Effect::none;
  issue_receipt(index);
}

/// What a person saw stands in for the tool's answer; then the read-back, as after an answer. Where the tool itself had
/// answered and the person names nothing else, its answer stays the evidence, and there is only one more look.
void Stepper::happened(ActionIndex index, Resolution& resolution) {
  if (workflow_.actions[index].stage == Stage::fallback_held) return give_up_fallback(index);
  ActionState& state = action(index);
  const bool other_record = resolution.record_id && state.record_id != resolution.record_id;
  const bool by_word =
      !state.executed_at || rests_on_word(state) || resolution.output || other_record || !resolution.verify;
  if (by_word) {
    state.executed_at = moment_.now;
    state.status_code = 0;
    state.adopted = false;
    state.confidence = Confidence::operator_;
  }
  if (resolution.output) {
    state.output = std::make_shared<const Json>(*std::move(resolution.output));
    out_.new_outputs.push_back(index);
    if (std::optional<std::string> id = tool(index).record_id_in(*state.output)) state.record_id = std::move(id);
  }
  if (resolution.record_id) state.record_id = std::move(resolution.record_id);
  state.looks_from = moment_.now;
  state.error = std::nullopt;
  state.refusal = std::nullopt;
  state.backoffs = 0;
  state.effect = Effect::complete;
  if (tool(index).mode != IdempotencyMode::natural) state.unclear = false;
  note("action.executed", index,
       Json::object({{"status_code", state.status_code == 0 ? Json() : Json(state.status_code)},
                     {"record_id", state.record_id ? Json(*state.record_id) : Json()}}));
  if (!resolution.verify || tool(index).verify != VerifyKind::read_back) {
    state.unclear = false;
    enter(index, Stage::executed);
    issue_receipt(index);
    return ended(index);
  }
  const Time counts_from = match_counts_from(index);
  if (moment_.now < counts_from) {
    enter(index, Stage::read_wait, counts_from);
  } else {
    read(index);
  }
  if (!is_parked(workflow_.actions[index].stage)) issue_receipt(index);
}

void Stepper::did_not_happen(ActionIndex index, const Resolution& resolution) {
  ActionState& state = action(index);
  state.unclear = false;
  if (state.stage == Stage::fallback_held) {
    state.effect = Effect::none;
    enter(index, Stage::failed);
    issue_receipt(index);
    return ended(index);
  }
  if (!resolution.send_again) {
    return fail(index, "did_not_happen", resolution.who + " says that it did not happen: " + resolution.seen,
                Effect::none);
  }
  const bool was_executed = state.stage == Stage::unverified;
  const std::uint32_t told = state.receipt;
  state.refusal = std::nullopt;
  state.counted = state.backoffs = 0;
  state.scheduled_at = moment_.now;
  forget_answer(index);
  wake_to_send(index);
  // Its receipt says that it was executed, and does not hold any more.
  if (was_executed && workflow_.actions[index].receipt == told) issue_receipt(index);
}

std::vector<ActionIndex> parked_runs(const Workflow& workflow, ActionIndex planned) {
  std::vector<ActionIndex> out;
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const ActionState& run = workflow.actions[i];
    if (run.planned == planned && waits_for_person(run)) out.push_back(i);
  }
  return out;
}

Result<Transition> on_resolve(Workflow& workflow, ActionIndex run, Resolution resolution, const Moment& moment) {
  SETTLE_ASSERT(run < workflow.actions.size());
  const ActionState& state = workflow.actions[run];
  if (const std::optional<std::string> why = not_allowed(workflow, state, resolution, moment.now))
    return fail(ErrorCode::wrong_state, "action \"" + workflow.action_of(run).id + "\": " + *why);
  std::vector<Problem> problems = problems_of(*workflow.call_of(run).tool, state, resolution);
  if (!problems.empty()) return fail_for(ErrorCode::invalid_argument, std::move(problems));
  Stepper stepper(workflow, moment);
  stepper.resolve(run, std::move(resolution));
  return stepper.finish();
}

}  // namespace settle
