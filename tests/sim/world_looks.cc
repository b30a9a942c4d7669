// What the outside shows: to reads, to looks before the first send, to read-backs and to look-ups.

#include "base/json.h"
#include "tests/sim/world.h"

namespace settle::sim {
namespace {

/// What an account had before anybody changed it, and by how much somebody else changes it: by no number of such
/// changes does it look as if ours had been made.
constexpr std::int64_t balance_at_first = 1'000, drift_amount = 7;

}  // namespace

Reply World::unreadable() {
  static const std::vector<int> statuses = {403, 429, 500, 503, 504};
  const std::uint64_t kind = dice_.below(3);
  if (kind == 0) return lost();
  Reply out = reply(dice_.of(statuses), "");
  if (kind == 1) out.retry_after = "1";
  return out;
}

/// A search that answers in no readable way. (To a read-back a 404 says that there is no such record; a look-up does
/// not believe that.)
Reply World::no_list(bool maybe_404) {
  static const std::vector<std::string> bodies = {"{}", R"({"records":null})", R"({"records":"none"})", "[]", ""};
  return maybe_404 && dice_.chance(0.4) ? reply(404, "") : reply(200, dice_.of(bodies));
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

/// The read-back of a tool that only reads: what it read may be another thing by now.
Reply World::fetch_again(const SimTool& tool, const std::string& what) {
  Glimpse seen;
  seen.about = what;
  const auto done = [&](Reply out) {
    out.glimpse = seen;
    return out;
  };
  if (std::optional<Reply> nothing = no_look()) return done(*std::move(nothing));
  const bool other = hit(Fault::drift);
  if (other) truth_of(what, tool).drifted = true;
  seen.kind = other ? Glimpse::Kind::different : Glimpse::Kind::match;
  Reply out = reply(200, canonical(document_of((other ? "g." : "f.") + what)));
  if (!other) out.shown.push_back(what);
  return done(std::move(out));
}

std::optional<Reply> World::no_look() {
  if (schedule_.now() < outage_until_ || hit(Fault::read_down)) return unreadable();
  if (hit(Fault::read_malformed)) return reply(200, R"({"value":)");
  return std::nullopt;
}

Duration World::lag_of(const SimTool& tool) {
  return hit(Fault::stale) ? dice_.between(Duration(0), tool.read_lag) : Duration(0);
}

const World::Version* World::version_of(const Record& record, Time at) {
  const Version* found = nullptr;
  for (const Version& version : record.versions) {
    if (version.at <= at) found = version.document ? &version : nullptr;
  }
  return found;
}

const Json* World::as_of(const Record& record, Time at) {
  const Version* version = version_of(record, at);
  return version == nullptr ? nullptr : &*version->document;
}

Json World::shown_as(const SimTool& tool, const Version& version, Time at, bool mirror) {
  Json out = *version.document;
  const Json* mirrored = out.find("mirrored");
  if (mirror && mirrored != nullptr) {
    out.set("value", Json(*mirrored));
    out.erase("run");
  }
  if (tool.promises.settles) out.set("status", at >= version.settled ? "settled" : "new");
  return out;
}

/// As the tool's document has it: `value` is that of the run that looks.
Glimpse::Kind World::compare(const SimTool& tool, const Json& shown, const std::string& value) {
  if (tool.promises.settles && shown.find("status")->as_string() == "new") return Glimpse::Kind::pending;
  return shown_by(shown) == value ? Glimpse::Kind::match : Glimpse::Kind::different;
}

std::string World::owner_of(const std::string& key) const {
  const auto owner = owners.find(key);
  return owner == owners.end() ? "" : owner->second;
}

/// One record, by its key, its id or its name; or its mirror. What a look by name shows is about the run that looks,
/// not about the one that wrote last: of two that write one record, one after the other, the first is looked at again,
/// too, and then nobody has seen anything about the second.
Reply World::read(const SimTool& tool, Collection& collection, const std::string& by, const std::string& target) {
  Glimpse seen;
  seen.mirror = by.starts_with("mirror-");
  const std::string place = seen.mirror ? by.substr(7) : by;
  const std::size_t name_end = target.find('/');
  const std::string what = target.substr(0, name_end);
  if (place == "by-key") seen.about = owner_of(what);
  std::string wanted;
  if (place == "by-name") {
    const std::size_t id_end = target.find('/', name_end + 1);
    wanted = target.substr(id_end + 1);
    seen.about = run_in(target.substr(name_end + 1, id_end - name_end - 1), wanted);
  }
  for (const Record& record : collection.records) {
    if (place != "by-name" && (place == "by-id" ? record.id : record.key) == what) seen.about = record.value;
  }
  if (place == "by-id" && collection.mixed_up) seen.about.clear();
  const auto done = [&](Reply out) {
    out.glimpse = seen;
    return out;
  };
  if (std::optional<Reply> nothing = no_look()) return done(*std::move(nothing));
  const Time at = schedule_.now() - lag_of(tool);
  std::optional<Json> found;
  for (Record& record : collection.records) {
    if ((place == "by-id" ? record.id : place == "by-name" ? record.name : record.key) != what) continue;
    if (const Version* version = version_of(record, at)) found = shown_as(tool, *version, at, seen.mirror);
    if (!hit(Fault::wrong_record)) continue;
    truths[record.value].misled = true;
    const Record& other = dice_.of(collection.records);
    truths[other.value].misled = true;
    if (const Version* version = version_of(other, schedule_.now()))
      found = shown_as(tool, *version, schedule_.now(), seen.mirror);
  }
  seen.kind = Glimpse::Kind::absent;
  if (!found) return done(reply(dice_.chance(0.8) ? 404 : 410, ""));
  Reply out = reply(200, canonical(*found));
  // Two children of one run write the same to one record, and a name alone does not tell them apart.
  if (!wanted.empty() && !tool.checks_key && *found->find("value") == Json(wanted)) found->set("run", seen.about);
  const std::string value = shown_by(*found);
  seen.kind = compare(tool, *found, seen.about);
  if (compare(tool, *found, value) == Glimpse::Kind::match) out.shown.push_back(value);
  return done(std::move(out));
}

/// A part of what was found; the rest is on a further page that nobody asks for.
void World::hide_some(std::vector<Json>& found, std::vector<std::string>& values, Glimpse& seen) {
  if (!hit(Fault::further_page)) return;
  seen.further = true;
  while (!found.empty() && dice_.chance(0.6)) {
    found.pop_back();
    values.pop_back();
  }
}

namespace {

std::string page_of(const std::vector<Json>& found, bool further, bool declared, bool says_null) {
  Json page = Json::object({{"records", Json(Json::Array(found.begin(), found.end()))}});
  if (further) {
    page.set("next", "page2");
  } else if (declared && says_null) {
    page.set("next", Json());
  }
  return canonical(page);
}

}  // namespace

/// A read-back that is a search: there must be exactly one.
Reply World::find(const SimTool& tool, Collection& collection, const std::string& key) {
  Glimpse seen;
  seen.about = owner_of(key);
  const auto done = [&](Reply out) {
    out.glimpse = seen;
    return out;
  };
  if (std::optional<Reply> nothing = no_look()) return done(*std::move(nothing));
  if (hit(Fault::search_unreadable)) return done(no_list(false));
  const Time at = schedule_.now() - lag_of(tool);
  std::vector<Json> found;
  std::vector<std::string> values;
  for (const Record& record : collection.records) {
    const Version* version = record.key == key ? version_of(record, at) : nullptr;
    if (version == nullptr) continue;
    found.push_back(shown_as(tool, *version, at, false));
    values.push_back(record.value);
  }
  if (tool.promises.paged) hide_some(found, values, seen);
  seen.records = found.size();
  seen.kind = found.empty() ? Glimpse::Kind::absent : Glimpse::Kind::different;
  if (found.size() == 1) seen.kind = compare(tool, found[0], values[0]);
  if (seen.further && found.size() < 2) seen.kind = Glimpse::Kind::unreadable;
  Reply out = reply(200, page_of(found, seen.further, tool.promises.paged, dice_.chance(0.5)));
  if (found.size() > 1 || seen.kind == Glimpse::Kind::match) out.shown = values;
  return done(std::move(out));
}

/// How much there is: what was done to it, by us and by others. What is in it says nothing of who did it.
Reply World::account(const SimTool& tool, Collection& collection, const std::string& value, bool before) {
  Glimpse seen;
  seen.about = value;
  seen.before = before;
  const auto done = [&](Reply out) {
    out.glimpse = seen;
    return out;
  };
  if (std::optional<Reply> nothing = no_look()) return done(*std::move(nothing));
  const Time at = schedule_.now() - (before ? Duration(0) : lag_of(tool));
  std::vector<Time>& drifts = collection.drifts[value];
  if (hit(Fault::drift)) {
    drifts.push_back(schedule_.now());
    truth_of(value, tool).drifted = true;
  }
  std::int64_t others = 0, ours = 0, halves = 0;
  bool settled = true;
  for (const Time drift : drifts) others += drift <= at ? drift_amount : 0;
  for (const Record& record : collection.records) {
    const Version* version = record.name == value ? version_of(record, at) : nullptr;
    if (version == nullptr) continue;
    const bool whole = shown_by(*version->document) == value;
    (whole ? ours : halves) += 1;
    settled = settled && at >= version->settled;
  }
  // What was there before does not count: a send that was said not to have been processed may have been.
  Counted& first = collection.counted[value];
  if (before) first = {ours, halves};
  const bool just_one = ours - first.ours == 1 && halves == first.halves;
  const std::int64_t sign = tool.promises.falls ? -1 : 1;
  Json shown = Json::object({{"balance", balance_at_first + others + sign * (ours * tool.amount() + halves)}});
  if (tool.promises.settles) shown.set("status", settled ? "settled" : "new");
  seen.kind = !settled ? Glimpse::Kind::pending : just_one ? Glimpse::Kind::match : Glimpse::Kind::different;
  Reply out = reply(200, canonical(shown));
  if (!before && settled && just_one) out.shown.push_back(value);
  return done(std::move(out));
}

Reply World::search(const SimTool& tool, Collection& collection, const std::string& key) {
  if (schedule_.now() < outage_until_ || hit(Fault::read_down)) return unreadable();
  if (hit(Fault::search_unreadable)) return no_list(true);
  const Duration lag = dice_.between(Duration(0), tool.search_lag);
  std::vector<Json> found;
  std::vector<std::string> values;
  Glimpse seen;
  for (const Record& record : collection.records) {
    const Json* document = record.key == key ? as_of(record, schedule_.now() - lag) : nullptr;
    if (document == nullptr) continue;
    found.push_back(*document);
    values.push_back(record.value);
  }
  if (tool.promises.paged) hide_some(found, values, seen);
  Reply out = reply(200, page_of(found, seen.further, tool.promises.paged, dice_.chance(0.5)));
  out.shown = std::move(values);
  out.partly = seen.further;
  return out;
}

/// What the engine has been shown.
void World::see(const Reply& reply, const Outcome& outcome) {
  const bool answered = outcome.kind == OutcomeClass::answered;
  const bool absent = outcome.kind == OutcomeClass::rejected && (outcome.status == 404 || outcome.status == 410);
  if (reply.glimpse && reply.glimpse->before) {
    if (answered) befores[reply.glimpse->about].insert(canonical(*outcome.body));
    return;
  }
  const bool mirror = reply.glimpse && reply.glimpse->mirror;
  const bool further = reply.partly || (reply.glimpse && reply.glimpse->further);
  if (answered) {
    for (const std::string& value : reply.shown)
      looks[value].push_back({outcome.started, outcome.ended, reply.shown.size(), further, mirror});
  }
  // Nobody can say who looked, where answers have named another's record; but what it showed is no longer unseen.
  if (reply.glimpse && reply.glimpse->about.empty()) {
    for (const std::string& value : reply.shown) last_glimpses.erase(value);
  }
  if (!reply.glimpse || reply.glimpse->about.empty()) return;
  Glimpse& last = last_glimpses[reply.glimpse->about] = *reply.glimpse;
  if (!answered && !absent) last.kind = Glimpse::Kind::unreadable;
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

bool World::holds(const std::string& value) const {
  for (const auto& [name, collection] : collections_) {
    for (const Record& record : collection.records) {
      const Json* document = record.value == value ? as_of(record, schedule_.now()) : nullptr;
      if (document != nullptr && shown_by(*document) == value) return true;
    }
  }
  return false;
}

}  // namespace settle::sim
