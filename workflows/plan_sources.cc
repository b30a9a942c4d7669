#include "workflows/plan_sources.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace settle {
namespace {

constexpr std::size_t elements_checked_max = 1'000;
constexpr const char* any_element = "1000000";  // past any element that has a schema of its own
constexpr const char* visible = "/input/…, /actions/ID/output/… or /actions/ID/record_id";

Schema constant_schema(const char* text) {
  const Result<Json> document = read_json(text);
  SETTLE_ASSERT(document);
  Result<Schema> schema = Schema::compile(*document);
  SETTLE_ASSERT(schema);
  return *std::move(schema);
}

const Schema& any_string() {
  static const Schema schema = constant_schema(R"({"type": "string"})");
  return schema;
}
const Schema& any_index() {
  static const Schema schema = constant_schema(R"({"type": "integer", "minimum": 0})");
  return schema;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < 12; ++i) out += (i == 0 ? "one of " : ", ") + names[i];
  return out;
}

/// What would be accepted instead of a member that the schema of this place rules out.
std::string allowed_at(const SchemaView& at, const std::string& whose) {
  constexpr std::uint8_t with_places = json_kinds::of(Json::Type::object) | json_kinds::of(Json::Type::array);
  if (!may_be(at.place(), with_places)) return "no place below, since it is " + types_text(at.place()) + " there";
  const std::string names = list_of(at.names());
  return names.empty() ? "a place that " + whose + " allows" : names;
}

}  // namespace

void PlanSources::enter(std::size_t index) {
  index_ = index;
  elements_ = nullptr;
  list_.reset();
}

void PlanSources::problem(const std::string* place, std::string code, std::string expected, std::string got,
                          std::string message, std::string suggestion) {
  if (place == nullptr) return;
  message += did_you_mean(suggestion);
  problems_.push_back(
      {*place, std::move(code), std::move(expected), std::move(got), std::move(message), std::move(suggestion)});
}

/// The same name elsewhere among what the action can see.
std::string PlanSources::elsewhere(const Pointer& source) const {
  const std::string& wanted = source.tokens.back();
  if (plan_.input.find(wanted) != nullptr && source.tokens.size() > 1) return "/input/" + escape_token(wanted);
  for (const ActionIndex need : action().needs) {
    const PlanAction& other = plan_.actions[need];
    if (other.tool == nullptr || other.for_each) continue;
    const std::vector<std::string> names = other.tool->output_schema->names_at({});
    if (std::find(names.begin(), names.end(), wanted) != names.end())
      return "/actions/" + escape_token(other.id) + "/output/" + escape_token(wanted);
  }
  return "";
}

std::optional<PlanSource> PlanSources::follow_constant(const Json& root, const Pointer& source,
                                                       const std::string* place, const std::string& what) {
  const Json* value = find_below(root, source.tokens, 1);
  if (value != nullptr) return PlanSource{value, {}};
  if (place == nullptr) return std::nullopt;
  Pointer known{{source.tokens[0]}};
  const Json* at = &root;
  std::size_t i = 1;
  for (; const Json* next = find_below(*at, {source.tokens[i]}, 0); ++i) {
    at = next;
    known.tokens.push_back(source.tokens[i]);
  }
  std::vector<std::string> names;
  for (std::size_t j = 0; at->is_object() && j < at->size(); ++j) names.push_back(at->as_object()[j].name);
  std::string suggestion = elsewhere(source);
  if (const std::optional<std::string> near = nearest(source.tokens[i], names)) {
    known.tokens.push_back(*near);
    known.tokens.insert(known.tokens.end(), source.tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                        source.tokens.end());
    suggestion = known.text();
  }
  problem(place, "reference_not_found", "a place in " + what, source.text(), what + " has nothing at " + source.text(),
          suggestion);
  return std::nullopt;
}

/// Whether the schema allows the place at all; the first `base` tokens of `source` lead to the root of the view.
bool PlanSources::possible(const SchemaView& view, std::size_t base, const Pointer& source, const std::string* place,
                           const std::string& whose) {
  if (view.place().possible) return true;
  SchemaView at = view;
  at.tokens.clear();
  std::size_t depth = 0;
  while (at.below(view.tokens[depth]).place().possible) at = at.below(view.tokens[depth++]);
  std::string suggestion = elsewhere(source);
  if (const std::optional<std::string> near = nearest(view.tokens[depth], at.names())) {
    Pointer better = source;
    better.tokens[base + depth] = *near;
    suggestion = better.text();
  }
  problem(place, "reference_not_in_schema", allowed_at(at, whose), source.text(), whose + " never has " + source.text(),
          suggestion);
  return false;
}

bool PlanSources::is_upstream(ActionIndex of, ActionIndex what) const {
  std::set<ActionIndex> seen;
  std::vector<ActionIndex> left = plan_.actions[of].needs;
  while (!left.empty()) {
    const ActionIndex at = left.back();
    left.pop_back();
    if (at == what) return true;
    if (at < plan_.actions.size() && seen.insert(at).second)
      left.insert(left.end(), plan_.actions[at].needs.begin(), plan_.actions[at].needs.end());
  }
  return false;
}

std::optional<PlanSource> PlanSources::follow_action(const Pointer& source, CallRole role, const std::string* place) {
  const std::vector<std::string>& tokens = source.tokens;
  const std::optional<ActionIndex> found = referred_action(plan_, source);
  if (!found) {
    if (place == nullptr) return std::nullopt;
    Problem unknown = unknown_action(plan_, *place, tokens.size() < 2 ? "" : tokens[1]);
    if (!unknown.suggestion.empty()) {
      Pointer better = source;
      better.tokens[1] = unknown.suggestion;
      unknown.suggestion = better.text();
    }
    problems_.push_back(std::move(unknown));
    return std::nullopt;
  }
  const PlanAction& other = plan_.actions[*found];
  const bool own = *found == index_;
  if (is_undoing(role) && !own && !is_upstream(static_cast<ActionIndex>(index_), *found)) {
    problem(place, "reference_not_upstream", "this action or one that it waits for", source.text(),
            "when \"" + action().id + "\" is undone, \"" + other.id + "\" may not have run");
    return std::nullopt;
  }
  if (tokens.size() < 3 || (tokens[2] != "output" && tokens[2] != "record_id")) {
    problem(place, "reference_unknown", visible, source.text(), "a plan can't see " + source.text());
    return std::nullopt;
  }
  PlanSource out;
  if (other.tool == nullptr || (other.fallback && other.fallback->tool == nullptr)) return out;
  // What undoes a run sees that run, and of a list its element; everybody else whichever of the two counts.
  const bool undoes = own && is_undoing(role);
  const bool listed = other.for_each.has_value() && !undoes;
  const bool by_main = !undoes || role == CallRole::compensate;
  const bool by_fallback = other.fallback && (!undoes || role == CallRole::compensate_fallback);
  if (by_main && !add_view(out, other, *other.tool, listed, source, place)) return std::nullopt;
  if (by_fallback && !add_view(out, other, *other.fallback->tool, listed, source, place)) return std::nullopt;
  return out;
}

bool PlanSources::add_view(PlanSource& out, const PlanAction& other, const Tool& tool, bool listed,
                           const Pointer& source, const std::string* place) {
  const std::vector<std::string>& tokens = source.tokens;
  if (tokens[2] == "output") {
    const SchemaView view{tool.output_schema.get(), {tokens.begin() + 3, tokens.end()}, listed};
    if (!possible(view, 3, source, place, "the output_schema of \"" + tool.name + "\"")) return false;
    out.views.push_back(view);
    return true;
  }
  if (tokens.size() != 3 || listed) {
    problem(place, "reference_unknown", visible, source.text(),
            listed ? "\"" + other.id + "\" runs once for each element; take the ids from /actions/" + other.id +
                         "/output/INDEX/…"
                   : "a plan can't see " + source.text());
    return false;
  }
  if (!tool.record_id) {
    problem(place, "reference_not_in_schema", "an action whose tool has a record_id", source.text(),
            "tool \"" + tool.name + "\" declares no record_id");
    return false;
  }
  out.views.push_back({&any_string(), {}, false});
  return true;
}

/// /item and /index of a `for_each`.
std::optional<PlanSource> PlanSources::follow_item(const Pointer& source, const std::string* place) {
  if (!action().for_each) {
    problem(place, "reference_unknown", "\"for_each\" in this action", source.text(),
            "/item and /index are there only in an action with \"for_each\"");
    return std::nullopt;
  }
  if (source.tokens[0] == "index") {
    if (source.tokens.size() == 1) return PlanSource{nullptr, {{&any_index(), {}, false}}};
    problem(place, "reference_unknown", "/index", source.text(), "/index is a number, there is nothing below");
    return std::nullopt;
  }
  PlanSource out;
  if (elements_ != nullptr) {  // their values are checked with the whole input
    for (std::size_t i = 0; i < std::min(elements_->size(), elements_checked_max); ++i) {
      if (!follow_constant((*elements_)[i], source, place, "element " + std::to_string(i) + " of \"for_each\""))
        return std::nullopt;
    }
    return out;
  }
  for (std::size_t i = 0; list_ && i < list_->views.size(); ++i) {
    const SchemaView item = list_->views[i].below(any_element);
    SchemaView view = item;
    view.tokens.insert(view.tokens.end(), source.tokens.begin() + 1, source.tokens.end());
    if (!view.place().possible) {
      const std::optional<std::string> near =
          source.tokens.size() == 2 ? nearest(source.tokens[1], item.names()) : std::nullopt;
      problem(place, "reference_not_in_schema", allowed_at(item, "an element of the list"), source.text(),
              "an element of the list never has " + source.text(), near ? "/item/" + escape_token(*near) : "");
      return std::nullopt;
    }
    out.views.push_back(view);
  }
  return out;
}

std::optional<PlanSource> PlanSources::follow(const Pointer& source, CallRole role, const std::string* place) {
  const std::string root = source.tokens.empty() ? "" : source.tokens[0];
  if (root == "input" && is_unknown_input(plan_, source.tokens)) return PlanSource{};
  if (root == "input") return follow_constant(plan_.input, source, place, "the plan's input");
  if (root == "actions") return follow_action(source, role, place);
  if (root == "item" || root == "index") return follow_item(source, place);
  problem(place, "reference_unknown", visible, source.text(), "a plan can't see " + source.text());
  return std::nullopt;
}

void PlanSources::check(const Template::Reference& reference, CallRole role, bool may_be_absent) {
  const std::optional<PlanSource> source = follow(reference.source, role, &reference.place);
  if (!source) return;
  const auto not_text = [&](const std::string& got) {
    problem(&reference.place, "reference_not_text", "a string or a number", got,
            "$text takes strings and numbers only");
  };
  if (reference.text && source->constant != nullptr && !source->constant->is_string() && !source->constant->is_number())
    return not_text(std::string(source->constant->type_name()));
  const std::optional<ActionIndex> other = referred_action(plan_, reference.source);
  const bool skippable = other && plan_.actions[*other].when.has_value();
  for (const SchemaView& view : source->views) {
    const Schema::Place at = view.place();
    if (reference.text && !may_be_text(at)) return not_text(types_text(at));
    if ((at.required && !skippable) || may_be_absent) continue;
    warnings_.push_back(
        {reference.place, "reference_may_be_absent", "a place that is always there", reference.source.text(),
         skippable
             ? "\"" + plan_.actions[*other].id + "\" may be skipped; then this action fails with reference_unresolved"
             : "the schema does not promise " + reference.source.text() +
                   "; if it is missing, this action fails with reference_unresolved"});
    return;
  }
}

}  // namespace settle
