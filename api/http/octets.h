#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/characters.h"

namespace settle::octets {

// The classes of bytes that HTTP's grammar is made of (RFC 9110 §5.5 and §5.6.2). ASCII only, whatever the locale.

using settle::is_alpha;
using settle::is_digit;

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::uint8_t token = 1;
constexpr std::uint8_t field = 2;
constexpr std::array<std::uint8_t, 256> classes = [] {
  std::array<std::uint8_t, 256> out{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool mark = std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    if (is_alpha(c) || is_digit(c) || mark) out[byte] |= token;
    if (c == '\t' || (byte >= 0x20 && byte != 0x7f)) out[byte] |= field;
  }
  return out;
}();

constexpr bool is_token_byte(char c) {
  return classes[static_cast<unsigned char>(c)] & token;
}

/// Visible characters, space, tab and bytes beyond ASCII: all that may stand in a field value.
constexpr bool is_field_byte(char c) {
  return classes[static_cast<unsigned char>(c)] & field;
}

inline bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte);
}

inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  return std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Without spaces and tabs at both ends.
inline std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Calls `visit` with each element of a comma-separated list, trimmed.
template <class Visit>
void for_each_element(std::string_view list, Visit visit) {
  while (true) {
    const std::size_t comma = std::min(list.find(','), list.size());
    visit(trimmed(list.substr(0, comma)));
    if (comma == list.size()) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace settle::octets
