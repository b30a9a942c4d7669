#include "api/http/reply_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/http/octets.h"
#include "base/text.h"

namespace settle {
namespace {

constexpr std::size_t head_bytes_max = 64 * 1024;
constexpr int interim_max = 8;

Error not_http() {
  return fail(ErrorCode::unreachable, "the answer is not HTTP; is this the address of a Settle server?");
}
Error cut_off() {
  return fail(ErrorCode::unreachable, "the connection ended in the middle of the answer");
}

// Null when `text` is not wholly a number of this base.
std::optional<std::uint64_t> parse_number(std::string_view text, int base) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<HttpReply> ReplyReader::read_head() {
  for (int i = 0; i < interim_max; ++i) {
    Result<HttpReply> head = read_one_head();
    if (!head || head->status >= 200) return head;
  }
  return not_http();
}

Result<HttpReply> ReplyReader::read_one_head() {
  Result<std::string> line = read_line();
  if (!line) return std::move(line.error());
  // HTTP/1.1 SP 3DIGIT [SP reason]
  const bool fits = line->size() >= 12 && line->starts_with("HTTP/1.") && (*line)[8] == ' ' &&
                    (line->size() == 12 || (*line)[12] == ' ');
  const auto status = fits ? parse_number(std::string_view(*line).substr(9, 3), 10) : std::nullopt;
  if (!status || *status < 100) return not_http();

  HttpReply reply;
  reply.status = static_cast<int>(*status);
  while (true) {
    line = read_line();
    if (!line) return std::move(line.error());
    if (line->empty()) return reply;
    const std::size_t colon = line->find(':');
    if (colon == std::string::npos || !octets::is_token(std::string_view(*line).substr(0, colon))) return not_http();
    reply.headers.emplace_back(to_lower(line->substr(0, colon)),
                               octets::trimmed(std::string_view(*line).substr(colon + 1)));
  }
}

// A line of the header or of the chunked framing, without its end.
Result<std::string> ReplyReader::read_line() {
  std::string line;
  while (true) {
    const std::size_t end = ready_.find('\n');
    line.append(ready_.substr(0, end));
    head_bytes_ += std::min(end, ready_.size());
    if (head_bytes_ > head_bytes_max)
      return fail(ErrorCode::payload_too_large, "the header of the answer is too large");
    if (end != std::string_view::npos) {
      ready_.remove_prefix(end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    Result<bool> more = fill();
    if (!more) return std::move(more.error());
    if (!*more) return cut_off();
  }
}

// False at the end of the connection.
Result<bool> ReplyReader::fill() {
  ready_ = {};
  Result<std::size_t> bytes = wire_.read(buffer_.data(), buffer_.size(), deadline_);
  if (!bytes) return std::move(bytes.error());
  ready_ = std::string_view(buffer_.data(), *bytes);
  return *bytes > 0;
}

Result<void> ReplyReader::read_body(const HttpReply& head, bool head_only, const Sink& sink) {
  if (head_only || head.status == 204 || head.status == 304) return {};
  if (const std::string* coding = head.header("transfer-encoding")) {
    if (!octets::equals_ignoring_case(*coding, "chunked")) return not_http();
    return read_chunks(sink);
  }
  const std::string* length = head.header("content-length");
  if (length == nullptr) return read_to_end(sink);
  const auto bytes = parse_number(*length, 10);
  if (!bytes) return not_http();
  Result<bool> passed = pass_on(*bytes, sink);
  return passed ? Result<void>() : Result<void>(std::move(passed.error()));
}

// Gives exactly `bytes` to the sink; false when that wants no more.
Result<bool> ReplyReader::pass_on(std::uint64_t bytes, const Sink& sink) {
  while (bytes > 0) {
    if (ready_.empty()) {
      Result<bool> more = fill();
      if (!more) return more;
      if (!*more) return cut_off();
    }
    const std::string_view part = ready_.substr(0, bytes);
    ready_.remove_prefix(part.size());
    bytes -= part.size();
    Result<bool> goes_on = sink(part);
    if (!goes_on || !*goes_on) return goes_on;
  }
  return true;
}

Result<void> ReplyReader::read_chunks(const Sink& sink) {
  while (true) {
    head_bytes_ = 0;
    Result<std::string> line = read_line();
    if (!line) return std::move(line.error());
    const std::string_view text = *line;
    const auto size = parse_number(octets::trimmed(text.substr(0, text.find(';'))), 16);
    if (!size) return not_http();
    if (*size == 0) break;

    Result<bool> passed = pass_on(*size, sink);
    if (!passed) return std::move(passed.error());
    if (!*passed) return {};
    line = read_line();
    if (!line) return std::move(line.error());
    if (!line->empty()) return not_http();
  }
  while (true) {  // trailers
    Result<std::string> line = read_line();
    if (!line) return std::move(line.error());
    if (line->empty()) return {};
  }
}

Result<void> ReplyReader::read_to_end(const Sink& sink) {
  while (true) {
    if (!ready_.empty()) {
      Result<bool> goes_on = sink(ready_);
      if (!goes_on) return std::move(goes_on.error());
      if (!*goes_on) return {};
    }
    Result<bool> more = fill();
    if (!more) return std::move(more.error());
    if (!*more) return {};
  }
}

}  // namespace settle
