// What a call may not reach is not reached: every connect() of the process is counted, whatever the connector reports.
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <set>

#include "connectors/http/http_connector.h"
#include "tests/connectors/http_fixture.h"
#include "tests/connectors/ssrf_vectors.h"
#include "tests/support/connect_log.h"

namespace settle {
namespace {

using test::FaultServer;
using test::response;
using enum OutcomeClass;

class Ssrf : public test::HttpFixture {
 protected:
  /// A connector as the engine makes it, with these permissions; every name stands for the next of `answers`, and the
  /// last of them stays.
  void guard(const std::vector<std::string>& allow_private, std::vector<std::vector<std::string>> answers) {
    HttpConnectorOptions options;
    for (const std::string& host : allow_private) ASSERT_TRUE(options.private_hosts.add(host)) << host;
    answers_ = std::move(answers);
    lookups = 0;
    options.lookup = [this](const std::string&, Resolved done) {
      Addresses found;
      if (!answers_.empty()) {
        for (const std::string& text : answers_[std::min(lookups, answers_.size() - 1)])
          found.push_back(boost::asio::ip::make_address(text));
      }
      ++lookups;
      boost::asio::post(loop, [done = std::move(done), found] {
        done(found.empty() ? boost::asio::error::host_not_found : boost::system::error_code(), found);
      });
    };
    make_guarded(options);
  }

  test::ConnectLog connects;
  std::size_t lookups = 0;

 private:
  std::vector<std::vector<std::string>> answers_;
};

TEST_F(Ssrf, NoVectorEverConnects) {
  const std::vector<test::SsrfVector> vectors = test::ssrf_vectors();
  EXPECT_GE(vectors.size(), 60U);
  std::set<std::string> names;
  for (const test::SsrfVector& vector : vectors) {
    SCOPED_TRACE(vector.name);
    EXPECT_TRUE(names.insert(vector.name).second);
    guard(vector.allow_private, {vector.addresses});
    for (const bool write : {false, true}) {
      const Outcome out = run(write ? post(vector.url) : get(vector.url));
      EXPECT_EQ(out.kind, rejected) << out.detail;
      EXPECT_EQ(out.code, vector.code) << out.detail;
    }
    EXPECT_EQ(connects.seen(), std::vector<std::string>());
  }
}

TEST_F(Ssrf, TheCountSeesWhatIsAllowed) {
  FaultServer server;
  const std::string port = std::to_string(server.port());
  struct Row {
    std::string name, url;
    std::vector<std::string> addresses, allow_private;
    std::string connect;
  };
  const Row rows[] = {
      {"a public name", "http://api.example/", {"93.184.216.34"}, {}, "93.184.216.34:80"},
      {"a public address", "https://93.184.216.34/", {}, {}, "93.184.216.34:443"},
      {"a public IPv6 name", "http://api.example:81/", {"2606:4700::1111"}, {}, "[2606:4700::1111]:81"},
      {"a public address through NAT64", "http://api.example/", {"64:ff9b::8.8.8.8"}, {}, "[64:ff9b::808:808]:80"},
      {"an allowed address", server.url(), {}, {"127.0.0.1"}, "127.0.0.1:" + port},
      {"an allowed address with its port", server.url(), {}, {"127.0.0.1:" + port}, "127.0.0.1:" + port},
      {"an allowed name", server.url("/", "crm.example"), {"127.0.0.1"}, {"CRM.example"}, "127.0.0.1:" + port},
      {"an allowed IPv6 address", "http://[fd00::5]/", {}, {"[fd00::5]"}, "[fd00::5]:80"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    connects.clear();
    guard(row.allow_private, {row.addresses});
    run(get(row.url));
    EXPECT_EQ(connects.seen(), std::vector<std::string>{row.connect});
  }
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST_F(Ssrf, TheAddressThatWasCheckedIsTheOneConnectedTo) {
  // Public when it is asked first; whoever asks again, to connect, is told an inner address.
  guard({}, {{"93.184.216.34"}, {"127.0.0.1"}});
  EXPECT_EQ(run(get("http://rebind.example/")).code, "connect_failed");
  EXPECT_EQ(lookups, 1U);
  EXPECT_EQ(connects.seen(), std::vector<std::string>{"93.184.216.34:80"});
}

TEST_F(Ssrf, ANameThatTurnsInwardIsRefusedFromThenOn) {
  guard({}, {{"93.184.216.34"}, {"127.0.0.1"}});
  run(get("http://rebind.example/"));
  connects.clear();
  Outcome out;
  // The cache keeps the public answer for a second.
  run_until([&] {
    out = run(get("http://rebind.example/"));
    return lookups > 1;
  });
  EXPECT_EQ(out.code, "address_forbidden");
  for (const std::string& to : connects.seen()) EXPECT_EQ(to, "93.184.216.34:80");
}

TEST_F(Ssrf, TheSystemsNamesForThisMachineAreRefusedToo) {
  make_guarded({});
  for (const char* host : {"localhost", "LOCALHOST", "ip6-localhost"}) {
    const Outcome out = run(get("http://" + std::string(host) + ":8700/"));
    EXPECT_NE(out.kind, answered) << host;  // the last is not known everywhere
  }
  EXPECT_EQ(run(get("http://localhost/")).code, "address_forbidden");
  EXPECT_EQ(connects.seen(), std::vector<std::string>());
}

TEST_F(Ssrf, NothingThatAServerSaysIsFollowed) {
  FaultServer server, inner;
  const std::string port = std::to_string(server.port());
  const std::string inside = inner.url("/latest/meta-data/");
  for (const int status : {200, 201, 202, 300, 301, 302, 303, 305, 307, 308}) {
    for (const char* field :
         {"Location", "Content-Location", "Refresh", "Link", "Alt-Svc", "URI", "X-Accel-Redirect"}) {
      SCOPED_TRACE(std::to_string(status) + " " + field);
      connects.clear();
      guard({"127.0.0.1"}, {});
      const std::string value = field == std::string("Link") ? "<" + inside + ">; rel=\"next\"" : inside;
      server.reply_with({.bytes = response(status, R"({"next": ")" + inside + "\"}", field + (": " + value + "\r\n"))});
      const Outcome out = run(get(server.url()));
      EXPECT_EQ(out.kind, status < 300 ? answered : rejected);
      EXPECT_EQ(connects.seen(), std::vector<std::string>{"127.0.0.1:" + port});
    }
  }
  EXPECT_EQ(inner.connections(), 0U);
}

TEST_F(Ssrf, AHeaderCannotNameAnotherHost) {
  FaultServer server;
  guard({"127.0.0.1"}, {});
  const std::pair<std::string, std::string> fields[] = {
      {"Host", "169.254.169.254"},      {"host", "a"},      {"X-Forwarded-Host", "a\r\nHost: 169.254.169.254"},
      {"X\r\nHost", "169.254.169.254"}, {"X", "a\nb"},      {"X", std::string("a\0b", 3)},
      {"Connection", "Host"},           {"Upgrade", "h2c"}, {"Transfer-Encoding", "chunked"},
      {"Content-Length", "0"},          {"X:", "y"},        {" Host", "169.254.169.254"}};
  for (const auto& field : fields) {
    Call call = post(server.url());
    call.headers = {field};
    EXPECT_EQ(run(std::move(call)).code, "invalid_request") << field.first;
  }
  EXPECT_EQ(connects.seen(), std::vector<std::string>());
}

TEST(PrivateHosts, TakesHostsOnly) {
  PrivateHosts hosts;
  for (const char* good : {"crm.internal", "10.1.2.3", "10.1.2.3:80", "[fd00::1]", "[fd00::1]:80", "localhost"})
    EXPECT_TRUE(hosts.add(good)) << good;
  for (const char* bad : {"", "*", "10.0.0.0/8", "http://crm", "crm/", "fd00::1", "a@b", "crm:", "*.internal", "127.1"})
    EXPECT_FALSE(hosts.add(bad)) << bad;
}

}  // namespace
}  // namespace settle
