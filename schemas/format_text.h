#pragma once

#include <algorithm>
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
