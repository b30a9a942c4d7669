// What plans say with Settle's own tools: their calls, and the plans inside of flow.run_plan.

#include <algorithm>

#include "base/text.h"
#include "workflows/builtin_tools.h"
#include "workflows/plan_parts.h"

namespace settle {
namespace {

void find_builtin(Fields& fields, const std::string& name, PlannedCall& call) {
  call.tool = builtin_tool(name);
  if (call.tool != nullptr) return;
  std::vector<std::string> names;
  for (const std::shared_ptr<const Tool>& tool : builtin_tools()) names.push_back(tool->name);
  const std::optional<std::string> near = nearest(name, names);
  fields.problem("tool", "unknown_tool", "the name of a registered tool",
                 "there is no tool \"" + shorten(name, 60) + "\"" + did_you_mean(near), near.value_or(""));
}

/// {"$from": …} and its like in place of a whole input.
bool is_template(const Json& input) {
  return input.is_object() && input.size() == 1 && input.as_object()[0].name.starts_with("$");
}

/// A condition is not an input with references to resolve: it is compiled, and what is left of it here is a literal.
std::optional<Json> take_condition(const Json& input, const std::string& place, PlannedCall& call,
                                   std::vector<Problem>& problems) {
  if (is_template(input)) {
    problems.push_back({place, "condition_malformed", "{\"that\": CONDITION}", got_text(input),
                        "the condition of flow.assert stands in the plan"});
    return std::nullopt;
  }
  Json left = input;
  const Json* that = input.find("that");
  if (that == nullptr) return left;
  call.that = Condition::compile(*that, place + "/that", problems);
  left.set("that", Json::object({{"$literal", *that}}));
  return left;
}

/// A plan that came out of an answer would let data choose what is done.
std::optional<Json> demand_literal(const Json& input, const std::string& place, std::vector<Problem>& problems) {
  const Json* plan = input.find("plan");
  const Json* literal = plan == nullptr || plan->size() != 1 ? nullptr : plan->find("$literal");
  if (literal != nullptr && literal->is_object()) return input;
  if (plan == nullptr && !is_template(input)) return input;  // the schema says what is missing
  problems.push_back({place + (plan == nullptr ? "" : "/plan"), "child_plan_not_literal", "{\"$literal\": PLAN}",
                      got_text(plan == nullptr ? input : *plan),
                      "flow.run_plan runs a plan that stands in this one, so that no answer chooses what is done"});
  return std::nullopt;
}

bool changes_nothing(const PlannedCall& call) {
  return call.tool != nullptr && call.tool->builtin != Builtin::none && call.tool->reads_only();
}

}  // namespace

void read_builtin_call(Fields& fields, const std::string& tool, PlannedCall& call, std::vector<Problem>& problems) {
  find_builtin(fields, tool, call);
  static const Json nothing = Json::object();
  const Json* given = fields.take("input");
  const Json& input = given == nullptr ? nothing : *given;
  const std::string place = fields.place_of("input");
  const Builtin kind = call.tool == nullptr ? Builtin::none : call.tool->builtin;
  std::optional<Json> left = input;
  if (kind == Builtin::run_plan) left = demand_literal(input, place, problems);
  if (kind == Builtin::assertion) left = take_condition(input, place, call, problems);
  if (left) call.input = Template::compile(*left, place, nullptr, problems);  // else what is wrong was said
  for (const std::string_view name : {"start_to_close_timeout", "schedule_to_close_timeout", "retry", "approval"}) {
    if (fields.take(name) == nullptr) continue;
    fields.problem(name, "policy_not_for_builtin", "no \"" + std::string(name) + "\" here",
                   "\"" + tool + "\" makes no call that could be repeated, timed or released");
  }
}

void check_undoing(Fields& fields, const PlannedCall& done, const Rare<PlannedCall>& undoing) {
  if (!undoing) return;
  const bool nothing_done = changes_nothing(done);
  if (!nothing_done && !changes_nothing(*undoing)) return;
  const std::string& tool = nothing_done ? done.tool->name : undoing->tool->name;
  fields.problem("compensate", "nothing_to_undo", nothing_done ? "no \"compensate\"" : "a tool that changes something",
                 "\"" + tool + "\" changes nothing, so it " + (nothing_done ? "can't be undone" : "undoes nothing"));
}

namespace {

void append(std::vector<Problem>& to, std::vector<Problem>&& more, const std::string& place) {
  for (Problem& problem : more) {
    problem.pointer = place + problem.pointer;
    to.push_back(std::move(problem));
  }
}

bool is_below(std::string_view place, std::string_view root) {
  return place == root || (place.starts_with(root) && place[root.size()] == '/');
}

void check_child(const Plan& plan, const PlannedCall& call, const std::string& where, const PlanCheck& with,
                 std::vector<Problem>& problems, std::vector<Problem>& warnings) {
  Scope scope;
  add_known_input(plan, scope);
  std::vector<Template::Hole> holes;
  const Json known = call.input.resolve_known(scope, holes);
  const Json* child = known.find("plan");
  if (child == nullptr || !child->is_object()) return;  // noted as such
  KnownInput input;
  bool labels_known = true;
  for (const Template::Hole& hole : holes) {
    if (is_below(hole.place, "/plan")) return;  // noted as such
    labels_known = labels_known && !is_below(hole.place, "/labels");
    if (is_below(hole.place, "/input")) input.unknown.push_back(Pointer::parse(hole.place).value_or(Pointer()));
  }
  std::map<std::string, std::string> ignored;
  const Json* labels = known.find("labels");
  if (labels != nullptr && labels->is_object() && labels_known)
    read_labels(*labels, where + "/input/labels", ignored, problems);
  const std::string place = where + "/input/plan/$literal";
  if (with.limits.depth_max == 0) {
    problems.push_back({place, "plan_nested_too_deeply",
                        "at most " + std::to_string(children_depth_max) + " plans inside of one another", "one more",
                        "plans are nested too deeply"});
    return;
  }
  PlanCheck deeper = with;
  --deeper.limits.depth_max;
  if (const Json* given = known.find("input")) input.value = *given;
  std::vector<Problem> wrong, doubts;
  check_whole(*child, deeper, known.find("input") == nullptr ? nullptr : &input, wrong, doubts);
  append(problems, std::move(wrong), place);
  append(warnings, std::move(doubts), place);
}

}  // namespace

void check_children(const Plan& plan, const PlanCheck& with, std::vector<Problem>& problems,
                    std::vector<Problem>& warnings) {
  const auto check = [&](const PlannedCall& call, const std::string& where) {
    if (call.tool != nullptr && call.tool->builtin == Builtin::run_plan)
      check_child(plan, call, where, with, problems, warnings);
  };
  for (std::size_t i = 0; i < plan.actions.size(); ++i) {
    const PlanAction& action = plan.actions[i];
    check(action, action_place(i));
    if (action.fallback) check(*action.fallback, action_place(i) + "/fallback");
    if (action.fallback && action.fallback->compensate)
      check(*action.fallback->compensate, action_place(i) + "/fallback/compensate");
    if (action.compensate) check(*action.compensate, action_place(i) + "/compensate");
  }
}

bool is_unknown_input(const Plan& plan, const std::vector<std::string>& tokens) {
  const auto overlaps = [&tokens](const Pointer& unknown) {
    const std::size_t shared = std::min(unknown.tokens.size(), tokens.size());
    return std::equal(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(shared), unknown.tokens.begin());
  };
  return std::any_of(plan.unknown_input.begin(), plan.unknown_input.end(), overlaps);
}

void add_known_input(const Plan& plan, Scope& scope) {
  if (plan.unknown_input.empty()) return scope.add("input", &plan.input);
  scope.add("input", &plan, [](const void* owner, const std::vector<std::string>& tokens) -> const Json* {
    const Plan& of = *static_cast<const Plan*>(owner);
    return is_unknown_input(of, tokens) ? nullptr : find_below(of.input, tokens, 1);
  });
}

}  // namespace settle
