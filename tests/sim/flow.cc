#include "tests/sim/flow.h"

#include <array>

namespace settle::sim {
namespace {

Json from(const std::string& pointer) {
  return Json::object({{"$from", pointer}});
}

SimTool made(Builtin kind, const char* name) {
  SimTool tool;
  tool.name = name;
  tool.builtin = kind;
  tool.risk = kind == Builtin::run_plan ? Risk::write : Risk::read;
  tool.mode = kind == Builtin::run_plan ? IdempotencyMode::natural : IdempotencyMode::none;
  tool.verify = VerifyKind::response;
  return tool;
}

Json condition_of(const Sketch& sketch, const Demand& demand) {
  const std::string place =
      demand.of ? "/actions/" + sketch.actions[*demand.of].id + "/output/" + demand.member : "/input/" + demand.member;
  if (demand.kind == Demand::Kind::exists) return Json::object({{"exists", from(place)}});
  Json equals = Json::object({{"equals", Json(Json::Array{from(place), demand.expected})}});
  return demand.kind == Demand::Kind::equals ? equals : Json::object({{"not", std::move(equals)}});
}

Json child_input(const Sketch& sketch, std::size_t index, CallRole role) {
  const SketchAction& action = sketch.actions[index];
  std::string rest = name_of_child("", action, role, 0);
  if (action.for_each) rest.replace(rest.size() - 1, 1, "${/index}");
  Json input = Json::object({{"go", true}, {"of", named_in(sketch, rest)}});
  if (role == CallRole::main && action.seen) input.set("seen", *action.seen);
  return input;
}

}  // namespace

std::string submitter_of(std::string_view id) {
  return std::string((id.back() - '0') % 2 == 0 ? submitter : "");
}

const SimTool& flow_tool(Builtin kind) {
  static const std::array<SimTool, 6> tools = {SimTool(),
                                               made(Builtin::sleep, "flow.sleep"),
                                               made(Builtin::wait_signal, "flow.wait_signal"),
                                               made(Builtin::run_plan, "flow.run_plan"),
                                               made(Builtin::assertion, "flow.assert"),
                                               made(Builtin::approve, "flow.approve")};
  const SimTool& tool = tools[static_cast<std::size_t>(kind)];
  SETTLE_ASSERT(tool.builtin == kind);
  return tool;
}

Builtin draw_flow(Dice& dice, std::size_t depth) {
  const std::uint64_t kind = dice.below(100);
  if (kind < 25) return Builtin::sleep;
  if (kind < 38) return Builtin::assertion;
  if (kind < 46) return Builtin::approve;
  if (kind < 70) return Builtin::wait_signal;
  return depth < flow_depth_max ? Builtin::run_plan : Builtin::sleep;
}

FlowCall draw_flow_call(Dice& dice, Builtin kind) {
  FlowCall out;
  const bool is_long = dice.chance(0.1);
  const Duration wait = dice.between(Duration(0), is_long ? flow_wait_max : Duration(dice.chance(0.5) ? 100 : 3'000));
  if (kind == Builtin::sleep && dice.chance(0.3)) {
    out.until = Schedule().now() + dice.between(Duration(-2'000), Duration(15'000));
  } else if (kind == Builtin::sleep || (kind == Builtin::wait_signal && dice.chance(0.6))) {
    out.wait = wait;
  }
  if (kind == Builtin::approve) {
    out.approvers = static_cast<std::uint32_t>(1 + dice.below(2));
    if (dice.chance(0.5)) out.wait = wait + Duration(1);
  }
  if (kind == Builtin::wait_signal) out.signal = signal_names[dice.below(std::size(signal_names))];
  if (kind == Builtin::assertion) {
    out.demand.member = "go";
    out.demand.expected = dice.chance(0.7);
  }
  return out;
}

Json named_in(const Sketch& sketch, const std::string& rest) {
  const bool known = !sketch.is_child && rest.find('$') == std::string::npos;
  if (known) return sketch.id + rest;
  return Json::object({{"$text", (sketch.is_child ? "${/input/of}" : sketch.id) + rest}});
}

std::string name_of_child(const std::string& parent, const SketchAction& action, CallRole role, std::uint32_t element) {
  return parent + "-" + action.id + "mfcd"[static_cast<std::size_t>(role)] + std::to_string(element);
}

Json flow_input(const Sketch& sketch, std::size_t index, CallRole role) {
  const FlowCall& call = sketch.actions[index].flows.at(role);
  Json out = Json::object();
  switch (sketch.actions[index].tool_of(role).builtin) {
    case Builtin::sleep:
      if (call.wait) out.set("for", format_duration(*call.wait));
      if (call.until) out.set("until", format_time(*call.until));
      break;
    case Builtin::wait_signal:
      out.set("name", call.signal);
      if (call.wait) out.set("timeout", format_duration(*call.wait));
      break;
    case Builtin::assertion:
      out.set("that", condition_of(sketch, call.demand));
      break;
    case Builtin::run_plan:
      out.set("plan", Json::object({{"$literal", call.plan->document()}}));
      out.set("input", child_input(sketch, index, role));
      break;
    case Builtin::approve:
      out.set("title", "Shall it go on?");
      out.set("approvers", static_cast<std::int64_t>(call.approvers));
      if (call.wait) out.set("expires", format_duration(*call.wait));
      break;
    case Builtin::emit:  // not drawn: what it raises is judged in outbox_test.cc
    case Builtin::none:
      break;
  }
  return out;
}

}  // namespace settle::sim
