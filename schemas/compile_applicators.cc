#include "base/pointer.h"
#include "base/text.h"
#include "schemas/compiler.h"

namespace settle {
namespace {

template <class Rules>
Rules& present(std::unique_ptr<Rules>& rules) {
  if (rules == nullptr) rules = std::make_unique<Rules>();
  return *rules;
}

}  // namespace

SchemaStringRules& string_rules(SchemaNode& node) {
  return present(node.string);
}
SchemaNumberRules& number_rules(SchemaNode& node) {
  return present(node.number);
}
SchemaObjectRules& object_rules(SchemaNode& node) {
  return present(node.object);
}
SchemaArrayRules& array_rules(SchemaNode& node) {
  return present(node.array);
}
SchemaChoices& choices_of(SchemaNode& node) {
  return present(node.choices);
}
SchemaApplicators& applicators_of(SchemaNode& node) {
  return present(node.applicators);
}

void SchemaCompiler::apply(const Keyword& keyword) {
  if (!apply_here(keyword) && !apply_below(keyword)) assert_keyword(keyword);
}

/// Keywords whose subschemas are asked about the same instance; false when it is none of them.
bool SchemaCompiler::apply_here(const Keyword& keyword) {
  SchemaNode& node = keyword.node;
  const auto one = [&] { return subschema(keyword.value, node, keyword.pointer()); };
  switch (keyword.word) {
    case SchemaWord::ref:
    case SchemaWord::dynamic_ref:
      reference(keyword);
      return true;
    case SchemaWord::defs:
      definitions(keyword);
      return true;
    case SchemaWord::all_of:
      applicators_of(node).all_of = list_of(keyword);
      return true;
    case SchemaWord::any_of:
      applicators_of(node).any_of = list_of(keyword);
      return true;
    case SchemaWord::one_of:
      applicators_of(node).one_of = list_of(keyword);
      return true;
    case SchemaWord::negation:
      applicators_of(node).negation = one();
      return true;
    case SchemaWord::condition:
      applicators_of(node).condition = one();
      return true;
    case SchemaWord::then_branch:
      applicators_of(node).then_branch = one();
      return true;
    case SchemaWord::else_branch:
      applicators_of(node).else_branch = one();
      return true;
    case SchemaWord::dependent_schemas:
    case SchemaWord::dependencies:
      dependencies(keyword);
      return true;
    default:
      return false;
  }
}

/// Keywords whose subschemas are asked about members, names and elements; false when it is none of them.
bool SchemaCompiler::apply_below(const Keyword& keyword) {
  SchemaNode& node = keyword.node;
  const auto one = [&] { return subschema(keyword.value, node, keyword.pointer()); };
  switch (keyword.word) {
    case SchemaWord::prefix_items:
    case SchemaWord::items:
    case SchemaWord::additional_items:
      items(keyword);
      return true;
    case SchemaWord::contains:
      array_rules(node).contains = one();
      array_rules(node).contains_marks = node.resource->dialect.draft == SchemaDraft::draft_2020_12;
      return true;
    case SchemaWord::properties:
      properties(keyword);
      return true;
    case SchemaWord::pattern_properties:
      pattern_properties(keyword);
      return true;
    case SchemaWord::additional_properties:
      object_rules(node).additional = one();
      return true;
    case SchemaWord::property_names:
      object_rules(node).names = one();
      return true;
    case SchemaWord::unevaluated_items:
      node.unevaluated_items = one();
      return true;
    case SchemaWord::unevaluated_properties:
      node.unevaluated_properties = one();
      return true;
    case SchemaWord::content_schema:
      one();  // an annotation, but one that must be a schema
      return true;
    default:
      return false;
  }
}

/// What lies ready to be referred to is compiled too, so that its mistakes are known.
void SchemaCompiler::definitions(const Keyword& keyword) {
  if (!keyword.value.is_object()) return malformed(keyword, "an object of schemas", keyword.value);
  for (const auto& [name, source] : keyword.value.as_object()) {
    subschema(source, keyword.node, keyword.pointer() + "/" + escape_token(name));
  }
}

void SchemaCompiler::reference(const Keyword& keyword) {
  if (!keyword.value.is_string()) return malformed(keyword, "a URI reference in a string", keyword.value);
  std::string anchor;
  const SchemaNode* target = follow(keyword, anchor);
  if (target == nullptr) return;
  SchemaApplicators& in = applicators_of(keyword.node);
  if (keyword.word == SchemaWord::ref) {
    in.ref = target;
    return;
  }
  if (!anchor.empty()) program_.dynamic = true;
  in.dynamic_ref = SchemaDynamic{std::move(anchor), target};
}

std::vector<const SchemaNode*> SchemaCompiler::list_of(const Keyword& keyword) {
  std::vector<const SchemaNode*> out;
  if (!keyword.value.is_array() || keyword.value.size() == 0) {
    malformed(keyword, "a list of at least one schema", keyword.value);
    return out;
  }
  const Json::Array& sources = keyword.value.as_array();
  out.reserve(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    out.push_back(subschema(sources[i], keyword.node, keyword.pointer() + "/" + std::to_string(i)));
  }
  return out;
}

void SchemaCompiler::dependencies(const Keyword& keyword) {
  if (!keyword.value.is_object()) return malformed(keyword, "an object", keyword.value);
  for (const auto& [name, value] : keyword.value.as_object()) {
    SchemaDependency row{keyword.name, name};
    if (value.is_array() && keyword.word == SchemaWord::dependencies) {
      row.names = names(keyword, value);
    } else {
      row.schema = subschema(value, keyword.node, keyword.pointer() + "/" + escape_token(name));
    }
    applicators_of(keyword.node).dependencies.push_back(std::move(row));
  }
}

void SchemaCompiler::items(const Keyword& keyword) {
  const bool old = keyword.node.resource->dialect.draft == SchemaDraft::draft_07;
  const bool by_position = keyword.word == SchemaWord::prefix_items ||
                           (keyword.word == SchemaWord::items && keyword.value.is_array() && old);
  SchemaArrayRules& rules = array_rules(keyword.node);
  if (by_position) {
    // draft-07 allows an empty list there.
    const bool empty = old && keyword.value.size() == 0;
    rules.prefix = empty ? std::vector<const SchemaNode*>() : list_of(keyword);
    rules.prefix_keyword = keyword.name;
    return;
  }
  if (keyword.value.is_array()) {
    return malformed(keyword, "one schema for all elements (schemas by position are those of prefixItems)",
                     keyword.value);
  }
  const SchemaNode* rest = subschema(keyword.value, keyword.node, keyword.pointer());
  // additionalItems means nothing but beside a list in `items`.
  if (keyword.word == SchemaWord::additional_items) {
    const Json* items = keyword.node.source->find("items");
    if (items == nullptr || !items->is_array()) return;
  }
  rules.rest = rest;
  rules.rest_keyword = keyword.name;
}

void SchemaCompiler::properties(const Keyword& keyword) {
  if (!keyword.value.is_object()) return malformed(keyword, "an object of schemas", keyword.value);
  object_rules(keyword.node);
  for (const auto& [name, source] : keyword.value.as_object()) {
    const SchemaNode* schema = subschema(source, keyword.node, keyword.pointer() + "/" + escape_token(name));
    member_rows_[&keyword.node].push_back({name, {schema, false}});
  }
}

void SchemaCompiler::pattern_properties(const Keyword& keyword) {
  if (!keyword.value.is_object()) return malformed(keyword, "an object of schemas", keyword.value);
  for (const auto& [name, source] : keyword.value.as_object()) {
    const std::string pointer = keyword.pointer() + "/" + escape_token(name);
    SchemaPatternMember row{name, regex(keyword, name, pointer), subschema(source, keyword.node, pointer)};
    if (row.pattern != nullptr) object_rules(keyword.node).patterns.push_back(std::move(row));
  }
}

}  // namespace settle
