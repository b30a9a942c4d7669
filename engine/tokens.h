#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/audit.h"
#include "engine/token_text.h"
#include "storage/access_codec.h"
#include "storage/store.h"

namespace settle {

/// All tokens of all namespaces. Readers take an immutable snapshot, without a lock; a change is durable before it is
/// seen, and seen by every loop before it is answered. Thread: any.
class TokenRegistry {
 public:
  explicit TokenRegistry(Store& store);

  /// Reads every stored token. Errors: corruption.
  Result<void> load();
  /// No token was ever made, or all of them were removed after their time.
  bool empty() const { return snapshot()->empty(); }

  /// Whose token this is. Errors: unauthenticated; the message tells expired and revoked ones apart only to whoever has
  /// the secret.
  Result<std::shared_ptr<const Token>> find(std::string_view text, Time now) const;
  /// Whether a token that was found before may still be used.
  bool stands(const Token& token, Time now) const;
  /// Whether the token with this id was revoked; one that is not known (any more) was not.
  bool is_revoked(const std::string& id) const;

  using Done = std::function<void(Result<std::shared_ptr<const Token>>)>;
  /// Stores a token whose holder is to have `text`; name, namespace, roles, expiry, creator are the caller's and are
  /// not checked here. `done` runs on `loop` once it is durable and known. Tokens that ended long ago (kept_for) are
  /// removed. The audit's record enters the same batch. Errors: quota_exceeded (tokens_max).
  void create(const TokenText& text, Token token, Time now, CompletionSink& loop, Done done,
              const AuditNotePtr& audit = nullptr);
  /// Ends a token for good. Doing it again changes nothing. Errors: not_found (also for a token that is not of
  /// `name_space`, unless that is all_name_spaces).
  void revoke(std::string_view name_space, const std::string& id, const std::string& by, Time now, CompletionSink& loop,
              Done done, const AuditNotePtr& audit = nullptr);

  /// Of a namespace (all_name_spaces: of all), the newest first.
  std::vector<std::shared_ptr<const Token>> list(std::string_view name_space) const;

  /// `listener` is told the id of each token that was revoked, before that is answered, on some loop. Before the loops
  /// run; for good.
  void on_revoked(std::function<void(const std::string& id)> listener) { listeners_.push_back(std::move(listener)); }

  static constexpr std::size_t tokens_max = 10'000;
  static constexpr Duration kept_for{std::int64_t{90} * 24 * 3'600'000};

 private:
  using Tokens = std::unordered_map<std::string, std::shared_ptr<const Token>>;
  std::shared_ptr<const Tokens> snapshot() const { return tokens_.load(std::memory_order_acquire); }
  void publish(const std::shared_ptr<const Token>& token, const std::vector<std::string>& removed);
  std::vector<std::string> long_over(Time now) const;

  Store& store_;
  /// Held while a change is decided and queued, and while one is published.
  std::mutex changes_;
  /// By id: decided and queued, and not yet published.
  std::unordered_map<std::string, std::shared_ptr<const Token>> pending_;
  std::atomic<std::shared_ptr<const Tokens>> tokens_;
  std::vector<std::function<void(const std::string&)>> listeners_;
};

}  // namespace settle
