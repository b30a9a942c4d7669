// Connections kept, lost, awaited and given up.
#include "connectors/http/http_connector.h"
#include "tests/connectors/http_fixture.h"

namespace settle {
namespace {

using test::FaultServer;
using test::ReadPart;
using test::Reply;
using test::response;
using test::Then;
using enum OutcomeClass;

class HttpPoolOf : public test::HttpFixture {
 protected:
  /// Starts `count` calls and gathers their ends.
  void start_calls(int count, const Call& call) {
    for (int i = 0; i < count; ++i) {
      connector->start(call, [this](Outcome out) { ends.push_back(std::move(out)); });
    }
  }
  std::size_t ends_with(OutcomeClass kind, const std::string& code) const {
    return static_cast<std::size_t>(std::count_if(
        ends.begin(), ends.end(), [&](const Outcome& out) { return out.kind == kind && out.code == code; }));
  }
  std::vector<Outcome> ends;
};

TEST_F(HttpPoolOf, OneConnectionCarriesCallAfterCall) {
  FaultServer server;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(run(post(server.url())).kind, answered);
  EXPECT_EQ(server.connections(), 1u);
  EXPECT_EQ(server.requests().size(), 10u);
}

TEST_F(HttpPoolOf, ConnectionCloseIsHonoured) {
  FaultServer server(
      {.bytes = response(200, "{}", "Connection: close\r\n"), .read = ReadPart::all, .then = Then::keep});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run(post(server.url())).kind, answered);
  EXPECT_EQ(server.connections(), 3u);
  EXPECT_EQ(connector->connections_open(), 0u);
}

TEST_F(HttpPoolOf, AnOriginIsOnePoolHoweverItIsWritten) {
  FaultServer server;
  EXPECT_EQ(run(get("http://127.0.0.1:" + std::to_string(server.port()) + "/a")).kind, answered);
  EXPECT_EQ(run(get("HTTP://127.0.0.1:" + std::to_string(server.port()) + "?b")).kind, answered);
  EXPECT_EQ(server.connections(), 1u);
}

TEST_F(HttpPoolOf, AConnectionThatThePeerClosedWhileIdleIsNeverUsedAgain) {
  FaultServer server;
  server.script({{.bytes = response(200, "{}"), .read = ReadPart::all, .then = Then::close}});
  EXPECT_EQ(run(post(server.url())).kind, answered);
  ASSERT_TRUE(server.wait_for_closed(1));
  EXPECT_EQ(run(post(server.url())).kind, answered);
  EXPECT_EQ(server.connections(), 2u);
}

TEST_F(HttpPoolOf, AConnectionThatThePeerResetWhileIdleIsNeverUsedAgain) {
  FaultServer server;
  server.script({{.bytes = response(200, "{}"), .read = ReadPart::all, .then = Then::reset}});
  // A reset can overtake the answer; only the call after it is of interest.
  (void)run(get(server.url()));
  ASSERT_TRUE(server.wait_for_closed(1));
  EXPECT_EQ(run(post(server.url())).kind, answered);
  EXPECT_EQ(server.connections(), 2u);
}

TEST_F(HttpPoolOf, ASecondAnswerIsNeverTakenForTheNextCalls) {
  FaultServer server;
  server.script({{.bytes = response(200, R"("first")") + response(200, R"("stray")"),
                  .read = ReadPart::all,
                  .then = Then::hang}});
  EXPECT_EQ(run(post(server.url())).body, Json("first"));
  server.reply_with({.bytes = response(200, R"("second")"), .read = ReadPart::all, .then = Then::keep});
  EXPECT_EQ(run(post(server.url())).body, Json("second"));
  EXPECT_EQ(server.connections(), 2u);
}

TEST_F(HttpPoolOf, BytesThatComeWhileIdleSpoilTheConnection) {
  // The stray answer comes after the first one was read, on a connection already in the pool.
  const std::string first = response(200, R"("first")"), stray = response(200, R"("stray")");
  FaultServer server;
  server.script({{.bytes = first, .read = ReadPart::all, .then = Then::keep},
                 {.bytes = stray + stray, .read = ReadPart::head, .then = Then::hang}});
  EXPECT_EQ(run(post(server.url())).body, Json("first"));
  EXPECT_EQ(run(post(server.url())).body, Json("stray"));
  server.reply_with({.bytes = response(200, R"("second")"), .read = ReadPart::all, .then = Then::keep});
  EXPECT_EQ(run(post(server.url())).body, Json("second"));
}

TEST_F(HttpPoolOf, IdleConnectionsAreClosedAfterTheirTime) {
  HttpConnectorOptions options;
  options.idle_timeout = Duration(100);
  make(options);
  FaultServer server;
  EXPECT_EQ(run(post(server.url())).kind, answered);
  EXPECT_EQ(connector->connections_open(), 1u);
  run_until([&] { return connector->connections_open() == 0; });
  EXPECT_TRUE(server.wait_for_closed(1));
  EXPECT_EQ(run(post(server.url())).kind, answered);
  EXPECT_EQ(server.connections(), 2u);
}

TEST_F(HttpPoolOf, NoMoreConnectionsThanTheLimitAndTheRestWaitsItsTurn) {
  HttpConnectorOptions options;
  options.connections_per_host_max = 3;
  make(options);
  FaultServer server;
  server.hold();
  start_calls(20, post(server.url()));
  run_until([&] { return server.requests().size() == 3; });
  EXPECT_EQ(connector->connections_open(), 3u);
  EXPECT_EQ(connector->calls_under_way(), 20u);
  server.release();
  run_until([&] { return ends.size() == 20; });
  EXPECT_EQ(ends_with(answered, ""), 20u);
  EXPECT_EQ(server.connections(), 3u);
  EXPECT_EQ(connector->calls_under_way(), 0u);
}

TEST_F(HttpPoolOf, AFullQueueIsNotSent) {
  HttpConnectorOptions options;
  options.connections_per_host_max = 1;
  options.queue_per_host_max = 2;
  make(options);
  FaultServer server;
  server.hold();
  start_calls(5, post(server.url()));
  run_until([&] { return ends.size() == 2; });
  EXPECT_EQ(ends_with(not_sent, "queue_full"), 2u);
  server.release();
  run_until([&] { return ends.size() == 5; });
  EXPECT_EQ(ends_with(answered, ""), 3u);
}

TEST_F(HttpPoolOf, WaitingLongerThanTheCallsTimeoutIsNotSent) {
  HttpConnectorOptions options;
  options.connections_per_host_max = 1;
  make(options);
  FaultServer server;
  server.hold();
  start_calls(1, post(server.url()));
  Call hurried = post(server.url());
  hurried.timeout = Duration(100);
  start_calls(2, hurried);
  run_until([&] { return ends.size() == 2; });
  EXPECT_EQ(ends_with(not_sent, "queue_timeout"), 2u);
  server.release();
  run_until([&] { return ends.size() == 3; });
  EXPECT_EQ(ends_with(answered, ""), 1u);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(HttpPoolOf, ATimeoutFreesItsPlaceForTheNextCall) {
  HttpConnectorOptions options;
  options.connections_per_host_max = 1;
  make(options);
  FaultServer server;
  server.script({{.bytes = "", .read = ReadPart::all, .then = Then::hang}});
  Call call = post(server.url());
  call.timeout = Duration(150);
  start_calls(1, call);
  call.timeout = Duration(10'000);
  start_calls(1, call);
  run_until([&] { return ends.size() == 2; });
  EXPECT_EQ(ends_with(ambiguous, "timeout"), 1u);
  EXPECT_EQ(ends_with(answered, ""), 1u);
}

TEST_F(HttpPoolOf, ManyCallsToAClosedPortAllEnd) {
  HttpConnectorOptions options;
  options.connections_per_host_max = 2;
  make(options);
  const test::ClosedPort closed;
  start_calls(3'000, post("http://127.0.0.1:" + std::to_string(closed.port()) + "/"));
  run_until([&] { return ends.size() == 3'000; });
  EXPECT_EQ(ends_with(not_sent, "connect_failed"), 3'000u);
}

TEST_F(HttpPoolOf, ACallMayBeStartedInsideOfDone) {
  FaultServer server;
  int left = 50;
  std::function<void(Outcome)> again = [&](const Outcome& out) {
    EXPECT_EQ(out.kind, answered);
    if (--left > 0) connector->start(post(server.url()), again);
  };
  connector->start(post(server.url()), again);
  run_until([&] { return left == 0; });
  EXPECT_EQ(server.connections(), 1u);
}

TEST_F(HttpPoolOf, StopEndsWhatIsUnderWayByWhatIsKnownOfIt) {
  HttpConnectorOptions options;
  options.connections_per_host_max = 2;
  make(options);
  FaultServer server;
  server.hold();
  start_calls(5, post(server.url()));
  run_until([&] { return server.requests().size() == 2; });
  connector->stop();
  ASSERT_EQ(ends.size(), 5u);
  EXPECT_EQ(ends_with(ambiguous, "engine_shutdown"), 2u);
  EXPECT_EQ(ends_with(not_sent, "engine_shutdown"), 3u);
  EXPECT_EQ(connector->connections_open(), 0u);

  EXPECT_EQ(run(post(server.url())).code, "engine_shutdown");
  server.release();
  connector.reset();
  loop.restart();
  loop.poll();
  EXPECT_EQ(ends.size(), 5u);
}

TEST_F(HttpPoolOf, StopWhileConnectingIsNotSent) {
  const test::BlackHole hole;
  start_calls(1, post("http://127.0.0.1:" + std::to_string(hole.port()) + "/"));
  loop.poll();
  connector->stop();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].kind, not_sent);
}

TEST_F(HttpPoolOf, StopMayBeCalledInsideOfDone) {
  HttpConnectorOptions options;
  options.connections_per_host_max = 1;
  make(options);
  FaultServer server;
  connector->start(post(server.url()), [this](Outcome out) {
    ends.push_back(std::move(out));
    connector->stop();
  });
  start_calls(3, post(server.url()));
  run_until([&] { return ends.size() == 4; });
  EXPECT_EQ(ends[0].kind, answered);
  EXPECT_EQ(ends_with(ambiguous, "engine_shutdown") + ends_with(not_sent, "engine_shutdown"), 3u);
}

TEST_F(HttpPoolOf, TheDestructorEndsWhatIsUnderWay) {
  FaultServer server;
  server.hold();
  start_calls(2, post(server.url()));
  run_until([&] { return server.requests().size() == 2; });
  connector.reset();
  EXPECT_EQ(ends_with(ambiguous, "engine_shutdown"), 2u);
  loop.restart();
  loop.poll();
}

}  // namespace
}  // namespace settle
