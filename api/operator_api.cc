// What a person decides about workflows: cancel, pause, resume, retry, resolve; for one, or for all that fit a filter.

#include <algorithm>
#include <limits>
#include <map>

#include "api/api.h"
#include "api/list_query.h"
#include "api/request_parts.h"
#include "base/text.h"
#include "engine/operations.h"
#include "workflows/fields.h"

namespace settle {
namespace {

constexpr std::int64_t bulk_max = 500;
constexpr std::size_t evidence_bytes_max = 4'096;

/// A body that may be missing.
Result<Json> body_or_nothing(const Ask& ask, const JsonLimits& limits) {
  if (ask.request.body.empty()) return Json::object();
  return read_json(ask.request.body, limits);
}

std::optional<Error> refused(std::vector<Problem> problems) {
  if (problems.empty()) return std::nullopt;
  return fail_for(ErrorCode::invalid_argument, std::move(problems));
}

/// Text that a person gives as evidence: there, not empty, not endless.
std::string evidence(Fields& fields, std::string_view name) {
  std::string text = fields.needed_text(name);
  const bool there = fields.take(name) != nullptr && fields.take(name)->is_string();
  const bool blank = text.find_first_not_of(" \t\r\n") == std::string::npos;
  if (there && (blank || text.size() > evidence_bytes_max))
    fields.problem(name, "evidence_missing", "1 to " + std::to_string(evidence_bytes_max) + " bytes of text",
                   "what a person says rests on who says it and what was seen");
  return text;
}

void read_happened(const Json& document, Resolution& out, std::vector<Problem>& problems) {
  Fields fields(document, "/happened", problems);
  out.happened = true;
  out.seen = evidence(fields, "seen");
  out.record_id = fields.text("record_id");
  if (const Json* output = fields.take("output")) out.output = *output;
  out.verify = fields.boolean("verify").value_or(true);
  fields.finish();
}

void read_did_not_happen(const Json& document, Resolution& out, std::vector<Problem>& problems) {
  Fields fields(document, "/did_not_happen", problems);
  out.seen = evidence(fields, "seen");
  out.send_again = fields.boolean("send_again").value_or(false);
  fields.finish();
}

Result<ResolveRequest> read_resolve(const Json& body, const std::string& action) {
  std::vector<Problem> problems;
  Fields fields(body, "", problems);
  ResolveRequest out;
  out.action = action;
  out.resolution.who = evidence(fields, "who");
  if (const auto element = fields.integer("element", 0, static_cast<std::int64_t>(elements_max)))
    out.element = static_cast<std::uint32_t>(*element);
  if (const auto role = fields.choice("role", {"main", "fallback", "compensate", "compensate_fallback"}))
    out.role = static_cast<CallRole>(*role);
  if (const auto attempt = fields.integer("attempt", 0, std::numeric_limits<std::uint32_t>::max()))
    out.attempt = static_cast<std::uint32_t>(*attempt);
  const Json* happened = fields.take("happened");
  const Json* did_not_happen = fields.take("did_not_happen");
  if ((happened == nullptr) == (did_not_happen == nullptr)) {
    problems.push_back({"", "one_of_two", "\"happened\" or \"did_not_happen\"",
                        happened == nullptr ? "neither" : "both", "say that it happened, or that it did not"});
  } else if (happened != nullptr) {
    read_happened(*happened, out.resolution, problems);
  } else {
    read_did_not_happen(*did_not_happen, out.resolution, problems);
  }
  fields.finish();
  if (std::optional<Error> error = refused(std::move(problems))) return *std::move(error);
  return out;
}

/// {"tools": "latest"}: whether a retry moves to the newest versions.
bool read_latest(Fields& fields) {
  return fields.choice("tools", {"pinned", "latest"}) == 1U;
}

/// One request for many workflows.
struct Bulk {
  ListQuery query;
  bool dry_run = false;
  bool latest = false;
};

Result<Bulk> read_bulk(const Json& body, bool retry) {
  std::vector<Problem> problems;
  Fields fields(body, "", problems);
  Bulk out;
  std::map<std::string, std::string, std::less<>> given;
  const Json* filter = fields.need("filter", "an object of filters, such as {\"outcome\": \"failed\"}");
  if (filter != nullptr) {
    Fields names(*filter, "/filter", problems);
    for (const std::string_view name : list_filters) {
      const Json* value = names.take(name);
      if (value == nullptr) continue;
      const bool flag = name == "attention" && value->is_bool();
      if (flag || value->is_string())
        given.emplace(name, flag ? (value->as_bool() ? "true" : "false") : value->as_string());
      else
        names.problem(name, "wrong_type", "a string", "a filter is a text");
    }
    names.finish();
    if (problems.empty() && given.empty())
      problems.push_back({"/filter", "filter_empty", "at least one filter", "{}",
                          "an operation on everything has to be meant: filter by created_after, for instance"});
  }
  const std::int64_t limit = fields.integer("limit", 1, bulk_max).value_or(100);
  const std::string cursor = fields.text("cursor").value_or("");
  out.dry_run = fields.boolean("dry_run").value_or(false);
  if (retry) out.latest = read_latest(fields);
  fields.finish();
  if (std::optional<Error> error = refused(std::move(problems))) return *std::move(error);
  Result<ListQuery> query = read_list_query([&](std::string_view name) -> const std::string* {
    const auto found = given.find(name);
    return found == given.end() ? nullptr : &found->second;
  });
  if (!query) return std::move(query).error();
  out.query = *std::move(query);
  out.query.limit = static_cast<std::size_t>(limit);
  out.query.cursor = cursor;
  return out;
}

/// The answers of many operations, gathered; the request is answered when the last one is there.
struct Gathered {
  Ask ask;
  std::size_t left = 0;
  Json next_cursor;
  std::int64_t matched = 0;
  Json::Array done = {}, refused = {};

  void take(const std::string& id, const Result<WorkflowText>& result) {
    if (result) {
      done.emplace_back(id);
    } else {
      refused.push_back(
          Json::object({{"id", id}, {"code", info(result.error().code).name}, {"message", result.error().message}}));
    }
    if (--left == 0) answer();
  }
  void answer() {
    ask.json(200, Json::object({{"matched", matched},
                                {"done", std::move(done)},
                                {"refused", std::move(refused)},
                                {"next_cursor", next_cursor}}));
  }
};

/// Answers the workflow, or why nothing was done.
std::function<void(Result<WorkflowText>)> answer_of(Ask ask) {
  return [ask = std::move(ask)](Result<WorkflowText> shown) {
    if (!shown) return ask.refuse(shown.error());
    ask.workflow(200, *std::move(shown));
  };
}

}  // namespace

std::vector<Route> HttpApi::operator_routes() {
  using Make = MakeOperation;
  using enum Role;
  constexpr Rule cancellers = Rule::changes({planner, operator_}, "workflow.cancel");
  const auto operators = [](std::string_view action) { return Rule::changes({operator_}, action); };
  const Make cancels = [](const std::string&, bool) { return cancel_operation(); };
  const Make pauses = [](const std::string&, bool) { return pause_operation(); };
  const Make resumes = [](const std::string&, bool) { return resume_operation(); };
  const Make retries = [this](const std::string& name_space, bool latest) {
    return retry_operation(engine_, name_space, latest);
  };
  const auto one = [this](const Make& operation, bool retry = false) {
    return [this, operation, retry](Ask ask) { operate(std::move(ask), operation, retry); };
  };
  const auto many = [this](const Make& operation, bool retry = false) {
    return [this, operation, retry](Ask ask) { operate_on_many(std::move(ask), operation, retry); };
  };
  return {
      {"POST", "/v1/workflows/{id}:cancel", {}, true, cancellers, one(cancels)},
      {"POST", "/v1/workflows/{id}:pause", {}, true, operators("workflow.pause"), one(pauses)},
      {"POST", "/v1/workflows/{id}:resume", {}, true, operators("workflow.resume"), one(resumes)},
      {"POST", "/v1/workflows/{id}:retry", {}, true, operators("workflow.retry"), one(retries, true)},
      {"POST", "/v1/workflows:cancel", {}, true, operators("workflows.cancel"), many(cancels)},
      {"POST", "/v1/workflows:pause", {}, true, operators("workflows.pause"), many(pauses)},
      {"POST", "/v1/workflows:resume", {}, true, operators("workflows.resume"), many(resumes)},
      {"POST", "/v1/workflows:retry", {}, true, operators("workflows.retry"), many(retries, true)},
      {"POST",
       "/v1/workflows/{id}/actions/{action}:resolve",
       {},
       true,
       operators("action.resolve"),
       [this](Ask ask) { resolve(std::move(ask)); }},
  };
}

void HttpApi::operate(Ask ask, const MakeOperation& operation, bool retry) {
  const Result<Json> body = body_or_nothing(ask, options_.json);
  if (!body) return ask.refuse(body.error());
  std::vector<Problem> problems;
  Fields fields(*body, "", problems);
  const bool latest = retry && read_latest(fields);
  fields.finish();
  if (std::optional<Error> error = refused(std::move(problems))) return ask.refuse(*error);
  const std::string name_space = ask.name_space(), id = ask.param(0);
  const AuditNotePtr audit = ask.audit;
  engine_.operate(name_space, id, operation(name_space, latest), loop_, answer_of(std::move(ask)), audit);
}

void HttpApi::operate_on_many(Ask ask, const MakeOperation& operation, bool retry) {
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  Result<Bulk> bulk = read_bulk(*body, retry);
  if (!bulk) return ask.refuse(bulk.error());
  const std::string name_space = ask.name_space();
  bulk->query.name_space = name_space;
  ask.audit->entry.target = shorten(canonical(*body->find("filter")), 500);
  ask.audit->settled = bulk->dry_run;
  const Result<Json> page = engine_.list(bulk->query);
  if (!page) return ask.refuse(page.error());
  std::vector<std::string> ids;
  for (const Json& workflow : page->find("workflows")->as_array()) ids.push_back(workflow.find("id")->as_string());
  auto gathered = std::make_shared<Gathered>(Gathered{std::move(ask), ids.size(), *page->find("next_cursor")});
  gathered->matched = static_cast<std::int64_t>(ids.size());
  if (bulk->dry_run) {
    for (const std::string& id : ids) gathered->done.emplace_back(id);
    return gathered->answer();
  }
  if (ids.empty()) return gathered->answer();
  for (const std::string& id : ids) {
    engine_.operate(name_space, id, operation(name_space, bulk->latest), loop_,
                    [gathered, id](const Result<WorkflowText>& shown) { gathered->take(id, shown); });
  }
}

void HttpApi::resolve(Ask ask) {
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  Result<ResolveRequest> request = read_resolve(*body, ask.param(1));
  if (!request) return ask.refuse(request.error());
  request->resolution.by = ask.actor.who();
  const std::string name_space = ask.name_space(), id = ask.param(0);
  const AuditNotePtr audit = ask.audit;
  audit->entry.why = shorten(request->resolution.who + ": " + request->resolution.seen, 1'000);
  engine_.operate(name_space, id, resolve_operation(*std::move(request)), loop_, answer_of(std::move(ask)), audit);
}

}  // namespace settle
