// Streams, shutdown, and handles that outlive what they belong to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "http_fixture.h"

namespace settle {
namespace {

using test::RawConnection;
using test::RawResponse;
using test::request_text;
using test::TestServer;
using ::testing::HasSubstr;
using ::testing::Not;

HttpResponse events() {
  HttpResponse head;
  head.content_type = "text/event-stream";
  return head;
}

/// A handler that opens a stream for each request and keeps it. Everything happens on the loop.
struct Streams {
  std::vector<std::shared_ptr<HttpStream>> open;
  int gone = 0;
  HttpHandler handler() {
    return [this](HttpRequest, std::unique_ptr<Responder> responder) {
      auto stream = responder->stream(events());
      stream->on_close([this] { ++gone; });
      open.push_back(std::move(stream));
    };
  }
};

TEST(HttpStream, ArrivesPieceByPieceAndTheConnectionGoesOnAfterIt) {
  Streams streams;
  TestServer server({}, streams.handler());
  RawConnection connection(server.port());
  for (int i = 0; i < 2; ++i) {
    connection.send(request_text("GET", "/events"));
    ASSERT_TRUE(server.reaches([&] { return streams.open.size() == 1; }));
    EXPECT_TRUE(server.on_loop([&] { return streams.open[0]->write("data: 1\n\n"); }));
    EXPECT_THAT(connection.read_response(true).head, HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT_EQ(connection.read(14), "9\r\ndata: 1\n\n\r\n");
    server.on_loop([&] {
      EXPECT_TRUE(streams.open[0]->write(""));
      EXPECT_TRUE(streams.open[0]->write("data: 2\n\n"));
      EXPECT_TRUE(streams.open[0]->write("data: 3\n\n"));
      streams.open[0]->close();
      EXPECT_FALSE(streams.open[0]->write("late"));
      streams.open.clear();
    });
    EXPECT_EQ(connection.read(33), "9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n0\r\n\r\n");
  }
  EXPECT_EQ(server.on_loop([&] { return streams.gone; }), 0);
}

TEST(HttpStream, SendsTheBodyOfItsHeadFirst) {
  TestServer server({}, [](HttpRequest, std::unique_ptr<Responder> responder) {
    HttpResponse head = events();
    head.body = "a";
    const auto stream = responder->stream(std::move(head));
    stream->write("b");
  });  // dropping the stream closes it
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/") + request_text("GET", "/"));
  EXPECT_EQ(connection.read_response().body, "ab");
  EXPECT_EQ(connection.read_response().body, "ab");
}

TEST(HttpStream, EndsWithTheConnectionInHttp10) {
  TestServer server(
      {}, [](HttpRequest, std::unique_ptr<Responder> responder) { responder->stream(events())->write("plain"); });
  RawConnection connection(server.port());
  connection.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string all = connection.read_to_end();
  EXPECT_THAT(all, Not(HasSubstr("chunked")));
  EXPECT_THAT(all, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(all, testing::EndsWith("\r\n\r\nplain"));
}

TEST(HttpStream, IsOnlyAHeadForHead) {
  Streams streams;
  TestServer server({}, streams.handler());
  RawConnection connection(server.port());
  connection.send(request_text("HEAD", "/"));
  EXPECT_EQ(connection.read_response(true).status, 200);
  EXPECT_TRUE(server.reaches([&] { return streams.gone == 1; }));
  EXPECT_FALSE(server.on_loop([&] { return streams.open[0]->write("x"); }));
}

TEST(HttpStream, LearnsThatThePeerHasLeft) {
  Streams streams;
  TestServer server({}, streams.handler());
  auto connection = std::make_unique<RawConnection>(server.port());
  connection->send(request_text("GET", "/"));
  EXPECT_EQ(connection->read_response(true).status, 200);
  connection.reset();
  EXPECT_TRUE(server.reaches([&] { return streams.gone == 1; }));
  EXPECT_FALSE(server.on_loop([&] { return streams.open[0]->write("x"); }));
  EXPECT_TRUE(server.reaches([&] { return server.counters().connections == 0; }));
}

TEST(HttpStream, IsClosedWhenItsReaderIsTooSlow) {
  HttpLimits limits;
  limits.stream_backlog_bytes_max = 256 * 1024;
  Streams streams;
  TestServer server(limits, streams.handler());
  RawConnection connection(server.port(), 4096);
  connection.send(request_text("GET", "/"));
  ASSERT_TRUE(server.reaches([&] { return streams.open.size() == 1; }));
  int written = 0;
  while (server.on_loop([&] { return streams.open[0]->write(std::string(64 * 1024, 'x')); }))
    ASSERT_LT(++written, 1000);
  EXPECT_GE(written, 4);
  EXPECT_TRUE(server.reaches([&] { return streams.gone == 1 && server.counters().connections == 0; }));
}

TEST(HttpStream, LosesAReaderThatTakesNothingInTime) {
  HttpLimits limits;
  limits.write_timeout = Duration(50);
  limits.stream_backlog_bytes_max = 64 << 20;
  Streams streams;
  TestServer server(limits, streams.handler());
  RawConnection connection(server.port(), 4096);
  connection.send(request_text("GET", "/"));
  ASSERT_TRUE(server.reaches([&] { return streams.open.size() == 1; }));
  server.on_loop([&] { streams.open[0]->write(std::string(32 << 20, 'x')); });
  EXPECT_TRUE(server.reaches([&] { return streams.gone == 1; }));
}

TEST(HttpStream, KeepsARequestThatCameTooEarlyForLater) {
  Streams streams;
  TestServer server({}, streams.handler());
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/1") + request_text("GET", "/2"));
  ASSERT_TRUE(server.reaches([&] { return !streams.open.empty(); }));
  EXPECT_EQ(server.on_loop([&] { return streams.open.size(); }), 1U);
  server.on_loop([&] { streams.open[0]->close(); });
  EXPECT_TRUE(server.reaches([&] { return streams.open.size() == 2; }));
}

TEST(HttpShutdown, ClosesIdleConnectionsWaitsForTheAnswerInFlightAndRefusesNewOnes) {
  std::unique_ptr<Responder> held;
  TestServer server({}, [&](HttpRequest request, std::unique_ptr<Responder> responder) {
    if (request.path == "/hold") {
      held = std::move(responder);
    } else {
      responder->send({});
    }
  });
  RawConnection idle(server.port());
  idle.send(request_text("GET", "/"));
  EXPECT_EQ(idle.read_response().status, 200);
  RawConnection busy(server.port());
  busy.send(request_text("GET", "/hold") + request_text("GET", "/never"));
  ASSERT_TRUE(server.reaches([&] { return held != nullptr; }));

  bool done = false;
  server.on_loop([&] { server.server().shutdown(Duration(60'000), [&] { done = true; }); });
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_FALSE(server.on_loop([&] { return done; }));
  server.on_loop([&] { held->send({}); });
  const RawResponse last = busy.read_response();
  EXPECT_EQ(last.status, 200);
  EXPECT_THAT(last.head, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(busy.read_to_end(), "");
  busy.half_close();
  EXPECT_TRUE(server.reaches([&] { return done; }));
}

TEST(HttpShutdown, IsDoneAtOnceWithoutConnections) {
  TestServer server;
  bool done = false;
  server.on_loop([&] { server.server().shutdown(Duration(60'000), [&] { done = true; }); });
  EXPECT_TRUE(server.reaches([&] { return done; }));
}

TEST(HttpShutdown, EndsWhenPatienceIsOverAndALateAnswerGoesNowhere) {
  std::unique_ptr<Responder> held;
  TestServer server({}, [&](HttpRequest, std::unique_ptr<Responder> responder) { held = std::move(responder); });
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/"));
  ASSERT_TRUE(server.reaches([&] { return held != nullptr; }));
  bool done = false;
  server.on_loop([&] { server.server().shutdown(Duration(20), [&] { done = true; }); });
  EXPECT_TRUE(server.reaches([&] { return done; }));
  EXPECT_EQ(connection.read_to_end(), "");
  server.on_loop([&] {
    held->send({});
    held.reset();
  });
}

TEST(HttpShutdown, EndsStreamsInOrder) {
  Streams streams;
  TestServer server({}, streams.handler());
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/"));
  ASSERT_TRUE(server.reaches([&] { return streams.open.size() == 1; }));
  bool done = false;
  server.on_loop([&] {
    streams.open[0]->write("last");
    server.server().shutdown(Duration(60'000), [&] { done = true; });
  });
  EXPECT_EQ(connection.read_response().body, "last");
  EXPECT_EQ(connection.read_to_end(), "");
  connection.half_close();
  EXPECT_TRUE(server.reaches([&] { return done && streams.gone == 1; }));
}

TEST(HttpShutdown, EndsAStreamThatIsOpenedAfterItBegan) {
  std::unique_ptr<Responder> held;
  TestServer server({}, [&](HttpRequest, std::unique_ptr<Responder> responder) { held = std::move(responder); });
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/"));
  ASSERT_TRUE(server.reaches([&] { return held != nullptr; }));
  bool gone = false;
  server.on_loop([&] {
    server.server().shutdown(Duration(60'000), [] {});
    const auto stream = held->stream(events());
    stream->on_close([&] { gone = true; });
    EXPECT_FALSE(stream->write("x"));
  });
  EXPECT_EQ(connection.read_response().status, 200);
  EXPECT_TRUE(server.reaches([&] { return gone; }));
}

TEST(HttpLifetime, HandlesThatOutliveTheServerDoNothing) {
  std::vector<std::unique_ptr<Responder>> held;
  Streams streams;
  const HttpHandler open_stream = streams.handler();
  TestServer server({}, [&](HttpRequest request, std::unique_ptr<Responder> responder) {
    if (request.path == "/stream") {
      open_stream(std::move(request), std::move(responder));
    } else {
      held.push_back(std::move(responder));
    }
  });
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (const char* target : {"/", "/", "/", "/stream"}) {
    connections.push_back(std::make_unique<RawConnection>(server.port()));
    connections.back()->send(request_text("GET", target));
  }
  ASSERT_TRUE(server.reaches([&] { return held.size() == 3 && streams.open.size() == 1; }));
  server.close();
  server.on_loop([&] {
    held[0]->send({});
    EXPECT_FALSE(held[1]->stream(events())->write("x"));
    held.clear();
    EXPECT_FALSE(streams.open[0]->write("x"));
    streams.open.clear();
  });
  EXPECT_TRUE(server.reaches([&] { return streams.gone == 1; }));
  EXPECT_EQ(server.counters().connections, 0U);
}

}  // namespace
}  // namespace settle
