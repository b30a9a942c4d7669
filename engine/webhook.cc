#include "engine/webhook.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/error.h"
#include "base/hash.h"

namespace settle {
namespace {

constexpr std::size_t print_bytes = 8;

std::string print_of(const std::string& key) {
  if (key.empty()) return {};
  const Hash hash = sha256("print of the webhook key\n" + key);
  return {reinterpret_cast<const char*>(hash.data()), print_bytes};
}

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::array<unsigned char, 32> out{};
  unsigned int bytes = 0;
  const unsigned char* made =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), out.data(), &bytes);
  SETTLE_ASSERT(made != nullptr && bytes == out.size());
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

WebhookSigner::WebhookSigner(std::string key, WebhookPorts ports)
    : key_(std::move(key)), print_(print_of(key_)), ports_(std::move(ports)) {}

Signing WebhookSigner::made(std::uint32_t generation) const {
  SETTLE_ASSERT(makes_secrets());
  return {"", generation, print_};
}

/// The id is random and of this subscription alone, so that another of the same name gets another secret.
std::string WebhookSigner::secret_bytes(const Subscription& subscription, std::uint32_t generation) const {
  return hmac_sha256(key_, "webhook secret\n" + subscription.id + "\n" + std::to_string(generation));
}

std::string WebhookSigner::secret_text(const Subscription& subscription, const Signing& signing) const {
  SETTLE_ASSERT(signing.credential.empty() && signing.key_print == print_);
  return "whsec_" + to_base64(secret_bytes(subscription, signing.generation));
}

std::string_view WebhookSigner::trouble(const Signing& signing) const {
  if (signing.credential.empty()) return !key_.empty() && signing.key_print == print_ ? "" : "signing_key_changed";
  return ports_.sign && ports_.sign(signing.credential, "") ? "" : "credential_not_configured";
}

std::optional<std::string> WebhookSigner::sign_with(const Subscription& subscription, const Signing& signing,
                                                    std::string_view message) const {
  if (!trouble(signing).empty()) return std::nullopt;
  const std::optional<std::string> mac = signing.credential.empty()
                                             ? hmac_sha256(secret_bytes(subscription, signing.generation), message)
                                             : ports_.sign(signing.credential, message);
  return mac ? std::optional("v1," + to_base64(*mac)) : std::nullopt;
}

std::optional<std::string> WebhookSigner::sign(const Subscription& subscription, std::string_view message_id,
                                               std::int64_t seconds, std::string_view body, Time now) const {
  std::string message(message_id);
  message += "." + std::to_string(seconds) + ".";
  message += body;
  std::optional<std::string> out = sign_with(subscription, subscription.signing, message);
  if (!out || !subscription.old_signing || subscription.old_until <= now) return out;
  // The one before may be gone from the configuration already: then there is one signature less.
  if (const std::optional<std::string> old = sign_with(subscription, *subscription.old_signing, message))
    *out += " " + *old;
  return out;
}

}  // namespace settle
