#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace settle {

/// One way in which an instance does not fit its schema.
struct SchemaFailure {
  std::string instance;  ///< JSON Pointer into the instance
  std::string schema;    ///< JSON Pointer into the schema, to the keyword
  std::string keyword;   ///< "type", "required", …
  std::string expected;  ///< for people and agents: what would be accepted
  std::string got;       ///< what was there, shortened to 80 bytes
};

/// A JSON Schema of the subset of 2020-12 that docs/tools.md names, compiled once per tool version: type, enum, const,
/// required, properties, additionalProperties, items, minItems/maxItems/uniqueItems, minLength/maxLength,
/// minimum/maximum/ exclusiveMinimum/exclusiveMaximum/multipleOf, minProperties/maxProperties, pattern, format; and the
/// annotations $schema, $id, $comment, title, description, default, examples, deprecated, readOnly, writeOnly. A schema
/// with any other keyword is refused, never half understood. Immutable. Thread: any.
class Schema {
 public:
  /// Errors: invalid_tool with every problem of the schema at once, `pointer` relative to the schema, codes
  /// schema_unknown_keyword, schema_malformed, schema_pattern, schema_format, schema_too_deep.
  static Result<Schema> compile(const Json& document);

  ~Schema();
  Schema(Schema&&) noexcept;
  Schema& operator=(Schema&&) noexcept;

  /// Every failure at once, at most 100. No coercion: 1.0 is an integer (as the standard says), "1" is not.
  std::vector<SchemaFailure> validate(const Json& instance) const;
  /// The same without a report.
  bool accepts(const Json& instance) const;

  /// The document it was compiled from.
  const Json& document() const;

  /// What is known of a place in an instance, for the static check of references.
  struct Place {
    /// The subschemas that an accepted instance satisfies there, all of them and whatever else it holds: through
    /// $ref, allOf, properties, patternProperties, additionalProperties, prefixItems and items. References are
    /// followed, so that type, enum, const and format of each can be read directly; boolean schemas are left out.
    /// Empty: nothing is known of the place. They live as long as the Schema.
    std::vector<const Json*> schemas;
    bool required = false;  ///< every accepted instance has it
    bool possible = true;   ///< false: no accepted instance can have it
  };
  /// The place `tokens` (of a JSON Pointer). Bounded by the size of the schema for each token, also where the schema is
  /// recursive.
  Place at(const std::vector<std::string>& tokens) const;

  /// The names of members that the schema mentions for the place `tokens`, sorted, each once, at most 1000: for "did
  /// you mean". Other than at() it also looks into the branches of anyOf, oneOf and if.
  std::vector<std::string> names_at(const std::vector<std::string>& tokens) const;

 private:
  struct Node;
  explicit Schema(std::unique_ptr<const Node> root, Json document);
  std::unique_ptr<const Node> root_;
  std::unique_ptr<const Json> document_;
};

}  // namespace settle
