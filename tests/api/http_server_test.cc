#include "api/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <set>

#include "base/json.h"
#include "framing_vectors.h"
#include "http_fixture.h"

namespace settle {
namespace {

using test::Holder;
using test::RawConnection;
using test::RawResponse;
using test::request_text;
using test::TestServer;
using test::text;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

HttpLimits vector_limits() {
  HttpLimits limits;
  limits.body_bytes_max = 64 * 1024;
  return limits;
}

// The statuses that a connection is given for these bytes; the client then closes its sending side.
std::vector<int> statuses(TestServer& server, const std::string& bytes, std::size_t piece_bytes) {
  RawConnection connection(server.port());
  std::string_view rest = bytes;
  while (!rest.empty() && connection.send(rest.substr(0, piece_bytes)))
    rest.remove_prefix(std::min(rest.size(), piece_bytes));
  connection.half_close();
  std::vector<int> out;
  while (true) {
    const RawResponse response = connection.read_response();
    if (response.status == 0) break;
    if (response.status == 100) continue;  // whether it comes hangs on how soon the body follows
    if (response.status >= 400) {
      EXPECT_THAT(response.head, HasSubstr("\r\nConnection: close\r\n"));
      EXPECT_THAT(response.head, HasSubstr("\r\nContent-Type: application/problem+json\r\n"));
    }
    out.push_back(response.status);
  }
  if (out.empty()) out.push_back(test::waits);
  return out;
}

TEST(HttpServer, AnswersEveryFramingVectorAsDeclaredAndClosesAfterARefusal) {
  TestServer server(vector_limits());
  for (const auto& vector : test::framing_vectors()) {
    SCOPED_TRACE(vector.name);
    EXPECT_EQ(statuses(server, vector.bytes, std::string::npos), vector.want);
  }
}

TEST(HttpServer, AnswersEveryShortFramingVectorTheSameWhenItComesByteByByte) {
  TestServer server(vector_limits());
  for (const auto& vector : test::framing_vectors()) {
    if (vector.bytes.size() > 1000) continue;
    SCOPED_TRACE(vector.name);
    EXPECT_EQ(statuses(server, vector.bytes, 1), vector.want);
  }
}

TEST(HttpServer, GivesEveryAnswerItsFields) {
  TestServer server;
  RawConnection connection(server.port());
  std::set<std::string> ids;
  for (const char* target : {"/a", "/b", "/%00"}) {
    connection.send(request_text("GET", target));
    const RawResponse response = connection.read_response();
    EXPECT_THAT(response.head, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
    EXPECT_THAT(response.head, HasSubstr("\r\nContent-Length: " + std::to_string(response.body.size()) + "\r\n"));
    EXPECT_THAT(response.head, HasSubstr("\r\nDate: "));
    const std::size_t date = response.head.find("Date: ") + 6;
    EXPECT_THAT(response.head.substr(date, 29), MatchesRegex("[A-Z][a-z]+, [0-9]+ [A-Z][a-z]+ [0-9]+ [0-9:]+ GMT"));
    const std::size_t id = response.head.find("Request-Id: ") + 12;
    EXPECT_THAT(response.head.substr(id, 22), MatchesRegex("req_[0-9a-f]+\r\n"));
    ids.insert(response.head.substr(id, 20));
  }
  EXPECT_EQ(ids.size(), 3U);
}

TEST(HttpServer, TellsTheHandlerWhoAsksAndUnderWhichId) {
  TestServer server({}, [](HttpRequest request, std::unique_ptr<Responder> responder) {
    responder->send(text(request.remote + " " + request.request_id));
  });
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/"));
  const RawResponse response = connection.read_response();
  EXPECT_THAT(response.body, testing::StartsWith("127.0.0.1 req_"));
  EXPECT_THAT(response.head, HasSubstr("Request-Id: " + response.body.substr(10) + "\r\n"));
}

TEST(HttpServer, AnswersPipelinedRequestsInOrderThoughTheLaterOneIsNotLookedAtBefore) {
  Holder holder;
  TestServer server({}, holder.handler());
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/1") + request_text("POST", "/2", "b") + request_text("GET", "/3"));
  for (const char* answer : {"first", "second", "third"}) {
    ASSERT_TRUE(server.reaches([&] { return !holder.held.empty(); }));
    EXPECT_EQ(server.on_loop([&] { return holder.held.size(); }), 1U);
    server.on_loop([&] {
      holder.held.front()->send(text(answer));
      holder.held.clear();
    });
    EXPECT_EQ(connection.read_response().body, answer);
  }
}

TEST(HttpServer, ServesThousandsOfPipelinedRequestsOnOneConnection) {
  TestServer server;
  RawConnection connection(server.port());
  constexpr int at_once = 200;  // what they and their answers take fits the buffers of both sides
  for (int first = 0; first < 3000; first += at_once) {
    std::string requests;
    for (int i = first; i < first + at_once; ++i) requests += request_text("GET", "/" + std::to_string(i));
    connection.send(requests);
    for (int i = first; i < first + at_once; ++i)
      ASSERT_EQ(connection.read_response().body, "GET /" + std::to_string(i) + " ");
  }
}

TEST(HttpServer, KeepsTheConnectionUnlessTheRequestOrTheAnswerSaysClose) {
  TestServer server({}, [](HttpRequest request, std::unique_ptr<Responder> responder) {
    HttpResponse response = text("x");
    if (request.path == "/close") response.headers.emplace_back("connection", "close");
    responder->send(std::move(response));
  });
  for (const std::string& last : {request_text("GET", "/close"), request_text("GET", "/", "", "Connection: close\r\n"),
                                  std::string("GET / HTTP/1.0\r\n\r\n")}) {
    RawConnection connection(server.port());
    connection.send(request_text("GET", "/"));
    EXPECT_THAT(connection.read_response().head, Not(HasSubstr("Connection:")));
    connection.send(last);
    EXPECT_THAT(connection.read_response().head, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_EQ(connection.read_to_end(), "");
    EXPECT_FALSE(connection.was_reset() || connection.timed_out());
  }
}

TEST(HttpServer, KeepsAnHttp10ConnectionThatAsksForIt) {
  TestServer server;
  RawConnection connection(server.port());
  for (int i = 0; i < 2; ++i) {
    connection.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_THAT(connection.read_response().head, HasSubstr("\r\nConnection: keep-alive\r\n"));
  }
}

TEST(HttpServer, AnswersHeadWithTheLengthAndWithoutTheBody) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send(request_text("HEAD", "/abc") + request_text("GET", "/next"));
  const RawResponse head = connection.read_response(true);
  EXPECT_THAT(head.head, HasSubstr("\r\nContent-Length: 10\r\n"));
  EXPECT_EQ(connection.read_response().body, "GET /next ");
}

TEST(HttpServer, AnswersAHeadThatIsRefusedWithoutABody) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send(request_text("HEAD", "/%00"));
  EXPECT_EQ(connection.read_response(true).status, 400);
  EXPECT_EQ(connection.read_to_end(), "");
}

TEST(HttpServer, SendsNoBodyWithStatus204) {
  TestServer server({}, [](HttpRequest, std::unique_ptr<Responder> responder) {
    HttpResponse response = text("unwanted");
    response.status = 204;
    responder->send(std::move(response));
  });
  RawConnection connection(server.port());
  connection.send(request_text("DELETE", "/") + request_text("DELETE", "/"));
  EXPECT_THAT(connection.read_response().head, Not(HasSubstr("Content-Length")));
  EXPECT_EQ(connection.read_response().status, 204);
}

TEST(HttpServer, AnswersAnExpectationBeforeTheBodyComes) {
  TestServer server;
  RawConnection connection(server.port());
  for (int i = 0; i < 2; ++i) {
    connection.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(connection.read_response().head, "HTTP/1.1 100 Continue\r\n\r\n");
    connection.send("xy");
    EXPECT_EQ(connection.read_response().body, "POST /a xy");
  }
}

TEST(HttpServer, TakesAChunkedUpload) {
  TestServer server;
  RawConnection connection(server.port());
  connection.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string want = "POST /a ";
  for (int i = 0; i < 100; ++i) {
    const std::string part(static_cast<std::size_t>(1 + i * 97), static_cast<char>('a' + i % 26));
    std::array<char, 16> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", part.size());
    connection.send(size.data() + part + "\r\n");
    want += part;
  }
  connection.send("0\r\n\r\n");
  EXPECT_EQ(connection.read_response().body, want);
}

TEST(HttpServer, AnswersFiveHundredWhenTheResponderIsDropped) {
  TestServer server({}, [](HttpRequest, std::unique_ptr<Responder>) {});
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/") + request_text("GET", "/"));
  EXPECT_EQ(connection.read_response().status, 500);
  EXPECT_THAT(connection.read_response().body, HasSubstr("\"code\":\"internal\""));
}

TEST(HttpServer, NeverSendsAFieldThatWouldSplitTheHeader) {
  TestServer server({}, [](HttpRequest, std::unique_ptr<Responder> responder) {
    HttpResponse response = text("x");
    response.headers.emplace_back("Location", "/a\r\nSet-Cookie: b");
    responder->send(std::move(response));
  });
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/"));
  const RawResponse response = connection.read_response();
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.head, Not(HasSubstr("Set-Cookie")));
}

TEST(HttpServer, LeavesOutFieldsThatItOwns) {
  TestServer server({}, [](HttpRequest, std::unique_ptr<Responder> responder) {
    HttpResponse response = text("xy");
    response.headers = {{"content-length", "9"}, {"Transfer-Encoding", "chunked"}, {"ETag", "\"7\""}};
    responder->send(std::move(response));
  });
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/"));
  const RawResponse response = connection.read_response();
  EXPECT_EQ(response.body, "xy");
  EXPECT_THAT(response.head, Not(HasSubstr("chunked")));
  EXPECT_THAT(response.head, HasSubstr("\r\nETag: \"7\"\r\n"));
}

TEST(HttpServer, SendsALargeAnswerWholeToAReaderThatTakesItsTime) {
  const std::string large(20 << 20, 'x');
  TestServer server({}, [&](HttpRequest, std::unique_ptr<Responder> responder) { responder->send(text(large)); });
  RawConnection connection(server.port(), 4096);
  connection.send(request_text("GET", "/"));
  EXPECT_TRUE(connection.read_response().body == large);
}

TEST(HttpServer, AnswersAClientThatHasClosedItsSendingSide) {
  Holder holder;
  TestServer server({}, holder.handler());
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/"));
  connection.half_close();
  ASSERT_TRUE(server.reaches([&] { return holder.held.size() == 1; }));
  server.on_loop([&] { holder.held.front()->send(text("yes")); });
  EXPECT_EQ(connection.read_response().body, "yes");
}

TEST(HttpServer, AbortsAsToldForFaultInjection) {
  struct Row {
    const char* name;
    bool reset;
    bool response;
    std::size_t bytes;
    std::string want;
  };
  const Row rows[] = {
      {"a close without an answer", false, false, 0, ""},
      {"a reset without an answer", true, false, 0, ""},
      {"a close in the status line", false, true, 12, "HTTP/1.1 200"},
      {"a reset in the status line", true, true, 12, "HTTP/1.1 200"},
      {"no byte at all", false, true, 0, ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    TestServer server({}, [&](HttpRequest, std::unique_ptr<Responder> responder) {
      const HttpResponse response = text("body");
      responder->abort(row.reset, row.response ? &response : nullptr, row.bytes);
    });
    RawConnection connection(server.port());
    connection.send(request_text("GET", "/"));
    EXPECT_EQ(connection.read_to_end(), row.want);
    EXPECT_EQ(connection.was_reset(), row.reset);
    EXPECT_FALSE(connection.timed_out());
  }
}

TEST(HttpServer, AbortsInsideTheBodyAfterTheWholeHead) {
  TestServer server({}, [&](HttpRequest, std::unique_ptr<Responder> responder) {
    const HttpResponse response = text(std::string(100'000, 'x'));
    responder->abort(false, &response, 50'000);
  });
  RawConnection connection(server.port());
  connection.send(request_text("GET", "/"));
  const std::string all = connection.read_to_end();
  EXPECT_EQ(all.size(), 50'000U);
  EXPECT_THAT(all.substr(0, 300), HasSubstr("Content-Length: 100000\r\n"));
}

TEST(HttpServer, ListensOnlyOnAddressesAndSaysWhatToDo) {
  boost::asio::io_context loop;
  const HttpHandler none = [](HttpRequest, std::unique_ptr<Responder>) {};
  for (const char* address : {"", "8700", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:x", "localhost:1",
                              "::1:8700", "[127.0.0.1]:1"}) {
    SCOPED_TRACE(address);
    const auto server = HttpServer::listen(loop, address, {}, none);
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(server.error().message, HasSubstr("127.0.0.1:8700"));
  }
}

TEST(HttpServer, SharesItsPortAmongItsLoopsButNotWithAnotherServer) {
  boost::asio::io_context loops[2];
  const HttpHandler none = [](HttpRequest, std::unique_ptr<Responder>) {};
  const auto first = HttpServer::listen(loops[0], "127.0.0.1:0", {}, none);
  ASSERT_TRUE(first);
  const auto second = HttpServer::listen(loops[1], "127.0.0.1:0", {}, none, (*first)->shared());
  ASSERT_TRUE(second);
  EXPECT_EQ((*first)->port(), (*second)->port());

  const auto other = HttpServer::listen(loops[0], "127.0.0.1:" + std::to_string((*first)->port()), {}, none);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::io_error);
  EXPECT_THAT(other.error().message, HasSubstr("choose another port"));
}

TEST(ProblemResponse, WritesTheDocumentOfRfc9457) {
  const Error error = fail(ErrorCode::invalid_plan, "2 \"problems\"",
                           {{"/actions/0", "unknown_tool", "a tool", "x\n", "no such tool"}});
  const HttpResponse response = problem_response(error, "req_1");
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(
      response.body,
      R"({"type":"urn:settle:problem:invalid_plan","title":"The plan was refused","status":422,)"
      R"("detail":"2 \"problems\"","code":"invalid_plan","safe_to_retry":false,"request_id":"req_1",)"
      R"("errors":[{"pointer":"/actions/0","code":"unknown_tool","expected":"a tool","got":"x\n","message":"no such tool"}]})");
  EXPECT_TRUE(read_json(response.body));
  EXPECT_TRUE(response.headers.empty());
}

TEST(ProblemResponse, SaysWhenToTryAgain) {
  const HttpResponse response = problem_response(fail(ErrorCode::overloaded, "x"), "req_1");
  EXPECT_EQ(response.status, 503);
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0].first, "Retry-After");
}

}  // namespace
}  // namespace settle
