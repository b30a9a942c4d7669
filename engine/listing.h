#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/json.h"
#include "storage/store.h"
#include "workflows/state.h"

namespace settle {

/// Which workflows; everything given must hold.
struct ListQuery {
  std::string name_space = "default";
  std::optional<WorkflowStatus> status = {};
  std::optional<WorkflowOutcome> outcome = {};
  std::optional<bool> attention = {};
  std::string name = {};
  std::string label_name = {}, label_value = {};
  std::string tool = {};  ///< that the plan calls somewhere
  std::optional<Time> created_after = {}, created_before = {};
  std::size_t limit = 50;
  std::string cursor = {};  ///< of the page before; empty: from the newest
};

/// {"workflows", "next_cursor"}, newest first. What is rare among all workflows (those that are open, wait for a
/// person, have failed or were cancelled) is read by its marks; else one page looks at a bounded number of workflows
/// and may come back short, with a cursor to go on. Errors: invalid_argument (the cursor), corruption.
Result<Json> list_workflows(const Reader& reader, const ListQuery& query);

/// What a workflow is marked as, beside its entry in the listing: a set of single bits.
using Marks = std::uint8_t;
Marks marks_of(const WorkflowHeader& header);
/// The change from the marks it has to those that it is to have.
void change_marks(const WorkflowHeader& header, Marks from, Marks to, WriteBatch& batch);

/// Every workflow that has not ended, by its mark; nothing of what has ended is read. `marks`: what is to be written of
/// a store that has none yet. Ends with the first error of `visit`. Errors: corruption.
Result<void> each_open(const Reader& reader, const std::optional<WriteBatch>& marks,
                       const std::function<Result<void>(const std::string& name_space, const std::string& id)>& visit);

/// A store from before there were marks: what is to be written once, before anything else is. Null: it has them.
/// Errors: corruption.
Result<std::optional<WriteBatch>> marks_to_begin_with(const Reader& reader);

}  // namespace settle
