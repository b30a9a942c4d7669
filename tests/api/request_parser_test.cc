#include "api/http/request_parser.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "framing_vectors.h"

namespace settle {
namespace {

HttpLimits vector_limits() {
  HttpLimits limits;
  limits.body_bytes_max = 64 * 1024;
  return limits;
}

// What a connection that receives `pieces` one after the other would have answered.
std::vector<int> verdicts(const std::vector<std::string_view>& pieces) {
  const HttpLimits limits = vector_limits();
  RequestParser parser(limits);
  std::vector<int> out;
  for (std::string_view piece : pieces) {
    while (true) {
      piece.remove_prefix(parser.consume(piece));
      if (parser.state() == RequestParser::State::refused) {
        out.push_back(parser.refusal().status);
        return out;
      }
      if (parser.state() != RequestParser::State::complete) break;
      parser.take();
      out.push_back(200);
    }
  }
  if (parser.started() && out.empty()) out.push_back(test::waits);
  return out;
}

HttpRequest parsed(const std::string& bytes) {
  const HttpLimits limits = vector_limits();
  RequestParser parser(limits);
  EXPECT_EQ(parser.consume(bytes), bytes.size());
  EXPECT_EQ(parser.state(), RequestParser::State::complete);
  return parser.state() == RequestParser::State::complete ? parser.take() : HttpRequest{};
}

TEST(RequestParser, GivesEveryFramingVectorItsVerdict) {
  EXPECT_GE(test::framing_vectors().size(), 60U);
  for (const auto& vector : test::framing_vectors()) {
    SCOPED_TRACE(vector.name);
    EXPECT_EQ(verdicts({vector.bytes}), vector.want);
  }
}

TEST(RequestParser, GivesTheSameVerdictsByteByByte) {
  for (const auto& vector : test::framing_vectors()) {
    SCOPED_TRACE(vector.name);
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < vector.bytes.size(); ++i) bytes.push_back(std::string_view(vector.bytes).substr(i, 1));
    EXPECT_EQ(verdicts(bytes), vector.want);
  }
}

TEST(RequestParser, GivesTheSameVerdictsCutInTwoAtEveryPlace) {
  for (const auto& vector : test::framing_vectors()) {
    SCOPED_TRACE(vector.name);
    const std::string_view all = vector.bytes;
    // The interesting places of a long one are near both of its ends.
    for (std::size_t i = 1; i < all.size(); ++i) {
      if (i > 400 && i + 200 < all.size()) continue;
      ASSERT_EQ(verdicts({all.substr(0, i), all.substr(i)}), vector.want) << "cut at " << i;
    }
  }
}

TEST(RequestParser, SplitsAndDecodesTheTarget) {
  const HttpRequest request = parsed("GET /v1/a%2Fb/c:cancel?wait=30s&q=x+y%26&flag&=v&& HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/v1/a/b/c:cancel");
  EXPECT_EQ(request.segments, (std::vector<std::string>{"v1", "a/b", "c:cancel"}));
  const std::vector<std::pair<std::string, std::string>> query = {
      {"wait", "30s"}, {"q", "x y&"}, {"flag", ""}, {"", "v"}};
  EXPECT_EQ(request.query, query);
}

TEST(RequestParser, KnowsTheRootAndTheTrailingSlash) {
  EXPECT_TRUE(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n").segments.empty());
  EXPECT_EQ(parsed("GET /a/ HTTP/1.1\r\nHost: a\r\n\r\n").segments, (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(parsed("GET http://a?b=c HTTP/1.1\r\nHost: a\r\n\r\n").path, "/");
  EXPECT_EQ(parsed("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").path, "*");
}

TEST(RequestParser, GivesFieldNamesInLowerCaseAndValuesTrimmed) {
  const HttpRequest request = parsed("GET / HTTP/1.1\r\nHost: a\r\nX-Some:  b c \t\r\nEmpty:\r\n\r\n");
  ASSERT_NE(request.header("x-some"), nullptr);
  EXPECT_EQ(*request.header("x-some"), "b c");
  ASSERT_NE(request.header("empty"), nullptr);
  EXPECT_EQ(*request.header("empty"), "");
  EXPECT_EQ(request.header("X-Some"), nullptr);
}

TEST(RequestParser, JoinsTheChunksOfABody) {
  const HttpRequest request = parsed(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\nA\r\n0123456789\r\n0\r\n\r\n");
  EXPECT_EQ(request.body, "ab\n0123456789");
}

TEST(RequestParser, TellsWhetherTheConnectionMayGoOn) {
  struct Row {
    const char* name;
    std::string bytes;
    bool want;
  };
  const Row rows[] = {
      {"HTTP/1.1 goes on", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
      {"unless it says close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false},
      {"close wins", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", false},
      {"HTTP/1.0 does not", "GET / HTTP/1.0\r\n\r\n", false},
      {"unless it asks for it", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const HttpLimits limits;
    RequestParser parser(limits);
    parser.consume(row.bytes);
    EXPECT_EQ(parser.keep_alive(), row.want);
  }
}

TEST(RequestParser, AwaitsContinueUntilTheBodyComes) {
  const HttpLimits limits;
  RequestParser parser(limits);
  parser.consume("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(parser.awaits_continue());
  parser.consume("a");
  EXPECT_FALSE(parser.awaits_continue());
}

TEST(RequestParser, IgnoresExpectationsOfHttp10) {
  const HttpLimits limits;
  RequestParser parser(limits);
  parser.consume("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_FALSE(parser.awaits_continue());
}

TEST(RequestParser, GivesNoRoomForABodyThatIsOnlyPromised) {
  HttpLimits limits;
  limits.body_bytes_max = 1 << 30;
  RequestParser parser(limits);
  parser.consume("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nx");
  EXPECT_EQ(parser.body_bytes(), 1U);
}

}  // namespace
}  // namespace settle
