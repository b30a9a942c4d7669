#include "tests/unit/workflows/support/world.h"

#include <algorithm>

namespace settle::test {

void World::land(Time received, Time at, bool whole) {
  // Who answers a repeat with the result of the first must have finished the first.
  for (Landing& landing : landings_) {
    if (tool_.mode == IdempotencyMode::key && received < landing.received + tool_.window && landing.at > at)
      landing.at = landing.shows_at = at;
  }
  landings_.push_back({received, at, at + upto(lag_max), whole});
}

std::vector<World::Landing> World::deduplicated() const {
  std::vector<Landing> out = landings_;
  std::sort(out.begin(), out.end(), [](const Landing& a, const Landing& b) { return a.received < b.received; });
  std::vector<Landing> kept;
  for (const Landing& landing : out) {
    // The provider forgets a key when its window is over, and then makes the effect anew.
    if (kept.empty() || landing.received >= kept.back().received + tool_.window) kept.push_back(landing);
  }
  return kept;
}

/// What is there at `at`, the newest last.
std::vector<World::Landing> World::landed(Time at) const {
  std::vector<Landing> out = tool_.mode == IdempotencyMode::key ? deduplicated() : landings_;
  std::erase_if(out, [&](const Landing& landing) { return landing.at > at; });
  std::sort(out.begin(), out.end(), [](const Landing& a, const Landing& b) { return a.at < b.at; });
  return out;
}

World::Truth World::truth(Time at) const {
  const std::vector<Landing> there = landed(at);
  if (there.empty()) return {};
  const bool natural = tool_.mode == IdempotencyMode::natural;
  return {natural ? 1 : there.size(), there.back().whole};
}

Json World::record(bool whole) const {
  Json out = Json::object({{"id", "r1"}, {"name", "n"}, {"value", whole ? "v" : "something else"}});
  if (!key_.empty()) out.set("key", key_);
  return out;
}

World::Script World::send(const Call& call, Time now) {
  for (const auto& [name, value] : call.headers) {
    if (name == "Idempotency-Key") key_ = value;
  }
  const Time closes = now + Duration(1) + upto(tool_.start_to_close - Duration(1));
  const auto within_call = [&] { return now + upto(closes - now); };
  Script out{done(), closes, false, {}};
  if (healed_) {
    ++unrefused_sends;
    land(now, within_call(), true);
    return out;
  }
  const int roll = std::uniform_int_distribution<int>(0, 99)(dice_);
  const bool unrefused = roll >= 28;
  unrefused_sends += unrefused ? 1 : 0;
  if (roll < 8) {
    out.outcome = not_sent(429, upto(Duration(4'000)));
  } else if (roll < 16) {
    out.outcome = not_sent();
  } else if (roll < 28) {
    // A provider that already has it says no as well: "409, exists already", or "409, still busy with the first".
    refused_although_done = refused_although_done || truth_in_the_end().records > 0;
    out.outcome = rejected(truth_in_the_end().records > 0 ? 409 : 422);
  } else if (roll < 40) {
    out.outcome = ambiguous("lost_before");
  } else if (roll < 52) {
    out.outcome = ambiguous("lost_after");
    land(now, within_call(), true);
  } else if (roll < 62) {
    out.outcome = ambiguous("late");
    // Mode natural: the late write lands on top, and may have lost a part on its way.
    land(closes, closes + upto(late_max), tool_.mode != IdempotencyMode::natural || chance(50));
  } else if (roll < 68) {
    out.outcome = ambiguous("http_500");
    if (chance(50)) land(now, within_call(), true);
  } else if (roll < 74) {
    out.outcome = answered(json(R"({"html": "<html>"})"));
    if (chance(50)) land(now, within_call(), true);
  } else if (roll < 80 && landings_.empty()) {
    lied = true;
    if (chance(50)) land(now, within_call(), false);
  } else {
    land(now, within_call(), true);
  }
  return out;
}

World::Script World::read_back(Time now) {
  const Time closes = now + Duration(1) + upto(Duration(500));
  Script out{rejected(404), closes, true, now};
  const int roll = std::uniform_int_distribution<int>(0, 99)(dice_);
  if (!healed_ && roll < 10) {
    out.outcome = ambiguous();
    return out;
  }
  if (!healed_ && roll < 18) {
    out.outcome = not_sent(503, upto(Duration(3'000)));
    return out;
  }
  if (!healed_ && roll < 22) {
    out.outcome = rejected(403);
    return out;
  }
  const bool stale = !healed_ && roll < 50;
  const Truth there = truth(stale ? now - upto(lag_max) : now);
  last_read_matched = there.records > 0 && there.whole;
  if (there.records > 0) out.outcome = answered(record(there.whole));
  return out;
}

World::Script World::look_up(Time now) {
  const Time closes = now + Duration(1) + upto(Duration(500));
  Script out{rejected(404), closes, true, now};
  const int roll = std::uniform_int_distribution<int>(0, 99)(dice_);
  if (!healed_ && roll < 25) {
    if (roll < 8) out.outcome = ambiguous();
    if (roll >= 8 && roll < 16) out.outcome = not_sent(503, upto(Duration(3'000)));
    if (roll >= 16 && roll < 20) out.outcome = answered(json(R"({"error": "busy"})"));
    return out;
  }
  Json items = Json::array();
  for (const Landing& landing : landed(now)) {
    if (landing.shows_at <= now) items.push_back(record(landing.whole));
  }
  out.outcome = answered(Json::object({{"items", items}}));
  return out;
}

World::Script World::search(Time now) {
  Script out = look_up(now);
  if (out.outcome.kind == OutcomeClass::rejected) out.outcome = rejected(403);  // a 404 would say "not there"
  last_read_matched = false;
  const Json* items = out.outcome.body ? out.outcome.body->find("items") : nullptr;
  if (items != nullptr && items->size() == 1) last_read_matched = items->as_array()[0] == record(true);
  return out;
}

void World::crash(Time now) {
  for (Landing& landing : landings_) {
    if (landing.at <= now + late_max) continue;
    landing.at = now + late_max;
    landing.shows_at = std::min(landing.shows_at, landing.at + lag_max);
  }
}

}  // namespace settle::test
