// What every end of a call means, against a server that does what it is told.
#include "connectors/http/http_connector.h"

#include "tests/connectors/http_fixture.h"

namespace settle {
namespace {

using test::BlackHole;
using test::ClosedPort;
using test::FaultServer;
using test::ReadPart;
using test::Reply;
using test::response;
using test::Then;
using enum OutcomeClass;

class HttpCall : public test::HttpFixture {};

struct Row {
  std::string name;
  Reply reply;
  OutcomeClass write;
  OutcomeClass read;
  std::string code = {};
  int status = 0;
  std::optional<Json> body = {};
  std::optional<Duration> retry_after = {};
};

Reply bytes(std::string text, Then then = Then::keep) {
  return {.bytes = std::move(text), .read = ReadPart::all, .then = then};
}

class HttpClassification : public HttpCall {
 protected:
  void expect_rows(const std::vector<Row>& rows, Duration timeout = Duration(10'000)) {
    HttpConnectorOptions options;
    options.now = [] { return *parse_time("2026-11-22T20:00:00.000Z"); };
    make(options);
    FaultServer server;
    for (const Row& row : rows) {
      for (const bool write : {true, false}) {
        SCOPED_TRACE(row.name + (write ? ", as a write" : ", as a read"));
        server.reply_with(row.reply);
        Call call = write ? post(server.url("/x")) : get(server.url("/x"));
        call.timeout = timeout;
        const Outcome out = run(std::move(call));
        EXPECT_EQ(out.kind, write ? row.write : row.read) << out.code << " " << out.detail;
        // A reset may destroy bytes that came before it: then nothing of the response was seen.
        if (row.reply.then == Then::reset && out.code == "connection_lost") continue;
        EXPECT_EQ(out.status, row.status);
        EXPECT_EQ(out.body, row.body);
        EXPECT_EQ(out.retry_after, row.retry_after);
        if (out.kind == answered) {
          EXPECT_EQ(out.code, "");
        } else {
          EXPECT_EQ(out.code, row.code);
          EXPECT_NE(out.detail, "");
        }
      }
    }
  }
};

TEST_F(HttpClassification, FollowsTheContractForEveryStatus) {
  const Json reason = Json::object({{"why", "no"}});
  const std::string why = R"({"why":"no"})";
  std::vector<Row> rows = {
      {"200 with JSON", bytes(response(200, R"({"id":"1"})")), answered, answered, "", 200,
       Json::object({{"id", "1"}})},
      {"200 with text/plain that is JSON", bytes(response(200, "[1]", "Content-Type: text/plain\r\n")), answered,
       answered, "", 200, Json(Json::Array{1})},
      {"200 with a number that no double holds", bytes(response(200, "12345678901234567890.5")), answered, answered, "",
       200, Json(Json::Decimal{"12345678901234567890.5"})},
      {"201 without a body", bytes(response(201)), answered, answered, "", 201},
      {"202", bytes(response(202, "{}")), answered, answered, "", 202, Json::object()},
      {"204", bytes("HTTP/1.1 204 X\r\n\r\n"), answered, answered, "", 204},
      {"206", bytes(response(206, "{}")), ambiguous, answered, "http_206", 206, Json::object()},
      {"299", bytes(response(299, "{}")), answered, answered, "", 299, Json::object()},
      {"302 is not followed", bytes(response(302, why, "Location: /y\r\n")), rejected, rejected, "http_3xx", 302,
       reason},
      {"304", bytes("HTTP/1.1 304 X\r\n\r\n"), rejected, rejected, "http_3xx", 304},
      {"307 is not followed", bytes(response(307, "", "Location: /y\r\n")), rejected, rejected, "http_3xx", 307},
      {"404 with a body that is no JSON", bytes(response(404, "<html>")), rejected, rejected, "http_404", 404},
      {"429", bytes(response(429, why)), not_sent, not_sent, "http_429", 429, reason},
      {"429 with Retry-After", bytes(response(429, why, "Retry-After: 3\r\n")), not_sent, not_sent, "http_429", 429,
       reason, Duration(3'000)},
      {"429 with garbage", bytes(response(429, why, "Retry-After: soon\r\n")), not_sent, not_sent, "http_429", 429,
       reason},
      {"503", bytes(response(503, why)), ambiguous, ambiguous, "http_503", 503, reason},
      {"503 with Retry-After", bytes(response(503, why, "Retry-After: 0\r\n")), not_sent, not_sent, "http_503", 503,
       reason, Duration(0)},
      {"503 with a date", bytes(response(503, why, "Retry-After: Sun, 22 Nov 2026 20:00:09 GMT\r\n")), not_sent,
       not_sent, "http_503", 503, reason, Duration(9'000)},
      {"503 with a day too far", bytes(response(503, why, "Retry-After: 999999999\r\n")), not_sent, not_sent,
       "http_503", 503, reason, Duration(86'400'000)},
      {"503 with garbage", bytes(response(503, why, "Retry-After: -5\r\n")), ambiguous, ambiguous, "http_503", 503,
       reason},
      {"503 with two that differ", bytes(response(503, why, "Retry-After: 1\r\nRetry-After: 2\r\n")), ambiguous,
       ambiguous, "http_503", 503, reason},
  };
  for (const int status : {400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 412, 413,
                           414, 415, 422, 423, 424, 426, 428, 431, 451, 499, 501, 505}) {
    rows.push_back({std::to_string(status), bytes(response(status, why)), rejected, rejected,
                    "http_" + std::to_string(status), status, reason});
  }
  for (const int status : {408, 425, 500, 502, 504, 506, 507, 508, 511, 520, 522, 599}) {
    rows.push_back({std::to_string(status), bytes(response(status, why)), ambiguous, ambiguous,
                    "http_" + std::to_string(status), status, reason});
  }
  expect_rows(rows);
}

TEST_F(HttpClassification, IsAmbiguousWheneverAByteLeftAndNoWholeAnswerCame) {
  const std::string malformed = "malformed_response", truncated = "truncated_response", lost = "connection_lost";
  const std::string whole = response(200, R"({"id":"1"})");
  const std::vector<Row> rows = {
      {"closed before reading",
       {.bytes = "", .read = ReadPart::nothing, .then = Then::close},
       ambiguous,
       ambiguous,
       lost},
      {"reset before reading",
       {.bytes = "", .read = ReadPart::nothing, .then = Then::reset},
       ambiguous,
       ambiguous,
       lost},
      {"closed after the head", {.bytes = "", .read = ReadPart::head, .then = Then::close}, ambiguous, ambiguous, lost},
      {"reset after the head", {.bytes = "", .read = ReadPart::head, .then = Then::reset}, ambiguous, ambiguous, lost},
      {"closed after the body", bytes("", Then::close), ambiguous, ambiguous, lost},
      {"reset after the body", bytes("", Then::reset), ambiguous, ambiguous, lost},
      {"half a status line", bytes("HTTP/1.1 20", Then::close), ambiguous, ambiguous, truncated},
      {"half a head", bytes("HTTP/1.1 200 OK\r\nContent-", Then::close), ambiguous, ambiguous, truncated},
      {"half a body", bytes(whole.substr(0, whole.size() - 3), Then::close), ambiguous, ambiguous, truncated, 200},
      {"no last chunk", bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", Then::close),
       ambiguous, ambiguous, truncated, 200},
      {"half of a refusal", bytes("HTTP/1.1 404 X\r\nContent-Length: 9\r\n\r\n{}", Then::close), ambiguous, ambiguous,
       truncated, 404},
      {"garbage", bytes("\x15\x03\x01 what?\r\n\r\n"), ambiguous, ambiguous, malformed},
      {"both framings", bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
       ambiguous, ambiguous, malformed},
      {"lengths that differ", bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "), ambiguous,
       ambiguous, malformed},
      {"a body that is no JSON", bytes(response(200, "OK")), ambiguous, ambiguous, malformed, 200},
      {"a body with two values", bytes(response(200, "{}{}")), ambiguous, ambiguous, malformed, 200},
      {"a name twice", bytes(response(200, R"({"a":1,"a":2})")), ambiguous, ambiguous, malformed, 200},
      {"too short a length cuts the JSON", bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"id\":\"1\"}"),
       ambiguous, ambiguous, malformed, 200},
      {"JSON nested too deeply", bytes(response(200, std::string(200, '[') + std::string(200, ']'))), ambiguous,
       ambiguous, malformed, 200},
      {"until close, cut in the JSON", bytes("HTTP/1.1 200 OK\r\n\r\n{\"id\":", Then::close), ambiguous, ambiguous,
       malformed, 200},
      {"until close, reset", bytes("HTTP/1.1 200 OK\r\n\r\n{\"id\":1}", Then::reset), ambiguous, ambiguous, truncated,
       200},
      {"too long a body", bytes("HTTP/1.1 200 OK\r\nContent-Length: 8388609\r\n\r\n"), ambiguous, ambiguous,
       "response_too_large", 200},
      {"too long a head", bytes("HTTP/1.1 200 OK\r\nA: " + std::string(33'000, 'x') + "\r\n\r\n"), ambiguous, ambiguous,
       "response_too_large"},
  };
  expect_rows(rows);
}

TEST_F(HttpClassification, ReadsEveryFramingOfAWholeAnswer) {
  const Json body = Json::object({{"id", 1}});
  expect_rows({
      {"chunked", bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"id\r\n4\r\n\":1}\r\n0\r\n\r\n"),
       answered, answered, "", 200, body},
      {"until close", bytes("HTTP/1.1 200 OK\r\n\r\n{\"id\":1}", Then::close), answered, answered, "", 200, body},
      {"HTTP/1.0", bytes("HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n{\"id\":1}", Then::close), answered, answered, "",
       200, body},
      {"after 1xx", bytes("HTTP/1.1 103 Hints\r\n\r\n" + response(200, "{\"id\":1}")), answered, answered, "", 200,
       body},
      {"a byte at a time",
       {.bytes = response(200, "{\"id\":1}"), .read = ReadPart::all, .then = Then::keep, .pause_per_byte = Duration(1)},
       answered,
       answered,
       "",
       200,
       body},
      {"an early refusal",
       {.bytes = response(413, "{\"id\":1}", "Connection: close\r\n"), .read = ReadPart::head, .then = Then::close},
       rejected,
       rejected,
       "http_413",
       413,
       body},
  });
}

TEST_F(HttpClassification, EndsAmbiguousWhenTheAnswerIsNotWholeInTime) {
  expect_rows({{"silence", bytes("", Then::hang), ambiguous, ambiguous, "timeout"},
               {"half an answer", bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", Then::hang), ambiguous,
                ambiguous, "timeout", 200},
               {"drips",
                {.bytes = response(200, std::string(500, ' ') + "{}"),
                 .read = ReadPart::all,
                 .then = Then::keep,
                 .pause_per_byte = Duration(20)},
                ambiguous,
                ambiguous,
                "timeout"}},
              Duration(200));
}

TEST_F(HttpCall, HeadHasNoBodyToRead) {
  FaultServer server(bytes("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"));
  Call call = get(server.url());
  call.method = "HEAD";
  const Outcome out = run(std::move(call));
  EXPECT_EQ(out.kind, answered);
  EXPECT_EQ(out.body, std::nullopt);
}

TEST_F(HttpCall, SendsWhatTheCallSaysAndNothingElse) {
  FaultServer server;
  Call call = post(server.url("/a/b?c=%20d"));
  call.headers = {{"Idempotency-Key", "k1"}};
  EXPECT_EQ(run(std::move(call)).kind, answered);
  ASSERT_EQ(server.requests().size(), 1u);
  const test::SeenRequest seen = server.requests()[0];
  EXPECT_EQ(seen.head,
            "POST /a/b?c=%20d HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                "\r\nUser-Agent: settle/0.1\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
                "Content-Length: 7\r\nIdempotency-Key: k1\r\n\r\n");
  EXPECT_EQ(seen.body, R"({"a":1})");
}

TEST_F(HttpCall, CarriesBodiesLargerThanAnySocketBuffer) {
  const std::string big = "\"" + std::string(7'000'000, 'x') + "\"";
  FaultServer server(bytes(response(200, big)));
  const Outcome out = run(post(server.url(), big));
  EXPECT_EQ(out.kind, answered) << out.code << out.detail;
  EXPECT_EQ(out.body, Json(std::string(7'000'000, 'x')));
  EXPECT_EQ(server.requests()[0].body, big);
}

TEST_F(HttpCall, ARefusalOfALongRequestIsSeenBeforeItIsWhollySent) {
  FaultServer server({.bytes = response(413, "{}"), .read = ReadPart::head, .then = Then::hang});
  const Outcome out = run(post(server.url(), "\"" + std::string(8'000'000, 'x') + "\""));
  EXPECT_EQ(out.kind, rejected);
  EXPECT_EQ(out.code, "http_413");
  EXPECT_EQ(connector->connections_open(), 0u);
}

TEST_F(HttpCall, TimesComeFromTheInjectedClock) {
  HttpConnectorOptions options;
  Time now{Duration(1'000)};
  options.now = [&now] { return now += Duration(1); };
  make(options);
  FaultServer server;
  const Outcome out = run(get(server.url()));
  EXPECT_EQ(out.started, Time(Duration(1'001)));
  EXPECT_GT(out.ended, out.started);
  EXPECT_LT(out.ended, Time(Duration(1'010)));
}

TEST_F(HttpCall, AClosedPortIsNotSent) {
  const ClosedPort closed;
  const Outcome out = run(post("http://127.0.0.1:" + std::to_string(closed.port()) + "/"));
  EXPECT_EQ(out.kind, not_sent);
  EXPECT_EQ(out.code, "connect_failed");
  EXPECT_EQ(out.status, 0);
}

TEST_F(HttpCall, AHostThatDropsPacketsIsNotSentAfterTheConnectTimeout) {
  HttpConnectorOptions options;
  options.connect_timeout = Duration(150);
  make(options);
  const BlackHole hole;
  const Outcome out = run(post("http://127.0.0.1:" + std::to_string(hole.port()) + "/"));
  EXPECT_EQ(out.kind, not_sent);
  EXPECT_EQ(out.code, "connect_timeout");
}

TEST_F(HttpCall, TheConnectTimeoutIsNeverAboveTheCallsOwn) {
  const BlackHole hole;
  Call call = post("http://127.0.0.1:" + std::to_string(hole.port()) + "/");
  call.timeout = Duration(100);
  EXPECT_EQ(run(std::move(call)).code, "connect_timeout");
}

/// A resolver that answers from a table, on the loop.
Lookup fake_lookup(boost::asio::io_context& loop, std::map<std::string, std::vector<std::string>> names,
                   int* count = nullptr) {
  return [&loop, names = std::move(names), count](const std::string& host, Resolved done) {
    if (count != nullptr) ++*count;
    boost::asio::post(loop, [host, done = std::move(done), names] {
      Addresses addresses;
      const auto found = names.find(host);
      if (found == names.end()) return done(boost::asio::error::host_not_found, addresses);
      for (const std::string& text : found->second) addresses.push_back(boost::asio::ip::make_address(text));
      done({}, addresses);
    });
  };
}

TEST_F(HttpCall, AnUnknownNameIsNotSent) {
  HttpConnectorOptions options;
  options.lookup = fake_lookup(loop, {});
  make(options);
  const Outcome out = run(post("http://nowhere.example/"));
  EXPECT_EQ(out.kind, not_sent);
  EXPECT_EQ(out.code, "resolve_failed");
}

TEST_F(HttpCall, ANameThatHangsIsNotSentAfterTheConnectTimeout) {
  HttpConnectorOptions options;
  options.connect_timeout = Duration(100);
  options.lookup = [](const std::string&, const Resolved&) {};
  make(options);
  EXPECT_EQ(run(post("http://slow.example/")).code, "connect_timeout");
}

TEST_F(HttpCall, TheSystemsResolverKnowsLocalhost) {
  FaultServer server;
  EXPECT_EQ(run(get(server.url("/", "localhost"))).kind, answered);
}

TEST_F(HttpCall, EveryAddressIsTriedInTurn) {
  HttpConnectorOptions options;
  // The server listens on 127.0.0.1 only: the first two refuse.
  options.lookup = fake_lookup(loop, {{"three.example", {"127.0.0.3", "127.0.0.2", "127.0.0.1"}}});
  make(options);
  FaultServer server;
  const Outcome out = run(get(server.url("/", "three.example")));
  EXPECT_EQ(out.kind, answered) << out.detail;
  EXPECT_EQ(server.requests()[0].field("host"), "three.example:" + std::to_string(server.port()));
}

TEST_F(HttpCall, OneForbiddenAddressAmongGoodOnesForbidsTheCall) {
  HttpConnectorOptions options;
  options.lookup = fake_lookup(loop, {{"mixed.example", {"127.0.0.1", "169.254.169.254"}}});
  make(options);
  FaultServer server;
  for (const std::string& url : {server.url("/", "mixed.example"), std::string("http://169.254.169.254/"),
                                 std::string("http://[::ffff:169.254.169.254]/")}) {
    const Outcome out = run(get(url));
    EXPECT_EQ(out.kind, rejected) << url;
    EXPECT_EQ(out.code, "address_forbidden") << url;
  }
  make_guarded(options);
  EXPECT_EQ(run(get(server.url())).code, "address_forbidden");
  EXPECT_EQ(server.connections(), 0u);
}

TEST_F(HttpCall, ABurstAsksForANameOnce) {
  int lookups = 0;
  HttpConnectorOptions options;
  options.lookup = fake_lookup(loop, {{"a.example", {"127.0.0.1"}}}, &lookups);
  make(options);
  FaultServer server;
  int ended = 0;
  for (int i = 0; i < 20; ++i) {
    connector->start(get(server.url("/", "a.example")), [&](const Outcome& out) {
      EXPECT_EQ(out.kind, answered);
      ++ended;
    });
  }
  run_until([&] { return ended == 20; });
  EXPECT_EQ(lookups, 1);
}

TEST_F(HttpCall, WhatMayNotBeSentIsRejectedBeforeAnyConnection) {
  FaultServer server;
  const std::string good = server.url("/");
  const auto with_header = [&](std::string name, std::string value) {
    Call call = post(good);
    call.headers = {{std::move(name), std::move(value)}};
    return call;
  };
  Call bad_method = post(good);
  bad_method.method = "GET / HTTP/1.1\r\nX:";
  const Call calls[] = {post("ftp://127.0.0.1/"),
                        post("127.0.0.1"),
                        post(""),
                        post("http://u:p@127.0.0.1/"),
                        post(good + "#f"),
                        post(good + "\r\nX: y"),
                        post(good + "a b"),
                        with_header("X", "a\r\nY: b"),
                        with_header("X\r\nY", "a"),
                        with_header("Host", "evil"),
                        with_header("Content-Length", "1"),
                        with_header("transfer-encoding", "chunked"),
                        with_header("CONNECTION", "close"),
                        bad_method};
  for (const Call& call : calls) {
    const Outcome out = run(call);
    EXPECT_EQ(out.kind, rejected) << call.url;
    EXPECT_EQ(out.code, "invalid_request") << call.url;
  }
  EXPECT_EQ(server.connections(), 0u);
}

}  // namespace
}  // namespace settle
