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

enum class Fresh : std::uint8_t { left_out, stored };

/// What the shard would have stored, every payload in a record of its own; older stores have a record of what nothing
/// has happened to, too.
inline Records records_of(Workflow workflow, Fresh fresh = Fresh::left_out) {
  if (fresh == Fresh::stored) workflow.header.recorded = 0;
  const std::string& space = workflow.header.name_space;
  const std::string& id = workflow.header.id;
  Records out;
  out[keys::OfWorkflow(space, id).header()] = encode_header(workflow, std::nullopt, 0);
  out[keys::OfWorkflow(space, id).progress()] = encode_progress(workflow.header, std::nullopt, 0);
  out[keys::OfWorkflow(space, id).plan()] = workflow.plan->document;
  for (ActionIndex i = 0; i < workflow.actions.size(); ++i) {
    const ActionState& run = workflow.actions[i];
    if (fresh == Fresh::left_out && !run.recorded) continue;
    out[keys::OfWorkflow(space, id).action(i)] = encode_action(run, {});
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
