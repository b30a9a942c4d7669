#include "engine/documents.h"

#include <map>

#include "base/json_parts.h"
#include "workflows/receipt.h"
#include "workflows/waiting.h"

namespace settle {
namespace {

/// What a run's document has, and room for what stands beside it: lists have thousands of them.
constexpr std::size_t run_members = 20;

/// Appends a member that is not there yet, without looking for it.
void add(Json& out, std::string_view name, Json value) {
  out.as_object().push_back({std::string(name), std::move(value)});
}

/// One run of an action: the action itself, an element, a fallback, a compensation.
void set_run(const Workflow& workflow, ActionIndex run, const ActionState& action, Json& out) {
  const Tool& tool = *workflow.call_of(run).tool;
  add(out, "tool", Json::object({{"name", tool.name}, {"version", tool.version_text()}}));
  add(out, "state", state_of(action.stage));
  add(out, "phase", text_or_null(phase_of(action)));
  add(out, "attempts", static_cast<std::int64_t>(action.attempt));
  add(out, "record_id", action.record_id ? Json(*action.record_id) : Json());
  add(out, "confidence", name_of(action.confidence));
  add(out, "effect", is_final(action.stage) || is_parked(action.stage) ? Json(name_of(action.effect)) : Json());
  add(out, "receipt", action.receipt == 0 ? Json() : Json(receipt_id(workflow.header.id, action.receipt)));
  add(out, "since", format_time(action.since));
  add(out, "next_at", time_or_null(action.wake_at));
  add(out, "waits_for", waits_for(workflow, run));
  add(out, "error",
      action.error ? Json::object({{"code", action.error->code}, {"message", action.error->message}}) : Json());
  add(out, "operator", action.word ? operator_document(*action.word) : Json());
  add(out, "started_at", time_or_null(action.first_send_at));
  add(out, "executed_at", time_or_null(action.executed_at));
  add(out, "verified_at", time_or_null(action.verified_at));
}

Json run_document(const Workflow& workflow, ActionIndex run) {
  Json out = Json::object();
  set_run(workflow, run, workflow.actions[run], out);
  return out;
}

/// An action counts as its fallback does, once that was begun; its own run is then told below `fallback`.
Json action_document(const Workflow& workflow, ActionIndex index) {
  const PlanAction& planned = workflow.plan->actions[index];
  const ActionState& own = workflow.actions[index];
  Json out = Json::object();
  out.as_object().reserve(run_members);
  add(out, "id", planned.id);
  Json::Array after;
  for (const ActionIndex need : planned.needs) after.push_back(workflow.plan->actions[need].id);
  add(out, "after", std::move(after));
  set_run(workflow, own.fallback == 0 ? index : own.fallback, workflow.effective(index), out);
  if (own.fallback != 0) add(out, "fallback", Json::object({{"instead_of", run_document(workflow, index)}}));
  return out;
}

/// The runs that the plan's text does not have, below the action that they belong to.
void add_more_runs(const Workflow& workflow, Json::Array& actions) {
  for (auto i = static_cast<ActionIndex>(workflow.plan->actions.size()); i < workflow.actions.size(); ++i) {
    const ActionState& run = workflow.actions[i];
    if (run.role == CallRole::fallback) continue;  // shown where it counts
    const bool counts_by_fallback = run.role == CallRole::main && run.fallback != 0;
    Json document = Json::object();
    document.as_object().reserve(run_members);
    if (run.element) document.set("element", static_cast<std::int64_t>(*run.element));
    set_run(workflow, counts_by_fallback ? run.fallback : i, workflow.effective(i), document);
    if (counts_by_fallback) document.set("fallback", Json::object({{"instead_of", run_document(workflow, i)}}));
    Json& action = actions[run.planned];
    const char* list = is_undoing(run.role) ? "compensations" : "elements";
    Json* others = action.find(list);
    if (others == nullptr) {
      others = &action.set(list, Json::array());
      others->as_array().reserve(is_undoing(run.role) ? 1 : workflow.actions[run.planned].elements);
    }
    others->push_back(std::move(document));
  }
}

std::string first_error(const Json& receipt) {
  const Json* errors = receipt.find("errors");
  if (errors == nullptr || errors->size() == 0) return "";
  const Json& error = errors->as_array()[0];
  return text_member(error, "code") + " (" + text_member(error, "message") + ")";
}

std::string said_by(const Json& receipt) {
  const Json* word = receipt.find("operator");
  if (word == nullptr || !word->is_object()) return "a person";
  return text_member(*word, "who") + " (\"" + text_member(*word, "seen") + "\")";
}

/// Everybody who approved.
std::string agreed_by(const Json& receipt) {
  std::string out;
  const Json* approvals = receipt.find("approvals");
  for (std::size_t i = 0; approvals != nullptr && i < approvals->size(); ++i) {
    const Json& one = approvals->as_array()[i];
    if (text_member(one, "decision") == "approved") out += (out.empty() ? "" : ", ") + text_member(one, "by");
  }
  return out.empty() ? "nobody" : out;
}

/// What one of Settle's own tools did, when it came to its end; empty for any other tool.
std::string sentence_of_builtin(const Json& receipt) {
  const std::string method =
      receipt.find("verification") == nullptr ? "" : text_member(*receipt.find("verification"), "method");
  const Json* input = receipt.find("input");
  if (method == "clock") return "Has waited until its time.";
  if (method == "condition") return "Held: its condition was true.";
  if (method == "approval") return "Was agreed to by " + agreed_by(receipt) + ".";
  if (method == "signal")
    return "Has taken a signal \"" + (input == nullptr ? "" : text_member(*input, "name")) + "\".";
  if (method == "workflow")
    return "Was run as workflow " + text_member(receipt, "record_id") +
           ", which has receipts of its own: " + text_member(receipt, "state") + ".";
  return "";
}

/// One sentence that says exactly what the receipt proves, and no more.
std::string sentence_of(const Json& receipt) {
  const std::string state = text_member(receipt, "state"), confidence = text_member(receipt, "confidence"),
                    effect = text_member(receipt, "effect");
  const std::string tool = receipt.find("tool") == nullptr ? "" : text_member(*receipt.find("tool"), "name");
  const std::string record = text_member(receipt, "record_id");
  const std::string what = tool + (record.empty() ? "" : ", record " + record);
  const Json* verification = receipt.find("verification");
  const std::size_t checks =
      verification == nullptr || verification->find("checks") == nullptr ? 0 : verification->find("checks")->size();
  if (const Json* elements = receipt.find("elements"); elements != nullptr && state != "failed" && state != "skipped") {
    const auto count = [&](std::string_view name) {
      const Json* number = elements->find(name);
      return number == nullptr ? std::string("0") : canonical(*number);
    };
    const std::string all = count("total") + (count("total") == "1" ? " element" : " elements");
    return state == "verified" || state == "executed"
               ? "Was run for " + all + ": " + what + "; each has its own receipt."
               : "Was run for a part of " + all + " only: " + what + "; " + count("cancelled") + " not done.";
  }
  if (state == "verified" || state == "executed") {
    if (std::string own = sentence_of_builtin(receipt); !own.empty()) return own;
  }
  if (state == "verified") {
    if (confidence == "response") return "Was read: " + what + " answered as its contract says.";
    const std::string seen = std::to_string(checks) + (checks == 1 ? " field" : " fields") + " read back and equal";
    if (confidence == "operator")
      return "Is so: " + what + "; " + seen + ". That this run did it rests on the word of " + said_by(receipt) + ".";
    if (confidence == "state_match") return "Is so: " + what + "; " + seen + ". That this run did it can't be proved.";
    if (confidence == "lookup") return "Was done: " + what + "; found under our key after a lost answer, " + seen + ".";
    return "Was done: " + what + "; " + seen + ".";
  }
  if (state == "executed" && confidence == "operator")
    return "Was done, on the word of " + said_by(receipt) + ": " + what +
           (first_error(receipt).empty() ? "." : "; not verified: " + first_error(receipt) + ".");
  if (state == "executed") {
    const std::string reason = verification == nullptr ? "" : text_member(*verification, "reason");
    if (!reason.empty()) return "The tool says it was done: " + what + ". It can't be verified: " + reason + ".";
    return "The tool says it was done: " + what + "; not verified" +
           (first_error(receipt).empty() ? " yet." : ": " + first_error(receipt) + ".");
  }
  const std::string left = effect == "none"      ? "nothing was changed"
                           : effect == "partial" ? "a part of it is there"
                           : effect == "unknown" ? "what it left behind is not known"
                                                 : "its effect is there";
  if (state == "failed") {
    return "Failed: " + what + ": " + first_error(receipt) + "; " + left + ".";
  }
  if (state == "cancelled" && effect != "none") return "Was cancelled: " + what + "; " + left + ".";
  if (state == "cancelled") return "Was not done: " + what + ", cancelled.";
  if (state == "skipped") return "Was not done: " + what + ", skipped by its own condition.";
  return "Not known: " + what + ": " + first_error(receipt) + ". A person has to look.";
}

}  // namespace

Json workflow_document(const Workflow& workflow) {
  const WorkflowHeader& header = workflow.header;
  Json out = Json::object();
  out.as_object().reserve(16);
  add(out, "id", header.id);
  add(out, "namespace", header.name_space);
  add(out, "name", workflow.plan->name);
  add(out, "status", name_of(shown_status(header)));
  add(out, "outcome", text_or_null(name_of(header.outcome)));
  add(out, "attention", header.attention);
  add(out, "labels", texts_document(header.labels));
  add(out, "plan_digest", header.plan_digest);
  add(out, "created_at", format_time(header.created_at));
  add(out, "ended_at", time_or_null(header.ended_at));
  add(out, "deadline_at", time_or_null(header.deadline_at));
  add(out, "retries", static_cast<std::int64_t>(header.retries));
  add(out, "version", static_cast<std::int64_t>(header.version));
  const std::optional<ParentLink>& parent = header.parent;
  add(out, "parent", parent ? Json::object({{"workflow", parent->workflow}, {"action", parent->action}}) : Json());
  Json::Array actions;
  const std::size_t planned = workflow.plan->actions.size();
  actions.reserve(planned);
  for (ActionIndex i = 0; i < planned; ++i) actions.push_back(action_document(workflow, i));
  add_more_runs(workflow, actions);
  add(out, "actions", std::move(actions));
  return out;
}

Json summary_document(const Summary& summary) {
  Json out = Json::object();
  out.set("id", summary.id);
  out.set("name", summary.name);
  out.set("status", name_of(summary.status));
  out.set("outcome", text_or_null(name_of(summary.outcome)));
  out.set("attention", summary.attention);
  out.set("labels", texts_document(summary.labels));
  out.set("created_at", format_time(summary.created_at));
  out.set("ended_at", time_or_null(summary.ended_at));
  return out;
}

Json event_document(const StoredEvent& event, const Plan& plan) {
  Json out = Json::object();
  out.set("seq", static_cast<std::int64_t>(event.seq));
  out.set("type", event.event.type);
  out.set("at", format_time(event.at));
  const std::optional<ActionIndex>& action = event.event.action;
  out.set("action", action && *action < plan.actions.size() ? Json(plan.actions[*action].id) : Json());
  out.set("data", event.event.data);
  return out;
}

Result<Json> report_document(const Workflow& workflow, const std::vector<std::string>& receipts) {
  std::map<std::string, Json, std::less<>> latest, undone;
  for (const std::string& bytes : receipts) {
    Result<Json> receipt = read_receipt(bytes);
    if (!receipt)
      return fail(ErrorCode::corruption, "a receipt of workflow \"" + workflow.header.id + "\" can't be read");
    const std::string role = text_member(*receipt, "role");
    const Json* element = receipt->find("element");
    if (role == "compensate" || role == "compensate_fallback") {
      const std::string of =
          role + " " + text_member(*receipt, "action") + " " + canonical(element == nullptr ? Json() : *element);
      undone[of] = *std::move(receipt);  // by what it undoes: a retry may have given it another key
    } else if (element == nullptr || element->is_null()) {
      latest[text_member(*receipt, "action")] = *std::move(receipt);  // a fallback's comes after what it stands in for
    }
  }
  const WorkflowHeader& header = workflow.header;
  std::string text = workflow.plan->name + " (" + header.id + "): ";
  text += header.outcome != WorkflowOutcome::none ? std::string(name_of(header.outcome))
          : header.attention                      ? "waits for a person"
                                                  : "still running";
  text += "\n";
  Json::Array actions;
  for (const PlanAction& planned : workflow.plan->actions) {
    const auto found = latest.find(planned.id);
    Json line = Json::object({{"action", planned.id}});
    if (found == latest.end()) {
      line.set("state", "pending");
      line.set("sentence", "Nothing is known yet: no receipt.");
      line.set("receipt", Json());
    } else {
      line.set("state", text_member(found->second, "state"));
      line.set("sentence", sentence_of(found->second));
      line.set("receipt", text_member(found->second, "receipt"));
    }
    text += "  " + planned.id + ": " + line.find("sentence")->as_string();
    text += found == latest.end() ? "\n" : " [" + line.find("receipt")->as_string() + "]\n";
    actions.push_back(std::move(line));
  }
  Json::Array compensations;
  for (const auto& [key, receipt] : undone) {
    const std::string sentence = "To undo " + text_member(receipt, "action") + ": " + sentence_of(receipt);
    text += "  " + sentence + " [" + text_member(receipt, "receipt") + "]\n";
    compensations.push_back(Json::object({{"action", text_member(receipt, "action")},
                                          {"state", text_member(receipt, "state")},
                                          {"sentence", sentence},
                                          {"receipt", text_member(receipt, "receipt")}}));
  }
  Json out = Json::object();
  out.set("workflow", header.id);
  out.set("name", workflow.plan->name);
  out.set("outcome", text_or_null(name_of(header.outcome)));
  out.set("attention", header.attention);
  out.set("text", std::move(text));
  out.set("actions", std::move(actions));
  if (!compensations.empty()) out.set("compensations", std::move(compensations));
  return out;
}

}  // namespace settle
