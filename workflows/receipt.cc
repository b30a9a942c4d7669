#include "workflows/receipt.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json_parts.h"
#include "base/object_text.h"
#include "base/text.h"

namespace settle {
namespace {

constexpr std::size_t result_bytes_max = 512;
constexpr std::size_t ids_max = 32;

/// Every unique id that came back: string and integer members named "id" or "…_id", in the order of the answer.
void collect_ids(const Json& value, Json::Array& ids) {
  if (value.is_object()) {
    for (const JsonMember& member : value.as_object()) {
      const bool named = member.name == "id" || member.name.ends_with("_id") || member.name.ends_with("Id");
      const bool simple = member.value.is_string() ? member.value.as_string().size() <= 256 : member.value.is_integer();
      if (named && simple && ids.size() < ids_max && std::find(ids.begin(), ids.end(), member.value) == ids.end())
        ids.push_back(member.value);
      collect_ids(member.value, ids);
    }
  } else if (value.is_array()) {
    for (const Json& element : value.as_array()) collect_ids(element, ids);
  }
}

void write_time(CanonicalObject& object, std::string_view name, const std::optional<Time>& time) {
  if (time) {
    object.text(name, format_time(*time));
  } else {
    object.null(name);
  }
}

/// What came back, by its digest, and in words where it is short.
void write_result(std::string& out, const Json& output, const MaybeTime* observed_at = nullptr) {
  const std::string bytes = canonical(output);
  CanonicalObject result(out);
  result.text("digest", digest_text(bytes));
  if (observed_at != nullptr) write_time(result, "observed_at", *observed_at);
  if (bytes.size() <= result_bytes_max) {
    result.raw("summary", bytes);
  } else {
    result.text("summary", shorten(bytes, result_bytes_max));
  }
  result.end();
}

void write_check(std::string& out, const CheckResult& result) {
  CanonicalObject check(out);
  if (result.present) check.json("actual", result.actual);
  check.text("at", result.at);
  check.json("expected", result.expected);
  check.raw("ok", result.ok ? "true" : "false");
  check.text("operator", name_of(result.op));
  if (!result.read.empty()) check.text("read", result.read);
  check.end();
}

std::string_view method_of(const Tool& tool, const ActionState& action) {
  constexpr std::string_view of_builtin[] = {"", "clock", "signal", "workflow", "condition", "approval", "event"};
  if (tool.builtin != Builtin::none) return of_builtin[static_cast<std::size_t>(tool.builtin)];
  if (!action.checks.empty()) return "read_back";
  if (action.confidence == Confidence::operator_) return "operator";
  if (tool.verify == VerifyKind::none) return "none";
  if (tool.verify == VerifyKind::response) return "response";
  return "read_back";
}

/// How many elements there are, and how many in each state.
Json elements_document(const Workflow& workflow, const ActionState& action) {
  Json out = Json::object({{"total", static_cast<std::int64_t>(action.elements)}});
  for (ActionIndex i = action.first_element; i < action.first_element + action.elements; ++i) {
    const std::string_view state = state_of(workflow.effective(i).stage);
    const Json* before = out.find(state);
    out.set(state, before == nullptr ? std::int64_t{1} : before->as_integer() + 1);
  }
  return out;
}

void write_tool(std::string& out, const Tool& tool) {
  CanonicalObject object(out);
  object.text("name", tool.name);
  object.text("version", tool.version_text());
  object.end();
}

/// Who has agreed to what was sent, or has not.
void write_approvals(std::string& out, const Workflow& workflow, ActionIndex index) {
  out.push_back('[');
  for (const ApprovalDecision& one : decisions_of(workflow, index)) {
    if (out.back() != '[') out.push_back(',');
    CanonicalObject decision(out);
    decision.text("at", format_time(one.at));
    decision.text("by", one.by);
    decision.text("decision", one.approved ? "approved" : "rejected");
    decision.text("digest", one.digest);
    decision.json("reason", one.reason.empty() ? Json() : Json(one.reason));
    decision.end();
  }
  out.push_back(']');
}

/// What a fallback stands in for.
void write_fallback(std::string& out, const Workflow& workflow, const ActionState& action) {
  const ActionState& failed = workflow.actions[action.parent];
  CanonicalObject fallback(out);
  fallback.json("code", failed.error ? Json(failed.error->code) : Json());
  fallback.text("effect", name_of(failed.effect));
  fallback.text("for", receipt_id(workflow.header.id, failed.receipt));
  write_tool(fallback.member("tool"), *workflow.call_of(action.parent).tool);
  fallback.end();
}

void write_verification(std::string& out, const Tool& tool, const ActionState& action) {
  CanonicalObject verification(out);
  if (action.before) write_result(verification.member("before"), *action.before, &action.before_at);
  std::string& checks = verification.member("checks");
  checks.push_back('[');
  for (const CheckResult& check : action.checks) {
    if (&check != action.checks.data()) checks.push_back(',');
    write_check(checks, check);
  }
  checks.push_back(']');
  verification.text("method", method_of(tool, action));
  write_time(verification, "observed_at", action.observed_at);
  if (tool.verify == VerifyKind::none) verification.text("reason", tool.unverifiable_reason);
  verification.end();
}

/// What the provider promised about repeats (CONTRACT §2).
void write_promise(std::string& out, const Tool& tool) {
  CanonicalObject promise(out);
  promise.text("mode", name_of(tool.mode));
  if (tool.mode == IdempotencyMode::lookup || tool.mode == IdempotencyMode::natural)
    promise.text("quiet", format_duration(tool.quiet));
  if (tool.mode == IdempotencyMode::key) promise.text("window", format_duration(tool.window));
  promise.end();
}

Json errors_of(const ActionState& action) {
  const auto document = [](const ActionError& error) {
    return Json::object({{"code", error.code}, {"message", error.message}});
  };
  Json::Array out;
  if (action.error) out.push_back(document(*action.error));
  if (action.refusal && (!action.error || !(*action.refusal == *action.error)))
    out.push_back(document(*action.refusal));
  return Json(std::move(out));
}

/// What is to come: the state that the action can still reach without a person, or the person it needs.
std::string_view next_state_of(const Tool& tool, const ActionState& action) {
  if (is_parked(action.stage) || is_fallen(action)) return "operator";
  if (is_final(action.stage)) return "end";
  if (action.stage == Stage::reading || action.stage == Stage::read_wait || action.stage == Stage::gathering)
    return "verified";
  return tool.verify == VerifyKind::none ? "executed" : "verified";
}

}  // namespace

std::string receipt_id(std::string_view workflow, std::uint32_t number) {
  return "rcp_" + std::string(workflow) + "." + std::to_string(number);
}

std::optional<std::pair<std::string, std::uint32_t>> parse_receipt_id(std::string_view id) {
  const std::size_t dot = id.rfind('.');
  if (!id.starts_with("rcp_") || dot == std::string_view::npos || dot <= 4) return std::nullopt;
  const std::optional<std::size_t> number = parse_index(id.substr(dot + 1));
  if (!number || *number == 0 || *number > 0xffffffffU) return std::nullopt;
  return std::pair(std::string(id.substr(4, dot - 4)), static_cast<std::uint32_t>(*number));
}

Result<Json> read_receipt(std::string_view bytes) {
  return read_json(
      bytes,
      {.bytes_max = bytes.size(), .depth_max = 256, .nodes_max = bytes.size() + 1, .numbers = JsonNumbers::exact});
}

Json operator_document(const OperatorWord& word) {
  return Json::object({{"said", word.happened ? "happened" : "did_not_happen"},
                       {"who", word.who},
                       {"seen", word.seen},
                       {"at", format_time(word.at)},
                       {"by", word.by.empty() ? Json() : Json(word.by)}});
}

std::string receipt_bytes(const Workflow& workflow, ActionIndex index, std::uint32_t number, std::uint32_t supersedes,
                          Time now) {
  const ActionState& action = workflow.actions[index];
  const PlanAction& planned = workflow.action_of(index);
  const Tool& tool = *workflow.call_of(index).tool;
  const WorkflowHeader& header = workflow.header;

  std::string out;
  out.reserve(2'048);
  CanonicalObject receipt(out);
  receipt.text("action", planned.id);
  write_approvals(receipt.member("approvals"), workflow, index);
  receipt.number("attempt", action.attempt);
  receipt.text("confidence", name_of(action.confidence));
  receipt.text("effect", name_of(action.effect));
  receipt.json("element", action.element ? Json(static_cast<std::int64_t>(*action.element)) : Json());
  if (workflow.gathers(index)) receipt.json("elements", elements_document(workflow, action));
  receipt.json("errors", errors_of(action));
  write_time(receipt, "executed_at", action.executed_at);
  if (action.role == CallRole::fallback) {
    write_fallback(receipt.member("fallback"), workflow, action);
  } else {
    receipt.null("fallback");
  }
  if (!tool.reads_only()) write_promise(receipt.member("idempotency"), tool);
  receipt.text("idempotency_key", idempotency_key(header.name_space, header.id, planned.id, action.element.value_or(0),
                                                  name_of(action.role), action.generation));
  Json::Array ids;
  if (action.output) collect_ids(*action.output, ids);
  receipt.json("ids", Json(std::move(ids)));
  const std::string input = action.input ? canonical(*action.input) : "null";
  receipt.raw("input", input);
  receipt.json("input_digest", action.input ? Json(digest_text(input)) : Json());
  receipt.text("issued_at", format_time(now));
  receipt.text("namespace", header.name_space);
  receipt.text("next_state", next_state_of(tool, action));
  receipt.json("operator", action.word ? operator_document(*action.word) : Json());
  const std::string_view phase = phase_of(action);
  receipt.json("phase", phase.empty() ? Json() : Json(phase));
  receipt.text("receipt", receipt_id(header.id, number));
  receipt.json("record_id", action.record_id ? Json(*action.record_id) : Json());
  if (action.output) {
    write_result(receipt.member("result"), *action.output);
  } else {
    receipt.null("result");
  }
  receipt.text("role", name_of(action.role));
  write_time(receipt, "started_at", action.first_send_at);
  receipt.text("state", state_of(action.stage));
  receipt.json("status_code", action.status_code == 0 ? Json() : Json(action.status_code));
  receipt.json("supersedes", supersedes == 0 ? Json() : Json(receipt_id(header.id, supersedes)));
  write_tool(receipt.member("tool"), tool);
  write_verification(receipt.member("verification"), tool, action);
  write_time(receipt, "verified_at", action.verified_at);
  receipt.text("workflow", header.id);
  receipt.end();
  return out;
}

}  // namespace settle
