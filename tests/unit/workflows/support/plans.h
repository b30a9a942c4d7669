#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {

// Plans over "box.put", "box.other" and "box.undo" (mode key, with a read-back) and "box.get" (reads), and how to lead
// their runs to an end.

/// An action of "box.put" with more members.
Json action(const std::string& id, std::string_view members = "{}");
std::vector<std::shared_ptr<const Tool>> tools();
/// The plan's input is {"go": true, "list": ["x", "y", "z"]}. Started: its first calls are under way.
Driver started(Json::Array actions, std::string_view members = "{}");

/// A read-back that shows what this run asked for.
Outcome as_asked(const Driver& run, ActionIndex index);
/// The call under way and its read-back both go well. The tool answers this record id.
void succeed(Driver& run, ActionIndex index = 0, std::string_view record_id = "r1");
/// Its answer is complete, and the read-back shows nothing of it, or something else, until nobody believes it any more.
void mismatch(Driver& run, ActionIndex index, const Outcome& look);
std::vector<Stage> stages(const Driver& run);

/// Its compensation takes its own record id. It waits for `after`.
Json undoable_action(const std::string& id, const std::string& after = "");
inline constexpr const char* undoing = R"({"on_failure": "compensate"})";

}  // namespace settle::test
