#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.h"
#include "schemas/schema.h"

namespace re2 {
class RE2;
}

namespace settle {

/// One value of the keyword `format`. Rows of a table in schema_format.cc.
struct SchemaFormat {
  std::string_view name;
  bool (*matches)(std::string_view text);
  std::string_view expected;  ///< for people and agents
};

/// The row of `name`, or null. Thread: any.
const SchemaFormat* find_format(std::string_view name);
/// Every known name, separated by commas.
std::string known_formats();

/// The types of the keyword `type`, as bits of a set.
struct SchemaType {
  enum Bit : std::uint8_t { null = 1, boolean = 2, integer = 4, number = 8, string = 16, array = 32, object = 64 };
  static constexpr std::uint8_t any = 127;
};

/// One subschema, compiled. Pointers to Json lead into the document of the Schema, below its root.
struct SchemaNode {
  enum class Boolean : std::uint8_t { none, accepts_all, accepts_none };

  /// A name that `properties` or `required` mentions.
  struct Member {
    std::string name;
    std::unique_ptr<const SchemaNode> schema;  ///< null: only required
    bool required = false;
  };

  SchemaNode();
  SchemaNode(SchemaNode&&) noexcept;
  ~SchemaNode();

  const Json* source = nullptr;  ///< null for the root
  std::string pointer;           ///< JSON Pointer of this subschema in the schema
  Boolean boolean = Boolean::none;
  std::uint8_t types = SchemaType::any;

  const Json* constant = nullptr;
  const Json::Array* choices = nullptr;        ///< enum
  std::vector<std::string> canonical_choices;  ///< sorted; only for a long enum

  std::vector<Member> members;  ///< sorted by name
  std::size_t required_count = 0;
  std::unique_ptr<const SchemaNode> additional;  ///< null: absent, so anything goes
  std::unique_ptr<const SchemaNode> items;

  std::optional<std::uint64_t> items_min, items_max, length_min, length_max, properties_min, properties_max;
  bool unique_items = false;

  const Json* minimum = nullptr;
  const Json* maximum = nullptr;
  const Json* exclusive_minimum = nullptr;
  const Json* exclusive_maximum = nullptr;
  const Json* multiple_of = nullptr;
  std::uint64_t multiple_digits = 0;  ///< multiple_of is multiple_digits × 10^multiple_exponent
  std::int64_t multiple_exponent = 0;

  std::unique_ptr<const re2::RE2> pattern;  ///< unanchored
  std::string pattern_text;                 ///< as the schema has it
  const SchemaFormat* format = nullptr;

  /// The row of `name`, or null.
  const Member* find_member(std::string_view name) const;
};

/// The beginning of `value` as JSON, at most about `bytes_max` long, with "…" where it was cut. Cheap for large values.
std::string shortened_json(const Json& value, std::size_t bytes_max);

struct Schema::Node {
  SchemaNode top;
};

}  // namespace settle
