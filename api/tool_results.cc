#include "api/tool_results.h"

#include <algorithm>
#include <map>

#include "base/json_parts.h"
#include "base/text.h"
#include "engine/documents.h"
#include "workflows/receipt.h"

namespace settle {
namespace {

constexpr std::size_t output_bytes_max = 32 << 10;  // what a model is shown of an answer; the receipt has its digest

Json value_or_null(const Json& document, std::string_view name) {
  const Json* value = document.find(name);
  return value == nullptr ? Json() : *value;
}

/// How an action stands, for a model: whether it may say "done", and what it should do next.
struct Standing {
  std::string status;
  bool done = false;
  std::string says;
  std::string retry;       ///< "no", "changed" or "later"; empty when it is done
  std::string suggestion;  ///< the same in words
};

bool is_one_of(const std::string& code, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

Standing failed(const std::string& code, const std::string& effect) {
  if (effect != "none" || code == "verification_mismatch") {
    const std::string left = effect == "partial"    ? "A part of it is there."
                             : effect == "none"     ? "The tool said that it was done, but it is not there."
                             : effect == "complete" ? "Its effect is there, but not as it was asked for."
                                                    : "What it left behind is not known.";
    return {"failed", false, "Failed. " + left, "no",
            "Do not call it again: it could happen twice. Read what is there, then decide or ask a person."};
  }
  if (is_one_of(code, {"credential_not_configured", "credential_origin", "address_forbidden", "http_401", "http_403",
                       "endpoint_changed"}))
    return {"failed", false, "Failed: the tool may not be used like this. Nothing was changed.", "no",
            "Calling it again will fail in the same way: a person has to set up the access."};
  if (is_one_of(code, {"attempts_exhausted", "schedule_to_close_timeout", "engine_stopping", "engine_shutdown",
                       "http_429", "http_503", "resolve_failed", "connect_failed", "tls_failed", "connect_timeout",
                       "queue_full", "queue_timeout"}))
    return {"failed", false, "Failed: the tool could not be reached in time. Nothing was changed.", "later",
            "The same call may be made again later, as a new tool call."};
  return {"failed", false, "Failed: the tool refused it. Nothing was changed.", "changed",
          "Call it again only with other arguments that avoid this error."};
}

Standing standing_of(const Json& action) {
  const std::string state = text_member(action, "state"), phase = text_member(action, "phase");
  const Json* error = action.find("error");
  const std::string code = error == nullptr ? "" : text_member(*error, "code");
  if (state == "verified") {
    if (text_member(action, "confidence") == "state_match")
      return {"verified", true, "Is so: read back and equal. That this call did it can't be proved.", "", ""};
    return {"verified", true, "Done, and verified.", "", ""};
  }
  if (state == "executed" && phase.empty())
    return {"executed", true, "The tool says it was done. Nothing can verify it.", "", ""};
  if (state == "executed" && phase == "unverified")
    return {"unverified", false, "The tool says it was done, but that could not be read back. A person has to look.",
            "no", "Do not call it again, and do not report it as done. Say that it is not verified."};
  if (state == "executed")
    return {"running", false, "The tool has answered; whether it is so is still being read back.", "no",
            "Do not call it again. Ask for this result later."};
  if (state == "failed") return failed(code, text_member(action, "effect"));
  if (state == "cancelled")
    return {"cancelled", false, "Not done: it was cancelled, or another call failed before it.", "later",
            "It may be called again, as a new tool call, if it is still wanted."};
  if (state == "skipped") return {"skipped", false, "Not done: its own condition did not hold.", "no", "Go on."};
  if (phase == "in_doubt") {
    const bool parked = value_or_null(action, "next_at").is_null() && value_or_null(action, "effect").is_string();
    return {"in_doubt", false,
            parked ? "Not known whether it happened. A person has to look."
                   : "Its answer was lost; whether it happened is still being found out.",
            "no", "Do not call it again: it may have happened. Do not report it as done, nor as failed."};
  }
  if (phase == "blocked")
    return {"waiting", false, "Not sent yet: it waits for the calls before it.", "no",
            "Do not call it again. Ask for this result later."};
  return {"running", false, "Not done yet: it is still under way.", "no",
          "Do not call it again. Ask for this result later."};
}

/// What was found to differ, of the receipt's checks.
Json differences_of(const Json& receipt) {
  Json::Array out;
  const Json* verification = receipt.find("verification");
  const Json* checks = verification == nullptr ? nullptr : verification->find("checks");
  for (std::size_t i = 0; checks != nullptr && i < checks->size(); ++i) {
    const Json& check = checks->as_array()[i];
    if (value_or_null(check, "ok") == Json(true)) continue;
    out.push_back(Json::object({{"place", value_or_null(check, "at")},
                                {"operator", value_or_null(check, "operator")},
                                {"expected", value_or_null(check, "expected")},
                                {"got", value_or_null(check, "actual")}}));
  }
  return out;
}

Json error_of(const Json& action, const Json& receipt, const Standing& standing) {
  if (standing.done) return Json();
  const Json* known = action.find("error");
  const bool named = known != nullptr && known->is_object();
  Json differences = text_member(action, "phase") == "verification_mismatch" ? differences_of(receipt) : Json::array();
  const Json none;
  const Json& first = differences.size() == 0 ? none : differences.as_array()[0];
  return Json::object({{"code", named ? Json(text_member(*known, "code")) : Json(standing.status)},
                       {"message", named ? Json(text_member(*known, "message")) : Json(standing.says)},
                       {"place", value_or_null(first, "place")},
                       {"expected", value_or_null(first, "expected")},
                       {"got", value_or_null(first, "got")},
                       {"differences", differences},
                       {"suggestion", standing.suggestion},
                       {"retry", standing.retry}});
}

/// The envelope that the provider of the model wants around the content.
Json enveloped(ToolFormat format, const std::string& call, const Json& content, bool done) {
  if (format == ToolFormat::openai)
    return Json::object({{"role", "tool"}, {"tool_call_id", call}, {"content", write_json(content)}});
  return Json::object(
      {{"type", "tool_result"}, {"tool_use_id", call}, {"content", write_json(content)}, {"is_error", !done}});
}

Json content_of(const Json& workflow, const Json& action, const Json& output, const Json& receipt) {
  const Standing standing = standing_of(action);
  Json out = Json::object({{"status", standing.status}, {"done", standing.done}, {"says", standing.says}});
  const bool fits = canonical(output).size() <= output_bytes_max;
  const Json* result = receipt.find("result");
  out.set("output", fits || result == nullptr ? output : value_or_null(*result, "summary"));
  out.set("output_whole", fits);
  out.set("error", error_of(action, receipt, standing));
  out.set("workflow", text_member(workflow, "id"));
  out.set("action", text_member(action, "id"));
  for (const std::string_view name : {"state", "phase", "effect", "confidence", "record_id"})
    out.set(name, value_or_null(action, name));
  out.set("receipt_id", value_or_null(action, "receipt"));
  out.set("receipt", receipt);
  return out;
}

std::map<std::string, Json, std::less<>> read_receipts(const std::vector<std::string>& receipts) {
  std::map<std::string, Json, std::less<>> out;
  for (const std::string& bytes : receipts) {
    Result<Json> receipt = read_receipt(bytes);
    if (!receipt) continue;
    std::string id = text_member(*receipt, "receipt");
    out.emplace(std::move(id), *std::move(receipt));
  }
  return out;
}

/// The ids of the calls by those of their actions.
std::map<std::string, std::string, std::less<>> call_ids(const Json& view) {
  std::map<std::string, std::string, std::less<>> out;
  const Json calls = value_or_null(value_or_null(view, "calls"), "calls");
  for (std::size_t i = 0; calls.is_array() && i < calls.size(); ++i) {
    const Json& call = calls.as_array()[i];
    out.emplace(text_member(call, "action"), text_member(call, "id"));
  }
  return out;
}

bool lies_in(const std::string& pointer, const std::string& place) {
  return pointer == place || pointer.starts_with(place + "/");
}

Json refused_content(const ModelToolCall& call, const std::vector<Problem>& problems) {
  Json::Array own;
  for (const Problem& problem : problems) {
    if (!lies_in(problem.pointer, call.place)) continue;
    const bool inside = lies_in(problem.pointer, call.input_place);
    own.push_back(Json::object({{"code", problem.code},
                                {"message", problem.message},
                                {"place", inside ? problem.pointer.substr(call.input_place.size()) : ""},
                                {"expected", problem.expected},
                                {"got", problem.got}}));
  }
  const bool innocent = own.empty();
  Json error = innocent ? Json::object({{"code", "not_run"},
                                        {"message", "another call of the same message was refused, so none was run"},
                                        {"place", ""},
                                        {"expected", ""},
                                        {"got", ""}})
                        : own[0];
  error.set("suggestion", innocent ? "Make this call again, together with the corrected ones."
                                   : "Nothing was done. Correct the arguments and call again.");
  error.set("retry", innocent ? "later" : "changed");
  error.set("problems", std::move(own));
  return Json::object({{"status", "refused"},
                       {"done", false},
                       {"says", "Not run: nothing was done."},
                       {"error", std::move(error)},
                       {"receipt_id", Json()}});
}

}  // namespace

Json tool_results_view(const Workflow& workflow) {
  Json::Array outputs;  // of the actions of the plan, each by the run that counts: its own or its fallback's
  for (ActionIndex i = 0; i < workflow.plan->actions.size(); ++i) {
    const ActionState& run = workflow.effective(i);
    outputs.push_back(run.output ? *run.output : Json());
  }
  return Json::object({{"workflow", workflow_text(workflow).document()},
                       {"calls", value_or_null(workflow.plan->input, "tool_calls")},
                       {"outputs", std::move(outputs)}});
}

std::optional<ToolFormat> format_of_view(const Json& view) {
  const std::optional<ToolFormat> format = tool_format_of(text_member(value_or_null(view, "calls"), "format"));
  return format == ToolFormat::mcp ? std::nullopt : format;
}

Json tool_results(const Json& view, ToolFormat format, const std::vector<std::string>& receipts) {
  const std::map<std::string, Json, std::less<>> by_id = read_receipts(receipts);
  const std::map<std::string, std::string, std::less<>> calls = call_ids(view);
  const Json& workflow = *view.find("workflow");
  const Json::Array& actions = workflow.find("actions")->as_array();
  const Json::Array& outputs = view.find("outputs")->as_array();
  Json::Array out;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const std::string id = text_member(actions[i], "id");
    const auto receipt = by_id.find(text_member(actions[i], "receipt"));
    const auto call = calls.find(id);
    const Json content =
        content_of(workflow, actions[i], outputs[i], receipt == by_id.end() ? Json() : receipt->second);
    out.push_back(
        enveloped(format, call == calls.end() ? id : call->second, content, *content.find("done") == Json(true)));
  }
  return out;
}

Json refused_results(const ToolCallRequest& request, const std::vector<Problem>& problems) {
  Json::Array out;
  for (const ModelToolCall& call : request.calls)
    out.push_back(enveloped(request.format, call.id, refused_content(call, problems), false));
  return out;
}

}  // namespace settle
