// The pure rules of the http connector: origins, addresses, dates, requests.
#include <gtest/gtest.h>

#include <boost/asio/ip/address.hpp>
#include <string>

#include "connectors/http/address_policy.h"
#include "connectors/http/http_date.h"
#include "connectors/http/origin.h"
#include "connectors/http/request_writer.h"

namespace settle {
namespace {

TEST(Origin, IsReadIntoOneNormalForm) {
  struct Row {
    std::string text, normal, host_header;
    bool literal = false;
  };
  const Row rows[] = {
      {"http://a.example", "http://a.example:80", "a.example"},
      {"HTTPS://A.Example:443", "https://a.example:443", "a.example"},
      {"https://a.example:8443", "https://a.example:8443", "a.example:8443"},
      {"http://127.0.0.1:80", "http://127.0.0.1:80", "127.0.0.1", true},
      {"http://[::1]:9", "http://[::1]:9", "[::1]:9", true},
      {"http://my_host", "http://my_host:80", "my_host"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const std::optional<Origin> origin = parse_origin(row.text);
    ASSERT_TRUE(origin.has_value());
    EXPECT_EQ(origin->text, row.normal);
    EXPECT_EQ(origin->host_header, row.host_header);
    EXPECT_EQ(origin->literal, row.literal);
  }
}

TEST(Origin, RefusesWhatIsNone) {
  for (const std::string text : {"",
                                 "http://",
                                 "ftp://a.example",
                                 "//a.example",
                                 "a.example",
                                 "http://a.example/",
                                 "http://u@a.example",
                                 "http://u:p@a.example",
                                 "http://a.example:",
                                 "http://a.example:0",
                                 "http://a.example:65536",
                                 "http://a.example:+80",
                                 "http://a.example:80:80",
                                 "http://a..example",
                                 "http://.a",
                                 "http://a.",
                                 "http://a b",
                                 "http://a%2eexample",
                                 "http://[::1",
                                 "http://::1",
                                 "http://[::1%25eth0]",
                                 "http://[127.0.0.1]",
                                 "http://[::1]x",
                                 "http://0x7f.1",
                                 "http://127.1",
                                 "http://0177.0.0.1",
                                 "http://2130706433",
                                 "http://127.0.0.01",
                                 "http://0x7f000001",
                                 "http://1.2.3.4.5",
                                 "http://a.example.0x1"}) {
    EXPECT_FALSE(parse_origin(text).has_value()) << text;
  }
}

TEST(Url, IsSplitAfterItsCharactersAreChecked) {
  const std::optional<SplitUrl> url = split_url("http://a.example:1/x/%2F?q=1&r=[2]");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->origin, "http://a.example:1");
  EXPECT_EQ(url->target, "/x/%2F?q=1&r=[2]");
  EXPECT_EQ(split_url("http://a.example")->target, "");
  EXPECT_EQ(split_url("http://a.example?q")->target, "?q");
}

TEST(Url, RefusesFragmentsControlCharactersAndBadEscapes) {
  for (const std::string& text :
       {std::string("http://a/#f"), std::string("http://a/ b"), std::string("http://a/\r\nX: 1"),
        std::string("http://a/\0b", 11), std::string("http://a/\x7f"), std::string("http://a/%"),
        std::string("http://a/%2"), std::string("http://a/%zz"), std::string("http://a/\xc3\xa4"),
        std::string("http://a/\\b"), std::string("http://a/{x}"), std::string("http://a/\"x"),
        std::string("file:///etc/passwd"), std::string("/relative"), std::string(),
        "http://a/" + std::string(9000, 'x')}) {
    EXPECT_FALSE(split_url(text).has_value()) << text;
  }
}

TEST(AddressPolicy, NeverAllowsWhatIsNoTool) {
  for (const char* text :
       {"0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "fe80::1",
        "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254"}) {
    EXPECT_FALSE(is_allowed(boost::asio::ip::make_address(text), AddressPolicy::any)) << text;
  }
}

TEST(AddressPolicy, TellsInnerNetworksFromPublicOnes) {
  for (const char* text :
       {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
        "198.18.0.1", "192.0.2.1", "::1", "fc00::1", "fd12::1", "fec0::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:db8::1", "2001:2::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_allowed(boost::asio::ip::make_address(text), AddressPolicy::any)) << text;
    EXPECT_FALSE(is_allowed(boost::asio::ip::make_address(text), AddressPolicy::public_only)) << text;
  }
  for (const char* text : {"1.1.1.1", "172.32.0.1", "100.128.0.1", "169.253.1.1", "9.255.255.255", "2606:4700::1111",
                           "64:ff9b::101:101"}) {
    EXPECT_TRUE(is_allowed(boost::asio::ip::make_address(text), AddressPolicy::public_only)) << text;
  }
}

const Time now = *parse_time("2026-11-22T20:00:00.000Z");

TEST(RetryAfter, IsReadInSecondsAndInEveryFormOfHttpDate) {
  struct Row {
    std::string text;
    std::optional<Duration> want;
  };
  const Row rows[] = {
      {"0", Duration(0)},
      {"120", Duration(120'000)},
      {"86400", Duration(86'400'000)},
      {"86401", Duration(86'400'000)},
      {"99999999999999999999999999", Duration(86'400'000)},
      {"Sun, 22 Nov 2026 20:00:30 GMT", Duration(30'000)},
      {"Sunday, 22-Nov-26 20:00:30 GMT", Duration(30'000)},
      {"Sun Nov 22 20:00:30 2026", Duration(30'000)},
      {"Wed Nov  4 08:00:00 2026", Duration(0)},
      {"Sun, 06 Nov 1994 08:49:37 GMT", Duration(0)},
      {"Sunday, 06-Nov-94 08:49:37 GMT", Duration(0)},
      {"Sun, 22 Nov 2027 20:00:30 GMT", std::nullopt},  // it is a Monday
      {"Mon, 22 Nov 2027 20:00:30 GMT", Duration(86'400'000)},
      {"", std::nullopt},
      {"soon", std::nullopt},
      {"-1", std::nullopt},
      {"+1", std::nullopt},
      {"1.5", std::nullopt},
      {"1s", std::nullopt},
      {"1 2", std::nullopt},
      {"Sun, 22 Nov 2026 20:00:30", std::nullopt},
      {"Sun, 22 Nov 2026 20:00:30 UTC", std::nullopt},
      {"Sun, 22 nov 2026 20:00:30 GMT", std::nullopt},
      {"Sun, 31 Feb 2026 20:00:30 GMT", std::nullopt},
      {"Sun, 22 Nov 2026 24:00:00 GMT", std::nullopt},
      {"Sun, 22 Nov 2026 20:00:30 GMTx", std::nullopt},
  };
  for (const Row& row : rows) EXPECT_EQ(parse_retry_after(row.text, now), row.want) << row.text;
}

TEST(RequestWriter, WritesTheWholeRequestAtOnce) {
  const Origin origin = *parse_origin("http://a.example:8080");
  Call call{.connector = "http",
            .method = "POST",
            .url = {},
            .headers = {{"Idempotency-Key", "k1"}},
            .body = "{}",
            .credential = {}};
  std::string out;
  write_request(call, origin, "/x?y=1", nullptr, out);
  EXPECT_EQ(out,
            "POST /x?y=1 HTTP/1.1\r\nHost: a.example:8080\r\nUser-Agent: settle/0.1\r\nAccept: application/json\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\nIdempotency-Key: k1\r\n\r\n{}");
  call.body.reset();
  call.headers = {{"accept", "text/plain"}, {"USER-AGENT", "x"}};
  write_request(call, origin, "?q", nullptr, out);
  EXPECT_EQ(
      out,
      "POST /?q HTTP/1.1\r\nHost: a.example:8080\r\nContent-Length: 0\r\naccept: text/plain\r\nUSER-AGENT: x\r\n\r\n");
  call.method = "GET";
  call.headers.clear();
  write_request(call, origin, "", nullptr, out);
  EXPECT_EQ(out,
            "GET / HTTP/1.1\r\nHost: a.example:8080\r\nUser-Agent: settle/0.1\r\nAccept: application/json\r\n\r\n");
}

TEST(RequestWriter, RefusesHeadersThatWouldBeAnotherRequest) {
  struct Row {
    std::string name, value;
  };
  const Row rows[] = {{"X", "a\r\nY: b"},
                      {"X", "a\nb"},
                      {"X", "a\rb"},
                      {"X", std::string("a\0b", 3)},
                      {"X", "a\x7f"},
                      {"", "a"},
                      {"X Y", "a"},
                      {"X:", "a"},
                      {"X\r\nY", "a"},
                      {"\xc3\xa4", "a"},
                      {"Host", "evil"},
                      {"hOST", "evil"},
                      {"Content-Length", "0"},
                      {"transfer-encoding", "chunked"},
                      {"Connection", "close"},
                      {"Expect", "100-continue"},
                      {"Upgrade", "h2c"},
                      {"Accept-Encoding", "gzip"},
                      {"TE", "trailers"}};
  for (const Row& row : rows) {
    const Call call{
        .connector = {}, .method = "POST", .url = {}, .headers = {{row.name, row.value}}, .body = {}, .credential = {}};
    EXPECT_FALSE(refuse_request(call, nullptr).empty()) << row.name << ": " << row.value;
  }
  for (const std::string method : {"", "get", "CONNECT", "TRACE", "GET /x", "PO\r\nST"}) {
    const Call call{.connector = {}, .method = method, .url = {}, .headers = {}, .body = {}, .credential = {}};
    EXPECT_FALSE(refuse_request(call, nullptr).empty()) << method;
  }
  const Call good{.connector = {},
                  .method = "POST",
                  .url = {},
                  .headers = {{"X-Name", "Zo\xc3\xab \t!"}},
                  .body = {},
                  .credential = {}};
  EXPECT_EQ(refuse_request(good, nullptr), "");
}

}  // namespace
}  // namespace settle
