#include "workflows/builtin_tools.h"

#include "base/text.h"
#include "workflows/fields.h"

namespace settle {
namespace {

constexpr std::size_t emitted_bytes_max = 64 << 10;

constexpr const char* sleep_document = R"({
  "name": "flow.sleep", "builtin": true, "risk": "read", "verify": "response",
  "description": "Waits until a time has come: {\"for\": DURATION} or {\"until\": TIME}.",
  "input_schema": {"type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
    "properties": {"for": {"type": "string", "description": "such as \"90s\", \"24h\", \"7d\"; at most 366d"},
                   "until": {"type": "string", "format": "date-time"}}},
  "output_schema": {"type": "object", "additionalProperties": false, "required": ["woke_at"],
    "properties": {"woke_at": {"type": "string", "format": "date-time"}}}})";

constexpr const char* wait_signal_document = R"({
  "name": "flow.wait_signal", "builtin": true, "risk": "read", "verify": "response",
  "description": "Takes the oldest signal of a name that nobody has taken yet, or waits for one.",
  "input_schema": {"type": "object", "additionalProperties": false, "required": ["name"],
    "properties": {"name": {"type": "string", "pattern": "^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}$"},
                   "timeout": {"type": "string", "description": "such as \"24h\"; at most 366d; without it there is no end"}}},
  "output_schema": {"type": "object", "additionalProperties": false, "required": ["name", "payload", "key", "received_at"],
    "properties": {"name": {"type": "string"}, "payload": {"description": "null when none came"},
                   "key": {"type": ["string", "null"]}, "received_at": {"type": "string", "format": "date-time"}}}})";

constexpr const char* run_plan_document = R"({
  "name": "flow.run_plan", "builtin": true, "risk": "write", "verify": "response",
  "idempotency": {"mode": "natural", "quiet": "0ms"},
  "description": "Runs a plan as a workflow of its own and waits for its end.",
  "input_schema": {"type": "object", "additionalProperties": false, "required": ["plan"],
    "properties": {"plan": {"type": "object", "description": "{\"$literal\": PLAN}"},
                   "input": {"description": "in place of the plan's own /input"},
                   "labels": {"type": "object", "additionalProperties": {"type": "string"}}}},
  "output_schema": {"type": "object", "additionalProperties": false, "required": ["workflow", "outcome"],
    "properties": {"workflow": {"type": "string"}, "outcome": {"enum": ["verified", "executed"]}}},
  "record_id": "/workflow"})";

constexpr const char* assert_document = R"({
  "name": "flow.assert", "builtin": true, "risk": "read", "verify": "response",
  "description": "Fails unless a condition holds.",
  "input_schema": {"type": "object", "additionalProperties": false, "required": ["that"],
    "properties": {"that": {"type": "object", "description": "a condition, as in \"when\""},
                   "message": {"type": "string", "maxLength": 1000}}},
  "output_schema": {"type": "object", "additionalProperties": false}})";

constexpr const char* approve_document = R"({
  "name": "flow.approve", "builtin": true, "risk": "read", "verify": "response",
  "description": "Waits until people agree: shows them a title and details.",
  "input_schema": {"type": "object", "additionalProperties": false, "required": ["title"],
    "properties": {"title": {"type": "string", "minLength": 1, "maxLength": 500},
                   "details": {"description": "whatever they have to know"},
                   "approvers": {"type": "integer", "minimum": 1, "maximum": 100},
                   "expires": {"type": "string", "description": "such as \"24h\", which it is by itself; at most 366d"}}},
  "output_schema": {"type": "object", "additionalProperties": false, "required": ["approved_by", "approved_at"],
    "properties": {"approved_by": {"type": "array", "items": {"type": "string"}},
                   "approved_at": {"type": "string", "format": "date-time"}}}})";

constexpr const char* emit_document = R"({
  "name": "flow.emit", "builtin": true, "risk": "read", "verify": "response",
  "description": "Raises an event that subscribers of Settle are told, under the type \"emitted.\" and this one.",
  "input_schema": {"type": "object", "additionalProperties": false, "required": ["type"],
    "properties": {"type": {"type": "string", "maxLength": 128, "pattern": "^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$",
                            "description": "such as \"order.shipped\""},
                   "data": {"description": "whatever receivers are to know; at most 64 KiB"}}},
  "output_schema": {"type": "object", "additionalProperties": false, "required": ["event"],
    "properties": {"event": {"type": "string", "description": "the id that the event has outside"}}}})";

std::shared_ptr<const Schema> schema_of(const Json& document, std::string_view name) {
  Result<Schema> schema = Schema::compile(*document.find(name));
  SETTLE_ASSERT(schema);
  return std::make_shared<const Schema>(*std::move(schema));
}

std::shared_ptr<const Tool> compiled(Builtin kind, const char* text) {
  const Result<Json> document = read_json(text);
  SETTLE_ASSERT(document);
  auto tool = std::make_shared<Tool>();
  tool->builtin = kind;
  tool->name = document->find("name")->as_string();
  tool->description = document->find("description")->as_string();
  const bool writes = *document->find("risk") == Json("write");
  tool->risk = writes ? Risk::write : Risk::read;
  if (writes) tool->mode = IdempotencyMode::natural;
  tool->input_schema = schema_of(*document, "input_schema");
  tool->output_schema = schema_of(*document, "output_schema");
  if (const Json* record = document->find("record_id")) tool->record_id = Pointer::parse(record->as_string());
  tool->verify = VerifyKind::response;
  write_canonical(*document, tool->canonical_document);
  tool->version = sha256(tool->canonical_document);
  return tool;
}

const std::string* text_at(const Json& input, std::string_view name) {
  const Json* member = input.find(name);
  return member != nullptr && member->is_string() ? &member->as_string() : nullptr;
}

std::optional<Problem> too_much_data(const Json& input) {
  const Json* data = input.find("data");
  const std::size_t bytes = data == nullptr ? 0 : canonical(*data).size();
  if (bytes <= emitted_bytes_max) return std::nullopt;
  return Problem{"/data", "input_too_large", "at most 64 KiB", std::to_string(bytes) + " bytes",
                 "the data of an event has at most 64 KiB as canonical JSON"};
}

}  // namespace

bool is_builtin_name(std::string_view name) {
  return name.starts_with("flow.");
}

const std::vector<std::shared_ptr<const Tool>>& builtin_tools() {
  static const std::vector<std::shared_ptr<const Tool>> tools = {
      compiled(Builtin::approve, approve_document), compiled(Builtin::assertion, assert_document),
      compiled(Builtin::emit, emit_document),       compiled(Builtin::run_plan, run_plan_document),
      compiled(Builtin::sleep, sleep_document),     compiled(Builtin::wait_signal, wait_signal_document)};
  return tools;
}

std::shared_ptr<const Tool> builtin_tool(std::string_view name) {
  if (!is_builtin_name(name)) return nullptr;
  for (const std::shared_ptr<const Tool>& tool : builtin_tools()) {
    if (tool->name == name) return tool;
  }
  return nullptr;
}

std::optional<Problem> builtin_input_problem(const Tool& tool, const Json& input, std::optional<Time> now) {
  if (tool.builtin == Builtin::emit) return too_much_data(input);
  if (tool.builtin != Builtin::sleep && tool.builtin != Builtin::wait_signal && tool.builtin != Builtin::approve)
    return std::nullopt;
  const std::string most = format_duration(wait_max);
  for (const char* name : {"for", "timeout", "expires"}) {
    const std::string* given = text_at(input, name);
    const std::optional<Duration> length = given == nullptr ? std::nullopt : parse_duration(*given);
    if (given == nullptr || (length && *length <= wait_max)) continue;
    return Problem{"/" + std::string(name), "input_duration", "a duration of at most " + most + ", such as \"90s\"",
                   got_text(Json(*given)), "\"" + std::string(name) + "\" takes a duration of at most " + most};
  }
  const std::string* given = text_at(input, "until");
  if (given == nullptr || !now) return std::nullopt;  // its form is the schema's matter
  const std::optional<Time> end = parse_time(*given);
  if (end && *end <= *now + wait_max) return std::nullopt;
  return Problem{"/until", "input_time", "a time of RFC 3339, at most " + most + " from now", got_text(Json(*given)),
                 "\"until\" takes a time of RFC 3339 that is at most " + most + " away"};
}

std::optional<Time> builtin_wait_end(const Json& input, Time since) {
  for (const char* name : {"for", "timeout"}) {
    if (const std::string* given = text_at(input, name)) return since + parse_duration(*given).value_or(Duration(0));
  }
  const std::string* until = text_at(input, "until");
  return until == nullptr ? std::nullopt : parse_time(*until);
}

}  // namespace settle
