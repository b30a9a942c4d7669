#pragma once

#include <string>
#include <vector>

#include "schemas/kinds.h"
#include "schemas/schema.h"

namespace settle {

/// A place in the values that a schema accepts: what is known of `/output/items/0/id` before there is an output.
struct SchemaView {
  const Schema* schema = nullptr;   ///< null: nothing is known
  std::vector<std::string> tokens;  ///< below the schema's root
  bool listed = false;  ///< the value is a list of what the schema describes; the first token is then an index

  SchemaView below(const std::string& token) const;
  Schema::Place place() const;
  std::vector<std::string> names() const;  ///< members that the schema names here, for suggestions
};

/// Whether a value of one place can go where another schema takes it.
struct Fit {
  enum class Verdict : std::uint8_t {
    always,     ///< every value that the first schema accepts is accepted
    undecided,  ///< some may be; checked when the value is known
    never,      ///< none is
  };
  Verdict verdict = Verdict::always;
  std::string below;     ///< JSON Pointer from the place to where they differ
  std::string keyword;   ///< "type", "enum", "required", …: what decided
  std::string expected;  ///< what the taking schema demands
  std::string got;       ///< what the giving schema promises
};

/// Compares keyword by keyword: type, enum and const, format, bounds, lengths, pattern, required, closed objects,
/// items; anything else is undecided. "never" is only said when no value at all can pass. Bounded in depth and work.
Fit fit(const SchemaView& from, const SchemaView& to);

/// The same for a string of unknown content, as $text makes it: at least `length_least` characters.
Fit fit_text(const SchemaView& to, std::size_t length_least);

/// "string", "integer or null", …: the types that the place allows; empty when any.
std::string types_text(const Schema::Place& place);

/// Whether the place allows one of these kinds (schemas/kinds.h). Where the schema allows no value at all, nothing is
/// ruled out: that is a mistake of its own.
bool may_be(const Schema::Place& place, std::uint8_t kinds);
/// The same for what $text takes: strings and numbers.
bool may_be_text(const Schema::Place& place);

/// Whether the two places have a type in common; types never mix in comparisons.
bool may_be_equal(const Schema::Place& a, const Schema::Place& b);

/// The values of enum and const that the place allows, that are texts; empty when it is not bounded so.
std::vector<std::string> text_choices(const Schema::Place& place);

}  // namespace settle
