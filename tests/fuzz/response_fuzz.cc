// Whatever a server says, and in whatever pieces: the parser stays within its limits, and the pieces make no
// difference.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "connectors/http/classify.h"
#include "connectors/http/response_parser.h"

namespace {

constexpr settle::ResponseLimits limits{.head_bytes_max = 1024, .fields_max = 16, .body_bytes_max = 4096};

struct Seen {
  bool complete;
  settle::ResponseParser::Fault fault;
  int status;
  std::string body;
  std::string retry_after;
  std::size_t taken;
  bool keep_alive;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen read(std::string_view bytes, bool head_request, std::size_t piece) {
  settle::ResponseParser parser(limits);
  parser.reset(head_request);
  std::size_t taken = 0;
  while (taken < bytes.size() && !parser.complete() && !parser.failed()) {
    const std::size_t count = std::min(piece, bytes.size() - taken);
    const std::size_t used = parser.feed(bytes.substr(taken, count));
    SETTLE_ASSERT(used <= count && (used == count || parser.complete() || parser.failed()));
    taken += used;
  }
  parser.end();
  SETTLE_ASSERT(parser.complete() || parser.failed());
  SETTLE_ASSERT(parser.body().size() <= limits.body_bytes_max);
  if (!parser.complete()) return {false, parser.fault(), 0, "", "", 0, false};
  SETTLE_ASSERT(parser.status() >= 200 && parser.status() <= 599);
  return {true,
          parser.fault(),
          parser.status(),
          std::string(parser.body()),
          std::string(parser.retry_after().value_or("")),
          taken,
          parser.keep_alive()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool head_request = (data[0] & 1) != 0;
  const std::size_t piece = 1 + data[1] % 37;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);

  const Seen whole = read(bytes, head_request, bytes.size() + 1);
  const Seen pieces = read(bytes, head_request, piece);
  SETTLE_ASSERT(whole.complete == pieces.complete);
  if (whole.complete) SETTLE_ASSERT(whole == pieces);

  if (whole.complete) {
    const settle::HttpAnswer answer{.status = whole.status, .body = whole.body, .retry_after = whole.retry_after};
    const settle::Outcome outcome =
        settle::classify(answer, (data[0] & 2) != 0, settle::Time(settle::Duration(data[0])));
    if (outcome.kind == settle::OutcomeClass::answered) SETTLE_ASSERT(whole.status < 300);
  }
  return 0;
}
