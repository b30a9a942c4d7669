// Reading a plan's document into a Plan: every member by name, everything wrong at once.

#include <algorithm>
#include <set>

#include "base/text.h"
#include "workflows/builtin_tools.h"
#include "workflows/fields.h"
#include "workflows/plan_parts.h"

namespace settle {
namespace {

class PlanReader {
 public:
  PlanReader(const ToolOf& tools, const std::vector<std::string>& tool_names, const PlanLimits& limits,
             std::vector<Problem>& problems)
      : tools_(tools), tool_names_(tool_names), limits_(limits), problems_(problems) {}

  Plan run(const Json& document) {
    Fields fields(document, "", problems_);
    fields.take("$schema");  // a hint for editors
    plan_.name = fields.needed_text("name");
    if (!plan_.name.empty() && !is_name(plan_.name))
      fields.problem("name", "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -", "a plan's name has other characters");
    const Json* input = fields.take("input");
    plan_.input = input == nullptr ? Json::object() : *input;
    if (const Json* labels = fields.take("labels")) read_labels(*labels, "/labels", plan_.labels, problems_);
    if (const auto rule = fields.choice("on_failure", {"stop", "continue", "compensate"}))
      plan_.on_failure = static_cast<OnFailure>(*rule);
    plan_.deadline = fields.duration("deadline", Duration(1));
    if (const Json* actions = fields.need("actions", "a list of actions")) read_actions(*actions);
    fields.finish();
    link();
    plan_.document = canonical(document);
    return std::move(plan_);
  }

 private:
  void read_actions(const Json& actions);
  PlanAction read_action(const Json& document, std::size_t index);
  void read_call(Fields& fields, const std::string& action_id, PlannedCall& call);
  Rare<PlannedCall> nested_call(Fields& fields, std::string_view name, const std::string& action_id);
  Rare<PlannedFallback> fallback(Fields& fields, const std::string& action_id);
  void for_each(Fields& fields, PlanAction& action);
  void after(Fields& fields, PlanAction& action);
  void policies(Fields& fields, PlannedCall& call);
  void retry(Fields& policy, PlannedCall& call);
  void link();

  const ToolOf& tools_;
  const std::vector<std::string>& tool_names_;
  const PlanLimits& limits_;
  std::vector<Problem>& problems_;
  Plan plan_;
};

void PlanReader::read_actions(const Json& actions) {
  if (!actions.is_array() || actions.size() == 0) {
    problems_.push_back({"/actions", "wrong_type", "a list of actions, not empty", got_text(actions),
                         "a plan has at least one action"});
    return;
  }
  if (actions.size() > limits_.actions_max) {
    problems_.push_back({"/actions", "too_many_actions", "at most " + std::to_string(limits_.actions_max),
                         std::to_string(actions.size()),
                         "the plan has too many actions; run parts of it as plans of their own"});
    return;
  }
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (const Json* id = actions.as_array()[i].find("id"); id != nullptr && id->is_string())
      plan_.by_id.emplace(id->as_string(), static_cast<ActionIndex>(i));
  }
  plan_.actions.reserve(actions.size());
  for (std::size_t i = 0; i < actions.size(); ++i) plan_.actions.push_back(read_action(actions.as_array()[i], i));
}

PlanAction PlanReader::read_action(const Json& document, std::size_t index) {
  PlanAction action;
  Fields fields(document, action_place(index), problems_);
  if (!fields.is_object()) return action;
  action.id = fields.needed_text("id");
  if (!action.id.empty() && !is_name(action.id))
    fields.problem("id", "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -", "an action's id has other characters");
  if (const auto found = plan_.by_id.find(action.id); found != plan_.by_id.end() && found->second != index) {
    fields.problem("id", "duplicate_id", "an id that no other action has",
                   "action " + std::to_string(found->second) + " has this id already");
  }
  read_call(fields, action.id, action);
  after(fields, action);
  if (const Json* when = fields.take("when"))
    action.when = Condition::compile(*when, fields.place_of("when"), problems_);
  for_each(fields, action);
  action.fallback = fallback(fields, action.id);
  const std::optional<std::size_t> fallback_when = fields.choice("fallback_when", {"no_effect", "any_failure"});
  action.fallback_after_any = fallback_when == 1U;
  if (fallback_when && !action.fallback)
    fields.problem("fallback_when", "member_without_its_other", "\"fallback\" beside it",
                   "\"fallback_when\" says when the fallback is tried, and there is none");
  action.compensate = nested_call(fields, "compensate", action.id);
  check_undoing(fields, action, action.compensate);
  fields.finish();
  return action;
}

/// The members of a call: of an action itself, of its fallback, of its compensation.
void PlanReader::read_call(Fields& fields, const std::string& action_id, PlannedCall& call) {
  const std::string tool = fields.needed_text("tool");
  if (is_builtin_name(tool)) return read_builtin_call(fields, tool, call, problems_);
  if (!tool.empty()) {
    call.tool = tools_(action_id, tool);
    if (call.tool == nullptr) {
      const std::optional<std::string> near = nearest(tool, tool_names_);
      problems_.push_back({fields.place_of("tool"), "unknown_tool", "the name of a registered tool",
                           "\"" + shorten(tool, 80) + "\"",
                           "there is no tool \"" + shorten(tool, 60) + "\"" + did_you_mean(near), near.value_or("")});
    }
  }
  const Json* input = fields.take("input");
  static const Json nothing = Json::object();
  call.input = Template::compile(input == nullptr ? nothing : *input, fields.place_of("input"), nullptr, problems_);
  if (call.tool != nullptr) {
    policies(fields, call);
  } else {  // known members all the same, so that an unknown tool is one problem
    for (const std::string_view name : {"start_to_close_timeout", "schedule_to_close_timeout", "retry", "approval"})
      fields.take(name);
  }
}

Rare<PlannedCall> PlanReader::nested_call(Fields& fields, std::string_view name, const std::string& action_id) {
  const Json* document = fields.take(name);
  if (document == nullptr) return std::nullopt;
  PlannedCall call;
  Fields members(*document, fields.place_of(name), problems_);
  if (!members.is_object()) return std::nullopt;
  read_call(members, action_id, call);
  members.finish();
  return call;
}

Rare<PlannedFallback> PlanReader::fallback(Fields& fields, const std::string& action_id) {
  const Json* document = fields.take("fallback");
  if (document == nullptr) return std::nullopt;
  PlannedFallback out;
  Fields members(*document, fields.place_of("fallback"), problems_);
  if (!members.is_object()) return std::nullopt;
  read_call(members, action_id, out);
  out.compensate = nested_call(members, "compensate", action_id);
  check_undoing(members, out, out.compensate);
  members.finish();
  return out;
}

void PlanReader::for_each(Fields& fields, PlanAction& action) {
  const Json* list = fields.take("for_each");
  const std::optional<std::int64_t> parallel =
      fields.integer("max_parallel", 1, static_cast<std::int64_t>(elements_max));
  const std::optional<std::size_t> rule = fields.choice("on_element_failure", {"stop", "continue"});
  if (list != nullptr) {
    ForEach each;
    each.list = Template::compile(*list, fields.place_of("for_each"), nullptr, problems_);
    each.max_parallel = static_cast<std::uint32_t>(parallel.value_or(0));
    if (rule) each.on_failure = static_cast<OnElementFailure>(*rule);
    action.for_each = std::move(each);
    return;
  }
  const auto alone = [&](std::string_view name) {
    fields.problem(name, "member_without_its_other", "\"for_each\" beside it",
                   "\"" + std::string(name) + "\" is about the elements of \"for_each\", and there is none");
  };
  if (parallel) alone("max_parallel");
  if (rule) alone("on_element_failure");
}

void PlanReader::after(Fields& fields, PlanAction& action) {
  const Json* after = fields.take("after");
  if (after == nullptr) return;
  if (!after->is_array()) {
    fields.problem("after", "wrong_type", "a list of action ids", "\"after\" takes a list");
    return;
  }
  for (std::size_t i = 0; i < after->size(); ++i) {
    const Json& id = after->as_array()[i];
    const auto found = id.is_string() ? plan_.by_id.find(id.as_string()) : plan_.by_id.end();
    if (found == plan_.by_id.end()) {
      problems_.push_back(unknown_action(plan_, fields.place_of("after") + "/" + std::to_string(i),
                                         id.is_string() ? id.as_string() : got_text(id)));
    } else {
      action.needs.push_back(found->second);
    }
  }
}

/// A plan may only tighten what the tool says.
void PlanReader::policies(Fields& fields, PlannedCall& call) {
  const Tool& tool = *call.tool;
  const auto tightened = [&](std::string_view name, Duration most) {
    const std::optional<Duration> asked = fields.duration(name, Duration(1));
    if (!asked) return most;
    if (*asked > most)
      fields.problem(name, "policy_loosened", "at most " + format_duration(most) + ", as the tool says",
                     "a plan may only tighten a tool's limits");
    return std::min(*asked, most);
  };
  call.start_to_close_timeout = tightened("start_to_close_timeout", tool.start_to_close_timeout);
  call.schedule_to_close_timeout = tightened("schedule_to_close_timeout", tool.schedule_to_close_timeout);
  call.approval = tighten_approval(fields, tool.approval, tool.input_schema.get(), problems_);
  call.retry = tool.retry;
  const Json* document = fields.take("retry");
  if (document == nullptr) return;
  Fields policy(*document, fields.place_of("retry"), problems_);
  if (policy.is_object()) retry(policy, call);
}

void PlanReader::retry(Fields& policy, PlannedCall& call) {
  const RetryPolicy& most = call.tool->retry;
  if (const auto attempts = policy.integer("maximum_attempts", 1, 1'000'000)) {
    if (*attempts > most.maximum_attempts)
      policy.problem("maximum_attempts", "policy_loosened",
                     "at most " + std::to_string(most.maximum_attempts) + ", as the tool says",
                     "a plan may only tighten a tool's limits");
    call.retry.maximum_attempts = static_cast<int>(std::min<std::int64_t>(*attempts, most.maximum_attempts));
  }
  const auto slower = [&](std::string_view name, Duration least) {
    const std::optional<Duration> asked = policy.duration(name, Duration(1));
    if (!asked) return least;
    if (*asked < least)
      policy.problem(name, "policy_loosened", "at least " + format_duration(least) + ", as the tool says",
                     "a plan may not retry faster than the tool allows");
    return std::max(*asked, least);
  };
  call.retry.initial_interval = slower("initial_interval", most.initial_interval);
  call.retry.maximum_interval = slower("maximum_interval", most.maximum_interval);
  if (const auto coefficient = policy.number("backoff_coefficient", 1, 100)) {
    if (*coefficient < most.backoff_coefficient)
      policy.problem("backoff_coefficient", "policy_loosened",
                     "at least " + canonical(Json(most.backoff_coefficient)) + ", as the tool says",
                     "a plan may not retry faster than the tool allows");
    call.retry.backoff_coefficient = std::max(*coefficient, most.backoff_coefficient);
  }
  policy.finish();
}

/// Who waits for whom: by `after`, and by reference.
void PlanReader::link() {
  for (std::size_t i = 0; i < plan_.actions.size(); ++i) {
    PlanAction& action = plan_.actions[i];
    for (const Template::Reference& reference : references_at_start(action)) {
      if (const std::optional<ActionIndex> need = referred_action(plan_, reference.source))
        action.needs.push_back(*need);
    }
    std::sort(action.needs.begin(), action.needs.end());
    action.needs.erase(std::unique(action.needs.begin(), action.needs.end()), action.needs.end());
    for (const ActionIndex need : action.needs) {
      if (need < plan_.actions.size()) plan_.actions[need].dependents.push_back(static_cast<ActionIndex>(i));
    }
  }
}

}  // namespace

std::string action_place(std::size_t index) {
  return "/actions/" + std::to_string(index);
}

Problem unknown_action(const Plan& plan, const std::string& where, const std::string& id) {
  std::vector<std::string> ids;
  for (const auto& known : plan.by_id) ids.push_back(known.first);
  const std::optional<std::string> near = nearest(id, ids);
  return {where,
          "unknown_action",
          "the id of an action of this plan",
          shorten(id, 80),
          "there is no action \"" + shorten(id, 60) + "\"" + did_you_mean(near),
          near.value_or("")};
}

std::optional<ActionIndex> referred_action(const Plan& plan, const Pointer& source) {
  if (source.tokens.size() < 2 || source.tokens[0] != "actions") return std::nullopt;
  const auto found = plan.by_id.find(source.tokens[1]);
  return found == plan.by_id.end() ? std::nullopt : std::optional<ActionIndex>(found->second);
}

std::vector<Template::Reference> references_at_start(const PlanAction& action) {
  std::vector<Template::Reference> out = action.input.references();
  const auto add = [&out](const std::vector<Template::Reference>& more) {
    out.insert(out.end(), more.begin(), more.end());
  };
  const Rare<Condition>* conditions[] = {&action.when, &action.that,
                                         action.fallback ? &action.fallback->that : nullptr};
  for (const Rare<Condition>* condition : conditions) {
    if (condition == nullptr || !*condition) continue;
    add((*condition)->references());
    add((*condition)->optional_references());
  }
  if (action.for_each) add(action.for_each->list.references());
  if (action.fallback) add(action.fallback->input.references());
  return out;
}

Plan read_plan(const Json& document, const ToolOf& tools, const std::vector<std::string>& tool_names,
               const PlanLimits& limits, std::vector<Problem>& problems) {
  return PlanReader(tools, tool_names, limits, problems).run(document);
}

}  // namespace settle
