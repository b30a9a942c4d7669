#include "schemas/quick_pattern.h"

#include <algorithm>
#include <limits>

#include "base/characters.h"
#include "schemas/name_table.h"

namespace settle {
namespace {

constexpr std::uint32_t unbounded = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t parts_max = 64;
constexpr std::size_t classes_max = 8;

void add_range(char first, char last, std::bitset<128>& out) {
  for (int c = first; c <= last; ++c) out.set(static_cast<std::size_t>(c));
}

void add_word(std::bitset<128>& out) {
  add_range('0', '9', out);
  add_range('A', 'Z', out);
  add_range('a', 'z', out);
  out.set('_');
}

char lowest(const std::bitset<128>& characters) {
  char c = 0;
  while (!characters[static_cast<std::size_t>(c)]) ++c;
  return c;
}

/// Digits at the front, at most six.
bool take_count(std::string_view& text, std::uint32_t& count) {
  std::size_t length = 0;
  count = 0;
  for (; length < text.size() && length < 6 && is_digit(text[length]); ++length) {
    count = count * 10 + static_cast<std::uint32_t>(text[length] - '0');
  }
  text.remove_prefix(length);
  return length > 0;
}

}  // namespace

/// One character, or one of \d and \w; `single` is the character, or -1 for those.
bool QuickPattern::read_character(std::string_view& pattern, bool in_class, std::bitset<128>& out, int& single) {
  const std::string_view special = in_class ? std::string_view("[]^\\-") : std::string_view("^$.*+?()[]{}|\\");
  char c = pattern.front();
  if (c < 0x20 || c == 0x7F) return false;
  single = -1;
  if (c == '\\') {
    if (pattern.size() < 2) return false;
    c = pattern[1];
    pattern.remove_prefix(2);
    if (c == 'd') return add_range('0', '9', out), true;
    if (c == 'w') return add_word(out), true;
    if (c <= 0x20 || c == 0x7F || c == '_' || is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
      return false;
  } else {
    if (special.find(c) != std::string_view::npos) return false;
    pattern.remove_prefix(1);
  }
  single = c;
  out.set(static_cast<std::size_t>(c));
  return true;
}

bool QuickPattern::read_class(std::string_view& pattern, std::bitset<128>& out) {
  pattern.remove_prefix(1);
  if (pattern.starts_with('^') || pattern.starts_with(']')) return false;
  while (!pattern.empty() && pattern.front() != ']') {
    // A "-" stands for itself at the end.
    if (pattern.starts_with("-]")) {
      out.set('-');
      pattern.remove_prefix(1);
      break;
    }
    int first = -1, last = -1;
    if (!read_character(pattern, true, out, first)) return false;
    if (!pattern.starts_with('-') || pattern.starts_with("-]")) continue;
    pattern.remove_prefix(1);
    if (first < 0 || pattern.empty() || !read_character(pattern, true, out, last) || last < first) return false;
    add_range(static_cast<char>(first), static_cast<char>(last), out);
  }
  if (!pattern.starts_with(']')) return false;
  pattern.remove_prefix(1);
  return true;
}

bool QuickPattern::read_quantifier(std::string_view& pattern, Part& part) {
  if (pattern.empty()) return true;
  const char c = pattern.front();
  if (c == '*' || c == '+' || c == '?') {
    part.least = c == '+' ? 1 : 0;
    part.most = c == '?' ? 1 : unbounded;
    pattern.remove_prefix(1);
  } else if (c == '{') {
    pattern.remove_prefix(1);
    if (!take_count(pattern, part.least)) return false;
    part.most = part.least;
    if (pattern.starts_with(',')) {
      pattern.remove_prefix(1);
      if (!take_count(pattern, part.most)) part.most = unbounded;
    }
    if (!pattern.starts_with('}') || part.most < part.least) return false;
    pattern.remove_prefix(1);
  } else {
    return true;
  }
  // A lazy quantifier, or a mistake.
  return pattern.empty() || std::string_view("*+?{").find(pattern.front()) == std::string_view::npos;
}

bool QuickPattern::read_part(std::string_view& pattern, Part& part) {
  int single = -1;
  const bool read = pattern.front() == '[' ? read_class(pattern, part.characters)
                                           : read_character(pattern, false, part.characters, single);
  return read && read_quantifier(pattern, part);
}

/// Whether no part can take what a later one needs: where its length varies, it shares no character with those that may
/// follow it.
bool QuickPattern::decides_greedily(const std::vector<Part>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].least == parts[i].most) continue;
    for (std::size_t k = i + 1; k < parts.size(); ++k) {
      if ((parts[i].characters & parts[k].characters).any()) return false;
      if (parts[k].least > 0) break;
    }
  }
  return true;
}

/// False when there are too many classes.
bool QuickPattern::make_runs(const std::vector<Part>& parts) {
  std::vector<std::bitset<128>> classes;
  bool in_text = false;
  for (const Part& part : parts) {
    const bool single = part.least == 1 && part.most == 1 && part.characters.count() == 1;
    if (!in_text || !single) runs_.emplace_back();
    in_text = single;
    if (single) {
      runs_.back().text += lowest(part.characters);
      continue;
    }
    const auto at = static_cast<std::size_t>(std::ranges::find(classes, part.characters) - classes.begin());
    if (at == classes_max) return false;
    if (at == classes.size()) classes.push_back(part.characters);
    runs_.back().bit = static_cast<std::uint8_t>(1U << at);
    runs_.back().least = part.least;
    runs_.back().most = part.most;
    for (std::size_t c = 0; c < part.characters.size(); ++c) {
      if (part.characters[c]) classes_[c] |= runs_.back().bit;
    }
  }
  return true;
}

std::optional<QuickPattern> QuickPattern::compile(std::string_view pattern) {
  if (pattern.size() < 2 || pattern.front() != '^' || pattern.back() != '$') return std::nullopt;
  pattern = pattern.substr(1, pattern.size() - 2);
  std::vector<Part> parts;
  while (!pattern.empty()) {
    Part& part = parts.emplace_back();
    if (parts.size() > parts_max || !read_part(pattern, part)) return std::nullopt;
  }
  QuickPattern out;
  if (!decides_greedily(parts) || !out.make_runs(parts)) return std::nullopt;
  return out;
}

bool QuickPattern::matches(std::string_view text) const {
  const char* at = text.data();
  const char* const end = at + text.size();
  const std::uint8_t* const classes = classes_.data();
  const auto bits = [classes](char c) { return unsigned{classes[static_cast<unsigned char>(c)]}; };
  for (const Run& run : runs_) {
    const auto left = static_cast<std::size_t>(end - at);
    if (!run.text.empty()) {
      if (left < run.text.size() || !same_bytes(at, run.text.data(), run.text.size())) return false;
      at += run.text.size();
      continue;
    }
    const char* const begin = at;
    const char* const stop = left > run.most ? at + run.most : end;
    const unsigned bit = run.bit;
    while (stop - at >= 4 && (bits(at[0]) & bits(at[1]) & bits(at[2]) & bits(at[3]) & bit) != 0) at += 4;
    while (at != stop && (bits(*at) & bit) != 0) ++at;
    if (static_cast<std::size_t>(at - begin) < run.least) return false;
  }
  return at == end;
}

}  // namespace settle
