// Credentials and TLS.
#include "base/json.h"
#include "connectors/http/http_connector.h"
#include "tests/connectors/http_fixture.h"

namespace settle {
namespace {

using test::Certificate;
using test::FaultServer;
using test::make_authority;
using test::make_certificate;
using test::ReadPart;
using test::Reply;
using test::response;
using test::TemporaryFile;
using test::Then;
using enum OutcomeClass;

constexpr const char* canary = "canary-93f1c0d7";

class HttpCredentials : public test::HttpFixture {
 protected:
  void make_with_credential(const std::vector<std::string>& origins) {
    const CredentialEntry entry{.name = "crm",
                                .kind = CredentialKind::bearer,
                                .header_name = {},
                                .username = {},
                                .secret_env = "TOKEN",
                                .secret_file = {},
                                .origins = origins};
    make({}, *CredentialStore::load({entry}, [](const std::string&) { return std::optional<std::string>(canary); }));
  }
  static void expect_no_secret(const Outcome& out) {
    const std::string text = out.code + out.detail + (out.body ? write_json(*out.body) : "");
    EXPECT_EQ(text.find(canary), std::string::npos) << text;
  }
};

TEST_F(HttpCredentials, GoToTheirOriginOnly) {
  FaultServer server, other;
  make_with_credential({server.url("")});
  Call call = post(server.url());
  call.credential = "crm";
  EXPECT_EQ(run(call).kind, answered);
  EXPECT_EQ(server.requests()[0].field("authorization"), std::string("Bearer ") + canary);

  call.url = other.url();
  Outcome out = run(call);
  EXPECT_EQ(out.kind, rejected);
  EXPECT_EQ(out.code, "credential_origin");
  call.url = server.url("/", "localhost");
  EXPECT_EQ(run(call).code, "credential_origin");
  call.url = server.url();
  call.credential = "unknown";
  out = run(call);
  EXPECT_EQ(out.kind, rejected);
  EXPECT_EQ(out.code, "credential_not_configured");
  call.credential.clear();
  EXPECT_EQ(run(call).kind, answered);
  EXPECT_EQ(server.requests()[1].field("authorization"), std::nullopt);
  EXPECT_EQ(other.connections(), 0u);
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(HttpCredentials, ThatSignAreSentNowhere) {
  FaultServer server;
  const CredentialEntry entry{.name = "hooks",
                              .kind = CredentialKind::webhook,
                              .header_name = {},
                              .username = {},
                              .secret_env = "TOKEN",
                              .secret_file = {},
                              .origins = {server.url("")}};
  make({}, *CredentialStore::load({entry}, [](const std::string&) {
         return std::optional<std::string>("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
       }));
  Call call = post(server.url());
  call.credential = "hooks";
  EXPECT_EQ(run(call).code, "credential_not_configured");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(HttpCredentials, PublicCallsReachNoPrivateAddressAndNoConnectionOfOthers) {
  FaultServer server;
  make({});
  Call call = post(server.url());
  EXPECT_EQ(run(call).kind, answered);  // its connection is kept, and idle
  call.reach = Reach::public_only;
  for (int i = 0; i < 2; ++i) {
    const Outcome out = run(call);
    EXPECT_EQ(out.kind, rejected);
    EXPECT_EQ(out.code, "address_forbidden");
  }
  call.url = server.url("/", "localhost");
  EXPECT_EQ(run(call).code, "address_forbidden");
  call.reach = Reach::as_tools;
  EXPECT_EQ(run(call).kind, answered);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(HttpCredentials, AreNotOverriddenByACallsHeader) {
  FaultServer server;
  make_with_credential({server.url("")});
  Call call = post(server.url());
  call.credential = "crm";
  call.headers = {{"authorization", "Bearer other"}};
  EXPECT_EQ(run(call).code, "invalid_request");
  EXPECT_EQ(server.connections(), 0u);
}

TEST_F(HttpCredentials, AreInNoOutcomeWhateverTheServerSays) {
  FaultServer server;
  make_with_credential({server.url("")});
  const std::string echo = std::string("{\"Authorization\":\"Bearer ") + canary + "\"}";
  const Reply replies[] = {
      {.bytes = response(200, echo)},
      {.bytes = response(401, echo)},
      {.bytes = response(500, echo)},
      {.bytes = response(200, std::string("{\"") + canary + "\": 1, \"" + canary + "\": 2}")},
      {.bytes = response(200, canary)},
      {.bytes = canary, .read = ReadPart::all, .then = Then::close},
      {.bytes = "", .read = ReadPart::all, .then = Then::reset},
  };
  for (const Reply& reply : replies) {
    server.reply_with(reply);
    Call call = post(server.url());
    call.credential = "crm";
    const Outcome out = run(call);
    SCOPED_TRACE(out.code);
    expect_no_secret(out);
  }
  server.reply_with({.bytes = response(200, echo)});
  Call call = post(server.url());
  call.credential = "crm";
  EXPECT_EQ(run(call).body, Json::object({{"Authorization", "Bearer [secret]"}}));
}

class HttpTls : public test::HttpFixture {
 protected:
  HttpTls() : authority(make_authority("test root")), roots(authority.certificate) {}

  void make_trusting() {
    HttpConnectorOptions options;
    options.ca_file = roots.path();
    options.connect_timeout = Duration(2'000);
    make(options);
    ASSERT_TRUE(connector->ready());
  }

  Certificate authority;
  TemporaryFile roots;
};

TEST_F(HttpTls, AVerifiedHostIsAnsweredAndItsConnectionKept) {
  const Certificate certificate = make_certificate("DNS:localhost,IP:127.0.0.1", &authority);
  FaultServer server({.bytes = response(200, R"({"id":1})")}, &certificate);
  make_trusting();
  for (const char* host : {"localhost", "127.0.0.1"}) {
    for (int i = 0; i < 5; ++i) {
      const Outcome out = run(post(server.url("/", host)));
      EXPECT_EQ(out.kind, answered) << out.detail;
      EXPECT_EQ(out.body, Json::object({{"id", 1}}));
    }
  }
  EXPECT_EQ(server.connections(), 2u);
}

TEST_F(HttpTls, BigBodiesPassInBothDirections) {
  const Certificate certificate = make_certificate("DNS:localhost", &authority);
  const std::string big = "\"" + std::string(3'000'000, 'y') + "\"";
  FaultServer server({.bytes = response(200, big)}, &certificate);
  make_trusting();
  const Outcome out = run(post(server.url("/", "localhost"), big));
  EXPECT_EQ(out.kind, answered) << out.detail;
  EXPECT_EQ(server.requests()[0].body, big);
}

TEST_F(HttpTls, WhoeverIsNotTrustedGetsNoByteOfTheRequest) {
  const Certificate stranger = make_authority("another root");
  struct Row {
    std::string name;
    Certificate certificate;
    const char* host;
  };
  const Row rows[] = {
      {"another name", make_certificate("DNS:other.example", &authority), "localhost"},
      {"a name for an address", make_certificate("DNS:127.0.0.1", &authority), "127.0.0.1"},
      {"another address", make_certificate("IP:127.0.0.2", &authority), "127.0.0.1"},
      {"signed by itself", make_certificate("DNS:localhost", nullptr), "localhost"},
      {"an unknown root", make_certificate("DNS:localhost", &stranger), "localhost"},
      {"expired", make_certificate("DNS:localhost", &authority, true), "localhost"},
  };
  make_trusting();
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    FaultServer server({.bytes = response(200, "{}")}, &row.certificate);
    const Outcome out = run(post(server.url("/", row.host)));
    EXPECT_EQ(out.kind, not_sent);
    EXPECT_EQ(out.code, "tls_failed");
    EXPECT_TRUE(server.requests().empty());
  }
}

TEST_F(HttpTls, TheTestRootIsNotTrustedUnlessConfigured) {
  const Certificate certificate = make_certificate("DNS:localhost", &authority);
  FaultServer server({.bytes = response(200, "{}")}, &certificate);
  EXPECT_EQ(run(post(server.url("/", "localhost"))).code, "tls_failed");
}

TEST_F(HttpTls, AServerThatSpeaksNoTlsIsNotSent) {
  FaultServer server({.bytes = response(200, "{}"), .read = ReadPart::nothing, .then = Then::close});
  make_trusting();
  const Outcome out = run(post("https://127.0.0.1:" + std::to_string(server.port()) + "/"));
  EXPECT_EQ(out.kind, not_sent);
  EXPECT_EQ(out.code, "tls_failed");
}

TEST_F(HttpTls, AHandshakeThatHangsIsNotSentAfterTheConnectTimeout) {
  FaultServer server({.bytes = "", .read = ReadPart::nothing, .then = Then::hang});
  HttpConnectorOptions options;
  options.connect_timeout = Duration(200);
  make(options);
  EXPECT_EQ(run(post("https://127.0.0.1:" + std::to_string(server.port()) + "/")).code, "connect_timeout");
}

TEST_F(HttpTls, LossesAfterTheHandshakeAreAmbiguous) {
  const Certificate certificate = make_certificate("DNS:localhost", &authority);
  struct Row {
    std::string name;
    Reply reply;
    OutcomeClass kind;
    std::string code;
  };
  const std::string until_close = "HTTP/1.1 200 OK\r\n\r\n{}";
  const Row rows[] = {
      {"closed in good order", {.bytes = "", .read = ReadPart::all, .then = Then::close}, ambiguous, "connection_lost"},
      {"reset", {.bytes = "", .read = ReadPart::all, .then = Then::reset}, ambiguous, "connection_lost"},
      {"half an answer",
       {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", .read = ReadPart::all, .then = Then::close},
       ambiguous,
       "truncated_response"},
      {"until a good close", {.bytes = until_close, .read = ReadPart::all, .then = Then::close}, answered, ""},
      {"until a cut",
       {.bytes = until_close, .read = ReadPart::all, .then = Then::reset},
       ambiguous,
       "truncated_response"},
  };
  make_trusting();
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    FaultServer server(row.reply, &certificate);
    const Outcome out = run(post(server.url("/", "localhost")));
    EXPECT_EQ(out.kind, row.kind) << out.detail;
    // A reset may destroy bytes that came before it: then nothing of the response was seen.
    const bool overtaken = row.reply.then == Then::reset && out.code == "connection_lost";
    EXPECT_TRUE(overtaken || out.code == row.code) << out.code << ": " << out.detail;
  }
}

TEST_F(HttpTls, AConnectionClosedWhileIdleIsNeverUsedAgain) {
  const Certificate certificate = make_certificate("DNS:localhost", &authority);
  FaultServer server({.bytes = response(200, "{}")}, &certificate);
  server.script({{.bytes = response(200, "{}"), .read = ReadPart::all, .then = Then::close}});
  make_trusting();
  EXPECT_EQ(run(post(server.url("/", "localhost"))).kind, answered);
  ASSERT_TRUE(server.wait_for_closed(1));
  EXPECT_EQ(run(post(server.url("/", "localhost"))).kind, answered);
  EXPECT_EQ(server.connections(), 2u);
}

TEST_F(HttpTls, ABadFileOfRootsIsToldAtStart) {
  const TemporaryFile garbage("no certificate");
  for (const std::string& path : {garbage.path(), std::string("/nowhere/roots.pem")}) {
    HttpConnectorOptions options;
    options.ca_file = path;
    make(options);
    const Result<void> ready = connector->ready();
    ASSERT_FALSE(ready);
    EXPECT_EQ(ready.error().code, ErrorCode::configuration);
    EXPECT_NE(ready.error().message.find(path), std::string::npos);
    EXPECT_EQ(run(post("https://127.0.0.1:1/")).code, "tls_failed");
  }
}

}  // namespace
}  // namespace settle
