// Workflows that run for others (flow.run_plan): a parent orders, a child reports; and for schedules. See
// engine/children.h.

#include <algorithm>
#include <utility>

#include "engine/shard.h"
#include "workflows/schedule.h"
#include "workflows/waiting.h"

namespace settle {
namespace {

/// Those that wait for room are looked at so often.
constexpr Duration lines_interval{1'000};

/// So many of them may begin before other events get their turn.
constexpr std::size_t let_in_max = 128;

bool is_child_of(const Workflow& workflow, const ChildOrder& order) {
  const std::optional<ParentLink>& parent = workflow.header.parent;
  return parent && parent->workflow == order.parent.workflow && parent->run == order.parent.run;
}

}  // namespace

void Shard::order_child(const Live& live, const ChildEffect& effect) {
  if (draining_ || !relatives_.order) return;  // asked again after the start
  const Workflow& workflow = live.workflow;
  relatives_.order({workflow.header.name_space, effect.child,
                    ParentLink{workflow.header.id, workflow.action_of(effect.action).id, effect.action},
                    workflow.header.depth + 1, effect.cancel, workflow.actions[effect.action].input,
                    workflow.header.submitted_by});
}

void Shard::report(const ChildOrder& order, const ChildEnd& end) {
  relatives_.report({order.name_space, order.child, order.parent, true, end, false});
}

/// Once what is told is durable, and once only; after a restart the parent asks.
void Shard::tell_parent(Live& live) {
  const WorkflowHeader& header = live.workflow.header;
  if (!header.parent || !relatives_.report || live.durable < header.version) return;
  ChildReport report{header.name_space, header.id, *header.parent, header.status == WorkflowStatus::ended, {},
                     header.attention};
  if (report.ended) {
    if (std::exchange(live.end_told, true)) return;
    report.end = child_end_of(live.workflow);
  } else {
    if (live.attention_told == header.attention) return;
    live.attention_told = header.attention;
  }
  relatives_.report(std::move(report));
}

/// Once what is told is durable; after a restart the schedule looks. Whether it is a run at all the schedule knows.
void Shard::tell_schedule(Live& live) {
  const WorkflowHeader& header = live.workflow.header;
  if (header.status != WorkflowStatus::ended) {
    live.run_end_told = false;  // it may be tried again, and end again
    return;
  }
  if (live.run_end_told || live.durable < header.version || !relatives_.run_ended) return;
  live.run_end_told = true;
  const auto schedule = header.labels.find(std::string(schedule_label));
  if (schedule == header.labels.end()) return;
  relatives_.run_ended({header.name_space, schedule->second, header.id, header.outcome});
}

void Shard::child_ordered(ChildOrder order) {
  if (draining_) return;
  const Result<Live*> found = find(order.name_space, order.child);
  if (!found && found.error().code == ErrorCode::not_found) {
    if (!order.cancel) return begin_child(std::move(order));
    const auto line = child_lines_.find(order.name_space);
    if (line != child_lines_.end()) line->second.leave(order.child);
    return report(order, {.how = ChildEnd::How::absent});
  }
  if (!found) return;  // it can't be loaded: a person has to mend that, and a restart asks again
  Live& child = **found;
  if (child.creating) return child.after_creation.push_back([this, order = std::move(order)] { child_ordered(order); });
  const std::string key = child.key;
  if (!is_child_of(child.workflow, order)) {
    report(order, {.how = ChildEnd::How::refused,
                   .code = "child_conflict",
                   .message = "a workflow with this id exists that is none of this action's"});
    return release(key);
  }
  if (order.cancel) apply(child, on_cancel(child.workflow, moment(child)));
  // Whoever asks does not know: tell again. What is not durable yet is told when it is.
  child.end_told = false;
  child.attention_told = std::nullopt;
  tell_parent(child);
  release(key);
}

void Shard::refuse(const ChildOrder& order, const Error& why, const std::string& before) {
  report(order,
         {.how = ChildEnd::How::refused, .code = std::string(info(why.code).name), .message = before + why.message});
}

/// Nobody passes those who wait.
void Shard::begin_child(ChildOrder order) {
  if (order.plan_bytes == 0 && use_of(order.name_space).limits().bytes)
    order.plan_bytes = static_cast<std::int64_t>(canonical(child_plan(*order.input)).size());
  const auto line = child_lines_.find(order.name_space);
  if (order.turn == 0 && line != child_lines_.end() && !line->second.empty()) return wait_in_line(std::move(order));
  if (const Result<void> room = room_for(order); !room) return not_begun(std::move(order), room.error());
  Result<NewWorkflow> prepared = relatives_.prepare(order);
  if (!prepared) return refuse(order, prepared.error());
  submit(*std::move(prepared), [this, order](const Result<Submitted>& submitted) {
    if (submitted && submitted->created) return;
    // It is there already, whoever made it: what it is to us is seen when it is looked at.
    const bool exists = submitted || submitted.error().code == ErrorCode::conflict;
    if (exists) return loop_.post([this, order] { child_ordered(order); });
    not_begun(order, submitted.error());
  });
}

/// Whether it could begin now, as far as that is known without checking its plan.
Result<void> Shard::room_for(const ChildOrder& order) {
  if (!store_.has_room()) return fail(ErrorCode::disk_full, "the disk is nearly full");
  if (is_full()) return fail(ErrorCode::overloaded, "too many workflows are active");
  return use_of(order.name_space).has_room({1, order.plan_bytes});
}

/// A full engine, disk or quota is no reason to lose a child; what will never fit has failed.
void Shard::not_begun(ChildOrder order, const Error& why) {
  if (why.code == ErrorCode::payload_too_large) return refuse(order, why);
  wait_in_line(std::move(order));
}

/// A cancellation that comes meanwhile takes it away.
void Shard::wait_in_line(ChildOrder order) {
  std::size_t waiting = 0;
  for (const auto& [name_space, line] : child_lines_) waiting += line.size();
  ChildLine& line = child_lines_[order.name_space];
  if (waiting >= limits_.children_waiting_max && !line.has(order.child))
    return refuse(order, fail(ErrorCode::overloaded, std::to_string(waiting) + " others wait for room already"));
  line.join(std::move(order), loop_.now());
  if (std::exchange(lines_armed_, true)) return;
  loop_.schedule(loop_.now() + lines_interval, [this] { let_children_in(); });
}

void Shard::let_children_in() {
  if (draining_) return;
  std::size_t left = let_in_max;
  bool more = false;
  for (auto& [name_space, line] : child_lines_) more = let_in(name_space, line, left) || more;
  lines_armed_ =
      std::any_of(child_lines_.begin(), child_lines_.end(), [](const auto& entry) { return !entry.second.empty(); });
  if (!lines_armed_) return;
  if (more) return loop_.post([this] { let_children_in(); });
  loop_.schedule(loop_.now() + lines_interval, [this] { let_children_in(); });
}

/// From the head of the line, as long as there is room; only who has room is looked for in the store. True: it goes on
/// after other events.
bool Shard::let_in(const std::string& name_space, ChildLine& line, std::size_t& left) {
  const auto quota_is_full = [&](const Error& full) {
    const std::string before = "for " + format_duration(ChildLine::wait_max) + " no place came free; ";
    for (const ChildOrder& order : line.give_up(loop_.now(), use_of(name_space).freed())) refuse(order, full, before);
    return false;
  };
  while (!line.empty()) {
    const Result<void> room = room_for(line.first());
    if (!room && room.error().code == ErrorCode::quota_exceeded) return quota_is_full(room.error());
    const bool never = !room && room.error().code == ErrorCode::payload_too_large;
    if (!room && !never) {
      line.moves(loop_.now());  // it is not the quota that it waits for
      return false;
    }
    if (left == 0) return true;
    --left;
    const std::string child = line.first().child;
    child_ordered(line.take_first());
    if (line.has(child))  // it needs more than its plan, and came back to its place
      return quota_is_full(fail(ErrorCode::quota_exceeded, "it needs more bytes than there is room for"));
    line.moves(loop_.now());
  }
  return false;
}

void Shard::child_reported(const ChildReport& report) {
  if (draining_) return;  // asked again after the start
  const Result<Live*> found = find(report.name_space, report.parent.workflow);
  if (!found) return;
  Live& parent = **found;
  if (parent.creating) return parent.after_creation.push_back([this, report] { child_reported(report); });
  const std::string key = parent.key;
  if (report.ended) {
    apply(parent, on_child_ended(parent.workflow, report.parent.run, report.child, report.end, moment(parent)));
  } else {
    apply(parent,
          on_child_attention(parent.workflow, report.parent.run, report.child, report.attention, moment(parent)));
  }
  release(key);
}

}  // namespace settle
