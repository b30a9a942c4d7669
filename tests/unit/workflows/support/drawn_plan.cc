#include "tests/unit/workflows/support/drawn_plan.h"

#include <algorithm>
#include <utility>

namespace settle::test {
namespace {

class Drawing {
 public:
  explicit Drawing(std::mt19937_64& dice) : dice_(dice) {}

  DrawnPlan draw() {
    Json::Array actions;
    const std::uint64_t count = 1 + below(3);
    for (std::uint64_t i = 0; i < count; ++i) actions.push_back(draw_action("a" + std::to_string(i), i));
    const char* rules[] = {"stop", "continue", "compensate"};
    out_.document = Json::object({{"name", "p"}, {"on_failure", rules[below(3)]}, {"actions", std::move(actions)}});
    if (chance(15)) out_.document.set("deadline", std::to_string(1 + below(20)) + "s");
    for (const ToolSpec& spec : out_.specs) out_.tools.push_back(make_tool(spec));
    out_.plan = make_plan(out_.document, out_.tools);
    return std::move(out_);
  }

 private:
  bool chance(int percent) { return std::uniform_int_distribution<int>(1, 100)(dice_) <= percent; }
  std::uint64_t below(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most - 1)(dice_); }

  Json draw_call() {
    ToolSpec spec;
    spec.name = "box.t" + std::to_string(out_.specs.size());
    spec.reads = chance(10);
    spec.mode = static_cast<IdempotencyMode>(below(4));
    spec.read_back = spec.mode == IdempotencyMode::natural || chance(85);
    spec.tied = chance(50);
    spec.unique = spec.mode != IdempotencyMode::natural && chance(25);
    spec.before = chance(10);
    spec.recheck = chance(30);
    spec.key_lookup = spec.mode == IdempotencyMode::key && chance(40);
    spec.window = chance(50) ? Duration(8'000) : Duration(3'600'000);
    spec.attempts = static_cast<int>(1 + below(5));
    spec.schedule_to_close = chance(20) ? Duration(12'000) : Duration(60'000);
    if (chance(30)) spec.rate_limit = R"({"concurrency": 1})";
    const char* const rules[] = {"{}", R"({"approvers": 2, "expires": "5s"})",
                                 R"({"expires": "2s", "on_expiry": "escalate"})"};
    if (chance(10)) spec.approval = rules[below(3)];
    out_.specs.push_back(spec);
    return Json::object({{"tool", spec.name}, {"input", json(R"({"name": "n", "value": "v"})")}});
  }

  Json draw_action(const std::string& id, std::uint64_t index) {
    Json out = Json::object({{"id", id}});
    const Json own = draw_call();
    for (const JsonMember& member : own.as_object()) out.set(member.name, member.value);
    const std::string before = "a" + std::to_string(index - 1);
    if (index > 0 && chance(50)) out.set("after", Json(Json::Array{Json(before)}));
    if (chance(10)) out.set("when", Json::object({{"equals", Json(Json::Array{Json(1), Json(1 + below(2))})}}));
    const bool listed = std::exchange(listed_, chance(20));
    if (listed_) draw_list(out, index > 0 && !listed ? before : "");
    if (chance(30)) {
      Json fallback = draw_call();
      if (chance(60)) fallback.set("compensate", draw_call());
      out.set("fallback", std::move(fallback));
      if (chance(50)) out.set("fallback_when", "any_failure");
    }
    if (chance(50)) out.set("compensate", draw_call());
    return out;
  }

  /// One in ten is found not to be there when it is resolved.
  void draw_list(Json& action, const std::string& before) {
    if (!before.empty() && chance(10)) {
      action.set("for_each", Json::object({{"$from", "/actions/" + before + "/output/rows"}}));
    } else {
      Json::Array list;
      for (std::uint64_t i = below(4); i > 0; --i) list.push_back(Json(static_cast<std::int64_t>(i)));
      action.set("for_each", std::move(list));
    }
    if (chance(50)) action.set("max_parallel", static_cast<std::int64_t>(1 + below(2)));
    if (chance(50)) action.set("on_element_failure", "continue");
  }

  std::mt19937_64& dice_;
  DrawnPlan out_;
  bool listed_ = false;  ///< the latest action has a list
};

}  // namespace

const ToolSpec& DrawnPlan::spec_of(const Workflow& workflow, ActionIndex run) const {
  const std::string& name = workflow.call_of(run).tool->name;
  return *std::find_if(specs.begin(), specs.end(), [&](const ToolSpec& spec) { return spec.name == name; });
}

DrawnPlan draw_plan(std::mt19937_64& dice) {
  return Drawing(dice).draw();
}

}  // namespace settle::test
