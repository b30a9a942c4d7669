#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace settle {

/// One way in which an instance does not fit its schema.
struct SchemaFailure {
  std::string instance;  ///< JSON Pointer into the instance
  std::string schema;    ///< the way to the keyword as it was followed, through $ref too: "/properties/a/$ref/type"
  std::string keyword;   ///< "type", "required", …; "limit" when the evaluation was given up
  std::string expected;  ///< for people and agents: what would be accepted
  std::string got;       ///< what was there, shortened to 80 bytes
};

enum class SchemaDraft : std::uint8_t { draft_07, draft_2020_12 };

enum class UnknownKeywords : std::uint8_t {
  refuse,  ///< tools: what Settle can't check, it refuses; an unknown format too
  ignore,  ///< as the standard says: annotations
};

/// Documents that references may lead to, by their absolute URI without fragment.
using SchemaResources = std::map<std::string, Json, std::less<>>;

/// How a schema is compiled. The defaults are those for tools.
struct SchemaOptions {
  UnknownKeywords unknown_keywords = UnknownKeywords::refuse;
  bool assert_formats = true;                              ///< false: `format` is an annotation
  SchemaDraft default_draft = SchemaDraft::draft_2020_12;  ///< of a document without $schema
  std::string base_uri = {};                               ///< where the document came from; $id comes before it
  std::shared_ptr<const SchemaResources> resources = {};   ///< null: none but the bundled meta-schemas
  std::uint64_t steps_max = 10'000'000;                    ///< of one evaluation, see docs/schema.md
};

struct SchemaProgram;

/// A JSON Schema of 2020-12 or draft-07, chosen by $schema, compiled once; docs/schema.md has keywords, formats, limits
/// and deviations. Nothing is ever fetched: a reference leads into the document, into SchemaOptions::resources or to a
/// bundled meta-schema. Immutable. Thread: any.
class Schema {
 public:
  /// Errors: invalid_tool with every problem of the schema at once, `pointer` relative to the schema, codes
  /// schema_unknown_keyword, schema_malformed, schema_pattern, schema_format, schema_too_deep, schema_reference,
  /// schema_endless, schema_dialect, schema_ignored.
  static Result<Schema> compile(const Json& document, const SchemaOptions& options = {});

  ~Schema();
  Schema(Schema&&) noexcept;
  Schema& operator=(Schema&&) noexcept;

  /// Every failure at once, at most 100. No coercion: 1.0 is an integer (as the standard says), "1" is not. Empty
  /// exactly when accepts() is true: an evaluation that went beyond its limits has a failure with the keyword "limit".
  std::vector<SchemaFailure> validate(const Json& instance) const;
  /// The same without a report. Allocates nothing, but for uniqueItems of long arrays, mixed enums of many values,
  /// propertyNames with long names, and unevaluated* of more than 64 members.
  bool accepts(const Json& instance) const;

  /// The document it was compiled from.
  const Json& document() const;

  /// What is known of a place in an instance, for the static check of references.
  struct Place {
    /// The subschemas that an accepted instance satisfies there, all of them and whatever else it holds: through
    /// $ref, allOf, properties, patternProperties, additionalProperties, prefixItems, items and unevaluated*.
    /// References are followed, so that type, enum, const and format of each can be read directly; boolean schemas, and
    /// those that only refer to others, are left out. Empty: nothing is known of the place. They live as long as the
    /// Schema.
    std::vector<const Json*> schemas;
    bool required = false;  ///< every accepted instance has it
    bool possible = true;   ///< false: no accepted instance can have it
  };
  /// The place `tokens` (of a JSON Pointer). Bounded by the size of the schema for each token, also where the schema is
  /// recursive.
  Place at(const std::vector<std::string>& tokens) const;

  /// The names of members that the schema mentions for the place `tokens`, sorted, each once, at most 1000: for "did
  /// you mean". Other than at() it also looks into the branches of anyOf, oneOf, if and dependent schemas.
  std::vector<std::string> names_at(const std::vector<std::string>& tokens) const;

 private:
  explicit Schema(std::unique_ptr<const SchemaProgram> program);
  std::unique_ptr<const SchemaProgram> program_;
};

}  // namespace settle
