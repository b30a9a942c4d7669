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
    Json lookup =
        Json::object({{"read", get("${sim}/" + tool.name + "/search/${/idempotency_key}")}, {"records", "/records"}});
    if (tool.promises.paged) lookup.set("next", "/next");
    out.set("lookup", std::move(lookup));
  }
  return out;
}

/// Several runs may write the record of one name, so a look at it says, after the name, whose it is (World::read).
std::string place_of(ReadBy by) {
  static constexpr std::string_view places[] = {"by-key/${/idempotency_key}", "by-id/${/record_id}",
                                                "by-name/${/input/record}/${/workflow/id}/${/input/value}",
                                                "find/${/idempotency_key}", "account/${/input/value}"};
  return std::string(places[static_cast<std::size_t>(by)]);
}

Json::Array expectations(const SimTool& tool, ReadBy by) {
  Json::Array out;
  if (tool.reads_only()) return {Json::object({{"at", "/id"}, {"equals", from("/output/id")}})};
  if (by == ReadBy::account) {
    const char* change = tool.promises.falls ? "decreased_by" : "increased_by";
    out.push_back(Json::object({{"at", "/balance"}, {change, tool.amount()}}));
  } else {
    out.push_back(Json::object({{"at", "/value"}, {"equals", from("/input/value")}}));
  }
  if (tool.checks_key) out.push_back(Json::object({{"at", "/key"}, {"equals", from("/idempotency_key")}}));
  if (tool.promises.settles) out.push_back(Json::object({{"at", "/status"}, {"equals", "settled"}}));
  return out;
}

/// One look of a read-back: its call, and what its answer is compared with.
Json look(const SimTool& tool, ReadBy by, const std::string& where) {
  const std::string place = tool.reads_only() ? "again/${/input/record}" : where + place_of(by);
  Json out = Json::object({{"read", get("${sim}/" + tool.name + "/" + place)}});
  out.set("expect", expectations(tool, by));
  if (tool.promises.settles)
    out.set("pending", Json(Json::Array{Json::object({{"at", "/status"}, {"equals", "new"}})}));
  if (by == ReadBy::search) out.set("unique", "/records");
  if (by == ReadBy::search && tool.promises.paged) out.set("next", "/next");
  return out;
}

Json verification(const SimTool& tool) {
  if (tool.verify == VerifyKind::none) return "none";
  if (tool.verify == VerifyKind::response) return "response";
  const SimPromises& promises = tool.promises;
  Json out = Json::object();
  if (promises.mirrored) {
    Json here = look(tool, tool.read_by, ""), mirror = look(tool, tool.read_by, "mirror-");
    here.set("name", "here");
    mirror.set("name", "mirror");
    out.set("reads", Json(Json::Array{std::move(here), std::move(mirror)}));
  } else {
    out = look(tool, tool.read_by, "");
  }
  if (promises.before) out.set("before", get("${sim}/" + tool.name + "/before/${/input/value}"));
  if (promises.unseen) out.set("read_unseen", look(tool, *promises.unseen, ""));
  if (promises.recheck_times > 0) {
    out.set("recheck", Json::object({{"after", format_duration(promises.recheck_after)},
                                     {"times", static_cast<std::int64_t>(promises.recheck_times)}}));
  }
  out.set("within", format_duration(tool.within));
  out.set("interval", format_duration(tool.interval));
  return out;
}

Json rate_limit(const SimPromises& promises) {
  Json out = Json::object();
  if (promises.per_second > 0) out.set("per_second", promises.per_second);
  if (promises.concurrency > 0) out.set("concurrency", static_cast<std::int64_t>(promises.concurrency));
  return out;
}

Json not_processed(const SimPromises& promises) {
  Json::Array out;
  for (const int status : *promises.not_processed) out.push_back(status);
  return out;
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
  const std::uint64_t kind = dice.below(8);
  if (kind == 0) return ReadBy::search;
  if (kind == 1) return ReadBy::account;
  // In mode none the answer that has the id may be lost for good: then it takes a look that does without.
  if (kind < 4) return ReadBy::record_id;
  return kind < 6 ? ReadBy::record : ReadBy::key;
}

void draw_limits(Dice& dice, SimPromises& out) {
  static const std::vector<double> rates = {1, 2.5, 5, 20};
  if (dice.chance(0.25)) {
    const std::uint64_t kind = dice.below(3);
    if (kind < 2) out.per_second = dice.of(rates);
    if (kind > 0) out.concurrency = 1 + dice.below(3);
  }
  static const std::vector<std::vector<int>> lists = {{}, {429}, {503}};
  if (dice.chance(0.25)) out.not_processed = dice.of(lists);
}

void draw_recheck(Dice& dice, SimPromises& out) {
  if (!dice.chance(0.3)) return;
  out.recheck_after = dice.between(Duration(200), Duration(4'000));
  out.recheck_times = static_cast<std::uint32_t>(1 + dice.below(3));
}

/// What goes beyond one plain look.
void draw_promises(Dice& dice, SimTool& tool) {
  SimPromises& out = tool.promises;
  draw_limits(dice, out);
  out.paged = dice.chance(0.5);
  if (tool.verify != VerifyKind::read_back) return;
  const bool account = tool.read_by == ReadBy::account;
  out.before = account || dice.chance(0.1);
  out.falls = account && dice.chance(0.5);
  out.settles = dice.chance(0.2);
  if (out.settles) out.settle_max = dice.between(Duration(100), Duration(2'000));
  out.mirrored = !account && tool.read_by != ReadBy::search && dice.chance(0.2);
  const bool needs_unseen = tool.read_by == ReadBy::record_id && tool.mode == IdempotencyMode::none;
  if (needs_unseen || (tool.read_by == ReadBy::record_id && dice.chance(0.3)))
    out.unseen = dice.chance(0.5) ? ReadBy::key : ReadBy::record;
  draw_recheck(dice, out);
  tool.within += out.settle_max;
}

}  // namespace

Json SimRule::document() const {
  Json out = Json::object({{"approvers", static_cast<std::int64_t>(approvers)}, {"expires", format_duration(expires)}});
  if (asks == Asks::never) out.set("when", Json::object({{"equals", Json(Json::Array{1, 2})}}));
  if (asks == Asks::seen) out.set("when", Json::object({{"exists", from("/input/seen")}}));
  out.set("on_expiry", escalates ? "escalate" : "reject");
  out.set("four_eyes", four_eyes);
  return out;
}

SimRule draw_rule(Dice& dice) {
  SimRule out;
  const std::uint64_t kind = dice.below(6);
  out.asks = kind < 4 ? SimRule::Asks::always : kind == 4 ? SimRule::Asks::seen : SimRule::Asks::never;
  out.approvers = static_cast<std::uint32_t>(1 + dice.below(dice.chance(0.5) ? 1 : 3));
  if (dice.chance(0.4)) out.expires = dice.between(Duration(50), Duration(4'000));
  out.escalates = dice.chance(0.3);
  out.four_eyes = dice.chance(0.7);
  return out;
}

Json SimTool::document() const {
  Json out = Json::object();
  out.set("name", name);
  out.set("risk", name_of(risk));
  if (rule && rule->said) out.set("approval", rule->document());
  if (!rule && risk == Risk::destructive) out.set("approval", "none");
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
  if (promises.limited()) out.set("rate_limit", rate_limit(promises));
  if (promises.not_processed) out.set("not_processed", not_processed(promises));
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
  tool.checks_key = tool.read_by != ReadBy::account && dice.chance(0.5);
  tool.success_rule = dice.chance(0.4);
  draw_times(dice, tool);
  draw_promises(dice, tool);
  if (dice.chance(tool.risk == Risk::destructive ? 0.5 : tool.natural() ? 0.25 : 0.1)) tool.rule = draw_rule(dice);
  const bool by_itself = tool.risk == Risk::destructive && tool.rule && dice.chance(0.3);
  if (by_itself) {
    tool.rule = SimRule();
    tool.rule->said = false;
  }
  return tool;
}

void hasten(Dice& dice, SimTool& tool) {
  if (tool.mode != IdempotencyMode::key) return;
  tool.window = dice.between(Duration(3'000), Duration(5'000));
  tool.limit = Duration(60'000);
  tool.attempts = 20;
  tool.maximum = tool.initial;
}

SimTool draw_reader(Dice& dice, std::size_t number) {
  SimTool tool;
  tool.name = "reader." + std::to_string(number);
  tool.risk = Risk::read;
  tool.posts = dice.chance(0.3);
  tool.mode = IdempotencyMode::none;
  tool.verify = VerifyKind::response;
  draw_times(dice, tool);
  draw_limits(dice, tool.promises);
  if (dice.chance(0.05)) tool.rule = draw_rule(dice);
  if (dice.chance(0.3)) {
    tool.verify = VerifyKind::read_back;
    draw_recheck(dice, tool.promises);
  }
  return tool;
}

}  // namespace settle::sim
