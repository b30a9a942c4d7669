#include <algorithm>
#include <chrono>

#include "base/pointer.h"
#include "schemas/format.h"

namespace settle {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

template <class Predicate>
bool all(std::string_view text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), predicate);
}

/// Takes exactly `count` digits off the front; -1 when they are not there.
int take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count || !all(text.substr(0, count), is_digit)) return -1;
  int value = 0;
  for (const char c : text.substr(0, count)) value = value * 10 + (c - '0');
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

/// Takes as many digits as there are; false when there are none.
bool take_number(std::string_view& text) {
  const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(count);
  return count > 0;
}

bool take_date(std::string_view& text) {
  const int year = take_digits(text, 4);
  if (year < 0 || !take(text, '-')) return false;
  const int month = take_digits(text, 2);
  if (month < 0 || !take(text, '-')) return false;
  const int day = take_digits(text, 2);
  if (day < 0) return false;
  return std::chrono::year_month_day(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                     std::chrono::day(static_cast<unsigned>(day)))
      .ok();
}

/// full-time of RFC 3339 §5.6. A leap second can only be the last one of a day in UTC.
bool is_time(std::string_view text) {
  const int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ':')) return false;
  const int minute = take_digits(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ':')) return false;
  const int second = take_digits(text, 2);
  if (second < 0 || second > 60) return false;
  if (take(text, '.') && !take_number(text)) return false;

  int offset = 0;
  if (text != "Z" && text != "z") {
    const bool west = take(text, '-');
    if (!west && !take(text, '+')) return false;
    const int hours = take_digits(text, 2);
    if (hours < 0 || hours > 23 || !take(text, ':')) return false;
    const int minutes = take_digits(text, 2);
    if (minutes < 0 || minutes > 59 || !text.empty()) return false;
    offset = (hours * 60 + minutes) * (west ? -1 : 1);
  }
  constexpr int day = 24 * 60;
  return second < 60 || (hour * 60 + minute - offset + 2 * day) % day == day - 1;
}

bool is_date(std::string_view text) {
  return take_date(text) && text.empty();
}

bool is_date_time(std::string_view text) {
  return take_date(text) && (take(text, 'T') || take(text, 't')) && is_time(text);
}

/// One run of neighbouring units, as RFC 3339 appendix A has them: no gaps ("P1Y2D"), none twice, at least one.
bool take_units(std::string_view& text, std::string_view units) {
  std::size_t next = std::string_view::npos;
  while (!text.empty() && is_digit(text.front())) {
    if (!take_number(text) || text.empty()) return false;
    const std::size_t unit = units.find(text.front());
    if (unit == std::string_view::npos || (next != std::string_view::npos && unit != next)) return false;
    next = unit + 1;
    text.remove_prefix(1);
  }
  return next != std::string_view::npos;
}

bool is_duration(std::string_view text) {
  if (!take(text, 'P')) return false;
  if (text.ends_with('W')) return take_units(text, "W") && text.empty();
  if (!text.starts_with('T') && !take_units(text, "YMD")) return false;
  if (take(text, 'T') && !take_units(text, "HMS")) return false;
  return text.empty();
}

bool is_ipv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && !take(text, '.')) return false;
    const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    if (count == 0 || count > 3 || (count > 1 && text.front() == '0') || take_digits(text, count) > 255) return false;
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
    if (group.empty() || group.size() > 4 || !all(group, is_hex)) return false;
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

/// RFC 1123 §2.1: labels of letters, digits and inner hyphens. Internationalised names come as their A-labels.
bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (;;) {
    const std::size_t length = std::min(text.find('.'), text.size());
    const std::string_view label = text.substr(0, length);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!all(label, [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; })) return false;
    if (length == text.size()) return true;
    text.remove_prefix(length + 1);
  }
}

bool is_atom_character(char c) {
  return is_alpha(c) || is_digit(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

/// The part before the @ (RFC 5321 §4.1.2): a dot-atom or a quoted string.
bool is_email_name(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  if (text.front() == '"') {
    if (text.size() < 3 || text.back() != '"') return false;
    text = text.substr(1, text.size() - 2);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '"' || (text[i] == '\\' && ++i == text.size())) return false;
      if (text[i] < 0x20 || text[i] > 0x7E) return false;
    }
    return true;
  }
  if (text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos) return false;
  return all(text, [](char c) { return is_atom_character(c) || c == '.'; });
}

bool is_email(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || text.size() > 254 || !is_email_name(text.substr(0, at))) return false;
  const std::string_view domain = text.substr(at + 1);
  if (!domain.starts_with('[')) return is_hostname(domain);
  if (!domain.ends_with(']')) return false;
  const std::string_view literal = domain.substr(1, domain.size() - 2);
  return literal.starts_with("IPv6:") ? is_ipv6(literal.substr(5)) : is_ipv4(literal);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

bool is_json_pointer(std::string_view text) {
  return Pointer::parse(text).has_value();
}

bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
bool is_sub_delimiter(char c) {
  return std::string_view("!$&'()*+,;=").find(c) != std::string_view::npos;
}

/// Unreserved characters, sub-delimiters, whole percent-encodings, and any of `more` (RFC 3986 §2).
bool is_uri_text(std::string_view text, std::string_view more) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3 || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
    } else if (!is_unreserved(text[i]) && !is_sub_delimiter(text[i]) && more.find(text[i]) == std::string_view::npos) {
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
  return all(text.substr(0, dot), is_hex) &&
         all(text.substr(dot + 1), [](char c) { return is_unreserved(c) || is_sub_delimiter(c) || c == ':'; });
}

/// RFC 3986 §3.2: [userinfo "@"] host [":" port].
bool is_authority(std::string_view text) {
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    if (!is_uri_text(text.substr(0, at), ":")) return false;
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !is_ip_literal(text.substr(1, close - 1))) return false;
    port = text.substr(close + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    if (!is_uri_text(text.substr(0, colon), "")) return false;
    port = text.substr(colon);
  }
  return port.empty() || (port.front() == ':' && all(port.substr(1), is_digit));
}

/// What follows the scheme: ["//" authority] path ["?" query] ["#" fragment]; `relative` when there was no scheme.
bool is_hierarchy(std::string_view text, bool relative) {
  const std::size_t hash = std::min(text.find('#'), text.size());
  if (hash < text.size() && !is_uri_text(text.substr(hash + 1), ":@/?")) return false;
  text = text.substr(0, hash);
  const std::size_t question = std::min(text.find('?'), text.size());
  if (question < text.size() && !is_uri_text(text.substr(question + 1), ":@/?")) return false;
  text = text.substr(0, question);

  if (text.starts_with("//")) {
    const std::size_t path = std::min(text.find('/', 2), text.size());
    if (!is_authority(text.substr(2, path - 2))) return false;
    text = text.substr(path);
  } else if (relative && text.substr(0, text.find('/')).find(':') != std::string_view::npos) {
    return false;  // it would be read as a scheme
  }
  return is_uri_text(text, ":@/");
}

bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_alpha(text.front())) return false;
  const auto in_scheme = [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
  return all(text.substr(0, colon), in_scheme) && is_hierarchy(text.substr(colon + 1), false);
}

bool is_uri_reference(std::string_view text) {
  return is_uri(text) || is_hierarchy(text, true);
}

constexpr SchemaFormat formats[] = {
    {"date-time", is_date_time, "a date and time with offset (RFC 3339), such as \"2026-11-22T20:14:18Z\""},
    {"date", is_date, "a date (RFC 3339), such as \"2026-11-22\""},
    {"time", is_time, "a time of day with offset (RFC 3339), such as \"20:14:18Z\""},
    {"duration", is_duration, "an ISO 8601 duration, such as \"P3DT4H\" or \"PT30M\""},
    {"email", is_email, "an e-mail address, such as \"ada@example.org\""},
    {"uri", is_uri, "an absolute URI (RFC 3986), such as \"https://example.org/a?b=c\""},
    {"uri-reference", is_uri_reference, "a URI or relative reference (RFC 3986), such as \"/a?b=c\""},
    {"uuid", is_uuid, "a UUID, such as \"0b5e2a4c-9f5d-4a41-8f8e-3a1c5c1f9d10\""},
    {"ipv4", is_ipv4, "an IPv4 address, such as \"192.0.2.1\""},
    {"ipv6", is_ipv6, "an IPv6 address, such as \"2001:db8::1\""},
    {"hostname", is_hostname, "a host name, such as \"mail.example.org\""},
    {"json-pointer", is_json_pointer, "a JSON Pointer (RFC 6901), such as \"/a/0\""},
};

}  // namespace

const SchemaFormat* find_format(std::string_view name) {
  const auto* const row = std::ranges::find(formats, name, &SchemaFormat::name);
  return row == std::end(formats) ? nullptr : row;
}

std::string known_formats() {
  std::string out;
  for (const SchemaFormat& format : formats) out.append(out.empty() ? "" : ", ").append(format.name);
  return out;
}

}  // namespace settle
