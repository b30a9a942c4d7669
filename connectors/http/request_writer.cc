#include "connectors/http/request_writer.h"

#include <algorithm>
#include <array>

#include "connectors/http/text.h"

namespace settle {

using namespace http_text;
namespace {

constexpr std::array<std::string_view, 7> methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};

/// Accept-Encoding is among them since no answer is decompressed; Expect since nobody waits for 100 Continue.
constexpr std::array<std::string_view, 12> connector_fields = {
    "host", "content-length", "transfer-encoding", "connection",       "accept-encoding", "expect", "keep-alive",
    "te",   "trailer",        "upgrade",           "proxy-connection", "http2-settings"};

bool has_field(const Call& call, std::string_view name) {
  for (const auto& [field, value] : call.headers) {
    if (equals_ignoring_case(field, name)) return true;
  }
  return false;
}

/// A method whose request has a body by nature says Content-Length even when that is 0 (RFC 9110 §8.6).
bool says_length(const Call& call) {
  return call.body || (call.method != "GET" && call.method != "HEAD" && call.method != "OPTIONS");
}

}  // namespace

bool is_connector_field(std::string_view name) {
  return std::any_of(connector_fields.begin(), connector_fields.end(),
                     [name](std::string_view own) { return equals_ignoring_case(own, name); });
}

std::string_view refuse_request(const Call& call, const Credential* credential) {
  if (std::find(methods.begin(), methods.end(), call.method) == methods.end()) {
    return "the method is none of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS";
  }
  if (call.body && call.body->size() > request_body_bytes_max) return "the body is larger than 8 MiB";
  if (call.headers.size() > request_fields_max) return "more than 64 header fields";
  std::size_t bytes = 0;
  for (const auto& [name, value] : call.headers) {
    if (!is_token(name)) return "the name of a header field holds characters that HTTP does not allow";
    if (!is_field_value(value)) return "the value of a header field holds control characters";
    if (is_connector_field(name)) return "a header field is one that only the connector may write";
    if (credential != nullptr && equals_ignoring_case(name, credential->header_name()))
      return "a header field is the credential's own";
    bytes += name.size() + value.size() + 4;
  }
  if (bytes > request_fields_bytes_max) return "header fields of more than 16 KiB";
  return {};
}

void write_request(const Call& call, const Origin& origin, std::string_view target, const Credential* credential,
                   std::string& out) {
  std::size_t bytes = 256 + call.method.size() + target.size() + origin.host_header.size();
  for (const auto& [name, value] : call.headers) bytes += name.size() + value.size() + 4;
  if (credential != nullptr) bytes += credential->field_bytes();
  if (call.body) bytes += call.body->size();
  out.clear();
  out.reserve(bytes);

  out.append(call.method).append(" ");
  if (!target.starts_with('/')) out.append("/");
  out.append(target).append(" HTTP/1.1\r\nHost: ").append(origin.host_header).append("\r\n");
  if (!has_field(call, "user-agent")) out.append("User-Agent: settle/0.1\r\n");
  if (!has_field(call, "accept")) out.append("Accept: application/json\r\n");
  if (call.body && !has_field(call, "content-type")) out.append("Content-Type: application/json\r\n");
  if (says_length(call)) {
    out.append("Content-Length: ").append(std::to_string(call.body ? call.body->size() : 0)).append("\r\n");
  }
  for (const auto& [name, value] : call.headers) out.append(name).append(": ").append(value).append("\r\n");
  if (credential != nullptr) credential->append_field(out);
  out.append("\r\n");
  if (call.body) out.append(*call.body);
}

}  // namespace settle
