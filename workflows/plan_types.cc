// The whole-plan type check: each reference against the schema of what produces it and the schema of what takes it,
// each input against its tool's schema as far as it is known.

#include <algorithm>
#include <set>

#include "base/text.h"
#include "workflows/builtin_tools.h"
#include "workflows/plan_sources.h"

namespace settle {
namespace {

constexpr std::size_t elements_checked_max = 1'000;

class TypeCheck {
 public:
  TypeCheck(const Plan& plan, std::vector<Problem>& problems, std::vector<Problem>& warnings)
      : plan_(plan), problems_(problems), warnings_(warnings), sources_(plan, problems, warnings) {}

  void run() {
    for (std::size_t i = 0; i < plan_.actions.size(); ++i) check_action(i);
  }

 private:
  void check_action(std::size_t index);
  void check_call(const PlannedCall& call, CallRole role, const std::string& where);
  void check_fallback(const PlannedFallback& fallback, const std::string& where);
  void check_undoing(const PlannedCall& call, CallRole role, const std::string& where);
  void check_condition(const Condition& condition, CallRole role);
  void check_comparison(const Condition::Comparison& comparison, CallRole role);
  void check_list(const ForEach& each);
  void check_input(const PlannedCall& call, CallRole role, const std::string& where, const Scope& scope,
                   const std::string& element);
  void check_failures(const PlannedCall& call, const std::string& where, const Json& value,
                      const std::vector<Template::Hole>& holes, const std::string& element);
  void check_hole(const PlannedCall& call, CallRole role, const std::string& where, const Template::Hole& hole);
  void check_fit(const PlannedCall& call, const std::string& place, const Fit& found, const std::string& from);

  const PlanAction& action() const { return plan_.actions[index_]; }
  void problem(std::string pointer, std::string code, std::string expected, std::string got, std::string message,
               std::string suggestion = {}) {
    problems_.push_back({std::move(pointer), std::move(code), std::move(expected), std::move(got), std::move(message),
                         std::move(suggestion)});
  }

  const Plan& plan_;
  std::vector<Problem>& problems_;
  std::vector<Problem>& warnings_;
  PlanSources sources_;
  std::size_t index_ = 0;
  Json known_list_;                        ///< of the action's for_each, where it is known
  const Json::Array* elements_ = nullptr;  ///< its elements, or null
};

void TypeCheck::check_action(std::size_t index) {
  index_ = index;
  elements_ = nullptr;
  sources_.enter(index);
  const std::string place = action_place(index);
  if (action().when) check_condition(*action().when, CallRole::main);
  if (action().for_each) check_list(*action().for_each);
  check_call(action(), CallRole::main, place);
  if (action().fallback) check_fallback(*action().fallback, place + "/fallback");
  if (action().compensate) check_undoing(*action().compensate, CallRole::compensate, place + "/compensate");
}

void TypeCheck::check_fallback(const PlannedFallback& fallback, const std::string& where) {
  check_call(fallback, CallRole::fallback, where);
  if (fallback.compensate) {
    check_undoing(*fallback.compensate, CallRole::compensate_fallback, where + "/compensate");
  } else if (action().compensate && fallback.tool != nullptr && !fallback.tool->reads_only()) {
    warnings_.push_back({where, "fallback_not_compensated", "\"compensate\" in the fallback", "",
                         "the action's own \"compensate\" does not undo what the fallback did"});
  }
}

void TypeCheck::check_undoing(const PlannedCall& call, CallRole role, const std::string& where) {
  check_call(call, role, where);
  if (plan_.on_failure != OnFailure::compensate)
    warnings_.push_back({where, "compensation_unused", "\"on_failure\": \"compensate\" in the plan", "",
                         "the plan says how to undo this, but not that failures are to be undone"});
}

void TypeCheck::check_call(const PlannedCall& call, CallRole role, const std::string& where) {
  for (const Template::Reference& reference : call.input.references()) sources_.check(reference, role, false);
  if (call.that) check_condition(*call.that, role);
  if (call.tool == nullptr) return;
  if (call.tool->deprecated) {
    const std::string& why = call.tool->deprecation;
    warnings_.push_back({where + "/tool", "tool_deprecated", "a tool that is not deprecated", call.tool->name,
                         "tool \"" + call.tool->name + "\" is deprecated" + (why.empty() ? "" : ": " + why)});
  }
  Scope scope;
  add_known_input(plan_, scope);
  if (elements_ == nullptr || elements_->empty()) return check_input(call, role, where + "/input", scope, "");
  const bool same_for_all = std::none_of(
      call.input.references().begin(), call.input.references().end(),
      [](const Template::Reference& r) { return r.source.tokens[0] == "item" || r.source.tokens[0] == "index"; });
  const std::size_t before = problems_.size();
  for (std::size_t i = 0; i < std::min(elements_->size(), same_for_all ? 1 : elements_checked_max); ++i) {
    const Json number = static_cast<std::int64_t>(i);
    Scope each = scope;
    each.add("item", &(*elements_)[i]);
    each.add("index", &number);
    check_input(call, role, where + "/input", each, same_for_all ? "" : " (element " + std::to_string(i) + ")");
    if (problems_.size() > before) return;  // the next elements mostly repeat it
  }
}

void TypeCheck::check_list(const ForEach& each) {
  for (const Template::Reference& reference : each.list.references()) sources_.check(reference, CallRole::main, false);
  const std::string place = action_place(index_) + "/for_each";
  Scope scope;
  add_known_input(plan_, scope);
  std::vector<Template::Hole> holes;
  Json known = each.list.resolve_known(scope, holes);
  const auto not_a_list = [&](const std::string& got) {
    problem(place, "for_each_not_a_list", "a list", got,
            "\"for_each\" runs the action once for each element of a list");
  };
  if (!holes.empty()) {
    if (holes[0].place.empty() && holes[0].text) return not_a_list("string");
    if (!holes[0].place.empty() || holes[0].sources.empty()) return;  // a list with elements that are not known yet
    const std::optional<PlanSource> list = sources_.follow(holes[0].sources[0], CallRole::main);
    if (!list) return;
    sources_.over(list);
    for (const SchemaView& view : list->views) {
      const std::string types = types_text(view.place());
      if (!may_be(view.place(), json_kinds::of(Json::Type::array))) return not_a_list(types);
    }
    return;
  }
  if (!known.is_array()) return not_a_list(std::string(known.type_name()));
  known_list_ = std::move(known);
  elements_ = &known_list_.as_array();
  sources_.over(elements_);
}

void TypeCheck::check_condition(const Condition& condition, CallRole role) {
  for (const Template::Reference& reference : condition.references()) sources_.check(reference, role, false);
  for (const Template::Reference& reference : condition.optional_references()) sources_.check(reference, role, true);
  for (const Condition::Comparison& comparison : condition.comparisons()) check_comparison(comparison, role);
}

/// Types never mix: a comparison of two that have none in common is a mistake.
void TypeCheck::check_comparison(const Condition::Comparison& comparison, CallRole role) {
  switch (comparison.op) {
    case Operator::equals:
    case Operator::not_equals:
    case Operator::equals_ignoring_case:
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal:
      break;
    default:
      return;
  }
  Json schemas[2];
  Schema::Place sides[2];
  const Template* templates[2] = {comparison.left, comparison.right};
  for (int i = 0; i < 2; ++i) {
    Scope scope;
    add_known_input(plan_, scope);
    std::vector<Template::Hole> holes;
    const Json value = templates[i]->resolve_known(scope, holes);
    if (holes.empty()) {
      schemas[i] = Json::object({{"const", value}});
      sides[i].schemas.push_back(&schemas[i]);
    } else if (holes[0].text && holes[0].place.empty()) {
      schemas[i] = Json::object({{"type", "string"}});
      sides[i].schemas.push_back(&schemas[i]);
    } else if (holes[0].place.empty() && holes[0].sources.size() == 1) {
      const std::optional<PlanSource> source = sources_.follow(holes[0].sources[0], role);
      if (!source || source->views.size() != 1) return;
      sides[i] = source->views[0].place();
    } else {
      return;
    }
  }
  if (may_be_equal(sides[0], sides[1])) return;
  problem(comparison.place, "condition_types", "two values of one type",
          types_text(sides[0]) + " and " + types_text(sides[1]),
          "types never mix: " + types_text(sides[0]) + " and " + types_text(sides[1]) + " can't be compared by \"" +
              std::string(name_of(comparison.op)) + "\"");
}

void TypeCheck::check_input(const PlannedCall& call, CallRole role, const std::string& where, const Scope& scope,
                            const std::string& element) {
  std::vector<Template::Hole> holes;
  const Json value = call.input.resolve_known(scope, holes);
  check_failures(call, where, value, holes, element);
  if (const std::optional<Problem> wrong = builtin_input_problem(*call.tool, value, std::nullopt))
    problem(where + wrong->pointer, wrong->code, wrong->expected, wrong->got, wrong->message + element);
  for (const Template::Hole& hole : holes) check_hole(call, role, where, hole);
}

/// Whether a failure depends on a value that is not known yet.
bool depends_on(const SchemaFailure& failure, const std::vector<Template::Hole>& holes) {
  static const std::set<std::string> of_names = {"additionalProperties", "unevaluatedProperties", "propertyNames"};
  static const std::set<std::string> of_shape = {"type",          "required",      "additionalProperties",
                                                 "minProperties", "maxProperties", "minItems",
                                                 "maxItems",      "propertyNames", "dependentRequired"};
  for (const Template::Hole& hole : holes) {
    const bool at_or_below = failure.instance == hole.place || failure.instance.starts_with(hole.place + "/");
    if (at_or_below && !(failure.instance == hole.place && of_names.contains(failure.keyword))) return true;
    const bool above = failure.instance.empty() || hole.place.starts_with(failure.instance + "/");
    if (above && !of_shape.contains(failure.keyword) && !at_or_below) return true;
  }
  if (holes.empty()) return false;
  for (const std::string_view conditional :
       {"/then", "/else", "/anyOf/", "/oneOf/", "/dependentSchemas/", "/not", "/contains", "/dependencies/"}) {
    if (failure.schema.find(conditional) != std::string::npos) return true;
  }
  return false;
}

void TypeCheck::check_failures(const PlannedCall& call, const std::string& where, const Json& value,
                               const std::vector<Template::Hole>& holes, const std::string& element) {
  for (const SchemaFailure& failure : call.tool->input_schema->validate(value)) {
    if (depends_on(failure, holes)) continue;
    std::string place = where + failure.instance, via;
    for (const Template::Reference& reference : call.input.references()) {
      // What a reference took from the plan's input is wrong there, but the place in the plan is the reference.
      if (place != reference.place && !place.starts_with(reference.place + "/")) continue;
      via = ", taken from " + reference.source.text() + place.substr(reference.place.size());
      place = reference.place;
    }
    std::string suggestion;
    const std::optional<Pointer> at = Pointer::parse(failure.instance);
    SETTLE_ASSERT(at);
    SchemaView view{call.tool->input_schema.get(), at->tokens, false};
    const Json* found = find_below(value, at->tokens, 0);
    if ((failure.keyword == "additionalProperties" || failure.keyword == "unevaluatedProperties") &&
        !at->tokens.empty()) {
      view.tokens.pop_back();
      suggestion = nearest(at->tokens.back(), view.names()).value_or("");
    } else if ((failure.keyword == "enum" || failure.keyword == "const") && found != nullptr && found->is_string()) {
      suggestion = nearest(found->as_string(), text_choices(view.place())).value_or("");
    }
    problem(place, "input_" + failure.keyword, failure.expected,
            failure.keyword == "required" ? "nothing" : failure.got,
            "the input does not fit \"" + call.tool->name + "\" (" + failure.keyword + via + ")" + element +
                ": expected " + failure.expected + did_you_mean(suggestion),
            suggestion);
  }
}

void TypeCheck::check_fit(const PlannedCall& call, const std::string& place, const Fit& found,
                          const std::string& from) {
  if (found.verdict == Fit::Verdict::always) return;
  const std::string at = found.below.empty() ? "" : " at " + found.below;
  if (found.verdict == Fit::Verdict::never) {
    return problem(place, found.keyword == "type" ? "reference_type" : "reference_value", found.expected, found.got,
                   "\"" + call.tool->name + "\" takes " + found.expected + at + ", " + from + " gives " + found.got);
  }
  warnings_.push_back({place, "reference_undecided", found.expected, found.got,
                       "whether " + from + " fits \"" + call.tool->name + "\"" + at + " (" + found.keyword +
                           ") is known only when it is there; it is checked before anything is sent"});
}

void TypeCheck::check_hole(const PlannedCall& call, CallRole role, const std::string& where,
                           const Template::Hole& hole) {
  if (hole.sources.empty()) return;
  const std::optional<Pointer> at = Pointer::parse(hole.place);
  SETTLE_ASSERT(at);
  const SchemaView to{call.tool->input_schema.get(), at->tokens, false};
  if (!to.place().possible) return;  // the name itself was refused
  const std::string place = where + hole.place;
  if (hole.text) return check_fit(call, place, fit_text(to, hole.length_least), "$text");
  const std::optional<PlanSource> source = sources_.follow(hole.sources[0], role);
  if (!source) return;
  const std::size_t problems = problems_.size();
  for (const SchemaView& view : source->views) {
    const Fit found = fit(view, to);
    check_fit(call, place, found, hole.sources[0].text());
    if (problems_.size() > problems) {
      // Often the object was taken where one of its members was meant.
      const std::vector<std::string> names = view.names();
      const bool meant = !at->tokens.empty() && std::find(names.begin(), names.end(), at->tokens.back()) != names.end();
      if (meant && fit(view.below(at->tokens.back()), to).verdict != Fit::Verdict::never) {
        problems_.back().suggestion = hole.sources[0].text() + "/" + escape_token(at->tokens.back());
        problems_.back().message += did_you_mean(problems_.back().suggestion);
      }
      return;
    }
    if (found.verdict == Fit::Verdict::undecided) return;
  }
}

}  // namespace

void check_types(const Plan& plan, std::vector<Problem>& problems, std::vector<Problem>& warnings) {
  TypeCheck(plan, problems, warnings).run();
}

}  // namespace settle
