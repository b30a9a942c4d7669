// The core against a world that loses, delays, repeats and lies, from a seed. What must hold whatever happens is
// checked against the truth that only the world knows. More seeds: SETTLE_SEEDS=100000; one seed again: SETTLE_SEED=17.
#include <cstdlib>
#include <set>

#include "tests/unit/workflows/support/drawn_plan.h"
#include "tests/unit/workflows/support/world.h"

namespace settle::test {
namespace {

/// How often the rare branches were reached; every one must be.
std::map<std::string, std::size_t>& sometimes() {
  static std::map<std::string, std::size_t> counts;
  return counts;
}

class Walk {
 public:
  explicit Walk(std::uint64_t seed)
      : dice_(seed),
        cancels_(chance(10)),
        crashes_(chance(10) ? 30 : 3),
        operates_(chance(40)),
        drawn_(draw_plan(dice_)),
        run_(drawn_.plan, seed) {
    if (chance(30)) run_.calls_max = 1 + static_cast<std::uint32_t>(below(3));
  }

  void go() {
    run_.start();
    begin_calls();
    const Time heals = run_.now + Duration(90'000);
    for (int step = 0; step < 20'000 && (!over() || retry()); ++step) {
      if (run_.now >= heals) {
        healed_ = true;
        for (auto& [run, world] : worlds_) world.heal();
        resume();
      } else if (chance(crashes_)) {
        crash();
      } else if (cancels_ && chance(2)) {
        sometimes()["cancelled while it ran"] += run_.cancel() ? 1 : 0;
        begin_calls();
      } else if (operates_ && chance(5)) {
        pause_or_resume();
      }
      if (operates_ && chance(5)) resolve();
      if (chance(40)) decide();
      run_.gate.shut = run_.now < heals && chance(50) ? Limit::concurrency : Limit::none;
      if (!give_permit() && !go_on() && !resume() && !decide() && !(operates_ && resolve())) break;
    }
    if (::testing::Test::HasFailure()) return;
    check_end();
  }

 private:
  bool chance(int percent) { return std::uniform_int_distribution<int>(1, 100)(dice_) <= percent; }
  std::uint64_t below(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most - 1)(dice_); }

  /// Ended, and nothing is to be looked at again.
  bool over() const {
    return run_.workflow.header.status == WorkflowStatus::ended && !run_.workflow.next_wake() && scripts_.empty();
  }

  bool resume() {
    if (!run_.resume()) return false;
    begin_calls();
    return true;
  }

  void pause_or_resume() {
    if (resume()) return;
    sometimes()["paused"] += run_.pause() ? 1 : 0;
  }

  /// Somebody agrees to what waits for it, or does not. False when nothing does.
  bool decide() {
    for (ActionIndex i = 0; i < run_.workflow.actions.size(); ++i) {
      if (run_.stage(i) != Stage::awaiting_approval) continue;
      const bool approve = chance(85);
      const std::string who = run_.action(i).approval->decisions.empty() ? "ada" : "bob";
      const std::optional<Time>&own = run_.action(i).wake_at, &whole = run_.workflow.header.deadline_at;
      const bool passed = whole && *whole <= run_.now && !is_undoing(run_.action(i).role);
      const bool late = passed || (own && *own <= run_.now);  // while its timer is late
      EXPECT_EQ(run_.decide(approve, who, i), late ? "wrong_state" : "");
      if (late) continue;
      sometimes()[approve ? "agreed" : "refused to agree"] += 1;
      begin_calls();
      return true;
    }
    return false;
  }

  /// A person looks where the truth is, late enough for everything to be there, and says it. False when nothing waits.
  bool resolve() {
    for (ActionIndex i = 0; i < run_.workflow.actions.size(); ++i) {
      if (!is_parked(run_.stage(i))) continue;
      sometimes()["resolved " + std::string(name_of(run_.stage(i)))] += 1;
      run_.advance(late_max + lag_max);
      const WorkflowHeader& header = run_.workflow.header;
      const bool passed = header.expired || (header.deadline_at && *header.deadline_at <= run_.now);
      const bool may_send = run_.stage(i) != Stage::fallback_held && header.status != WorkflowStatus::cancelling &&
                            (!passed || is_undoing(run_.action(i).role));
      Resolution word{.happened = world_of(i).truth_in_the_end().records > 0, .who = "ada", .seen = "the truth"};
      word.verify = chance(80);
      word.send_again = !word.happened && may_send && chance(50);
      sometimes()[word.happened     ? "a person said: happened"
                  : word.send_again ? "a person said: send again"
                                    : "a person said: did not happen"] += 1;
      EXPECT_EQ(run_.resolve(word, i), "");
      begin_calls();
      return true;
    }
    return false;
  }

  /// False when it is over: nothing failed, it was undone, or it was retried often enough.
  bool retry() {
    const WorkflowHeader& header = run_.workflow.header;
    if (!operates_ || header.outcome != WorkflowOutcome::failed || header.retries >= 2) return false;
    if (run_.retry() != "") return false;
    for (const HistoryEvent& event : run_.last.history) {
      if (event.type == "action.retried") sometimes()["retried: " + event.data.find("how")->as_string()] += 1;
    }
    begin_calls();
    return true;
  }

  /// Every call that the last transition made gets its script.
  void begin_calls() {
    for (const CallEffect& effect : run_.last.calls) {
      const Stage stage = run_.stage(effect.action);
      World& world = world_of(effect.action);
      EXPECT_TRUE(stage != Stage::sending || is_undoing(run_.action(effect.action).role) ||
                  !run_.workflow.header.expired)
          << "sent after the deadline";
      // A crash may come between the commit of an intent and its call: then nothing of it ever happens outside.
      const bool searches = spec_of(effect.action).unique && stage != Stage::before_reading;
      scripts_[effect.action] = stage == Stage::sending   ? world.send(effect.call, run_.now)
                                : stage == Stage::looking ? world.look_up(run_.now)
                                : searches                ? world.search(run_.now)
                                                          : world.read_back(run_.now);
    }
    const Transition& last = run_.last;
    for (const HistoryEvent& event : last.history) sometimes()[event.type] += 1;
    for (const ActionIndex i : last.actions) check(i);
  }

  /// The next thing that happens: a call closes or a timer fires, whichever comes first. False when nothing will.
  bool go_on() {
    std::optional<ActionIndex> closing;
    for (const auto& [index, script] : scripts_) {
      if (!closing || script.closes < scripts_[*closing].closes) closing = index;
    }
    const std::optional<Time> wake = run_.workflow.next_wake();
    if (!closing && !wake) return false;
    if (!closing || (wake && *wake < scripts_[*closing].closes)) {
      run_.wake();
    } else {
      const Script script = scripts_[*closing];
      scripts_.erase(*closing);
      const Duration took = std::max(script.closes - run_.now, Duration(0));
      run_.answer(script.outcome, *closing, took);
    }
    begin_calls();
    return true;
  }

  /// One of those that wait for a permit gets it, now and then; all of them in a healthy world.
  bool give_permit() {
    for (ActionIndex i = 0; i < run_.workflow.actions.size(); ++i) {
      if (run_.stage(i) != Stage::gated || (run_.gate.shut != Limit::none && !chance(20))) continue;
      sometimes()[run_.action(i).unclear ? "a permit for a repeat" : "a permit"] += 1;
      run_.permit(i);
      begin_calls();
      return true;
    }
    return false;
  }

  void crash() {
    sometimes()["crashed"] += 1;
    for (auto& [run, world] : worlds_) world.crash(run_.now);
    scripts_.clear();
    run_.advance(Duration(static_cast<std::int64_t>(below(5'000))));
    run_.restart();
    begin_calls();
  }

  void check(ActionIndex i) {
    const ActionState& action = run_.action(i);
    if (run_.workflow.gathers(i)) return check_list(action);
    sometimes()[std::string(name_of(action.role)) + (action.element ? " of an element " : " ") +
                std::string(name_of(action.stage))] += 1;
    if (action.fallback != 0) {
      EXPECT_TRUE(action.effect == Effect::none || run_.workflow.action_of(i).fallback_after_any);
    }
    const ToolSpec& spec = spec_of(i);
    if (spec.reads) return;
    if (action.stage == Stage::verified) {
      // A look long after that can't be read takes nothing back.
      EXPECT_TRUE(world_of(i).last_read_matched || action.recheck_since)
          << "verified, but the last look showed something else\n"
          << dump(action);
      sometimes()[std::string("verified by ") + std::string(name_of(action.confidence))] += 1;
    }
    if (action.stage == Stage::failed) {
      sometimes()[std::string("failed: ") +
                  (action.error->code.starts_with("http_") ? "refused" : action.error->code)] += 1;
      sometimes()[std::string("failed with effect ") + std::string(name_of(action.effect))] += 1;
    }
    if (action.stage == Stage::in_doubt) sometimes()["in doubt: " + action.error->code] += 1;
    if (action.unclear && !action.refusal && run_.workflow.header.status == WorkflowStatus::running &&
        action.stage != Stage::sending && spec.mode == IdempotencyMode::key && action.stage != Stage::backing_off &&
        action.counted < static_cast<std::uint32_t>(spec.attempts) &&
        run_.now < *action.scheduled_at + spec.schedule_to_close) {
      sometimes()["window exhausted"] += 1;
    }
    if (action.stage == Stage::read_wait && action.doubted && action.checks.empty())
      sometimes()["natural waits for quiet"] += 1;
    if (action.stage == Stage::sending && action.doubted && !action.unclear)
      sometimes()["sent again after absence"] += 1;
  }

  void check_list(const ActionState& action) {
    if (!is_final(action.stage)) return;
    sometimes()["list " + std::string(name_of(action.stage)) + (action.error ? ": " + action.error->code : "")] += 1;
  }

  /// Since it was last retried.
  bool was_cancelled() const {
    bool out = false;
    for (const HistoryEvent& event : run_.history)
      out = event.type == "workflow.cancel_requested" || (out && event.type != "workflow.retried");
    return out;
  }

  /// Each run that left something behind is undone once, seeing to what is declared; nothing else is.
  void check_undoing() {
    const Workflow& workflow = run_.workflow;
    std::map<ActionIndex, std::size_t> undone;
    for (const ActionState& run : workflow.actions) undone[run.parent] += is_undoing(run.role) ? 1 : 0;
    const bool undoes = workflow.plan->on_failure == OnFailure::compensate &&
                        workflow.header.outcome == WorkflowOutcome::failed && !was_cancelled();
    for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
      const ActionState& run = workflow.actions[i];
      const PlanAction& planned = workflow.action_of(i);
      const bool declared = run.role == CallRole::main       ? planned.compensate.has_value()
                            : run.role == CallRole::fallback ? planned.fallback->compensate.has_value()
                                                             : false;
      const bool left = run.effect == Effect::complete || run.effect == Effect::partial;
      EXPECT_EQ(undone[i], undoes && declared && left && !workflow.gathers(i) ? 1U : 0U) << "undoings of run " << i;
    }
  }

  void check_receipts() {
    std::set<std::string> keys;
    for (ActionIndex i = 0; i < run_.workflow.actions.size(); ++i) {
      const ActionState& action = run_.action(i);
      if (!is_final(action.stage)) continue;
      const Json receipt = run_.receipt(i);
      ASSERT_TRUE(receipt.is_object()) << "run " << i << " ended without a receipt";
      EXPECT_EQ(*receipt.find("state"), Json(state_of(action.stage)));
      EXPECT_EQ(*receipt.find("effect"), Json(name_of(action.effect)));
      // A list calls nothing, so its key is never used; that of its first element is the same.
      if (!run_.workflow.gathers(i)) {
        EXPECT_TRUE(keys.insert(receipt.find("idempotency_key")->as_string()).second) << "two runs with one key";
      }
    }
  }

  void check_end() {
    const WorkflowHeader& header = run_.workflow.header;
    EXPECT_TRUE(header.status == WorkflowStatus::ended || header.attention) << "stuck in a healthy world";
    for (ActionIndex i = 0; i < run_.workflow.actions.size(); ++i) {
      if (run_.workflow.gathers(i)) continue;
      SCOPED_TRACE(std::string("run ") + std::to_string(i) + ", mode " + std::string(name_of(spec_of(i).mode)));
      if (!spec_of(i).reads) check_end(i);
    }
    check_receipts();
    if (header.status == WorkflowStatus::ended) check_undoing();
    if (header.expired) sometimes()["expired"] += 1;
  }

  void check_end(ActionIndex i) {
    const ActionState& action = run_.action(i);
    const World& world = world_of(i);
    const World::Truth truth = world.truth_in_the_end();
    if (spec_of(i).mode == IdempotencyMode::none && !operates_) {  // a person may say that it did not happen
      EXPECT_LE(world.unrefused_sends, 1U) << "mode none was sent again";
    } else {
      EXPECT_LE(truth.records, 1U) << "a duplicate effect";
    }
    if (action.stage == Stage::verified) {
      EXPECT_TRUE(truth.records == 1 && truth.whole) << "verified, and it is not so";
    }
    if (action.stage == Stage::executed && !world.lied) {
      EXPECT_EQ(truth.records, 1U) << "executed, and nothing happened";
    }
    if ((action.stage == Stage::failed && action.effect == Effect::none) || action.stage == Stage::cancelled) {
      EXPECT_EQ(truth.records, 0U) << name_of(action.stage) << " with effect none, and it happened: "
                                   << (action.error ? action.error->code : "");
    }
    if (action.stage == Stage::failed && action.effect == Effect::partial) {
      EXPECT_GT(truth.records, 0U) << "failed with effect partial, and nothing is there";
    }
    if (world.refused_although_done) sometimes()["refused although it had happened"] += 1;
    if (world.lied) sometimes()["lied"] += 1;
    if (action.stage == Stage::unverified) sometimes()["unverified"] += 1;
  }

  using Script = World::Script;
  const ToolSpec& spec_of(ActionIndex i) const { return drawn_.spec_of(run_.workflow, i); }
  /// Each run has an outside of its own.
  World& world_of(ActionIndex i) {
    const auto [found, made] = worlds_.try_emplace(i, spec_of(i), dice_());
    if (made && healed_) found->second.heal();
    return found->second;
  }

  std::mt19937_64 dice_;
  bool cancels_ = false;
  int crashes_ = 3;        ///< percent of the steps
  bool operates_ = false;  ///< somebody pauses, resolves and retries
  bool healed_ = false;
  DrawnPlan drawn_;
  Driver run_;
  std::map<ActionIndex, World> worlds_;
  std::map<ActionIndex, Script> scripts_;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(RandomWalk, nothing_it_says_is_untrue_whatever_the_world_does) {
  const std::uint64_t one = number_from("SETTLE_SEED", 0);
  const std::uint64_t count = number_from("SETTLE_SEEDS", 2'500);
  const std::uint64_t first = one != 0 ? one : 1;
  const std::uint64_t last = one != 0 ? one : count;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("SETTLE_SEED=" + std::to_string(seed));
    Walk walk(seed);
    walk.go();
    ASSERT_FALSE(HasFailure()) << "the walk of this seed failed";
  }
  if (one != 0 || count < 2'500) return;
  for (const char* branch : {"crashed",
                             "cancelled while it ran",
                             "paused",
                             "a person said: happened",
                             "a person said: did not happen",
                             "a person said: send again",
                             "resolved in_doubt",
                             "resolved unverified",
                             "resolved fallback_held",
                             "retried: anew",
                             "retried: same_key",
                             "retried: look",
                             "verified by operator",
                             "action.adopted",
                             "action.before",
                             "action.rechecked",
                             "action.absent",
                             "action.repeat_refused",
                             "action.in_doubt",
                             "action.unverified",
                             "action.rate_limited",
                             "agreed",
                             "refused to agree",
                             "action.approval_requested",
                             "action.approval_expired",
                             "action.approval_escalated",
                             "action.approval_withdrawn",
                             "failed: approval_rejected",
                             "a permit",
                             "a permit for a repeat",
                             "sent again after absence",
                             "window exhausted",
                             "natural waits for quiet",
                             "refused although it had happened",
                             "lied",
                             "verified by read_back",
                             "verified by state_match",
                             "verified by lookup",
                             "failed: verification_mismatch",
                             "failed: refused",
                             "failed: attempts_exhausted",
                             "failed: schedule_to_close_timeout",
                             "failed with effect partial",
                             "failed with effect none",
                             "in doubt: look_up_unreadable",
                             "in doubt: read_back_unreadable",
                             "in doubt: engine_restart",
                             "in doubt: lost_before",
                             "in doubt: lost_after",
                             "in doubt: late",
                             "in doubt: output_schema_violation",
                             "expired",
                             "failed: deadline_exceeded",
                             "main skipped",
                             "main fallback_held",
                             "main of an element fallback_held",
                             "main of an element verified",
                             "fallback verified",
                             "fallback of an element verified",
                             "fallback failed",
                             "compensate verified",
                             "compensate failed",
                             "compensate of an element verified",
                             "compensate_fallback verified",
                             "action.not_compensated",
                             "list verified",
                             "list executed",
                             "list cancelled",
                             "list failed: elements_failed",
                             "list failed: reference_unresolved",
                             "workflow.compensating"}) {
    EXPECT_GT(sometimes()[branch], 0U) << "never reached: " << branch;
  }
  std::string report;
  for (const auto& [branch, times] : sometimes()) report += "  " + std::to_string(times) + "  " + branch + "\n";
  if (std::getenv("SETTLE_REPORT") != nullptr) std::printf("%s", report.c_str());
}

}  // namespace
}  // namespace settle::test
