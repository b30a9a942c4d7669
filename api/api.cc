#include "api/api.h"

#include "api/event_feed.h"
#include "api/openapi.h"
#include "api/schema_documents.h"
#include "base/text.h"

namespace settle {
namespace {

constexpr const char* name_space = "default";
constexpr std::size_t idempotency_key_bytes_max = 255;

/// The Idempotency-Key of a request, bare or as the quoted string of the IETF draft; empty when there is none.
Result<std::string> idempotency_key_of(const HttpRequest& request) {
  const std::string* header = request.header("idempotency-key");
  if (header == nullptr) return std::string();
  std::string key = *header;
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"') key = key.substr(1, key.size() - 2);
  if (!key.empty() && key.size() <= idempotency_key_bytes_max) return key;
  return fail(ErrorCode::invalid_argument,
              "an Idempotency-Key has 1 to " + std::to_string(idempotency_key_bytes_max) + " characters");
}

std::string etag_of(const Json& workflow) {
  return "\"" + canonical(*workflow.find("version")) + "\"";
}

template <class Enum>
Result<std::optional<Enum>> choice_of(const Ask& ask, std::string_view name, std::initializer_list<Enum> choices) {
  const std::string* given = ask.query(name);
  if (given == nullptr) return std::optional<Enum>();
  std::string known;
  for (const Enum choice : choices) {
    if (name_of(choice) == *given) return std::optional<Enum>(choice);
    known += (known.empty() ? "" : ", ") + std::string(name_of(choice));
  }
  return fail(ErrorCode::invalid_argument,
              "\"" + std::string(name) + "\" takes one of " + known + ", not \"" + shorten(*given, 60) + "\"");
}

Json tool_summary(const Tool& tool) {
  constexpr std::string_view risks[] = {"read", "write", "destructive"};
  return Json::object({{"name", tool.name},
                       {"version", tool.version_text()},
                       {"risk", risks[static_cast<std::size_t>(tool.risk)]},
                       {"description", tool.description}});
}

}  // namespace

HttpApi::HttpApi(Engine& engine, Loop& loop, const std::atomic<bool>& ready, ApiOptions options)
    : engine_(engine), loop_(loop), ready_(ready), options_(options), router_(routes()) {}

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
  return {
      {"POST", "/v1/workflows", {}, true, to(&HttpApi::submit)},
      {"GET",
       "/v1/workflows",
       {"status", "outcome", "attention", "name", "label", "created_after", "created_before", "limit", "cursor"},
       false,
       to(&HttpApi::list)},
      {"GET", "/v1/workflows/{id}", {"wait", "until"}, false, to(&HttpApi::get)},
      {"GET", "/v1/workflows/{id}/events", {"after", "limit"}, false, to(&HttpApi::events)},
      {"GET", "/v1/workflows/{id}/receipts", {}, false, to(&HttpApi::receipts)},
      {"GET", "/v1/workflows/{id}/report", {}, false, to(&HttpApi::report)},
      {"POST", "/v1/workflows/{id}:cancel", {}, false, to(&HttpApi::cancel)},
      {"POST", "/v1/plans:check", {}, true, to(&HttpApi::check)},
      {"GET", "/v1/receipts/{id}", {}, false, to(&HttpApi::receipt)},
      {"PUT", "/v1/tools/{name}", {}, true, to(&HttpApi::put_tool)},
      {"GET", "/v1/tools", {}, false, to(&HttpApi::tools)},
      {"GET", "/v1/tools/{name}", {}, false, to(&HttpApi::tool)},
      {"GET", "/v1/schemas/plan", {}, false, schema(plan_schema_document)},
      {"GET", "/v1/schemas/tool", {}, false, schema(tool_schema_document)},
      {"GET", "/openapi.json", {}, false, [](const Ask& ask) { ask.raw(200, std::string(openapi_document())); }},
      {"GET", "/healthz", {}, false, [](const Ask& ask) { ask.json(200, Json::object({{"status", "ok"}})); }},
      {"GET", "/readyz", {}, false, to(&HttpApi::ready)},
  };
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
  SubmitRequest request{name_space, *std::move(key), *std::move(body)};
  engine_.submit(std::move(request), loop_, [ask = std::move(ask)](const Result<Engine::Started>& started) {
    if (!started) return ask.refuse(started.error());
    std::vector<std::pair<std::string, std::string>> headers = {
        {"Location", "/v1/workflows/" + started->workflow.find("id")->as_string()},
        {"ETag", etag_of(started->workflow)}};
    if (!started->created) headers.emplace_back("Idempotent-Replayed", "true");
    ask.json(started->created ? 201 : 200, started->workflow, std::move(headers));
  });
}

void HttpApi::check(Ask ask) {
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  const Json* plan = body->find("plan");
  if (plan == nullptr || body->size() != 1)
    return ask.refuse(fail(ErrorCode::invalid_argument, "the body is {\"plan\": {…}} and nothing else"));
  Result<std::shared_ptr<const Plan>> checked = engine_.check(name_space, *plan);
  if (!checked) {
    for (Problem& problem : checked.error().problems) problem.pointer = "/plan" + problem.pointer;
    return ask.refuse(checked.error());
  }
  ask.json(200, Json::object({{"valid", true},
                              {"plan_digest", "sha256:" + to_hex(sha256(canonical(*plan)))},
                              {"actions", static_cast<std::int64_t>((*checked)->actions.size())}}));
}

void HttpApi::list(Ask ask) {
  ListQuery query;
  const auto status =
      choice_of(ask, "status", {WorkflowStatus::running, WorkflowStatus::cancelling, WorkflowStatus::ended});
  if (!status) return ask.refuse(status.error());
  const auto outcome = choice_of(
      ask, "outcome",
      {WorkflowOutcome::verified, WorkflowOutcome::executed, WorkflowOutcome::failed, WorkflowOutcome::cancelled});
  if (!outcome) return ask.refuse(outcome.error());
  const Result<std::int64_t> limit = number_of(ask, "limit", 50, static_cast<std::int64_t>(options_.page_max));
  if (!limit) return ask.refuse(limit.error());
  query.status = *status;
  query.outcome = *outcome;
  query.limit = static_cast<std::size_t>(std::max<std::int64_t>(1, *limit));
  if (const std::string* attention = ask.query("attention")) {
    if (*attention != "true" && *attention != "false")
      return ask.refuse(fail(ErrorCode::invalid_argument, "\"attention\" takes true or false"));
    query.attention = *attention == "true";
  }
  if (const std::string* name = ask.query("name")) query.name = *name;
  if (const std::string* label = ask.query("label")) {
    const std::size_t colon = label->find(':');
    if (colon == std::string::npos || colon == 0)
      return ask.refuse(fail(ErrorCode::invalid_argument, "\"label\" takes NAME:VALUE"));
    query.label_name = label->substr(0, colon);
    query.label_value = label->substr(colon + 1);
  }
  for (const auto& [name, target] :
       {std::pair{"created_after", &query.created_after}, std::pair{"created_before", &query.created_before}}) {
    const std::string* given = ask.query(name);
    if (given == nullptr) continue;
    *target = parse_time(*given);
    if (!*target)
      return ask.refuse(fail(ErrorCode::invalid_argument,
                             "\"" + std::string(name) + "\" takes a time of RFC 3339, such as 2026-11-22T20:00:00Z"));
  }
  if (const std::string* cursor = ask.query("cursor")) query.cursor = *cursor;
  const Result<Json> page = engine_.list(query);
  if (!page) return ask.refuse(page.error());
  ask.json(200, *page);
}

void HttpApi::get(Ask ask) {
  const Result<Duration> wait = wait_of(ask);
  if (!wait) return ask.refuse(wait.error());
  WaitFor until = wait->count() == 0 ? WaitFor::now : WaitFor::ended;
  if (const std::string* given = ask.query("until")) {
    if (*given != "attention") return ask.refuse(fail(ErrorCode::invalid_argument, "\"until\" takes attention"));
    if (until == WaitFor::ended) until = WaitFor::attention;
  }
  const std::string id = ask.param(0);
  engine_.get(name_space, id, until, *wait, loop_, [ask = std::move(ask)](const Result<Json>& document) {
    if (!document) return ask.refuse(document.error());
    const std::string etag = etag_of(*document);
    const std::string* known = ask.request.header("if-none-match");
    if (known != nullptr && *known == etag) {
      HttpResponse unchanged;
      unchanged.status = 304;
      unchanged.headers = {{"ETag", etag}};
      return ask.responder->send(std::move(unchanged));
    }
    ask.json(200, *document, {{"ETag", etag}});
  });
}

void HttpApi::events(Ask ask) {
  const std::string* accept = ask.request.header("accept");
  const bool live = accept != nullptr && accept->find("text/event-stream") != std::string::npos;
  const Result<std::int64_t> limit = number_of(ask, "limit", 200, static_cast<std::int64_t>(options_.page_max));
  if (!limit) return ask.refuse(limit.error());
  Result<std::int64_t> after = number_of(ask, "after", 0, 0xfffffffe);
  if (!after) return ask.refuse(after.error());
  const std::string id = ask.param(0);
  if (live) {
    if (const std::string* last = ask.request.header("last-event-id")) {
      const std::optional<std::size_t> number = parse_index(*last);
      if (!number || *number > 0xfffffffe)
        return ask.refuse(fail(ErrorCode::invalid_argument, "Last-Event-ID is none of this feed"));
      after = static_cast<std::int64_t>(*number);
    }
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
  const Result<std::vector<std::string>> receipts = engine_.receipts(name_space, ask.param(0));
  if (!receipts) return ask.refuse(receipts.error());
  std::string body = "{\"receipts\":[";  // the canonical bytes themselves, so that digests can be checked
  for (std::size_t i = 0; i < receipts->size(); ++i) body += (i == 0 ? "" : ",") + (*receipts)[i];
  ask.raw(200, body + "]}");
}

void HttpApi::receipt(Ask ask) {
  const Result<std::string> receipt = engine_.receipt(name_space, ask.param(0));
  if (!receipt) return ask.refuse(receipt.error());
  ask.raw(200, *receipt);
}

void HttpApi::report(Ask ask) {
  const std::string id = ask.param(0);
  engine_.report(name_space, id, loop_, [ask = std::move(ask)](const Result<Json>& report) {
    if (!report) return ask.refuse(report.error());
    ask.json(200, *report);
  });
}

void HttpApi::cancel(Ask ask) {
  const std::string id = ask.param(0);
  engine_.cancel(name_space, id, loop_, [ask = std::move(ask)](const Result<Json>& document) {
    if (!document) return ask.refuse(document.error());
    ask.json(200, *document, {{"ETag", etag_of(*document)}});
  });
}

void HttpApi::put_tool(Ask ask) {
  if (engine_.stopping()) return ask.refuse(fail(ErrorCode::shutting_down, "the engine is shutting down"));
  const Result<Json> document = read_body(ask);
  if (!document) return ask.refuse(document.error());
  const Json* name = document->find("name");
  if (name != nullptr && name->is_string() && name->as_string() != ask.param(0)) {
    return ask.refuse(fail(ErrorCode::invalid_tool,
                           "the document's name is \"" + shorten(name->as_string(), 80) + "\", the path says \"" +
                               shorten(ask.param(0), 80) + "\"",
                           {{"/name", "name_differs", "\"" + shorten(ask.param(0), 80) + "\"",
                             shorten(name->as_string(), 80), "a tool's name is the one in the path"}}));
  }
  engine_.tools().put(name_space, *document, loop_, [ask = std::move(ask)](const Result<ToolRegistry::Put>& put) {
    if (!put) return ask.refuse(put.error());
    ask.json(put->created ? 201 : 200,
             Json::object({{"name", put->tool->name}, {"version", put->tool->version_text()}}),
             {{"Location", "/v1/tools/" + put->tool->name}});
  });
}

void HttpApi::tools(Ask ask) {
  Json::Array tools;
  for (const std::shared_ptr<const Tool>& tool : engine_.tools().all_latest(name_space))
    tools.push_back(tool_summary(*tool));
  ask.json(200, Json::object({{"tools", std::move(tools)}}));
}

void HttpApi::tool(Ask ask) {
  const std::shared_ptr<const Tool> tool = engine_.tools().latest(name_space, ask.param(0));
  if (tool == nullptr)
    return ask.refuse(fail(ErrorCode::not_found, "there is no tool \"" + shorten(ask.param(0), 80) + "\""));
  Json head = Json::object({{"name", tool->name}, {"version", tool->version_text()}});
  std::string body = write_json(head);
  body.back() = ',';  // the document follows in its canonical bytes, which its version is the digest of
  ask.raw(200, body + "\"document\":" + tool->canonical_document + "}");
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
