#include "api/http/response_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "api/http/octets.h"

namespace settle {
namespace {

// RFC 9110 §15, those that Settle or a tool of the sandbox answers.
std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 425:
      return "Too Early";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

constexpr std::array<std::string_view, 7> own_fields = {"content-length", "transfer-encoding", "connection",
                                                        "date",           "request-id",        "x-content-type-options",
                                                        "content-type"};

bool is_own(std::string_view name) {
  const auto same = [name](std::string_view own) { return octets::equals_ignoring_case(own, name); };
  return std::any_of(own_fields.begin(), own_fields.end(), same);
}

void append_number(std::size_t number, std::string& out) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_field(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_framing(const HttpResponse& response, const HeadOptions& options, std::string& out) {
  if (!status_has_body(response.status)) return;
  if (options.framing == BodyFraming::chunked) append_field("Transfer-Encoding", "chunked", out);
  if (options.framing != BodyFraming::length) return;
  out.append("Content-Length: ");
  append_number(response.body.size(), out);
  out.append("\r\n");
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), octets::is_field_byte);
}

}  // namespace

const std::string& DateField::now() {
  const std::time_t second = std::time(nullptr);
  if (second == second_) return text_;
  second_ = second;
  // Not strftime: the names of days and months must not follow the locale.
  constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  gmtime_r(&second, &utc);
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                   days.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                                   months.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour,
                                   utc.tm_min, utc.tm_sec);
  text_.assign(text.data(), static_cast<std::size_t>(length));
  return text_;
}

std::string write_response_head(const HttpResponse& response, const HeadOptions& options) {
  std::string out;
  out.reserve(512);
  out.append("HTTP/1.1 ");
  append_number(static_cast<std::size_t>(response.status), out);
  out.append(" ").append(reason_of(response.status)).append("\r\n");
  if (!response.content_type.empty() && status_has_body(response.status))
    append_field("Content-Type", response.content_type, out);
  append_framing(response, options, out);
  append_field("Date", options.date, out);
  append_field("Request-Id", options.request_id, out);
  out.append("X-Content-Type-Options: nosniff\r\n");
  for (const auto& [name, value] : response.headers) {
    if (!is_own(name)) append_field(name, value, out);
  }
  if (!options.keep_alive) {
    out.append("Connection: close\r\n");
  } else if (options.http_1_0) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
  return out;
}

bool status_has_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

bool is_sendable(const HttpResponse& response) {
  const auto fits = [](const auto& field) { return octets::is_token(field.first) && is_value(field.second); };
  return response.status >= 200 && response.status <= 599 && is_value(response.content_type) &&
         std::all_of(response.headers.begin(), response.headers.end(), fits);
}

bool asks_close(const HttpResponse& response) {
  const auto closes = [](const auto& field) {
    return octets::equals_ignoring_case(field.first, "connection") &&
           octets::equals_ignoring_case(field.second, "close");
  };
  return std::any_of(response.headers.begin(), response.headers.end(), closes);
}

}  // namespace settle
