#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "schemas/quick_pattern.h"

namespace re2 {
class RE2;
}

namespace settle {

/// What became of a regular expression of ECMA-262 (with the flag u).
struct PatternTranslation {
  std::string re2;      ///< for RE2, when the other two are empty
  std::string mistake;  ///< why it is no regular expression of ECMA-262
  std::string lacking;  ///< what of it RE2 can't do: look-around, back-references, some properties
};

/// Translates syntax: \uXXXX, \cX, \d \s \w as ECMA-262 means them, ".", classes, \p{…} names, named groups.
PatternTranslation translate_pattern(std::string_view pattern);

/// The regular expression of `pattern` or of a name in `patternProperties`, run by RE2 in time linear in the text.
/// Search is unanchored. Immutable. Thread: any.
class SchemaPattern {
 public:
  /// Errors: invalid_tool, with the reason and the remedy in the message.
  static Result<std::unique_ptr<const SchemaPattern>> compile(std::string_view pattern);
  ~SchemaPattern();

  bool matches(std::string_view text) const { return quick_ ? quick_->matches(text) : search(text); }

 private:
  bool search(std::string_view text) const;
  SchemaPattern(std::unique_ptr<const re2::RE2> regex, std::optional<QuickPattern> quick);
  std::unique_ptr<const re2::RE2> regex_;
  std::optional<QuickPattern> quick_;  ///< the same, where it is simple
};

}  // namespace settle
