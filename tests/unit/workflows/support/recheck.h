#pragma once

#include "tests/unit/workflows/support/fixture.h"

namespace settle::test {

// Plans whose first tool is looked at again an hour after it was verified.

inline constexpr std::string_view once = R"({"recheck": {"after": "1h"}})";

/// Answers the looks of the recheck alike until it is over.
inline void look_again(Driver& run, const Outcome& outcome, ActionIndex index = 0) {
  const std::uint32_t before = run.action(index).rechecks;
  for (int i = 0; i < 1'000 && run.action(index).rechecks == before; ++i) {
    if (run.call(index) != nullptr) {
      run.answer(outcome, index);
    } else if (!run.wake()) {
      ADD_FAILURE() << "nothing is due";
      return;
    }
  }
}

inline std::shared_ptr<const Tool> rechecked() {
  return compiled(with_verify(of_mode(), once));
}

/// A second tool, so that something is still open.
inline std::shared_ptr<const Tool> other() {
  ToolSpec out = of_mode();
  out.name = "box.other";
  out.schedule_to_close = Duration(86'400'000);
  return make_tool(out);
}

inline Driver plan(std::string_view actions, std::string_view on_failure = "stop") {
  const std::vector<std::shared_ptr<const Tool>> tools = {rechecked(), other()};
  Driver run(make_plan(Json::object({{"name", "p"}, {"on_failure", on_failure}, {"actions", json(actions)}}), tools));
  run.start();
  return run;
}

}  // namespace settle::test
