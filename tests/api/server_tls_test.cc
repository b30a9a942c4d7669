// The server's certificate: what is taken, what is refused and how it is said, and how it is replaced.
#include "api/http/server_tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "api/http/client.h"
#include "http_fixture.h"
#include "tests/support/certificates.h"

namespace settle {
namespace {

using test::Certificate;
using test::make_authority;
using test::make_certificate;
using test::TemporaryFile;
using test::TestServer;
using ::testing::HasSubstr;

constexpr const char* names = "DNS:localhost,IP:127.0.0.1";

void overwrite(const TemporaryFile& file, const std::string& text) {
  std::ofstream(file.path(), std::ios::trunc) << text;
}

/// The files of one identity, which a test may overwrite.
struct Files {
  explicit Files(const Certificate& certificate)
      : certificate_file(certificate.certificate), key_file(certificate.key) {}
  TlsFiles names_of() const {
    return {.certificate = certificate_file.path(), .key = key_file.path(), .client_ca = {}};
  }
  void replace(const Certificate& other) const {
    overwrite(certificate_file, other.certificate);
    overwrite(key_file, other.key);
  }
  TemporaryFile certificate_file, key_file;
};

std::vector<std::string> places(const Error& error) {
  std::vector<std::string> out;
  for (const Problem& problem : error.problems) out.push_back(problem.pointer);
  return out;
}

TEST(ServerTls, NamesEveryFileThatCantBeUsed) {
  const Certificate good = make_certificate(names, nullptr), other = make_certificate(names, nullptr);
  const TemporaryFile certificate(good.certificate), key(good.key), other_key(other.key), garbage("no PEM"), empty("");
  using Places = std::vector<std::string>;
  struct Row {
    TlsFiles files;
    Places want;
  };
  const Row rows[] = {
      {{certificate.path(), other_key.path(), {}}, {"tls.key"}},
      {{garbage.path(), garbage.path(), {}}, {"tls.certificate", "tls.key"}},
      {{"/nowhere/a.pem", "/nowhere/b.pem", "/nowhere/c.pem", ClientCertificates::required},
       {"tls.certificate", "tls.key", "tls.client_ca"}},
      {{key.path(), certificate.path(), {}}, {"tls.certificate", "tls.key"}},
      {{certificate.path(), key.path(), empty.path(), ClientCertificates::optional}, {"tls.client_ca"}},
      {{certificate.path(), empty.path(), {}}, {"tls.key"}},
  };
  for (const Row& row : rows) {
    const auto tls = ServerTls::load(row.files);
    ASSERT_FALSE(tls);
    EXPECT_EQ(tls.error().code, ErrorCode::configuration);
    EXPECT_EQ(places(tls.error()), row.want);
    for (const Problem& problem : tls.error().problems) EXPECT_THAT(problem.message, HasSubstr(problem.got));
  }
}

TEST(ServerTls, AKeyWithAPassphraseIsRefusedWithoutAsking) {
  const Certificate good = make_certificate(names, nullptr);
  const TemporaryFile certificate(good.certificate), key(test::with_passphrase(good.key, "secret"));
  const auto tls = ServerTls::load({.certificate = certificate.path(), .key = key.path(), .client_ca = {}});
  ASSERT_FALSE(tls);
  EXPECT_EQ(places(tls.error()), std::vector<std::string>{"tls.key"});
}

TEST(ServerTls, ANewCertificateIsForNewConnectionsAndABadOneForNone) {
  const Certificate root = make_authority("root"), first = make_certificate(names, &root),
                    second = make_certificate(names, &root), stranger = make_certificate(names, nullptr);
  const Files files(first);
  auto loaded = ServerTls::load(files.names_of());
  ASSERT_TRUE(loaded);
  ServerTls& tls = **loaded;
  const std::shared_ptr<const TlsIdentity> before = tls.current();
  EXPECT_THAT(before->description(), HasSubstr("CN = server, until 20"));

  files.replace(second);
  EXPECT_TRUE(tls.files_changed());
  ASSERT_TRUE(tls.reload());
  EXPECT_FALSE(tls.files_changed());
  const std::shared_ptr<const TlsIdentity> after = tls.current();
  EXPECT_NE(after, before);

  const auto stays = [&](const char* what) {
    SCOPED_TRACE(what);
    EXPECT_TRUE(tls.files_changed());
    EXPECT_FALSE(tls.reload());
    EXPECT_FALSE(tls.files_changed()) << "it was looked at once";
    EXPECT_EQ(tls.current(), after);
  };
  overwrite(files.certificate_file, "garbage");
  stays("garbage");
  overwrite(files.certificate_file, stranger.certificate);
  stays("another's certificate");
  files.replace(make_certificate(names, &root, true));
  stays("an expired certificate");
  overwrite(files.certificate_file, "");
  stays("an empty file");
  files.replace(first);
  EXPECT_TRUE(tls.reload());
}

TEST(ServerTls, AnExpiredCertificateDoesNotStopAStart) {
  const Files files(make_certificate(names, nullptr, true));
  const auto tls = ServerTls::load(files.names_of());
  ASSERT_TRUE(tls);
  EXPECT_TRUE((*tls)->current()->expired());
}

class ClientOverTls : public ::testing::Test {
 protected:
  ClientOverTls()
      : root(make_authority("root")),
        files(make_certificate(names, &root)),
        root_file(root.certificate),
        server({}, nullptr, {.tls = *ServerTls::load(files.names_of()), .hosts = nullptr}) {}

  Result<HttpReply> ask(const std::string& host, ClientTrust trust) {
    return HttpClient("https://" + host + ":" + std::to_string(server.port()), "", Duration(5'000), std::move(trust))
        .call("GET", "/x");
  }

  Certificate root;
  Files files;
  TemporaryFile root_file;
  TestServer server;
};

TEST_F(ClientOverTls, TrustsTheAuthorityThatItIsTold) {
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto reply = ask(host, {.ca_file = root_file.path(), .certificate_file = {}, .key_file = {}});
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->body, "GET /x ");
  }
}

TEST_F(ClientOverTls, TrustsNobodyElse) {
  const auto unknown = ask("localhost", {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::unreachable);
  EXPECT_THAT(unknown.error().message, HasSubstr("--ca FILE"));
  // Signed by whom we trust, but for another name.
  const Files other(make_certificate("DNS:other.example", &root));
  TestServer stranger({}, nullptr, {.tls = *ServerTls::load(other.names_of()), .hosts = nullptr});
  const auto reply = HttpClient("https://localhost:" + std::to_string(stranger.port()), "", Duration(5'000),
                                {.ca_file = root_file.path(), .certificate_file = {}, .key_file = {}})
                         .call("GET", "/");
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("hostname mismatch"));
  EXPECT_EQ(stranger.counters().requests, 0U);
}

TEST_F(ClientOverTls, NamesTheFileThatItCantUse) {
  const TemporaryFile garbage("garbage");
  for (const ClientTrust& trust : {ClientTrust{.ca_file = garbage.path(), .certificate_file = {}, .key_file = {}},
                                   ClientTrust{.ca_file = {}, .certificate_file = garbage.path(), .key_file = {}}}) {
    const auto reply = ask("localhost", trust);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(reply.error().message, HasSubstr(garbage.path()));
  }
}

TEST_F(ClientOverTls, HandshakesThatFailCountAsRefusedAndLeaveNothing) {
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(ask("localhost", {}));
  EXPECT_TRUE(server.reaches([&] { return server.counters().connections == 0; }));
  EXPECT_EQ(server.counters().requests, 0U);
}

}  // namespace
}  // namespace settle
