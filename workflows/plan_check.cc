#include <algorithm>
#include <functional>
#include <set>

#include "base/text.h"
#include "workflows/fields.h"
#include "workflows/plan.h"

namespace settle {
namespace {

constexpr std::string_view not_supported = "plan_not_supported";
constexpr std::size_t problems_max = 200;

std::string type_text(const Json* schema) {
  if (schema == nullptr || !schema->is_object()) return "";
  const Json* type = schema->find("type");
  return type == nullptr || !type->is_string() ? "" : type->as_string();
}

/// True when a value of schema type `from` can never be one of `to`; unknown types are left to the run-time check.
bool types_clash(const std::string& from, const std::string& to) {
  if (from.empty() || to.empty() || from == to) return false;
  const bool numbers = (from == "integer" || from == "number") && (to == "integer" || to == "number");
  return !numbers;
}

class Checker {
 public:
  Checker(const Json& document, const ToolOf& tools, const std::vector<std::string>& tool_names,
          const PlanLimits& limits)
      : document_(document), tools_(tools), tool_names_(tool_names), limits_(limits) {}

  Result<std::shared_ptr<const Plan>> run() {
    Fields fields(document_, "", problems_);
    plan_.name = fields.needed_text("name");
    if (!plan_.name.empty() && !is_name(plan_.name))
      fields.problem("name", "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -", "a plan's name has other characters");
    const Json* input = fields.take("input");
    plan_.input = input == nullptr ? Json::object() : *input;
    labels(fields);
    if (const auto rule = fields.choice("on_failure", {"stop", "continue", "compensate"})) {
      if (*rule == 2)
        fields.problem("on_failure", std::string(not_supported), "\"stop\" or \"continue\"",
                       "compensation is not offered by this version of Settle");
      plan_.on_failure = *rule == 1 ? OnFailure::continue_others : OnFailure::stop;
    }
    fields.not_yet("deadline", not_supported);
    if (const Json* actions = fields.need("actions", "a list of actions")) read_actions(*actions);
    fields.finish();
    check_references();
    check_cycles();
    if (!problems_.empty()) {
      if (problems_.size() > problems_max) problems_.resize(problems_max);
      std::string first = "the plan was refused: " + std::to_string(problems_.size()) +
                          (problems_.size() == 1 ? " problem" : " problems");
      first += "; the first: " + problems_[0].pointer + ": " + problems_[0].message;
      return fail(ErrorCode::invalid_plan, std::move(first), std::move(problems_));
    }
    plan_.document = document_;
    return std::shared_ptr<const Plan>(std::make_shared<Plan>(std::move(plan_)));
  }

 private:
  static std::string place(std::size_t index) { return "/actions/" + std::to_string(index); }

  void labels(Fields& fields) {
    const Json* labels = fields.take("labels");
    if (labels == nullptr) return;
    Fields members(*labels, "/labels", problems_);
    if (!members.is_object()) return;
    for (const JsonMember& label : labels->as_object()) {
      if (!is_name(label.name))
        members.problem(label.name, "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -",
                        "a label's name has other characters");
      if (!label.value.is_string() || label.value.as_string().size() > 256) {
        members.problem(label.name, "wrong_type", "a string of at most 256 bytes", "a label's value is a short string");
        continue;
      }
      plan_.labels[label.name] = label.value.as_string();
    }
  }

  void read_actions(const Json& actions) {
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
    for (std::size_t i = 0; i < actions.size(); ++i) plan_.actions.push_back(read_action(actions.as_array()[i], i));
  }

  PlanAction read_action(const Json& document, std::size_t index) {
    PlanAction action;
    Fields fields(document, place(index), problems_);
    if (!fields.is_object()) return action;
    action.id = fields.needed_text("id");
    if (!action.id.empty() && !is_name(action.id))
      fields.problem("id", "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -", "an action's id has other characters");
    if (const auto found = plan_.by_id.find(action.id); found != plan_.by_id.end() && found->second != index) {
      fields.problem("id", "duplicate_id", "an id that no other action has",
                     "action " + std::to_string(found->second) + " has this id already");
    }
    const std::string tool = fields.needed_text("tool");
    if (!tool.empty()) {
      action.tool = tools_(action.id, tool);
      if (action.tool == nullptr) {
        const std::optional<std::string> near = nearest(tool, tool_names_);
        fields.problem(
            "tool", "unknown_tool", "the name of a registered tool",
            "there is no tool \"" + shorten(tool, 60) + "\"" + (near ? "; did you mean \"" + *near + "\"?" : ""));
      }
    }
    const Json* input = fields.take("input");
    static const Json nothing = Json::object();
    action.input = Template::compile(input == nullptr ? nothing : *input, fields.place_of("input"), nullptr, problems_);
    if (action.tool != nullptr) check_input(action, input == nullptr ? nothing : *input, fields.place_of("input"));
    after(fields, action);
    if (action.tool != nullptr) {
      policies(fields, action);
    } else {  // known members all the same, so that an unknown tool is one problem
      for (const std::string_view name : {"start_to_close_timeout", "schedule_to_close_timeout", "retry"})
        fields.take(name);
    }
    for (const std::string_view name :
         {"when", "for_each", "max_parallel", "fallback", "fallback_when", "compensate", "approval"})
      fields.not_yet(name, not_supported);
    fields.finish();
    return action;
  }

  void after(Fields& fields, PlanAction& action) {
    const Json* after = fields.take("after");
    if (after == nullptr) return;
    if (!after->is_array()) {
      fields.problem("after", "wrong_type", "a list of action ids", "\"after\" takes a list");
      return;
    }
    for (std::size_t i = 0; i < after->size(); ++i) {
      const Json& id = after->as_array()[i];
      const std::string where = fields.place_of("after") + "/" + std::to_string(i);
      const auto found = id.is_string() ? plan_.by_id.find(id.as_string()) : plan_.by_id.end();
      if (found == plan_.by_id.end()) {
        problems_.push_back(unknown_action(where, id.is_string() ? id.as_string() : got_text(id)));
      } else {
        action.needs.push_back(found->second);
      }
    }
  }

  Problem unknown_action(const std::string& where, const std::string& id) {
    std::vector<std::string> ids;
    for (const auto& known : plan_.by_id) ids.push_back(known.first);
    const std::optional<std::string> near = nearest(id, ids);
    return {where, "unknown_action", "the id of an action of this plan", shorten(id, 80),
            "there is no action \"" + shorten(id, 60) + "\"" + (near ? "; did you mean \"" + *near + "\"?" : "")};
  }

  /// A plan may only tighten what the tool says.
  void policies(Fields& fields, PlanAction& action) {
    const Tool& tool = *action.tool;
    const auto tightened = [&](std::string_view name, Duration most) {
      const std::optional<Duration> asked = fields.duration(name, Duration(1));
      if (!asked) return most;
      if (*asked > most)
        fields.problem(name, "policy_loosened", "at most " + format_duration(most) + ", as the tool says",
                       "a plan may only tighten a tool's limits");
      return std::min(*asked, most);
    };
    action.start_to_close_timeout = tightened("start_to_close_timeout", tool.start_to_close_timeout);
    action.schedule_to_close_timeout = tightened("schedule_to_close_timeout", tool.schedule_to_close_timeout);
    action.retry = tool.retry;
    const Json* retry = fields.take("retry");
    if (retry == nullptr) return;
    Fields policy(*retry, fields.place_of("retry"), problems_);
    if (!policy.is_object()) return;
    if (const auto attempts = policy.integer("maximum_attempts", 1, 1'000'000)) {
      if (*attempts > tool.retry.maximum_attempts)
        policy.problem("maximum_attempts", "policy_loosened",
                       "at most " + std::to_string(tool.retry.maximum_attempts) + ", as the tool says",
                       "a plan may only tighten a tool's limits");
      action.retry.maximum_attempts = static_cast<int>(std::min<std::int64_t>(*attempts, tool.retry.maximum_attempts));
    }
    const auto slower = [&](std::string_view name, Duration least) {
      const std::optional<Duration> asked = policy.duration(name, Duration(1));
      if (!asked) return least;
      if (*asked < least)
        policy.problem(name, "policy_loosened", "at least " + format_duration(least) + ", as the tool says",
                       "a plan may not retry faster than the tool allows");
      return std::max(*asked, least);
    };
    action.retry.initial_interval = slower("initial_interval", tool.retry.initial_interval);
    action.retry.maximum_interval = slower("maximum_interval", tool.retry.maximum_interval);
    if (const auto coefficient = policy.number("backoff_coefficient", 1, 100)) {
      if (*coefficient < tool.retry.backoff_coefficient)
        policy.problem("backoff_coefficient", "policy_loosened", "at least the tool's",
                       "a plan may not retry faster than the tool allows");
      action.retry.backoff_coefficient = std::max(*coefficient, tool.retry.backoff_coefficient);
    }
    policy.finish();
  }

  static bool is_reference(const Json& value) {
    return value.is_object() && value.size() == 1 &&
           (value.as_object()[0].name == "$from" || value.as_object()[0].name == "$text");
  }

  /// The input against the tool's schema: as a whole when it holds no reference, else member by member as far as it is
  /// known.
  void check_input(const PlanAction& action, const Json& input, const std::string& where) {
    if (action.input.is_constant()) {
      const Result<Json> value = action.input.resolve(Scope());
      if (value) add_failures(action.tool->input_schema->validate(*value), where);
      return;
    }
    check_partial(action.tool->input_schema->document(), input, where);
  }

  void add_failures(const std::vector<SchemaFailure>& failures, const std::string& where) {
    for (const SchemaFailure& failure : failures) {
      problems_.push_back(
          {where + failure.instance, "input_" + failure.keyword, failure.expected, failure.got,
           "the input does not fit the tool's schema (" + failure.keyword + "): expected " + failure.expected});
    }
  }

  void check_partial(const Json& schema, const Json& value, const std::string& where) {
    if (!schema.is_object()) return;
    const std::string type = type_text(&schema);
    if (is_reference(value)) {
      if (value.find("$text") != nullptr && types_clash("string", type)) {
        problems_.push_back({where, "reference_type", type, "string",
                             "the tool takes a value of type " + type + " here, $text gives a string"});
      }
      return;
    }
    if (!contains_reference(value)) {
      std::vector<Problem> reported_already;
      const Result<Json> constant = Template::compile(value, where, nullptr, reported_already).resolve(Scope());
      const Result<Schema> compiled = Schema::compile(schema);
      if (compiled && constant) add_failures(compiled->validate(*constant), where);
      return;
    }
    if (value.is_object()) {
      if (type != "" && type != "object")
        problems_.push_back(
            {where, "input_type", type, "object", "the input does not fit the tool's schema: expected " + type});
      check_partial_object(schema, value, where);
    } else if (value.is_array()) {
      if (type != "" && type != "array")
        problems_.push_back(
            {where, "input_type", type, "array", "the input does not fit the tool's schema: expected " + type});
      const Json* items = schema.find("items");
      for (std::size_t i = 0; items != nullptr && i < value.size(); ++i)
        check_partial(*items, value.as_array()[i], where + "/" + std::to_string(i));
    }
  }

  void check_partial_object(const Json& schema, const Json& value, const std::string& where) {
    const Json* required = schema.find("required");
    for (std::size_t i = 0; required != nullptr && i < required->size(); ++i) {
      const std::string& name = required->as_array()[i].as_string();
      if (value.find(name) == nullptr)
        problems_.push_back({where, "input_required", "the member \"" + name + "\"", "nothing",
                             "the input does not fit the tool's schema: \"" + name + "\" is missing"});
    }
    const Json* properties = schema.find("properties");
    const Json* additional = schema.find("additionalProperties");
    for (const JsonMember& member : value.as_object()) {
      const Json* known = properties == nullptr ? nullptr : properties->find(member.name);
      const std::string at = where + "/" + escape_token(member.name);
      if (known != nullptr) {
        check_partial(*known, member.value, at);
      } else if (additional != nullptr && additional->is_object()) {
        check_partial(*additional, member.value, at);
      } else if (additional != nullptr && *additional == Json(false)) {
        std::vector<std::string> names;
        for (std::size_t i = 0; properties != nullptr && i < properties->size(); ++i)
          names.push_back(properties->as_object()[i].name);
        const std::optional<std::string> near = nearest(member.name, names);
        problems_.push_back({at, "input_additionalProperties", "a member that the tool knows", shorten(member.name, 80),
                             "the tool takes no \"" + shorten(member.name, 60) + "\"" +
                                 (near ? "; did you mean \"" + *near + "\"?" : "")});
      }
    }
  }

  static bool contains_reference(const Json& value) {
    if (is_reference(value)) return true;
    if (value.is_object()) {
      if (value.size() == 1 && value.as_object()[0].name == "$literal") return false;
      return std::any_of(value.as_object().begin(), value.as_object().end(),
                         [](const JsonMember& m) { return contains_reference(m.value); });
    }
    return value.is_array() && std::any_of(value.as_array().begin(), value.as_array().end(),
                                           [](const Json& v) { return contains_reference(v); });
  }

  void check_references() {
    for (std::size_t i = 0; i < plan_.actions.size(); ++i) {
      PlanAction& action = plan_.actions[i];
      for (const Template::Reference& reference : action.input.references()) check_reference(i, action, reference);
      std::sort(action.needs.begin(), action.needs.end());
      action.needs.erase(std::unique(action.needs.begin(), action.needs.end()), action.needs.end());
      for (const ActionIndex need : action.needs) plan_.actions[need].dependents.push_back(static_cast<ActionIndex>(i));
    }
  }

  void check_reference(std::size_t index, PlanAction& action, const Template::Reference& reference) {
    const std::vector<std::string>& tokens = reference.source.tokens;
    const std::string source = reference.source.text();
    if (tokens[0] == "input") {
      const Json* value = find_below(plan_.input, tokens, 1);
      if (value == nullptr) {
        problems_.push_back({reference.place, "reference_not_found", "a place in the plan's input", source,
                             "the plan's input has nothing at " + source});
      } else if (reference.text && !value->is_string() && !value->is_number()) {
        problems_.push_back({reference.place, "reference_not_text", "a string or a number",
                             std::string(value->type_name()), "$text takes strings and numbers only"});
      } else if (!reference.text) {
        check_constant_reference(index, action, reference, *value);
      }
      return;
    }
    if (tokens[0] != "actions" || tokens.size() < 3) {
      problems_.push_back({reference.place, "reference_unknown",
                           "/input/…, /actions/ID/output/… or /actions/ID/record_id", source,
                           "a plan can't see " + source});
      return;
    }
    const auto found = plan_.by_id.find(tokens[1]);
    if (found == plan_.by_id.end()) {
      problems_.push_back(unknown_action(reference.place, tokens[1]));
      return;
    }
    action.needs.push_back(found->second);
    const std::shared_ptr<const Tool>& producer = plan_.actions[found->second].tool;
    if (producer == nullptr) return;
    if (tokens[2] == "record_id" && tokens.size() == 3) {
      if (!producer->record_id)
        problems_.push_back({reference.place, "reference_not_in_schema", "an action whose tool has a record_id", source,
                             "tool \"" + producer->name + "\" declares no record_id"});
      return;
    }
    if (tokens[2] != "output") {
      problems_.push_back({reference.place, "reference_unknown", "/actions/ID/output/… or /actions/ID/record_id",
                           source, "a plan can't see " + source});
      return;
    }
    check_output_reference(index, action, reference, *producer);
  }

  void check_output_reference(std::size_t index, const PlanAction& action, const Template::Reference& reference,
                              const Tool& producer) {
    const std::vector<std::string> below(reference.source.tokens.begin() + 3, reference.source.tokens.end());
    const Schema::Place at = producer.output_schema->at(below);
    if (!at.possible) {
      problems_.push_back({reference.place, "reference_not_in_schema",
                           "a place that the output_schema of \"" + producer.name + "\" allows",
                           reference.source.text(),
                           "tool \"" + producer.name + "\" never answers with " + reference.source.text()});
      return;
    }
    const std::string from = type_text(at.schemas.empty() ? nullptr : at.schemas[0]);
    if (reference.text) {
      if (from == "object" || from == "array" || from == "boolean" || from == "null") {
        problems_.push_back({reference.place, "reference_not_text", "a string or a number", from,
                             "$text takes strings and numbers only"});
      }
      return;
    }
    const Json* target = target_schema(index, action, reference);
    if (types_clash(from, type_text(target))) {
      problems_.push_back(
          {reference.place, "reference_type", type_text(target), from,
           "the tool takes a value of type " + type_text(target) + " here, the reference gives " + from});
    }
  }

  /// The subschema of the consuming tool's input that the reference fills, or null.
  static const Json* target_schema(std::size_t index, const PlanAction& action, const Template::Reference& reference) {
    if (action.tool == nullptr) return nullptr;
    const std::string base = place(index) + "/input";
    const std::optional<Pointer> inside = Pointer::parse(reference.place.substr(base.size()));
    if (!inside) return nullptr;
    const Schema::Place at = action.tool->input_schema->at(inside->tokens);
    return at.schemas.empty() ? nullptr : at.schemas[0];
  }

  void check_constant_reference(std::size_t index, const PlanAction& action, const Template::Reference& reference,
                                const Json& value) {
    const Json* target = target_schema(index, action, reference);
    if (target == nullptr) return;
    const Result<Schema> compiled = Schema::compile(*target);
    if (compiled) add_failures(compiled->validate(value), reference.place);
  }

  /// Kahn's algorithm; what is left over lies on or behind a cycle. One problem names the cycle itself.
  void check_cycles() {
    std::vector<std::size_t> waiting(plan_.actions.size());
    std::vector<ActionIndex> ready;
    for (std::size_t i = 0; i < plan_.actions.size(); ++i) {
      waiting[i] = plan_.actions[i].needs.size();
      if (waiting[i] == 0) ready.push_back(static_cast<ActionIndex>(i));
    }
    std::size_t done = 0;
    while (!ready.empty()) {
      const ActionIndex at = ready.back();
      ready.pop_back();
      ++done;
      for (const ActionIndex next : plan_.actions[at].dependents) {
        if (--waiting[next] == 0) ready.push_back(next);
      }
    }
    if (done == plan_.actions.size()) return;
    ActionIndex at = static_cast<ActionIndex>(
        std::find_if(waiting.begin(), waiting.end(), [](std::size_t n) { return n > 0; }) - waiting.begin());
    std::set<ActionIndex> seen;
    const auto blocking = [&](ActionIndex i) {
      const std::vector<ActionIndex>& needs = plan_.actions[i].needs;
      return *std::find_if(needs.begin(), needs.end(), [&](ActionIndex n) { return waiting[n] > 0; });
    };
    while (seen.insert(at).second) at = blocking(at);
    std::string cycle = plan_.actions[at].id;
    for (ActionIndex next = blocking(at); next != at; next = blocking(next)) cycle += " → " + plan_.actions[next].id;
    problems_.push_back({place(at), "cycle", "no action that waits for itself",
                         shorten(cycle + " → " + plan_.actions[at].id, 200), "these actions wait for each other"});
  }

  const Json& document_;
  const ToolOf& tools_;
  const std::vector<std::string>& tool_names_;
  const PlanLimits& limits_;
  std::vector<Problem> problems_;
  Plan plan_;
};

}  // namespace

Result<std::shared_ptr<const Plan>> check_plan(const Json& document, const ToolOf& tools,
                                               const std::vector<std::string>& tool_names, const PlanLimits& limits) {
  return Checker(document, tools, tool_names, limits).run();
}

}  // namespace settle
