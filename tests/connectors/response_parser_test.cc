#include "connectors/http/response_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace settle {
namespace {

using Fault = ResponseParser::Fault;

struct Row {
  std::string name;
  std::string bytes;
  Fault fault = Fault::none;
  int status = 200;
  std::string body = {};
  bool keep_alive = true;
  bool ended = false;  ///< the peer closes after the bytes
  bool head_request = false;
};

/// Feeds the bytes in pieces of `piece`; returns how many were taken.
std::size_t feed(ResponseParser& parser, const Row& row, std::size_t piece) {
  parser.reset(row.head_request);
  std::size_t taken = 0;
  while (taken < row.bytes.size() && !parser.complete() && !parser.failed()) {
    taken += parser.feed(std::string_view(row.bytes).substr(taken, piece));
  }
  if (row.ended) parser.end();
  return taken;
}

void expect_row(const Row& row) {
  ResponseParser parser({.head_bytes_max = 600, .fields_max = 5, .body_bytes_max = 50});
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{100'000}}) {
    SCOPED_TRACE(row.name + ", in pieces of " + std::to_string(piece));
    feed(parser, row, piece);
    EXPECT_EQ(parser.fault(), row.fault);
    EXPECT_EQ(parser.complete(), row.fault == Fault::none);
    if (row.fault != Fault::none) continue;
    EXPECT_EQ(parser.status(), row.status);
    EXPECT_EQ(parser.body(), row.body);
    EXPECT_EQ(parser.keep_alive(), row.keep_alive);
  }
}

const std::string ok = "HTTP/1.1 200 OK\r\n";

TEST(ResponseParser, ReadsEveryFramingThatHttpAllows) {
  const Row rows[] = {
      {"content length", ok + "Content-Length: 5\r\n\r\nhello", Fault::none, 200, "hello"},
      {"length zero", ok + "Content-Length: 0\r\n\r\n"},
      {"names in any case, blanks around values", ok + "cOnTeNt-LeNgTh:\t 5 \r\n\r\nhello", Fault::none, 200, "hello"},
      {"equal lengths twice", ok + "Content-Length: 2\r\nContent-Length: 2, 2\r\n\r\nhi", Fault::none, 200, "hi"},
      {"chunked", ok + "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", Fault::none, 200,
       "abc0123456789"},
      {"chunk extensions and trailers",
       ok + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0 ; x\r\nSum: 1\r\n\r\n", Fault::none, 200, "abc"},
      {"read until close", ok + "\r\nall of it", Fault::none, 200, "all of it", false, true},
      {"read until close, nothing", ok + "\r\n", Fault::none, 200, "", false, true},
      {"no reason phrase", "HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n", Fault::none, 201},
      {"an empty reason phrase", "HTTP/1.1 201 \r\nContent-Length: 0\r\n\r\n", Fault::none, 201},
      {"204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", Fault::none, 204},
      {"304 has no body whatever its length", "HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", Fault::none, 304},
      {"HEAD has no body whatever its length", ok + "Content-Length: 99999999\r\n\r\n", Fault::none, 200, "", true,
       false, true},
      {"1xx are skipped",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\nContent-Length: 7\r\n\r\n" + ok +
           "Content-Length: 1\r\n\r\nx",
       Fault::none, 200, "x"},
      {"connection: close", ok + "Connection: x, Close\r\nContent-Length: 1\r\n\r\nx", Fault::none, 200, "x", false},
      {"HTTP/1.0 closes", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", Fault::none, 200, "x", false},
      {"HTTP/1.0 keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", Fault::none,
       200, "x", true},
  };
  for (const Row& row : rows) expect_row(row);
}

TEST(ResponseParser, RefusesWhatCouldBeReadInTwoWays) {
  const Row rows[] = {
      {"not HTTP", "220 smtp.example.org ready\r\n", Fault::malformed},
      {"not HTTP and no line end", "SSH-2.0", Fault::malformed},
      {"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", Fault::malformed},
      {"HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", Fault::malformed},
      {"HTTP/1.1x", "HTTP/1.1x200 OK\r\n\r\n", Fault::malformed},
      {"two digits of status", "HTTP/1.1 20 OK\r\n\r\n", Fault::malformed},
      {"four digits of status", "HTTP/1.1 2000 OK\r\n\r\n", Fault::malformed},
      {"status 099", "HTTP/1.1 099 OK\r\n\r\n", Fault::malformed},
      {"status 600", "HTTP/1.1 600 OK\r\n\r\n", Fault::malformed},
      {"101", "HTTP/1.1 101 Switching\r\n\r\n", Fault::malformed},
      {"an empty line first", "\r\n" + ok + "\r\n", Fault::malformed},
      {"bare line feed in the status line", "HTTP/1.1 200 OK\n\r\n", Fault::malformed},
      {"bare line feed in a field", ok + "A: b\n\r\n", Fault::malformed},
      {"bare carriage return", ok + "A: b\rc\r\n\r\n", Fault::malformed},
      {"NUL in a value", ok + std::string("A: b\0c\r\n\r\n", 10), Fault::malformed},
      {"obs-fold", ok + "A: b\r\n c\r\n\r\n", Fault::malformed},
      {"obs-fold on the first line", ok + " A: b\r\n\r\n", Fault::malformed},
      {"blank before the colon", ok + "Content-Length : 1\r\n\r\nx", Fault::malformed},
      {"no colon", ok + "Content-Length 1\r\n\r\nx", Fault::malformed},
      {"no name", ok + ": 1\r\n\r\nx", Fault::malformed},
      {"both framings", ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Fault::malformed},
      {"both framings, other order", ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
       Fault::malformed},
      {"lengths that differ", ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", Fault::malformed},
      {"lengths that differ in a list", ok + "Content-Length: 1, 2\r\n\r\nxx", Fault::malformed},
      {"length with a sign", ok + "Content-Length: +1\r\n\r\nx", Fault::malformed},
      {"negative length", ok + "Content-Length: -1\r\n\r\nx", Fault::malformed},
      {"hexadecimal length", ok + "Content-Length: 0x1\r\n\r\nx", Fault::malformed},
      {"empty length", ok + "Content-Length:\r\n\r\nx", Fault::malformed},
      {"length beyond 64 bits", ok + "Content-Length: 18446744073709551617\r\n\r\nx", Fault::malformed},
      {"another coding", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", Fault::malformed},
      {"identity", ok + "Transfer-Encoding: identity\r\n\r\n", Fault::malformed},
      {"chunked twice", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::malformed},
      {"chunked on HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Fault::malformed},
      {"chunk size is no number", ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", Fault::malformed},
      {"chunk size with a sign", ok + "Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n", Fault::malformed},
      {"chunk size with 0x", ok + "Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n", Fault::malformed},
      {"empty chunk size", ok + "Transfer-Encoding: chunked\r\n\r\n\r\n", Fault::malformed},
      {"chunk size beyond 64 bits", ok + "Transfer-Encoding: chunked\r\n\r\n11112222333344445\r\n", Fault::malformed},
      {"chunk longer than its size", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", Fault::malformed},
      {"bare line feed after a chunk", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n", Fault::malformed},
      {"content length in the trailers", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n",
       Fault::malformed},
  };
  for (const Row& row : rows) expect_row(row);
}

TEST(ResponseParser, KeepsToItsLimits) {
  const std::string fields = "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n";
  const Row rows[] = {
      {"fields at the limit", ok + fields + "Content-Length: 0\r\n\r\n"},
      {"too many fields", ok + fields + "E: 1\r\nContent-Length: 0\r\n\r\n", Fault::too_large},
      {"a long field", ok + "A: " + std::string(600, 'x') + "\r\n\r\n", Fault::too_large},
      {"a status line without end", "HTTP/1.1 200 " + std::string(700, 'x'), Fault::too_large},
      {"many 1xx",
       [] {
         std::string text;
         for (int i = 0; i < 40; ++i) text += "HTTP/1.1 100 C\r\n\r\n";
         return text;
       }(),
       Fault::too_large},
      {"a body at the limit", ok + "Content-Length: 50\r\n\r\n" + std::string(50, 'x'), Fault::none, 200,
       std::string(50, 'x')},
      {"a length beyond the limit", ok + "Content-Length: 51\r\n\r\n", Fault::too_large},
      {"chunks beyond the limit",
       ok + "Transfer-Encoding: chunked\r\n\r\n30\r\n" + std::string(48, 'x') + "\r\n3\r\nabc\r\n", Fault::too_large},
      {"a chunk that wraps around", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\nffffffffffffffff\r\n",
       Fault::too_large},
      {"a long chunk extension", ok + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(590, 'x') + "\r\nx",
       Fault::too_large},
      {"many trailers", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + fields + "E: 1\r\n\r\n", Fault::too_large},
      {"until close beyond the limit", ok + "\r\n" + std::string(51, 'x'), Fault::too_large},
  };
  for (const Row& row : rows) expect_row(row);
}

TEST(ResponseParser, AnEndBeforeTheEndIsATruncation) {
  const std::string whole = ok + "Transfer-Encoding: chunked\r\nA: b\r\n\r\n3\r\nabc\r\n0\r\nSum: 1\r\n\r\n";
  ResponseParser parser;
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    SCOPED_TRACE(cut);
    parser.reset(false);
    EXPECT_EQ(parser.feed(std::string_view(whole).substr(0, cut)), cut);
    EXPECT_EQ(parser.started(), cut > 0);
    EXPECT_FALSE(parser.complete());
    parser.end();
    EXPECT_EQ(parser.fault(), Fault::truncated);
  }
}

TEST(ResponseParser, TakesNothingBeyondTheResponse) {
  const std::string one = ok + "Content-Length: 2\r\n\r\nhi";
  ResponseParser parser;
  parser.reset(false);
  EXPECT_EQ(parser.feed(one + one), one.size());
  EXPECT_TRUE(parser.complete());
  EXPECT_EQ(parser.feed("more"), 0u);
}

TEST(ResponseParser, KeepsRetryAfterUnlessItIsSaidTwiceInDifferentWays) {
  const std::string head = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n";
  ResponseParser parser;
  const auto read = [&](const std::string& fields) {
    parser.reset(false);
    parser.feed(head + fields + "\r\n");
    EXPECT_TRUE(parser.complete());
    return parser.retry_after();
  };
  EXPECT_EQ(read(""), std::nullopt);
  EXPECT_EQ(read("Retry-After: 7\r\n"), "7");
  EXPECT_EQ(read("Retry-After: 7\r\nretry-after: 7\r\n"), "7");
  EXPECT_EQ(read("Retry-After: 7\r\nRetry-After: 8\r\n"), std::nullopt);
}

}  // namespace
}  // namespace settle
