#pragma once

#include <string_view>

/// What the formats have in common.
namespace settle::formats {

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
inline bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
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
