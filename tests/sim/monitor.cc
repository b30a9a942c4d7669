#include "tests/sim/monitor.h"

#include <algorithm>

#include "receipts/packed.h"
#include "storage/keys.h"
#include "workflows/receipt.h"

namespace settle::sim {
namespace {

/// Partition, "default" NUL ID NUL; then the kind of the record and its number.
struct Place {
  std::string id;
  std::string_view rest;
};
Place place_of(std::string_view key) {
  const std::size_t space_end = key.find('\0', 2);
  const std::size_t id_end = key.find('\0', space_end + 1);
  return {std::string(key.substr(space_end + 1, id_end - space_end - 1)), key.substr(id_end + 1)};
}

bool happened(const ActionState& run) {
  return run.effect == Effect::complete || run.effect == Effect::partial;
}

/// What a retry has put back waits for its turn again.
bool is_begun(Stage stage) {
  return !waits_for_turn(stage);
}

}  // namespace

const Monitor::Run* Monitor::run_of(const std::string& value) const {
  const auto found = runs_.find(value);
  return found == runs_.end() ? nullptr : &found->second;
}

const ActionState* Monitor::state_of_run(const std::string& value) const {
  const Run* run = run_of(value);
  return run == nullptr ? nullptr : &workflows_.at(run->workflow).runs.at(run->index);
}

/// A batch whose guard does not hold leaves no trace.
bool Monitor::is_dropped(const WriteBatch& batch) const {
  return std::any_of(batch.guards.begin(), batch.guards.end(), [&](const Guard& guard) {
    return guard.family == Family::keys ? keys_.contains(guard.key) : workflows_.contains(place_of(guard.key).id);
  });
}

/// A child's is that of the run that it runs for; null: there is no such run.
const Sketch* Monitor::sketch_for(const std::string& id, const WorkflowHeader& header) const {
  if (!header.parent) return &sketches_.at(id);
  const auto parent = workflows_.find(header.parent->workflow);
  if (parent == workflows_.end() || header.parent->run >= parent->second.runs.size()) return nullptr;
  const Shadow& shadow = parent->second;
  const Sketch* known = shadow.sketch != nullptr ? shadow.sketch : sketch_for(parent->first, shadow.header);
  if (known == nullptr) return nullptr;
  const ActionState& run = shadow.runs[header.parent->run];
  const auto call = known->actions[run.planned].flows.find(run.role);
  return call == known->actions[run.planned].flows.end() ? nullptr : call->second.plan.get();
}

/// Its runs from this one on are found by what they write.
void Monitor::follow(const std::string& id, const Shadow& shadow, ActionIndex from) {
  for (ActionIndex i = from; i < shadow.runs.size(); ++i) {
    if (shadow.calls(i)) runs_[shadow.value_of(i)] = {id, i};
  }
}

void Monitor::stepped(const WriteBatch& batch, Time now, bool clock_ahead) {
  if (is_dropped(batch)) return counters_.note("a guard did not hold");
  ++steps;
  std::string id;
  for (const Write& write : batch.writes) {
    if (write.family == Family::keys) keys_.insert(write.key);
    if (write.family == Family::state && id.empty()) id = place_of(write.key).id;
  }
  if (id.empty()) return;
  const Shadow before = workflows_[id];
  Shadow& after = workflows_[id];
  for (const Write& write : batch.writes) {
    if (write.family != Family::state) continue;
    apply(after, write, place_of(write.key).rest);
    newest_[write.key] = write.value.value_or("");
  }
  after.header.id = id;
  for (const Write& write : batch.writes) {
    const bool begins = !batch.guards.empty() && write.family == Family::state && place_of(write.key).rest == "w";
    if (begins) judge_kept(id, write.key, decode_header(*write.value)->kept_bytes);
  }
  if (after.sketch == nullptr) after.sketch = sketch_for(id, after.header);
  if (after.sketch == nullptr) {
    workflows_.erase(id);
    return verdict_.violated("P6", id, "runs for nobody");
  }
  add_fresh(after);
  follow(id, after, static_cast<ActionIndex>(before.runs.size()));
  const std::optional<ParentLink>& parent = after.header.parent;
  if (before.runs.empty() && parent) children_[{parent->workflow, parent->run}].push_back(id);
  Step step{before, after, batch, now, clock_ahead, {}};
  for (const LedgerEntry& entry : batch.ledger) {
    const Result<Json> document = read_receipt(*unpack_receipt(entry.bytes));
    SETTLE_ASSERT(document);
    step.receipts.emplace(parse_receipt_id(document->find("receipt")->as_string())->second, *document);
  }
  judge(step);
}

/// P1: each record is as the last step has left it, and each receipt speaks of the state that is written with it.
void Monitor::written(const WriteBatch& batch) {
  std::string id;
  for (const Write& write : batch.writes) {
    if (write.family != Family::state) continue;
    const Place place = place_of(write.key);
    id = place.id;
    std::string expected = newest_[write.key];
    if (place.rest[0] == 'x') {
      StoredHeader header, known;
      SETTLE_ASSERT(apply_progress(*write.value, header) && apply_progress(expected, known));
      count_steps(id, header.header.version);
      judge_kept(id, write.key, header.kept_bytes);
      expected = encode_progress(known.header, known.due_at, header.kept_bytes);
    }
    if (expected != write.value.value_or(""))
      verdict_.violated("P1", id, "a record is written that is not as the last step has left it");
  }
  for (const LedgerEntry& entry : batch.ledger) {
    const Result<Json> receipt = read_receipt(*unpack_receipt(entry.bytes));
    SETTLE_ASSERT(receipt);
    const std::uint32_t number = parse_receipt_id(receipt->find("receipt")->as_string())->second;
    const std::vector<ActionState>& runs = workflows_[id].runs;
    const auto is_its = [&](const ActionState& run) { return run.receipt == number; };
    const auto of = std::find_if(runs.begin(), runs.end(), is_its);
    // One that was followed by another of its action before it was written is superseded, and no longer the latest.
    if (of != runs.end() && receipt->find("state")->as_string() != state_of(of->stage))
      verdict_.violated("P2", id, "a receipt is written that speaks of another state");
  }
}

std::size_t payload_bytes_within(std::string_view record) {
  const Result<ActionState> run = decode_action(record);
  SETTLE_ASSERT(run);
  std::size_t bytes = 0;
  for (const std::shared_ptr<const Json>& payload : {run->input, run->output})
    bytes += payload ? canonical(*payload).size() : 0;
  return bytes;
}

/// Quotas: what a workflow's record says that it keeps is what its other records hold.
void Monitor::judge_kept(const std::string& id, const std::string& key, std::uint64_t said) {
  const std::string prefix = key.substr(0, key.size() - 1);
  std::uint64_t kept = 0;
  for (auto at = newest_.lower_bound(prefix); at != newest_.end() && at->first.starts_with(prefix); ++at) {
    const char kind = at->first[prefix.size()];
    if (kind == 'p' || kind == 'i' || kind == 'o' || kind == 'b') kept += at->second.size();
    if (kind == 'a') kept += payload_bytes_within(at->second);
    if (kind == 's') kept += canonical(*decode_signal(at->second)->payload).size();
  }
  if (kept != said)
    verdict_.violated("quota", id, "keeps " + std::to_string(kept) + " bytes and says " + std::to_string(said));
}

void Monitor::count_steps(const std::string& id, std::uint32_t version) {
  const std::uint32_t before = std::exchange(versions_[id], version);
  if (before > 0 && version > before + 1) counters_.note("several steps in one batch");
}

void Monitor::reset(const Reader& durable) {
  workflows_.clear();
  newest_.clear();
  versions_.clear();
  runs_.clear();
  keys_.clear();
  children_.clear();
  const Result<void> states = durable.scan(Family::state, {}, [&](std::string_view key, std::string_view value) {
    const Place place = place_of(key);
    Shadow& shadow = workflows_[place.id];
    apply(shadow, {Family::state, std::string(key), std::string(value)}, place.rest);
    newest_.emplace(key, value);
    shadow.header.id = place.id;  // which only the keys of its records have
    return true;
  });
  const Result<void> keys = durable.scan(Family::keys, {}, [&](std::string_view key, std::string_view) {
    keys_.emplace(key);
    return true;
  });
  SETTLE_ASSERT(states && keys);
  for (auto& [id, shadow] : workflows_) {
    shadow.sketch = sketch_for(id, shadow.header);
    SETTLE_ASSERT(shadow.sketch != nullptr);  // else it had been told when the batch was queued
    add_fresh(shadow);
    follow(id, shadow, 0);
    if (const auto& parent = shadow.header.parent) children_[{parent->workflow, parent->run}].push_back(id);
  }
  std::erase_if(asked_, [this](const auto& one) {  // what the crash took was never asked
    const auto workflow = workflows_.find(one.second.workflow);
    if (workflow == workflows_.end() || one.second.run >= workflow->second.runs.size()) return true;
    return workflow->second.runs[one.second.run].approval_requests < one.second.request.number;
  });
  for (const auto& [id, shadow] : workflows_) {
    for (ActionIndex i = 0; i < shadow.runs.size(); ++i) {
      if (shadow.runs[i].approval) asked_[approval_of(shadow, i)] = {id, i, *shadow.runs[i].approval};
    }
  }
  // A retry that the crash took has not begun the wait anew.
  std::erase_if(waits_, [this](const auto& one) {
    const auto workflow = workflows_.find(one.first.substr(0, one.first.find('.')));
    return workflow == workflows_.end() || workflow->second.header.retries < one.second.retries;
  });
  std::erase_if(ends_, [this](const auto& one) { return !workflows_.contains(one.first); });
  for (auto& [id, ends] : ends_)
    std::erase_if(ends, [&](const End& end) { return end.version > workflows_.at(id).header.version; });
}

void Monitor::violated(const Step& step, std::string promise, ActionIndex index, std::string text) {
  const std::string& id = step.after.header.id;
  verdict_.violated(std::move(promise), id, step.after.value_of(index) + ": " + std::move(text));
}

void Monitor::judge(const Step& step) {
  const WorkflowHeader& header = step.after.header;
  if (step.before.runs.empty() && header.parent) judge_birth(step);
  if (!header.parent && header.submitted_by != submitter_of(header.id))
    wrong(step, "P6", "was submitted by somebody else");
  judge_signals(step);
  tell_intents_over(step);
  for (ActionIndex i = 0; i < step.after.runs.size(); ++i) {
    const ActionState* before = i < step.before.runs.size() ? &step.before.runs[i] : nullptr;
    judge_run(step, i, before, step.after.runs[i]);
  }
  judge_idle_waits(step);
  judge_held(step);
  judge_lists(step);
  judge_header(step);
}

void Monitor::judge_run(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  const Stage was = before == nullptr ? Stage::blocked : before->stage;
  judge_receipts(step, index, before, after);
  if (after.elements > 0 && is_final(after.stage) && !is_final(was)) judge_deeds_of_list(step, index, after);
  if (is_final(was) && !step.revived(index) && (after.stage != was || after.effect != before->effect) &&
      !may_fall(step, index, *before, after))
    violated(step, "P2", index,
             "was final as " + std::string(name_of(was)) + ", and is now " + std::string(name_of(after.stage)));
  const bool untouched = was == Stage::revived && is_final(after.stage) && after.call == before->call;
  if (untouched && after.effect != before->effect)
    violated(
        step, "P5", index,
        "its effect was " + std::string(name_of(before->effect)) + ", and a retry that never came to it forgot that");
  judge_approval(step, index, before, after);
  if (step.after.flow_of(index) != Builtin::none) return judge_flow(step, index, before, after);
  if (before != nullptr && before->call != after.call) judge_timer(step, index, *before, after);
  if (after.attempt > (before == nullptr ? 0 : before->attempt)) judge_send(step, index, before, after);
  if (after.stage == Stage::verified && was != Stage::verified && after.elements == 0) {
    const auto truth = world_.truths.find(step.after.value_of(index));
    const bool late = truth != world_.truths.end() && truth->second.tool->natural() && truth->second.pending > 0;
    if (late && !truth->second.broken() && !step.clock_ahead)
      violated(step, "P4", index, "verified while a send of its own is still going to land");
  }
  judge_recheck(step, index, before, after);
  judge_gated(step, index, before, after);
  judge_held(step, index, before, after);
  judge_line(step, index, before, after);
  if (after.stage == Stage::gathering) judge_elements(step, index, after);
  if (before != nullptr && after.stage == Stage::failed && before->unclear) judge_denial(step, index, *before, after);
}

/// CONTRACT §2: what was unclear has failed only if a look-up showed it absent, a repeat was refused, or a person said
/// so. A read-back that does not show it leaves it in doubt, unless the tool has answered since.
void Monitor::judge_denial(const Step& step, ActionIndex index, const ActionState& before, const ActionState& after) {
  const SimTool& tool = step.after.sketch->actions[after.planned].tool_of(after.role);
  const bool known = tool.lookup || before.refusal || before.word != after.word || after.executed_at;
  if (!tool.reads_only() && after.effect == Effect::none && !known)
    violated(step, "P5", index, "failed with effect none by a read-back alone");
}

/// P21: what waits for a time does not go on before it, but for what a person asks, or the plan's deadline.
void Monitor::judge_timer(const Step& step, ActionIndex index, const ActionState& before, const ActionState& after) {
  const WorkflowHeader& was = step.before.header;
  const WorkflowHeader& is = step.after.header;
  // These wake at their time limit, but their turn, or people's agreement, comes before.
  if (before.stage == Stage::gated || before.stage == Stage::awaiting_approval) return;
  const bool pushed = is.status != was.status || is.expired != was.expired || is.paused != was.paused ||
                      step.retried() || before.word != after.word;
  if (before.wake_at && step.now < *before.wake_at && !pushed)
    violated(step, "P21", index,
             "went from " + std::string(name_of(before.stage)) + " to " + std::string(name_of(after.stage)) + " " +
                 format_duration(*before.wake_at - step.now) + " too early");
  if (after.since < before.since) violated(step, "P21", index, "its time went back");
}

/// What holds for whatever begins, and for every send.
void Monitor::judge_may_begin(const Step& step, ActionIndex index, const ActionState& after) {
  const WorkflowHeader& header = step.after.header;
  const bool undoes = is_undoing(after.role);
  // What is done as soon as it has begun may be the last of its workflow, or be undone in the same step; a retry goes
  // on with the plan, or with the undoing.
  const std::vector<ActionState>& runs = step.before.runs;
  const bool undone =
      std::any_of(runs.begin(), runs.end(), [](const ActionState& run) { return is_undoing(run.role); });
  const WorkflowStatus retried_as = undone ? WorkflowStatus::compensating : WorkflowStatus::running;
  const bool at_once = is_final(after.stage) && !runs.empty();
  const WorkflowStatus was = step.retried() ? retried_as : step.before.header.status;
  const WorkflowStatus status = at_once ? was : header.status;
  if (!undoes && status != WorkflowStatus::running && !(is_final(after.stage) && status == WorkflowStatus::ended))
    violated(step, "P6", index, "sent while cancelling or undoing");
  if (!undoes && header.deadline_at && step.now > *header.deadline_at)
    violated(step, "P6", index, "sent after the plan's deadline");
  if (header.paused) violated(step, "P6", index, "sent while paused");
}

/// The rules of CONTRACT §2 and §4 about every send.
void Monitor::judge_send(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  const WorkflowHeader& header = step.after.header;
  const SketchAction& planned = step.after.sketch->actions[after.planned];
  const SimTool& tool = planned.tool_of(after.role);
  const int attempts = after.role == CallRole::main ? planned.attempts : tool.attempts;
  const ActionState was = before == nullptr ? ActionState() : *before;
  if (header.status == WorkflowStatus::ended) violated(step, "P6", index, "sent after the workflow had ended");
  judge_may_begin(step, index, after);
  // An operator's word and a retry count anew.
  if (after.counted >= static_cast<std::uint32_t>(attempts))
    violated(step, "P6", index, "sent more often than the plan allows");
  if (tool.mode == IdempotencyMode::none && !tool.reads_only() && was.unclear && was.word == after.word)
    violated(step, "P3", index, "sent again in mode none after an unclear end");
  judge_released(step, index, after);
  if (tool.promises.limited() && on_intent) on_intent(tool, step.after.value_of(index));
  const bool first = was.attempt == 0 || is_unstarted(was.stage) || was.stage == Stage::revived || is_final(was.stage);
  if (first) judge_first_send(step, index, after);
}

void Monitor::judge_first_send(const Step& step, ActionIndex index, const ActionState& after) {
  const Shadow& now = step.after;
  const SketchAction& planned = now.sketch->actions[after.planned];
  if (is_undoing(after.role)) return judge_compensation(step, index, after);
  for (const std::size_t need : planned.needs) {
    const Stage stage = now.effective(static_cast<ActionIndex>(need)).stage;
    if (!is_satisfied(stage))
      violated(step, "P6", index,
               "started while " + now.sketch->actions[need].id + " is " + std::string(name_of(stage)));
  }
  if (now.sketch->on_failure != OnFailure::continue_others && !step.retried()) {
    for (ActionIndex i = 0; i < now.sketch->actions.size(); ++i) {
      // What fails in this very step may come after it.
      if (i < step.before.runs.size() && step.before.effective(i).stage == Stage::failed)
        violated(step, "P6", index, "started after " + now.sketch->actions[i].id + " had failed");
    }
  }
  if (planned.when == When::fails) violated(step, "P6", index, "started though its condition does not hold");
  if (after.role == CallRole::fallback) judge_fallback(step, index, after);
}

/// CONTRACT §4: only after a failure with effect none, unless the plan says otherwise.
void Monitor::judge_fallback(const Step& step, ActionIndex index, const ActionState& after) {
  const ActionState& own = step.after.runs[after.parent];
  counters_.note("fallback begun");
  if (own.stage != Stage::failed)
    violated(step, "P6", index, "fallback begun while its action is " + std::string(name_of(own.stage)));
  const bool stopped_before = step.before.sketch != nullptr && after.parent < step.before.runs.size() &&
                              list_stopped(step.before, step.before.runs[after.parent]) && !step.retried();
  if (stopped_before) violated(step, "P6", index, "fallback begun after another element had failed");
  if (step.after.sketch->actions[after.planned].fallback_after_any) return;
  if (own.effect != Effect::none)
    violated(step, "P6", index, "fallback begun after effect " + std::string(name_of(own.effect)));
  const Deeds deeds = deeds_of(step.after.header.id, after.parent);
  if (deeds.happened && !deeds.broken && !deeds.retried && !step.clock_ahead)
    violated(step, "P5", index, "fallback begun though what ran for the action did something");
  const auto truth = world_.truths.find(step.after.value_of(after.parent));
  if (truth == world_.truths.end() || truth->second.broken() || step.clock_ahead) return;
  const bool gone = truth->second.overwritten && !world_.holds(truth->first);
  if ((!truth->second.effects.empty() && !gone) || truth->second.pending > 0)
    violated(step, "P5", index, "fallback begun though the action happened or is going to");
}

/// CONTRACT §4: what is in doubt first, then in reverse order, and only what is known to have happened.
void Monitor::judge_compensation(const Step& step, ActionIndex index, const ActionState& after) {
  const Shadow& now = step.after;
  counters_.note("compensation begun");
  if (now.header.status != WorkflowStatus::compensating) violated(step, "P6", index, "undone outside of undoing");
  if (now.sketch->on_failure != OnFailure::compensate)
    violated(step, "P6", index, "undone though the plan does not say so");
  const ActionState& undone = now.runs[after.parent];
  if (!happened(undone)) violated(step, "P6", index, "undone though it is not known to have happened");
  for (ActionIndex i = 0; i < now.runs.size(); ++i) {
    const ActionState& other = now.runs[i];
    if (!is_undoing(other.role) && !is_final(other.stage))
      violated(step, "P6", index, "undone while " + now.value_of(i) + " is " + std::string(name_of(other.stage)));
    if (!is_undoing(other.role) || i == index || is_final(other.stage)) continue;
    const ActionState& later = now.runs[other.parent];
    if (undone.executed_at && later.executed_at && *later.executed_at > *undone.executed_at)
      violated(step, "P6", index, "undone before the later " + now.value_of(i));
    if (is_begun(other.stage)) violated(step, "P6", index, "undone beside " + now.value_of(i));
  }
}

/// At most max_parallel elements between their start and their end, and none begins after one has failed.
void Monitor::judge_elements(const Step& step, ActionIndex index, const ActionState& after) {
  const SketchAction& planned = step.after.sketch->actions[after.planned];
  std::size_t running = 0;
  bool failed_before = false, begun_now = false;
  for (ActionIndex i = after.first_element; i < after.first_element + after.elements; ++i) {
    const ActionState& element = step.after.runs[i];
    const Stage effective = step.after.effective(i).stage;
    running += is_begun(effective) && !is_final(effective) ? 1 : 0;
    const bool known = i < step.before.runs.size();
    failed_before = failed_before || (known && step.before.effective(i).stage == Stage::failed);
    begun_now = begun_now || (element.attempt == 1 && (!known || step.before.runs[i].attempt == 0)) ||
                (element.stage == Stage::waiting && (!known || is_unstarted(step.before.runs[i].stage)));
  }
  if (planned.max_parallel > 0 && running > planned.max_parallel)
    violated(step, "P6", index, std::to_string(running) + " elements at once");
  if (failed_before && begun_now && !planned.all_elements && !step.retried())
    violated(step, "P6", index, "an element began after one had failed");
}

/// Every change of a state has its receipt in the same batch, and a receipt supersedes the one before.
void Monitor::judge_receipts(const Step& step, ActionIndex index, const ActionState* before, const ActionState& after) {
  const Stage was = before == nullptr ? Stage::blocked : before->stage;
  const std::uint32_t old = before == nullptr ? 0 : before->receipt;
  const bool told = state_of(was) != state_of(after.stage) || (is_parked(after.stage) && was != after.stage);
  const auto found = step.receipts.find(after.receipt);
  if (told && found == step.receipts.end() && !(step.revived(index) && state_of(after.stage) == "pending"))
    violated(step, "P2", index, "became " + std::string(name_of(after.stage)) + " without a receipt");
  if (found == step.receipts.end() && after.receipt != old)
    return violated(step, "P2", index, "its receipt is not in the batch");
  if (found == step.receipts.end()) return;
  if (after.receipt == old) counters_.note("a receipt took the place of another");
  const Json& receipt = found->second;
  if (receipt.find("state")->as_string() != state_of(after.stage))
    violated(step, "P2", index, "its receipt says " + receipt.find("state")->as_string());
  if (receipt.find("effect")->as_string() != name_of(after.effect))
    violated(step, "P2", index, "its receipt speaks of another effect");
}

void Monitor::judge_header(const Step& step) {
  const Shadow& now = step.after;
  const auto any = [&](auto&& predicate) { return std::any_of(now.runs.begin(), now.runs.end(), predicate); };
  bool parked = any([](const ActionState& run) {
    return is_parked(run.stage) || run.stage == Stage::awaiting_approval || run.child_attention;
  });
  for (ActionIndex i = 0; i < now.runs.size(); ++i) parked = parked || is_fallen(now, i);
  if (now.header.attention != parked)
    verdict_.violated("P7", now.header.id,
                      parked ? "waits for a person and does not say so" : "asks for a person without need");
  const bool ended = now.header.status == WorkflowStatus::ended;
  const bool open = any([](const ActionState& run) { return !is_final(run.stage); });
  if (ended != !open)
    verdict_.violated("P7", now.header.id, ended ? "ended with work left" : "has no work left and does not end");
  if (!ended) return;
  judge_end_of_parent(step);
  bool failed = false, cancelled = false, executed = false;
  for (ActionIndex i = 0; i < now.sketch->actions.size(); ++i) {
    const Stage stage = now.effective(i).stage;
    failed = failed || stage == Stage::failed;
    cancelled = cancelled || stage == Stage::cancelled;
    executed = executed || stage == Stage::executed;
  }
  const WorkflowOutcome outcome = failed      ? WorkflowOutcome::failed
                                  : cancelled ? WorkflowOutcome::cancelled
                                  : executed  ? WorkflowOutcome::executed
                                              : WorkflowOutcome::verified;
  if (now.header.outcome != outcome)
    verdict_.violated("P4", now.header.id, "its outcome is not that of its weakest action");
}

}  // namespace settle::sim
