#include "tests/sim/sim_tool.h"

namespace settle::sim {
namespace {

Json from(std::string_view pointer) {
  return Json::object({{"$from", pointer}});
}

Json text(std::string_view template_text) {
  return Json::object({{"$text", template_text}});
}

Json get(const std::string& url) {
  return Json::object({{"connector", "http"}, {"method", "GET"}, {"url", text(url)}});
}

Json string_schema() {
  return Json::object({{"type", "string"}});
}

Json input_schema() {
  return Json::object(
      {{"type", "object"},
       {"required", Json(Json::Array{"value", "record"})},
       {"additionalProperties", false},
       {"properties",
        Json::object({{"value", string_schema()}, {"record", string_schema()}, {"seen", string_schema()}})}});
}

/// What every tool answers; only `id` is certain.
Json output_schema() {
  const Json list = Json::object({{"type", "array"}, {"items", string_schema()}});
  return Json::object({{"type", "object"},
                       {"required", Json(Json::Array{"id"})},
                       {"properties", Json::object({{"id", string_schema()},
                                                    {"note", string_schema()},
                                                    {"items", list},
                                                    {"flag", string_schema()},
                                                    {"n", Json::object({{"type", "integer"}})}})}});
}

Json execute(const SimTool& tool) {
  const std::string base = "${sim}/" + tool.name;
  if (tool.reads_only() && !tool.posts) return get(base + "/fetch/${/input/record}");
  Json call = Json::object({{"connector", "http"}});
  call.set("method", tool.natural() ? "PUT" : "POST");
  call.set("url", text(base + (tool.reads_only() ? "/fetch/${/input/record}" : "/effects")));
  call.set("body", Json::object({{"workflow", from("/workflow/id")},
                                 {"key", from("/idempotency_key")},
                                 {"attempt", from("/action/attempt")},
                                 {"value", from("/input/value")},
                                 {"record", from("/input/record")}}));
  return call;
}

Json idempotency(const SimTool& tool) {
  Json out = Json::object({{"mode", name_of(tool.mode)}});
  if (tool.mode == IdempotencyMode::key) out.set("window", format_duration(tool.window));
  if (tool.mode != IdempotencyMode::none && tool.quiet_declared) out.set("quiet", format_duration(tool.quiet));
  if (tool.lookup) {
    out.set("lookup", Json::object({{"read", get("${sim}/" + tool.name + "/search/${/idempotency_key}")},
                                    {"records", "/records"}}));
  }
  return out;
}

Json verification(const SimTool& tool) {
  if (tool.verify == VerifyKind::none) return "none";
  if (tool.verify == VerifyKind::response) return "response";
  const std::string base = "${sim}/" + tool.name;
  const std::string place = tool.read_by == ReadBy::key         ? "/by-key/${/idempotency_key}"
                            : tool.read_by == ReadBy::record_id ? "/by-id/${/record_id}"
                                                                : "/by-name/${/input/record}";
  Json::Array checks = {Json::object({{"at", "/value"}, {"equals", from("/input/value")}})};
  if (tool.checks_key) checks.push_back(Json::object({{"at", "/key"}, {"equals", from("/idempotency_key")}}));
  return Json::object({{"read", get(base + place)},
                       {"expect", std::move(checks)},
                       {"within", format_duration(tool.within)},
                       {"interval", format_duration(tool.interval)}});
}

/// Times that the provider keeps: what it does late, and shows late, it does and shows within what the tool declares.
void draw_times(Dice& dice, SimTool& tool) {
  tool.timeout = dice.between(Duration(300), Duration(1'500));
  tool.limit = dice.chance(0.3) ? dice.between(Duration(3'000), Duration(10'000)) : Duration(60'000);
  tool.attempts = static_cast<int>(1 + dice.below(8));
  tool.initial = dice.between(Duration(20), Duration(200));
  tool.maximum = dice.between(Duration(200), Duration(1'500));
  tool.interval = dice.between(Duration(50), Duration(400));
  tool.quiet = dice.between(Duration(200), Duration(3'000));
  tool.quiet_declared = tool.lookup || dice.chance(0.5);
  if (!tool.quiet_declared) tool.quiet = tool.timeout;
  const std::int64_t most = tool.quiet.count() - 20;
  tool.late_max = Duration(most * 6 / 10);
  tool.search_lag = Duration(dice.chance(0.5) ? most * 4 / 10 - 1 : 0);
  tool.read_lag = Duration(dice.chance(0.5) ? static_cast<std::int64_t>(dice.below(600)) : 0);
  tool.within = tool.late_max + tool.read_lag + dice.between(Duration(100), Duration(1'500));
  // Half of the windows are so short that they expire while the action still tries.
  tool.window = dice.chance(0.5) ? dice.between(Duration(3'000), Duration(8'000)) : Duration(86'400'000);
}

ReadBy draw_read_by(Dice& dice, const SimTool& tool) {
  if (tool.natural()) return ReadBy::record;
  const std::uint64_t kind = dice.below(3);
  if (kind == 0 && tool.mode != IdempotencyMode::none) return ReadBy::record_id;
  return kind == 1 ? ReadBy::record : ReadBy::key;
}

}  // namespace

Json SimTool::document() const {
  Json out = Json::object();
  out.set("name", name);
  out.set("risk", name_of(risk));
  if (risk == Risk::destructive) out.set("approval", "none");
  out.set("input_schema", input_schema());
  out.set("output_schema", output_schema());
  out.set("execute", execute(*this));
  if (success_rule) out.set("success", Json(Json::Array{Json::object({{"at", "/error"}, {"absent", true}})}));
  if (!reads_only()) {
    out.set("record_id", "/id");
    out.set("idempotency", idempotency(*this));
  }
  out.set("verify", verification(*this));
  if (verify == VerifyKind::none) out.set("reason", "nobody can look");
  out.set("start_to_close_timeout", format_duration(timeout));
  out.set("schedule_to_close_timeout", format_duration(limit));
  out.set("retry", Json::object({{"initial_interval", format_duration(initial)},
                                 {"maximum_interval", format_duration(maximum)},
                                 {"maximum_attempts", attempts}}));
  return out;
}

SimTool draw_tool(Dice& dice, std::size_t number) {
  SimTool tool;
  tool.mode = static_cast<IdempotencyMode>(dice.below(4));
  tool.name = std::string(name_of(tool.mode)) + "." + std::to_string(number);
  tool.risk = dice.chance(0.15) ? Risk::destructive : Risk::write;
  tool.lookup = tool.mode == IdempotencyMode::lookup || (tool.mode == IdempotencyMode::key && dice.chance(0.5));
  tool.verify = tool.natural() || !dice.chance(0.2) ? VerifyKind::read_back : VerifyKind::none;
  tool.read_by = draw_read_by(dice, tool);
  tool.checks_key = dice.chance(0.5);
  tool.success_rule = dice.chance(0.4);
  draw_times(dice, tool);
  return tool;
}

SimTool draw_reader(Dice& dice, std::size_t number) {
  SimTool tool;
  tool.name = "reader." + std::to_string(number);
  tool.risk = Risk::read;
  tool.posts = dice.chance(0.3);
  tool.mode = IdempotencyMode::none;
  tool.verify = VerifyKind::response;
  draw_times(dice, tool);
  return tool;
}

}  // namespace settle::sim
