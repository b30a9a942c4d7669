#include "workflows/receipt.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json_parts.h"
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

Json result_of(const Json& output) {
  const std::string bytes = canonical(output);
  return Json::object(
      {{"digest", digest_text(bytes)},
       {"summary", bytes.size() <= result_bytes_max ? output : Json(shorten(bytes, result_bytes_max))}});
}

Json check_document(const CheckResult& check) {
  Json out =
      Json::object({{"at", check.at}, {"operator", name_of(check.op)}, {"expected", check.expected}, {"ok", check.ok}});
  if (check.present) out.set("actual", check.actual);
  if (!check.read.empty()) out.set("read", check.read);
  return out;
}

std::string_view method_of(const Tool& tool, const ActionState& action) {
  constexpr std::string_view of_builtin[] = {"", "clock", "signal", "workflow", "condition"};
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

/// What a fallback stands in for.
Json fallback_document(const Workflow& workflow, const ActionState& action) {
  const ActionState& failed = workflow.actions[action.parent];
  const Tool& tool = *workflow.call_of(action.parent).tool;
  return Json::object({{"for", receipt_id(workflow.header.id, failed.receipt)},
                       {"tool", Json::object({{"name", tool.name}, {"version", tool.version_text()}})},
                       {"code", failed.error ? Json(failed.error->code) : Json()},
                       {"effect", name_of(failed.effect)}});
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
                       {"at", format_time(word.at)}});
}

Json receipt_document(const Workflow& workflow, ActionIndex index, std::uint32_t number, std::uint32_t supersedes,
                      Time now) {
  const ActionState& action = workflow.actions[index];
  const PlanAction& planned = workflow.action_of(index);
  const Tool& tool = *workflow.call_of(index).tool;
  const WorkflowHeader& header = workflow.header;

  Json::Object members;  // each name stands here once, so that none has to be looked for
  members.reserve(40);
  const auto add = [&members](std::string_view name, Json value) {
    members.push_back({std::string(name), std::move(value)});
  };
  add("receipt", receipt_id(header.id, number));
  add("issued_at", format_time(now));
  add("namespace", header.name_space);
  add("workflow", header.id);
  add("action", planned.id);
  add("role", name_of(action.role));
  add("element", action.element ? Json(static_cast<std::int64_t>(*action.element)) : Json());
  add("attempt", static_cast<std::int64_t>(action.attempt));
  add("tool", Json::object({{"name", tool.name}, {"version", tool.version_text()}}));
  add("input", action.input ? *action.input : Json());
  add("input_digest", action.input ? Json(digest_text(canonical(*action.input))) : Json());
  add("idempotency_key", idempotency_key(header.name_space, header.id, planned.id, action.element.value_or(0),
                                         name_of(action.role), action.generation));
  if (!tool.reads_only()) {
    Json promise = Json::object({{"mode", name_of(tool.mode)}});
    if (tool.mode == IdempotencyMode::key) promise.set("window", format_duration(tool.window));
    if (tool.mode == IdempotencyMode::lookup || tool.mode == IdempotencyMode::natural)
      promise.set("quiet", format_duration(tool.quiet));
    add("idempotency", std::move(promise));
  }
  if (planned.for_each && !action.element && action.role == CallRole::main)
    add("elements", elements_document(workflow, action));
  add("status_code", action.status_code == 0 ? Json() : Json(action.status_code));
  add("record_id", action.record_id ? Json(*action.record_id) : Json());
  Json::Array ids;
  Json result;
  if (action.output) {
    collect_ids(*action.output, ids);
    result = result_of(*action.output);
  }
  add("ids", std::move(ids));
  add("result", std::move(result));

  Json::Array checks;
  for (const CheckResult& check : action.checks) checks.push_back(check_document(check));
  Json verification = Json::object({{"method", method_of(tool, action)},
                                    {"checks", std::move(checks)},
                                    {"observed_at", time_or_null(action.observed_at)}});
  if (action.before) {
    Json before = result_of(*action.before);
    before.set("observed_at", time_or_null(action.before_at));
    verification.set("before", std::move(before));
  }
  if (tool.verify == VerifyKind::none) verification.set("reason", tool.unverifiable_reason);
  add("verification", std::move(verification));

  add("state", state_of(action.stage));
  const std::string_view phase = phase_of(action);
  add("phase", phase.empty() ? Json() : Json(phase));
  add("next_state", next_state_of(tool, action));
  add("confidence", name_of(action.confidence));
  add("effect", name_of(action.effect));
  Json::Array errors;
  if (action.error) errors.push_back(Json::object({{"code", action.error->code}, {"message", action.error->message}}));
  if (action.refusal && (!action.error || !(*action.refusal == *action.error))) {
    errors.push_back(Json::object({{"code", action.refusal->code}, {"message", action.refusal->message}}));
  }
  add("errors", std::move(errors));
  add("operator", action.word ? operator_document(*action.word) : Json());
  add("fallback", action.role == CallRole::fallback ? fallback_document(workflow, action) : Json());
  add("started_at", time_or_null(action.first_send_at));
  add("executed_at", time_or_null(action.executed_at));
  add("verified_at", time_or_null(action.verified_at));
  add("approvals", Json::array());
  add("supersedes", supersedes == 0 ? Json() : Json(receipt_id(header.id, supersedes)));
  return Json(std::move(members));
}

}  // namespace settle
