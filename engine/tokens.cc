#include "engine/tokens.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "engine/feed_retention.h"
#include "storage/keys.h"

namespace settle {
namespace {

Error unauthenticated(std::string message) {
  return fail(ErrorCode::unauthenticated, std::move(message));
}

bool belongs(const Token& token, std::string_view name_space) {
  return name_space == all_name_spaces || token.name_space == name_space;
}

}  // namespace

TokenRegistry::TokenRegistry(Store& store) : store_(store), tokens_(std::make_shared<const Tokens>()) {}

Result<void> TokenRegistry::load() {
  auto tokens = std::make_shared<Tokens>();
  std::optional<Error> error;
  const std::string from(keys::tokens);
  const Result<void> scanned = store_.snapshot()->scan(
      Family::meta, {.from = from, .to = keys::after(from)}, [&](std::string_view key, std::string_view value) {
        Result<Token> token = decode_token(value, std::string(key.substr(from.size())));
        if (!token) {
          error = std::move(token).error();
          return false;
        }
        tokens->emplace(token->id, std::make_shared<const Token>(*token));
        return true;
      });
  if (!scanned) return scanned;
  if (error) return *std::move(error);
  tokens_.store(std::move(tokens), std::memory_order_release);
  return {};
}

Result<std::shared_ptr<const Token>> TokenRegistry::find(std::string_view text, Time now) const {
  const std::optional<TokenText> read = read_token(text);
  if (!read) return unauthenticated("this is no token of Settle, or it was mistyped");
  const std::shared_ptr<const Tokens> tokens = snapshot();
  const auto found = tokens->find(read->id);
  // An unknown id is compared with something, too, so that time does not tell which ids there are.
  static const Hash nobody{};
  const bool same = same_hash(hash_of_secret(*read), found == tokens->end() ? nobody : found->second->secret_hash);
  if (found == tokens->end() || !same) return unauthenticated("nobody has this token");
  const std::shared_ptr<const Token>& token = found->second;
  if (token->revoked_at) return unauthenticated("token " + token->id + " was revoked");
  if (token->expires_at && *token->expires_at <= now) return unauthenticated("token " + token->id + " has expired");
  return token;
}

bool TokenRegistry::stands(const Token& token, Time now) const {
  if (token.id.empty()) return true;  // --dev
  const std::shared_ptr<const Tokens> tokens = snapshot();
  const auto found = tokens->find(token.id);
  if (found == tokens->end() || found->second->revoked_at) return false;
  return !token.expires_at || now < *token.expires_at;
}

bool TokenRegistry::is_revoked(const std::string& id) const {
  const std::shared_ptr<const Tokens> tokens = snapshot();
  const auto found = tokens->find(id);
  return found != tokens->end() && found->second->revoked_at.has_value();
}

/// None while retention is held: what looks long over may have ended yesterday, by a clock that leapt.
std::vector<std::string> TokenRegistry::long_over(Time now) const {
  std::vector<std::string> out;
  const Result<std::optional<Time>> held = retention_held_since(*store_.snapshot());
  if (!held || *held) return out;
  for (const auto& [id, token] : *snapshot()) {
    const std::optional<Time> ended = token->revoked_at ? token->revoked_at : token->expires_at;
    if (ended && *ended + kept_for < now) out.push_back(id);
  }
  return out;
}

void TokenRegistry::publish(const std::shared_ptr<const Token>& token, const std::vector<std::string>& removed) {
  const std::lock_guard lock(changes_);
  auto next = std::make_shared<Tokens>(*snapshot());
  for (const std::string& id : removed) next->erase(id);
  (*next)[token->id] = token;
  tokens_.store(std::move(next), std::memory_order_release);
  pending_.erase(token->id);
}

void TokenRegistry::create(const TokenText& text, Token token, Time now, CompletionSink& loop, Done done,
                           const AuditNotePtr& audit) {
  token.id = text.id;
  token.secret_hash = hash_of_secret(text);
  token.created_at = now;
  const auto made = std::make_shared<const Token>(std::move(token));
  bool full = false;
  {
    const std::lock_guard lock(changes_);
    const std::vector<std::string> removed = long_over(now);
    full = snapshot()->size() + pending_.size() - removed.size() >= tokens_max;
    if (!full) {
      pending_[made->id] = made;
      WriteBatch batch;
      for (const std::string& id : removed) batch.erase(Family::meta, keys::token(id));
      batch.put(Family::meta, keys::token(made->id), encode_token(*made));
      if (audit != nullptr) audit->put_into(batch);
      store_.commit(std::move(batch), loop, [this, made, removed, done](const CommitResult&) {
        publish(made, removed);
        done(made);
      });
    }
  }
  if (full)
    done(fail(ErrorCode::quota_exceeded, "there are " + std::to_string(tokens_max) +
                                             " tokens already; revoked and expired ones go 90 days after their end"));
}

void TokenRegistry::revoke(std::string_view name_space, const std::string& id, const std::string& by, Time now,
                           CompletionSink& loop, Done done, const AuditNotePtr& audit) {
  const std::shared_ptr<const Tokens> tokens = snapshot();
  const auto found = tokens->find(id);
  if (found == tokens->end() || !belongs(*found->second, name_space))
    return done(fail(ErrorCode::not_found, "there is no token \"" + shorten(id, 40) + "\""));
  if (found->second->revoked_at) return done(found->second);
  const std::lock_guard lock(changes_);
  std::shared_ptr<const Token>& ending = pending_[id];  // a second revoke writes what the first one did
  if (ending == nullptr) {
    Token ended = *found->second;
    ended.revoked_at = now;
    ended.revoked_by = by;
    ending = std::make_shared<const Token>(std::move(ended));
  }
  WriteBatch batch;
  batch.put(Family::meta, keys::token(id), encode_token(*ending));
  if (audit != nullptr) audit->put_into(batch);
  store_.commit(std::move(batch), loop, [this, revoked = ending, done](const CommitResult&) {
    publish(revoked, {});
    for (const auto& listener : listeners_) listener(revoked->id);
    done(revoked);
  });
}

std::vector<std::shared_ptr<const Token>> TokenRegistry::list(std::string_view name_space) const {
  std::vector<std::shared_ptr<const Token>> out;
  for (const auto& entry : *snapshot()) {
    if (belongs(*entry.second, name_space)) out.push_back(entry.second);
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::pair(b->created_at, b->id) < std::pair(a->created_at, a->id);
  });
  return out;
}

}  // namespace settle
