#include <algorithm>

#include "schemas/format_text.h"

namespace settle::formats {
namespace {

bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
bool is_sub_delimiter(char c) {
  return std::string_view("!$&'()*+,;=").find(c) != std::string_view::npos;
}

/// Unreserved characters, sub-delimiters, whole percent-encodings, and any of `more` (RFC 3986 §2).
bool is_text(std::string_view text, std::string_view more, bool wide) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3 || !is_hex_digit(text[i + 1]) || !is_hex_digit(text[i + 2])) return false;
      i += 2;
    } else if (!(wide && is_wide(text[i])) && !is_unreserved(text[i]) && !is_sub_delimiter(text[i]) &&
               more.find(text[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

/// RFC 3986 §3.2.2 IP-literal, without its brackets.
bool is_ip_literal(std::string_view text) {
  if (is_ipv6(text)) return true;
  if (!take(text, 'v') && !take(text, 'V')) return false;
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == text.size()) return false;
  return all(text.substr(0, dot), is_hex_digit) &&
         all(text.substr(dot + 1), [](char c) { return is_unreserved(c) || is_sub_delimiter(c) || c == ':'; });
}

/// RFC 3986 §3.2: [userinfo "@"] host [":" port].
bool is_authority(std::string_view text, bool wide) {
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    if (!is_text(text.substr(0, at), ":", wide)) return false;
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !is_ip_literal(text.substr(1, close - 1))) return false;
    port = text.substr(close + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    if (!is_text(text.substr(0, colon), "", wide)) return false;
    port = text.substr(colon);
  }
  return port.empty() || (port.front() == ':' && all(port.substr(1), is_digit));
}

/// What follows the scheme: ["//" authority] path ["?" query] ["#" fragment]; `relative` when there was no scheme.
bool is_hierarchy(std::string_view text, bool relative, bool wide) {
  const std::size_t hash = std::min(text.find('#'), text.size());
  if (hash < text.size() && !is_text(text.substr(hash + 1), ":@/?", wide)) return false;
  text = text.substr(0, hash);
  const std::size_t question = std::min(text.find('?'), text.size());
  if (question < text.size() && !is_text(text.substr(question + 1), ":@/?", wide)) return false;
  text = text.substr(0, question);

  if (text.starts_with("//")) {
    const std::size_t path = std::min(text.find('/', 2), text.size());
    if (!is_authority(text.substr(2, path - 2), wide)) return false;
    text = text.substr(path);
  } else if (relative && text.substr(0, text.find('/')).find(':') != std::string_view::npos) {
    return false;  // it would be read as a scheme
  }
  return is_text(text, ":@/", wide);
}

bool is_absolute(std::string_view text, bool wide) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_alpha(text.front())) return false;
  const auto in_scheme = [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
  return all(text.substr(0, colon), in_scheme) && is_hierarchy(text.substr(colon + 1), false, wide);
}

/// The length of a percent-encoding or of one of the characters of a variable's name at `at`; 0 when there is neither.
std::size_t name_character(std::string_view text, std::size_t at) {
  if (at >= text.size()) return 0;
  if (is_alpha(text[at]) || is_digit(text[at]) || text[at] == '_') return 1;
  return text[at] == '%' && text.size() - at >= 3 && is_hex_digit(text[at + 1]) && is_hex_digit(text[at + 2]) ? 3 : 0;
}

/// varspec of RFC 6570 §2.3 and §2.4.
bool is_variable(std::string_view text) {
  std::size_t at = 0;
  do {
    const std::size_t start = at;
    while (const std::size_t length = name_character(text, at)) at += length;
    if (at == start) return false;
  } while (at < text.size() && text[at] == '.' && ++at > 0);
  text.remove_prefix(at);
  if (text.empty() || text == "*") return true;
  if (!take(text, ':') || text.empty() || text.size() > 4 || text.front() == '0') return false;
  return all(text, is_digit);
}

bool is_expression(std::string_view text) {
  if (!text.empty() && std::string_view("+#./;?&=,!@|").find(text.front()) != std::string_view::npos) {
    text.remove_prefix(1);
  }
  for (;;) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (!is_variable(text.substr(0, comma))) return false;
    if (comma == text.size()) return true;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

bool is_uri(std::string_view text) {
  return is_absolute(text, false);
}
bool is_uri_reference(std::string_view text) {
  return is_absolute(text, false) || is_hierarchy(text, true, false);
}
bool is_iri(std::string_view text) {
  return is_absolute(text, true);
}
bool is_iri_reference(std::string_view text) {
  return is_absolute(text, true) || is_hierarchy(text, true, true);
}

bool is_uri_template(std::string_view text) {
  while (!text.empty()) {
    const char c = text.front();
    if (c == '{') {
      const std::size_t end = text.find('}');
      if (end == std::string_view::npos || !is_expression(text.substr(1, end - 1))) return false;
      text.remove_prefix(end + 1);
      continue;
    }
    if (c == '%' && (text.size() < 3 || !is_hex_digit(text[1]) || !is_hex_digit(text[2]))) return false;
    const bool forbidden = std::string_view(" \"<>\\^`|}").find(c) != std::string_view::npos;
    if (forbidden || (c >= 0 && c < 0x20) || c == 0x7F) return false;
    text.remove_prefix(1);
  }
  return true;
}

}  // namespace settle::formats
