#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace settle {
namespace {

/// Whatever the reader accepts must survive every writer, and its canonical bytes must be a fixed point.
void check_round_trip(const Json& value) {
  JsonLimits limits;
  limits.bytes_max = 100'000'000;
  limits.numbers = JsonNumbers::exact;
  const std::string bytes = canonical(value);
  const Result<Json> back = read_json(bytes, limits);
  SETTLE_ASSERT(back && *back == value);
  SETTLE_ASSERT(canonical(*back) == bytes);
  const Result<Json> indented = read_json(write_json(value, 1), limits);
  SETTLE_ASSERT(indented && *indented == value);
}

}  // namespace
}  // namespace settle

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace settle;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  JsonLimits limits;
  limits.nodes_max = 5000;
  const Result<Json> strict = read_json(text, limits);
  if (strict) check_round_trip(*strict);
  if (!strict) {
    // Problems go out as JSON: whatever the input was, they must be UTF-8.
    SETTLE_ASSERT(strict.error().problems.size() == 1);
    const Problem& problem = strict.error().problems.front();
    const Json report(Json::Array{problem.pointer, problem.expected, problem.got, problem.message});
    JsonLimits wide;
    wide.bytes_max = 100'000'000;
    SETTLE_ASSERT(read_json(canonical(report), wide));
  }
  limits.numbers = JsonNumbers::exact;
  const Result<Json> exact = read_json(text, limits);
  if (exact) check_round_trip(*exact);
  return 0;
}
