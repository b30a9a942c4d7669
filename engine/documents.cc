#include "engine/documents.h"

#include <map>

#include "base/json_parts.h"
#include "base/object_text.h"
#include "workflows/receipt.h"
#include "workflows/waiting.h"

namespace settle {
namespace {

void write_time(std::string_view name, const std::optional<Time>& time, ObjectText& out) {
  if (time) {
    out.text(name, format_time(*time));
  } else {
    out.null(name);
  }
}

void write_text_or_null(std::string_view name, std::string_view text, ObjectText& out) {
  if (text.empty()) {
    out.null(name);
  } else {
    out.text(name, text);
  }
}

void write_error(const Rare<ActionError>& error, ObjectText& out) {
  if (!error) return out.null("error");
  ObjectText members(out.member("error"));
  members.text("code", error->code);
  members.text("message", error->message);
  members.end();
}

/// One run of an action: the action itself, an element, a fallback, a compensation.
void write_run(const Workflow& workflow, ActionIndex run, ObjectText& out) {
  const ActionState& action = workflow.actions[run];
  const Tool& tool = *workflow.call_of(run).tool;
  ObjectText of_tool(out.member("tool"));
  of_tool.text("name", tool.name);
  of_tool.text("version", tool.version_text());
  of_tool.end();
  out.text("state", state_of(action.stage));
  write_text_or_null("phase", phase_of(action), out);
  out.number("attempts", action.attempt);
  if (action.record_id) {
    out.text("record_id", *action.record_id);
  } else {
    out.null("record_id");
  }
  out.text("confidence", name_of(action.confidence));
  write_text_or_null("effect", is_final(action.stage) || is_parked(action.stage) ? name_of(action.effect) : "", out);
  write_text_or_null("receipt", action.receipt == 0 ? "" : receipt_id(workflow.header.id, action.receipt), out);
  out.text("since", format_time(action.since));
  write_time("next_at", action.wake_at, out);
  out.raw("waits_for", write_json(waits_for(workflow, run)));
  write_error(action.error, out);
  out.raw("operator", action.word ? write_json(operator_document(*action.word)) : "null");
  write_time("started_at", action.first_send_at, out);
  write_time("executed_at", action.executed_at, out);
  write_time("verified_at", action.verified_at, out);
}

/// The run that counts, which is its fallback's once that was begun; its own is then told below `fallback`.
void write_effective_run(const Workflow& workflow, ActionIndex run, ObjectText& out) {
  write_run(workflow, workflow.effective_run(run), out);
  if (workflow.actions[run].fallback == 0) return;
  ObjectText fallback(out.member("fallback"));
  ObjectText own(fallback.member("instead_of"));
  write_run(workflow, run, own);
  own.end();
  fallback.end();
}

/// The runs that the plan's text does not have, by the action that they belong to.
struct MoreRuns {
  std::vector<ActionIndex> elements, compensations;
};

std::vector<MoreRuns> more_runs(const Workflow& workflow) {
  std::vector<MoreRuns> out(workflow.plan->actions.size());
  for (auto i = static_cast<ActionIndex>(out.size()); i < workflow.actions.size(); ++i) {
    const ActionState& run = workflow.actions[i];
    if (run.role == CallRole::fallback) continue;  // shown where it counts
    MoreRuns& more = out[run.planned];
    (is_undoing(run.role) ? more.compensations : more.elements).push_back(i);
  }
  return out;
}

void write_more_runs(const Workflow& workflow, std::string_view name, const std::vector<ActionIndex>& runs,
                     ObjectText& out) {
  if (runs.empty()) return;
  std::string& text = out.member(name);
  text.push_back('[');
  for (const ActionIndex run : runs) {
    if (run != runs.front()) text.push_back(',');
    ObjectText members(text);
    if (const std::optional<std::uint32_t>& element = workflow.actions[run].element)
      members.number("element", *element);
    write_effective_run(workflow, run, members);
    members.end();
  }
  text.push_back(']');
}

void write_action(const Workflow& workflow, ActionIndex index, const MoreRuns& more, std::string& text) {
  const PlanAction& planned = workflow.plan->actions[index];
  ObjectText out(text);
  out.text("id", planned.id);
  out.member("after").push_back('[');
  for (const ActionIndex need : planned.needs) {
    if (need != planned.needs.front()) text.push_back(',');
    write_json_string(workflow.plan->actions[need].id, text);
  }
  text.push_back(']');
  write_effective_run(workflow, index, out);
  write_more_runs(workflow, "elements", more.elements, out);
  write_more_runs(workflow, "compensations", more.compensations, out);
  out.end();
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

Json WorkflowText::document() const {
  Result<Json> read = read_json(text, own_text);
  SETTLE_ASSERT(read);
  return *std::move(read);
}

WorkflowText workflow_text(const Workflow& workflow) {
  constexpr std::size_t header_bytes = 512, run_bytes = 512;  // as most are
  const WorkflowHeader& header = workflow.header;
  WorkflowText shown{header, {}};
  std::string& text = shown.text;
  text.reserve(header_bytes + run_bytes * workflow.actions.size());
  ObjectText out(text);
  out.text("id", header.id);
  out.text("namespace", header.name_space);
  out.text("name", workflow.plan->name);
  out.text("status", name_of(shown_status(header)));
  write_text_or_null("outcome", name_of(header.outcome), out);
  out.boolean("attention", header.attention);
  ObjectText labels(out.member("labels"));
  for (const auto& [name, value] : header.labels) labels.text_of_any_name(name, value);
  labels.end();
  out.text("plan_digest", header.plan_digest);
  out.text("created_at", format_time(header.created_at));
  write_time("ended_at", header.ended_at, out);
  write_time("deadline_at", header.deadline_at, out);
  out.number("retries", header.retries);
  out.number("version", header.version);
  if (const std::optional<ParentLink>& parent = header.parent) {
    ObjectText link(out.member("parent"));
    link.text("workflow", parent->workflow);
    link.text("action", parent->action);
    link.end();
  } else {
    out.null("parent");
  }
  const std::vector<MoreRuns> more = more_runs(workflow);
  out.member("actions").push_back('[');
  for (ActionIndex i = 0; i < more.size(); ++i) {
    if (i > 0) text.push_back(',');
    write_action(workflow, i, more[i], text);
  }
  text.push_back(']');
  out.end();
  return shown;
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

Result<Json> report_document(const WorkflowHeader& header, const Plan& plan, const std::vector<std::string>& receipts) {
  std::map<std::string, Json, std::less<>> latest, undone;
  for (const std::string& bytes : receipts) {
    Result<Json> receipt = read_receipt(bytes);
    if (!receipt) return fail(ErrorCode::corruption, "a receipt of workflow \"" + header.id + "\" can't be read");
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
  std::string text = plan.name + " (" + header.id + "): ";
  text += header.outcome != WorkflowOutcome::none ? std::string(name_of(header.outcome))
          : header.attention                      ? "waits for a person"
                                                  : "still running";
  text += "\n";
  Json::Array actions;
  for (const PlanAction& planned : plan.actions) {
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
  out.set("name", plan.name);
  out.set("outcome", text_or_null(name_of(header.outcome)));
  out.set("attention", header.attention);
  out.set("text", std::move(text));
  out.set("actions", std::move(actions));
  if (!compensations.empty()) out.set("compensations", std::move(compensations));
  return out;
}

}  // namespace settle
