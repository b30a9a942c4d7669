// What is judged of a look, and of a tool's limits, at the moment itself.

#include "storage/keys.h"
#include "tests/sim/sim_engine.h"

namespace settle::sim {

/// A look goes where the sends went: elsewhere it would show a false absence.
void SimEngine::judge_look(const Call& call) {
  if (const auto found = world.truths.find(world.before_of(call)); found != world.truths.end()) {
    for (const Send& send : found->second.sends) {
      if (may_have_happened(send))
        verdict_.violated("P4", "", found->first + ": looked at what was before after a send that may have happened");
    }
  }
  const std::string value = world.looked_at(call);
  const auto truth = world.truths.find(value);
  if (truth == world.truths.end() || truth->second.sends.empty()) return;
  const Send& last = truth->second.sends.back();
  // The newest intent may never have left: the look is for that one, as far as our side can know.
  const ActionState* run = monitor.state_of_run(value);
  const bool for_later_intent = run != nullptr && run->attempt > truth->second.sends.size();
  if (for_later_intent && run->target && call.url.starts_with(run->target->origin + "/")) return;
  if (may_have_happened(last) && !call.url.starts_with(last.origin + "/"))
    verdict_.violated("P3", "", "looked at " + call.url + " for what was sent to " + last.origin);
}

/// A clock that leaps ahead takes the buckets of tools along. After one that was set back, loading a workflow may still
/// move a restarted engine's time ahead, by less than a second.
void SimEngine::judge_limits(const SimTool& tool, const std::string& value, const std::optional<std::string>& wrong) {
  if (wrong && !clock_leapt && !clock_back) verdict_.violated("P6", "", value + " [" + tool.name + "]: " + *wrong);
}

/// CONTRACT §2: what was there before stands in the durable store when the first call leaves, as the outside showed it.
void SimEngine::judge_before(const SimTool& tool, const std::string& value) {
  const Monitor::Run* run = monitor.run_of(value);
  const auto seen = world.befores.find(value);
  const auto stored =
      run == nullptr
          ? Result<std::optional<std::string>>(std::nullopt)
          : store.snapshot()->get(Family::state, keys::OfWorkflow("default", run->workflow).before(run->index));
  if (!*stored || seen == world.befores.end() || !seen->second.contains(**stored))
    verdict_.violated("P4", "", value + " [" + tool.name + "]: was sent without what was there before it");
}

/// What waits because it was sent too often says until when, and in a line also for which limit.
void SimEngine::judge_phase(const Json& document, const Json& action) {
  const Json* phase = action.find("phase");
  if (!(*phase == Json("rate_limited"))) return;
  counters_.note("shown as rate limited");
  const Json* waits_for = action.find("waits_for");
  const bool backs_off = waits_for->is_null();
  if (action.find("next_at")->is_null() || (!backs_off && waits_for->find("limit") == nullptr))
    verdict_.violated("P7", document.find("id")->as_string(), "waits for a limit and does not say until when");
}

}  // namespace settle::sim
