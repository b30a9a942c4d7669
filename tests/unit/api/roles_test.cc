// Role by endpoint by namespace: every route, as the router has it, tried with every role from within and from outside.
// docs/roles.md holds the table; SETTLE_REWRITE_DOCS=1 writes it anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/unit/api/api_world.h"
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// What the path of a route stands for in the world: things that are there.
std::string filled(const ApiWorld& world, std::string path, const std::string& token_id) {
  if (path.starts_with("/v1/workflows/")) path = replaced(path, "{id}", "w-own");
  if (path.starts_with("/v1/receipts/")) path = replaced(path, "{id}", "rcp_w-own.1");
  if (path.starts_with("/v1/tokens/")) path = replaced(path, "{id}", token_id);
  if (path.starts_with("/v1/approvals/")) path = replaced(path, "{id}", world.approval.find("id")->as_string());
  if (path.starts_with("/v1/subscriptions/")) path = replaced(path, "{name}", "hook");
  if (path.starts_with("/v1/schedules/")) path = replaced(path, "{name}", "nightly");
  path = replaced(path, "{letter}", "1.0");
  path = replaced(path, "{action}", "held");
  path = replaced(path, "{v}", world.tool_version);
  return replaced(path, "{name}", path.find("/signals/") == std::string::npos ? "box.put" : "go");
}

/// A body that the route accepts.
std::string body_for(const ApiWorld& world, const Route& route) {
  if (!route.takes_body) return "";
  if (route.pattern == "/v1/subscriptions/{name}") return R"({"url": "https://example.org/hooks"})";
  if (route.pattern == "/v1/schedules/{name}") return schedule_body;
  if (route.pattern == "/v1/schedules:preview") return schedule_body;
  if (route.pattern == "/v1/schedules/{name}:pause") return R"({"reason": "because"})";
  if (route.method == "PUT") return write_json(tool_document({}));
  const std::string plan = R"({"name": "p", "actions": [{"id": "a", "tool": "flow.assert",
                                                         "input": {"that": {"equals": [1, 1]}}}]})";
  if (route.pattern == "/v1/workflows") return R"({"id": "w-new", "plan": )" + plan + "}";
  if (route.pattern == "/v1/plans:check") return R"({"plan": )" + plan + "}";
  if (route.pattern == "/v1/plans:from_tool_calls")
    return R"({"format": "openai", "tool_calls": [{"id": "c", "type": "function",
               "function": {"name": "box_put", "arguments": "{\"name\": \"n\", \"value\": \"v\"}"}}]})";
  if (route.pattern == "/v1/tokens") return R"({"name": "made", "scopes": ["planner"]})";
  if (route.pattern.starts_with("/v1/workflows:")) return R"({"filter": {"name": "p"}})";
  if (route.pattern.starts_with("/v1/approvals/"))
    return write_json(Json::object({{"digest", *world.approval.find("digest")}, {"reason", "because"}}));
  if (route.pattern.ends_with(":resolve")) return R"({"who": "w", "did_not_happen": {"seen": "s"}})";
  return "{}";
}

std::string id_of(const std::string& token) {
  return read_token(token)->id;
}

std::string code_of(const HttpResponse& response) {
  const Result<Json> document = read_json(response.body);
  const Json* code = document && document->is_object() ? document->find("code") : nullptr;
  return code == nullptr || !code->is_string() ? "" : code->as_string();
}

class Case {
 public:
  Case(const Route& route, Role role) : route_(route), role_(role) {}

  void run(bool own) {
    ApiWorld world;
    const std::string victim = world.token("victim", "own", {Role::planner});
    const std::string token = world.token("caller", own ? "own" : "other", {role_});
    const bool allowed = route_.rule.is_open() || route_.rule.roles().has(role_);
    const bool names_object = route_.pattern.find('{') != std::string::npos && route_.method != "PUT";
    const HttpResponse answer = world.ask(std::string(route_.method), filled(world, route_.pattern, id_of(victim)),
                                          token, body_for(world, route_));
    SCOPED_TRACE(std::string(route_.method) + " " + route_.pattern + " as " + std::string(name_of(role_)) +
                 (own ? " of its namespace" : " of another") + ": " + std::to_string(answer.status) + " " +
                 answer.body.substr(0, 300));
    if (!allowed) {
      EXPECT_EQ(answer.status, 403);
      EXPECT_EQ(code_of(answer), "insufficient_scope");
      EXPECT_TRUE(is_unchanged(world));
    } else if (own || route_.rule.is_open()) {
      EXPECT_TRUE(answer.status != 401 && answer.status != 403 && answer.status != 404);
      EXPECT_NE(answer.body.find(listed(id_of(victim))), std::string::npos) << "what is its own is there";
    } else if (names_object) {
      EXPECT_EQ(answer.status, 404);
      EXPECT_EQ(code_of(answer), "not_found");
      EXPECT_TRUE(is_unchanged(world));
    } else {
      EXPECT_EQ(answer.body.find("w-own"), std::string::npos);
      EXPECT_EQ(answer.body.find(id_of(victim)), std::string::npos);
      EXPECT_TRUE(is_unchanged(world));
    }
  }

 private:
  /// What a listing of the namespace, or an operation on all of it, is to name.
  std::string listed(const std::string& victim) const {
    if (route_.pattern.starts_with("/v1/workflows:")) return "w-own";
    if (route_.method != "GET") return "";
    if (route_.pattern == "/v1/workflows") return "w-own";
    if (route_.pattern == "/v1/approvals") return "w-own";
    if (route_.pattern == "/v1/events") return "w-own";
    if (route_.pattern == "/v1/subscriptions") return "hook";
    if (route_.pattern == "/v1/schedules") return "nightly";
    if (route_.pattern == "/v1/tools") return "box.put";
    return route_.pattern == "/v1/tokens" ? victim : "";
  }
  static bool is_unchanged(ApiWorld& world) {
    const std::string auditor = world.token("look", "own", {Role::auditor});
    const HttpResponse workflow = world.ask("GET", "/v1/workflows/w-own", auditor);
    const HttpResponse tools = world.ask("GET", "/v1/tools/box.put/versions", auditor);
    const Result<Json> document = read_json(workflow.body), versions = read_json(tools.body);
    if (!document || !versions) return false;
    const HttpResponse subscription = world.ask("GET", "/v1/subscriptions/hook", auditor);
    const HttpResponse letters = world.ask("GET", "/v1/subscriptions/hook/dead_letters", auditor);
    if (subscription.body.find(R"("state":"active")") == std::string::npos) return false;
    if (letters.body.find(R"("redriving":false)") == std::string::npos) return false;
    const HttpResponse schedule = world.ask("GET", "/v1/schedules/nightly", auditor);
    if (schedule.body.find(R"("state":"active")") == std::string::npos) return false;
    if (schedule.body.find(R"("triggered":0)") == std::string::npos) return false;
    bool victim_stands = false;
    for (const auto& token : world.tokens.list("own")) victim_stands |= token->name == "victim" && !token->revoked_at;
    return *document->find("status") == Json("running") && *document->find("version") == Json(1) &&
           *versions->find("versions")->as_array()[0].find("enabled") == Json(true) && victim_stands;
  }

  const Route& route_;
  const Role role_;
};

TEST(Roles, every_route_keeps_to_its_rule_for_every_role_within_and_from_outside) {
  const ApiWorld model;
  std::size_t cases = 0;
  for (const Route* route : model.api->router().routes()) {
    for (const Role role : all_roles) {
      for (const bool own : {true, false}) {
        Case(*route, role).run(own);
        ++cases;
      }
    }
  }
  EXPECT_GT(cases, 250U);
}

TEST(Roles, without_a_token_nothing_but_the_open_routes_answers) {
  ApiWorld world;
  for (const Route* route : world.api->router().routes()) {
    const HttpResponse answer =
        world.ask(std::string(route->method), filled(world, route->pattern, "x"), "", body_for(world, *route));
    SCOPED_TRACE(route->pattern);
    if (route->rule.is_open()) {
      EXPECT_EQ(answer.status, 200);
      continue;
    }
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(code_of(answer), "unauthenticated");
    EXPECT_EQ(answer.headers.front(), (std::pair<std::string, std::string>("WWW-Authenticate", "Bearer")));
  }
}

TEST(Roles, only_reads_are_open_to_auditors) {
  const ApiWorld world;
  for (const Route* route : world.api->router().routes()) {
    SCOPED_TRACE(route->pattern);
    if (!route->rule.is_read()) {
      EXPECT_FALSE(route->rule.roles().has(Role::auditor));
      EXPECT_FALSE(route->rule.roles().has(Role::approver) && route->pattern.find("approvals") == std::string::npos);
    }
    if (route->rule.is_open()) {
      EXPECT_EQ(route->pattern.find('{'), std::string::npos);
    }
  }
}

std::string table_of(const Router& router) {
  std::string out = "| request |";
  for (const Role role : all_roles) out += " " + std::string(name_of(role)) + " |";
  out += "\n| --- |";
  for (std::size_t i = 0; i < all_roles.size(); ++i) out += " :-: |";
  out += "\n";
  for (const Route* route : router.routes()) {
    out += "| `" + std::string(route->method) + " " + route->pattern + "` |";
    for (const Role role : all_roles)
      out += route->rule.is_open() ? " open |" : route->rule.roles().has(role) ? " yes |" : " – |";
    out += "\n";
  }
  return out;
}

TEST(Roles, the_table_in_the_documentation_is_that_of_the_router) {
  const ApiWorld world;
  const std::string begin = "<!-- from the code: begin -->\n", end = "<!-- from the code: end -->\n";
  std::ifstream file(SETTLE_ROLES_DOCUMENT);
  std::stringstream read;
  read << file.rdbuf();
  std::string text = read.str();
  const std::size_t from = text.find(begin) + begin.size(), to = text.find(end);
  ASSERT_NE(to, std::string::npos);
  const std::string table = table_of(world.api->router());
  if (std::getenv("SETTLE_REWRITE_DOCS") != nullptr) {
    text.replace(from, to - from, table);
    std::ofstream(SETTLE_ROLES_DOCUMENT) << text;
    GTEST_SKIP() << "wrote docs/roles.md";
  }
  EXPECT_EQ(text.substr(from, to - from), table) << "SETTLE_REWRITE_DOCS=1 writes it anew";
}

}  // namespace
}  // namespace settle::test
