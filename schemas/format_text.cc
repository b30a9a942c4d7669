#include "schemas/format_text.h"

#include <algorithm>

namespace settle::formats {
namespace {

/// `text` is one to three digits.
int small_number(std::string_view text) {
  int value = 0;
  for (const char c : text) value = value * 10 + (c - '0');
  return value;
}

}  // namespace

bool is_ipv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && !take(text, '.')) return false;
    const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    if (count == 0 || count > 3 || (count > 1 && text.front() == '0') || small_number(text.substr(0, count)) > 255)
      return false;
    text.remove_prefix(count);
  }
  return text.empty();
}

/// RFC 4291 §2.2: eight groups, one run of which may be "::", and the last two of which may be an IPv4 address.
bool is_ipv6(std::string_view text) {
  int groups = 0;
  bool gap = false;
  if (text.starts_with("::")) {
    gap = true;
    text.remove_prefix(2);
    if (text.empty()) return true;
  }
  for (;;) {
    const std::string_view group = text.substr(0, text.find(':'));
    if (group.find('.') != std::string_view::npos) {
      if (group.size() != text.size() || !is_ipv4(group)) return false;
      groups += 2;
      break;
    }
    if (group.empty() || group.size() > 4 || !all(group, is_hex_digit)) return false;
    ++groups;
    text.remove_prefix(group.size());
    if (text.empty()) break;
    text.remove_prefix(1);
    if (take(text, ':')) {
      if (gap) return false;
      gap = true;
      if (text.empty()) break;
    }
  }
  return gap ? groups < 8 : groups == 8;
}

}  // namespace settle::formats
