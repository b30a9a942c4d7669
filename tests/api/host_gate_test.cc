#include "api/http/host_gate.h"

#include <gtest/gtest.h>

#include "http_fixture.h"

namespace settle {
namespace {

HttpRequest request(const std::string& host, std::vector<std::pair<std::string, std::string>> more = {}) {
  HttpRequest out;
  out.method = "GET";
  if (!host.empty()) out.headers.emplace_back("host", host);
  out.headers.insert(out.headers.end(), more.begin(), more.end());
  return out;
}

/// The code of the refusal; "" when the request is welcome.
std::string verdict(const HostGate& gate, const HttpRequest& asked, const TlsIdentity* tls = nullptr) {
  const Result<void> welcome = gate.check(asked, tls);
  return welcome ? "" : std::string(info(welcome.error().code).name);
}

HostGate configured() {
  HostGate gate;
  EXPECT_TRUE(gate.add("settle.example"));
  EXPECT_TRUE(gate.add("Console.Example:8443"));
  return gate;
}

TEST(HostGate, TakesAddressesLocalhostAndConfiguredNames) {
  for (const char* host : {"127.0.0.1", "127.0.0.1:8700", "[::1]", "[::1]:8700", "192.0.2.7:80", "localhost",
                           "LOCALHOST:1", "settle.example", "Settle.Example:8700", "console.example", ""}) {
    EXPECT_EQ(verdict(configured(), request(host)), "") << host;
  }
  for (const char* host : {"evil.example", "evil.example:8700", "settle.example.evil", "xsettle.example",
                           "127.0.0.1.evil.example", "localhost.evil.example", "a.localhost", "localhost.", "127.1",
                           "2130706433", "0x7f.0.0.1", "settle.example.", "[::1", "a"}) {
    EXPECT_EQ(verdict(configured(), request(host)), "host_not_allowed") << host;
  }
}

TEST(HostGate, OverTlsTheNamesOfTheCertificateAreTheServersToo) {
  const std::shared_ptr<const TlsIdentity> identity = test::test_identity()->current();
  EXPECT_EQ(verdict({}, request("localhost:1"), identity.get()), "");
  EXPECT_EQ(verdict({}, request("evil.example"), identity.get()), "host_not_allowed");
  EXPECT_TRUE(identity->names("localhost"));
  EXPECT_TRUE(identity->names("127.0.0.1"));
  EXPECT_FALSE(identity->names("127.0.0.2"));
  EXPECT_FALSE(identity->names("evil.example"));
}

TEST(HostGate, PagesOfAnotherOriginAreRefused) {
  struct Row {
    const char* host;
    const char* origin;
    const char* want;
  };
  constexpr const char* refused = "origin_not_allowed";
  const Row rows[] = {
      {"127.0.0.1:8700", "http://127.0.0.1:8700", ""},
      {"localhost:8700", "http://LOCALHOST:8700", ""},
      {"127.0.0.1:8700", "https://settle.example", ""},  // a proxy that speaks TLS and changes Host
      {"127.0.0.1:8700", "https://console.example:8443", ""},
      {"settle.example", "https://settle.example", ""},
      {"127.0.0.1:8700", "http://127.0.0.1:3000", refused},
      {"127.0.0.1:8700", "http://127.0.0.1", refused},
      {"127.0.0.1:8700", "http://localhost:8700", refused},
      {"127.0.0.1:8700", "http://evil.example", refused},
      {"127.0.0.1:8700", "http://evil.example:8700", refused},
      {"127.0.0.1:8700", "https://settle.example:8443", refused},
      {"127.0.0.1:8700", "https://settle.example.evil", refused},
      {"127.0.0.1:8700", "null", refused},
      {"127.0.0.1:8700", "", refused},
      {"127.0.0.1:8700", "file://", refused},
      {"127.0.0.1:8700", "chrome-extension://127.0.0.1:8700", refused},
      {"127.0.0.1:8700", "http://127.0.0.1:8700/", refused},
      {"127.0.0.1:8700", "http://a@127.0.0.1:8700", refused},
      {"127.0.0.1:8700", "http://127.0.0.1:8700 http://evil.example", refused},
      {"", "http://127.0.0.1:8700", refused},
      {"", "http://", refused},  // HTTP/1.0 without Host, and an origin without one
  };
  for (const Row& row : rows)
    EXPECT_EQ(verdict(configured(), request(row.host, {{"origin", row.origin}})), row.want) << row.origin;
}

TEST(HostGate, OverTlsAPageInTheClearIsAnother) {
  const std::shared_ptr<const TlsIdentity> identity = test::test_identity()->current();
  EXPECT_EQ(verdict({}, request("localhost", {{"origin", "https://localhost"}}), identity.get()), "");
  EXPECT_EQ(verdict({}, request("localhost", {{"origin", "http://localhost"}}), identity.get()), "origin_not_allowed");
}

TEST(HostGate, BrowsersThatSayWhereTheyComeFromAreBelieved) {
  const auto from = [](const char* site, const char* mode, const char* method) {
    HttpRequest out = request("127.0.0.1:8700", {{"sec-fetch-site", site}, {"sec-fetch-mode", mode}});
    out.method = method;
    return verdict({}, out);
  };
  EXPECT_EQ(from("same-origin", "cors", "POST"), "");
  EXPECT_EQ(from("none", "navigate", "GET"), "");
  EXPECT_EQ(from("cross-site", "navigate", "GET"), "");  // a link that was followed
  EXPECT_EQ(from("cross-site", "navigate", "POST"), "origin_not_allowed");
  EXPECT_EQ(from("cross-site", "no-cors", "GET"), "origin_not_allowed");
  EXPECT_EQ(from("same-site", "no-cors", "GET"), "origin_not_allowed");
  EXPECT_EQ(from("cross-site", "cors", "POST"), "origin_not_allowed");
}

TEST(HostGate, TakesOnlyNamesAndAddresses) {
  HostGate gate;
  for (const char* good : {"a", "a.example", "A.example:1", "10.0.0.1", "[::1]:8700", "a_b.internal"})
    EXPECT_TRUE(gate.add(good)) << good;
  for (const char* bad :
       {"", "*", "*.example", "http://a", "a/", "a b", ":80", "a:", "a:x", "a:123456", "::1", "[::1", "u@a"})
    EXPECT_FALSE(gate.add(bad)) << bad;
}

}  // namespace
}  // namespace settle
