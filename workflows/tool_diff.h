#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace settle {

/// What a change of a tool means for those who use it. In order of weight.
enum class ChangeImpact : std::uint8_t {
  none,        ///< for people only: a description
  compatible,  ///< every plan that was accepted still is, and runs as safely
  review,      ///< what it does or promises is different; a person should look
  weaker,      ///< less is proved, or a repeat is less safe
  breaking,    ///< plans that were accepted may be refused, or fail
};
std::string_view name_of(ChangeImpact impact);

/// One change between two documents of a tool.
struct ToolChange {
  std::string place;  ///< JSON Pointer into the documents
  std::string kind;   ///< "added", "removed" or "changed"
  std::string code;   ///< "input_narrowed", "verification_weakened", …: docs/tools.md has all
  ChangeImpact impact = ChangeImpact::none;
  Json before;  ///< null where there was nothing
  Json after;
  std::string meaning;  ///< a sentence
};

/// Every change from `before` to `after`, by meaning: schemas are compared as sets of values, so that a changed order
/// of members or of names in "required" is none. Documents need not compile. In the order of the document. Pure.
std::vector<ToolChange> diff_tools(const Json& before, const Json& after);

/// Whose schema is compared: narrower means something else to those who give values than to those who take them.
enum class SchemaSide : std::uint8_t { input, output };

/// The changes between two schemas, at `place`.
void diff_schemas(const Json& before, const Json& after, const std::string& place, SchemaSide side,
                  std::vector<ToolChange>& changes);

}  // namespace settle
