// Workflows that run for others (flow.run_plan): a parent orders, a child reports; and for schedules. See
// engine/children.h.

#include <utility>

#include "engine/shard.h"
#include "workflows/schedule.h"
#include "workflows/waiting.h"

namespace settle {
namespace {

constexpr Duration retry_interval{1'000};

/// How long a child waits for room in the quota of its namespace. For ever would be too long: where all that is open
/// waits for children of its own, nothing ends that could make room.
constexpr Duration quota_wait_max{600'000};

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
    orders_waiting_.erase(key_of(order.name_space, order.child));
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

void Shard::begin_child(ChildOrder order) {
  if (!store_.has_room()) return try_again(std::move(order));
  if (const Result<void> room = use_of(order.name_space).has_room({1, 0}); !room)
    return wait_for_quota(std::move(order), room.error());
  Result<NewWorkflow> prepared = relatives_.prepare(order);
  if (!prepared) {
    return report(order, {.how = ChildEnd::How::refused,
                          .code = std::string(info(prepared.error().code).name),
                          .message = prepared.error().message});
  }
  submit(*std::move(prepared), [this, order](const Result<Submitted>& submitted) {
    if (submitted && submitted->created) return;
    // It is there already, whoever made it: what it is to us is seen when it is looked at.
    const bool exists = submitted || submitted.error().code == ErrorCode::conflict;
    if (exists) return loop_.post([this, order] { child_ordered(order); });
    if (submitted.error().code == ErrorCode::quota_exceeded) return wait_for_quota(order, submitted.error());
    try_again(order);
  });
}

/// A full engine or a full disk is no reason to lose a child. A cancellation that comes meanwhile takes it away.
void Shard::try_again(ChildOrder order) {
  const std::string key = key_of(order.name_space, order.child);
  const bool waits = orders_waiting_.contains(key);
  orders_waiting_[key] = std::move(order);
  if (waits) return;
  loop_.schedule(loop_.now() + retry_interval, [this, key] {
    const auto found = orders_waiting_.find(key);
    if (found == orders_waiting_.end()) return;
    ChildOrder again = std::move(found->second);
    orders_waiting_.erase(found);
    child_ordered(std::move(again));
  });
}

void Shard::wait_for_quota(ChildOrder order, const Error& full) {
  if (!order.full_since) order.full_since = loop_.now();
  if (loop_.now() < *order.full_since + quota_wait_max) return try_again(std::move(order));
  report(order, {.how = ChildEnd::How::refused,
                 .code = std::string(info(full.code).name),
                 .message = "waited for " + format_duration(quota_wait_max) + ": " + full.message});
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
