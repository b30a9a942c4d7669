#include "tests/sim/world.h"

#include "base/json.h"

namespace settle::sim {
namespace {

const std::string& member(const Json& document, std::string_view name) {
  return document.find(name)->as_string();
}

/// The run whose value a record shows; what was edited or half stored shows nobody's.
const std::string& shown_by(const Json& document) {
  return member(document, document.find("run") == nullptr ? "value" : "run");
}

}  // namespace

std::string run_in(const Json& body) {
  const std::string& value = member(body, "value");
  return member(body, "workflow") + value.substr(value.find('.'));
}

bool World::hit(Fault fault) {
  const double rate = faults[fault];
  if (rate == 0 || !dice_.chance(rate)) return false;
  counters_.note("fault " + std::string(name_of(fault)));
  return true;
}

Reply World::reply(int status, std::string body) {
  Reply out;
  out.status = status;
  out.body = std::move(body);
  out.after = dice_.between(Duration(1), Duration(20));
  return out;
}

Reply World::lost() {
  Reply out = reply(0, "");
  out.kind = Reply::Kind::lost;
  return out;
}

void World::outage(Duration length, bool refuses) {
  outage_until_ = schedule_.now() + length;
  outage_refuses_ = refuses;
  counters_.note("fault outage");
}

void World::heal() {
  const double stale = faults[Fault::stale];
  faults = Faults();
  faults[Fault::stale] = stale;
  outage_until_ = Time();
}

namespace {

/// ORIGIN/{tool}/{what}[/{name}]
struct Place {
  std::string origin, tool, what, name;
};
Place place_of(const std::string& url) {
  const std::size_t tool_at = url.find('/', std::string("http://").size()) + 1;
  const std::size_t what_at = url.find('/', tool_at) + 1;
  const std::size_t name_at = url.find('/', what_at);
  return {url.substr(0, tool_at - 1), url.substr(tool_at, what_at - 1 - tool_at),
          url.substr(what_at, name_at - what_at), name_at == std::string::npos ? "" : url.substr(name_at + 1)};
}

}  // namespace

const Truth* World::looked_at(const Call& call) const {
  const Place place = place_of(call.url);
  if (place.what != "search" && place.what != "by-key") return nullptr;
  const auto owner = owners.find(place.name);
  const auto truth = owner == owners.end() ? truths.end() : truths.find(owner->second);
  return truth == truths.end() ? nullptr : &truth->second;
}

Reply World::serve(const Call& call) {
  const Place place = place_of(call.url);
  const SimTool& tool = *tools_.at(place.tool);
  if (place.what == "fetch") return fetch(tool, place.name);
  if (place.what == "effects") return write(tool, place.origin, *read_json(*call.body));
  Collection& collection = collections_[place.origin + " " + place.tool];
  return place.what == "search" ? search(tool, collection, place.name) : read(tool, collection, place.what, place.name);
}

// ---- writes ----

Reply World::write(const SimTool& tool, const std::string& origin, const Json& body) {
  const std::string value = run_in(body);
  const std::string& key = member(body, "key");
  Truth& truth = truth_of(value, tool);
  truth.keys.insert(key);
  truth.sends.push_back({body.find("attempt")->as_integer(), key, origin});
  Collection& collection = collections_[origin + " " + tool.name];

  const auto decide = [&]() -> Reply {
    if (schedule_.now() < outage_until_ && outage_refuses_) return not_processed();
    if (schedule_.now() < outage_until_) return lost();
    if (hit(Fault::connect_failed)) {
      Reply out = reply(0, "");
      out.kind = Reply::Kind::refused_connection;
      return out;
    }
    if (hit(Fault::throttled)) return not_processed();
    if (hit(Fault::unavailable)) return reply(503, "");
    if (hit(Fault::lost_before)) return lost();
    if (hit(Fault::error_before)) return reply(dice_.chance(0.5) ? 500 : 502, "");
    const auto known = collection.keys.find(key);
    const bool remembered = tool.mode == IdempotencyMode::key && known != collection.keys.end() &&
                            schedule_.now() <= known->second.since + tool.window;
    if (remembered && hit(Fault::refused_repeat)) return reply(409, R"({"error":"in progress, or done"})");
    if (remembered) return answer(tool, collection, truth, known->second.id);
    const bool exists = !truth.effects.empty() || truth.pending > 0;
    if (exists && hit(Fault::refused_repeat)) return reply(409, R"({"error":"exists already"})");
    if (hit(Fault::refused)) return refusal(tool);
    const std::uint64_t first = next_landing_;
    const std::string id = accept(tool, collection, truth, body);
    if (hit(Fault::false_busy)) {
      truth.misled = true;
      Reply busy = reply(503, "");
      busy.retry_after = "1";
      return busy;
    }
    Reply out = answer(tool, collection, truth, id);
    // In mode natural a complete answer means done: a late write under an answer could land on anything that follows.
    if (tool.natural() && out.complete && out.after <= tool.timeout) {
      for (std::uint64_t landing = first; landing < next_landing_; ++landing) land_now(landing);
    }
    return out;
  };
  Reply out = decide();
  out.value = value;
  out.send = truth.sends.size() - 1;
  return out;
}

/// Known not to have been processed, in one of its forms.
Reply World::not_processed() {
  Reply out = reply(dice_.chance(0.5) ? 429 : 503, "");
  const std::uint64_t kind = dice_.below(4);
  if (kind == 0) {
    out.kind = Reply::Kind::refused_connection;
  } else if (kind == 1) {
    out.retry_after = "99999999";
  } else if (kind == 2 || out.status == 503) {
    out.retry_after = std::to_string(dice_.below(3));
  }
  return out;
}

Reply World::refusal(const SimTool& tool) {
  if (tool.success_rule && dice_.chance(0.5)) return reply(200, R"({"id":"-","error":"we would rather not"})");
  static const std::vector<int> statuses = {301, 400, 401, 403, 404, 409, 410, 422, 501, 505};
  return reply(dice_.of(statuses), R"({"error":"no"})");
}

/// The call is carried out, now or late. Its record's id is certain already.
std::string World::accept(const SimTool& tool, Collection& collection, Truth& truth, const Json& body) {
  const std::string& name = member(body, "record");
  const std::string id = tool.natural() ? "n." + name : "r." + std::to_string(next_id_++);
  if (tool.mode == IdempotencyMode::key) collection.keys[member(body, "key")] = {schedule_.now(), id};
  if (hit(Fault::lie)) {
    truth.lied = true;
    return id;
  }
  Json stored = body;
  if (hit(Fault::partial)) {
    truth.lied = true;
    stored.set("stored", "half of it");
  }
  land(tool, collection, stored, id);
  if (hit(Fault::doubled) && tool.mode != IdempotencyMode::key) {
    truth.doubled = true;
    land(tool, collection, stored, tool.natural() ? id : "r." + std::to_string(next_id_++));
  }
  return id;
}

void World::land(const SimTool& tool, Collection& collection, const Json& body, const std::string& id) {
  if (!hit(Fault::late)) return apply(tool, collection, body, id);
  ++truths[run_in(body)].pending;
  const std::uint64_t landing = next_landing_++;
  landings_.emplace(landing, [this, &tool, &collection, body, id] {
    --truths[run_in(body)].pending;
    apply(tool, collection, body, id);
  });
  schedule_.after(dice_.between(Duration(1), tool.late_max), [this, landing] { land_now(landing); });
}

void World::land_now(std::uint64_t landing) {
  auto node = landings_.extract(landing);
  if (!node.empty()) node.mapped()();
}

void World::apply(const SimTool& tool, Collection& collection, const Json& body, const std::string& id) {
  const std::string value = run_in(body);
  truths[value].effects.push_back(schedule_.now());
  const Json* other = body.find("stored");
  Json document = document_of(id);
  document.set("key", member(body, "key"));
  document.set("value", other == nullptr ? *body.find("value") : *other);
  if (other == nullptr) document.set("run", value);
  Record* record = nullptr;
  for (Record& known : collection.records) {
    if (tool.natural() && known.id == id) record = &known;
  }
  if (record == nullptr) record = &collection.records.emplace_back();
  record->id = id;
  record->name = member(body, "record");
  record->key = member(body, "key");
  record->value = value;
  record->versions.push_back({schedule_.now(), std::move(document)});
}

Json World::document_of(const std::string& id) {
  Json out = Json::object({{"id", id}});
  if (hit(Fault::reader_odd)) return out;
  Json::Array items;
  const std::uint64_t count = dice_.below(4);
  for (std::uint64_t i = 0; i < count; ++i) items.push_back("item" + std::to_string(i));
  out.set("note", "ok");
  out.set("items", std::move(items));
  out.set("flag", dice_.chance(0.5) ? "yes" : "no");
  out.set("n", static_cast<std::int64_t>(dice_.below(10)));
  return out;
}

/// What is answered to a call that was carried out.
Reply World::answer(const SimTool& tool, Collection& collection, Truth& truth, std::string id) {
  if (hit(Fault::lost_after)) return lost();
  if (hit(Fault::error_after)) {
    static const std::vector<int> statuses = {206, 408, 425, 500, 502, 504, 507};
    return reply(dice_.of(statuses), R"({"id":"x"})");
  }
  if (hit(Fault::malformed)) return reply(200, dice_.chance(0.5) ? R"({"id":")" : R"({"id":"a","id":"b"})");
  if (hit(Fault::schema_drift)) return reply(200, dice_.chance(0.5) ? R"({"id":7})" : R"({"nr":"r"})");
  if (!collection.records.empty() && hit(Fault::wrong_record)) {
    truth.misled = true;
    id = dice_.of(collection.records).id;
  }
  Reply out = reply(dice_.chance(0.5) ? 200 : 201, canonical(document_of(id)));
  if (hit(Fault::slow)) out.after = tool.timeout + dice_.between(Duration(1), Duration(2'000));
  out.complete = true;
  return out;
}

// ---- reads ----

Reply World::unreadable() {
  static const std::vector<int> statuses = {403, 429, 500, 503, 504};
  const std::uint64_t kind = dice_.below(3);
  if (kind == 0) return lost();
  Reply out = reply(dice_.of(statuses), "");
  if (kind == 1) out.retry_after = "1";
  return out;
}

Reply World::fetch(const SimTool& tool, const std::string& what) {
  if (schedule_.now() < outage_until_ || hit(Fault::read_down)) return unreadable();
  if (hit(Fault::refused)) return refusal(tool);
  if (hit(Fault::read_malformed)) return reply(200, R"({"id":)");
  Reply out = reply(200, canonical(document_of("f." + what)));
  if (hit(Fault::slow)) out.after = tool.timeout + Duration(100);
  out.complete = true;
  return out;
}

const Json* World::as_of(const Record& record, Time at) {
  const Json* found = nullptr;
  for (const Version& version : record.versions) {
    if (version.at <= at) found = version.document ? &*version.document : nullptr;
  }
  return found;
}

Reply World::read(const SimTool& tool, Collection& collection, const std::string& by, const std::string& what) {
  if (schedule_.now() < outage_until_ || hit(Fault::read_down)) return unreadable();
  if (hit(Fault::read_malformed)) return reply(200, R"({"value":)");
  const Duration lag = hit(Fault::stale) ? dice_.between(Duration(0), tool.read_lag) : Duration(0);
  const Json* found = nullptr;
  for (Record& record : collection.records) {
    const std::string& named = by == "by-key" ? record.key : by == "by-id" ? record.id : record.name;
    if (named != what) continue;
    if (const Json* document = as_of(record, schedule_.now() - lag)) found = document;
    if (!hit(Fault::wrong_record)) continue;
    truths[record.value].misled = true;
    const Record& other = dice_.of(collection.records);
    truths[other.value].misled = true;
    if (const Json* document = as_of(other, schedule_.now())) found = document;
  }
  if (found == nullptr) return reply(dice_.chance(0.8) ? 404 : 410, "");
  Reply out = reply(200, canonical(*found));
  out.shown.push_back(shown_by(*found));
  return out;
}

Reply World::search(const SimTool& tool, Collection& collection, const std::string& key) {
  if (schedule_.now() < outage_until_ || hit(Fault::read_down)) return unreadable();
  if (hit(Fault::search_unreadable)) {
    static const std::vector<std::string> bodies = {"{}", R"({"records":null})", R"({"records":"none"})", "[]", ""};
    return dice_.chance(0.4) ? reply(404, "") : reply(200, dice_.of(bodies));
  }
  const Duration lag = dice_.between(Duration(0), tool.search_lag);
  Json::Array found;
  Reply out;
  for (const Record& record : collection.records) {
    const Json* document = record.key == key ? as_of(record, schedule_.now() - lag) : nullptr;
    if (document == nullptr) continue;
    found.push_back(*document);
    out.shown.push_back(record.value);
  }
  const std::vector<std::string> shown = std::move(out.shown);
  out = reply(200, canonical(Json::object({{"records", std::move(found)}})));
  out.shown = shown;
  return out;
}

// ---- what else happens ----

void World::delivered(const Reply& reply, const Outcome& outcome) {
  if (outcome.kind == OutcomeClass::answered) {
    for (const std::string& value : reply.shown)
      looks[value].push_back({outcome.started, outcome.ended, reply.shown.size()});
  }
  if (reply.value.empty()) return;
  Send& send = truths.at(reply.value).sends.at(reply.send);
  send.ended = outcome.ended;
  switch (outcome.kind) {
    case OutcomeClass::not_sent:
      send.known = Known::not_sent;
      send.not_before = schedule_.now() + outcome.retry_after.value_or(Duration(0));
      break;
    case OutcomeClass::rejected:
      send.known = Known::rejected;
      break;
    case OutcomeClass::ambiguous:
      send.known = Known::unclear;
      break;
    case OutcomeClass::answered:
      // Without `complete` it says "error" with 200, or does not fit the schema.
      send.known = reply.complete                                  ? Known::answered
                   : reply.body.find("error") != std::string::npos ? Known::rejected
                                                                   : Known::unclear;
  }
}

Truth& World::truth_of(const std::string& value, const SimTool& tool) {
  Truth& truth = truths[value];
  truth.tool = &tool;
  return truth;
}

std::string World::record_of(const std::string& value) const {
  for (const auto& [name, collection] : collections_) {
    for (const Record& record : collection.records) {
      const Json* document = record.value == value ? as_of(record, schedule_.now()) : nullptr;
      if (document != nullptr) return record.id;
    }
  }
  return "";
}

void World::tamper() {
  std::vector<Record*> all;
  for (auto& [name, collection] : collections_) {
    for (Record& record : collection.records) all.push_back(&record);
  }
  if (all.empty()) return;
  Record& chosen = *dice_.of(all);
  truths[chosen.value].tampered = true;
  counters_.note("fault human");
  const Json* now = as_of(chosen, schedule_.now());
  if (now == nullptr || dice_.chance(0.4)) {
    chosen.versions.push_back({schedule_.now(), std::nullopt});
    return;
  }
  Json edited = *now;
  edited.set("value", "edited");
  edited.erase("run");
  chosen.versions.push_back({schedule_.now(), std::move(edited)});
}

}  // namespace settle::sim
