#include "tests/sim/schedule_world.h"

#include <algorithm>

#include "base/json_parts.h"
#include "engine/feed.h"

namespace settle::sim {

void NoCalls::start(Call, CallDone) {
  SETTLE_ASSERT(false);
}

void ScheduleWorld::start(std::size_t loops) {
  const auto clock = std::make_shared<Clock>();
  std::vector<Engine::Part> parts;
  for (std::size_t i = 0; i < loops; ++i) {
    loops_.push_back(std::make_unique<SimLoop>(schedule, dice.next(), clock));
    parts.push_back({loops_.back().get(), &connector_});
  }
  ScheduleOptions own = options;
  own.is_revoked = [this](const std::string& id) { return revoked.contains(id); };
  tools_ = std::make_unique<ToolRegistry>(store, Values{});
  engine_ = std::make_unique<Engine>(store, *tools_, std::move(parts),
                                     EngineOptions{.shard = limits, .quotas = quotas, .schedules = own});
  const Result<void> recovered = engine_->recover([] {},
                                                  [this](const Error&) {
                                                    SETTLE_ASSERT(damaged);
                                                    ++*damaged;
                                                  });
  SETTLE_ASSERT(bool(recovered));
}

void ScheduleWorld::crash() {
  engine_ = nullptr;
  loops_.clear();
  store.crash();
}

void ScheduleWorld::run(Duration time) {
  bool over = false;
  const auto told = std::make_shared<bool*>(&over);
  schedule.after(time, [told] {
    if (*told != nullptr) **told = true;
  });
  while (!over && !store.crash_due) schedule.run_one();
  *told = nullptr;
  if (!store.crash_due) return;
  crash();
  store.crash_due = false;
  store.crash_after = std::nullopt;
  start(1 + dice.below(3));
  ++crashes;
}

void ScheduleWorld::stop() {
  bool ended = false;
  engine_->shutdown(Duration(10'000), [&] { ended = true; });
  until(ended);
  store.sync_now();
  engine_ = nullptr;
  loops_.clear();
}

void ScheduleWorld::idle(Duration time) {
  bool over = false;
  schedule.after(time, [&over] { over = true; });
  until(over);
}

void ScheduleWorld::until(const bool& done) {
  while (!done && schedule.run_one()) {
  }
  SETTLE_ASSERT(done);
}

Schedules::Done ScheduleWorld::noted(bool& done, bool& ok) {
  return [&done, &ok, this](const Result<Schedules::Answer>& answer) {
    done = true;
    ok = bool(answer);
    if (!answer) refusal = answer.error().code;
  };
}

bool ScheduleWorld::put(const std::string& name, const std::string& document) {
  const Result<Json> body = read_json(document);
  SETTLE_ASSERT(bool(body));
  std::vector<Problem> problems;
  Fields fields(*body, "", problems);
  std::optional<ScheduleRules> rules = read_schedule_rules(fields, engine_->schedules().zones());
  SETTLE_ASSERT(rules && problems.empty());
  const Json* holder = body->find("holder");
  Schedules::Wanted wanted{{"default", name},
                           *std::move(rules),
                           *body->find("plan"),
                           fields.boolean("paused"),
                           {holder == nullptr ? "" : holder->as_string(), "planner"},
                           "planner",
                           false};
  bool done = false, ok = false;
  engine_->schedules().put(std::move(wanted), loop(), noted(done, ok), nullptr);
  until(done);
  return ok;
}

bool ScheduleWorld::pause(const std::string& name) {
  bool done = false, ok = false;
  engine_->schedules().pause({"default", name}, "a reason", "operator", loop(), noted(done, ok), nullptr);
  until(done);
  return ok;
}

bool ScheduleWorld::resume(const std::string& name, const ScheduleHolder& holder) {
  bool done = false, ok = false;
  engine_->schedules().resume({"default", name}, holder, loop(), noted(done, ok), nullptr);
  until(done);
  return ok;
}

bool ScheduleWorld::remove(const std::string& name) {
  bool done = false, ok = false;
  engine_->schedules().remove({"default", name}, loop(), noted(done, ok), nullptr);
  until(done);
  return ok;
}

std::string ScheduleWorld::trigger(const std::string& name, const std::string& key, bool anyway) {
  std::string out;
  bool done = false;
  engine_->schedules().trigger(
      {"default", name}, key, anyway, loop(),
      [&](const Result<ScheduleRunner::Triggered>& run) {
        out = run ? run->workflow.header.id : std::string(info(run.error().code).name);
        done = true;
      },
      nullptr);
  until(done);
  return out;
}

Json ScheduleWorld::shown(const std::string& name) {
  Json document;
  bool done = false;
  engine_->schedules().show({"default", name}, loop(), [&](const Result<Json>& shown) {
    if (shown) document = *shown;
    done = true;
  });
  until(done);
  return document;
}

std::int64_t ScheduleWorld::count(const std::string& name, std::string_view what) {
  return shown(name).find(what)->as_integer();
}

std::vector<ScheduleWorld::Run> ScheduleWorld::runs() {
  ListQuery query;
  query.limit = 1'000;
  std::vector<Run> out;
  do {
    const Result<Json> page = list_workflows(*store.snapshot(), query);
    SETTLE_ASSERT(bool(page));
    for (const Json& one : page->find("workflows")->as_array()) {
      const Json& labels = *one.find("labels");
      out.push_back({text_member(one, "id"), text_member(labels, "schedule"), text_member(labels, "scheduled_at"),
                     parse_time(text_member(one, "created_at")).value_or(Time()),
                     parse_time(text_member(one, "ended_at")), text_member(one, "outcome")});
    }
    query.cursor = text_member(*page, "next_cursor");
  } while (!query.cursor.empty());
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string> ScheduleWorld::notices() {
  std::vector<std::string> out;
  FeedReader reader;
  const Result<FeedCursor> end = reader.read(
      *store.snapshot(), {}, 1'000'000, [](std::string_view) { return true; },
      [&](const FeedEvent& event) {
        if (event.workflow.empty()) out.push_back(event.event.event.type);
        return true;
      });
  SETTLE_ASSERT(bool(end));
  return out;
}

std::string sleeping_plan(const std::string& time, bool fails) {
  const std::string sleep = R"({"id": "sleep", "tool": "flow.sleep", "input": {"for": ")" + time + R"("}})";
  const std::string fail =
      R"(, {"id": "fail", "tool": "flow.assert", "input": {"that": {"equals": [1, 2]}}, "after": ["sleep"]})";
  return R"({"name": "p", "actions": [)" + sleep + (fails ? fail : "") + "]}";
}

}  // namespace settle::sim
