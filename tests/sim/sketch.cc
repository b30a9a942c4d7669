#include "tests/sim/sketch.h"

#include "tests/sim/flow.h"

namespace settle::sim {
namespace {

Json from(const std::string& pointer) {
  return Json::object({{"$from", pointer}});
}

/// What the runs of one role write: known in whole, but for the element, and for the workflow that a child will be.
Json value_template(const Sketch& sketch, std::size_t index, CallRole role) {
  std::string known = sketch.run_name(index, role, 0);
  if (sketch.actions[index].for_each) known.replace(known.size() - 1, 1, "${/index}");
  return named_in(sketch, known);
}

Json call_input(const Sketch& sketch, std::size_t index, CallRole role) {
  const SketchAction& action = sketch.actions[index];
  if (action.tool_of(role).is_flow()) return flow_input(sketch, index, role);
  Json value = value_template(sketch, index, role);
  const bool shares = role == CallRole::main && !action.shared_record.empty();
  Json record = shares ? named_in(sketch, action.shared_record) : value;
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
  if (action.rule) out.set("approval", action.rule->document());
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
  Drawer(Dice& dice, Sketch& sketch, const std::vector<SimTool>& writers, const std::vector<SimTool>& readers,
         const Likes& likes, std::size_t depth)
      : dice_(dice), sketch_(sketch), all_writers_(writers), all_readers_(readers), likes_(likes), depth_(depth) {
    for (const SimTool& tool : writers) writers_.push_back(&tool);
    for (const SimTool& tool : readers) readers_.push_back(&tool);
    if (depth == 0) return;
    std::erase_if(writers_, [](const SimTool* tool) { return tool->knows_runs_by_input(); });
    std::erase_if(readers_, [](const SimTool* tool) { return tool->knows_runs_by_input(); });
  }

  void draw() {
    sketch_.on_failure = static_cast<OnFailure>(dice_.below(3));
    const bool child = depth_ > 0;
    sketch_.is_child = child;
    if (dice_.chance(child ? 0.1 : 0.25)) sketch_.deadline = dice_.between(Duration(20), Duration(12'000));
    asks_ = !child && dice_.chance(0.04);
    const std::size_t count = 1 + dice_.below(child ? 3 : 5);
    sketch_.actions.resize(count);
    for (std::size_t i = 0; i < count; ++i) draw_action(i);
  }

 private:
  void draw_action(std::size_t index) {
    SketchAction& action = sketch_.actions[index];
    action.id = "a" + std::to_string(index);
    const bool asked = asks_ && index < 2;
    const bool flows = asked || dice_.chance(depth_ == 0 ? 0.2 : 0.35);
    const bool reads = !flows && !readers_.empty() && dice_.chance(0.2);
    const Builtin flow = !asked ? draw_flow(dice_, depth_) : index == 0 ? Builtin::wait_signal : Builtin::run_plan;
    action.tool = flows ? &flow_tool(flow) : reads ? dice_.of(readers_) : dice_.of(writers_);
    action.attempts = dice_.chance(0.3)
                          ? static_cast<int>(1 + dice_.below(static_cast<std::uint64_t>(action.tool->attempts)))
                          : action.tool->attempts;
    if (index > 0 && dice_.chance(0.5)) need(action, dice_.below(index));
    if (index > 1 && dice_.chance(0.2)) need(action, dice_.below(index));
    if (index > 0 && dice_.chance(0.4)) refer(action, dice_.below(index));
    if (action.tool->builtin == Builtin::run_plan && (asked || dice_.chance(0.5))) refer_to_signal(action, index);
    condition(action, index);
    const bool plainly = asked && index == 0;
    if (!plainly && dice_.chance(likes_.lists)) elements(action, index);
    if (!flows && dice_.chance(0.08)) rule(action);
    if (reads) return;
    if (!plainly && dice_.chance(likes_.fallbacks)) action.fallback = writer_or(0.15, draw_flow(dice_, depth_));
    action.fallback_after_any = action.fallback != nullptr && dice_.chance(0.3);
    if (!changes_nothing(*action.tool) && dice_.chance(0.6)) action.compensate = undoing_tool();
    if (action.fallback != nullptr && !changes_nothing(*action.fallback) && dice_.chance(0.5))
      action.compensate_fallback = undoing_tool();
    for (const CallRole role :
         {CallRole::main, CallRole::fallback, CallRole::compensate, CallRole::compensate_fallback})
      flow_call(action, role, index);
    share(action);
  }

  /// The plan asks for more than its tool does.
  void rule(SketchAction& action) {
    SimRule own = draw_rule(dice_);
    if (const std::optional<SimRule>& tool = action.tool->rule) {
      own.approvers = std::max(own.approvers, tool->approvers);
      own.expires = std::min(own.expires, tool->expires);
      own.escalates = own.escalates && tool->escalates;
      own.four_eyes = own.four_eyes || tool->four_eyes;
    }
    action.rule = own;
  }

  static bool changes_nothing(const SimTool& tool) { return tool.is_flow() && tool.builtin != Builtin::run_plan; }

  const SimTool* writer_or(double chance, Builtin flow) {
    return dice_.chance(chance) ? &flow_tool(flow) : dice_.of(writers_);
  }
  /// What undoes must change something.
  const SimTool* undoing_tool() { return writer_or(depth_ < flow_depth_max ? 0.06 : 0, Builtin::run_plan); }

  void flow_call(SketchAction& action, CallRole role, std::size_t index) {
    if (!action.has(role) || !action.tool_of(role).is_flow()) return;
    const Builtin kind = action.tool_of(role).builtin;
    FlowCall call = draw_flow_call(dice_, kind);
    if (kind == Builtin::assertion) demand(action, role, index, call.demand);
    if (kind == Builtin::run_plan) {
      auto plan = std::make_shared<Sketch>();
      plan->id = sketch_.id + "-" + action.id + std::string(name_of(role));
      Drawer(dice_, *plan, all_writers_, all_readers_, likes_, depth_ + 1).draw();
      if (role == CallRole::main && action.seen) hand_down(*plan);
      call.plan = std::move(plan);
    }
    action.flows.emplace(role, std::move(call));
  }

  /// An action of a child takes what its parent was answered.
  void hand_down(Sketch& plan) {
    for (SketchAction& action : plan.actions) {
      if (!action.tool->is_flow() && !action.seen && dice_.chance(0.8)) action.seen = from("/input/seen");
    }
  }

  /// Of an earlier answer where there is one that may tell.
  void demand(SketchAction& action, CallRole role, std::size_t index, Demand& drawn) {
    const std::size_t other = index == 0 ? 0 : dice_.below(index);
    const SketchAction& source = sketch_.actions[other];
    const bool tells = index > 0 && !source.for_each && (is_plain(source) || waits_for_signal(source));
    if (role != CallRole::main || !tells || dice_.chance(0.3)) return;
    action.needs.insert(other);
    drawn.of = other;
    drawn.kind = static_cast<Demand::Kind>(dice_.below(3));
    drawn.member = waits_for_signal(source) ? "payload" : drawn.kind == Demand::Kind::exists ? "note" : "flag";
    drawn.expected = waits_for_signal(source) ? "go" : "yes";
  }

  /// Both its calls are of tools with a provider, and answer alike.
  static bool is_plain(const SketchAction& action) {
    return !action.tool->is_flow() && (action.fallback == nullptr || !action.fallback->is_flow());
  }
  static bool waits_for_signal(const SketchAction& action) {
    return action.tool->builtin == Builtin::wait_signal && action.fallback == nullptr;
  }

  void need(SketchAction& action, std::size_t other) {
    action.needs.insert(other);
    action.after.insert(other);
  }

  /// The input takes something from another's answer; sometimes a member that need not be there.
  void refer(SketchAction& action, std::size_t other) {
    const SketchAction& source = sketch_.actions[other];
    if (!is_plain(source) || changes_nothing(*action.tool)) return refer_to_flow(action, other);
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

  /// Settle's own tools answer in a way of their own, and take little.
  void refer_to_flow(SketchAction& action, std::size_t other) {
    const SketchAction& source = sketch_.actions[other];
    need(action, other);
    if (changes_nothing(*action.tool) || source.for_each || source.fallback != nullptr) return;
    const std::string base = "/actions/" + source.id;
    const bool coin = dice_.chance(0.5);
    if (source.tool->builtin == Builtin::sleep) action.seen = from(base + "/output/woke_at");
    if (source.tool->builtin == Builtin::wait_signal)
      action.seen = from(base + (coin ? "/output/payload" : "/output/name"));
    if (source.tool->builtin == Builtin::run_plan) action.seen = from(base + (coin ? "/record_id" : "/output/outcome"));
  }

  /// What a person sends need not fit the child that it is handed to.
  void refer_to_signal(SketchAction& action, std::size_t index) {
    for (std::size_t other = 0; other < index; ++other) {
      const SketchAction& source = sketch_.actions[other];
      if (!waits_for_signal(source) || source.for_each || action.seen) continue;
      need(action, other);
      action.seen = from("/actions/" + source.id + "/output/payload");
    }
  }

  void condition(SketchAction& action, std::size_t index) {
    if (!dice_.chance(0.2)) return;
    if (index > 0 && dice_.chance(0.4)) {
      const std::size_t other = dice_.below(index);
      if (sketch_.actions[other].for_each || !is_plain(sketch_.actions[other])) return;
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
    if (likes_.in_turn && dice_.chance(0.5)) {
      action.max_parallel = 1;
      action.all_elements = true;
    }
    if (index > 0 && dice_.chance(0.4)) {
      const std::size_t other = dice_.below(index);
      if (sketch_.actions[other].for_each || !is_plain(sketch_.actions[other])) return;
      action.needs.insert(other);
      action.for_each = from("/actions/" + sketch_.actions[other].id + "/output/items");
      return;
    }
    action.elements = dice_.below(dice_.chance(0.2) ? 8 : 4);
    action.for_each = Json(Json::Array(*action.elements, Json("x")));
  }

  /// Two actions in a row write the same record: a late write of the first must not land on the second's. Never two
  /// beside each other: such a plan would be wrong by itself.
  void share(SketchAction& action) {
    if (!action.tool->natural() || action.tool->is_flow() || action.for_each || !dice_.chance(0.7)) return;
    for (const std::size_t other : action.needs) {
      const SketchAction& before = sketch_.actions[other];
      if (before.tool != action.tool || before.for_each || !followed_.insert(other).second) continue;
      action.shared_record =
          before.shared_record.empty() ? sketch_.run_name(other, CallRole::main, 0) : before.shared_record;
      return;
    }
  }

  Dice& dice_;
  Sketch& sketch_;
  std::set<std::size_t> followed_;  ///< whose record has another writer already
  const std::vector<SimTool>& all_writers_;
  const std::vector<SimTool>& all_readers_;
  const Likes likes_;
  std::vector<const SimTool*> writers_, readers_;  ///< of these plans
  const std::size_t depth_;                        ///< parents above
  bool asks_ = false;                              ///< begins by asking a person, and hands the answer to a child
};

}  // namespace

std::vector<SimRule> SketchAction::rules_of(CallRole role) const {
  std::vector<SimRule> out;
  if (tool_of(role).rule) out.push_back(*tool_of(role).rule);
  if (role == CallRole::main && rule) out.push_back(*rule);
  return out;
}

std::string Sketch::run_name(std::size_t action, CallRole role, std::uint32_t element) const {
  return "." + actions[action].id + "." + std::string(name_of(role)) + "." + std::to_string(element);
}

Json Sketch::document() const {
  static constexpr std::string_view rules[] = {"stop", "continue", "compensate"};
  Json::Array all;
  for (std::size_t i = 0; i < actions.size(); ++i) all.push_back(action_document(*this, i));
  Json out = Json::object({{"name", "sim"}});
  // What stands in a child's own plan is nobody's: its parent gives it another input.
  out.set("input", is_child ? Json::object({{"go", false}, {"of", "nobody"}}) : Json::object({{"go", true}}));
  out.set("on_failure", rules[static_cast<std::size_t>(on_failure)]);
  if (deadline) out.set("deadline", format_duration(*deadline));
  out.set("labels", Json::object({{"of", id}}));
  out.set("actions", std::move(all));
  return out;
}

Sketch draw_sketch(Dice& dice, const std::string& id, const std::vector<SimTool>& writers,
                   const std::vector<SimTool>& readers, const Likes& likes) {
  Sketch out;
  out.id = id;
  Drawer(dice, out, writers, readers, likes, 0).draw();
  return out;
}

}  // namespace settle::sim
