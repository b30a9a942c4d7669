#include "tests/sim/world.h"

#include "base/json.h"

namespace settle::sim {
namespace {

const std::string& member(const Json& document, std::string_view name) {
  return document.find(name)->as_string();
}

}  // namespace

std::string run_in(const std::string& workflow, const std::string& value) {
  return workflow + value.substr(value.find('.'));
}

std::string run_in(const Json& body) {
  return run_in(member(body, "workflow"), member(body, "value"));
}

const std::string& shown_by(const Json& document) {
  return member(document, document.find("run") == nullptr ? "value" : "run");
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

std::string World::looked_at(const Call& call) const {
  const Place place = place_of(call.url);
  if (place.what != "search" && place.what != "by-key" && place.what != "find") return "";
  return owner_of(place.name);
}

std::string World::before_of(const Call& call) const {
  const Place place = place_of(call.url);
  return place.what == "before" ? place.name : "";
}

const SimTool& World::tool_of(const Call& call) const {
  return *tools_.at(place_of(call.url).tool);
}

std::string World::sender_of(const Call& call) {
  const Place place = place_of(call.url);
  if (place.what == "fetch") return place.name;
  return place.what == "effects" ? run_in(*read_json(*call.body)) : "";
}

Reply World::serve(const Call& call) {
  const Place place = place_of(call.url);
  const SimTool& tool = *tools_.at(place.tool);
  if (place.what == "fetch") return fetch(tool, place.name);
  if (place.what == "again") return fetch_again(tool, place.name);
  if (place.what == "effects") return write(tool, place.origin, *read_json(*call.body));
  Collection& collection = collections_[place.origin + " " + place.tool];
  if (place.what == "search") return search(tool, collection, place.name);
  if (place.what == "find") return find(tool, collection, place.name);
  if (place.what == "account" || place.what == "before")
    return account(tool, collection, place.name, place.what == "before");
  return read(tool, collection, place.what, place.name);
}

// ---- writes ----

Reply World::write(const SimTool& tool, const std::string& origin, const Json& body) {
  const std::string value = run_in(body);
  const std::string& key = member(body, "key");
  Truth& truth = truth_of(value, tool);
  truth.keys.insert(key);
  truth.sends.push_back({body.find("attempt")->as_integer(), key, origin});
  Collection& collection = collections_[origin + " " + tool.name];

  const auto known = collection.keys.find(key);
  const bool remembered = tool.mode == IdempotencyMode::key && known != collection.keys.end() &&
                          schedule_.now() <= known->second.since + tool.window;
  const auto decide = [&]() -> Reply {
    if (schedule_.now() < outage_until_ && outage_refuses_) return not_processed();
    if (schedule_.now() < outage_until_) return lost();
    if (hit(Fault::connect_failed)) {
      Reply out = reply(0, "");
      out.kind = Reply::Kind::refused_connection;
      return out;
    }
    if (hit(Fault::throttled)) {
      Reply busy = not_processed();
      // Where the tool does not take this status for a promise, it may be none.
      const bool open = busy.kind == Reply::Kind::answer && !tool.promises.says_not_processed(busy.status);
      if (open && !remembered && dice_.chance(0.5)) {
        counters_.note("busy, and processed, as the tool foresees");
        accept(tool, collection, truth, body);
      }
      return busy;
    }
    if (hit(Fault::unavailable)) return reply(503, "");
    if (hit(Fault::lost_before)) return lost();
    if (hit(Fault::error_before)) return reply(dice_.chance(0.5) ? 500 : 502, "");
    if (remembered && hit(Fault::refused_repeat)) return reply(409, R"({"error":"in progress, or done"})");
    if (remembered) return answer(tool, collection, truth, known->second.id);
    const bool exists = !truth.effects.empty() || truth.pending > 0;
    if (exists && hit(Fault::refused_repeat)) return reply(409, R"({"error":"exists already"})");
    if (hit(Fault::refused)) return refusal(tool);
    const std::uint64_t first = next_landing_;
    const std::string id = accept(tool, collection, truth, body);
    if (hit(Fault::false_busy)) {
      truth.misled = tool.promises.says_not_processed(503);
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
    stored.set(tool.promises.mirrored && dice_.chance(0.5) ? "mirrored" : "stored", "half of it");
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
  if (const Json* mirrored = body.find("mirrored")) document.set("mirrored", *mirrored);
  Record* record = nullptr;
  for (Record& known : collection.records) {
    if (tool.natural() && known.id == id) record = &known;
  }
  if (record == nullptr) record = &collection.records.emplace_back();
  if (!record->value.empty() && record->value != value) truths[record->value].overwritten = true;
  record->id = id;
  record->name = member(body, "record");
  record->key = member(body, "key");
  record->value = value;
  Time settled = schedule_.now();
  if (tool.promises.settles) settled += dice_.between(Duration(0), tool.promises.settle_max);
  if (tool.promises.settles && hit(Fault::never_settles)) settled = Time::max();
  record->versions.push_back({schedule_.now(), settled, std::move(document)});
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
    truth.misled = collection.mixed_up = true;
    id = dice_.of(collection.records).id;
  }
  Reply out = reply(dice_.chance(0.5) ? 200 : 201, canonical(document_of(id)));
  if (hit(Fault::slow)) out.after = tool.timeout + dice_.between(Duration(1), Duration(2'000));
  out.complete = true;
  return out;
}

// ---- what else happens ----

void World::delivered(const Reply& reply, const Outcome& outcome) {
  see(reply, outcome);
  if (reply.value.empty()) return;
  Send& send = truths.at(reply.value).sends.at(reply.send);
  send.ended = outcome.ended;
  switch (outcome.kind) {
    case OutcomeClass::not_sent:
      // 429 and 503 mean only what the tool says that they mean.
      send.known = outcome.status == 0 || truths.at(reply.value).tool->promises.says_not_processed(outcome.status)
                       ? Known::not_sent
                       : Known::unclear;
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
    chosen.versions.push_back({schedule_.now(), schedule_.now(), std::nullopt});
    return;
  }
  Json edited = *now;
  edited.set("value", "edited");
  edited.erase("run");
  chosen.versions.push_back({schedule_.now(), schedule_.now(), std::move(edited)});
}

}  // namespace settle::sim
