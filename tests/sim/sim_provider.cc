#include "tests/sim/sim_provider.h"

namespace settle::sim {
namespace {

Outcome outcome_of(OutcomeClass kind, int status, std::string code) {
  Outcome out;
  out.kind = kind;
  out.status = status;
  out.code = std::move(code);
  out.detail = "simulated";
  return out;
}

Outcome answered(int status, Json body) {
  Outcome out = outcome_of(OutcomeClass::answered, status, "");
  out.body = std::move(body);
  return out;
}

Json record_document(const std::string& key, const Provider::Record& record) {
  return Json::object({{"id", "r_" + key}, {"key", key}, {"value", record.value}});
}

}  // namespace

void Provider::answer(Outcome outcome, const std::function<void(Outcome)>& done) {
  outcome.started = schedule_.now();
  const Time ended = schedule_.now() + Duration(1 + static_cast<std::int64_t>(dice_.below(20)));
  outcome.ended = ended;
  schedule_.at(ended, [outcome = std::move(outcome), done] { done(outcome); });
}

void Provider::call(const Call& call, const std::function<void(Outcome)>& done) {
  // http://sim/{mode}/effects (POST), http://sim/{mode}/{records,search}/{key} (GET)
  const std::size_t mode_at = std::string("http://sim/").size();
  const std::size_t what_at = call.url.find('/', mode_at) + 1;
  const std::string mode = call.url.substr(mode_at, what_at - 1 - mode_at);
  if (call.method == "POST") {
    const Result<Json> body = read_json(*call.body);
    SETTLE_ASSERT(body);
    return write(mode, body->find("key")->as_string(), body->find("value")->as_string(), done);
  }
  const std::size_t key_at = call.url.find('/', what_at) + 1;
  answer(read(call.url.substr(what_at, key_at - 1 - what_at), call.url.substr(key_at)), done);
}

Outcome Provider::read(const std::string& what, const std::string& key) {
  if (dice_.chance(faults.read_down)) return outcome_of(OutcomeClass::ambiguous, 500, "http_500");
  Json::Array found;
  for (const Record& record : truth[key].effects) {
    if (record.at + faults.read_lag <= schedule_.now()) found.push_back(record_document(key, record));
  }
  if (what == "search") return answered(200, Json::object({{"records", std::move(found)}}));
  if (found.empty()) return outcome_of(OutcomeClass::rejected, 404, "http_404");
  return answered(200, found.back());
}

void Provider::apply(const std::string& mode, const std::string& key, const std::string& value) {
  std::vector<Record>& effects = truth[key].effects;
  const bool repeat = !effects.empty() && (mode == "key" || mode == "natural");
  if (!repeat) effects.push_back({value, schedule_.now()});
}

void Provider::write(const std::string& mode, const std::string& key, const std::string& value,
                     const std::function<void(Outcome)>& done) {
  Truth& known = truth[key];
  if (dice_.chance(faults.not_sent)) return answer(outcome_of(OutcomeClass::not_sent, 0, "connect_failed"), done);
  if (dice_.chance(faults.throttled)) {
    Outcome busy = outcome_of(OutcomeClass::not_sent, 429, "http_429");
    busy.retry_after = Duration(1'000);
    return answer(std::move(busy), done);
  }
  ++known.sends;
  if (known.doubtful) ++known.unclear_then_sent;
  if (dice_.chance(faults.refused)) return answer(outcome_of(OutcomeClass::rejected, 422, "http_422"), done);
  known.doubtful = true;
  if (dice_.chance(faults.lost_before)) return answer(outcome_of(OutcomeClass::ambiguous, 0, "connection_lost"), done);
  if (dice_.chance(faults.status_500_before)) return answer(outcome_of(OutcomeClass::ambiguous, 500, "http_500"), done);
  if (dice_.chance(faults.late)) {
    schedule_.at(schedule_.now() + Duration(700), [this, mode, key, value] { apply(mode, key, value); });
    return answer(outcome_of(OutcomeClass::ambiguous, 0, "connection_lost"), done);
  }
  const bool existed = !known.effects.empty();
  if (dice_.chance(faults.lie) && !existed) {
    known.lied = true;
    return answer(answered(200, record_document(key, {value, schedule_.now()})), done);
  }
  if (dice_.chance(faults.partial) && !existed) {
    known.lied = true;
    apply(mode, key, "half of it");
    return answer(answered(200, record_document(key, {value, schedule_.now()})), done);
  }
  apply(mode, key, value);
  if (dice_.chance(faults.lost_after)) return answer(outcome_of(OutcomeClass::ambiguous, 0, "connection_lost"), done);
  if (dice_.chance(faults.status_500_after)) return answer(outcome_of(OutcomeClass::ambiguous, 500, "http_500"), done);
  if (dice_.chance(faults.malformed_after))
    return answer(outcome_of(OutcomeClass::ambiguous, 200, "malformed_response"), done);
  // A repeat of something that only exists once may well be refused, though nothing is wrong.
  if (mode == "natural" && existed && dice_.chance(0.5))
    return answer(outcome_of(OutcomeClass::rejected, 409, "http_409"), done);
  answer(answered(200, record_document(key, {value, schedule_.now()})), done);
}

Json tool_document(const std::string& mode) {
  const std::string base = "http://sim/" + mode;
  const auto get = [&](const std::string& what) {
    return Json::object({{"connector", "http"},
                         {"method", "GET"},
                         {"url", Json::object({{"$text", base + "/" + what + "/${/idempotency_key}"}})}});
  };
  const Json text = Json::object({{"type", "string"}});
  Json idempotency = Json::object({{"mode", mode}});
  if (mode == "key") idempotency.set("window", "24h");
  if (mode == "lookup") {
    idempotency.set("quiet", "2s");
    idempotency.set("lookup", Json::object({{"read", get("search")}, {"records", "/records"}}));
  }
  if (mode == "natural") idempotency.set("quiet", "2s");
  Json tool = Json::object();
  tool.set("name", "sim." + mode);
  tool.set("risk", "write");
  tool.set("input_schema", Json::object({{"type", "object"},
                                         {"required", Json(Json::Array{"value"})},
                                         {"additionalProperties", false},
                                         {"properties", Json::object({{"value", text}})}}));
  tool.set("output_schema", Json::object({{"type", "object"},
                                          {"required", Json(Json::Array{"id"})},
                                          {"properties", Json::object({{"id", text}})}}));
  tool.set("execute", Json::object({{"connector", "http"},
                                    {"method", "POST"},
                                    {"url", base + "/effects"},
                                    {"body", Json::object({{"key", Json::object({{"$from", "/idempotency_key"}})},
                                                           {"value", Json::object({{"$from", "/input/value"}})}})}}));
  tool.set("record_id", "/id");
  tool.set("idempotency", std::move(idempotency));
  tool.set("verify",
           Json::object({{"read", get("records")},
                         {"expect", Json(Json::Array{Json::object(
                                        {{"at", "/value"}, {"equals", Json::object({{"$from", "/input/value"}})}})})},
                         {"within", "3s"},
                         {"interval", "100ms"}}));
  tool.set("start_to_close_timeout", "5s");
  tool.set("schedule_to_close_timeout", "2m");
  tool.set("retry", Json::object({{"initial_interval", "50ms"}, {"maximum_interval", "1s"}, {"maximum_attempts", 15}}));
  return tool;
}

}  // namespace settle::sim
