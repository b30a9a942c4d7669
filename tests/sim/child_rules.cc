// Workflows of workflows: what is begun for a run, and what its end says about that run.

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "engine/load.h"
#include "storage/codec.h"
#include "storage/keys.h"
#include "tests/sim/monitor.h"

namespace settle::sim {
namespace {

bool happened(const ActionState& run) {
  return run.effect == Effect::complete || run.effect == Effect::partial;
}

/// From the weakest evidence to the strongest.
std::size_t strength(Confidence confidence) {
  constexpr std::array order = {Confidence::none,      Confidence::acknowledged, Confidence::state_match,
                                Confidence::operator_, Confidence::lookup,       Confidence::response,
                                Confidence::read_back};
  return static_cast<std::size_t>(std::find(order.begin(), order.end(), confidence) - order.begin());
}

/// The parts of an idempotency key (CONTRACT §2), each ended by a NUL.
std::string key_of(const std::vector<std::string>& parts) {
  std::string joined;
  for (const std::string& part : parts) joined += part + '\0';
  joined.pop_back();
  return to_base32hex(sha256(joined), 32);
}

/// What a plan calls its workflow: its id, or what a child was given in place of it.
std::string called(const std::map<std::string, Monitor::Shadow>& all, const WorkflowHeader& header) {
  if (!header.parent) return header.id;
  const Monitor::Shadow& parent = all.at(header.parent->workflow);
  const ActionState& run = parent.runs[header.parent->run];
  return name_of_child(called(all, parent.header), parent.sketch->actions[run.planned], run.role,
                       run.element.value_or(0));
}

}  // namespace

void Monitor::wrong(const Step& step, std::string promise, std::string text) {
  verdict_.violated(std::move(promise), step.after.header.id, std::move(text));
}

std::string Monitor::Shadow::child_of(ActionIndex index) const {
  const ActionState& run = runs[index];
  return "wf_" + key_of({"default", header.id, planned(index).id, std::to_string(run.element.value_or(0)),
                         std::string(name_of(run.role)), std::to_string(run.generation)});
}

Monitor::Deeds Monitor::deeds_of(const std::string& workflow, ActionIndex run) const {
  Deeds out;
  const auto found = children_.find({workflow, run});
  if (found == children_.end()) return out;
  for (const std::string& id : found->second) {
    const Shadow& child = workflows_.at(id);
    out.retried = out.retried || child.header.retries > 0;
    for (ActionIndex i = 0; i < child.runs.size(); ++i) {
      const Deeds deeper = deeds_of(id, i);
      const auto truth = child.calls(i) ? world_.truths.find(child.value_of(i)) : world_.truths.end();
      const bool known = truth != world_.truths.end();
      out.broken = out.broken || deeper.broken || (known && truth->second.broken());
      const bool writes = known && !truth->second.tool->reads_only();
      const bool own = writes && (!truth->second.effects.empty() || truth->second.pending > 0);
      out.happened = out.happened || deeper.happened || own;
      out.retried_below = out.retried_below || deeper.retried || deeper.retried_below;
    }
  }
  return out;
}

/// A child's first batch. It is begun for a run whose wait for it is durable, under the id and with the plan that this
/// run gives it.
void Monitor::judge_birth(const Step& step) {
  const WorkflowHeader& header = step.after.header;
  const ParentLink& link = *header.parent;
  const Shadow& parent = workflows_.at(link.workflow);
  counters_.note("a child began, depth " + std::to_string(header.depth));
  if (header.id != parent.child_of(link.run)) wrong(step, "P3", "runs under another id than that of its parent's run");
  if (header.submitted_by != parent.header.submitted_by) wrong(step, "P6", "was submitted by nobody of its parent's");
  if (header.depth != parent.header.depth + 1) wrong(step, "C4", "is not one deeper than its parent");
  if (link.action != parent.planned(link.run).id) wrong(step, "C4", "names another action as its parent");
  const std::unique_ptr<Reader> reader = on_disk();
  const auto bytes = reader->get(Family::state, keys::OfWorkflow("default", link.workflow).action(link.run));
  const bool stored = bytes && *bytes;
  const ActionState run = stored ? *decode_action(**bytes) : ActionState();
  if (run.stage != Stage::waiting || run.generation != parent.runs[link.run].generation)
    wrong(step, "P2", "began before its parent's wait for it was durable, or after it");
  Json plan = parent.flow_call(link.run).plan->document();
  for (const Write& write : step.batch.writes) {
    if (write.family != Family::state || write.key != keys::OfWorkflow("default", header.id).plan()) continue;
    const std::string stored_plan = *write.value;
    Json input = Json::object({{"go", true}, {"of", called(workflows_, header)}});
    const std::optional<Json>& seen = parent.planned(link.run).seen;
    const bool takes = seen && parent.runs[link.run].role == CallRole::main;
    if (!takes) {
      plan.set("input", std::move(input));
      if (stored_plan.find(canonical(plan)) == std::string::npos)
        wrong(step, "C4", "runs another plan than it was given");
    } else if (stored_plan.find("\"of\":" + canonical(*input.find("of"))) == std::string::npos) {
      wrong(step, "C4", "did not get the input of its parent");
    }
  }
}

/// One child for each run and generation; a new one only where nothing of the old one may have happened.
void Monitor::judge_asking(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  const bool waits = after.stage == Stage::waiting;
  if (waits && after.record_id != step.after.child_of(index))
    violated(step, "P3", index, "waits for another workflow than its own");
  if (after.child_attention && !waits) violated(step, "P7", index, "has a child's attention and does not wait for it");
  const std::uint32_t was = before == nullptr ? 0 : before->generation;
  if (after.generation == was) return;
  if (step.after.header.retries == 0) violated(step, "P3", index, "wants another child without a retry");
  counters_.note("a new generation of a child");
  const Deeds deeds = deeds_of(step.after.header.id, index);
  if (deeds.happened && !deeds.broken && !step.clock_ahead)
    violated(step, "P3", index, "begins another child though the old one did something");
}

const Monitor::End* Monitor::last_end_of(const std::string& id) const {
  const auto found = ends_.find(id);
  return found == ends_.end() || found->second.empty() ? nullptr : &found->second.back();
}

/// As weak as its weakest action; its effect is none only if nothing of it may have happened.
Monitor::End Monitor::end_of(const Shadow& workflow) {
  End out{workflow.header.outcome, Effect::none, Confidence::response, workflow.header.version,
          workflow.header.retries};
  const auto any = [&](auto&& predicate) { return std::any_of(workflow.runs.begin(), workflow.runs.end(), predicate); };
  const bool changed = any(happened);
  const bool unknown = any([](const ActionState& run) { return run.effect == Effect::unknown; });
  const bool done = out.outcome == WorkflowOutcome::verified || out.outcome == WorkflowOutcome::executed;
  if (unknown || changed) out.effect = done ? Effect::complete : unknown ? Effect::unknown : Effect::partial;
  std::optional<Confidence> weakest;
  for (ActionIndex i = 0; i < workflow.sketch->actions.size(); ++i) {
    const ActionState& action = workflow.effective(i);
    const bool claims = action.stage != Stage::skipped && !(workflow.is_list(i) && workflow.runs[i].elements == 0);
    if (claims && (!weakest || strength(action.confidence) < strength(*weakest))) weakest = action.confidence;
  }
  out.confidence = weakest.value_or(Confidence::response);
  return out;
}

bool Monitor::tells_the_same(const End& one, const End& other) {
  return one.outcome == other.outcome && one.effect == other.effect && one.confidence == other.confidence;
}

/// Whether a run of flow.run_plan is what this end of its workflow makes of it.
bool Monitor::is_end_by(const End& end, const ActionState& run, const std::string& code, bool called_off) {
  if (run.effect != end.effect) return false;
  switch (end.outcome) {
    case WorkflowOutcome::verified:
      return run.stage == Stage::verified && run.confidence == end.confidence;
    case WorkflowOutcome::executed:
      return run.stage == Stage::executed && run.confidence == end.confidence;
    case WorkflowOutcome::failed:
      return code == "child_failed";
    case WorkflowOutcome::cancelled:
      return called_off || code == "child_cancelled";
    case WorkflowOutcome::none:
      break;
  }
  return false;
}

/// Whether a child of the run did what its end has to tell of. Of a retry further below each workflow above learns only
/// by a retry of its own (docs/plans.md).
bool Monitor::did_something(const Step& step, ActionIndex index) const {
  const Deeds deeds = deeds_of(step.after.header.id, index);
  return deeds.happened && !deeds.broken && !deeds.retried_below && !step.clock_ahead;
}

/// A run of flow.run_plan is over: by the durable end of its child, or because that was never begun.
void Monitor::judge_child_end(const Step& step, ActionIndex index, const ActionState& after) {
  const std::string child = step.after.child_of(index);
  const auto say = [&](const std::string& text) {
    violated(step, "P4", index, "is " + std::string(name_of(after.stage)) + ": " + text + " (" + child + ")");
  };
  const bool over = is_final(after.stage) || after.stage == Stage::fallback_held;
  if (over && after.effect == Effect::none && did_something(step, index))
    violated(step, "P5", index, "says effect none, and what ran for it did something");
  if (!over) return say("it neither waits nor is over");

  const std::string code = after.stage != Stage::cancelled && after.error ? after.error->code : "";
  const bool called_off = after.stage == Stage::cancelled || code == "deadline_exceeded";
  if (after.stage == Stage::cancelled && step.after.header.status == WorkflowStatus::running)
    say("nobody has cancelled it");
  if (code == "deadline_exceeded" && !step.after.header.expired) say("there was no deadline");
  if (!workflows_.contains(child)) {
    counters_.note("a child was never begun");
    const bool refused = code == "invalid_plan" || code == "quota_exceeded" || code == "payload_too_large";
    if (!called_off && !refused) say("its workflow was never begun");
    return;
  }
  const std::uint32_t durable = load_for_show(*on_disk(), "default", child)->value_or(Workflow()).header.version;
  const End* end = nullptr;  // the latest that is durable
  bool fits = false;
  for (const End& known : ends_[child]) {
    if (known.version > durable) break;
    // What was verified may have fallen since: either may be what the parent was told.
    const bool of_one_run = end != nullptr && end->retries == known.retries;
    end = &known;
    fits = (fits && of_one_run) || is_end_by(known, after, code, called_off);
  }
  if (end == nullptr) return say("the end of its workflow is not durable");
  if (!fits)
    say("its workflow ended " + std::string(name_of(end->outcome)) + ", " + std::string(name_of(end->effect)) + ", " +
        std::string(name_of(end->confidence)) + "; it: " + std::string(name_of(after.effect)) + " " + code);
}

/// P5 for a list whose elements run workflows.
void Monitor::judge_deeds_of_list(const Step& step, ActionIndex index, const ActionState& after) {
  if (after.effect != Effect::none) return;
  for (ActionIndex i = 0; i < step.after.runs.size(); ++i) {
    const ActionState& run = step.after.runs[i];
    if (!run.element || is_undoing(run.role) || run.planned != after.planned) continue;
    // An element may have ended long before its list, and its workflow have been retried meanwhile.
    const bool retried = deeds_of(step.after.header.id, i).retried;
    if (!retried && did_something(step, i))
      violated(step, "P5", index, "says effect none, and a child of it did something");
  }
}

/// A workflow ends after those that run for it; what it tells its own parent is remembered.
void Monitor::judge_end_of_parent(const Step& step) {
  const Shadow& now = step.after;
  const bool had_ended = step.before.header.status == WorkflowStatus::ended;
  const End end = end_of(now);
  // What was verified may fall later, which changes more than the outcome.
  const End* last = had_ended ? last_end_of(now.header.id) : nullptr;
  if (now.header.parent && (last == nullptr || !tells_the_same(end, *last))) ends_[now.header.id].push_back(end);
  if (had_ended) return;
  for (ActionIndex i = 0; i < now.runs.size(); ++i) {
    const auto children = children_.find({now.header.id, i});
    if (children == children_.end()) continue;
    for (const std::string& id : children->second) {
      if (last_end_of(id) == nullptr) wrong(step, "P6", "ended before its child " + id);
    }
  }
}

}  // namespace settle::sim
