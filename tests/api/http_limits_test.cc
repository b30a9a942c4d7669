// Bounds of HttpLimits: sizes, times and numbers, and what a client sees when it meets one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "api/http/server.h"
#include "http_fixture.h"

namespace settle {
namespace {

using test::Holder;
using test::over_tls;
using test::RawConnection;
using test::RawResponse;
using test::request_text;
using test::TestServer;
using test::text;
using ::testing::HasSubstr;

TEST(HttpLimits, LetsAClientThatSendsTooMuchReadTheRefusal) {
  TestServer server;
  for (const bool chunks : {false, true}) {
    SCOPED_TRACE(chunks);
    RawConnection connection(server.port());
    const std::string body(3 << 20, 'x');
    connection.send(chunks ? "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n300000\r\n"
                           : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3145728\r\n\r\n");
    EXPECT_TRUE(connection.send(body));  // all of it, before anything is read
    const RawResponse response = connection.read_response();
    EXPECT_EQ(response.status, 413);
    EXPECT_THAT(response.body, HasSubstr("\"code\":\"payload_too_large\""));
    connection.half_close();
    EXPECT_EQ(connection.read_to_end(), "");
    EXPECT_FALSE(connection.was_reset());
  }
}

TEST(HttpLimits, DrainsOnlySoMuchOfWhatItRefused) {
  HttpLimits limits;
  limits.body_bytes_max = 1024;
  TestServer server(limits);
  RawConnection connection(server.port());
  connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000000\r\n\r\n");
  const std::string part(65536, 'x');
  int parts = 0;
  while (connection.send(part)) ASSERT_LT(++parts, 1000);
  EXPECT_TRUE(server.reaches([&] { return server.counters().connections == 0; }));
}

TEST(HttpLimits, AnswersAndClosesWhenAHeaderOrABodyIsSlow) {
  HttpLimits limits;
  limits.header_timeout = Duration(60);
  limits.body_timeout = Duration(60);
  limits.idle_timeout = Duration(60);
  TestServer server(limits);
  struct Row {
    const char* name;
    std::string bytes;
    std::vector<int> want;
  };
  const Row rows[] = {
      {"a connection that says nothing is closed", "", {}},
      {"a header that does not end", "GET / HTTP/1.1\r\nHost: a\r\n", {408}},
      {"an empty line and nothing more", "\r\n", {408}},
      {"a body that does not end", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", {408}},
      {"a chunked body that does not end",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n",
       {408}},
      {"a body that was expected",
       "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
       {100, 408}},
      {"an idle connection is closed after its answer", request_text("GET", "/"), {200}},
      {"a slow header behind a good request", request_text("GET", "/") + "GET", {200, 408}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    RawConnection connection(server.port());
    connection.send(row.bytes);
    std::vector<int> got;
    for (RawResponse next = connection.read_response(); next.status != 0; next = connection.read_response())
      got.push_back(next.status);
    EXPECT_EQ(got, row.want);
    EXPECT_FALSE(connection.timed_out());
  }
}

TEST(HttpLimits, DoesNotTimeARequestThatIsBeingHandled) {
  HttpLimits limits;
  limits.header_timeout = limits.body_timeout = limits.idle_timeout = limits.write_timeout = Duration(20);
  Holder holder;
  TestServer server(limits, holder.handler());
  RawConnection waiting(server.port());
  waiting.send(request_text("GET", "/"));
  ASSERT_TRUE(server.reaches([&] { return holder.held.size() == 1; }));
  RawConnection idle(server.port());
  EXPECT_EQ(idle.read_to_end(), "");  // so much time has gone by
  server.on_loop([&] { holder.held.front()->send(text("late")); });
  EXPECT_EQ(waiting.read_response().body, "late");
}

TEST(HttpLimits, TellsConnectionsBeyondTheLimitsThatThereIsNoPlace) {
  if (over_tls) GTEST_SKIP() << "without a handshake nothing can be told: ClosesConnectionsBeyondTheLimits";
  for (const bool per_peer : {false, true}) {
    SCOPED_TRACE(per_peer);
    HttpLimits limits;
    (per_peer ? limits.connections_per_peer_max : limits.connections_max) = 2;
    TestServer server(limits);
    auto first = std::make_unique<RawConnection>(server.port());
    RawConnection second(server.port());
    ASSERT_TRUE(server.reaches([&] { return server.counters().connections == 2; }));

    RawConnection third(server.port());
    third.send(request_text("GET", "/"));
    const RawResponse refused = third.read_response();
    EXPECT_EQ(refused.status, 503);
    EXPECT_THAT(refused.head, HasSubstr("\r\nRetry-After: 1\r\n"));
    EXPECT_EQ(third.read_to_end(), "");

    first.reset();
    ASSERT_TRUE(server.reaches([&] { return server.counters().connections == 1; }));
    RawConnection fourth(server.port());
    fourth.send(request_text("GET", "/"));
    EXPECT_EQ(fourth.read_response().status, 200);
  }
}

TEST(HttpLimits, ClosesConnectionsBeyondTheLimits) {
  HttpLimits limits;
  limits.connections_per_peer_max = 2;
  TestServer server(limits);
  auto first = std::make_unique<RawConnection>(server.port());
  RawConnection second(server.port());
  ASSERT_TRUE(server.reaches([&] { return server.counters().connections == 2; }));
  for (int i = 0; i < 100; ++i) RawConnection(server.port()).read_to_end();
  EXPECT_EQ(server.counters().connections, 2U);
  first.reset();
  ASSERT_TRUE(server.reaches([&] { return server.counters().connections == 1; }));
  RawConnection fourth(server.port());
  fourth.send(request_text("GET", "/"));
  EXPECT_EQ(fourth.read_response().status, 200);
}

TEST(HttpLimits, ClosesWithoutAWordWhenTooManyAreBeingTold) {
  if (over_tls) GTEST_SKIP() << "over TLS all are closed without a word";
  HttpLimits limits;
  limits.connections_max = 0;
  TestServer server(limits);
  std::vector<std::unique_ptr<RawConnection>> all;
  for (int i = 0; i < 200; ++i) all.push_back(std::make_unique<RawConnection>(server.port()));
  int told = 0;
  for (const auto& connection : all) {
    const std::string said = connection->read_to_end();
    told += said.starts_with("HTTP/1.1 503") ? 1 : 0;
    EXPECT_TRUE(said.empty() || said.starts_with("HTTP/1.1 503"));
  }
  EXPECT_GE(told, 1);
  EXPECT_EQ(server.counters().connections, 0U);
}

TEST(HttpLimits, RefusesRequestsBeyondThoseInFlightAndKeepsTheConnection) {
  HttpLimits limits;
  limits.requests_in_flight_max = 2;
  Holder holder;
  TestServer server(limits, holder.handler());
  RawConnection first(server.port());
  RawConnection second(server.port());
  first.send(request_text("GET", "/"));
  second.send(request_text("GET", "/"));
  ASSERT_TRUE(server.reaches([&] { return holder.held.size() == 2; }));

  RawConnection third(server.port());
  third.send(request_text("GET", "/"));
  const RawResponse refused = third.read_response();
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.head, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(refused.body, HasSubstr("\"code\":\"overloaded\""));

  server.on_loop([&] { holder.held.clear(); });  // unanswered: 500
  EXPECT_EQ(first.read_response().status, 500);
  EXPECT_EQ(second.read_response().status, 500);
  third.send(request_text("GET", "/"));
  ASSERT_TRUE(server.reaches([&] { return holder.held.size() == 1; }));
  server.on_loop([&] { holder.held.front()->send(text("now")); });
  EXPECT_EQ(third.read_response().body, "now");
}

TEST(HttpLimits, RefusesBodiesWhenAllThatAreBeingReceivedWouldTakeTooMuch) {
  HttpLimits limits;
  limits.bodies_bytes_max = 100'000;
  TestServer server(limits);
  const std::string begin = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n" + std::string(80'000, 'x');
  RawConnection first(server.port());
  first.send(begin);
  ASSERT_TRUE(server.reaches([&] { return server.counters().bodies_bytes == 80'000; }));
  RawConnection second(server.port());
  second.send(begin);
  EXPECT_EQ(second.read_response().status, 503);
  first.send(std::string(10'000, 'x'));
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_TRUE(server.reaches([&] { return server.counters().bodies_bytes == 0; }));
}

TEST(HttpLimits, ResetsAReaderThatTakesNothing) {
  HttpLimits limits;
  limits.write_timeout = Duration(50);
  TestServer server(limits, [](HttpRequest, std::unique_ptr<Responder> responder) {
    responder->send(text(std::string(64 << 20, 'x')));
  });
  RawConnection connection(server.port(), 4096);
  connection.send(request_text("GET", "/"));
  ASSERT_TRUE(server.reaches([&] { return server.counters().requests == 1; }));
  EXPECT_TRUE(server.reaches([&] { return server.counters().connections == 0; }));
}

}  // namespace
}  // namespace settle
