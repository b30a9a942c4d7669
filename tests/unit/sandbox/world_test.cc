#include "sandbox/world.h"

#include <gtest/gtest.h>

namespace settle {
namespace {

Json json(std::string_view text) {
  Result<Json> document = read_json(text);
  EXPECT_TRUE(document) << text;
  return document ? *std::move(document) : Json();
}

/// A world with its journal: every entry is applied, and kept for a replay.
struct Played {
  World world;
  std::vector<Json> journal;
  Time now{Duration{1'800'000'000'000}};

  Decision ask(const SandboxRequest& request) {
    Decision decision = world.decide(request, now);
    if (decision.entry) keep(*decision.entry);
    return decision;
  }
  void keep(const Json& entry) {
    // What is replayed went through a file.
    journal.push_back(json(write_json(entry)));
    EXPECT_TRUE(world.apply(journal.back()));
  }
  Json get(const std::string& path, std::vector<std::pair<std::string, std::string>> query = {}) {
    return json(
        ask({.method = "GET", .path = path, .query = std::move(query), .idempotency_key = {}, .body = ""}).body);
  }
  Decision post(const std::string& path, const std::string& body, std::optional<std::string> key = std::nullopt) {
    return ask({.method = "POST", .path = path, .query = {}, .idempotency_key = std::move(key), .body = body});
  }
  Decision put(const std::string& path, const std::string& body) {
    return ask({.method = "PUT", .path = path, .query = {}, .idempotency_key = {}, .body = body});
  }
  void arm(const std::string& fault) { EXPECT_EQ(post("/_sandbox/faults", fault).status, 201) << fault; }
  std::int64_t effects() { return get("/_sandbox/summary").find("effects")->as_integer(); }
  std::int64_t duplicates() { return get("/_sandbox/summary").find("duplicates")->as_integer(); }
};

const char* const kAda = R"({"email": "ada@example.org", "name": "Ada", "tier": "pro"})";
const char* const kMail = R"({"to": "ada@example.org", "subject": "Hi", "body": "Welcome", "reference": "k1"})";

TEST(World, AContactIsCreatedReadAndFound) {
  Played p;
  const Decision made = p.post("/crm/contacts", kAda);
  EXPECT_EQ(made.status, 201);
  const Json want = json(R"({"id": "c_1", "email": "ada@example.org", "name": "Ada", "tier": "pro", "version": 1})");
  EXPECT_EQ(json(made.body), want);
  EXPECT_EQ(p.get("/crm/contacts/c_1"), want);
  EXPECT_EQ(p.get("/crm/contacts", {{"email", "ada@example.org"}}).find("contacts")->size(), 1U);
  EXPECT_EQ(p.get("/crm/contacts", {{"email", "eve@example.org"}}).find("contacts")->size(), 0U);
}

TEST(World, TheSameKeyMakesOneContactAndGivesTheSameAnswer) {
  Played p;
  const Decision first = p.post("/crm/contacts", kAda, "k");
  const Decision again = p.post("/crm/contacts", kAda, "k");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.headers, (std::vector<std::pair<std::string, std::string>>{{"Idempotent-Replayed", "true"}}));
  EXPECT_EQ(p.effects(), 1);
  EXPECT_EQ(p.post("/crm/contacts", R"({"email": "eve@example.org"})", "k").status, 422)
      << "another body under the same key";
  EXPECT_EQ(p.post("/crm/contacts", kAda).status, 201) << "without a key it is another contact";
  EXPECT_EQ(p.effects(), 2);
}

TEST(World, PuttingTheSameContactAgainChangesNothing) {
  Played p;
  EXPECT_EQ(p.put("/crm/contacts/ada", kAda).status, 201);
  EXPECT_EQ(p.put("/crm/contacts/ada", kAda).status, 200);
  EXPECT_EQ(p.effects(), 1);
  EXPECT_EQ(p.put("/crm/contacts/ada", R"({"email": "ada@example.org", "name": "Ada", "tier": "free"})").status, 200);
  EXPECT_EQ(p.get("/crm/contacts/ada").find("version")->as_integer(), 2);
}

TEST(World, MailIsNotDeduplicatedButCanBeSearched) {
  Played p;
  EXPECT_EQ(p.get("/mail/messages", {{"reference", "k1"}}), json(R"({"messages": []})"));
  EXPECT_EQ(p.post("/mail/messages", kMail, "k1").status, 202);
  EXPECT_EQ(p.post("/mail/messages", kMail, "k1").status, 202);
  const Json found = p.get("/mail/messages", {{"reference", "k1"}});
  ASSERT_EQ(found.find("messages")->size(), 2U);
  EXPECT_EQ(*found.find("messages")->as_array()[1].find("id"), Json("m_2"));
  EXPECT_EQ(p.get("/mail/messages/m_2").find("status")->as_string(), "sent");
  EXPECT_EQ(p.duplicates(), 1) << "and the summary says so";
}

TEST(World, TicketsCanBeReadByTheirIdOnly) {
  Played p;
  EXPECT_EQ(p.post("/tickets", R"({"subject": "Call Ada", "reference": "k"})").status, 201);
  EXPECT_EQ(p.get("/tickets/t_1").find("subject")->as_string(), "Call Ada");
  EXPECT_EQ(
      p.ask({.method = "GET", .path = "/tickets", .query = {{"reference", "k"}}, .idempotency_key = {}, .body = ""})
          .status,
      405);
}

TEST(World, RequestsThatMakeNoSenseAreRefusedAndHaveNoEffect) {
  Played p;
  struct Row {
    const char* method;
    const char* path;
    const char* body;
    int status;
  };
  const Row rows[] = {
      {"POST", "/crm/contacts", "{", 400},
      {"POST", "/crm/contacts", "[]", 400},
      {"POST", "/crm/contacts", "{}", 400},
      {"POST", "/crm/contacts", R"({"email": 7})", 400},
      {"POST", "/crm/contacts", R"({"email": "a", "extra": "b"})", 400},
      {"POST", "/crm/contacts", R"({"email": "a", "tier": "gold"})", 400},
      {"PUT", "/crm/contacts/.hidden", R"({"email": "a"})", 400},
      {"PUT", "/crm/contacts/a/b", R"({"email": "a"})", 400},
      {"POST", "/mail/messages", R"({"to": "a"})", 400},
      {"GET", "/mail/messages", "", 400},
      {"GET", "/mail/messages/m_0", "", 404},
      {"GET", "/mail/messages/m_01", "", 404},
      {"GET", "/mail/messages/m_99999999999999999999999", "", 404},
      {"GET", "/tickets/m_1", "", 404},
      {"GET", "/crm/contacts/nobody", "", 404},
      {"DELETE", "/crm/contacts/a", "", 405},
      {"GET", "/elsewhere", "", 404},
      {"POST", "/_sandbox/faults", R"({"fault": "boredom"})", 400},
      {"POST", "/_sandbox/faults", R"({"fault": "lie", "times": 0})", 400},
      {"POST", "/_sandbox/faults", R"({"fault": "lie", "match": {"host": "x"}})", 400},
      {"POST", "/_sandbox/faults", "nonsense", 400},
      {"PATCH", "/_sandbox/faults", "", 405},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(
        p.ask({.method = row.method, .path = row.path, .query = {}, .idempotency_key = {}, .body = row.body}).status,
        row.status)
        << row.method << " " << row.path << " " << row.body;
  }
  EXPECT_EQ(p.effects(), 0);
}

TEST(World, EachFaultHasTheEffectAndTheAnswerThatItsNameSays) {
  struct Row {
    const char* fault;
    int status;
    AnswerDelivery delivery;
    std::int64_t effects;
  };
  const Row rows[] = {
      {"drop_before", 200, AnswerDelivery::nothing, 0}, {"drop_after", 202, AnswerDelivery::nothing, 1},
      {"e500_before", 500, AnswerDelivery::whole, 0},   {"e500_after", 500, AnswerDelivery::whole, 1},
      {"truncate", 202, AnswerDelivery::half, 1},       {"malformed", 202, AnswerDelivery::whole, 1},
      {"delay", 202, AnswerDelivery::whole, 1},         {"r429", 429, AnswerDelivery::whole, 0},
      {"r503", 503, AnswerDelivery::whole, 0},          {"lie", 202, AnswerDelivery::whole, 0},
      {"partial", 202, AnswerDelivery::whole, 1},       {"late", 200, AnswerDelivery::nothing, 0},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.fault);
    Played p;
    p.arm(R"({"fault": ")" + std::string(row.fault) + R"(", "delay_ms": 1500})");
    const Decision met = p.post("/mail/messages", kMail);
    EXPECT_EQ(met.status, row.status);
    EXPECT_EQ(met.delivery, row.delivery);
    EXPECT_TRUE(met.durable);
    EXPECT_EQ(p.effects(), row.effects);
    const std::string name = row.fault;
    EXPECT_EQ(met.delay, Duration(name == "delay" ? 1500 : 0));
    EXPECT_EQ(static_cast<bool>(read_json(met.body)), name != "malformed" && met.body != "");
    if (met.status == 429 || met.status == 503) {
      EXPECT_EQ(met.headers.at(0), (std::pair<std::string, std::string>{"Retry-After", "2"}));
    }
    EXPECT_EQ(p.post("/mail/messages", kMail).status, 202) << "the fault is used up";
  }
}

TEST(World, APartialEffectStoresHalfAndAnswersAll) {
  Played p;
  p.arm(R"({"fault": "partial"})");
  EXPECT_EQ(json(p.post("/crm/contacts", kAda).body).find("tier")->as_string(), "pro");
  EXPECT_EQ(p.get("/crm/contacts/c_1").find("tier")->as_string(), "free");
}

TEST(World, AFaultMeetsTheNthMatchingRequestAndSoManyAfterIt) {
  Played p;
  p.arm(R"({"fault": "e500_before", "match": {"method": "POST", "path_prefix": "/mail", "nth": 2}, "times": 2})");
  std::vector<int> seen;
  for (int i = 0; i < 4; ++i) {
    seen.push_back(p.post("/mail/messages", kMail).status);
    EXPECT_EQ(p.post("/crm/contacts", kAda).status, 201) << "another path is not met";
    p.get("/mail/messages", {{"reference", "k1"}});
  }
  EXPECT_EQ(seen, (std::vector<int>{202, 500, 500, 202}));
  EXPECT_EQ(p.get("/_sandbox/faults").find("faults")->size(), 0U);
}

TEST(World, FaultsCanBeDisarmed) {
  Played p;
  p.arm(R"({"fault": "r503", "times": 9})");
  EXPECT_EQ(p.get("/_sandbox/faults").find("faults")->size(), 1U);
  p.ask({.method = "DELETE", .path = "/_sandbox/faults", .query = {}, .idempotency_key = {}, .body = ""});
  EXPECT_EQ(p.post("/mail/messages", kMail).status, 202);
}

TEST(World, ALateEffectLandsAfterARetryAndThenItIsADuplicateWhereNothingDeduplicates) {
  Played p;
  p.arm(R"({"fault": "late", "delay_ms": 700, "times": 2})");
  p.post("/mail/messages", kMail, "k1");
  p.post("/crm/contacts", kAda, "k2");
  ASSERT_EQ(p.world.pending().size(), 2U);
  const auto [mail, due] = *p.world.pending().begin();
  EXPECT_EQ(due, p.now + Duration{700});

  EXPECT_EQ(p.post("/mail/messages", kMail, "k1").status, 202);
  EXPECT_EQ(p.post("/crm/contacts", kAda, "k2").status, 201);
  while (!p.world.pending().empty()) p.keep(p.world.land(p.world.pending().begin()->first, p.now + Duration{700}));
  EXPECT_EQ(p.get("/mail/messages", {{"reference", "k1"}}).find("messages")->size(), 2U);
  EXPECT_EQ(p.get("/crm/contacts", {{"email", "ada@example.org"}}).find("contacts")->size(), 1U);
  EXPECT_EQ(p.duplicates(), 1);
}

TEST(World, AReplayOfTheJournalGivesTheSameWorld) {
  Played p;
  p.arm(R"({"fault": "drop_after", "match": {"path_prefix": "/mail", "nth": 2}})");
  p.arm(R"({"fault": "late", "match": {"path_prefix": "/tickets"}})");
  p.post("/crm/contacts", kAda, "k");
  p.post("/mail/messages", kMail);
  p.put("/crm/contacts/x", kAda);
  p.post("/tickets", R"({"subject": "s"})");
  p.get("/crm/contacts/c_1");

  Played again;
  for (const Json& entry : p.journal) ASSERT_TRUE(again.world.apply(entry));
  EXPECT_EQ(again.world.pending(), p.world.pending());
  for (const char* path : {"/_sandbox/log", "/_sandbox/summary", "/_sandbox/faults"})
    EXPECT_EQ(again.get(path), p.get(path)) << path;
  // The armed fault still counts from where it was, and the key is still known.
  EXPECT_EQ(again.post("/mail/messages", kMail).delivery, AnswerDelivery::nothing);
  EXPECT_EQ(again.post("/crm/contacts", kAda, "k").headers.size(), 1U);
}

TEST(World, TheLogTellsRequestsKeysFaultsAndEffectsInOrder) {
  Played p;
  p.arm(R"({"fault": "drop_after"})");
  p.post("/mail/messages", kMail);
  p.get("/mail/messages", {{"reference", "k1"}});
  const Json log = p.get("/_sandbox/log");
  ASSERT_EQ(log.find("entries")->size(), 2U);
  const Json& first = log.find("entries")->as_array()[0];
  EXPECT_EQ(*first.find("key"), Json("k1"));
  EXPECT_EQ(*first.find("fault"), Json("drop_after"));
  EXPECT_EQ(*first.find("effect"), Json("eff_1"));
  EXPECT_TRUE(first.find("status")->is_null()) << "nobody got an answer";
  EXPECT_EQ(*log.find("entries")->as_array()[1].find("status"), Json(200));
  EXPECT_EQ(p.get("/_sandbox/log", {{"after", "2"}}).find("entries")->size(), 1U);
}

TEST(World, AnEntryThatItCanNotHaveWrittenIsRefused) {
  const char* entries[] = {
      R"({})",
      R"([])",
      R"({"kind": "request", "seq": 2, "at": "t"})",
      R"({"kind": "request", "seq": 1, "at": "t"})",
      R"({"kind": "dance", "seq": 1, "at": "t", "method": "GET", "path": "/", "digest": "d", "key": null})",
      R"({"kind": "request", "seq": 1, "at": "t", "method": "POST", "path": "/", "digest": "d", "key": null, "seen": [], "collection": "contacts", "record": {}})",
      R"({"kind": "request", "seq": 1, "at": "t", "method": "POST", "path": "/", "digest": "d", "key": null, "seen": [], "collection": "messages", "record": {"id": "m_5", "reference": ""}})",
      R"({"kind": "late", "seq": 1, "at": "t", "of": 7, "method": "POST", "path": "/", "digest": "d", "key": null})",
      R"({"kind": "fault", "seq": 1, "at": "t", "fault": {"fault": "nap"}})",
  };
  for (const char* entry : entries) {
    World world;
    const Result<void> applied = world.apply(json(entry));
    ASSERT_FALSE(applied) << entry;
    EXPECT_EQ(applied.error().code, ErrorCode::corruption);
  }
}

}  // namespace
}  // namespace settle
