// What people ask of schedules, in whatever order, and what they get for it.

#include "engine/load.h"
#include "tests/sim/schedule_scenario.h"

namespace settle::sim {
/// Sends a request, and lets time pass until it is answered; null when the engine died first.
template <class Answer>
std::optional<Answer> ScheduleScenario::ask(const std::function<void(std::function<void(Answer)>)>& send) {
  const auto answer = std::make_shared<std::optional<Answer>>();
  const std::size_t lives = restarts_.size();
  send([answer](Answer given) { *answer = std::move(given); });
  for (int i = 0; i < 2'000 && !*answer && restarts_.size() == lives; ++i) run_for(Duration(30));
  if (!*answer && restarts_.size() == lives) verdict_.violated("P7", "", "a request about a schedule is not answered");
  return *answer;
}

void ScheduleScenario::turn() {
  const std::string name = dice_.of(names_);
  if (dice_.chance(0.8)) act(name);
  if (tight_ && dice_.chance(0.3)) take_room();
  if (leaps_on_ && dice_.chance(0.25)) leap();
  if (dice_.chance(0.3)) store_.crash_after = 1 + dice_.below(40);
  const std::uint64_t how_long = dice_.below(3);
  run_for(dice_.between(Duration(0), how_long == 0 ? Duration(50) : how_long == 1 ? Duration(10'000) : longest_));
  if (dice_.chance(0.07)) {
    store_.dead = true;
    run_for(dice_.between(Duration(1), Duration(1'000)));
    if (store_.dead) crash(), come_back("the disk died");
  } else if (dice_.chance(0.1)) {
    crash();
    come_back("crash");
  } else if (dice_.chance(0.1)) {
    bool stopped = false;
    const std::size_t lives = restarts_.size();
    engine_->shutdown(Duration(2'000), [&stopped] { stopped = true; });
    for (int i = 0; i < 400 && !stopped && restarts_.size() == lives; ++i) run_for(Duration(50));
    if (restarts_.size() > lives) return;
    if (!stopped) verdict_.violated("P7", "", "an orderly stop does not end");
    store_.sync_now();
    store_.crash_due = false;
    crash();
    come_back("orderly stop");
  }
}

void ScheduleScenario::act(const std::string& name) {
  const ScheduleLedger& ledger = ledgers_[name];
  if (ledger.puts.empty() || (ledger.exists == false && dice_.chance(0.7))) return put(name);
  switch (dice_.below(13)) {
    case 0:
      return put(name);
    case 1:
    case 2:
      return pause(name);
    case 3:
    case 4:
      return resume(name);
    case 5:
      return remove(name);
    case 6:
      return revoke(name);
    case 7:
      return take_id(name);
    case 8:
      return show(name);
    case 9:
      return trigger_many(name);
    default:
      return trigger(name);
  }
}

void ScheduleScenario::woken(ScheduleLedger& ledger) {
  ledger.woken.push_back(now());
}

ScheduleHolder ScheduleScenario::new_holder(ScheduleLedger& ledger) {
  ledger.token = "t" + std::to_string(++tokens_);
  return {ledger.token, "planner"};
}

/// Makes it or replaces it; now and then with the same.
void ScheduleScenario::put(const std::string& name) {
  ScheduleLedger& ledger = ledgers_[name];
  const bool again = !ledger.puts.empty() && dice_.chance(0.3);
  const ScheduleSketch sketch =
      again ? ledger.puts.back().sketch : draw_schedule(dice_, now(), fast_, !fast_ && dice_.chance(0.5));
  counters_.note(ledger.puts.empty()      ? "schedules: made"
                 : ledger.exists == false ? "schedules: made again"
                                          : "schedules: replaced");
  tell("PUT " + name + " " + canonical(rules_document(sketch.rules)) + " " + canonical(sketch.plan));
  woken(ledger);
  const std::size_t number = ledger.puts.size();
  ledger.puts.push_back({sketch, now(), std::nullopt});
  ledger.exists = std::nullopt;
  const Schedules::Wanted wanted{{name_space, name}, sketch.rules, sketch.plan, std::nullopt,
                                 new_holder(ledger), "planner",    false};
  const auto answer = ask<Result<Schedules::Answer>>(
      [&](auto done) { engine_->schedules().put(wanted, *loops_.front(), done, nullptr); });
  if (!answer) return;
  if (!*answer) return verdict_.violated("schedules", name, "a PUT was refused: " + answer->error().message);
  ledger.exists = true;
  for (std::size_t i = 0; i < number; ++i) {
    if (!ledger.puts[i].over) ledger.puts[i].over = now();
  }
}

void ScheduleScenario::pause(const std::string& name) {
  ScheduleLedger& ledger = ledgers_[name];
  tell("pause " + name);
  ledger.rested = true;
  const auto answer = ask<Result<Schedules::Answer>>([&](auto done) {
    engine_->schedules().pause({name_space, name}, "a test", "operator", *loops_.front(), done, nullptr);
  });
  if (!answer || !*answer) return;
  counters_.note("schedules: paused by a person");
  ledger.rests.push_back({now(), std::nullopt});
}

void ScheduleScenario::resume(const std::string& name) {
  ScheduleLedger& ledger = ledgers_[name];
  tell("resume " + name);
  woken(ledger);
  ledger.rested = true;
  for (ScheduleLedger::Rest& rest : ledger.rests) {
    if (!rest.ended) rest.ended = now();
  }
  const ScheduleHolder holder = new_holder(ledger);
  const auto answer = ask<Result<Schedules::Answer>>(
      [&](auto done) { engine_->schedules().resume({name_space, name}, holder, *loops_.front(), done, nullptr); });
  if (answer && *answer) counters_.note("schedules: resumed");
}

void ScheduleScenario::remove(const std::string& name) {
  ScheduleLedger& ledger = ledgers_[name];
  tell("DELETE " + name);
  woken(ledger);
  ledger.removed.push_back(now());
  for (ScheduleLedger::Rest& rest : ledger.rests) {
    if (!rest.ended) rest.ended = now();
  }
  ledger.exists = std::nullopt;
  const auto answer = ask<Result<Schedules::Answer>>(
      [&](auto done) { engine_->schedules().remove({name_space, name}, *loops_.front(), done, nullptr); });
  if (!answer) return;
  counters_.note("schedules: removed");
  ledger.exists = false;  // or it was so already
  for (ScheduleLedger::Put& put : ledger.puts) {
    if (!put.over) put.over = now();
  }
}

/// One run now, under one of a few keys.
void ScheduleScenario::trigger(const std::string& name) {
  ScheduleLedger& ledger = ledgers_[name];
  const std::string key = "k" + std::to_string(dice_.below(6));
  const bool anyway = dice_.chance(0.3);
  const std::string id = triggered_run_id(name_space, name, "key " + key);
  tell("trigger " + name + " " + key);
  if (anyway) ledger.anyway.insert(id);
  using Answer = Result<ScheduleRunner::Triggered>;
  const auto answer = ask<Answer>([&](auto done) {
    engine_->schedules().trigger({name_space, name}, key, anyway, *loops_.front(), done, nullptr);
  });
  if (!answer) return;
  if (!*answer) return counters_.note("schedules: trigger refused: " + std::string(info(answer->error().code).name));
  counters_.note((*answer)->created ? "schedules: triggered" : "schedules: trigger replayed");
  const Result<std::optional<StoredHeader>> header = load_header(*store_.snapshot(), name_space, id);
  if (!header || !*header) verdict_.violated("P1", id, "a triggered run was acknowledged, and is not stored");
}

/// Several at once, and nobody waits for an answer: of those under one key one makes the run.
void ScheduleScenario::trigger_many(const std::string& name) {
  counters_.note("schedules: triggered by many at once");
  for (std::uint64_t i = 2 + dice_.below(3); i > 0; --i) {
    const std::string key = "k" + std::to_string(dice_.below(3));
    tell("trigger " + name + " " + key + ", and go on");
    engine_->schedules().trigger({name_space, name}, key, false, *loops_.front(), [](const auto&) {}, nullptr);
  }
}

/// The token that answers for its runs.
void ScheduleScenario::revoke(const std::string& name) {
  ScheduleLedger& ledger = ledgers_[name];
  if (ledger.token.empty()) return;
  tell("revoke the token of " + name);
  counters_.note("schedules: token revoked");
  revoked_.insert(ledger.token);
  ledger.rested = true;
  engine_->schedules().token_revoked(ledger.token);
}

/// Somebody submits a workflow of their own under the id of a run to come.
void ScheduleScenario::take_id(const std::string& name) {
  ScheduleLedger& ledger = ledgers_[name];
  const std::optional<Time> next = ledger.puts.back().sketch.rules.recurrence.next(now() + Duration(1'000));
  if (!next) return;
  const std::string id = run_id(name, *next);
  tell("somebody takes the id " + id);
  ledger.taken.insert(id);
  submit(id, "1s");
}

/// Where there is room for a few workflows only, others have it for an hour.
void ScheduleScenario::take_room() {
  counters_.note("schedules: the room was taken");
  submit("busy-" + std::to_string(++others_), "1h");
}

/// A workflow of somebody else, which sleeps for so long.
void ScheduleScenario::submit(const std::string& id, const char* time) {
  const Json sleep = Json::object({{"id", "a"}, {"tool", "flow.sleep"}, {"input", Json::object({{"for", time}})}});
  const Json plan = Json::object({{"name", "other"}, {"actions", Json(Json::Array{sleep})}});
  const Json body = Json::object({{"id", id}, {"plan", plan}});
  ask<Result<Engine::Started>>([&](auto done) {
    engine_->submit({.name_space = name_space, .idempotency_key = "", .body = body}, *loops_.front(), done);
  });
}

/// A run that is shown as begun by the schedule itself is stored.
void ScheduleScenario::show(const std::string& name) {
  const auto answer =
      ask<Result<Json>>([&](auto done) { engine_->schedules().show({name_space, name}, *loops_.front(), done); });
  if (!answer || !*answer) return;
  counters_.note("schedules: shown");
  for (const char* member : {"open", "recent"}) {
    for (const Json& run : (*answer)->find(member)->as_array()) {
      const std::string& id = run.find("workflow")->as_string();
      const Result<std::optional<StoredHeader>> header = load_header(*store_.snapshot(), name_space, id);
      if (*run.find("triggered") != Json(true) && (!header || !*header))
        verdict_.violated("P1", id, "a run is shown, and is not stored");
    }
  }
}

}  // namespace settle::sim
