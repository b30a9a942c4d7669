// Schedules: plans that are run again and again. Planners make them, operators keep them.

#include <algorithm>

#include "api/api.h"
#include "api/request_parts.h"
#include "base/text.h"
#include "engine/schedule_documents.h"
#include "workflows/fields.h"

namespace settle {
namespace {

constexpr std::size_t reason_bytes_max = 500;
constexpr std::int64_t preview_max = 100;

/// What a PUT or a preview holds, as far as it can be read.
struct ScheduleBody {
  std::optional<ScheduleRules> rules;
  const Json* plan = nullptr;
  std::optional<bool> paused;
  ErrorCode code = ErrorCode::invalid_argument;  ///< of the refusal, if there are problems
};

/// The check of the plan as its runs submit it: with the scheduled time in its input.
void check_plan_of(const Engine& engine, const std::string& name_space, const Json& body, Time now, ScheduleBody& out,
                   std::vector<Problem>& problems) {
  if (out.plan == nullptr) return;
  const Json* member = body.find("scheduled_at_input");
  const std::string time_input = member != nullptr && member->is_string() ? member->as_string() : "";
  Result<std::shared_ptr<const Plan>> checked = engine.check(name_space, plan_at(*out.plan, time_input, now));
  if (checked) return;
  out.code = ErrorCode::invalid_plan;
  for (Problem& problem : checked.error().problems) {
    problem.pointer = "/plan" + problem.pointer;
    problems.push_back(std::move(problem));
  }
}

void check_name(const std::string& name, std::vector<Problem>& problems) {
  if (is_name(name, schedule_name_max)) return;
  problems.push_back({"", "not_a_name", "1 to " + std::to_string(schedule_name_max) + " of A-Z a-z 0-9 . _ ~ -",
                      shorten(name, 60), "a schedule's name is too long, or has other characters"});
}

ScheduleHolder holder_of(const Actor& actor) {
  return {actor.token->id, actor.submitter()};
}

/// A body that may be missing.
Result<Json> body_or_nothing(const Ask& ask, const JsonLimits& limits) {
  if (ask.request.body.empty()) return Json::object();
  return read_json(ask.request.body, limits);
}

Schedules::Which which_of(const Ask& ask) {
  return {ask.name_space(), ask.param(0)};
}

Schedules::Done answered(Ask ask) {
  return [ask = std::move(ask)](const Result<Schedules::Answer>& done) {
    if (!done) return ask.refuse(done.error());
    ask.json(done->created ? 201 : 200, done->document);
  };
}

}  // namespace

std::vector<Route> HttpApi::schedule_routes() {
  using enum Role;
  const auto to = [this](void (HttpApi::*method)(Ask)) {
    return [this, method](Ask ask) { (this->*method)(std::move(ask)); };
  };
  constexpr Rule everyone = Rule::reads(Roles::all());
  constexpr Rule checkers = Rule::reads({planner, operator_, admin});
  constexpr Rule planners = Rule::changes({planner}, "schedule.put");
  const auto keepers = [](std::string_view action) { return Rule::changes({operator_}, action); };
  return {
      {"PUT", "/v1/schedules/{name}", {}, true, planners, to(&HttpApi::put_schedule)},
      {"GET", "/v1/schedules", {"after", "limit"}, false, everyone, to(&HttpApi::schedules)},
      {"GET", "/v1/schedules/{name}", {}, false, everyone, to(&HttpApi::schedule)},
      {"DELETE", "/v1/schedules/{name}", {}, false, keepers("schedule.delete"), to(&HttpApi::delete_schedule)},
      {"POST", "/v1/schedules/{name}:pause", {}, true, keepers("schedule.pause"), to(&HttpApi::pause_schedule)},
      {"POST", "/v1/schedules/{name}:resume", {}, false, keepers("schedule.resume"), to(&HttpApi::resume_schedule)},
      {"POST", "/v1/schedules/{name}:trigger", {}, true, keepers("schedule.trigger"), to(&HttpApi::trigger_schedule)},
      {"POST", "/v1/schedules:preview", {}, true, checkers, to(&HttpApi::preview_schedule)},
  };
}

void HttpApi::put_schedule(Ask ask) {
  if (engine_.stopping()) return ask.refuse(fail(ErrorCode::shutting_down, "the engine is shutting down"));
  if (!engine_.store().has_room()) return ask.refuse(fail(ErrorCode::disk_full, "the disk is nearly full"));
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  std::vector<Problem> problems;
  check_name(ask.param(0), problems);
  Fields fields(*body, "", problems);
  ScheduleBody read;
  read.plan = fields.need("plan", "a plan");
  read.rules = read_schedule_rules(fields, engine_.schedules().zones());
  read.paused = fields.boolean("paused");
  fields.finish();
  check_plan_of(engine_, ask.name_space(), *body, loop_.now(), read, problems);
  if (!problems.empty()) return ask.refuse(fail_for(read.code, std::move(problems)));
  Schedules::Wanted wanted{
      which_of(ask),   *std::move(read.rules),        *read.plan, read.paused, holder_of(ask.actor),
      ask.actor.who(), ask.actor.has(Role::operator_)};
  const AuditNotePtr audit = ask.audit;
  engine_.schedules().put(std::move(wanted), loop_, answered(std::move(ask)), audit);
}

void HttpApi::schedules(Ask ask) {
  const Result<std::int64_t> limit = number_of(ask, "limit", 50, static_cast<std::int64_t>(options_.page_max));
  if (!limit) return ask.refuse(limit.error());
  const std::string* after = ask.query("after");
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(1, *limit));
  const std::string name_space = ask.name_space(), from = after == nullptr ? "" : *after;
  engine_.schedules().list(name_space, from, count, loop_, [ask = std::move(ask)](const Result<Json>& page) {
    if (!page) return ask.refuse(page.error());
    ask.json(200, *page);
  });
}

void HttpApi::schedule(Ask ask) {
  const Schedules::Which which = which_of(ask);
  engine_.schedules().show(which, loop_, [ask = std::move(ask)](const Result<Json>& document) {
    if (!document) return ask.refuse(document.error());
    ask.json(200, *document);
  });
}

void HttpApi::delete_schedule(Ask ask) {
  const Schedules::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  engine_.schedules().remove(which, loop_, answered(std::move(ask)), audit);
}

void HttpApi::pause_schedule(Ask ask) {
  const Result<Json> body = body_or_nothing(ask, options_.json);
  if (!body) return ask.refuse(body.error());
  std::vector<Problem> problems;
  Fields fields(*body, "", problems);
  std::string reason = fields.needed_text("reason");
  if (reason.size() > reason_bytes_max)
    fields.problem("reason", "too_long", "at most " + std::to_string(reason_bytes_max) + " bytes",
                   "a reason is a sentence or two");
  fields.finish();
  if (!problems.empty()) return ask.refuse(fail_for(ErrorCode::invalid_argument, std::move(problems)));
  const Schedules::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  audit->entry.why = reason;
  const std::string by = ask.actor.who();
  engine_.schedules().pause(which, std::move(reason), by, loop_, answered(std::move(ask)), audit);
}

void HttpApi::resume_schedule(Ask ask) {
  const Schedules::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  const ScheduleHolder holder = holder_of(ask.actor);
  engine_.schedules().resume(which, holder, loop_, answered(std::move(ask)), audit);
}

void HttpApi::trigger_schedule(Ask ask) {
  const Result<Json> body = body_or_nothing(ask, options_.json);
  if (!body) return ask.refuse(body.error());
  std::vector<Problem> problems;
  Fields fields(*body, "", problems);
  const bool anyway = fields.choice("overlap", {"allow"}).has_value();
  fields.finish();
  if (!problems.empty()) return ask.refuse(fail_for(ErrorCode::invalid_argument, std::move(problems)));
  Result<std::string> key = idempotency_key_of(ask.request);
  if (!key) return ask.refuse(key.error());
  const Schedules::Which which = which_of(ask);
  const AuditNotePtr audit = ask.audit;
  audit->entry.why = "schedule " + which.name;
  audit->entry.status = 201;
  engine_.schedules().trigger(
      which, *std::move(key), anyway, loop_,
      [ask = std::move(ask)](const Result<ScheduleRunner::Triggered>& run) {
        if (!run) return ask.refuse(run.error());
        ResponseHeaders headers = {{"Location", "/v1/workflows/" + run->workflow.header.id}};
        if (!run->created) headers.emplace_back("Idempotent-Replayed", "true");
        ask.workflow(run->created ? 201 : 200, run->workflow, std::move(headers));
      },
      audit);
}

/// The check of a schedule, and when it would run; nothing is stored.
void HttpApi::preview_schedule(Ask ask) {
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  std::vector<Problem> problems;
  Fields fields(*body, "", problems);
  ScheduleBody read;
  const std::string name = fields.text("name").value_or("");
  const std::int64_t count = fields.integer("count", 1, preview_max).value_or(10);
  Time after = loop_.now();
  if (const std::optional<std::string> given = fields.text("after")) {
    const std::optional<Time> time = parse_time(*given);
    if (!time)
      fields.problem("after", "not_a_time", "a time of RFC 3339, such as 2026-11-22T20:00:00Z",
                     "\"after\" takes a time");
    after = time.value_or(after);
  }
  read.plan = fields.take("plan");
  read.rules = read_schedule_rules(fields, engine_.schedules().zones());
  read.paused = fields.boolean("paused");
  fields.finish();
  if (fields.take("name") != nullptr) check_name(name, problems);
  check_plan_of(engine_, ask.name_space(), *body, loop_.now(), read, problems);
  if (!problems.empty()) return ask.refuse(fail_for(read.code, std::move(problems)));
  Json answer = Json::object({{"times", times_document(read.rules->recurrence, engine_.schedules().zones(), name, after,
                                                       static_cast<std::size_t>(count))}});
  const Json rules = rules_document(*read.rules);
  for (const JsonMember& member : rules.as_object()) answer.set(member.name, member.value);
  ask.json(200, answer);
}

}  // namespace settle
