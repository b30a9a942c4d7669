#include <algorithm>

#include "base/text.h"
#include "schemas/node.h"

namespace settle {
namespace {

const Json* child_of(const Json& value, const std::string& token) {
  if (!value.is_array()) return value.find(token);
  const std::optional<std::size_t> index = parse_index(token);
  return index && *index < value.size() ? &value.as_array()[*index] : nullptr;
}

/// What one subschema says of one child of the instances that it describes.
struct Child {
  const SchemaNode* node = nullptr;  ///< null: nothing is known
  bool required = false;
  bool possible = true;
};

Child nowhere() {
  return {nullptr, false, false};
}

Child through(const SchemaNode* node, bool required) {
  if (node != nullptr && node->boolean == SchemaNode::Boolean::accepts_none) return nowhere();
  return {node, required, true};
}

Child member_of(const SchemaNode& node, const std::string& name) {
  const SchemaNode::Member* row = node.find_member(name);
  const bool required = row != nullptr && row->required;
  if (row != nullptr && row->schema != nullptr) return through(row->schema.get(), required);
  return through(node.additional.get(), required);
}

Child element_of(const SchemaNode& node, std::size_t index) {
  if (node.items_max && index >= *node.items_max) return nowhere();
  return through(node.items.get(), node.items_min && index < *node.items_min);
}

/// By the keywords about types, members and elements alone.
Child by_keywords(const SchemaNode& node, const std::string& token) {
  if (node.boolean == SchemaNode::Boolean::accepts_none) return nowhere();
  const std::optional<std::size_t> index = parse_index(token);
  const Child member = (node.types & SchemaType::object) != 0 ? member_of(node, token) : nowhere();
  const Child element = (node.types & SchemaType::array) != 0 && index ? element_of(node, *index) : nowhere();
  // Only of an instance that can be nothing else is it sure that it has the child.
  if (!element.possible) return {member.node, member.required && node.types == SchemaType::object, member.possible};
  if (!member.possible) return {element.node, element.required && node.types == SchemaType::array, true};
  return {member.node == element.node ? member.node : nullptr, false, true};
}

/// The values that an instance may have here, where const or enum list them; null where they don't.
using Listed = std::optional<std::vector<const Json*>>;

void restrict_to(Listed& listed, const SchemaNode& node) {
  if (node.constant == nullptr && node.choices == nullptr) return;
  const auto in_choices = [&](const Json* value) {
    return node.choices == nullptr || std::ranges::find(*node.choices, *value) != node.choices->end();
  };
  const auto is_constant = [&](const Json* value) { return node.constant == nullptr || *value == *node.constant; };
  if (listed) {
    std::erase_if(*listed, [&](const Json* value) { return !is_constant(value) || !in_choices(value); });
    return;
  }
  listed.emplace();
  if (node.constant != nullptr) {
    if (in_choices(node.constant)) listed->push_back(node.constant);
  } else {
    for (const Json& choice : *node.choices) listed->push_back(&choice);
  }
}

/// Replaces every listed value by its child; false when none has one. `all` tells whether every value had one.
bool descend(std::vector<const Json*>& listed, const std::string& token, bool& all) {
  const std::size_t before = listed.size();
  for (const Json*& value : listed) value = child_of(*value, token);
  std::erase(listed, nullptr);
  all = listed.size() == before;
  return !listed.empty();
}

}  // namespace

Schema::Place Schema::at(const std::vector<std::string>& tokens) const {
  const Place impossible{{}, false, false};
  const SchemaNode* node = &root_->top;
  Place place{{}, true, node->boolean != SchemaNode::Boolean::accepts_none};
  Listed listed;
  for (const std::string& token : tokens) {
    if (node != nullptr) restrict_to(listed, *node);
    const Child child = node == nullptr ? Child{} : by_keywords(*node, token);
    if (!child.possible) return impossible;
    bool sure = child.required;
    if (listed) {
      bool all = false;
      if (!descend(*listed, token, all)) return impossible;
      sure = sure || all;
    }
    place.required = place.required && sure;
    node = child.node;
  }
  if (!place.possible) return impossible;
  if (node != nullptr && node->boolean == SchemaNode::Boolean::none) {
    place.schemas.push_back(node->source != nullptr ? node->source : document_.get());
  }
  return place;
}

std::vector<std::string> Schema::names_at(const std::vector<std::string>& tokens) const {
  const SchemaNode* node = &root_->top;
  for (const std::string& token : tokens) {
    if (node != nullptr) node = by_keywords(*node, token).node;
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; node != nullptr && i < node->members.size() && i < 1000; ++i) {
    names.push_back(node->members[i].name);
  }
  return names;
}

}  // namespace settle
