// The feed of all events: places, gaps, what is gone, and what events look like outside.
#include "engine/feed.h"

#include <gtest/gtest.h>

#include "engine/feed_filter.h"
#include "storage/keys.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {
namespace {

class NoSink final : public CompletionSink {
  void deliver(std::vector<Completion>) override {}
};

class Feed : public ::testing::Test {
 protected:
  /// Workflow `id` with a plan of two actions.
  void make(const std::string& id, const std::string& name_space = "default") {
    const keys::OfWorkflow records(name_space, id);
    Workflow workflow;
    auto plan = std::make_shared<Plan>();
    plan->name = "plan-of-" + id;
    workflow.plan = plan;
    workflow.header.id = id;
    workflow.header.name_space = name_space;
    workflow.header.labels = {{"team", "sales"}};
    workflow.header.created_at = Time(Duration(1));
    WriteBatch batch;
    batch.put(Family::state, records.header(), encode_header(workflow, std::nullopt, 0));
    batch.put(Family::state, records.plan(), R"({"actions":[{"id":"one"},{"id":"two"}],"name":"p"})");
    store.commit(std::move(batch), sink, nullptr);
  }

  /// Events of these types as one step, in the group that is made next.
  void step(const std::string& id, std::uint32_t first, const std::vector<std::string>& types,
            const std::string& name_space = "default", Time at = Time(Duration(5'000))) {
    std::vector<HistoryEvent> events;
    for (const std::string& type : types) events.push_back({type, 1, Json::object({{"n", 1}}), at});
    WriteBatch batch;
    batch.put(Family::history, keys::OfWorkflow(name_space, id).events(first), encode_events(events));
    batch.feed.push_back({name_space, id, first, static_cast<std::uint32_t>(types.size())});
    store.commit(std::move(batch), sink, nullptr);
  }

  /// "id.seq" of at most `count` events from a place on, and the place behind them.
  std::string read(FeedCursor& from, std::size_t count = 100, const std::string& name_space = "default") {
    std::string out;
    std::size_t left = count;
    const Result<FeedCursor> reached = reader.read(
        *store.snapshot(), from, 1'000, [&](std::string_view wanted) { return wanted == name_space; },
        [&](const FeedEvent& event) {
          if (left-- == 0) return false;
          out += event.workflow + "." + std::to_string(event.event.seq) + " ";
          return true;
        });
    EXPECT_TRUE(reached) << (reached ? "" : reached.error().message);
    if (reached) from = *reached;
    return out;
  }

  Result<FeedCursor> try_from(FeedCursor from) {
    return reader.read(
        *store.snapshot(), from, 10, [](std::string_view) { return true; }, [](const FeedEvent&) { return true; });
  }

  NoSink sink;
  MemoryStore store{false};
  FeedReader reader;
};

TEST_F(Feed, events_come_in_the_order_in_which_they_became_durable_page_by_page_without_gap) {
  make("a");
  make("b");
  step("a", 1, {"workflow.submitted", "action.started"});
  step("b", 1, {"workflow.submitted"});
  store.sync();
  step("b", 2, {"action.started", "action.executed", "action.verified"});
  store.sync();
  FeedCursor cursor;
  EXPECT_EQ(read(cursor), "a.1 a.2 b.1 b.2 b.3 b.4 ");
  EXPECT_EQ(write_cursor(cursor), "3.0");
  for (std::size_t size = 1; size <= 7; ++size) {
    FeedCursor at;
    std::string all;
    for (std::string page = read(at, size); !page.empty(); page = read(at, size)) all += page;
    EXPECT_EQ(all, "a.1 a.2 b.1 b.2 b.3 b.4 ") << size;
    EXPECT_EQ(write_cursor(at), "3.0");
  }
  EXPECT_EQ(read(cursor), "");
  step("a", 3, {"workflow.ended"});
  store.sync();
  EXPECT_EQ(read(cursor), "a.3 ");
}

TEST_F(Feed, more_records_than_one_look_takes_are_read_whole) {
  make("a");
  std::string want;
  for (std::uint32_t i = 1; i <= 150; ++i) {
    step("a", i, {"action.started"});
    store.sync();
    want += "a." + std::to_string(i) + " ";
  }
  FeedCursor cursor;
  EXPECT_EQ(read(cursor, 1'000), want);
}

TEST_F(Feed, one_look_ends_inside_of_a_record_that_names_much) {
  make("a");
  for (std::uint32_t i = 1; i <= 7; ++i) step("a", i, {"action.started"});
  step("b", 1, {"action.started"}, "own");
  step("a", 8, {"action.started", "action.executed"});
  store.sync();
  FeedCursor at;
  std::string all, places;
  for (std::size_t looks = 0; at.record == 1 && looks < 10; ++looks) {
    const Result<FeedCursor> reached = reader.read(
        *store.snapshot(), at, 3, [](std::string_view wanted) { return wanted == "default"; },
        [&](const FeedEvent& event) {
          all += event.workflow + "." + std::to_string(event.event.seq) + " ";
          return true;
        });
    ASSERT_TRUE(reached);
    at = *reached;
    places += write_cursor(at) + " ";
  }
  EXPECT_EQ(all, "a.1 a.2 a.3 a.4 a.5 a.6 a.7 a.8 a.9 ");
  EXPECT_EQ(places, "1.3 1.6 2.0 ");
}

TEST_F(Feed, a_place_is_the_same_whoever_reads) {
  make("a");
  make("x", "own");
  step("a", 1, {"workflow.submitted"});
  step("x", 1, {"workflow.submitted", "action.started"}, "own");
  step("a", 2, {"action.started"});
  store.sync();
  FeedCursor own, usual;
  EXPECT_EQ(read(own, 1, "own"), "x.1 ");
  EXPECT_EQ(write_cursor(own), "1.2");
  EXPECT_EQ(read(usual, 1), "a.1 ");
  EXPECT_EQ(read(usual = own), "a.2 ");
}

TEST_F(Feed, what_is_not_kept_any_more_is_said_and_where_to_go_on) {
  make("a");
  for (std::uint32_t i = 1; i <= 5; ++i) {
    step("a", i, {"action.started"});
    store.sync();
  }
  WriteBatch batch;
  trim_feed(1, 4, batch);
  store.commit(std::move(batch), sink, nullptr);
  store.sync();
  const Result<FeedCursor> old = try_from({3, 0});
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, ErrorCode::cursor_expired);
  EXPECT_EQ(old.error().problems.at(0).expected, "4.0");
  FeedCursor begin = *feed_begin(*store.snapshot());
  EXPECT_EQ(read(begin), "a.4 a.5 ");
  EXPECT_EQ(store.feed_size(), 5U);
  EXPECT_EQ(*feed_size(*store.snapshot()), 5U);
}

TEST_F(Feed, a_cursor_of_another_feed_is_refused) {
  make("a");
  step("a", 1, {"action.started"});
  store.sync();
  EXPECT_TRUE(try_from({2, 0}));
  for (const FeedCursor& foreign : {FeedCursor{3, 0}, FeedCursor{2, 1}})
    EXPECT_EQ(try_from(foreign).error().code, ErrorCode::invalid_argument) << write_cursor(foreign);
}

TEST_F(Feed, events_whose_history_is_gone_are_passed_over) {
  make("a");
  make("b");
  step("a", 1, {"workflow.submitted"});
  step("b", 1, {"workflow.submitted"});
  store.sync();
  WriteBatch batch;
  batch.erase(Family::history, keys::OfWorkflow("default", "a").events(1));
  store.commit(std::move(batch), sink, nullptr);
  store.sync();
  FeedCursor cursor;
  EXPECT_EQ(read(cursor), "b.1 ");
}

TEST_F(Feed, a_store_without_a_feed_begins_one) {
  make("a");
  store.sync();
  FeedCursor cursor = *feed_begin(*store.snapshot());
  EXPECT_EQ(read(cursor), "");
  EXPECT_EQ(write_cursor(cursor), "1.0");
}

TEST_F(Feed, an_event_outside_is_a_cloud_event_with_an_id_for_ever) {
  make("a");
  step("a", 1, {"workflow.submitted", "action.executed"});
  store.sync();
  std::vector<FeedEvent> seen;
  ASSERT_TRUE(reader.read(
      *store.snapshot(), {}, 10, [](std::string_view) { return true; },
      [&](FeedEvent event) {
        seen.push_back(std::move(event));
        return true;
      }));
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(write_json(cloud_event(seen[1])),
            R"({"specversion":"1.0","id":"a.2","source":"/namespaces/default","type":"action.executed",)"
            R"("time":"1970-01-01T00:00:05.000Z","datacontenttype":"application/json","subject":"a",)"
            R"("sequence":"0000000002","cursor":"1.2","data":{"workflow":"a","name":"plan-of-a",)"
            R"("labels":{"team":"sales"},"action":"two","data":{"n":1}}})");
  EXPECT_EQ(message_id(seen[1]).size(), 36U);
  EXPECT_NE(message_id(seen[0]), message_id(seen[1]));
}

TEST(Cursor, is_read_as_it_was_written_and_nothing_else) {
  for (const FeedCursor& cursor : {FeedCursor{1, 0}, FeedCursor{18'000'000'000ULL, 4'000'000'000U}})
    EXPECT_EQ(read_cursor(write_cursor(cursor)), cursor);
  for (const char* text : {"", ".", "1", "1.", ".1", "0.0", "01.0", "1.0.0", "-1.0", "1.4294967296", "end", "1.x"})
    EXPECT_FALSE(read_cursor(text)) << text;
}

TEST(Filter, types_are_named_whole_or_from_a_dot_on) {
  struct Row {
    const char* pattern;
    const char* type;
    bool fits;
  };
  const Row rows[] = {
      {"*", "workflow.ended", true},
      {"workflow.ended", "workflow.ended", true},
      {"workflow.*", "workflow.ended", true},
      {"workflow.*", "workflow", false},
      {"workflow.*", "workflowx.ended", false},
      {"workflow.end", "workflow.ended", false},
      {"emitted.order.*", "emitted.order.shipped.late", true},
      {"action.*", "workflow.ended", false},
  };
  for (const Row& row : rows) EXPECT_EQ(fits_type(row.pattern, row.type), row.fits) << row.pattern << " " << row.type;
  for (const char* good : {"*", "a", "a.b", "a.*", "emitted.Order-1.x_y.*"}) EXPECT_TRUE(is_type_pattern(good)) << good;
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "a*", "*.a", "a.*.b", "**", "a b", ".*"})
    EXPECT_FALSE(is_type_pattern(bad)) << bad;
}

TEST_F(Feed, what_the_engine_says_of_a_namespace_is_seen_there_alone) {
  WriteBatch batch;
  batch.feed.push_back(notice_of(
      {"schedule.paused", std::nullopt, Json::object({{"schedule", "nightly"}}), Time(Duration(5'000))}, "default"));
  batch.feed.push_back(notice_of({"engine.clock_leapt", std::nullopt, Json::object(), Time(Duration(5'000))}));
  store.commit(std::move(batch), sink, nullptr);
  store.sync();
  const auto seen_by = [&](std::string_view name_space) {
    std::vector<Json> out;
    EXPECT_TRUE(reader.read(
        *store.snapshot(), {}, 100, [&](std::string_view wanted) { return wanted == name_space; },
        [&](const FeedEvent& event) {
          out.push_back(cloud_event(event));
          return true;
        }));
    return out;
  };
  const std::vector<Json> own = seen_by("default"), others = seen_by("another");
  ASSERT_EQ(own.size(), 2U);
  EXPECT_EQ(*own[0].find("source"), Json("/namespaces/default/engine"));
  EXPECT_EQ(*own[0].find("subject"), Json("nightly"));
  EXPECT_EQ(*own[0].find("type"), Json("schedule.paused"));
  ASSERT_EQ(others.size(), 1U);
  EXPECT_EQ(*others[0].find("source"), Json("/engine"));
}

TEST(Filter, names_are_alternatives_and_labels_must_all_fit) {
  FeedEvent event;
  event.workflow = "w";
  event.about = std::make_shared<FeedWorkflow>(FeedWorkflow{"p", {{"team", "sales"}, {"env", "live"}}, {}});
  event.event.event.type = "workflow.ended";
  EXPECT_TRUE(fits({}, event));
  EXPECT_TRUE(fits({{"action.*", "workflow.ended"}, {"q", "p"}, {{"team", "sales"}, {"env", "live"}}}, event));
  EXPECT_FALSE(fits({{}, {"q"}, {}}, event));
  EXPECT_FALSE(fits({{}, {}, {{"team", "sales"}, {"env", "test"}}}, event));
  EXPECT_FALSE(fits({{}, {}, {{"gone", "x"}}}, event));
  FeedEvent own;
  own.event.event.type = "engine.clock_leapt";
  EXPECT_TRUE(fits({{"engine.*"}, {}, {}}, own));
  EXPECT_FALSE(fits({{}, {"p"}, {}}, own));
}

}  // namespace
}  // namespace settle::test
