#include "tests/unit/api/api_world.h"

#include <gtest/gtest.h>

#include <chrono>

#include "storage/keys.h"
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

class SeenStream final : public HttpStream {
 public:
  explicit SeenStream(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
  bool write(std::string bytes) override {
    if (!seen_->feed_closed) seen_->streamed += bytes;
    return !seen_->feed_closed;
  }
  void close() override { seen_->feed_closed = true; }
  void on_close(std::function<void()>) override {}

 private:
  std::shared_ptr<Seen> seen_;
};

class SeenResponder final : public Responder {
 public:
  explicit SeenResponder(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
  void send(HttpResponse response) override {
    SETTLE_ASSERT(!seen_->response && !seen_->streams);  // as the real one does
    seen_->response = std::move(response);
  }
  std::shared_ptr<HttpStream> stream(HttpResponse head) override {
    seen_->streamed = head.body;
    seen_->streams = true;
    return std::make_shared<SeenStream>(seen_);
  }
  void abort(bool, const HttpResponse*, std::size_t) override {}

 private:
  std::shared_ptr<Seen> seen_;
};

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t at = std::min(text.find(by, from), text.size());
    out.push_back(text.substr(from, at - from));
    from = at + 1;
  }
  return out;
}

}  // namespace

ApiWorld::ApiWorld(ApiOptions options) {
  loop.post([this] { io.stop(); });
  loop.run();  // to learn which thread is its own
  engine = std::make_unique<Engine>(store, tools, std::vector<Engine::Part>{{&loop, &connector}},
                                    EngineOptions{.outbox = {.key = std::string(32, 'k')}});
  api = std::make_unique<HttpApi>(*engine, tokens, loop, ready, options);
  put_tool_and_workflow();
  put_subscription();
  put_schedule();
}

ApiWorld::~ApiWorld() {
  io.poll();
  connector.stop();
}

bool ApiWorld::reaches(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds() && std::chrono::steady_clock::now() < until) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds(20));
  }
  return holds();
}

void ApiWorld::put_tool_and_workflow() {
  const Json document = tool_document({});
  tool_version = to_hex(version_bytes(*compiled(document)));
  bool put = false, begun = false;
  tools.put("own", document, loop.now(), loop, [&](const Result<ToolRegistry::Put>& done) { put = bool(done); });
  EXPECT_TRUE(reaches([&] { return put; }));
  const Json body = json(R"({"id": "w-own", "plan": {"name": "p", "actions": [
      {"id": "done", "tool": "flow.assert", "input": {"that": {"equals": [1, 1]}}},
      {"id": "held", "tool": "box.put", "after": ["done"], "input": {"name": "n", "value": "v"}},
      {"id": "asked", "tool": "flow.approve", "input": {"title": "May it?"}}]}})");
  engine->submit({.name_space = "own", .idempotency_key = "", .body = body}, loop,
                 [&](const Result<Engine::Started>& started) {
                   EXPECT_TRUE(started) << (started ? "" : write_json(json("{}")) + started.error().message);
                   begun = true;
                 });
  EXPECT_TRUE(reaches([&] { return begun; }));
  const Result<Json> open = engine->approvals({.name_space = "own", .state = ApprovalState::open});
  approval = open->find("approvals")->as_array().at(0);
}

void ApiWorld::put_subscription() {
  bool made = false;
  engine->outbox().put(
      {.name_space = "own", .name = "hook", .url = "https://example.org/hooks", .by = "test"}, loop,
      [&](const Result<Outbox::Answer>& done) { made = done && done->created; }, nullptr);
  EXPECT_TRUE(reaches([&] { return made; }));
  const auto stored = store.snapshot()->get(Family::meta, keys::subscription("own", "hook"));
  DeadLetter letter;
  letter.place = {1, 0};
  letter.name_space = "own";
  letter.workflow = "w-own";
  letter.seq = 1;
  const std::string id = decode_subscription(**stored, "own", "hook")->id;
  WriteBatch batch;
  batch.put(Family::index, keys::dead_letter(id, 1, 0), encode_dead_letter(letter));
  store.commit(std::move(batch), loop, nullptr);
}

void ApiWorld::put_schedule() {
  const Json body = json(schedule_body);
  std::vector<Problem> problems;
  Fields fields(body, "", problems);
  std::optional<ScheduleRules> rules = read_schedule_rules(fields, engine->schedules().zones());
  ASSERT_TRUE(rules);
  bool made = false;
  engine->schedules().put(
      {{"own", "nightly"}, *std::move(rules), *body.find("plan"), std::nullopt, {}, "test"}, loop,
      [&](const Result<Schedules::Answer>& done) { made = done && done->created; }, nullptr);
  EXPECT_TRUE(reaches([&] { return made; }));
}

std::string ApiWorld::token(const std::string& name, const std::string& name_space, Roles roles,
                            std::optional<Time> expires_at) {
  const TokenText text = fresh_token();
  Token token;
  token.name = name;
  token.name_space = name_space;
  token.roles = roles;
  token.created_by = "test";
  token.expires_at = expires_at;
  bool made = false;
  tokens.create(text, token, loop.now(), loop, [&](const auto& done) { made = bool(done); });
  EXPECT_TRUE(reaches([&] { return made; }));
  return write_token(text);
}

std::shared_ptr<Seen> ApiWorld::start(const std::string& method, const std::string& target, const std::string& token,
                                      const std::string& body,
                                      std::vector<std::pair<std::string, std::string>> headers) {
  HttpRequest request;
  request.method = method;
  const std::vector<std::string> halves = split(target, '?');
  request.path = halves[0];
  request.segments = split(halves[0].substr(1), '/');
  for (const std::string& one : halves.size() > 1 ? split(halves[1], '&') : std::vector<std::string>())
    request.query.emplace_back(one.substr(0, one.find('=')), one.substr(one.find('=') + 1));
  request.headers = std::move(headers);
  if (!token.empty()) request.headers.emplace_back("authorization", "Bearer " + token);
  request.body = body;
  request.remote = "192.0.2.7";
  request.request_id = "req_test";
  auto seen = std::make_shared<Seen>();
  api->handler()(std::move(request), std::make_unique<SeenResponder>(seen));
  return seen;
}

HttpResponse ApiWorld::ask(const std::string& method, const std::string& target, const std::string& token,
                           const std::string& body, std::vector<std::pair<std::string, std::string>> headers) {
  const std::shared_ptr<Seen> seen = start(method, target, token, body, std::move(headers));
  EXPECT_TRUE(reaches([&] { return seen->response || seen->streams; })) << method << " " << target;
  return seen->response.value_or(HttpResponse{});
}

}  // namespace settle::test
