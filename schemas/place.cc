#include <algorithm>
#include <set>

#include "base/text.h"
#include "schemas/accept.h"

namespace settle {
namespace {

constexpr std::size_t names_max = 1000;

using Nodes = std::vector<const SchemaNode*>;

void add_branches(const SchemaApplicators& in, Nodes& out) {
  for (const auto* list : {&in.any_of, &in.one_of}) out.insert(out.end(), list->begin(), list->end());
  out.insert(out.end(), {in.condition, in.then_branch, in.else_branch});
  for (const SchemaDependency& dependency : in.dependencies) out.push_back(dependency.schema);
  if (in.dynamic_ref) out.push_back(in.dynamic_ref->target);
}

/// All schemas that an instance fits which fits these: through $ref and allOf; with `branches`, also those that it may
/// have to fit. Each once.
Nodes spread(Nodes nodes, bool branches) {
  std::set<const SchemaNode*> known;
  std::erase_if(nodes, [&](const SchemaNode* node) { return node == nullptr || !known.insert(node).second; });
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i]->applicators == nullptr) continue;
    const SchemaApplicators& in = *nodes[i]->applicators;
    Nodes next = in.all_of;
    next.push_back(in.ref);
    if (branches) add_branches(in, next);
    for (const SchemaNode* node : next) {
      if (node != nullptr && known.insert(node).second) nodes.push_back(node);
    }
  }
  return nodes;
}

const Json* child_of(const Json& value, const std::string& token) {
  if (!value.is_array()) return value.find(token);
  const std::optional<std::size_t> index = parse_index(token);
  return index && *index < value.size() ? &value.as_array()[*index] : nullptr;
}

/// What schemas say of one child of the instances that fit them.
struct Child {
  Nodes nodes = {};
  bool required = false;
  bool possible = true;
};

/// The schemas that one node has for the member `name`; false when it has none.
bool member_schemas(const SchemaNode& node, const std::string& name, Nodes& out) {
  if (node.object == nullptr) return false;
  const SchemaObjectRules& rules = *node.object;
  const std::size_t before = out.size();
  const std::uint32_t row = rules.table.find(name);
  if (row != NameTable::absent && rules.members[row].schema != nullptr) out.push_back(rules.members[row].schema);
  for (const SchemaPatternMember& pattern : rules.patterns) {
    if (pattern.pattern->matches(name)) out.push_back(pattern.schema);
  }
  if (out.size() == before && rules.additional != nullptr) out.push_back(rules.additional);
  return out.size() > before;
}

bool element_schemas(const SchemaNode& node, std::size_t index, Nodes& out) {
  if (node.array == nullptr) return false;
  const SchemaArrayRules& rules = *node.array;
  if (index < rules.prefix.size()) {
    out.push_back(rules.prefix[index]);
    return true;
  }
  // What `contains` accepts counts as looked at, but says nothing of this element.
  if (rules.rest != nullptr) out.push_back(rules.rest);
  return rules.rest != nullptr || (rules.contains != nullptr && rules.contains_marks);
}

/// unevaluated*, where nothing in or beside the node can have looked at the child before.
template <class SchemasOf>
void add_unevaluated(const SchemaNode& node, const SchemaNode* rest, const SchemasOf& schemas_of,
                     const SchemaNode* SchemaNode::* nested, Nodes& out) {
  if (rest == nullptr) return;
  for (const SchemaNode* part : spread({&node}, true)) {
    Nodes ignored;
    if (schemas_of(*part, ignored) || (part != &node && part->*nested != nullptr)) return;
    if (part->applicators != nullptr && part->applicators->dynamic_ref) return;
  }
  out.push_back(rest);
}

bool never(const SchemaNode* node) {
  return node->boolean == SchemaNode::Boolean::accepts_none;
}

Child member_of(const SchemaProgram& program, const Nodes& nodes, const std::string& name) {
  Child child;
  for (const SchemaNode* node : nodes) {
    member_schemas(*node, name, child.nodes);
    add_unevaluated(
        *node, node->unevaluated_properties,
        [&](const SchemaNode& part, Nodes& out) { return member_schemas(part, name, out); },
        &SchemaNode::unevaluated_properties, child.nodes);
    if (node->object == nullptr) continue;
    const std::uint32_t row = node->object->table.find(name);
    child.required = child.required || (row != NameTable::absent && node->object->members[row].required);
    if (node->object->count_max == 0) child.possible = false;
    if (node->object->names == nullptr) continue;
    SchemaAcceptor acceptor(program);
    if (!acceptor.accepts(*node->object->names, Json(name)) && !acceptor.exhausted()) child.possible = false;
  }
  if (std::ranges::any_of(child.nodes, never)) child.possible = false;
  return child;
}

Child element_of(const Nodes& nodes, std::size_t index) {
  Child child;
  for (const SchemaNode* node : nodes) {
    element_schemas(*node, index, child.nodes);
    add_unevaluated(
        *node, node->unevaluated_items,
        [&](const SchemaNode& part, Nodes& out) { return element_schemas(part, index, out); },
        &SchemaNode::unevaluated_items, child.nodes);
    if (node->array == nullptr) continue;
    child.required = child.required || index < node->array->count_min;
    if (index >= node->array->count_max) child.possible = false;
  }
  if (std::ranges::any_of(child.nodes, never)) child.possible = false;
  return child;
}

/// The types that all of these accept. Where one of them takes integers only, fractions that are integers may remain.
std::uint8_t kinds_of(const Nodes& nodes) {
  std::uint8_t kinds = json_kinds::all;
  for (const SchemaNode* node : nodes) {
    kinds &= static_cast<std::uint8_t>(node->kinds | (node->integral ? json_kinds::fractions : json_kinds::none));
  }
  return kinds;
}

Child child_by_keywords(const SchemaProgram& program, const Nodes& nodes, const std::string& token) {
  constexpr std::uint8_t object = json_kinds::of(Json::Type::object), array = json_kinds::of(Json::Type::array);
  const std::uint8_t kinds = kinds_of(nodes);
  const std::optional<std::size_t> index = parse_index(token);
  Child nowhere{{}, false, false};
  Child member = (kinds & object) != 0 ? member_of(program, nodes, token) : nowhere;
  Child element = (kinds & array) != 0 && index ? element_of(nodes, *index) : nowhere;
  // Only of an instance that can be nothing else is it sure that it has the child.
  member.required = member.required && kinds == object;
  element.required = element.required && kinds == array;
  if (!member.possible && !element.possible) return nowhere;
  if (!element.possible) return member;
  if (!member.possible) return element;
  // It may be either, so only what both say is known.
  std::erase_if(member.nodes,
                [&](const SchemaNode* node) { return std::ranges::find(element.nodes, node) == element.nodes.end(); });
  member.required = false;
  return member;
}

/// The values that an instance may have here, where const or enum list them; null where they don't.
using Listed = std::optional<std::vector<const Json*>>;

void restrict_to(Listed& listed, const SchemaChoices& rules) {
  const auto fits = [&](const Json* value) {
    if (rules.constant != nullptr && !(*value == *rules.constant)) return false;
    return rules.choices == nullptr || std::ranges::find(*rules.choices, *value) != rules.choices->end();
  };
  if (!listed) {
    listed.emplace();
    if (rules.constant != nullptr) {
      listed->push_back(rules.constant);
    } else {
      for (const Json& choice : *rules.choices) listed->push_back(&choice);
    }
  }
  std::erase_if(*listed, [&](const Json* value) { return !fits(value); });
}

/// Replaces every listed value by its child; false when none has one. `all` tells whether every value had one.
bool descend(std::vector<const Json*>& listed, const std::string& token, bool& all) {
  const std::size_t before = listed.size();
  for (const Json*& value : listed) value = child_of(*value, token);
  std::erase(listed, nullptr);
  all = listed.size() == before;
  return !listed.empty();
}

bool contradictory(const Nodes& nodes) {
  return kinds_of(nodes) == json_kinds::none;
}

}  // namespace

Schema::Place Schema::at(const std::vector<std::string>& tokens) const {
  const Place impossible{{}, false, false};
  Nodes nodes = spread({program_->top}, false);
  Place place{{}, true, true};
  Listed listed;
  for (const std::string& token : tokens) {
    for (const SchemaNode* node : nodes) {
      if (node->choices != nullptr) restrict_to(listed, *node->choices);
    }
    Child child = child_by_keywords(*program_, nodes, token);
    if (!child.possible) return impossible;
    bool sure = child.required;
    if (listed) {
      bool all = false;
      if (!descend(*listed, token, all)) return impossible;
      sure = sure || all;
    }
    place.required = place.required && sure;
    nodes = spread(std::move(child.nodes), false);
    if (contradictory(nodes)) return impossible;
  }
  if (contradictory(nodes)) return impossible;
  for (const SchemaNode* node : nodes) {
    if (node->boolean == SchemaNode::Boolean::none && !node->refers_only) place.schemas.push_back(node->source);
  }
  return place;
}

std::vector<std::string> Schema::names_at(const std::vector<std::string>& tokens) const {
  Nodes nodes = spread({program_->top}, true);
  for (const std::string& token : tokens) {
    Nodes below;
    const std::optional<std::size_t> index = parse_index(token);
    for (const SchemaNode* node : nodes) {
      member_schemas(*node, token, below);
      if (index) element_schemas(*node, *index, below);
    }
    nodes = spread(std::move(below), true);
  }
  std::set<std::string> names;
  for (const SchemaNode* node : nodes) {
    if (node->object == nullptr) continue;
    for (const std::string& name : node->object->table.names()) {
      if (names.size() < names_max) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace settle
