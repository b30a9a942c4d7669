#include <gtest/gtest.h>

#include <cstdlib>

#include "base/hash.h"
#include "tests/sim/sim_engine.h"

namespace settle::sim {
namespace {

const std::string modes[] = {"key", "lookup", "natural", "none"};

/// Three actions of each mode: two in a row and one beside them.
Json plan_of(Dice& dice) {
  Json::Array actions;
  for (int i = 0; i < 3; ++i) {
    const std::string mode = modes[dice.below(4)];
    Json action = Json::object({{"id", "a" + std::to_string(i)},
                                {"tool", "sim." + mode},
                                {"input", Json::object({{"value", "v" + std::to_string(i)}})}});
    if (i == 1) action.set("after", Json(Json::Array{"a0"}));
    actions.push_back(std::move(action));
  }
  return Json::object(
      {{"name", "sim"}, {"on_failure", dice.chance(0.5) ? "stop" : "continue"}, {"actions", std::move(actions)}});
}

/// Each kind of fault is on with probability one half; its rate is drawn then.
Faults faults_of(Dice& dice) {
  Faults out;
  for (double* rate :
       {&out.not_sent, &out.throttled, &out.lost_before, &out.lost_after, &out.status_500_before, &out.status_500_after,
        &out.malformed_after, &out.late, &out.refused, &out.lie, &out.partial, &out.read_down}) {
    if (dice.chance(0.5)) *rate = 0.01 + 0.01 * static_cast<double>(dice.below(20));
  }
  if (dice.chance(0.5)) out.read_lag = Duration(static_cast<std::int64_t>(dice.below(1'000)));
  return out;
}

/// What the seeds reached, so that a green run means something.
struct Reached {
  std::map<std::string, int> counts;
  void note(const std::string& what) { ++counts[what]; }
};

void judge(SimEngine& engine, const std::string& id, Reached& reached) {
  const std::optional<Workflow> workflow = engine.stored(id);
  ASSERT_TRUE(workflow) << id << " was acknowledged and is lost";
  const WorkflowHeader& header = workflow->header;
  EXPECT_TRUE(header.status == WorkflowStatus::ended || header.attention) << id << " is stuck";
  reached.note("workflow " + (header.status == WorkflowStatus::ended ? std::string(name_of(header.outcome))
                                                                     : std::string("attention")));
  EXPECT_EQ(engine.stored_receipts(id).size(), header.receipts);
  for (ActionIndex i = 0; i < workflow->actions.size(); ++i) {
    const ActionState& action = workflow->actions[i];
    const PlanAction& planned = workflow->plan->actions[i];
    const std::string mode = planned.tool->name.substr(4);
    const Provider::Truth& truth = engine.provider.truth[idempotency_key("default", id, planned.id, 0, "main", 0)];
    SCOPED_TRACE(id + "/" + planned.id + " mode " + mode + " is " + std::string(name_of(action.stage)));
    reached.note(mode + " " + std::string(name_of(action.stage)));
    if (action.adopted) reached.note("adopted");
    if (action.confidence == Confidence::state_match) reached.note("state_match");
    if (action.doubted) reached.note("doubted");
    if (mode == "none") {
      EXPECT_EQ(truth.unclear_then_sent, 0) << "sent again in mode none";
    } else {
      EXPECT_LE(truth.effects.size(), 1U) << "a duplicate effect";
    }
    const std::string wanted = action.input ? action.input->find("value")->as_string() : "";
    const bool there = !truth.effects.empty() && truth.effects.back().value == wanted;
    if (action.stage == Stage::verified) {
      EXPECT_TRUE(there) << "verified without the effect";
    }
    if (action.stage == Stage::failed && action.effect == Effect::none) {
      EXPECT_TRUE(truth.effects.empty() || truth.lied)
          << "failed, effect none, though it happened: " << action.error->code;
    }
    if (action.stage == Stage::cancelled) {
      EXPECT_TRUE(truth.effects.empty()) << "cancelled though it happened";
    }
  }
}

std::string trace_of(SimEngine& engine, const std::vector<std::string>& ids) {
  std::string all;
  for (const std::string& id : ids) {
    for (const std::string& receipt : engine.stored_receipts(id)) all += receipt;
  }
  return to_hex(sha256(all));
}

/// One world: faults, crashes and cancellations first; then everything heals and must come to an end.
std::string run_seed(std::uint64_t seed, Reached& reached) {
  SimEngine engine(seed);
  engine.provider.faults = faults_of(engine.dice);
  engine.start();
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back("w" + std::to_string(i));
    engine.submit(ids.back(), plan_of(engine.dice));
    engine.run(Duration(static_cast<std::int64_t>(engine.dice.below(30))));
  }
  const std::uint64_t crashes = engine.dice.below(4);
  for (std::uint64_t i = 0; i < crashes; ++i) {
    engine.run(Duration(static_cast<std::int64_t>(engine.dice.below(400))));
    if (engine.dice.chance(0.1)) engine.cancel(ids[engine.dice.below(ids.size())]);
    engine.crash();
    reached.note("crash");
    engine.run(Duration(static_cast<std::int64_t>(engine.dice.below(3'000))));
    engine.start();
  }
  engine.run(Duration(2'000));
  const Duration lag = engine.provider.faults.read_lag;
  engine.provider.faults = Faults();
  engine.provider.faults.read_lag = lag;
  engine.run(Duration(300'000));
  EXPECT_EQ(engine.writes_without_intent, 0U) << "a write left before its intent was durable";
  for (const std::string& id : engine.acknowledged()) judge(engine, id, reached);
  return trace_of(engine, ids);
}

std::uint64_t seeds_wanted(std::uint64_t usual) {
  const char* given = std::getenv("SETTLE_SEEDS");
  return given == nullptr ? usual : std::strtoull(given, nullptr, 10);
}

TEST(EngineSimulation, NeverLiesAndNeverRepeatsUnderFaultsAndCrashes) {
  Reached reached;
  const std::uint64_t seeds = seeds_wanted(1'000);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    run_seed(seed, reached);
    if (testing::Test::HasFailure()) break;
  }
  for (const std::string what :
       {"workflow verified", "workflow failed", "workflow attention", "key verified", "lookup verified",
        "natural verified", "none verified", "none in_doubt", "key failed", "adopted", "doubted", "crash"}) {
    EXPECT_GT(reached.counts[what], 0) << "no seed reached: " << what;
  }
  for (const auto& [what, count] : reached.counts) std::cout << "  " << what << ": " << count << "\n";
}

TEST(EngineSimulation, TheSameSeedGivesTheSameReceipts) {
  Reached ignored;
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    EXPECT_EQ(run_seed(seed, ignored), run_seed(seed, ignored)) << "seed " << seed;
}

}  // namespace
}  // namespace settle::sim
