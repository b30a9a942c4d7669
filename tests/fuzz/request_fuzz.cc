// The request parser over any bytes, whole and in pieces of a size that the input chooses: the verdicts must agree, and
// whatever it accepts must keep the promises of HttpRequest.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/request_parser.h"

namespace {

using settle::HttpRequest;
using settle::RequestParser;

void check_promises(const HttpRequest& request, const settle::HttpLimits& limits) {
  SETTLE_ASSERT(request.path == "*" || request.path.starts_with('/'));
  SETTLE_ASSERT(request.path.find('\0') == std::string::npos && request.path.find("//") == std::string::npos);
  SETTLE_ASSERT(request.path.find("/../") == std::string::npos && !request.path.ends_with("/.."));
  SETTLE_ASSERT(request.body.size() <= limits.body_bytes_max && request.headers.size() <= limits.header_fields_max);
}

// One line for each request: its parts, or the status of the refusal.
std::string read(std::string_view bytes, std::size_t piece_bytes) {
  settle::HttpLimits limits;
  limits.header_bytes_max = 512;
  limits.header_fields_max = 8;
  limits.body_bytes_max = 256;
  RequestParser parser(limits);
  std::string out;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, piece_bytes);
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      piece.remove_prefix(parser.consume(piece));
      if (parser.state() == RequestParser::State::refused) {
        return out + std::to_string(parser.refusal().status) + parser.refusal().error.message;
      }
      if (parser.state() != RequestParser::State::complete) {
        SETTLE_ASSERT(piece.empty());
        break;
      }
      const HttpRequest request = parser.take();
      check_promises(request, limits);
      out += request.method + request.path + request.body + std::to_string(request.headers.size()) + "\n";
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = read(bytes, bytes.size());
  SETTLE_ASSERT(read(bytes, 1) == whole);
  SETTLE_ASSERT(read(bytes, 2 + data[0]) == whole);
  return 0;
}
