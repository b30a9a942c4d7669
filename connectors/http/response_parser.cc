#include "connectors/http/response_parser.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "connectors/http/text.h"

namespace settle {

using namespace http_text;
namespace {

/// A buffer larger than this is given back after the response that needed it.
constexpr std::size_t kept_bytes_max = 256 * 1024;

/// Decimal digits and nothing else; null when it is not that or does not fit.
std::optional<std::uint64_t> parse_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || text.front() == '-' || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

}  // namespace

void ResponseParser::reset(bool head_request) {
  state_ = State::status_line;
  fault_ = Fault::none;
  head_request_ = head_request;
  started_ = head_done_ = false;
  head_bytes_ = 0;
  line_.clear();
  body_.clear();
  if (body_.capacity() > kept_bytes_max) body_.shrink_to_fit();
  forget_fields();
}

void ResponseParser::forget_fields() {
  http_1_0_ = closing_ = chunked_ = false;
  persistent_ = true;
  status_ = 0;
  fields_ = 0;
  left_ = 0;
  content_length_.reset();
  retry_after_seen_ = retry_after_differs_ = false;
  retry_after_.clear();
}

std::optional<std::string_view> ResponseParser::retry_after() const {
  if (!retry_after_seen_ || retry_after_differs_) return std::nullopt;
  return retry_after_;
}

void ResponseParser::fail(Fault fault) {
  state_ = State::failed;
  fault_ = fault;
}

std::size_t ResponseParser::feed(std::string_view bytes) {
  const std::size_t given = bytes.size();
  if (given > 0 && !complete() && !failed()) started_ = true;
  std::string_view line;
  while (!bytes.empty() && !complete() && !failed()) {
    switch (state_) {
      case State::status_line:
      case State::fields:
      case State::chunk_size:
      case State::trailers:
        if (!take_line(bytes, line)) break;
        on_line(line);
        line_.clear();
        break;
      case State::fixed_body:
      case State::body_until_close:
      case State::chunk_data:
        take_body(bytes);
        break;
      case State::chunk_cr:
      case State::chunk_lf: {
        const bool cr = state_ == State::chunk_cr;
        if (bytes.front() != (cr ? '\r' : '\n')) return fail(Fault::malformed), given - bytes.size();
        bytes.remove_prefix(1);
        state_ = cr ? State::chunk_lf : State::chunk_size;
        break;
      }
      case State::complete:
      case State::failed:
        break;
    }
  }
  return given - bytes.size();
}

/// Moves one whole line, without its CR LF, from `bytes` to `line`; keeps an unfinished one for the next bytes and
/// returns false. A line feed alone never ends a line: servers and proxies disagree on it, and a strict reader does not
/// guess.
bool ResponseParser::take_line(std::string_view& bytes, std::string_view& line) {
  const std::size_t at = bytes.find('\n');
  const std::size_t taken = at == std::string_view::npos ? bytes.size() : at + 1;
  const bool counted =
      state_ != State::chunk_size;  // the digits of chunk sizes are part of the body's cost, not of the head's
  if (counted) head_bytes_ += taken;
  if (head_bytes_ > limits_.head_bytes_max || line_.size() + taken > limits_.head_bytes_max)
    return fail(Fault::too_large), false;

  if (at == std::string_view::npos) {
    line_.append(bytes);
    bytes = {};
    // What does not begin like HTTP is told at once, instead of waiting for a line end that may never come.
    constexpr std::string_view prefix = "HTTP/1.";
    if (state_ == State::status_line && line_.compare(0, prefix.size(), prefix.substr(0, line_.size())) != 0)
      fail(Fault::malformed);
    return false;
  }
  if (line_.empty()) {
    line = bytes.substr(0, taken);
  } else {
    line_.append(bytes.substr(0, taken));
    line = line_;
  }
  bytes.remove_prefix(taken);
  if (line.size() < 2 || line[line.size() - 2] != '\r') return fail(Fault::malformed), false;
  line.remove_suffix(2);
  return true;
}

void ResponseParser::take_body(std::string_view& bytes) {
  const bool counted = state_ != State::body_until_close;
  const std::size_t count =
      counted ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())) : bytes.size();
  if (count > limits_.body_bytes_max - body_.size()) return fail(Fault::too_large);
  body_.append(bytes.substr(0, count));
  bytes.remove_prefix(count);
  if (!counted) return;
  left_ -= count;
  if (left_ == 0) state_ = state_ == State::fixed_body ? State::complete : State::chunk_cr;
}

void ResponseParser::on_line(std::string_view line) {
  if (state_ == State::status_line) return on_status_line(line);
  if (state_ == State::chunk_size) return on_chunk_size(line);
  if (!line.empty()) return on_field(line);
  if (state_ == State::trailers) {
    state_ = State::complete;
  } else {
    on_head_end();
  }
}

/// "HTTP/1.1 200 OK". The blank after the status is missing at some servers that send no reason; that much is let pass.
void ResponseParser::on_status_line(std::string_view line) {
  forget_fields();
  const bool version = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  if (!version || line.size() < 12 || (line.size() > 12 && line[12] != ' ') || !is_field_value(line))
    return fail(Fault::malformed);
  const std::optional<std::uint64_t> status = parse_number(line.substr(9, 3), 10);
  if (!status || *status < 100 || *status > 599) return fail(Fault::malformed);
  status_ = static_cast<int>(*status);
  http_1_0_ = line[7] == '0';
  persistent_ = !http_1_0_;
  state_ = State::fields;
}

void ResponseParser::on_field(std::string_view line) {
  if (++fields_ > limits_.fields_max) return fail(Fault::too_large);
  // A line that begins with a blank continues the one before (obs-fold); its name is no token, so that it fails here
  // too.
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return fail(Fault::malformed);
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  if (!is_field_value(value)) return fail(Fault::malformed);
  on_framing_field(line.substr(0, colon), value);
}

void ResponseParser::on_framing_field(std::string_view name, std::string_view value) {
  const bool length = equals_ignoring_case(name, "content-length");
  const bool encoding = equals_ignoring_case(name, "transfer-encoding");
  if (state_ == State::trailers) {
    if (length || encoding) fail(Fault::malformed);
  } else if (length) {
    on_content_length(value);
  } else if (encoding) {
    if (chunked_ || !equals_ignoring_case(value, "chunked")) return fail(Fault::malformed);
    chunked_ = true;
  } else if (equals_ignoring_case(name, "connection")) {
    on_connection(value);
  } else if (equals_ignoring_case(name, "retry-after")) {
    retry_after_differs_ = retry_after_differs_ || (retry_after_seen_ && retry_after_ != value);
    retry_after_seen_ = true;
    retry_after_ = value;
  }
}

/// One number, or the same one several times ("5, 5"), as RFC 9110 §8.6 permits.
void ResponseParser::on_content_length(std::string_view value) {
  while (true) {
    const std::size_t comma = value.find(',');
    const std::optional<std::uint64_t> length = parse_number(trim_blanks(value.substr(0, comma)), 10);
    if (!length || (content_length_ && *content_length_ != *length)) return fail(Fault::malformed);
    content_length_ = length;
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

void ResponseParser::on_connection(std::string_view value) {
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view option = trim_blanks(value.substr(0, comma));
    if (equals_ignoring_case(option, "close")) closing_ = true;
    if (equals_ignoring_case(option, "keep-alive")) persistent_ = true;
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

/// RFC 9112 §6.3, less its leniency.
void ResponseParser::on_head_end() {
  if (chunked_ && (content_length_ || http_1_0_)) return fail(Fault::malformed);
  if (status_ == 101) return fail(Fault::malformed);  // nobody asked for another protocol
  if (status_ < 200) {
    state_ = State::status_line;
    return;
  }
  head_done_ = true;
  if (head_request_ || status_ == 204 || status_ == 304) {
    state_ = State::complete;
  } else if (chunked_) {
    state_ = State::chunk_size;
  } else if (content_length_) {
    if (*content_length_ > limits_.body_bytes_max) return fail(Fault::too_large);
    left_ = *content_length_;
    state_ = left_ == 0 ? State::complete : State::fixed_body;
  } else {
    closing_ = true;
    state_ = State::body_until_close;
  }
}

void ResponseParser::on_chunk_size(std::string_view line) {
  const std::size_t digits_end = std::min(line.find_first_of("; \t"), line.size());
  const std::string_view extension = line.substr(digits_end);
  head_bytes_ += extension.size();
  if (head_bytes_ > limits_.head_bytes_max) return fail(Fault::too_large);
  if (!trim_blanks(extension).empty() && trim_blanks(extension).front() != ';') return fail(Fault::malformed);
  if (digits_end > 16 || !is_field_value(extension)) return fail(Fault::malformed);
  const std::optional<std::uint64_t> size = parse_number(line.substr(0, digits_end), 16);
  if (!size) return fail(Fault::malformed);
  if (*size > limits_.body_bytes_max - body_.size()) return fail(Fault::too_large);
  left_ = *size;
  state_ = left_ == 0 ? State::trailers : State::chunk_data;
}

void ResponseParser::end() {
  if (complete() || failed()) return;
  if (state_ == State::body_until_close) {
    state_ = State::complete;
  } else {
    fail(Fault::truncated);
  }
}

}  // namespace settle
