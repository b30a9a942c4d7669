#include "tests/sim/sketch.h"

namespace settle::sim {
namespace {

Json from(const std::string& pointer) {
  return Json::object({{"$from", pointer}});
}

/// What the runs of one role write: known in whole, but for the element.
Json value_template(const Sketch& sketch, std::size_t index, CallRole role) {
  if (!sketch.actions[index].for_each) return sketch.value_of(index, role, 0);
  const std::string known = sketch.value_of(index, role, 0);
  return Json::object({{"$text", known.substr(0, known.size() - 1) + "${/index}"}});
}

Json call_input(const Sketch& sketch, std::size_t index, CallRole role) {
  const SketchAction& action = sketch.actions[index];
  Json value = value_template(sketch, index, role);
  Json record = role == CallRole::main && !action.shared_record.empty() ? Json(action.shared_record) : value;
  Json out = Json::object({{"value", std::move(value)}, {"record", std::move(record)}});
  if (role == CallRole::main && action.seen) out.set("seen", *action.seen);
  return out;
}

Json action_document(const Sketch& sketch, std::size_t index) {
  const SketchAction& action = sketch.actions[index];
  Json out = Json::object({{"id", action.id}, {"tool", action.tool->name}});
  out.set("input", call_input(sketch, index, CallRole::main));
  if (!action.after.empty()) {
    Json::Array after;
    for (const std::size_t need : action.after) after.push_back(sketch.actions[need].id);
    out.set("after", std::move(after));
  }
  if (action.attempts < action.tool->attempts) out.set("retry", Json::object({{"maximum_attempts", action.attempts}}));
  if (action.when != When::none) out.set("when", action.condition);
  if (action.for_each) {
    out.set("for_each", *action.for_each);
    if (action.max_parallel > 0) out.set("max_parallel", static_cast<std::int64_t>(action.max_parallel));
    out.set("on_element_failure", action.all_elements ? "continue" : "stop");
  }
  const auto call = [&](const SimTool& tool, CallRole role) {
    return Json::object({{"tool", tool.name}, {"input", call_input(sketch, index, role)}});
  };
  if (action.fallback != nullptr) {
    Json fallback = call(*action.fallback, CallRole::fallback);
    if (action.compensate_fallback != nullptr)
      fallback.set("compensate", call(*action.compensate_fallback, CallRole::compensate_fallback));
    out.set("fallback", std::move(fallback));
    out.set("fallback_when", action.fallback_after_any ? "any_failure" : "no_effect");
  }
  if (action.compensate != nullptr) out.set("compensate", call(*action.compensate, CallRole::compensate));
  return out;
}

class Drawer {
 public:
  Drawer(Dice& dice, Sketch& sketch, const std::vector<SimTool>& writers, const std::vector<SimTool>& readers)
      : dice_(dice), sketch_(sketch), writers_(writers), readers_(readers) {}

  void draw() {
    sketch_.on_failure = static_cast<OnFailure>(dice_.below(3));
    if (dice_.chance(0.25)) sketch_.deadline = dice_.between(Duration(20), Duration(12'000));
    const std::size_t count = 1 + dice_.below(5);
    sketch_.actions.resize(count);
    for (std::size_t i = 0; i < count; ++i) draw_action(i);
  }

 private:
  void draw_action(std::size_t index) {
    SketchAction& action = sketch_.actions[index];
    action.id = "a" + std::to_string(index);
    const bool reads = dice_.chance(0.2);
    action.tool = reads ? &dice_.of(readers_) : &dice_.of(writers_);
    action.attempts = dice_.chance(0.3)
                          ? static_cast<int>(1 + dice_.below(static_cast<std::uint64_t>(action.tool->attempts)))
                          : action.tool->attempts;
    if (index > 0 && dice_.chance(0.5)) need(action, dice_.below(index));
    if (index > 1 && dice_.chance(0.2)) need(action, dice_.below(index));
    if (index > 0 && dice_.chance(0.4)) refer(action, dice_.below(index));
    condition(action, index);
    if (dice_.chance(0.2)) elements(action, index);
    if (reads) return;
    if (dice_.chance(0.35)) action.fallback = &dice_.of(writers_);
    action.fallback_after_any = action.fallback != nullptr && dice_.chance(0.3);
    if (dice_.chance(0.6)) action.compensate = &dice_.of(writers_);
    if (action.fallback != nullptr && dice_.chance(0.5)) action.compensate_fallback = &dice_.of(writers_);
    share(action);
  }

  void need(SketchAction& action, std::size_t other) {
    action.needs.insert(other);
    action.after.insert(other);
  }

  /// The input takes something from another's answer; sometimes a member that need not be there.
  void refer(SketchAction& action, std::size_t other) {
    const SketchAction& source = sketch_.actions[other];
    action.needs.insert(other);
    const std::string base = "/actions/" + source.id;
    const std::string element = source.for_each ? "/0" : "";
    if (dice_.chance(0.06)) {
      action.seen = from(base + "/output" + element + "/note");
    } else if (!source.for_each && !source.tool->reads_only() && dice_.chance(0.4)) {
      action.seen = from(base + "/record_id");
    } else {
      action.seen = from(base + "/output" + element + "/id");
    }
  }

  void condition(SketchAction& action, std::size_t index) {
    if (!dice_.chance(0.2)) return;
    if (index > 0 && dice_.chance(0.4)) {
      const std::size_t other = dice_.below(index);
      if (sketch_.actions[other].for_each) return;
      action.when = When::open;
      action.needs.insert(other);
      action.condition = Json::object(
          {{"equals", Json(Json::Array{from("/actions/" + sketch_.actions[other].id + "/output/flag"), "yes"})}});
      return;
    }
    action.when = dice_.chance(0.6) ? When::holds : When::fails;
    action.condition = Json::object({{"equals", Json(Json::Array{from("/input/go"), action.when == When::holds})}});
  }

  void elements(SketchAction& action, std::size_t index) {
    action.max_parallel = dice_.below(3);
    action.all_elements = dice_.chance(0.5);
    if (index > 0 && dice_.chance(0.4)) {
      const std::size_t other = dice_.below(index);
      if (sketch_.actions[other].for_each) return;
      action.needs.insert(other);
      action.for_each = from("/actions/" + sketch_.actions[other].id + "/output/items");
      return;
    }
    action.elements = dice_.below(4);
    action.for_each = Json(Json::Array(*action.elements, Json("x")));
  }

  /// Two actions in a row write the same record: a late write of the first must not land on the second's. Never two
  /// beside each other: such a plan would be wrong by itself.
  void share(SketchAction& action) {
    if (!action.tool->natural() || action.for_each || !dice_.chance(0.7)) return;
    for (const std::size_t other : action.needs) {
      const SketchAction& before = sketch_.actions[other];
      if (before.tool != action.tool || before.for_each || !followed_.insert(other).second) continue;
      action.shared_record =
          before.shared_record.empty() ? sketch_.value_of(other, CallRole::main, 0) : before.shared_record;
      return;
    }
  }

  Dice& dice_;
  Sketch& sketch_;
  std::set<std::size_t> followed_;  ///< whose record has another writer already
  const std::vector<SimTool>& writers_;
  const std::vector<SimTool>& readers_;
};

}  // namespace

std::string Sketch::value_of(std::size_t action, CallRole role, std::uint32_t element) const {
  return id + "." + actions[action].id + "." + std::string(name_of(role)) + "." + std::to_string(element);
}

Json Sketch::document() const {
  static constexpr std::string_view rules[] = {"stop", "continue", "compensate"};
  Json::Array all;
  for (std::size_t i = 0; i < actions.size(); ++i) all.push_back(action_document(*this, i));
  Json out = Json::object({{"name", "sim"}, {"input", Json::object({{"go", true}})}});
  out.set("on_failure", rules[static_cast<std::size_t>(on_failure)]);
  if (deadline) out.set("deadline", format_duration(*deadline));
  out.set("labels", Json::object({{"of", id}}));
  out.set("actions", std::move(all));
  return out;
}

Sketch draw_sketch(Dice& dice, const std::string& id, const std::vector<SimTool>& writers,
                   const std::vector<SimTool>& readers) {
  Sketch out;
  out.id = id;
  Drawer(dice, out, writers, readers).draw();
  return out;
}

}  // namespace settle::sim
