#include "schemas/format.h"

#include <algorithm>
#include <chrono>

#include "base/pointer.h"
#include "schemas/format_text.h"
#include "schemas/pattern.h"

namespace settle {
namespace {

using namespace formats;

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

/// The part before the @ (RFC 5321 §4.1.2): a dot-atom or a quoted string.
bool is_email_name(std::string_view text, bool wide) {
  if (text.empty() || text.size() > 64) return false;
  if (text.front() == '"') {
    if (text.size() < 3 || text.back() != '"') return false;
    text = text.substr(1, text.size() - 2);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '"' || (text[i] == '\\' && ++i == text.size())) return false;
      if (!(wide && is_wide(text[i])) && (text[i] < 0x20 || text[i] > 0x7E)) return false;
    }
    return true;
  }
  if (text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos) return false;
  return all(text, [wide](char c) { return (classes_of(c) & atom_byte) != 0 || c == '.' || (wide && is_wide(c)); });
}

bool is_any_email(std::string_view text, bool (*is_domain)(std::string_view), bool wide) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || text.size() > 254 || !is_email_name(text.substr(0, at), wide)) return false;
  const std::string_view domain = text.substr(at + 1);
  if (!domain.starts_with('[')) return is_domain(domain);
  if (!domain.ends_with(']')) return false;
  const std::string_view literal = domain.substr(1, domain.size() - 2);
  return literal.starts_with("IPv6:") ? is_ipv6(literal.substr(5)) : is_ipv4(literal);
}

/// Most addresses are a dot-atom and a host name: one pass decides these.
bool is_email(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (const char* word = at;; word = ++at) {
    while (at != end && (classes_of(*at) & atom_byte) != 0) ++at;
    if (at == end || at == word) break;
    if (*at == '.') continue;
    if (*at != '@') break;
    const auto length = static_cast<std::size_t>(at - text.data());
    if (length + 1 < text.size() && at[1] != '[') {
      return length <= 64 && text.size() <= 254 && is_hostname(text.substr(length + 1));
    }
    break;
  }
  return is_any_email(text, is_hostname, false);
}

/// RFC 6531: characters beyond ASCII on either side.
bool is_idn_email(std::string_view text) {
  return is_any_email(text, is_idn_hostname, true);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  constexpr std::size_t begins[] = {0, 9, 14, 19, 24}, lengths[] = {8, 4, 4, 4, 12};
  std::uint8_t digits = hex_byte;
  for (std::size_t i = 0; i < 5; ++i) {
    if (i > 0 && text[begins[i] - 1] != '-') return false;
    for (std::size_t k = 0; k < lengths[i]; ++k) digits &= classes_of(text[begins[i] + k]);
  }
  return digits != 0;
}

bool is_json_pointer(std::string_view text) {
  return Pointer::parse(text).has_value();
}

/// draft-bhutton-relative-json-pointer-00, without index manipulation.
bool is_relative_json_pointer(std::string_view text) {
  const bool zero = take(text, '0');
  if (!zero && !take_number(text)) return false;  // what follows a zero can't be a digit: that is no pointer
  return text == "#" || is_json_pointer(text);
}

/// What ECMA-262 takes for a regular expression, also where it can't be used as a `pattern` here.
bool is_regex(std::string_view text) {
  return translate_pattern(text).mistake.empty();
}

constexpr SchemaFormat known[] = {
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
    {"iri", is_iri, "an absolute IRI (RFC 3987), such as \"https://example.org/é\""},
    {"iri-reference", is_iri_reference, "an IRI or relative reference (RFC 3987), such as \"/é\""},
    {"uri-template", is_uri_template, "a URI template (RFC 6570), such as \"/a/{id}\""},
    {"idn-email", is_idn_email, "an internationalized e-mail address (RFC 6531)"},
    {"idn-hostname", is_idn_hostname, "an internationalized host name (RFC 5890), such as \"bücher.example\""},
    {"regex", is_regex, "a regular expression (ECMA-262)"},
    {"relative-json-pointer", is_relative_json_pointer, "a relative JSON Pointer, such as \"1/a\""},
    {"json-pointer", is_json_pointer, "a JSON Pointer (RFC 6901), such as \"/a/0\""},
};

}  // namespace

const SchemaFormat* find_format(std::string_view name) {
  const auto* const row = std::ranges::find(known, name, &SchemaFormat::name);
  return row == std::end(known) ? nullptr : row;
}

std::string known_formats() {
  std::string out;
  for (const SchemaFormat& format : known) out.append(out.empty() ? "" : ", ").append(format.name);
  return out;
}

}  // namespace settle
