// The core against a world that loses, delays, repeats and lies, from a seed. What must hold whatever happens is
// checked against the truth that only the world knows. More seeds: SETTLE_SEEDS=100000; one seed again: SETTLE_SEED=17.
#include <cstdlib>

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
  explicit Walk(std::uint64_t seed) : dice_(seed), specs_(draw_specs()), run_(make_walk_plan(), seed) {
    for (const ToolSpec& spec : specs_) worlds_.emplace_back(spec, dice_());
  }

  void go() {
    run_.start();
    begin_calls();
    const Time heals = run_.now + Duration(90'000);
    for (int step = 0; step < 20'000 && !over(); ++step) {
      if (run_.now >= heals) {
        for (World& world : worlds_) world.heal();
      } else if (chance(3)) {
        crash();
      } else if (cancels_ && chance(2)) {
        sometimes()["cancelled while it ran"] += run_.cancel() ? 1 : 0;
        begin_calls();
      }
      if (!go_on()) break;
    }
    if (::testing::Test::HasFailure()) return;
    check_end();
  }

 private:
  /// Ended, and nothing is to be looked at again.
  bool over() const {
    return run_.workflow.header.status == WorkflowStatus::ended && !run_.workflow.next_wake() && scripts_.empty();
  }
  bool chance(int percent) { return std::uniform_int_distribution<int>(1, 100)(dice_) <= percent; }
  std::uint64_t below(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most - 1)(dice_); }

  std::vector<ToolSpec> draw_specs() {
    cancels_ = chance(10);
    std::vector<ToolSpec> out;
    const std::size_t count = 1 + below(3);
    for (std::size_t i = 0; i < count; ++i) {
      ToolSpec spec;
      spec.name = "box.t" + std::to_string(i);
      spec.reads = chance(10);
      spec.mode = static_cast<IdempotencyMode>(below(4));
      spec.read_back = spec.mode == IdempotencyMode::natural || chance(85);
      spec.tied = chance(50);
      spec.unique = spec.mode != IdempotencyMode::natural && chance(25);
      spec.before = chance(20);
      spec.recheck = chance(30);
      spec.key_lookup = spec.mode == IdempotencyMode::key && chance(40);
      spec.window = chance(50) ? Duration(8'000) : Duration(3'600'000);
      spec.attempts = static_cast<int>(1 + below(5));
      spec.schedule_to_close = chance(20) ? Duration(12'000) : Duration(60'000);
      out.push_back(spec);
    }
    return out;
  }

  std::shared_ptr<const Plan> make_walk_plan() {
    std::vector<std::shared_ptr<const Tool>> tools;
    Json actions = Json::array();
    for (std::size_t i = 0; i < specs_.size(); ++i) {
      tools.push_back(make_tool(specs_[i]));
      Json action = Json::object({{"id", "a" + std::to_string(i)},
                                  {"tool", specs_[i].name},
                                  {"input", json(R"({"name": "n", "value": "v"})")}});
      if (i > 0 && chance(50)) action.set("after", Json(Json::Array{Json("a" + std::to_string(i - 1))}));
      actions.push_back(std::move(action));
    }
    return make_plan(
        Json::object({{"name", "p"}, {"on_failure", chance(50) ? "stop" : "continue"}, {"actions", actions}}), tools);
  }

  /// Every call that the last transition made gets its script.
  void begin_calls() {
    for (const CallEffect& effect : run_.last.calls) {
      const Stage stage = run_.stage(effect.action);
      World& world = worlds_[effect.action];
      // A crash may come between the commit of an intent and its call: then nothing of it ever happens outside.
      scripts_[effect.action] = stage == Stage::sending   ? world.send(effect.call, run_.now)
                                : stage == Stage::looking ? world.look_up(run_.now)
                                : specs_[effect.action].unique && stage != Stage::before_reading
                                    ? world.search(run_.now)
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

  void crash() {
    sometimes()["crashed"] += 1;
    for (World& world : worlds_) world.crash(run_.now);
    scripts_.clear();
    run_.advance(Duration(static_cast<std::int64_t>(below(5'000))));
    run_.restart();
    begin_calls();
  }

  void check(ActionIndex i) {
    const ActionState& action = run_.action(i);
    const ToolSpec& spec = specs_[i];
    World& world = worlds_[i];
    if (spec.reads) return;
    EXPECT_FALSE(action.recheck_failed) << "it held, and nobody has touched it";
    if (action.stage == Stage::verified) {
      EXPECT_TRUE(world.last_read_matched) << "verified, but the last look showed something else";
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

  void check_end() {
    const WorkflowHeader& header = run_.workflow.header;
    EXPECT_TRUE(header.status == WorkflowStatus::ended || header.attention) << "stuck in a healthy world";
    for (ActionIndex i = 0; i < specs_.size(); ++i) {
      SCOPED_TRACE(std::string("action ") + std::to_string(i) + ", mode " + std::string(name_of(specs_[i].mode)));
      if (!specs_[i].reads) check_end(i);
    }
  }

  void check_end(ActionIndex i) {
    const ActionState& action = run_.action(i);
    const World& world = worlds_[i];
    const World::Truth truth = world.truth_in_the_end();
    if (specs_[i].mode == IdempotencyMode::none) {
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
  std::mt19937_64 dice_;
  bool cancels_ = false;
  std::vector<ToolSpec> specs_;
  Driver run_;
  std::vector<World> worlds_;
  std::map<ActionIndex, Script> scripts_;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(RandomWalk, nothing_it_says_is_untrue_whatever_the_world_does) {
  const std::uint64_t one = number_from("SETTLE_SEED", 0);
  const std::uint64_t count = number_from("SETTLE_SEEDS", 1'500);
  const std::uint64_t first = one != 0 ? one : 1;
  const std::uint64_t last = one != 0 ? one : count;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("SETTLE_SEED=" + std::to_string(seed));
    Walk walk(seed);
    walk.go();
    ASSERT_FALSE(HasFailure()) << "the walk of this seed failed";
  }
  if (one != 0 || count < 1'500) return;
  for (const char* branch : {"crashed",
                             "cancelled while it ran",
                             "action.adopted",
                             "action.absent",
                             "action.repeat_refused",
                             "action.in_doubt",
                             "action.unverified",
                             "action.before",
                             "action.rechecked",
                             "failed: before_unreadable",
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
                             "in doubt: output_schema_violation"}) {
    EXPECT_GT(sometimes()[branch], 0U) << "never reached: " << branch;
  }
  std::string report;
  for (const auto& [branch, times] : sometimes()) report += "  " + std::to_string(times) + "  " + branch + "\n";
  if (std::getenv("SETTLE_REPORT") != nullptr) std::printf("%s", report.c_str());
}

}  // namespace
}  // namespace settle::test
