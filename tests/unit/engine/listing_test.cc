// What a list finds by marks is what a look at every workflow would find.
#include "engine/listing.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "storage/codec.h"
#include "storage/keys.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/storage/collecting_sink.h"

namespace settle {
namespace {

/// Workflows that come, change and end, as their shards write them.
class Listing : public testing::Test {
 protected:
  /// One of them changes, or another one begins.
  void turn() {
    if (dice_() % 3 == 0 || workflows_.empty()) {
      Workflow made;
      made.header.name_space = dice_() % 4 == 0 ? "other" : "default";
      made.header.id = "w" + std::to_string(workflows_.size());
      made.header.created_at = Time(Duration(1'000 + workflows_.size() / 3));
      made.header.labels["odd"] = workflows_.size() % 2 == 0 ? "no" : "yes";
      auto plan = std::make_shared<Plan>();
      plan->name = dice_() % 2 == 0 ? "one" : "another";
      made.plan = plan;
      workflows_.push_back(made);
      marks_.push_back(0);
      return write(workflows_.size() - 1);
    }
    const std::size_t index = dice_() % workflows_.size();
    WorkflowHeader& header = workflows_[index].header;
    using enum WorkflowOutcome;
    header.status = dice_() % 2 == 0 ? WorkflowStatus::ended : WorkflowStatus::running;
    header.outcome =
        header.status == WorkflowStatus::ended ? std::array{verified, failed, cancelled}[dice_() % 3] : none;
    header.attention = dice_() % 5 == 0;
    write(index);
  }

  void write(std::size_t index) {
    const WorkflowHeader& header = workflows_[index].header;
    WriteBatch batch;
    batch.put(Family::index, keys::summary(header.name_space, header.created_at, header.id),
              encode_summary(workflows_[index]));
    const Marks marks = marks_of(header);
    if (marked_) change_marks(header, marks_[index], marks, batch);
    marks_[index] = marks;
    commit_and_wait(store_, std::move(batch));
  }

  /// Ids of all pages, in order.
  std::string listed(ListQuery query) {
    std::string out;
    for (int pages = 0; pages < 1'000; ++pages) {
      const Result<Json> page = list_workflows(*store_.snapshot(), query);
      EXPECT_TRUE(page);
      for (const Json& workflow : page->find("workflows")->as_array()) out += workflow.find("id")->as_string() + " ";
      if (page->find("next_cursor")->is_null()) return out;
      query.cursor = page->find("next_cursor")->as_string();
    }
    return "no end";
  }

  std::string expected(const ListQuery& query) const {
    std::map<std::pair<std::int64_t, std::string>, std::string> found;
    for (const Workflow& workflow : workflows_) {
      const WorkflowHeader& header = workflow.header;
      const bool fits = header.name_space == query.name_space && (!query.status || header.status == *query.status) &&
                        (!query.outcome || header.outcome == *query.outcome) &&
                        (!query.attention || header.attention == *query.attention) &&
                        (query.name.empty() || workflow.plan->name == query.name) &&
                        (query.label_name.empty() || header.labels.at(query.label_name) == query.label_value) &&
                        (!query.created_after || header.created_at > *query.created_after) &&
                        (!query.created_before || header.created_at < *query.created_before);
      if (fits) found[{-header.created_at.time_since_epoch().count(), header.id}] = header.id;
    }
    std::string out;
    for (const auto& [place, id] : found) out += id + " ";
    return out;
  }

  ListQuery draw() {
    ListQuery query;
    query.limit = 1 + dice_() % 40;
    if (dice_() % 4 == 0) query.name_space = "other";
    if (dice_() % 3 == 0) query.status = dice_() % 2 == 0 ? WorkflowStatus::running : WorkflowStatus::ended;
    if (dice_() % 3 == 0)
      query.outcome =
          std::array{WorkflowOutcome::verified, WorkflowOutcome::failed, WorkflowOutcome::cancelled}[dice_() % 3];
    if (dice_() % 3 == 0) query.attention = dice_() % 2 == 0;
    if (dice_() % 4 == 0) query.name = "one";
    if (dice_() % 4 == 0) std::tie(query.label_name, query.label_value) = std::pair("odd", "yes");
    if (dice_() % 4 == 0) query.created_after = Time(Duration(1'000 + dice_() % 60));
    if (dice_() % 4 == 0) query.created_before = Time(Duration(1'000 + dice_() % 60));
    return query;
  }

  std::mt19937 dice_{7};
  bool marked_ = true;
  MemoryStore store_{true};
  std::vector<Workflow> workflows_;
  std::vector<Marks> marks_;
};

TEST_F(Listing, finds_by_marks_what_a_look_at_all_would_find) {
  int found = 0;
  for (int round = 0; round < 400; ++round) {
    turn();
    const ListQuery query = draw();
    ASSERT_EQ(listed(query), expected(query)) << "round " << round;
    found += expected(query).empty() ? 0 : 1;
  }
  EXPECT_GT(found, 100);
}

TEST_F(Listing, a_store_from_before_the_marks_gets_them_once) {
  marked_ = false;
  for (int i = 0; i < 200; ++i) turn();
  const ListQuery running{.status = WorkflowStatus::running, .limit = 1'000};
  ASSERT_NE(listed(running), expected(running));
  Result<std::optional<WriteBatch>> marks = marks_to_begin_with(*store_.snapshot());
  ASSERT_TRUE(marks && *marks);
  commit_and_wait(store_, **std::move(marks));
  marked_ = true;
  for (int i = 0; i < 100; ++i) {
    const ListQuery query = draw();
    ASSERT_EQ(listed(query), expected(query));
    turn();  // it goes on from the marks that were added
  }
  marks = marks_to_begin_with(*store_.snapshot());
  ASSERT_TRUE(marks);
  EXPECT_FALSE(*marks);
}

TEST_F(Listing, each_that_is_open_is_visited_whether_or_not_the_marks_are_written_already) {
  const auto visited = [&](const std::optional<WriteBatch>& marks) {
    std::multiset<std::pair<std::string, std::string>> out;
    const Result<void> read =
        each_open(*store_.snapshot(), marks, [&](const std::string& space, const std::string& id) {
          out.emplace(space, id);
          return Result<void>();
        });
    EXPECT_TRUE(read);
    return out;
  };
  const auto open = [&] {
    std::multiset<std::pair<std::string, std::string>> out;
    for (const Workflow& workflow : workflows_) {
      if (workflow.header.status != WorkflowStatus::ended) out.emplace(workflow.header.name_space, workflow.header.id);
    }
    return out;
  };
  EXPECT_TRUE(visited(std::nullopt).empty());
  marked_ = false;
  for (int i = 0; i < 200; ++i) turn();
  Result<std::optional<WriteBatch>> marks = marks_to_begin_with(*store_.snapshot());
  ASSERT_TRUE(marks && *marks);
  EXPECT_EQ(visited(*marks), open());
  commit_and_wait(store_, **std::move(marks));
  marked_ = true;
  for (int i = 0; i < 200; ++i) {
    turn();
    ASSERT_EQ(visited(std::nullopt), open());
  }
  const Result<void> stopped = each_open(*store_.snapshot(), std::nullopt, [](const std::string&, const std::string&) {
    return Result<void>(fail(ErrorCode::corruption, "x"));
  });
  EXPECT_FALSE(stopped);
}

TEST_F(Listing, one_page_looks_at_a_bounded_number_and_says_where_to_go_on) {
  while (workflows_.size() < 3'000) turn();
  const ListQuery query{.name = "nothing has this name"};
  const Result<Json> page = list_workflows(*store_.snapshot(), query);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->find("workflows")->size(), 0U);
  EXPECT_TRUE(page->find("next_cursor")->is_string());
  EXPECT_EQ(listed(query), "");
}

TEST_F(Listing, refuses_a_cursor_that_is_none) {
  for (const char* cursor : {"x", "1", "1.", ".a", "99999999999999999999.a", "1.a/b", "-1.a"}) {
    const Result<Json> page = list_workflows(*store_.snapshot(), {.cursor = cursor});
    ASSERT_FALSE(page) << cursor;
    EXPECT_EQ(page.error().code, ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace settle
