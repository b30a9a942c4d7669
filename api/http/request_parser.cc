#include "api/http/request_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/http/octets.h"
#include "api/http/target.h"
#include "base/text.h"

namespace settle {
namespace {

constexpr std::array<std::string_view, 7> methods = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};

// Fields of which a second one would leave open which of the two counts.
constexpr std::array<std::string_view, 9> single_fields = {
    "host",          "content-length",   "transfer-encoding", "expect",
    "authorization", "settle-namespace", "idempotency-key",   "content-type",
    "origin"};
static_assert(single_fields.size() <= 16, "one bit each in single_fields_seen");

// A chunk size beyond this many digits is either padding or larger than any limit.
constexpr unsigned chunk_digits_max = 8;
// So that a length always fits 64 bits.
constexpr std::size_t length_digits_max = 18;
// A body is given room as it arrives; only small ones at once, so that a promise of bytes costs the server nothing.
constexpr std::size_t body_reserve_max = 16 * 1024;

// Whether `text` is "HTTP/" and two digits around a dot.
bool is_version(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && octets::is_digit(text[5]) && text[6] == '.' &&
         octets::is_digit(text[7]);
}

// uri-host [":" port] (RFC 3986 §3.2), the part of it that names a host without percent-encoding.
bool is_host(std::string_view text) {
  std::size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    const std::string_view address = text.substr(1, end - 1);
    const auto fits = [](char c) { return octets::hex_value(c) >= 0 || c == ':' || c == '.'; };
    if (!std::all_of(address.begin(), address.end(), fits)) return false;
    ++end;
  } else {
    const auto fits = [](char c) {
      const auto byte = c;
      return octets::is_alpha(byte) || octets::is_digit(byte) || c == '-' || c == '.' || c == '_';
    };
    end = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), fits) - text.begin());
    if (end == 0) return false;
  }
  if (end == text.size()) return true;
  const std::string_view port = text.substr(end + 1);
  const auto digit = [](char c) { return octets::is_digit(c); };
  return text[end] == ':' && port.size() <= 5 && std::all_of(port.begin(), port.end(), digit);
}

}  // namespace

const std::string* HttpRequest::header(std::string_view name) const {
  const auto named = [name](const auto& field) { return field.first == name; };
  const auto found = std::find_if(headers.begin(), headers.end(), named);
  return found == headers.end() ? nullptr : &found->second;
}

bool RequestParser::keep_alive() const {
  if (now_.state == State::refused || now_.asks_close) return false;
  return !now_.http_1_0 || now_.asks_keep_alive;
}

HttpRequest RequestParser::take() {
  SETTLE_ASSERT(now_.state == State::complete);
  HttpRequest request = std::move(now_.request);
  now_ = Progress{};
  return request;
}

std::size_t RequestParser::consume(std::string_view bytes) {
  std::size_t taken = 0;
  if (now_.state == State::head) taken = consume_head(bytes);
  if (now_.state == State::body) {
    const std::string_view rest = bytes.substr(taken);
    taken += now_.chunked ? consume_chunked(rest) : consume_sized(rest);
  }
  return taken;
}

std::size_t RequestParser::consume_head(std::string_view bytes) {
  // Cutting at the limit keeps the verdict independent of how much came with one read.
  const std::string_view allowed = bytes.substr(0, limits_.header_bytes_max - now_.head_bytes);
  std::size_t taken = 0;
  while (taken < allowed.size() && now_.state == State::head) {
    if (now_.cr_seen) {
      if (allowed[taken] != '\n') {
        refuse("a CR of the header is not followed by LF");
        break;
      }
      ++taken;
      now_.cr_seen = false;
      take_line(std::exchange(now_.line, {}));
      continue;
    }

    const std::size_t begin = taken;
    while (taken < allowed.size() && octets::is_field_byte(allowed[taken])) ++taken;
    const std::string_view run = allowed.substr(begin, taken - begin);
    if (taken < allowed.size() && allowed[taken] != '\r') {
      refuse(allowed[taken] == '\n' ? "a line of the header ends with LF alone" : "the header has a control character");
      break;
    }
    // The usual case, a whole line in one read, is looked at where it lies.
    if (now_.line.empty() && allowed.substr(taken).starts_with("\r\n")) {
      taken += 2;
      take_line(run);
      continue;
    }
    now_.line.append(run);
    now_.cr_seen = taken < allowed.size();
    taken += now_.cr_seen ? 1 : 0;
  }
  now_.head_bytes += taken;
  if (now_.state == State::head && now_.head_bytes >= limits_.header_bytes_max) {
    refuse(431, ErrorCode::malformed_request,
           "the header is longer than " + std::to_string(limits_.header_bytes_max) + " bytes");
  }
  return taken;
}

void RequestParser::take_line(std::string_view line) {
  if (!line.empty()) return now_.request.method.empty() ? take_request_line(line) : take_field_line(line);
  if (!now_.request.method.empty()) return end_head();
  // RFC 9112 §2.2: one empty line before the request line is forgiven.
  if (now_.empty_line_skipped) return refuse("the request begins with empty lines");
  now_.empty_line_skipped = true;
}

void RequestParser::take_request_line(std::string_view line) {
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = method_end == std::string_view::npos ? method_end : line.find(' ', method_end + 1);
  if (target_end == std::string_view::npos) return refuse("the request line is not METHOD TARGET HTTP/1.1");

  const std::string_view method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::string_view version = line.substr(target_end + 1);
  if (!octets::is_token(method) || target.empty()) return refuse("the request line is not METHOD TARGET HTTP/1.1");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    if (!is_version(version)) return refuse("the request line does not end with HTTP/1.1");
    return refuse(505, ErrorCode::malformed_request, "this version of HTTP is not spoken here; use HTTP/1.1");
  }
  if (std::find(methods.begin(), methods.end(), method) == methods.end()) {
    return refuse(501, ErrorCode::method_not_allowed,
                  "the method is none of GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
  }
  now_.http_1_0 = version == "HTTP/1.0";
  now_.request.method = method;
  now_.target = target;
}

void RequestParser::take_field_line(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return refuse("a field is folded over several lines");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refuse("a line of the header has no colon");
  const std::string_view name = line.substr(0, colon);
  if (!octets::is_token(name))
    return refuse("a field name is empty, or has a space or another character that is not allowed in it");
  auto& headers = now_.request.headers;
  if (headers.size() == limits_.header_fields_max) {
    return refuse(431, ErrorCode::malformed_request,
                  "the header has more than " + std::to_string(limits_.header_fields_max) + " fields");
  }
  if (headers.empty()) headers.reserve(std::min<std::size_t>(limits_.header_fields_max, 12));
  const auto& field = headers.emplace_back(to_lower(name), octets::trimmed(line.substr(colon + 1)));
  take_known_field(field.first, field.second);
}

void RequestParser::take_known_field(std::string_view name, std::string_view value) {
  const auto single = std::find(single_fields.begin(), single_fields.end(), name);
  if (single != single_fields.end()) {
    const auto bit = static_cast<std::uint16_t>(1U << (single - single_fields.begin()));
    if ((now_.single_fields_seen & bit) != 0) return refuse("the field " + std::string(name) + " comes twice");
    now_.single_fields_seen |= bit;
  }

  if (name == "host") {
    if (!is_host(value)) return refuse("the field host is not a host name with an optional port");
    now_.host = value;
  } else if (name == "content-length") {
    take_content_length(value);
  } else if (name == "transfer-encoding") {
    // Only the one form that no reader takes for another: "Chunked" or "chunked, identity" are refused as well.
    if (value != "chunked") return refuse("the field transfer-encoding is not exactly \"chunked\"");
    if (now_.http_1_0) return refuse("the field transfer-encoding is not allowed in HTTP/1.0");
    now_.chunked = true;
  } else if (name == "content-encoding") {
    refuse(415, ErrorCode::unsupported_media_type,
           "compressed bodies are not accepted; send it without content-encoding");
  } else if (name == "expect") {
    take_expect(value);
  } else if (name == "connection") {
    octets::for_each_element(value, [this](std::string_view option) {
      if (octets::equals_ignoring_case(option, "close")) now_.asks_close = true;
      if (octets::equals_ignoring_case(option, "keep-alive")) now_.asks_keep_alive = true;
    });
  }
}

void RequestParser::take_content_length(std::string_view value) {
  const auto digit = [](char c) { return octets::is_digit(c); };
  if (value.empty() || value.size() > length_digits_max || !std::all_of(value.begin(), value.end(), digit)) {
    return refuse("the field content-length is not a decimal number");
  }
  std::uint64_t length = 0;
  for (const char c : value) length = length * 10 + static_cast<std::uint64_t>(c - '0');
  now_.content_length = length;
}

void RequestParser::take_expect(std::string_view value) {
  if (now_.http_1_0) return;  // RFC 9110 §10.1.1: to be ignored
  if (!octets::equals_ignoring_case(value, "100-continue")) {
    return refuse(417, ErrorCode::malformed_request, "the only expectation that is met is 100-continue");
  }
  now_.expects_continue = true;
}

void RequestParser::end_head() {
  if (!now_.http_1_0 && !now_.host) return refuse("the field host is missing");
  if (now_.chunked && now_.content_length) return refuse("transfer-encoding and content-length exclude each other");
  read_target();
  if (now_.state == State::refused) return;

  const std::uint64_t length = now_.content_length.value_or(0);
  if (length > limits_.body_bytes_max) return refuse_body_too_large();
  now_.request.body.reserve(std::min<std::size_t>(length, body_reserve_max));
  now_.state = now_.chunked || length > 0 ? State::body : State::complete;
}

void RequestParser::read_target() {
  if (now_.target == "*" && now_.request.method == "OPTIONS") {
    now_.request.path = "*";
    return;
  }
  Result<RequestTarget> target =
      parse_target(now_.target, now_.host ? std::string_view(*now_.host) : std::string_view());
  if (!target) return refuse(std::move(target.error().message));
  now_.request.path = std::move(target->path);
  now_.request.segments = std::move(target->segments);
  now_.request.query = std::move(target->query);
}

std::size_t RequestParser::consume_sized(std::string_view bytes) {
  const std::size_t missing = *now_.content_length - now_.request.body.size();
  const std::string_view part = bytes.substr(0, missing);
  now_.request.body.append(part);
  now_.body_wire_bytes += part.size();
  if (part.size() == missing) now_.state = State::complete;
  return part.size();
}

std::size_t RequestParser::consume_chunked(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && now_.state == State::body) {
    if (now_.chunk == Chunk::data) {
      taken += consume_chunk_data(bytes.substr(taken));
    } else {
      take_chunk_byte(bytes[taken]);
      ++taken;
    }
  }
  now_.body_wire_bytes += taken;
  return taken;
}

std::size_t RequestParser::consume_chunk_data(std::string_view bytes) {
  const std::string_view part = bytes.substr(0, now_.chunk_left);
  now_.request.body.append(part);
  now_.chunk_left -= part.size();
  if (now_.chunk_left == 0) now_.chunk = Chunk::data_cr;
  return part.size();
}

void RequestParser::take_chunk_byte(char c) {
  const auto expect = [&](char wanted, Chunk next, const char* otherwise) {
    if (c != wanted) return refuse(otherwise);
    now_.chunk = next;
  };
  switch (now_.chunk) {
    case Chunk::size: {
      const int digit = octets::hex_value(c);
      if (digit < 0) {
        if (now_.chunk_digits == 0) return refuse("a chunk has no size");
        return expect('\r', Chunk::size_lf, "a chunk size is followed by an extension or another character than CR");
      }
      if (++now_.chunk_digits > chunk_digits_max) return refuse("a chunk size has too many digits");
      now_.chunk_left = now_.chunk_left * 16 + static_cast<std::uint64_t>(digit);
      return;
    }
    case Chunk::size_lf:
      if (c != '\n') return refuse("the line of a chunk size does not end with CR LF");
      return begin_chunk();
    case Chunk::data_cr:
      return expect('\r', Chunk::data_lf, "a chunk is longer than its size");
    case Chunk::data_lf:
      now_.chunk_digits = 0;
      return expect('\n', Chunk::size, "a chunk does not end with CR LF");
    case Chunk::last_cr:
      return expect('\r', Chunk::last_lf, "trailers are not accepted");
    case Chunk::last_lf:
      if (c != '\n') return refuse("the body does not end with CR LF");
      now_.state = State::complete;
      return;
    case Chunk::data:
      break;
  }
  SETTLE_ASSERT(now_.chunk != Chunk::data);
}

void RequestParser::begin_chunk() {
  if (now_.chunk_left > limits_.body_bytes_max - now_.request.body.size()) return refuse_body_too_large();
  now_.chunk = now_.chunk_left == 0 ? Chunk::last_cr : Chunk::data;
}

void RequestParser::refuse(int status, ErrorCode code, std::string message) {
  now_.state = State::refused;
  now_.refusal = {status, fail(code, std::move(message))};
}

void RequestParser::refuse_body_too_large() {
  refuse(413, ErrorCode::payload_too_large,
         "the body is longer than " + std::to_string(limits_.body_bytes_max) + " bytes");
}

}  // namespace settle
