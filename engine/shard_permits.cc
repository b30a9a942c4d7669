// What a shard has to do with the limits of tools: joining their lines, using a permit, giving it back.

#include "engine/shard.h"
#include "storage/keys.h"

namespace settle {

/// Those that wait join the line of their tool; those that do so no longer leave it.
void Shard::move_in_lines(const Live& live, const std::vector<ActionIndex>& gates) {
  const Workflow& workflow = live.workflow;
  for (const ActionIndex run : gates) {
    PermitLine& line = gate_.line(workflow.header.name_space, *workflow.call_of(run).tool);
    if (workflow.actions[run].stage == Stage::gated) {
      line.join(live.key, run, *this, loop_);
    } else {
      line.leave(live.key, run);
    }
  }
}

/// The line whose permit the call goes with; null when its tool has no limits.
PermitLine* Shard::permit_of(const Live& live, const CallEffect& call) {
  if (!call.permit) return nullptr;
  return &gate_.line(live.workflow.header.name_space, *live.workflow.call_of(call.action).tool);
}

/// The turn of a run has come. When it is not sent all the same (it was cancelled, or its time is over), its place goes
/// to the next one.
void Shard::permitted(PermitLine& line, const std::string& key, ActionIndex run) {
  if (draining_) return line.give_back(loop_);
  const auto [name_space, id] = split(key);
  const Result<Live*> found = find(name_space, id);
  if (!found) return line.give_back(loop_);  // reported when it was read first
  if ((*found)->creating) {
    line.give_back(loop_);
    return (*found)->after_creation.push_back([this, &line, key, run] { line.join(key, run, *this, loop_); });
  }
  gate_.hold(run);
  apply(**found, on_permit((*found)->workflow, run, moment(**found)));
  if (gate_.take_back()) line.give_back(loop_);
  release(key);
}

/// The call has ended. A provider that says how long to wait says so to all: a thousand others need not ask.
void Shard::return_permit(PermitLine& line, const Outcome& outcome) {
  if (outcome.retry_after && (outcome.status == 429 || outcome.status == 503))
    line.pause(outcome.ended + *outcome.retry_after, loop_);
  line.give_back(loop_);
}

}  // namespace settle
