#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/load.h"
#include "engine/tools.h"
#include "storage/codec.h"
#include "storage/keys.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/storage/collecting_sink.h"

namespace settle::test {

using Records = std::map<std::string, std::string, std::less<>>;

class RecordReader final : public Reader {
 public:
  explicit RecordReader(const Records& records) : records_(records) {}

  Result<std::optional<std::string>> get(Family, std::string_view key) const override {
    const auto found = records_.find(key);
    return found == records_.end() ? std::optional<std::string>() : found->second;
  }
  Result<void> scan(Family, const Range& range,
                    const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    for (auto at = records_.lower_bound(range.from); at != records_.end(); ++at) {
      if ((!range.to.empty() && at->first >= range.to) || !visit(at->first, at->second)) break;
    }
    return {};
  }

 private:
  const Records& records_;
};

/// Nothing has happened to it, so that its list's record is all that is stored of it.
inline bool is_fresh(const Workflow& workflow, ActionIndex index) {
  const ActionState& run = workflow.actions[index];
  if (!run.element || run.role != CallRole::main) return false;
  const ActionState& list = workflow.actions[run.parent];
  const PlanAction& planned = workflow.plan->actions[run.planned];
  if (!planned.for_each || list.stage != Stage::gathering || *run.element >= list.elements) return false;
  return encode_action(run) == encode_action(fresh_element(planned, list, *run.element)) && !run.input;
}

enum class Fresh : std::uint8_t { left_out, stored };

/// What the shard would have stored; stores from before format 3 have the fresh elements, too.
inline Records records_of(const Workflow& workflow, Fresh fresh = Fresh::left_out) {
  const std::string& space = workflow.header.name_space;
  const std::string& id = workflow.header.id;
  Records out;
  out[keys::OfWorkflow(space, id).header()] = encode_header(workflow, std::nullopt, 0);
  out[keys::OfWorkflow(space, id).progress()] = encode_progress(workflow.header, std::nullopt, 0);
  out[keys::OfWorkflow(space, id).plan()] = workflow.plan->document;
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const ActionState& run = workflow.actions[i];
    if (fresh == Fresh::left_out && is_fresh(workflow, i)) continue;
    out[keys::OfWorkflow(space, id).action(i)] = encode_action(run);
    if (run.input) out[keys::OfWorkflow(space, id).input(i)] = canonical(*run.input);
    if (run.output) out[keys::OfWorkflow(space, id).output(i)] = canonical(*run.output);
  }
  return out;
}

/// A registry that knows these tools.
struct Registry {
  explicit Registry(const std::vector<Json>& documents) {
    for (const Json& document : documents) {
      tools.put("default", document, Time(Duration(1'000)), sink,
                [](const Result<ToolRegistry::Put>& put) { EXPECT_TRUE(put); });
    }
  }
  MemoryStore store{true};
  CollectingSink sink;
  ToolRegistry tools{store, Values()};
};

}  // namespace settle::test
