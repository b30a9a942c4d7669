#include "api/api.h"

#include "api/event_feed.h"
#include "api/list_query.h"
#include "api/openapi.h"
#include "api/request_parts.h"
#include "api/schema_documents.h"
#include "base/problem.h"
#include "base/text.h"

namespace settle {

HttpApi::HttpApi(Engine& engine, TokenRegistry& tokens, Loop& loop, const std::atomic<bool>& ready, ApiOptions options)
    : engine_(engine),
      tokens_(tokens),
      loop_(loop),
      ready_(ready),
      options_(options),
      gate_(options.dev ? nullptr : &tokens, loop),
      open_(std::make_shared<OpenAnswers>(gate_, loop)),
      feed_watch_(std::make_shared<FeedWatch>(engine.store(), loop, engine.feed_bell())),
      trail_(engine.store(), loop),
      router_(routes(), gate_, trail_, Quotas::Meter(options.quotas)) {
  tokens.on_revoked([&loop, open = open_](const std::string& id) { loop.post([open, id] { open->end(id); }); });
}

HttpHandler HttpApi::handler() {
  return [this](HttpRequest request, std::unique_ptr<Responder> responder) {
    router_.handle(std::move(request), std::move(responder));
  };
}

std::vector<Route> HttpApi::routes() {
  const auto to = [this](void (HttpApi::*method)(Ask)) {
    return [this, method](Ask ask) { (this->*method)(std::move(ask)); };
  };
  const auto schema = [](std::string_view (*document)()) {
    return [document](const Ask& ask) { ask.raw(200, std::string(document()), "application/schema+json"); };
  };
  using enum Role;
  constexpr Rule everyone = Rule::reads(Roles::all());
  constexpr Rule planners = Rule::changes({planner}, "workflow.submit");
  constexpr Rule callers = Rule::changes({planner, operator_}, "workflow.signal");
  constexpr Rule checkers = Rule::reads({planner, operator_, admin});
  const auto admins = [](std::string_view action) { return Rule::changes({admin}, action); };
  std::vector<Route> out = {
      {"POST", "/v1/workflows", {}, true, planners, to(&HttpApi::submit)},
      {"GET",
       "/v1/workflows",
       {"status", "outcome", "attention", "name", "label", "tool", "created_after", "created_before", "limit",
        "cursor"},
       false,
       everyone,
       to(&HttpApi::list)},
      {"GET", "/v1/workflows/{id}", {"wait", "until"}, false, everyone, to(&HttpApi::get)},
      {"GET", "/v1/workflows/{id}/events", {"after", "limit"}, false, everyone, to(&HttpApi::events)},
      {"GET", "/v1/workflows/{id}/receipts", {}, false, everyone, to(&HttpApi::receipts)},
      {"GET", "/v1/workflows/{id}/report", {}, false, everyone, to(&HttpApi::report)},
      {"POST", "/v1/workflows/{id}/signals/{name}", {}, true, callers, to(&HttpApi::signal)},
      {"GET",
       "/v1/workflows/{id}/tool_results",
       {"format", "wait", "until"},
       false,
       everyone,
       to(&HttpApi::tool_results_of)},
      {"POST", "/v1/plans:check", {}, true, checkers, to(&HttpApi::check)},
      {"POST", "/v1/plans:from_tool_calls", {}, true, planners, to(&HttpApi::from_tool_calls)},
      {"GET", "/v1/receipts/{id}", {}, false, everyone, to(&HttpApi::receipt)},
      {"PUT", "/v1/tools/{name}", {}, true, admins("tool.put"), to(&HttpApi::put_tool)},
      {"GET", "/v1/tools", {"format"}, false, everyone, to(&HttpApi::tools)},
      {"GET", "/v1/tools/{name}", {}, false, everyone, to(&HttpApi::tool)},
      {"GET", "/v1/tools/{name}/versions", {}, false, everyone, to(&HttpApi::tool_versions)},
      {"GET", "/v1/tools/{name}/versions/{v}", {}, false, everyone, to(&HttpApi::tool_version)},
      {"POST", "/v1/tools/{name}/versions/{v}:disable", {}, false, admins("tool.disable"), to(&HttpApi::disable_tool)},
      {"POST", "/v1/tools/{name}/versions/{v}:enable", {}, false, admins("tool.enable"), to(&HttpApi::enable_tool)},
      {"GET", "/v1/schemas/plan", {}, false, Rule::open(), schema(plan_schema_document)},
      {"GET", "/v1/schemas/tool", {}, false, Rule::open(), schema(tool_schema_document)},
      {"GET",
       "/openapi.json",
       {},
       false,
       Rule::open(),
       [](const Ask& ask) { ask.raw(200, std::string(openapi_document())); }},
      {"GET",
       "/healthz",
       {},
       false,
       Rule::open(),
       [](const Ask& ask) { ask.json(200, Json::object({{"status", "ok"}})); }},
      {"GET", "/readyz", {}, false, Rule::open(), to(&HttpApi::ready)},
  };
  for (Route& route : operator_routes()) out.push_back(std::move(route));
  for (Route& route : approval_routes()) out.push_back(std::move(route));
  for (Route& route : token_routes()) out.push_back(std::move(route));
  for (Route& route : audit_routes()) out.push_back(std::move(route));
  for (Route& route : feed_routes()) out.push_back(std::move(route));
  for (Route& route : subscription_routes()) out.push_back(std::move(route));
  for (Route& route : quota_routes()) out.push_back(std::move(route));
  for (Route& route : schedule_routes()) out.push_back(std::move(route));
  return out;
}

Result<Json> HttpApi::read_body(const Ask& ask) const {
  if (ask.request.body.empty()) return fail(ErrorCode::malformed_json, "a JSON body is needed");
  return read_json(ask.request.body, options_.json);
}

Result<Duration> HttpApi::wait_of(const Ask& ask) const {
  const std::string* given = ask.query("wait");
  if (given == nullptr) return Duration(0);
  const std::optional<Duration> wait = parse_duration(*given);
  if (wait && *wait <= options_.wait_max) return *wait;
  return fail(ErrorCode::invalid_argument,
              "\"wait\" takes a duration of at most " + format_duration(options_.wait_max) + ", such as 30s");
}

Result<WaitFor> HttpApi::until_of(const Ask& ask, Duration wait) {
  const std::string* given = ask.query("until");
  if (given != nullptr && *given != "attention") return fail(ErrorCode::invalid_argument, "\"until\" takes attention");
  if (wait.count() == 0) return WaitFor::now;
  return given == nullptr ? WaitFor::ended : WaitFor::attention;
}

Result<std::int64_t> HttpApi::number_of(const Ask& ask, std::string_view name, std::int64_t usual,
                                        std::int64_t most) const {
  const std::string* given = ask.query(name);
  if (given == nullptr) return usual;
  const std::optional<std::size_t> number = parse_index(*given);
  if (number && static_cast<std::int64_t>(*number) <= most) return static_cast<std::int64_t>(*number);
  return fail(ErrorCode::invalid_argument,
              "\"" + std::string(name) + "\" takes a whole number up to " + std::to_string(most));
}

void HttpApi::submit(Ask ask) {
  Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  Result<std::string> key = idempotency_key_of(ask.request);
  if (!key) return ask.refuse(key.error());
  if (const Json* id = body->find("id"); id != nullptr && id->is_string())
    ask.audit->entry.target = shorten(id->as_string(), 130);  // also where it is refused
  SubmitRequest request{.name_space = ask.name_space(), .idempotency_key = *std::move(key), .body = *std::move(body)};
  request.submitted_by = ask.actor.submitter();
  request.audit = ask.audit;
  ask.audit->entry.status = 201;
  // Shared: the way there and back hands the continuation on several times.
  const auto shared = std::make_shared<const Ask>(std::move(ask));
  engine_.submit(std::move(request), loop_, [shared](Result<Engine::Started> started) {
    const Ask& own = *shared;
    if (!started) return own.refuse(started.error());
    ResponseHeaders headers = {{"Location", "/v1/workflows/" + started->workflow.header.id}};
    if (!started->created) headers.emplace_back("Idempotent-Replayed", "true");
    own.workflow(started->created ? 201 : 200, std::move(started->workflow), std::move(headers));
  });
}

void HttpApi::check(Ask ask) {
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  const Json* plan = body->find("plan");
  if (plan == nullptr || body->size() != 1)
    return ask.refuse(fail(ErrorCode::invalid_argument, "the body is {\"plan\": {…}} and nothing else"));
  std::vector<Problem> warnings;
  Result<std::shared_ptr<const Plan>> checked = engine_.check(ask.name_space(), *plan, &warnings);
  if (!checked) {
    for (Problem& problem : checked.error().problems) problem.pointer = "/plan" + problem.pointer;
    return ask.refuse(checked.error());
  }
  for (Problem& problem : warnings) problem.pointer = "/plan" + problem.pointer;
  ask.json(200, Json::object({{"valid", true},
                              {"plan_digest", digest_text((*checked)->document)},
                              {"actions", static_cast<std::int64_t>((*checked)->actions.size())},
                              {"warnings", problem_documents(warnings)}}));
}

void HttpApi::list(Ask ask) {
  Result<ListQuery> query = read_list_query([&](std::string_view name) { return ask.query(name); });
  if (!query) return ask.refuse(query.error());
  const Result<std::int64_t> limit = number_of(ask, "limit", 50, static_cast<std::int64_t>(options_.page_max));
  if (!limit) return ask.refuse(limit.error());
  query->limit = static_cast<std::size_t>(std::max<std::int64_t>(1, *limit));
  query->name_space = ask.name_space();
  if (const std::string* cursor = ask.query("cursor")) query->cursor = *cursor;
  const Result<Json> page = engine_.list(*query);
  if (!page) return ask.refuse(page.error());
  ask.json(200, *page);
}

void HttpApi::get(Ask ask) {
  const Result<Duration> wait = wait_of(ask);
  if (!wait) return ask.refuse(wait.error());
  const Result<WaitFor> until = until_of(ask, *wait);
  if (!until) return ask.refuse(until.error());
  if (*until != WaitFor::now) keep_while_allowed(ask);
  const auto shared = std::make_shared<const Ask>(std::move(ask));
  engine_.get(shared->name_space(), shared->param(0), *until, *wait, loop_, [shared](Result<WorkflowText> shown) {
    const Ask& own = *shared;
    if (!shown) return own.refuse(shown.error());
    const std::string etag = etag_of(shown->header.version);
    const std::string* known = own.request.header("if-none-match");
    if (known != nullptr && *known == etag) {
      HttpResponse unchanged;
      unchanged.status = 304;
      unchanged.headers = {{"ETag", etag}};
      return own.responder->send(std::move(unchanged));
    }
    own.workflow(200, *std::move(shown));
  });
}

void HttpApi::events(Ask ask) {
  const std::string* accept = ask.request.header("accept");
  const bool live = accept != nullptr && accept->find("text/event-stream") != std::string::npos;
  const Result<std::int64_t> limit = number_of(ask, "limit", 200, static_cast<std::int64_t>(options_.page_max));
  if (!limit) return ask.refuse(limit.error());
  Result<std::int64_t> after = number_of(ask, "after", 0, 0xfffffffe);
  if (!after) return ask.refuse(after.error());
  const std::string name_space = ask.name_space(), id = ask.param(0);
  if (live) {
    if (const std::string* last = ask.request.header("last-event-id")) {
      const std::optional<std::size_t> number = parse_index(*last);
      if (!number || *number > 0xfffffffe)
        return ask.refuse(fail(ErrorCode::invalid_argument, "Last-Event-ID is none of this feed"));
      after = static_cast<std::int64_t>(*number);
    }
    keep_while_allowed(ask);
    return start_event_feed(engine_, loop_, ask, id, static_cast<std::uint32_t>(*after), options_.feed_keep_alive);
  }
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(1, *limit));
  engine_.events(name_space, id, static_cast<std::uint32_t>(*after), count, Duration(0), loop_,
                 [ask = std::move(ask), after = *after](const Result<Engine::Page>& page) {
                   if (!page) return ask.refuse(page.error());
                   const Json next = page->events.empty() ? Json(after) : *page->events.back().find("seq");
                   ask.json(200, Json::object({{"events", Json(Json::Array(page->events))}, {"next_after", next}}));
                 });
}

void HttpApi::receipts(Ask ask) {
  const Result<std::vector<std::string>> receipts = engine_.receipts(ask.name_space(), ask.param(0));
  if (!receipts) return ask.refuse(receipts.error());
  std::string body = "{\"receipts\":[";  // the canonical bytes themselves, so that digests can be checked
  for (std::size_t i = 0; i < receipts->size(); ++i) body += (i == 0 ? "" : ",") + (*receipts)[i];
  ask.raw(200, body + "]}");
}

void HttpApi::receipt(Ask ask) {
  const Result<std::string> receipt = engine_.receipt(ask.name_space(), ask.param(0));
  if (!receipt) return ask.refuse(receipt.error());
  ask.raw(200, *receipt);
}

void HttpApi::report(Ask ask) {
  const std::string name_space = ask.name_space(), id = ask.param(0);
  engine_.report(name_space, id, loop_, [ask = std::move(ask)](const Result<Json>& report) {
    if (!report) return ask.refuse(report.error());
    ask.json(200, *report);
  });
}

/// Ready: everything that was under way is taken up again, and new work would be accepted.
void HttpApi::ready(Ask ask) {
  const bool recovered = ready_.load(std::memory_order_relaxed), room = engine_.store().has_room();
  const bool ok = recovered && room && !engine_.stopping();
  const std::string_view status = ok                   ? "ready"
                                  : engine_.stopping() ? "stopping"
                                  : !recovered         ? "recovering"
                                                       : "disk_full";
  ask.json(ok ? 200 : 503, Json::object({{"status", status}}));
}

}  // namespace settle
