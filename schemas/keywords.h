#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/schema.h"

namespace settle {

/// Vocabularies of 2020-12, as bits of a set. draft-07 has no such thing: all of them are in force there.
namespace vocabulary {
enum Bit : std::uint8_t {
  core = 1,
  applicator = 2,
  unevaluated = 4,
  validation = 8,
  meta_data = 16,
  format_annotation = 32,
  format_assertion = 64,
  content = 128,
};
inline constexpr std::uint8_t format = format_annotation | format_assertion;
/// Those of the standard meta-schema.
inline constexpr std::uint8_t standard = 255 & ~format_assertion;
/// The bit of a vocabulary's URI; 0 for one that Settle does not know.
std::uint8_t of_uri(std::string_view uri);
}  // namespace vocabulary

/// What the keywords of one document mean.
struct SchemaDialect {
  SchemaDraft draft = SchemaDraft::draft_2020_12;
  std::uint8_t vocabularies = vocabulary::standard;
};

/// What the value of a keyword holds in the way of subschemas.
enum class SubschemaShape : std::uint8_t {
  none,
  one,          ///< a schema
  list,         ///< an array of schemas
  map,          ///< an object of schemas
  one_or_list,  ///< `items` of draft-07
  dependencies  ///< an object of schemas and of arrays of names
};

enum class SchemaWord : std::uint8_t {
  dialect,
  id,
  ref,
  dynamic_ref,
  anchor,
  dynamic_anchor,
  vocabularies,
  comment,
  defs,
  all_of,
  any_of,
  one_of,
  negation,
  condition,
  then_branch,
  else_branch,
  dependent_schemas,
  dependencies,
  prefix_items,
  items,
  additional_items,
  contains,
  properties,
  pattern_properties,
  additional_properties,
  property_names,
  unevaluated_items,
  unevaluated_properties,
  type,
  choices,
  constant,
  multiple_of,
  bound,
  count,
  unique_items,
  pattern,
  required,
  dependent_required,
  format,
  content_schema,
  text_note,
  boolean_note,
  list_note,
  any_note,
};

/// A keyword of a draft. Rows of the one table in keywords.cc.
struct SchemaKeyword {
  std::string_view name;
  SchemaWord word;
  SubschemaShape shape;
  std::uint8_t vocabulary;  ///< in 2020-12
  bool in_07;
  bool in_2020_12;
};

/// The keyword `name` in this dialect, or null. Thread: any.
const SchemaKeyword* find_keyword(std::string_view name, const SchemaDialect& dialect);
/// The names of all keywords of this dialect, in the order of the table.
std::vector<std::string> keyword_names(const SchemaDialect& dialect);

}  // namespace settle
