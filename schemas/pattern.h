#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace settle {

/// Compiles the regular expression of a schema's `pattern`. It is written in ECMA-262's syntax and run by RE2, in time
/// linear in the text: what RE2 lacks (look-around, back-references) is refused, and the escapes that only ECMA-262
/// has (\uXXXX, \u{X}, \p{Letter}) are translated. Search is unanchored (RE2::PartialMatch). Thread: any.
/// Errors: invalid_tool, with the reason and the remedy in the message.
Result<std::unique_ptr<const re2::RE2>> compile_pattern(std::string_view pattern);

}  // namespace settle
