#include "sandbox/world.h"

#include <algorithm>
#include <charconv>

namespace settle {

namespace {

constexpr std::size_t kLogMax = 10'000;
constexpr std::size_t kFaultsMax = 100;
constexpr std::size_t kLateMax = 1'000;
constexpr std::size_t kTalliesMax = 200'000;

Decision reply(int status, const Json& body) {
  Decision out;
  out.status = status;
  out.body = write_json(body);
  return out;
}

bool happens_before_effect(FaultKind kind) {
  return kind == FaultKind::drop_before || kind == FaultKind::e500_before || kind == FaultKind::r429 ||
         kind == FaultKind::r503;
}

// What a fault makes of the answer.
void spoil(Decision& decision, const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::drop_before:
    case FaultKind::drop_after:
    case FaultKind::late:
      decision.delivery = AnswerDelivery::nothing;
      return;
    case FaultKind::e500_before:
    case FaultKind::e500_after:
      decision.status = 500;
      decision.body = write_json(sandbox_error("internal", "something went wrong"));
      return;
    case FaultKind::truncate:
      decision.delivery = AnswerDelivery::half;
      return;
    case FaultKind::malformed:
      decision.body = decision.body.substr(0, decision.body.size() / 2);
      return;
    case FaultKind::delay:
      decision.delay = fault.delay;
      return;
    case FaultKind::r429:
    case FaultKind::r503: {
      decision.status = fault.kind == FaultKind::r429 ? 429 : 503;
      decision.body = write_json(sandbox_error("busy", "come again later"));
      decision.headers.emplace_back("Retry-After", std::to_string((fault.delay.count() + 999) / 1000));
      return;
    }
    case FaultKind::lie:
    case FaultKind::partial:
      return;  // the answer is the lie
  }
}

// Requests without a key are told apart by what they ask for.
std::string tally_of(const Json& entry) {
  const Json* key = entry.find("key");
  const std::string method = entry.find("method")->as_string();
  if (key->is_string()) return method + " k " + key->as_string();
  return method + " d " + entry.find("digest")->as_string();
}

// Only writes come late, and no write has a query.
Json request_document(const SandboxRequest& request) {
  return Json::object({{"method", request.method},
                       {"path", request.path},
                       {"idempotency_key", request.idempotency_key ? Json(*request.idempotency_key) : Json()},
                       {"body", request.body}});
}

bool is_text(const Json& document, std::string_view name) {
  const Json* found = document.find(name);
  return found != nullptr && found->is_string();
}

Error damaged(std::string_view what) {
  return fail(ErrorCode::corruption, "not an entry that the sandbox writes: " + std::string(what));
}

}  // namespace

Decision World::decide(const SandboxRequest& request, Time now) const {
  if (request.path == "/healthz") return reply(200, Json::object({{"status", "ok"}}));
  if (request.path == "/_sandbox" || request.path.starts_with("/_sandbox/")) return decide_admin(request, now);
  return decide_service(request, now);
}

Decision World::decide_admin(const SandboxRequest& request, Time now) const {
  if (request.path == "/_sandbox/log" && request.method == "GET") return reply(200, log(request));
  if (request.path == "/_sandbox/summary" && request.method == "GET") return reply(200, summary());
  if (request.path != "/_sandbox/faults")
    return reply(404, sandbox_error("not_found", "there are log, summary and faults"));

  if (request.method == "GET") return reply(200, armed());
  Json entry = Json::object({{"kind", "faults_cleared"}, {"seq", seq_ + 1}, {"at", format_time(now)}});
  Decision out = reply(200, Json::object({{"faults", Json::array()}}));
  if (request.method == "POST") {
    Result<Json> document = read_json(request.body);
    if (!document) return reply(400, sandbox_error("malformed_json", document.error().message));
    Result<Fault> fault = read_fault(*document);
    if (!fault) return reply(400, sandbox_error("invalid_fault", fault.error().message));
    if (faults_.size() >= kFaultsMax)
      return reply(409, sandbox_error("too_many_faults", "100 are armed; DELETE them first"));
    fault->id = faults_made_ + 1;
    entry.set("kind", "fault");
    entry.set("fault", fault->document());
    out = reply(201, fault->document());
  } else if (request.method != "DELETE") {
    return reply(405, sandbox_error("method_not_allowed", "there are GET, POST and DELETE"));
  }
  out.entry = std::move(entry);
  out.durable = true;
  return out;
}

const Fault* World::due_fault(const SandboxRequest& request) const {
  for (const Fault& fault : faults_) {
    if (fault.matches(request) && fault.is_due()) return &fault;
  }
  return nullptr;
}

Decision World::decide_service(const SandboxRequest& request, Time now) const {
  if (tallies_.size() >= kTalliesMax) return reply(507, sandbox_error("full", "stop the sandbox and remove its file"));
  const Fault* fault = due_fault(request);
  const bool late = fault != nullptr && fault->kind == FaultKind::late && request.is_write();
  if (late && late_.size() >= kLateMax)
    return reply(503, sandbox_error("busy", "too many late effects are still to come"));

  Json seen = Json::array();
  for (const Fault& armed : faults_) {
    if (armed.matches(request)) seen.push_back(armed.id);
  }
  const std::optional<std::string> key = key_of(request);
  Json entry = Json::object({{"kind", "request"},
                             {"seq", seq_ + 1},
                             {"at", format_time(now)},
                             {"method", request.method},
                             {"path", request.path},
                             {"key", key ? Json(*key) : Json()},
                             {"digest", digest_of(request)},
                             {"fault", fault == nullptr ? Json() : Json(name_of(fault->kind))},
                             {"seen", std::move(seen)}});

  Decision out;
  if (late) {
    entry.set("late", Json::object({{"due", format_time(now + fault->delay)}, {"request", request_document(request)}}));
  } else if (fault == nullptr || !happens_before_effect(fault->kind)) {
    Handled done = handle(records_, request, now);
    out = reply(done.status, done.body);
    if (done.replayed) {
      out.headers.emplace_back("Idempotent-Replayed", "true");
      entry.set("replayed", true);
    }
    if (done.memory) entry.set("memory", *std::move(done.memory));
    const bool lie = fault != nullptr && fault->kind == FaultKind::lie;
    if (!done.collection.empty() && !lie) {
      const bool half = fault != nullptr && fault->kind == FaultKind::partial;
      entry.set("effect", "eff_" + std::to_string(effects_ + 1));
      entry.set("collection", done.collection);
      entry.set("record", half ? partial_of(done.collection, std::move(done.record)) : std::move(done.record));
    }
  }
  if (fault != nullptr) spoil(out, *fault);
  entry.set("status", out.delivery == AnswerDelivery::whole ? Json(out.status) : Json());
  out.entry = std::move(entry);
  // A fault that a read used up must stay used up as well.
  out.durable = request.is_write() || fault != nullptr;
  return out;
}

Json World::land(std::int64_t seq, Time now) const {
  const Late& late = late_.at(seq);
  Handled done = handle(records_, late.request, now);
  const std::optional<std::string> key = key_of(late.request);
  Json entry = Json::object({{"kind", "late"},
                             {"seq", seq_ + 1},
                             {"at", format_time(now)},
                             {"of", seq},
                             {"method", late.request.method},
                             {"path", late.request.path},
                             {"key", key ? Json(*key) : Json()},
                             {"digest", digest_of(late.request)},
                             {"status", nullptr}});
  if (done.memory) entry.set("memory", *std::move(done.memory));
  if (!done.collection.empty()) {
    entry.set("effect", "eff_" + std::to_string(effects_ + 1));
    entry.set("collection", done.collection);
    entry.set("record", std::move(done.record));
  }
  return entry;
}

std::map<std::int64_t, Time> World::pending() const {
  std::map<std::int64_t, Time> out;
  for (const auto& [seq, late] : late_) out.emplace(seq, late.due);
  return out;
}

Result<void> World::apply(const Json& entry) {
  const Json* seq = entry.find("seq");
  if (!is_text(entry, "kind") || !is_text(entry, "at") || seq == nullptr || !seq->is_integer())
    return damaged("kind, at or seq");
  if (seq->as_integer() != seq_ + 1)
    return damaged("number " + write_json(*seq) + " instead of " + std::to_string(seq_ + 1));
  seq_ = seq->as_integer();

  const std::string& kind = entry.find("kind")->as_string();
  if (kind == "faults_cleared") {
    faults_.clear();
    return {};
  }
  if (kind == "fault") {
    const Json* document = entry.find("fault");
    if (document == nullptr) return damaged("fault");
    Result<Fault> fault = read_fault(*document);
    if (!fault) return damaged(fault.error().message);
    faults_made_ = fault->id;
    faults_.push_back(*std::move(fault));
    return {};
  }
  const Json* key = entry.find("key");
  if (!is_text(entry, "method") || !is_text(entry, "path") || !is_text(entry, "digest") || key == nullptr)
    return damaged("request");
  if (kind == "request") return apply_request(entry);
  if (kind == "late") return apply_late(entry);
  return damaged("kind \"" + kind + "\"");
}

Result<void> World::apply_request(const Json& entry) {
  ++requests_;
  const Json* seen = entry.find("seen");
  if (seen == nullptr || !seen->is_array()) return damaged("seen");
  for (const Json& id : seen->as_array()) {
    for (Fault& fault : faults_) fault.seen += Json(fault.id) == id ? 1 : 0;
  }
  std::erase_if(faults_, [](const Fault& fault) { return fault.is_spent(); });

  const std::string& method = entry.find("method")->as_string();
  const bool write = method != "GET" && method != "HEAD";
  if (write) {
    const Json& key = *entry.find("key");
    Tally& tally = tallies_[tally_of(entry)];
    if (tally.sends++ == 0) {
      tally.method = method;
      tally.path = entry.find("path")->as_string();
      tally.order = seq_;
      if (key.is_string()) tally.key = key.as_string();
    }
  }
  if (const Json* late = entry.find("late")) {
    const Json* due = late->find("due");
    const Json* request = late->find("request");
    if (due == nullptr || !due->is_string() || request == nullptr) return damaged("late");
    const std::optional<Time> time = parse_time(due->as_string());
    if (!time || !is_text(*request, "method") || !is_text(*request, "path") || !is_text(*request, "body"))
      return damaged("late");
    Late& pending = late_[seq_];
    pending.due = *time;
    pending.request.method = request->find("method")->as_string();
    pending.request.path = request->find("path")->as_string();
    pending.request.body = request->find("body")->as_string();
    if (is_text(*request, "idempotency_key"))
      pending.request.idempotency_key = request->find("idempotency_key")->as_string();
  }
  return apply_effect(entry, tally_of(entry));
}

Result<void> World::apply_late(const Json& entry) {
  const Json* of = entry.find("of");
  if (of == nullptr || !of->is_integer() || late_.erase(of->as_integer()) == 0)
    return damaged("a late effect of no request");
  return apply_effect(entry, tally_of(entry));
}

Result<void> World::apply_effect(const Json& entry, const std::string& tally) {
  if (const Json* memory = entry.find("memory")) {
    if (!apply_memory(records_, *memory)) return damaged("memory");
  }
  if (const Json* collection = entry.find("collection")) {
    const Json* record = entry.find("record");
    if (!collection->is_string() || record == nullptr) return damaged("record");
    if (!apply_change(records_, collection->as_string(), *record)) return damaged("record");
    ++effects_;
    ++tallies_[tally].effects;
  }
  remember(entry);
  return {};
}

// The log shows what happened, not how it is stored.
void World::remember(const Json& entry) {
  Json line = Json::object();
  for (const std::string_view name :
       {"seq", "at", "method", "path", "key", "fault", "status", "replayed", "effect", "of"}) {
    if (const Json* member = entry.find(name)) line.set(name, *member);
  }
  if (entry.find("of") != nullptr) line.set("fault", "late effect of #" + write_json(*entry.find("of")));
  log_.push_back(std::move(line));
  if (log_.size() > kLogMax) log_.pop_front();
}

Json World::log(const SandboxRequest& request) const {
  std::int64_t after = 0;
  for (const auto& [name, value] : request.query) {
    if (name == "after") std::from_chars(value.data(), value.data() + value.size(), after);
  }
  Json entries = Json::array();
  for (const Json& line : log_) {
    if (line.find("seq")->as_integer() > after) entries.push_back(line);
  }
  return Json::object({{"entries", std::move(entries)}});
}

Json World::summary() const {
  std::vector<const Tally*> ordered;
  for (const auto& [name, tally] : tallies_) ordered.push_back(&tally);
  std::sort(ordered.begin(), ordered.end(), [](const Tally* a, const Tally* b) { return a->order < b->order; });

  Json keys = Json::array();
  std::int64_t duplicates = 0;
  for (const Tally* tally : ordered) {
    const std::int64_t twice = std::max<std::int64_t>(0, tally->effects - 1);
    duplicates += twice;
    keys.push_back(Json::object({{"key", tally->key ? Json(*tally->key) : Json()},
                                 {"method", tally->method},
                                 {"path", tally->path},
                                 {"sends", tally->sends},
                                 {"effects", tally->effects},
                                 {"duplicates", twice}}));
  }
  return Json::object(
      {{"requests", requests_}, {"effects", effects_}, {"duplicates", duplicates}, {"keys", std::move(keys)}});
}

Json World::armed() const {
  Json list = Json::array();
  for (const Fault& fault : faults_) {
    Json document = fault.document();
    document.set("seen", fault.seen);
    list.push_back(std::move(document));
  }
  return Json::object({{"faults", std::move(list)}});
}

}  // namespace settle
