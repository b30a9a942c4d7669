// Tool calls as models make them: into a plan, into a run, and back into results.

#include "api/api.h"
#include "api/request_parts.h"
#include "api/tool_calls.h"
#include "api/tool_results.h"
#include "base/problem.h"

namespace settle {
namespace {

/// A problem document that also holds what the model is to be told.
void refuse_calls(const Ask& ask, const ToolCallRequest& request, Error error) {
  HttpResponse response = problem_response(error, ask.request.request_id);
  std::string results = write_json(refused_results(request, error.problems));
  response.body.back() = ',';
  response.body += "\"tool_results\":" + results + "}";
  ask.responder->send(std::move(response));
}

Error model_was_wrong(std::vector<Problem> problems) {
  return fail_for(ErrorCode::invalid_plan, std::move(problems));
}

/// What the calls would become; nothing is stored.
void answer_plan(const Ask& ask, const ToolCallRequest& request, const std::vector<Problem>& problems,
                 const std::vector<Problem>& warnings) {
  const bool known = !request.plan.is_null();
  ask.json(200,
           Json::object({{"format", name_of(request.format)},
                         {"valid", problems.empty()},
                         {"plan", request.plan},
                         {"plan_digest", known ? Json(digest_text(canonical(request.plan))) : Json()},
                         {"problems", problem_documents(problems)},
                         {"warnings", problem_documents(warnings)},
                         {"tool_results", problems.empty() ? Json::array() : refused_results(request, problems)}}));
}

Json results_document(const Json& view, ToolFormat format, const std::vector<std::string>& receipts) {
  return Json::object({{"format", name_of(format)},
                       {"workflow", *view.find("workflow")},
                       {"tool_results", tool_results(view, format, receipts)}});
}

Json submission_of(const ToolCallRequest& request, const std::string& id) {
  Json body = Json::object({{"plan", request.plan}});
  if (!id.empty()) body.set("id", id);
  if (!request.labels.is_null()) body.set("labels", request.labels);
  return body;
}

}  // namespace

void HttpApi::from_tool_calls(Ask ask) {
  const Result<Json> body = read_body(ask);
  if (!body) return ask.refuse(body.error());
  Result<std::string> key = idempotency_key_of(ask.request);
  if (!key) return ask.refuse(key.error());
  const std::vector<std::string> known = engine_.tools().known_names(ask.name_space());
  Result<ToolCallRequest> read = read_tool_calls(*body, known, options_.json);
  if (!read) return ask.refuse(read.error());
  if (read->wait && *read->wait > options_.wait_max) {
    return ask.refuse(fail(ErrorCode::invalid_argument, "\"wait\" takes a duration of at most " +
                                                            format_duration(options_.wait_max) + ", such as 30s"));
  }
  const auto request = std::make_shared<const ToolCallRequest>(*std::move(read));
  ask.audit->settled = !request->run;  // then nothing is changed
  ask.audit->entry.status = 201;
  if (!request->problems.empty()) {
    if (request->run) return refuse_calls(ask, *request, model_was_wrong(request->problems));
    return answer_plan(ask, *request, request->problems, {});
  }
  if (!request->run) {
    std::vector<Problem> warnings;
    const Result<std::shared_ptr<const Plan>> checked = engine_.check(ask.name_space(), request->plan, &warnings);
    if (!checked) return answer_plan(ask, *request, at_their_calls(checked.error().problems, *request, known), {});
    return answer_plan(ask, *request, {}, at_their_calls(std::move(warnings), *request, known));
  }

  // Without an id or a key of the caller's, the ids of the calls are what makes a repeat harmless.
  const bool by_calls = request->id.empty() && key->empty();
  SubmitRequest submission{ask.name_space(), *std::move(key),
                           submission_of(*request, by_calls ? workflow_id_of(request->calls) : request->id)};
  for (std::size_t i = 0; by_calls && i < request->calls.size(); ++i)
    submission.tool_calls.push_back(request->calls[i].id);
  submission.submitted_by = ask.actor.submitter();
  submission.audit = ask.audit;
  engine_.submit(std::move(submission), loop_,
                 [this, ask = std::move(ask), request, known](const Result<Engine::Started>& started) {
                   if (!started) {
                     Error error = started.error();
                     error.problems = at_their_calls(std::move(error.problems), *request, known);
                     if (error.code != ErrorCode::invalid_plan) return ask.refuse(error);
                     return refuse_calls(ask, *request, model_was_wrong(std::move(error.problems)));
                   }
                   const std::string id = started->workflow.header.id;
                   ResponseHeaders headers = {{"Location", "/v1/workflows/" + id}};
                   if (!started->created) headers.emplace_back("Idempotent-Replayed", "true");
                   Ask waiting = ask;  // from here on it may be ended: what it asked for is done, and written down
                   if (request->wait) keep_while_allowed(waiting);
                   answer_results(waiting, id, request->format, request->wait.value_or(Duration(0)),
                                  request->wait ? WaitFor::attention : WaitFor::now, started->created ? 201 : 200,
                                  std::move(headers));
                 });
}

void HttpApi::tool_results_of(Ask ask) {
  const Result<Duration> wait = wait_of(ask);
  if (!wait) return ask.refuse(wait.error());
  const Result<WaitFor> until = until_of(ask, *wait);
  if (!until) return ask.refuse(until.error());
  std::optional<ToolFormat> format;
  if (const std::string* given = ask.query("format")) {
    format = tool_format_of(*given);
    if (!format || *format == ToolFormat::mcp)
      return ask.refuse(fail(ErrorCode::invalid_argument, "\"format\" takes one of openai, anthropic"));
  }
  if (*until != WaitFor::now) keep_while_allowed(ask);
  const std::string id = ask.param(0);
  answer_results(ask, id, format, *wait, *until, 200, {});
}

void HttpApi::answer_results(const Ask& ask, const std::string& id, std::optional<ToolFormat> format, Duration wait,
                             WaitFor until, int status, ResponseHeaders headers) {
  engine_.show<Json>(
      ask.name_space(), id, until, wait, loop_, tool_results_view,
      [this, ask, id, format, status, headers = std::move(headers)](const Result<Json>& view) mutable {
        if (!view) return ask.refuse(view.error());
        const std::optional<ToolFormat> spoken = format ? format : format_of_view(*view);
        if (!spoken) {
          return ask.refuse(fail(ErrorCode::invalid_argument,
                                 "this workflow was not made from tool calls; say ?format=openai or anthropic"));
        }
        const Result<std::vector<std::string>> receipts = engine_.receipts(ask.name_space(), id);
        if (!receipts) return ask.refuse(receipts.error());
        headers.emplace_back(
            "ETag", etag_of(static_cast<std::uint32_t>(view->find("workflow")->find("version")->as_integer())));
        ask.json(status, results_document(*view, *spoken, *receipts), std::move(headers));
      });
}

}  // namespace settle
