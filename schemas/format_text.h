#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/characters.h"

/// What the formats have in common.
namespace settle::formats {

template <class Predicate>
bool all(std::string_view text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), predicate);
}

/// Takes `c` from the front of `text`; false when something else stands there.
inline bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

/// What a byte may be part of.
enum : std::uint8_t { hex_byte = 1, host_byte = 2, atom_byte = 4 };

/// For each byte what it may be part of: a hexadecimal number, a label of a host name, an atom of RFC 5322.
inline constexpr std::array<std::uint8_t, 256> byte_classes = [] {
  std::array<std::uint8_t, 256> out{};
  for (std::size_t i = 0; i < 128; ++i) {
    const char c = static_cast<char>(i);
    const bool word = is_alpha(c) || is_digit(c);
    if (is_hex_digit(c)) out[i] |= hex_byte;
    if (word || c == '-') out[i] |= host_byte;
    if (word || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos) out[i] |= atom_byte;
  }
  return out;
}();
inline std::uint8_t classes_of(char c) {
  return byte_classes[static_cast<unsigned char>(c)];
}

/// A byte of a character beyond ASCII.
inline bool is_wide(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

/// RFC 2673 §3.2 and RFC 4291 §2.2.
bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);
/// RFC 1123 §2.1: labels of letters, digits and inner hyphens; A-labels must stand for labels of RFC 5890.
bool is_hostname(std::string_view text);
/// RFC 5890 §2.3.2.3: the same with U-labels, and with the full stops of RFC 3490 between them.
bool is_idn_hostname(std::string_view text);
/// RFC 3986 and RFC 3987, RFC 6570.
bool is_uri(std::string_view text);
bool is_uri_reference(std::string_view text);
bool is_iri(std::string_view text);
bool is_iri_reference(std::string_view text);
bool is_uri_template(std::string_view text);

}  // namespace settle::formats
