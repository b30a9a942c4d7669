#include "api/http/target.h"

#include <optional>

#include "api/http/octets.h"

namespace settle {
namespace {

// RFC 3986 §3.3: pchar, without the "%" that decode() looks at.
bool is_path_byte(unsigned char c) {
  if (octets::is_alpha(c) || octets::is_digit(c)) return true;
  return std::string_view("-._~!$&'()*+,;=:@").find(static_cast<char>(c)) != std::string_view::npos;
}

// Browsers leave more characters of a query as they are than RFC 3986 allows; none of those kept here has a meaning in
// framing.
bool is_query_byte(unsigned char c) {
  return c > 0x20 && c < 0x7f && c != '"' && c != '#' && c != '<' && c != '>';
}

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    if (length > 1) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
      const bool beyond = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
      if (overlong || beyond) return false;
    }
    i += length;
  }
  return true;
}

enum class Part { path, query };

// Appends `raw`, decoded, to `out`. Errors as text.
std::optional<std::string> decode(std::string_view raw, Part part, std::string& out) {
  bool beyond_ascii = false;
  const std::size_t begin = out.size();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto c = static_cast<unsigned char>(raw[i]);
    if (c != '%') {
      if (part == Part::path ? !is_path_byte(c) : !is_query_byte(c))
        return "the target has a character that must be percent-encoded";
      out.push_back(part == Part::query && c == '+' ? ' ' : static_cast<char>(c));
      continue;
    }
    const int high = i + 1 < raw.size() ? octets::hex_value(raw[i + 1]) : -1;
    const int low = i + 2 < raw.size() ? octets::hex_value(raw[i + 2]) : -1;
    if (high < 0 || low < 0) return "the target has a % that is not followed by two hexadecimal digits";
    const auto byte = static_cast<unsigned char>(high * 16 + low);
    if (byte < 0x20 || byte == 0x7f) return "the target encodes a control character";
    beyond_ascii = beyond_ascii || byte >= 0x80;
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  if (beyond_ascii && !is_utf8(std::string_view(out).substr(begin))) return "the target is not UTF-8 when decoded";
  return std::nullopt;
}

// An encoded slash may stand inside a segment; the decoded path must be a normal one all the same.
bool is_normal(std::string_view path) {
  std::size_t begin = 1;
  while (true) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment == "." || segment == "..") return false;
    if (end == path.size()) return true;
    if (segment.empty()) return false;
    begin = end + 1;
  }
}

std::optional<std::string> split_path(std::string_view raw, RequestTarget& target) {
  target.path = "/";
  if (raw == "/") return std::nullopt;
  std::size_t begin = 1;
  while (true) {
    const std::size_t end = std::min(raw.find('/', begin), raw.size());
    std::string segment;
    if (auto wrong = decode(raw.substr(begin, end - begin), Part::path, segment)) return wrong;
    if (begin > 1) target.path.push_back('/');
    target.path.append(segment);
    target.segments.push_back(std::move(segment));
    if (end == raw.size()) break;
    begin = end + 1;
  }
  if (!is_normal(target.path)) return "the path has an empty segment, \".\" or \"..\"";
  return std::nullopt;
}

std::optional<std::string> split_query(std::string_view raw, RequestTarget& target) {
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('&'), raw.size());
    const std::string_view pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (pair.empty()) continue;

    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::string name;
    std::string value;
    if (auto wrong = decode(pair.substr(0, equals), Part::query, name)) return wrong;
    if (equals < pair.size()) {
      if (auto wrong = decode(pair.substr(equals + 1), Part::query, value)) return wrong;
    }
    target.query.emplace_back(std::move(name), std::move(value));
  }
  return std::nullopt;
}

}  // namespace

Result<RequestTarget> parse_target(std::string_view target, std::string_view host) {
  constexpr std::string_view scheme = "http://";
  const bool absolute = octets::equals_ignoring_case(target.substr(0, scheme.size()), scheme);
  if (absolute) {
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    if (host.empty() || !octets::equals_ignoring_case(target.substr(0, end), host)) {
      return fail(ErrorCode::malformed_request, "the authority of the target differs from the field Host");
    }
    target.remove_prefix(end);
  }

  const std::size_t question = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, question);
  if (absolute && path.empty()) path = "/";
  if (!path.starts_with('/')) return fail(ErrorCode::malformed_request, "the target must begin with /");

  RequestTarget out;
  if (auto wrong = split_path(path, out)) return fail(ErrorCode::malformed_request, *wrong);
  if (question < target.size()) {
    if (auto wrong = split_query(target.substr(question + 1), out)) return fail(ErrorCode::malformed_request, *wrong);
  }
  return out;
}

}  // namespace settle
