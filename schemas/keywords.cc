#include "schemas/keywords.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

namespace settle {
namespace {

using enum SubschemaShape;
using Word = SchemaWord;
constexpr bool yes = true, no = false;

constexpr SchemaKeyword keywords[] = {
    // name, word, subschemas, vocabulary, in draft-07, in 2020-12
    {"$schema", Word::dialect, none, vocabulary::core, yes, yes},
    {"$id", Word::id, none, vocabulary::core, yes, yes},
    {"$ref", Word::ref, none, vocabulary::core, yes, yes},
    {"$dynamicRef", Word::dynamic_ref, none, vocabulary::core, no, yes},
    {"$anchor", Word::anchor, none, vocabulary::core, no, yes},
    {"$dynamicAnchor", Word::dynamic_anchor, none, vocabulary::core, no, yes},
    {"$vocabulary", Word::vocabularies, none, vocabulary::core, no, yes},
    {"$comment", Word::comment, none, vocabulary::core, yes, yes},
    {"$defs", Word::defs, map, vocabulary::core, no, yes},
    {"definitions", Word::defs, map, vocabulary::core, yes, yes},

    {"allOf", Word::all_of, list, vocabulary::applicator, yes, yes},
    {"anyOf", Word::any_of, list, vocabulary::applicator, yes, yes},
    {"oneOf", Word::one_of, list, vocabulary::applicator, yes, yes},
    {"not", Word::negation, one, vocabulary::applicator, yes, yes},
    {"if", Word::condition, one, vocabulary::applicator, yes, yes},
    {"then", Word::then_branch, one, vocabulary::applicator, yes, yes},
    {"else", Word::else_branch, one, vocabulary::applicator, yes, yes},
    {"dependentSchemas", Word::dependent_schemas, map, vocabulary::applicator, no, yes},
    // 2020-12 split it in two; its meta-schema still describes it, and so many schemas still have it.
    {"dependencies", Word::dependencies, dependencies, vocabulary::applicator, yes, yes},
    {"prefixItems", Word::prefix_items, list, vocabulary::applicator, no, yes},
    {"items", Word::items, one_or_list, vocabulary::applicator, yes, yes},
    {"additionalItems", Word::additional_items, one, vocabulary::applicator, yes, no},
    {"contains", Word::contains, one, vocabulary::applicator, yes, yes},
    {"properties", Word::properties, map, vocabulary::applicator, yes, yes},
    {"patternProperties", Word::pattern_properties, map, vocabulary::applicator, yes, yes},
    {"additionalProperties", Word::additional_properties, one, vocabulary::applicator, yes, yes},
    {"propertyNames", Word::property_names, one, vocabulary::applicator, yes, yes},
    {"unevaluatedItems", Word::unevaluated_items, one, vocabulary::unevaluated, no, yes},
    {"unevaluatedProperties", Word::unevaluated_properties, one, vocabulary::unevaluated, no, yes},

    {"type", Word::type, none, vocabulary::validation, yes, yes},
    {"enum", Word::choices, none, vocabulary::validation, yes, yes},
    {"const", Word::constant, none, vocabulary::validation, yes, yes},
    {"multipleOf", Word::multiple_of, none, vocabulary::validation, yes, yes},
    {"minimum", Word::bound, none, vocabulary::validation, yes, yes},
    {"maximum", Word::bound, none, vocabulary::validation, yes, yes},
    {"exclusiveMinimum", Word::bound, none, vocabulary::validation, yes, yes},
    {"exclusiveMaximum", Word::bound, none, vocabulary::validation, yes, yes},
    {"minLength", Word::count, none, vocabulary::validation, yes, yes},
    {"maxLength", Word::count, none, vocabulary::validation, yes, yes},
    {"minItems", Word::count, none, vocabulary::validation, yes, yes},
    {"maxItems", Word::count, none, vocabulary::validation, yes, yes},
    {"minContains", Word::count, none, vocabulary::validation, no, yes},
    {"maxContains", Word::count, none, vocabulary::validation, no, yes},
    {"minProperties", Word::count, none, vocabulary::validation, yes, yes},
    {"maxProperties", Word::count, none, vocabulary::validation, yes, yes},
    {"uniqueItems", Word::unique_items, none, vocabulary::validation, yes, yes},
    {"pattern", Word::pattern, none, vocabulary::validation, yes, yes},
    {"required", Word::required, none, vocabulary::validation, yes, yes},
    {"dependentRequired", Word::dependent_required, none, vocabulary::validation, no, yes},
    {"format", Word::format, none, vocabulary::format, yes, yes},

    {"contentEncoding", Word::text_note, none, vocabulary::content, yes, yes},
    {"contentMediaType", Word::text_note, none, vocabulary::content, yes, yes},
    {"contentSchema", Word::content_schema, one, vocabulary::content, no, yes},
    {"title", Word::text_note, none, vocabulary::meta_data, yes, yes},
    {"description", Word::text_note, none, vocabulary::meta_data, yes, yes},
    {"default", Word::any_note, none, vocabulary::meta_data, yes, yes},
    {"examples", Word::list_note, none, vocabulary::meta_data, yes, yes},
    {"deprecated", Word::boolean_note, none, vocabulary::meta_data, yes, yes},
    {"readOnly", Word::boolean_note, none, vocabulary::meta_data, yes, yes},
    {"writeOnly", Word::boolean_note, none, vocabulary::meta_data, yes, yes},
};

bool in_force(const SchemaKeyword& keyword, const SchemaDialect& dialect) {
  if (dialect.draft == SchemaDraft::draft_07) return keyword.in_07;
  return keyword.in_2020_12 && (keyword.vocabulary & dialect.vocabularies) != 0;
}

}  // namespace

std::uint8_t vocabulary::of_uri(std::string_view uri) {
  constexpr std::string_view prefix = "https://json-schema.org/draft/2020-12/vocab/";
  if (!uri.starts_with(prefix)) return 0;
  uri.remove_prefix(prefix.size());
  constexpr std::string_view names[] = {"core",      "applicator",        "unevaluated",      "validation",
                                        "meta-data", "format-annotation", "format-assertion", "content"};
  const auto* const found = std::ranges::find(names, uri);
  return found == std::end(names) ? 0 : static_cast<std::uint8_t>(1U << (found - names));
}

const SchemaKeyword* find_keyword(std::string_view name, const SchemaDialect& dialect) {
  static const std::unordered_map<std::string_view, const SchemaKeyword*> by_name = [] {
    std::unordered_map<std::string_view, const SchemaKeyword*> out;
    for (const SchemaKeyword& keyword : keywords) out.emplace(keyword.name, &keyword);
    return out;
  }();
  const auto found = by_name.find(name);
  return found != by_name.end() && in_force(*found->second, dialect) ? found->second : nullptr;
}

std::vector<std::string> keyword_names(const SchemaDialect& dialect) {
  std::vector<std::string> out;
  for (const SchemaKeyword& keyword : keywords) {
    if (in_force(keyword, dialect)) out.emplace_back(keyword.name);
  }
  return out;
}

}  // namespace settle
