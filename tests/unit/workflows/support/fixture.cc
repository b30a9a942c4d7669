#include "tests/unit/workflows/support/fixture.h"

#include <algorithm>
#include <ostream>

namespace settle::test {

Json json(std::string_view text) {
  Result<Json> read = read_json(text);
  if (read) return *std::move(read);
  ADD_FAILURE() << text << ": " << read.error().message;
  return Json();
}

namespace {

Json call_to(const std::string& method, const std::string& url, const std::string& auth) {
  Json call = Json::object({{"connector", "http"}, {"method", method}, {"url", Json::object({{"$text", url}})}});
  if (!auth.empty()) call.set("auth", auth);
  return call;
}

Json from(const std::string& pointer) {
  return Json::object({{"$from", pointer}});
}

Json execute_of(const ToolSpec& spec) {
  if (spec.reads) return call_to("GET", spec.host + "/items/${/input/name}", spec.auth);
  const bool natural = spec.mode == IdempotencyMode::natural;
  Json execute =
      call_to(natural ? "PUT" : "POST", spec.host + (natural ? "/items/${/input/name}" : "/items"), spec.auth);
  execute.set("headers", Json::object({{"Idempotency-Key", from("/idempotency_key")}}));
  execute.set("body", from("/input"));
  return execute;
}

Json idempotency_of(const ToolSpec& spec) {
  Json out = Json::object({{"mode", name_of(spec.mode)}});
  const bool looks = spec.mode == IdempotencyMode::lookup || (spec.mode == IdempotencyMode::key && spec.key_lookup);
  if (spec.mode == IdempotencyMode::key) out.set("window", format_duration(spec.window));
  if (spec.mode != IdempotencyMode::none) out.set("quiet", format_duration(spec.quiet));
  if (looks) {
    out.set("lookup", Json::object({{"read", call_to("GET", spec.host + "/search?key=${/idempotency_key}", spec.auth)},
                                    {"records", "/items"}}));
  }
  return out;
}

Json verify_of(const ToolSpec& spec) {
  Json expect = Json::array();
  expect.push_back(Json::object({{"at", "/name"}, {"equals", from("/input/name")}}));
  expect.push_back(Json::object({{"at", "/value"}, {"equals", from("/input/value")}}));
  if (spec.tied) expect.push_back(Json::object({{"at", "/key"}, {"equals", from("/idempotency_key")}}));
  const std::string place = spec.unique ? "/search?key=${/idempotency_key}" : "/items/${/input/name}";
  Json out = Json::object({{"read", call_to("GET", spec.host + place, spec.auth)},
                           {"expect", expect},
                           {"within", format_duration(spec.within)},
                           {"interval", format_duration(spec.interval)}});
  if (spec.unique) out.set("unique", "/items");
  if (spec.before) out.set("before", call_to("GET", spec.host + "/items/${/input/name}", spec.auth));
  if (spec.recheck) out.set("recheck", Json::object({{"after", "10m"}}));
  return out;
}

}  // namespace

ToolSpec of_mode(IdempotencyMode mode) {
  ToolSpec out;
  out.mode = mode;
  return out;
}

Json tool_document(const ToolSpec& spec) {
  Json out = json(R"({"input_schema": {"type": "object", "required": ["name"], "additionalProperties": false,
    "properties": {"name": {"type": "string"}, "value": {"type": "string"}, "count": {"type": "integer"}, "list": {"type": "array", "items": {"type": "string"}}}},
    "output_schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "value": {"type": "string"}}},
    "success": [{"at": "/error", "absent": true}], "record_id": "/id"})");
  out.set("name", spec.name);
  out.set("risk", spec.reads ? "read" : "write");
  out.set("execute", execute_of(spec));
  if (!spec.reads) out.set("idempotency", idempotency_of(spec));
  if (!spec.reads && spec.read_back) out.set("verify", verify_of(spec));
  if (!spec.reads && !spec.read_back) {
    out.set("verify", "none");
    out.set("reason", "a test");
  }
  out.set("start_to_close_timeout", format_duration(spec.start_to_close));
  out.set("schedule_to_close_timeout", format_duration(spec.schedule_to_close));
  out.set("retry", Json::object({{"initial_interval", "100ms"},
                                 {"backoff_coefficient", 2},
                                 {"maximum_interval", "2s"},
                                 {"maximum_attempts", spec.attempts}}));
  if (!spec.rate_limit.empty()) out.set("rate_limit", json(spec.rate_limit));
  if (!spec.approval.empty()) out.set("approval", json(spec.approval));
  if (!spec.not_processed.empty()) out.set("not_processed", json(spec.not_processed));
  return out;
}

Json with_verify(const ToolSpec& spec, std::string_view members) {
  Json out = tool_document(spec);
  const Json more = json(members);
  for (const JsonMember& member : more.as_object()) {
    if (member.value.is_null()) {
      out.find("verify")->erase(member.name);
    } else {
      out.find("verify")->set(member.name, member.value);
    }
  }
  return out;
}

std::shared_ptr<const Tool> compiled(const Json& document, const Values& values) {
  Result<std::shared_ptr<const Tool>> tool = compile_tool(document, values);
  if (tool) return *tool;
  for (const Problem& problem : tool.error().problems) ADD_FAILURE() << text_of(problem);
  return nullptr;
}

std::shared_ptr<const Tool> make_tool(const ToolSpec& spec) {
  return compiled(tool_document(spec));
}

ToolOf finder(const std::vector<std::shared_ptr<const Tool>>& tools) {
  return [&tools](std::string_view, std::string_view name) -> std::shared_ptr<const Tool> {
    const auto at = std::find_if(tools.begin(), tools.end(), [&](const auto& tool) { return tool->name == name; });
    return at == tools.end() ? nullptr : *at;
  };
}

std::shared_ptr<const Plan> make_plan(const Json& document, const std::vector<std::shared_ptr<const Tool>>& tools) {
  std::vector<std::string> names;
  for (const auto& tool : tools) names.push_back(tool->name);
  Result<std::shared_ptr<const Plan>> plan = check_plan(document, finder(tools), names);
  if (plan) return *plan;
  for (const Problem& problem : plan.error().problems) ADD_FAILURE() << text_of(problem);
  return nullptr;
}

std::shared_ptr<const Plan> plan_of(const std::shared_ptr<const Tool>& tool) {
  const Json input = Json::object({{"name", "n"}, {"value", "v"}});
  Json actions = Json::array();
  actions.push_back(Json::object({{"id", "a"}, {"tool", tool->name}, {"input", input}}));
  return make_plan(Json::object({{"name", "p"}, {"actions", actions}}), {tool});
}

Json changed(Json document, const std::string& pointer, std::string_view value) {
  std::vector<std::string> tokens = Pointer::parse(pointer)->tokens;
  const std::string last = tokens.back();
  tokens.pop_back();
  Json* at = &document;
  for (const std::string& token : tokens) at = at->is_array() ? &at->as_array()[std::stoul(token)] : at->find(token);
  if (value.empty()) {
    EXPECT_TRUE(at->erase(last)) << pointer;
  } else if (at->is_array()) {
    at->as_array()[std::stoul(last)] = json(value);
  } else {
    at->set(last, json(value));
  }
  return document;
}

namespace {

std::vector<std::string> places_of(const std::vector<Problem>& problems) {
  std::vector<std::string> out;
  for (const Problem& problem : problems) {
    EXPECT_FALSE(problem.message.empty()) << text_of(problem);
    out.push_back(problem.pointer + " " + problem.code);
  }
  return out;
}

}  // namespace

std::vector<std::string> tool_problems(const Json& document, const Values& values) {
  const Result<std::shared_ptr<const Tool>> tool = compile_tool(document, values);
  if (tool) return {};
  EXPECT_EQ(tool.error().code, ErrorCode::invalid_tool);
  return places_of(tool.error().problems);
}

std::vector<std::string> plan_problems(const Json& document, const std::vector<std::shared_ptr<const Tool>>& tools,
                                       const PlanLimits& limits) {
  std::vector<std::string> names;
  for (const auto& tool : tools) names.push_back(tool->name);
  const Result<std::shared_ptr<const Plan>> plan = check_plan(document, finder(tools), names, limits);
  if (plan) return {};
  EXPECT_EQ(plan.error().code, ErrorCode::invalid_plan);
  return places_of(plan.error().problems);
}

Outcome answered(Json body, int status) {
  Outcome out;
  out.kind = OutcomeClass::answered;
  out.status = status;
  out.body = std::move(body);
  return out;
}

Outcome rejected(int status) {
  Outcome out;
  out.kind = OutcomeClass::rejected;
  out.status = status;
  out.code = "http_" + std::to_string(status);
  out.detail = "refused by the test";
  return out;
}

Outcome not_sent(int status, std::optional<Duration> retry_after) {
  Outcome out;
  out.kind = OutcomeClass::not_sent;
  out.status = status;
  out.code = status == 0 ? "connect_failed" : "http_" + std::to_string(status);
  out.retry_after = retry_after;
  return out;
}

Outcome ambiguous(const std::string& code) {
  Outcome out;
  out.code = code;
  out.detail = "nobody can know";
  return out;
}

Outcome done() {
  return answered(json(R"({"id": "r1", "value": "v"})"));
}

Outcome seen(std::string_view value) {
  return answered(Json::object({{"id", "r1"}, {"name", "n"}, {"value", value}, {"key", "other"}}));
}

Outcome found(std::size_t records) {
  Json items = Json::array();
  for (std::size_t i = 0; i < records; ++i)
    items.push_back(Json::object({{"id", "r" + std::to_string(i + 1)}, {"value", "v"}}));
  return answered(Json::object({{"items", items}}));
}

std::string text_of(const Problem& problem) {
  return problem.pointer + " " + problem.code + ": " + problem.message;
}

}  // namespace settle::test

namespace settle {
void PrintTo(Stage stage, std::ostream* out) {
  *out << name_of(stage);
}
void PrintTo(Effect effect, std::ostream* out) {
  *out << name_of(effect);
}
void PrintTo(Confidence confidence, std::ostream* out) {
  *out << name_of(confidence);
}
void PrintTo(WorkflowOutcome outcome, std::ostream* out) {
  *out << (outcome == WorkflowOutcome::none ? "none" : name_of(outcome));
}
void PrintTo(const Json& value, std::ostream* out) {
  *out << write_json(value);
}
}  // namespace settle
