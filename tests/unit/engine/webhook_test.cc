// How webhooks are signed, and where their secrets come from.
#include "engine/webhook.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace settle {
namespace {

const Time now(Duration(1'700'000'000'000));

WebhookPorts with_credential(const std::string& name, const std::string& key) {
  WebhookPorts ports;
  ports.sign = [name, key](const std::string& asked, std::string_view message) {
    return asked == name ? std::optional(hmac_sha256(key, message)) : std::nullopt;
  };
  return ports;
}

Subscription of(const WebhookSigner& signer, const std::string& id) {
  Subscription out;
  out.id = id;
  out.signing = signer.made(1);
  return out;
}

// RFC 4231 §4.3, test case 2.
TEST(Hmac, is_that_of_the_rfc) {
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(WebhookSigner, a_secret_is_the_same_whenever_it_is_made_and_of_one_subscription_and_generation) {
  const WebhookSigner signer(std::string(32, 'k'), {}), again(std::string(32, 'k'), {});
  const Subscription a = of(signer, "a"), b = of(signer, "b");
  EXPECT_EQ(signer.secret_text(a, a.signing), again.secret_text(a, a.signing));
  EXPECT_NE(signer.secret_text(a, a.signing), signer.secret_text(b, b.signing));
  EXPECT_NE(signer.secret_text(a, signer.made(1)), signer.secret_text(a, signer.made(2)));
  EXPECT_EQ(signer.secret_text(a, a.signing).size(), 6U + 44U);
}

TEST(WebhookSigner, another_key_does_not_sign_wrongly_but_not_at_all) {
  const WebhookSigner signer(std::string(32, 'k'), {}), other(std::string(32, 'x'), {}), none("", {});
  const Subscription a = of(signer, "a");
  EXPECT_TRUE(signer.sign(a, "id", 1, "body", now));
  for (const WebhookSigner* wrong : {&other, &none}) {
    EXPECT_FALSE(wrong->sign(a, "id", 1, "body", now));
    EXPECT_EQ(wrong->trouble(a.signing), "signing_key_changed");
  }
  EXPECT_FALSE(none.makes_secrets());
}

TEST(WebhookSigner, both_sign_until_the_overlap_is_over) {
  const WebhookSigner signer(std::string(32, 'k'), with_credential("hooks", "key"));
  Subscription a = of(signer, "a");
  const std::string first = *signer.sign(a, "id", 1, "body", now);
  EXPECT_TRUE(first.starts_with("v1,"));
  a.old_signing = a.signing;
  a.old_until = now + Duration(1);
  a.signing = {"hooks", 2, ""};
  const std::string second = "v1," + to_base64(hmac_sha256("key", "id.1.body"));
  EXPECT_EQ(signer.sign(a, "id", 1, "body", now), second + " " + first);
  EXPECT_EQ(signer.sign(a, "id", 1, "body", now + Duration(1)), second);
}

TEST(WebhookSigner, a_credential_that_is_gone_is_told) {
  const WebhookSigner signer(std::string(32, 'k'), with_credential("hooks", "key"));
  Subscription a = of(signer, "a");
  a.old_signing = Signing{"gone", 1, ""};
  a.old_until = now + Duration(1);
  EXPECT_TRUE(signer.sign(a, "id", 1, "body", now)) << "the one before is one signature less";
  a.signing = *a.old_signing;
  EXPECT_FALSE(signer.sign(a, "id", 1, "body", now));
  EXPECT_EQ(signer.trouble(a.signing), "credential_not_configured");
}

}  // namespace
}  // namespace settle
