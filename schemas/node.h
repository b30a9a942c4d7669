#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "schemas/format.h"
#include "schemas/kinds.h"
#include "schemas/name_table.h"
#include "schemas/pattern.h"
#include "schemas/registry.h"
#include "schemas/schema.h"

namespace settle {

struct SchemaNode;

/// What `properties` and `required` say of one name.
struct SchemaMember {
  const SchemaNode* schema = nullptr;  ///< null: only required
  bool required = false;
};

struct SchemaPatternMember {
  std::string text;  ///< as the schema has it
  std::unique_ptr<const SchemaPattern> pattern;
  const SchemaNode* schema = nullptr;
};

/// What must hold when a name is there: dependentSchemas, dependentRequired, dependencies.
struct SchemaDependency {
  std::string_view keyword;
  std::string name;
  const SchemaNode* schema = nullptr;  ///< null: `names` are required
  std::vector<std::string> names = {};
};

/// The target of a $dynamicRef.
struct SchemaDynamic {
  std::string anchor;
  const SchemaNode* target = nullptr;  ///< where the name is not defined in the dynamic scope
};

/// The keywords that apply other schemas to the same instance.
struct SchemaApplicators {
  const SchemaNode* ref = nullptr;
  std::optional<SchemaDynamic> dynamic_ref = {};
  std::vector<const SchemaNode*> all_of, any_of, one_of = {};
  const SchemaNode* negation = nullptr;
  const SchemaNode* condition = nullptr;
  const SchemaNode* then_branch = nullptr;
  const SchemaNode* else_branch = nullptr;
  std::vector<SchemaDependency> dependencies = {};
};

struct SchemaObjectRules {
  NameTable table = {};                    ///< of the names that `properties` and `required` mention
  std::vector<SchemaMember> members = {};  ///< beside the names of the table
  std::size_t required_count = 0;
  std::vector<SchemaPatternMember> patterns = {};
  const SchemaNode* additional = nullptr;
  const SchemaNode* names = nullptr;
  std::uint64_t count_min = 0, count_max = std::numeric_limits<std::uint64_t>::max();
};

struct SchemaArrayRules {
  std::vector<const SchemaNode*> prefix = {};
  const SchemaNode* rest = nullptr;      ///< of the elements behind the prefix
  std::string_view prefix_keyword = {};  ///< "prefixItems", or "items" in draft-07
  std::string_view rest_keyword = {};    ///< "items" or "additionalItems"
  const SchemaNode* contains = nullptr;
  std::uint64_t contains_min = 1, contains_max = std::numeric_limits<std::uint64_t>::max();
  bool contains_marks = false;  ///< what it contains counts as evaluated (2020-12)
  std::uint64_t count_min = 0, count_max = std::numeric_limits<std::uint64_t>::max();
  bool unique = false;
};

struct SchemaStringRules {
  std::uint64_t length_min = 0, length_max = std::numeric_limits<std::uint64_t>::max();
  std::unique_ptr<const SchemaPattern> pattern = {};
  std::string pattern_text = {};
  const SchemaFormat* format = nullptr;
};

struct SchemaNumberRules {
  const Json* minimum = nullptr;
  const Json* maximum = nullptr;
  const Json* exclusive_minimum = nullptr;
  const Json* exclusive_maximum = nullptr;
  /// For integers: what the four bounds leave; exact as long as `integer_range`.
  std::int64_t integer_min = std::numeric_limits<std::int64_t>::min();
  std::int64_t integer_max = std::numeric_limits<std::int64_t>::max();
  bool integer_range = true;  ///< the two above say it all for integers
  /// For doubles: the same, exact as long as `real_range`.
  double real_min = -std::numeric_limits<double>::infinity();
  double real_max = std::numeric_limits<double>::infinity();
  bool real_range = true;
  const Json* multiple_of = nullptr;
  std::uint64_t multiple_digits = 0;  ///< multiple_of is multiple_digits × 10^multiple_exponent
  std::int64_t multiple_exponent = 0;
};

struct SchemaChoices {
  const Json* constant = nullptr;
  const Json::Array* choices = nullptr;  ///< enum
  bool texts_only = false;               ///< every choice is a string: `texts` has them all
  NameTable texts = {};                  ///< also of a constant that is a string and stands alone
  std::unordered_multimap<std::uint64_t, const Json*> by_hash = {};  ///< of a long enum that is not all strings
  std::uint64_t weight = 1;                                          ///< steps that one comparison costs
};

/// What is left to ask of a value whose type is accepted. The cases that tools consist of are told apart, so that one
/// jump leads to the one rule there is.
enum class SchemaAsk : std::uint8_t {
  nothing,   ///< there is nothing but the types
  length,    ///< of strings, nothing else
  text,      ///< rules of strings, nothing else
  range,     ///< bounds of numbers, nothing else; exact for integers
  texts,     ///< an enum of strings, or a short one as a constant, nothing else
  leaf,      ///< other rules of strings, numbers and choices; up to here no other schema is asked
  refers,    ///< $ref, nothing else
  members,   ///< `properties`, `required`, `additionalProperties` and numbers of members, nothing else
  elements,  ///< one schema for all elements, numbers of elements, uniqueness, nothing else
  rules,     ///< anything
};

/// One subschema, compiled. Pointers to Json lead into documents that live as long as the program. What is asked of
/// every instance stands in the node; the rest is where it is needed.
struct SchemaNode {
  enum class Boolean : std::uint8_t { none, accepts_all, accepts_none };

  std::uint8_t kinds = json_kinds::all;  ///< types that are accepted at once
  bool integral = false;                 ///< of the other numbers those that are integers are accepted too
  SchemaAsk ask = SchemaAsk::nothing;    ///< set when everything is compiled; it depends on the whole program
  bool tracks = false;                   ///< has unevaluatedProperties or unevaluatedItems
  Boolean boolean = Boolean::none;
  std::unique_ptr<SchemaStringRules> string = {};
  std::unique_ptr<SchemaNumberRules> number = {};
  std::unique_ptr<SchemaObjectRules> object = {};
  std::unique_ptr<SchemaArrayRules> array = {};
  std::unique_ptr<SchemaChoices> choices = {};
  std::unique_ptr<SchemaApplicators> applicators = {};
  const SchemaNode* unevaluated_properties = nullptr;
  const SchemaNode* unevaluated_items = nullptr;

  const Json* source = nullptr;
  const SchemaResource* resource = nullptr;
  std::string pointer = {};  ///< of this subschema in its document
  bool compiled = false;
  bool refers_only = false;  ///< says nothing but $ref, allOf and what they need
};

/// Everything that a Schema holds. The documents come first: nodes and resources point into them.
struct SchemaProgram {
  SchemaOptions options;
  Json document;
  std::unique_ptr<SchemaRegistry> registry;
  std::deque<SchemaNode> nodes;
  const SchemaNode* top = nullptr;
  bool dynamic = false;  ///< there is a $dynamicRef, so that evaluation keeps the dynamic scope
  /// For each resource the nodes of its dynamic anchors, by name.
  std::unordered_map<const SchemaResource*, std::unordered_map<std::string, const SchemaNode*>> dynamic_anchors;
};

/// The beginning of `value` as JSON, at most about `bytes_max` long, with "…" where it was cut. Cheap for large values.
std::string shortened_json(const Json& value, std::size_t bytes_max);

/// A hash of the value: equal values have equal hashes, whatever the order of members and the spelling of numbers.
/// Adds the nodes that it looked at to `steps`.
std::uint64_t json_hash(const Json& value, std::uint64_t& steps);

}  // namespace settle
