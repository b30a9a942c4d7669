#include "connectors/http/credentials.h"

#include <gtest/gtest.h>

#include <ostream>
#include <type_traits>

#include "base/hash.h"
#include "tests/support/certificates.h"

namespace settle {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(!Printable<Secret> && !Printable<Credential>);
static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string> && !std::is_convertible_v<Secret, std::string_view>);

std::optional<std::string> environment(const std::string& name) {
  if (name == "TOKEN") return "s3cret-token";
  if (name == "EMPTY") return "";
  if (name == "INJECTED") return "s3cret\r\nX: y";
  return std::nullopt;
}

CredentialEntry bearer() {
  return {.name = "crm",
          .kind = CredentialKind::bearer,
          .header_name = {},
          .username = {},
          .secret_env = "TOKEN",
          .secret_file = {},
          .origins = {"https://crm.example"}};
}

TEST(Credentials, BecomeOneHeaderField) {
  CredentialEntry header = bearer();
  header.name = "key";
  header.kind = CredentialKind::header;
  header.header_name = "X-Api-Key";
  CredentialEntry basic = bearer();
  basic.name = "basic";
  basic.kind = CredentialKind::basic;
  basic.username = "ada";
  const auto store = CredentialStore::load({bearer(), header, basic}, environment);
  ASSERT_TRUE(store) << store.error().message;
  const auto field = [&](const char* name) {
    std::string out;
    (*store)->find(name)->append_field(out);
    EXPECT_EQ(out.size(), (*store)->find(name)->field_bytes());
    return out;
  };
  EXPECT_EQ(field("crm"), "Authorization: Bearer s3cret-token\r\n");
  EXPECT_EQ(field("key"), "X-Api-Key: s3cret-token\r\n");
  EXPECT_EQ(field("basic"), "Authorization: Basic YWRhOnMzY3JldC10b2tlbg==\r\n");
  EXPECT_EQ((*store)->find("other"), nullptr);
}

TEST(Credentials, ComeFromFilesWithoutTheirLastLineEnd) {
  const test::TemporaryFile file("file-secret\r\n");
  CredentialEntry entry = bearer();
  entry.secret_env.clear();
  entry.secret_file = file.path();
  const auto store = CredentialStore::load({entry}, environment);
  ASSERT_TRUE(store) << store.error().message;
  std::string out;
  (*store)->find("crm")->append_field(out);
  EXPECT_EQ(out, "Authorization: Bearer file-secret\r\n");
}

TEST(Credentials, AreForTheirOriginsOnly) {
  const auto store = CredentialStore::load({bearer()}, environment);
  ASSERT_TRUE(store);
  const Credential& credential = *(*store)->find("crm");
  EXPECT_TRUE(credential.allows("https://crm.example:443"));
  EXPECT_FALSE(credential.allows("http://crm.example:80"));
  EXPECT_FALSE(credential.allows("https://crm.example:444"));
  EXPECT_FALSE(credential.allows("https://crm.example.evil:443"));
}

TEST(Credentials, AreRefusedAtStartByTheNameOfWhatIsWrongAndNeverByTheSecret) {
  struct Row {
    std::string name;
    std::function<void(CredentialEntry&)> change;
    std::string message;
  };
  const Row rows[] = {
      {"no variable", [](CredentialEntry& e) { e.secret_env = "MISSING"; }, "MISSING is not set"},
      {"an empty variable", [](CredentialEntry& e) { e.secret_env = "EMPTY"; }, "EMPTY is empty"},
      {"a secret with a line end", [](CredentialEntry& e) { e.secret_env = "INJECTED"; },
       "INJECTED holds control characters"},
      {"no file",
       [](CredentialEntry& e) {
         e.secret_env = "";
         e.secret_file = "/nowhere/secret";
       },
       "/nowhere/secret does not exist"},
      {"a folder",
       [](CredentialEntry& e) {
         e.secret_env = "";
         e.secret_file = "/tmp";
       },
       "no regular file"},
      {"no source", [](CredentialEntry& e) { e.secret_env = ""; }, "exactly one"},
      {"two sources", [](CredentialEntry& e) { e.secret_file = "/x"; }, "exactly one"},
      {"no origin", [](CredentialEntry& e) { e.origins.clear(); }, "allowed origins"},
      {"an origin with a path", [](CredentialEntry& e) { e.origins = {"https://crm.example/x"}; }, "is no origin"},
      {"no name", [](CredentialEntry& e) { e.name = ""; }, "needs a name"},
      {"a header without a name", [](CredentialEntry& e) { e.kind = CredentialKind::header; }, "name of a header"},
      {"a header of the connector's",
       [](CredentialEntry& e) {
         e.kind = CredentialKind::header;
         e.header_name = "Host";
       },
       "Host"},
      {"a user name with a colon",
       [](CredentialEntry& e) {
         e.kind = CredentialKind::basic;
         e.username = "a:b";
       },
       "':'"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    CredentialEntry entry = bearer();
    row.change(entry);
    const auto store = CredentialStore::load({entry}, environment);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::configuration);
    EXPECT_NE(store.error().message.find(row.message), std::string::npos) << store.error().message;
    EXPECT_EQ(store.error().message.find("s3cret"), std::string::npos) << store.error().message;
  }
  EXPECT_FALSE(CredentialStore::load({bearer(), bearer()}, environment));
}

TEST(Credentials, AreTakenOutOfAnswersThatEchoThem) {
  const auto store = CredentialStore::load({bearer()}, environment);
  ASSERT_TRUE(store);
  Json answer = Json::object(
      {{"auth", "Bearer s3cret-token!"}, {"s3cret-token", Json::Array{Json("as3cret-tokens3cret-token"), Json(1)}}});
  (*store)->find("crm")->redact(answer);
  EXPECT_EQ(answer, Json::object(
                        {{"auth", "Bearer [secret]!"}, {"[secret]", Json::Array{Json("a[secret][secret]"), Json(1)}}}));
}

CredentialEntry webhook(const std::string& variable = "HOOK") {
  CredentialEntry entry = bearer();
  entry.name = "hooks";
  entry.kind = CredentialKind::webhook;
  entry.secret_env = variable;
  return entry;
}

Result<std::shared_ptr<const CredentialStore>> with_hook(const std::string& secret) {
  return CredentialStore::load({webhook()}, [&](const std::string&) { return std::optional<std::string>(secret); });
}

// The example of the Standard Webhooks libraries.
TEST(Credentials, OfKindWebhookSignAsTheStandardSays) {
  const auto store = with_hook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  ASSERT_TRUE(store) << store.error().message;
  const Credential* hooks = (*store)->find("hooks");
  ASSERT_TRUE(hooks->signs());
  EXPECT_TRUE(hooks->allows("https://crm.example:443"));
  EXPECT_EQ(to_base64(hooks->sign("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}")),
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Credentials, OfKindWebhookAreRefusedWhenTheyAreNone) {
  for (const std::string secret :
       {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8I", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa*w", "whsec_===="}) {
    const auto store = with_hook(secret);
    ASSERT_FALSE(store) << secret;
    EXPECT_EQ(store.error().code, ErrorCode::configuration);
    EXPECT_EQ(store.error().message.find(secret), std::string::npos);
  }
}

}  // namespace
}  // namespace settle
