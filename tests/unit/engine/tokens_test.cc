// Tokens: their text, and what the registry says of them before and after every change.
#include "engine/tokens.h"

#include <gtest/gtest.h>

#include "engine/feed_retention.h"
#include "storage/keys.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/storage/collecting_sink.h"

namespace settle::test {
namespace {

TEST(TokenText, reads_what_it_writes_and_nothing_that_was_mistyped) {
  const TokenText token = fresh_token();
  const std::string text = write_token(token);
  EXPECT_EQ(text.size(), 83U);
  const std::optional<TokenText> read = read_token(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, token.id);
  EXPECT_EQ(read->secret, token.secret);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string wrong = text;
    wrong[i] = wrong[i] == '7' ? '8' : '7';
    EXPECT_FALSE(read_token(wrong)) << i;
    EXPECT_FALSE(read_token(text.substr(0, i))) << i;
  }
  EXPECT_FALSE(read_token(text + "0"));
  std::string loud = text;
  for (char& c : loud) c = static_cast<char>(std::toupper(c));
  EXPECT_FALSE(read_token(loud));
}

TEST(TokenText, no_two_are_alike) {
  EXPECT_NE(fresh_token().id, fresh_token().id);
  EXPECT_NE(fresh_token().secret, fresh_token().secret);
}

TEST(TokenText, the_checksum_is_what_the_format_says) {
  // docs/formats/records.md gives this example.
  EXPECT_EQ(write_token({std::string(16, '0'), std::string(52, 'v')}),
            "settle_0000000000000000_" + std::string(52, 'v') + "mueurg0");
}

class Tokens : public ::testing::Test {
 protected:
  Tokens() { reload(); }
  void reload() {
    registry = std::make_unique<TokenRegistry>(store);
    const Result<void> loaded = registry->load();
    EXPECT_TRUE(loaded);
  }
  /// Queued, not durable yet.
  TokenText create(std::optional<Time> expires_at = std::nullopt, const std::string& name_space = "default") {
    const TokenText text = fresh_token();
    Token token;
    token.name = "ada";
    token.name_space = name_space;
    token.roles = {Role::planner, Role::auditor};
    token.created_by = "bob";
    token.expires_at = expires_at;
    registry->create(text, token, now, sink, [this](const auto& done) { answers.push_back(code_of(done)); });
    return text;
  }
  void revoke(const TokenText& text, const std::string& name_space = "default") {
    registry->revoke(name_space, text.id, "bob", now, sink,
                     [this](const auto& done) { answers.push_back(code_of(done)); });
  }
  static std::string code_of(const Result<std::shared_ptr<const Token>>& done) {
    return done ? "ok" : std::string(info(done.error().code).name);
  }
  std::string find(const TokenText& text) const { return code_of(registry->find(write_token(text), now)); }

  MemoryStore store{false};
  CollectingSink sink;
  Time now{Duration(1'000'000)};
  std::unique_ptr<TokenRegistry> registry;
  std::vector<std::string> answers;
};

TEST_F(Tokens, a_token_is_good_once_it_is_durable_and_after_a_restart) {
  const TokenText text = create(now + Duration(10));
  EXPECT_EQ(find(text), "unauthenticated") << "not durable yet";
  EXPECT_TRUE(answers.empty());
  store.sync();
  EXPECT_EQ(answers, std::vector<std::string>{"ok"});
  EXPECT_EQ(find(text), "ok");
  reload();
  const Result<std::shared_ptr<const Token>> found = registry->find(write_token(text), now);
  ASSERT_TRUE(found);
  const Token& token = **found;
  EXPECT_EQ(token.name, "ada");
  EXPECT_EQ(token.name_space, "default");
  EXPECT_EQ(token.roles, (Roles{Role::planner, Role::auditor}));
  EXPECT_EQ(token.created_at, now);
  EXPECT_EQ(token.created_by, "bob");
  EXPECT_TRUE(registry->stands(token, now));
  now += Duration(10);
  EXPECT_EQ(find(text), "unauthenticated") << "expired";
  EXPECT_FALSE(registry->stands(token, now));
}

TEST_F(Tokens, the_store_holds_no_secret) {
  const TokenText text = create();
  store.sync();
  const Result<void> scanned =
      store.snapshot()->scan(Family::meta, {}, [&](std::string_view key, std::string_view value) {
        EXPECT_EQ(key.find(text.secret), std::string_view::npos);
        EXPECT_EQ(value.find(text.secret), std::string_view::npos);
        return true;
      });
  EXPECT_TRUE(scanned);
}

TEST_F(Tokens, a_wrong_secret_opens_nothing) {
  TokenText text = create();
  store.sync();
  text.secret = fresh_token().secret;
  EXPECT_EQ(find(text), "unauthenticated");
}

TEST_F(Tokens, a_revoked_token_is_refused_everywhere_before_that_is_answered) {
  const TokenText text = create();
  store.sync();
  std::string told;
  std::size_t answered = 0;
  registry->on_revoked([&](const std::string& id) {
    EXPECT_EQ(find(text), "unauthenticated") << "refused already when the loops are told";
    if (told.empty()) answered = answers.size();
    told = id;
  });
  revoke(text);
  revoke(text);
  EXPECT_EQ(find(text), "ok") << "not durable yet";
  store.sync();
  EXPECT_EQ(told, text.id);
  EXPECT_EQ(answered, 1U) << "the loops are told before it is answered";
  EXPECT_EQ(answers, (std::vector<std::string>{"ok", "ok", "ok"}));
  reload();
  EXPECT_EQ(find(text), "unauthenticated");
  EXPECT_EQ(registry->list("default")[0]->revoked_by, "bob");
}

TEST_F(Tokens, of_another_namespace_are_not_there) {
  const TokenText text = create(std::nullopt, "own");
  store.sync();
  revoke(text, "other");
  revoke(fresh_token(), "own");
  EXPECT_EQ(answers, (std::vector<std::string>{"ok", "not_found", "not_found"}));
  EXPECT_TRUE(registry->list("other").empty());
  EXPECT_EQ(registry->list("own").size(), 1U);
  EXPECT_EQ(registry->list(all_name_spaces).size(), 1U);
  revoke(text, std::string(all_name_spaces));
  store.sync();
  EXPECT_EQ(find(text), "unauthenticated");
}

TEST_F(Tokens, what_ended_long_ago_goes_with_the_next_that_is_made) {
  const TokenText old = create(now + Duration(10));
  store.sync();
  now += TokenRegistry::kept_for;
  create();
  store.sync();
  EXPECT_EQ(registry->list("default").size(), 2U);
  now += Duration(20);
  create();
  store.sync();
  EXPECT_EQ(registry->list("default").size(), 2U) << "the old one is gone, the new one came";
  reload();
  EXPECT_EQ(registry->list("default").size(), 2U);
  EXPECT_EQ(find(old), "unauthenticated");
}

TEST_F(Tokens, while_retention_is_held_what_looks_old_stays) {
  const TokenText old = create(now + Duration(10));
  store.sync();
  WriteBatch hold;
  hold.put(Family::meta, std::string(keys::retention_hold), format_time(now));
  store.commit(std::move(hold), sink, [](const CommitResult&) {});
  store.sync();
  now += TokenRegistry::kept_for * 2;
  create();
  store.sync();
  EXPECT_EQ(registry->list("default").size(), 2U);
  WriteBatch release;
  release_retention(release);
  store.commit(std::move(release), sink, [](const CommitResult&) {});
  store.sync();
  create();
  store.sync();
  EXPECT_EQ(registry->list("default").size(), 2U) << "the old one is gone, two new ones came";
}

TEST_F(Tokens, a_damaged_record_is_found_at_the_start) {
  WriteBatch batch;
  batch.put(Family::meta, keys::token("x"), "nonsense");
  store.commit(std::move(batch), sink, [](const CommitResult&) {});
  store.sync();
  TokenRegistry fresh(store);
  const Result<void> loaded = fresh.load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::corruption);
}

}  // namespace
}  // namespace settle::test
