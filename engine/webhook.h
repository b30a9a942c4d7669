#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/outbox_codec.h"

namespace settle {

/// What the outbox needs of its surroundings to send webhooks. Functions may be called on any loop.
struct WebhookPorts {
  /// Whether it is a URL that deliveries may go to. Errors: invalid_argument, with a problem.
  std::function<Result<void>(const std::string& url, const std::string& credential)> check_url;
  /// Whether a private address may be behind it: the configuration names it.
  std::function<bool(const std::string& url, const std::string& credential)> may_be_private;
  /// Whether subscriptions of this namespace may name that credential of the configuration, and it signs. Errors:
  /// invalid_argument.
  std::function<Result<void>(const std::string& credential, const std::string& name_space)> check_credential;
  /// HMAC-SHA256 under the secret of a credential of the configuration. Null: there is none that signs.
  std::function<std::optional<std::string>(const std::string& credential, std::string_view message)> sign;
};

/// Makes secrets of webhooks from one key, so that none of them is stored, and signs by Standard Webhooks 1.0.0.
/// Thread: any.
class WebhookSigner {
 public:
  /// `key`: 32 bytes that nobody else knows; empty: no secrets can be made here.
  WebhookSigner(std::string key, WebhookPorts ports);

  bool makes_secrets() const { return !key_.empty(); }
  /// What signs a subscription with a secret of this generation, made from this key.
  Signing made(std::uint32_t generation) const;
  /// "whsec_…", as its receiver is to have it. Only for signings of this key.
  std::string secret_text(const Subscription& subscription, const Signing& signing) const;
  /// Whether it can sign: the credential is there, or the secret was made from this key. Empty when it can, else why
  /// not: "credential_not_configured" or "signing_key_changed".
  std::string_view trouble(const Signing& signing) const;
  /// The header webhook-signature: that of the present secret, and of the one before while both are valid. Null:
  /// trouble().
  std::optional<std::string> sign(const Subscription& subscription, std::string_view message_id, std::int64_t seconds,
                                  std::string_view body, Time now) const;

  const WebhookPorts& ports() const { return ports_; }

 private:
  std::string secret_bytes(const Subscription& subscription, std::uint32_t generation) const;
  std::optional<std::string> sign_with(const Subscription& subscription, const Signing& signing,
                                       std::string_view message) const;

  const std::string key_;
  const std::string print_;
  const WebhookPorts ports_;
};

/// HMAC-SHA256 (RFC 2104), 32 bytes. Thread: any.
std::string hmac_sha256(std::string_view key, std::string_view message);

}  // namespace settle
