// Which version of a tool counts: by the order of puts, without the disabled ones, and the same after a restart.
#include "engine/tools.h"
#include "storage/keys.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/storage/collecting_sink.h"
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

Json version_of(const std::string& description) {
  return changed(tool_document({}), "/description", "\"" + description + "\"");
}

class Registry : public ::testing::Test {
 protected:
  Registry() { reload(); }

  void reload() {
    tools = std::make_unique<ToolRegistry>(store, Values());
    const Result<void> loaded = tools->load();
    EXPECT_TRUE(loaded);
  }
  Result<ToolRegistry::Put> put(const std::string& description) {
    Result<ToolRegistry::Put> out = fail(ErrorCode::internal, "no answer");
    tools->put("default", version_of(description), now, sink,
               [&](const Result<ToolRegistry::Put>& done) { out = done; });
    store.sync();
    return out;
  }
  bool enable(const std::string& description, bool enabled) {
    bool done = false;
    tools->set_enabled("default", "box.put", bytes(description), enabled, now, sink,
                       [&](const Result<ToolRegistry::Version>& changed) { done = static_cast<bool>(changed); });
    store.sync();
    return done;
  }
  static std::string bytes(const std::string& description) { return version_bytes(*compiled(version_of(description))); }
  std::string latest() const {
    const std::shared_ptr<const Tool> tool = tools->latest("default", "box.put");
    return tool == nullptr ? "none" : tool->description;
  }

  MemoryStore store{false};
  CollectingSink sink;
  Time now{Duration(1'000)};
  std::unique_ptr<ToolRegistry> tools;
};

TEST_F(Registry, the_latest_put_counts_and_disabling_goes_back_to_the_one_before) {
  EXPECT_TRUE(put("a")->created);
  EXPECT_TRUE(put("b")->created);
  EXPECT_EQ(latest(), "b");
  now += Duration(1'000);
  EXPECT_FALSE(put("a")->created) << "known, and the newest again";
  EXPECT_EQ(latest(), "a");
  EXPECT_EQ(tools->versions("default", "box.put")[0].standing.came_at, Time(Duration(1'000)));
  EXPECT_TRUE(enable("a", false));
  EXPECT_EQ(latest(), "b");
  reload();
  EXPECT_EQ(latest(), "b");
  EXPECT_TRUE(enable("b", false));
  EXPECT_EQ(latest(), "none");
  EXPECT_TRUE(tools->is_disabled("default", "box.put"));
  EXPECT_TRUE(tools->names("default").empty());
  reload();
  EXPECT_EQ(latest(), "none");
  EXPECT_EQ(put("a").error().code, ErrorCode::wrong_state);
  EXPECT_TRUE(enable("a", true));
  EXPECT_EQ(latest(), "a");
  EXPECT_FALSE(enable("never put", true));
}

TEST_F(Registry, nothing_is_seen_before_it_is_durable_and_the_last_decision_stands) {
  EXPECT_TRUE(put("a"));
  tools->set_enabled("default", "box.put", bytes("a"), false, now, sink, [](const Result<ToolRegistry::Version>&) {});
  EXPECT_EQ(latest(), "a") << "not durable yet";
  ErrorCode refused = ErrorCode::internal;
  tools->put("default", version_of("a"), now, sink,
             [&](const Result<ToolRegistry::Put>& done) { refused = done.error().code; });
  EXPECT_EQ(refused, ErrorCode::wrong_state) << "a put must not undo what was decided before it";
  store.sync();
  EXPECT_EQ(latest(), "none");
}

TEST_F(Registry, a_store_from_before_standings_were_kept_is_read_as_it_was) {
  WriteBatch batch;
  for (const char* description : {"a", "b"})
    batch.put(Family::meta, keys::tool("default", "box.put", bytes(description)), canonical(version_of(description)));
  batch.put(Family::meta, keys::tool_latest("default", "box.put"), bytes("a"));
  store.commit(std::move(batch), sink, [](const CommitResult&) {});
  store.sync();
  reload();
  EXPECT_EQ(latest(), "a");
  EXPECT_EQ(tools->versions("default", "box.put").size(), 2U);
  EXPECT_FALSE(tools->versions("default", "box.put")[0].standing.came_at);
  EXPECT_TRUE(enable("a", false));
  EXPECT_EQ(latest(), "b");
  reload();
  EXPECT_EQ(latest(), "b");
}

}  // namespace
}  // namespace settle::test
