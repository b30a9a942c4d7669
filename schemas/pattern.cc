#include "schemas/pattern.h"

#include <re2/re2.h>

#include <algorithm>
#include <string>

#include "base/text.h"

namespace settle {
namespace {

constexpr std::size_t pattern_bytes_max = 4096;

/// For the program and the automaton of one pattern; beyond it a pattern is refused, and a search falls back to the
/// slower, still linear simulation.
constexpr std::int64_t pattern_memory_max = 8 << 20;

struct Category {
  std::string_view long_name;
  std::string_view short_name;
};
/// General categories that ECMA-262 knows by a long name and RE2 only by the short one.
constexpr Category categories[] = {
    {"Letter", "L"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Symbol", "S"},
    {"Currency_Symbol", "Sc"},
    {"Math_Symbol", "Sm"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
};

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// Translates the escape that begins `text` (at its backslash) onto `out`, and returns how many bytes it took.
std::size_t translate_escape(std::string_view text, std::string& out) {
  const std::string_view after = text.substr(2);
  if (text[1] == 'u' && after.size() >= 4 && std::all_of(after.begin(), after.begin() + 4, is_hex)) {
    out.append("\\x{").append(after.substr(0, 4)).append("}");
    return 6;
  }
  const std::size_t close = after.find('}');
  if (after.starts_with('{') && close != std::string_view::npos) {
    const std::string_view inside = after.substr(1, close - 1);
    if (text[1] == 'u') {
      out.append("\\x{").append(inside).append("}");
      return close + 3;
    }
    const auto* const row = std::ranges::find(categories, inside, &Category::long_name);
    if ((text[1] == 'p' || text[1] == 'P') && row != std::end(categories)) {
      out.append(text.substr(0, 2)).append("{").append(row->short_name).append("}");
      return close + 3;
    }
  }
  out.append(text.substr(0, 2));
  return 2;
}

std::string translate(std::string_view pattern) {
  std::string out;
  out.reserve(pattern.size());
  for (std::size_t i = 0; i < pattern.size();) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      i += translate_escape(pattern.substr(i), out);
    } else {
      out += pattern[i++];
    }
  }
  return out;
}

bool wants_more_than_re2(std::string_view pattern) {
  for (const std::string_view construct : {"(?=", "(?!", "(?<"}) {
    if (pattern.find(construct) != std::string_view::npos) return true;
  }
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '\\') continue;
    if (pattern[i + 1] >= '1' && pattern[i + 1] <= '9') return true;
    ++i;
  }
  return false;
}

Error refuse(std::string_view pattern, std::string_view reason) {
  return fail(ErrorCode::invalid_tool,
              "the pattern \"" + shorten(pattern, 80) + "\" can't be used: " + std::string(reason));
}

}  // namespace

Result<std::unique_ptr<const re2::RE2>> compile_pattern(std::string_view pattern) {
  if (pattern.size() > pattern_bytes_max) return refuse(pattern, "it is longer than 4096 bytes");
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(pattern_memory_max);
  options.set_never_capture(true);
  auto compiled = std::make_unique<const re2::RE2>(translate(pattern), options);
  if (compiled->ok()) return compiled;
  if (wants_more_than_re2(pattern)) {
    return refuse(
        pattern,
        "look-around, back-references and named groups are not supported, so that matching takes linear time; "
        "say it without them");
  }
  return refuse(pattern, compiled->error());
}

}  // namespace settle
