#include "schemas/pattern.h"

#include <re2/re2.h>

#include "base/text.h"

namespace settle {
namespace {

constexpr std::size_t pattern_bytes_max = 4096;

/// For the program and the automaton of one pattern; beyond it a pattern is refused, and a search falls back to the
/// slower, still linear simulation.
constexpr std::int64_t pattern_memory_max = 8 << 20;

Error refuse(std::string_view pattern, std::string_view reason) {
  return fail(ErrorCode::invalid_tool,
              "the pattern \"" + shorten(pattern, 80) + "\" can't be used: " + std::string(reason));
}

}  // namespace

SchemaPattern::SchemaPattern(std::unique_ptr<const re2::RE2> regex, std::optional<QuickPattern> quick)
    : regex_(std::move(regex)), quick_(std::move(quick)) {}
SchemaPattern::~SchemaPattern() = default;

Result<std::unique_ptr<const SchemaPattern>> SchemaPattern::compile(std::string_view pattern) {
  if (pattern.size() > pattern_bytes_max) return refuse(pattern, "it is longer than 4096 bytes");
  const PatternTranslation translated = translate_pattern(pattern);
  if (!translated.mistake.empty()) return refuse(pattern, translated.mistake);
  if (!translated.lacking.empty()) {
    return refuse(pattern, translated.lacking + " can't be had, so that matching takes linear time; say it without");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(pattern_memory_max);
  options.set_never_capture(true);
  auto regex = std::make_unique<const re2::RE2>(translated.re2, options);
  if (!regex->ok()) return refuse(pattern, regex->error());
  return std::unique_ptr<const SchemaPattern>(new SchemaPattern(std::move(regex), QuickPattern::compile(pattern)));
}

bool SchemaPattern::search(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_);
}

}  // namespace settle
