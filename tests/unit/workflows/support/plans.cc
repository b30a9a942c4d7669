#include "tests/unit/workflows/support/plans.h"

namespace settle::test {

Json action(const std::string& id, std::string_view members) {
  Json out = Json::object({{"id", id}, {"tool", "box.put"}, {"input", Json::object({{"name", "n"}, {"value", "v"}})}});
  const Json more = json(members);
  for (const JsonMember& member : more.as_object()) out.set(member.name, member.value);
  return out;
}

std::vector<std::shared_ptr<const Tool>> tools() {
  ToolSpec other, undo, get;
  other.name = "box.other";
  undo.name = "box.undo";
  get.name = "box.get";
  get.reads = true;
  return {make_tool(), make_tool(other), make_tool(undo), make_tool(get)};
}

Driver started(Json::Array actions, std::string_view members) {
  Json plan = Json::object({{"name", "p"}, {"input", json(R"({"go": true, "list": ["x", "y", "z"]})")}});
  const Json more = json(members);
  for (const JsonMember& member : more.as_object()) plan.set(member.name, member.value);
  plan.set("actions", std::move(actions));
  Driver out(make_plan(plan, tools()));
  out.start();
  return out;
}

Outcome as_asked(const Driver& run, ActionIndex index) {
  Json record = *run.action(index).input;
  record.set("id", run.action(index).record_id.value_or("r1"));
  return answered(record);
}

void succeed(Driver& run, ActionIndex index, std::string_view record_id) {
  run.answer(answered(Json::object({{"id", record_id}, {"value", "v"}})), index);
  run.answer(as_asked(run, index), index);
}

void mismatch(Driver& run, ActionIndex index, const Outcome& look) {
  run.answer(done(), index);
  while (run.stage(index) == Stage::reading || run.stage(index) == Stage::read_wait) {
    if (run.stage(index) == Stage::reading) run.answer(look, index);
    if (run.stage(index) == Stage::read_wait) run.wake();
  }
}

std::vector<Stage> stages(const Driver& run) {
  std::vector<Stage> out;
  for (const ActionState& one : run.workflow.actions) out.push_back(one.stage);
  return out;
}

Json undoable_action(const std::string& id, const std::string& after) {
  Json out = action(id);
  out.set("compensate",
          Json::object({{"tool", "box.undo"},
                        {"input", Json::object({{"name", Json::object({{"$text", "${/actions/" + id + "/record_id}"}})},
                                                {"value", "v"}})}}));
  if (!after.empty()) out.set("after", Json(Json::Array{Json(after)}));
  return out;
}

}  // namespace settle::test
