// What looks beside the plain read-back promise, judged when all is over.

#include <algorithm>

#include "tests/sim/judged.h"

namespace settle::sim {
namespace {

bool is_undone(const Monitor::Shadow& workflow, ActionIndex index) {
  return std::any_of(workflow.runs.begin(), workflow.runs.end(),
                     [&](const ActionState& other) { return is_undoing(other.role) && other.parent == index; });
}

/// `within` covers all that the provider does late, so what differs at its end differs.
void judge_mismatch(const Evidence& evidence, const Judged& judged) {
  const Truth& truth = judged.truth;
  const auto last = evidence.world.last_glimpses.find(judged.value);
  const bool known = last != evidence.world.last_glimpses.end() && !judged.tool.promises.mirrored;
  if (known && last->second.kind == Glimpse::Kind::pending)
    violated(evidence, "P5", judged, "says that it differs while it still settles");
  if (truth.broken() || truth.drifted || evidence.engine.clock_ahead || truth.pending > 0) return;
  const bool once = truth.effects.size() == 1 || (judged.tool.natural() && !truth.effects.empty());
  if (once && evidence.world.holds(judged.value))
    violated(evidence, "P5", judged, "says that it differs, and it is so");
}

}  // namespace

bool fell_after_the_end(const Monitor::Shadow& workflow, const ActionState& run) {
  return run.stage == Stage::failed && run.error && run.error->code == "no_longer_holds" && workflow.header.ended_at &&
         run.since >= *workflow.header.ended_at;
}

void judge_rechecks(const Evidence& evidence) {
  for_each_run(evidence, [&](const Judged& judged) {
    const ActionState& run = judged.run;
    const SimPromises& promises = judged.tool.promises;
    if (promises.recheck_times == 0) return;
    const bool fell = run.stage == Stage::failed && run.error->code == "no_longer_holds";
    if (fell) evidence.counters.note("no longer holds");
    const bool excused = judged.truth.broken() || judged.truth.drifted || evidence.engine.clock_ahead;
    if (fell && !excused && (judged.tool.reads_only() || evidence.world.holds(judged.value)))
      violated(evidence, "P4", judged, "says that it no longer holds, and it does");
    if (run.stage == Stage::rechecking) violated(evidence, "P7", judged, "is still looked at again");
    if (run.stage != Stage::verified) return;
    const bool undone = is_undone(judged.workflow, judged.index);
    if (!undone && run.rechecks != promises.recheck_times)
      violated(evidence, "P21", judged, "was looked at again " + std::to_string(run.rechecks) + " times");
    const auto last = evidence.world.last_glimpses.find(judged.value);
    if (last == evidence.world.last_glimpses.end() || undone || judged.tool.promises.mirrored || evidence.engine.moved)
      return;
    const Glimpse::Kind kind = last->second.kind;
    if ((kind == Glimpse::Kind::absent || kind == Glimpse::Kind::different) && !judged.truth.drifted)
      violated(evidence, "P4", judged, "is verified, and the last that anybody saw is that it is not so");
  });
}

/// P4: the looks of which it consists.
void judge_looks(const Evidence& evidence) {
  for_each_run(evidence, [&](const Judged& judged) {
    const ActionState& run = judged.run;
    const SimPromises& promises = judged.tool.promises;
    if (run.stage == Stage::failed && run.error->code == "verification_mismatch") judge_mismatch(evidence, judged);
    const auto found = evidence.world.looks.find(judged.value);
    static const std::vector<Look> none;
    const std::vector<Look>& looks = found == evidence.world.looks.end() ? none : found->second;
    const bool two = std::any_of(looks.begin(), looks.end(), [](const Look& look) { return look.records > 1; });
    if (run.error && run.error->code == "duplicate_found" && !two)
      violated(evidence, "P5", judged, "speaks of two, and nobody has seen them");
    for (const Look& look : looks) {
      const bool adopted = run.executed_at && look.ended == *run.executed_at && look.further;
      const bool answered = std::any_of(judged.truth.sends.begin(), judged.truth.sends.end(), [&](const Send& send) {
        return send.known == Known::answered && send.ended == look.ended;
      });
      if (run.adopted && adopted && !answered)
        violated(evidence, "P4", judged, "adopted though there is a further page");
    }
    if (run.stage != Stage::verified || judged.tool.verify != VerifyKind::read_back) return;
    const auto showed = [&](bool mirror, Time from, bool last) {
      return std::any_of(looks.begin(), looks.end(), [&](const Look& look) {
        const bool in_time = last ? look.ended == *run.verified_at : look.ended <= *run.verified_at;
        return look.mirror == mirror && look.records == 1 && !look.further && look.started >= from && in_time;
      });
    };
    const bool unseen = promises.unseen && !run.executed_at;
    const Time from = run.executed_at.value_or(run.first_send_at.value_or(Time::max()));
    const bool two_looks = promises.mirrored && !unseen;
    if (!showed(false, from, !two_looks)) violated(evidence, "P4", judged, "verified without a look at just one");
    if (two_looks && !showed(true, from, true))
      violated(evidence, "P4", judged, "verified without a look at its mirror");
  });
}

}  // namespace settle::sim
