#include "api/http/client.h"

#include <algorithm>

#include "api/http/octets.h"
#include "api/http/reply_reader.h"
#include "api/http/wire.h"

namespace settle {
namespace {

constexpr std::size_t reply_bytes_max = 64U << 20;
constexpr std::size_t line_bytes_max = 4U << 20;
// A live feed of Settle writes at least a comment every 15 s.
constexpr Duration stream_silence_max{60'000};

// Adds where and what to do to an error of the wire.
Error at_address(Error error, const std::string& base_url) {
  if (error.code != ErrorCode::unreachable) return error;
  error.message = "no answer from the Settle server at " + base_url + ": " + error.message +
                  "; start one with \"settle serve\", or correct the address";
  return error;
}

Result<void> check_text(std::string_view what, std::string_view value) {
  if (std::all_of(value.begin(), value.end(), octets::is_field_byte)) return {};
  return fail(ErrorCode::invalid_argument, "the " + std::string(what) + " has a control character");
}

Result<std::string> write_request(const ServerAddress& address, std::string_view token, std::string_view method,
                                  std::string_view path, const std::optional<std::string>& body,
                                  const HttpClient::Headers& headers) {
  const bool visible = std::all_of(path.begin(), path.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!path.starts_with('/') || !visible) {
    return fail(ErrorCode::invalid_argument,
                "the path \"" + std::string(path) + "\" must begin with / and be percent-encoded");
  }
  if (!octets::is_token(method))
    return fail(ErrorCode::invalid_argument, "\"" + std::string(method) + "\" is no method");
  if (Result<void> fits = check_text("token", token); !fits) return std::move(fits.error());

  std::string out = std::string(method) + " " + address.prefix + std::string(path) + " HTTP/1.1\r\n";
  out += "Host: " + address.authority + "\r\nUser-Agent: settle\r\nConnection: close\r\n";
  if (!token.empty()) out += "Authorization: Bearer " + std::string(token) + "\r\n";
  bool typed = false;
  for (const auto& [name, value] : headers) {
    if (!octets::is_token(name)) return fail(ErrorCode::invalid_argument, "\"" + name + "\" is no header name");
    if (Result<void> fits = check_text("header " + name, value); !fits) return std::move(fits.error());
    typed = typed || octets::equals_ignoring_case(name, "content-type");
    out += name + ": " + value + "\r\n";
  }
  if (body) {
    if (!typed) out += "Content-Type: application/json\r\n";
    out += "Content-Length: " + std::to_string(body->size()) + "\r\n";
  } else if (method != "GET" && method != "HEAD") {
    out += "Content-Length: 0\r\n";
  }
  out += "\r\n";
  if (body) out += *body;
  return out;
}

// Connects, sends and reads up to the end of the header.
Result<HttpReply> exchange_heads(Wire& wire, ReplyReader& reader, const ServerAddress& address,
                                 const std::string& request, Wire::Deadline deadline) {
  if (Result<void> opened = wire.open(address, deadline); !opened) return std::move(opened.error());
  Result<void> written = wire.write(request, deadline);
  // A server that refuses a body may answer and close before it has read it: its answer says more than the broken pipe.
  reader.set_deadline(deadline);
  Result<HttpReply> head = reader.read_head();
  if (!head && !written) return std::move(written.error());
  return head;
}

Result<void> read_whole_body(ReplyReader& reader, bool head_only, HttpReply& reply) {
  std::string body;
  Result<void> done = reader.read_body(reply, head_only, [&body](std::string_view part) -> Result<bool> {
    if (body.size() + part.size() > reply_bytes_max)
      return fail(ErrorCode::payload_too_large, "the answer is too large");
    body.append(part);
    return true;
  });
  reply.body = std::move(body);
  return done;
}

/// Cuts a stream into lines, which end with LF or CR LF.
class LineCutter {
 public:
  explicit LineCutter(const std::function<bool(std::string_view)>& on_line) : on_line_(on_line) {}

  Result<bool> take(std::string_view part) {
    while (!part.empty()) {
      const std::size_t end = part.find('\n');
      line_.append(part.substr(0, end));
      if (line_.size() > line_bytes_max) return fail(ErrorCode::payload_too_large, "a line of the stream is too large");
      if (end == std::string_view::npos) break;
      part.remove_prefix(end + 1);
      if (line_.ends_with('\r')) line_.pop_back();
      const bool goes_on = on_line_(line_);
      line_.clear();
      if (!goes_on) return false;
    }
    return true;
  }

 private:
  const std::function<bool(std::string_view)>& on_line_;
  std::string line_;
};

}  // namespace

const std::string* HttpReply::header(std::string_view name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [name](const auto& field) { return field.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

HttpClient::HttpClient(std::string base_url, std::string token, Duration timeout, ClientTrust trust)
    : base_url_(std::move(base_url)), token_(std::move(token)), timeout_(timeout), trust_(std::move(trust)) {}

Result<HttpReply> HttpClient::call(std::string_view method, std::string_view path_and_query,
                                   const std::optional<std::string>& body, const Headers& headers) {
  Result<ServerAddress> address = parse_base_url(base_url_);
  if (!address) return std::move(address.error());
  Result<std::string> request = write_request(*address, token_, method, path_and_query, body, headers);
  if (!request) return std::move(request.error());

  Wire wire(trust_);
  ReplyReader reader(wire);
  const auto deadline = std::chrono::steady_clock::now() + timeout_;
  Result<HttpReply> reply = exchange_heads(wire, reader, *address, *request, deadline);
  if (!reply) return at_address(std::move(reply.error()), base_url_);
  Result<void> read = read_whole_body(reader, method == "HEAD", *reply);
  if (!read) return at_address(std::move(read.error()), base_url_);
  return reply;
}

Result<HttpReply> HttpClient::stream(std::string_view path_and_query, const Headers& headers,
                                     const std::function<bool(std::string_view)>& on_line) {
  Result<ServerAddress> address = parse_base_url(base_url_);
  if (!address) return std::move(address.error());
  Result<std::string> request = write_request(*address, token_, "GET", path_and_query, std::nullopt, headers);
  if (!request) return std::move(request.error());

  Wire wire(trust_);
  ReplyReader reader(wire);
  const auto deadline = std::chrono::steady_clock::now() + timeout_;
  Result<HttpReply> reply = exchange_heads(wire, reader, *address, *request, deadline);
  if (!reply) return at_address(std::move(reply.error()), base_url_);
  if (reply->status < 200 || reply->status >= 300) {
    Result<void> read = read_whole_body(reader, false, *reply);
    if (!read) return at_address(std::move(read.error()), base_url_);
    return reply;
  }

  LineCutter lines(on_line);
  const Duration silence = std::max(timeout_, stream_silence_max);
  reader.set_deadline(std::chrono::steady_clock::now() + silence);
  Result<void> read = reader.read_body(*reply, false, [&](std::string_view part) {
    reader.set_deadline(std::chrono::steady_clock::now() + silence);
    return lines.take(part);
  });
  if (!read) return at_address(std::move(read.error()), base_url_);
  return reply;
}

}  // namespace settle
