#include <algorithm>
#include <initializer_list>
#include <sstream>

#include "tests/unit/workflows/support/event_rules.h"
#include "tests/unit/workflows/support/fixture.h"
#include "workflows/consistency.h"
#include "workflows/receipt.h"
#include "workflows/waiting.h"

namespace settle::test {
namespace {

std::string text_of(const std::optional<Time>& time) {
  return time ? std::to_string(time->time_since_epoch().count()) : "-";
}
std::string text_of(const std::shared_ptr<const CallTarget>& target) {
  return target ? target->origin + " credential " + target->credential + " looks " + target->look_endpoints : "-";
}
std::string text_of(const Rare<ActionError>& error) {
  return error ? error->code + "/" + error->message : "-";
}

}  // namespace

std::string dump(const ActionState& a) {
  std::ostringstream out;
  out << name_of(a.stage) << " attempt " << a.attempt << " counted " << a.counted << " backoffs " << a.backoffs
      << " call " << a.call << " generation " << a.generation << " unclear " << a.unclear << " doubted " << a.doubted
      << " adopted " << a.adopted << " throttled " << a.throttled << " write " << a.call_write << " to "
      << text_of(a.target) << " of " << a.planned << " limit " << name_of(a.limit) << " " << name_of(a.role)
      << " element " << (a.element ? std::to_string(*a.element) : "-") << " parent " << a.parent << " fallback "
      << a.fallback << " idle " << a.idle_fallback << " elements " << a.first_element << "+" << a.elements << " held "
      << a.held;
  if (a.word) out << " word " << a.word->happened << a.word->who << a.word->seen << text_of(a.word->at);
  out << " times";
  for (const MaybeTime time : {a.wake_at, MaybeTime(a.since), a.scheduled_at, a.first_send_at, a.closed_at,
                               a.executed_at, a.verified_at, a.observed_at, a.looks_from})
    out << " " << text_of(time);
  out << " status " << a.status_code << " record " << a.record_id.value_or("-") << " error " << text_of(a.error)
      << " refusal " << text_of(a.refusal) << " effect " << name_of(a.effect) << " confidence " << name_of(a.confidence)
      << " receipt " << a.receipt << " child attention " << a.child_attention;
  for (const CheckResult& check : a.checks) {
    out << " check " << check.at << " " << name_of(check.op) << " " << write_json(check.expected) << " "
        << write_json(check.actual) << check.present << check.ok;
  }
  const auto say = [&](const ApprovalDecision& one) {
    out << " " << one.approved << one.by << "/" << one.reason << "/" << text_of(one.at) << one.digest;
  };
  out << " requests " << a.approval_requests;
  for (const ApprovalDecision& one : a.earlier_decisions) say(one);
  if (a.approval) {
    out << " asks " << a.approval->number << a.approval->digest << name_of(a.approval->state) << a.approval->approvers
        << text_of(a.approval->requested_at) << text_of(a.approval->expires_at) << name_of(a.approval->on_expiry)
        << a.approval->escalated << a.approval->four_eyes;
    for (const ApprovalDecision& one : a.approval->decisions) say(one);
  }
  out << " before " << (a.before ? write_json(*a.before) : "-") << text_of(a.before_at) << " rechecks " << a.rechecks
      << text_of(a.recheck_since) << a.recheck_failed << " pass " << a.pass.next;
  out << " input " << (a.input ? write_json(*a.input) : "-") << " output " << (a.output ? write_json(*a.output) : "-");
  return out.str();
}

std::string dump(const Workflow& w) {
  std::ostringstream out;
  const WorkflowHeader& h = w.header;
  out << h.name_space << "/" << h.id << " " << name_of(h.status) << " " << name_of(h.outcome) << " attention "
      << h.attention << " " << text_of(h.created_at) << " " << text_of(h.ended_at) << " version " << h.version
      << " events " << h.events << " receipts " << h.receipts << " open " << w.open << " parked " << w.parked
      << w.fallen << " gated " << w.gated << " failed " << w.failed << " deadline " << text_of(h.deadline_at)
      << h.expired << " paused " << h.paused << " retries " << h.retries << "\n";
  for (const ActionState& action : w.actions) out << dump(action) << "\n";
  for (const SignalState& signal : w.signals) {
    out << "signal " << signal.name << " " << write_json(*signal.payload) << " " << signal.key << " "
        << text_of(signal.received_at) << " taken by "
        << (signal.taken_by ? std::to_string(*signal.taken_by) : "nobody") << "\n";
  }
  for (const std::uint32_t unmet : w.unmet) out << unmet << " ";
  for (const auto& [index, g] : w.gatherings)
    out << "gathers " << index << " " << g.next << g.running << g.left << g.failed << "\n";
  for (const auto& [at, index] : w.wakes) out << "wake " << text_of(at) << " " << index << "\n";
  return out.str();
}

Driver::Driver(std::shared_ptr<const Plan> plan, std::uint64_t entropy) : entropy_(entropy) {
  workflow.header.id = "w1";
  workflow.plan = std::move(plan);
}

void Driver::start() {
  Workflow before = workflow;
  for (ActionIndex i = 0; i < before.plan->actions.size(); ++i) before.actions.push_back(fresh_action(i, now));
  derive(before);
  take(before, start_workflow(workflow, moment()));
}

void Driver::answer(Outcome outcome, ActionIndex index, Duration took) {
  ASSERT_TRUE(open.contains(index)) << "no call of action " << index << " is under way";
  now += took;
  outcome.started = issued_at[index];
  outcome.ended = now;
  const std::uint32_t number = open[index].number;
  EXPECT_TRUE(answer_number(index, number, std::move(outcome))) << "the answer was refused";
}

bool Driver::answer_number(ActionIndex index, std::uint32_t number, Outcome outcome) {
  const Workflow before = workflow;
  if (const auto call = open.find(index); call != open.end() && call->second.number == number) open.erase(call);
  return take(before, on_answer(workflow, index, number, std::move(outcome), moment()));
}

bool Driver::timer() {
  const Workflow before = workflow;
  const bool changed = take(before, on_timer(workflow, moment()));
  EXPECT_TRUE(workflow.wakes.empty() || workflow.wakes.begin()->first > now) << "a due timer did not fire";
  return changed;
}

bool Driver::wake() {
  const std::optional<Time> next = workflow.next_wake();
  if (!next) return false;
  now = std::max(now, *next);
  return timer();
}

bool Driver::permit(ActionIndex index) {
  const Workflow before = workflow;
  gate.held = index;
  const bool changed = take(before, on_permit(workflow, index, moment()));
  return changed;
}

bool Driver::restart() {
  const Workflow before = workflow;
  open.clear();
  return take(before, on_restart(workflow, moment()));
}

bool Driver::cancel() {
  const Workflow before = workflow;
  return take(before, on_cancel(workflow, moment()));
}

bool Driver::pause() {
  const Workflow before = workflow;
  return take(before, on_pause(workflow, moment()));
}

bool Driver::resume() {
  const Workflow before = workflow;
  return take(before, on_resume(workflow, moment()));
}

std::string Driver::take_result(const Workflow& before, Result<Transition> transition) {
  if (!transition) {
    EXPECT_EQ(dump(before), dump(workflow)) << "a refused request changed something";
    return std::string(info(transition.error().code).name);
  }
  EXPECT_TRUE(take(before, *std::move(transition)));
  return "";
}

std::string Driver::resolve(Resolution resolution, ActionIndex run) {
  const Workflow before = workflow;
  return take_result(before, on_resolve(workflow, run, std::move(resolution), moment()));
}

std::string Driver::retry(std::shared_ptr<const Plan> plan) {
  const Workflow before = workflow;
  return take_result(before, on_retry(workflow, std::move(plan), moment()));
}

/// Of what is asked for now, unless another digest is given.
std::string Driver::decide(bool approve, const std::string& who, ActionIndex run, const std::string& digest) {
  const Workflow before = workflow;
  const std::string shown = digest.empty() ? action(run).approval->digest : digest;
  Result<Transition> transition = on_decide(workflow, run, {approve, who, "as " + who + " says", shown}, moment());
  if (transition && !transition->changed) return take(before, *std::move(transition)) ? "changed" : "again";
  return take_result(before, std::move(transition));
}

bool Driver::signal(const std::string& name, Json payload, const std::string& key) {
  const Workflow before = workflow;
  return take(before,
              on_signal(workflow, {name, std::make_shared<const Json>(std::move(payload)), key, "", 0}, moment()));
}

bool Driver::child_ended(ActionIndex index, const ChildEnd& end) {
  const Workflow before = workflow;
  return take(before, on_child_ended(workflow, index, child_id(workflow, index), end, moment()));
}

bool Driver::child_attention(ActionIndex index, bool attention) {
  const Workflow before = workflow;
  return take(before, on_child_attention(workflow, index, child_id(workflow, index), attention, moment()));
}

void Driver::swap_tool(std::shared_ptr<const Tool> tool, ActionIndex index) {
  auto plan = std::make_shared<Plan>(*workflow.plan);
  plan->actions[index].tool = std::move(tool);
  workflow.plan = std::move(plan);
}

const CallEffect* Driver::call(ActionIndex index) const {
  const auto at = open.find(index);
  return at == open.end() ? nullptr : &at->second;
}

std::size_t Driver::sends(ActionIndex index) const {
  const auto at = sends_.find(index);
  return at == sends_.end() ? 0 : at->second;
}

Json Driver::receipt(ActionIndex index) const {
  const Json wanted = receipt_id(workflow.header.id, action(index).receipt);
  for (const Json& receipt : receipts) {
    if (*receipt.find("receipt") == wanted) return receipt;
  }
  return Json();
}

std::size_t Driver::happened(std::string_view type) const {
  return static_cast<std::size_t>(
      std::count_if(history.begin(), history.end(), [&](const HistoryEvent& event) { return event.type == type; }));
}

Driver running(const ToolSpec& spec) {
  Driver out(plan_of(make_tool(spec)));
  out.start();
  EXPECT_EQ(out.stage(), Stage::sending);
  return out;
}

Driver begun(const Json& document) {
  Driver out(plan_of(compiled(document)));
  out.start();
  return out;
}

void look_on(Driver& run, const Outcome& outcome, ActionIndex index) {
  for (int i = 0; i < 1'000 && !is_final(run.stage(index)) && !is_parked(run.stage(index)); ++i) {
    if (run.call(index) != nullptr) {
      run.answer(outcome, index);
    } else {
      run.wake();
    }
  }
}

Driver repeating(const ToolSpec& spec) {
  Driver out = running(spec);
  out.answer(ambiguous());
  if (spec.mode == IdempotencyMode::lookup && !spec.reads) {
    out.answer(found(0));  // too early to count
    out.wake();
    out.answer(found(0));
  } else {
    out.wake();
  }
  EXPECT_EQ(out.stage(), Stage::sending);
  EXPECT_EQ(out.sends(), 2U);
  return out;
}

Driver reading(const ToolSpec& spec) {
  Driver out = running(spec);
  out.answer(done());
  EXPECT_EQ(out.stage(), Stage::reading);
  return out;
}

bool Driver::take(Workflow before, Transition transition) {
  last = std::move(transition);
  while (before.actions.size() < workflow.actions.size()) {  // runs that are new were blocked before, elements fresh
    const ActionState& made = workflow.actions[before.actions.size()];
    ActionState& blocked = before.actions.emplace_back();
    if (made.element && made.role == CallRole::main) {
      blocked = fresh_element(workflow.plan->actions[made.planned], workflow.actions[made.parent], *made.element);
      continue;
    }
    blocked.planned = made.planned;
    blocked.role = made.role;
    blocked.element = made.element;
    blocked.parent = made.parent;
  }
  if (!last.changed) {
    EXPECT_EQ(dump(before), dump(workflow)) << "a refused event changed something";
    EXPECT_TRUE(last.actions.empty() && last.history.empty() && last.receipts.empty() && last.calls.empty());
    EXPECT_TRUE(last.children.empty() && last.signals.empty());
    return false;
  }
  check_counters(before, last);
  check_actions(before, last);
  check_receipts(before, last);
  check_calls(before, last);
  check_children(last);
  check_approvals(before, last);
  check_events(before, workflow, last);
  history.insert(history.end(), last.history.begin(), last.history.end());
  return true;
}

void Driver::check_counters(const Workflow& before, const Transition& transition) const {
  EXPECT_EQ(workflow.header.version, before.header.version + 1);
  EXPECT_EQ(workflow.header.events, before.header.events + transition.history.size());
  EXPECT_EQ(workflow.header.receipts, before.header.receipts + transition.receipts.size());
  EXPECT_EQ(workflow.header.attention, workflow.needs_person());
  EXPECT_EQ(workflow.header.status == WorkflowStatus::ended, workflow.open == 0);
  EXPECT_EQ(workflow.header.status == WorkflowStatus::ended, workflow.header.outcome != WorkflowOutcome::none);
  EXPECT_TRUE(std::is_sorted(transition.actions.begin(), transition.actions.end()));
  Workflow fresh = workflow;
  derive(fresh);
  EXPECT_EQ(fresh.unmet, workflow.unmet);
  EXPECT_EQ(fresh.wakes, workflow.wakes);
  EXPECT_EQ(fresh.open, workflow.open);
  EXPECT_EQ(fresh.parked, workflow.parked);
  EXPECT_EQ(fresh.fallen, workflow.fallen);
  EXPECT_EQ(fresh.gated, workflow.gated);
  EXPECT_EQ(fresh.calling, workflow.calling);
  EXPECT_EQ(fresh.children, workflow.children);
  EXPECT_EQ(fresh.held, workflow.held);
  const bool has_room = calls_max == 0 || std::max(workflow.calling, workflow.gated) < calls_max;
  EXPECT_TRUE(workflow.held.empty() || workflow.header.paused || !has_room) << "held for nothing";
  EXPECT_EQ(fresh.failed, workflow.failed);
  EXPECT_EQ(fresh.gatherings, workflow.gatherings);
  check_recorded(workflow);
  EXPECT_EQ(inconsistency_of(workflow, PlanKnown::whole), std::nullopt);
}

void Driver::check_actions(const Workflow& before, const Transition& transition) const {
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const ActionState& was = before.actions[i];
    const ActionState& is = workflow.actions[i];
    SCOPED_TRACE("action " + workflow.action_of(i).id + ", from " + std::string(name_of(was.stage)) + " to " +
                 std::string(name_of(is.stage)));
    const bool told = std::binary_search(transition.actions.begin(), transition.actions.end(), i);
    // A retry takes what has failed up again: at once, but for a fallback, which waits until it is needed.
    const bool now_or_later = workflow.header.retries > before.header.retries ||
                              (workflow.header.retries > 0 && was.role == CallRole::fallback);
    const bool retried = now_or_later && is_legal(was.stage, EventKind::retry);
    // What was verified may be looked at again, and a list falls with its element.
    const bool looked_at = was.wake_at || was.stage == Stage::rechecking || was.elements > 0;
    // What no longer holds stays failed, but a person has seen to it.
    const bool seen_to = is_fallen(was) && is.word != was.word;
    // An element counts as under way again when the turn of its fallback comes.
    const bool counted = is.element && is.fallback != 0 && !was.scheduled_at && is.scheduled_at;
    if (!told || (is_final(was.stage) && !retried && !looked_at && !seen_to && !counted)) {
      EXPECT_EQ(dump(was), dump(is)) << "a change that the transition does not name, or of a final action";
      continue;
    }
    EXPECT_TRUE(may_follow(was.stage, is.stage));
    EXPECT_GE(is.attempt, was.attempt);
    EXPECT_GE(is.call, was.call);
    const bool waits = is.stage == Stage::backing_off || is.stage == Stage::look_wait ||
                       is.stage == Stage::settle_wait || is.stage == Stage::read_wait ||
                       is.stage == Stage::before_wait || is.stage == Stage::gated;
    const bool moved_in_line = std::find(transition.gates.begin(), transition.gates.end(), i) != transition.gates.end();
    if ((was.stage == Stage::gated) != (is.stage == Stage::gated)) {
      EXPECT_TRUE(moved_in_line);
    }
    if (is.stage != Stage::waiting) {
      EXPECT_FALSE(is.child_attention);
    }
    if (is.stage != Stage::verified && is.stage != Stage::waiting && is.stage != Stage::awaiting_approval) {
      EXPECT_EQ(is.wake_at.has_value(), waits);
    }
    if (is.wake_at && is.wake_at != was.wake_at) {
      EXPECT_GT(*is.wake_at, now);
    }
    const bool doubt = is.stage >= Stage::looking && is.stage <= Stage::in_doubt;
    if (doubt) {
      EXPECT_TRUE(is.unclear);
    }
    if (is_final(is.stage)) {
      EXPECT_FALSE(is.unclear) << "final, and still unclear";
    }
    if (is.stage == Stage::in_doubt) {
      EXPECT_EQ(is.effect, Effect::unknown);
    }
    if (is.stage == Stage::failed || is_parked(is.stage)) {
      EXPECT_TRUE(is.error.has_value());
    }
    if (state_of(is.stage) == "executed") {
      EXPECT_TRUE(is.executed_at && (is.output || (is.word && is.word->happened))) << "executed without its evidence";
    }
    if (is.stage == Stage::verified || is.stage == Stage::rechecking) {
      EXPECT_TRUE(is.verified_at.has_value());
      EXPECT_TRUE(is.confidence != Confidence::none || (is.output && is.output->size() == 0)) << "no evidence";
      const bool gathers = workflow.action_of(i).for_each && !is.element && is.role == CallRole::main;
      if (!gathers && workflow.call_of(i).tool->verify == VerifyKind::read_back) {
        EXPECT_TRUE(is.observed_at && !is.checks.empty()) << "verified without a look";
        EXPECT_TRUE(std::all_of(is.checks.begin(), is.checks.end(), [](const CheckResult& check) { return check.ok; }));
        EXPECT_TRUE(!is.executed_at || *is.observed_at >= *is.executed_at)
            << "verified by a look older than the execution";
      }
    }
  }
}

void Driver::check_receipts(const Workflow& before, const Transition& transition) {
  std::uint32_t number = before.header.receipts;
  for (const IssuedReceipt& issued : transition.receipts) {
    const ActionState& state = workflow.actions[issued.action];
    const std::string bytes = receipt_bytes(workflow, issued.action, issued.number, issued.supersedes, issued.at);
    const Json document = *read_receipt(bytes);
    EXPECT_EQ(canonical(document), bytes);
    EXPECT_EQ(issued.number, ++number);
    EXPECT_EQ(state.receipt, issued.number) << "two receipts of one action in one transition";
    EXPECT_EQ(*document.find("receipt"), Json(receipt_id(workflow.header.id, issued.number)));
    EXPECT_EQ(*document.find("state"), Json(state_of(state.stage)));
    EXPECT_EQ(*document.find("effect"), Json(name_of(state.effect)));
    EXPECT_EQ(*document.find("confidence"), Json(name_of(state.confidence)));
    const std::uint32_t earlier = before.actions[issued.action].receipt;
    EXPECT_EQ(*document.find("supersedes"), earlier == 0 ? Json() : Json(receipt_id(workflow.header.id, earlier)));
    receipts.push_back(document);
  }
  for (const ActionIndex i : transition.actions) {
    const Stage stage = workflow.actions[i].stage;
    if (stage == before.actions[i].stage || !(is_final(stage) || is_parked(stage))) continue;
    if (state_of(stage) == "verified" && state_of(before.actions[i].stage) == "verified") continue;
    EXPECT_TRUE(std::any_of(transition.receipts.begin(), transition.receipts.end(), [&](const IssuedReceipt& r) {
      return r.action == i;
    })) << "a final or parked action without a receipt";
  }
}

void Driver::check_children(const Transition& transition) const {
  for (const ChildEffect& effect : transition.children) {
    EXPECT_EQ(workflow.actions[effect.action].stage, Stage::waiting);
    EXPECT_EQ(workflow.call_of(effect.action).tool->builtin, Builtin::run_plan);
    EXPECT_EQ(effect.child, child_id(workflow, effect.action));
    const bool late = workflow.header.expired && !is_undoing(workflow.actions[effect.action].role);
    EXPECT_EQ(effect.cancel, workflow.header.status == WorkflowStatus::cancelling || late);
  }
  for (const std::uint32_t index : transition.signals) EXPECT_LT(index, workflow.signals.size());
}

/// Whatever changes of a request is named, so that the index shows it.
void Driver::check_approvals(const Workflow& before, const Transition& transition) const {
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const Rare<ApprovalRequest>&was = before.actions[i].approval, &is = workflow.actions[i].approval;
    if (was == is || !is) continue;
    const ApprovalChange* told = nullptr;
    for (const ApprovalChange& change : transition.approvals) {
      if (change.run == i) told = &change;
    }
    ASSERT_NE(told, nullptr) << "a request has changed in silence";
    EXPECT_EQ(told->request, *is);
    const bool replaced = was && was->state == ApprovalState::open && was->number != is->number;
    EXPECT_TRUE(!replaced || transition.approvals.size() > 1) << "an open request was replaced in silence";
  }
}

void Driver::check_calls(const Workflow& before, const Transition& transition) {
  std::set<ActionIndex> called;
  for (const CallEffect& effect : transition.calls) {
    const ActionState& state = workflow.actions[effect.action];
    const PlannedCall& planned = workflow.call_of(effect.action);
    EXPECT_TRUE(called.insert(effect.action).second) << "two calls of one action in one transition";
    EXPECT_TRUE(is_calling(state.stage)) << "a call of an action in stage " << name_of(state.stage);
    EXPECT_EQ(effect.number, state.call);
    const bool agreed = state.stage == Stage::sending && state.approval.has_value();
    EXPECT_EQ(effect.at_once, !effect.call.write && !agreed) << "only what is safe leaves before its commit";
    if (state.stage != Stage::sending) {
      EXPECT_TRUE(effect.at_once);
    }
    EXPECT_EQ(effect.permit, state.stage == Stage::sending && planned.tool->rate_limit.any());
    EXPECT_EQ(effect.call.repeat, state.stage == Stage::sending && state.attempt > 1);
    if (state.stage == Stage::sending) {
      EXPECT_TRUE(is_released(workflow, effect.action)) << "sent without the agreement that it needs";
      ++sends_[effect.action];
      EXPECT_EQ(state.attempt, before.actions[effect.action].attempt + 1);
      const bool writes = !planned.tool->reads_only();
      EXPECT_EQ(effect.call.write, writes);
      if (writes && planned.tool->mode == IdempotencyMode::none) {
        const ActionState& was = before.actions[effect.action];
        // A person said that it had not happened: now, or before a retry.
        const bool told = (state.word && !state.word->happened) || workflow.header.retries > 0;
        EXPECT_TRUE((told || !was.doubted) && !(was.unclear && was.stage != Stage::in_doubt))
            << "mode none was sent again after an unclear send";
      }
      for (const auto& [name, value] : effect.call.headers) {
        if (name != "Idempotency-Key") continue;
        EXPECT_EQ(value.size(), 32U);
        const auto first = keys_.emplace(std::pair(effect.action, state.generation), value).first;
        EXPECT_EQ(first->second, value) << "the key changed between attempts";
      }
    }
    open[effect.action] = effect;
    issued_at[effect.action] = now;
  }
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const bool calling = is_calling(workflow.actions[i].stage);
    EXPECT_EQ(open.contains(i), calling) << "action " << i << " in " << name_of(workflow.actions[i].stage)
                                         << " waits for a call that nobody makes, or none waits";
    if (!calling) open.erase(i);
  }
}

}  // namespace settle::test
