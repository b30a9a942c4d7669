#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace settle {
namespace {

/// The code units of a name in UTF-16, big-endian, so that their order as text is the order that RFC 8785 asks for.
std::string utf16(const std::string& name) {
  std::string out;
  const auto put = [&](std::uint32_t unit) {
    out.append(1, static_cast<char>(unit >> 8)).append(1, static_cast<char>(unit));
  };
  for (std::size_t at = 0; at < name.size();) {
    const auto byte = [&](std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(name[at + i]));
    };
    const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
    std::uint32_t code = length == 1 ? byte(0) : byte(0) & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3F);
    if (code >= 0x10000) put(0xD800 + ((code - 0x10000) >> 10));
    put(code >= 0x10000 ? 0xDC00 + (code & 0x3FF) : code);
    at += length;
  }
  return out;
}

/// The names of a canonical document, at every depth, stand in the order of their UTF-16 code units.
void check_order(const Json& value) {
  if (value.is_array()) {
    for (const Json& element : value.as_array()) check_order(element);
  }
  if (!value.is_object()) return;
  const Json::Object& members = value.as_object();
  for (std::size_t i = 0; i < members.size(); ++i) {
    SETTLE_ASSERT(i == 0 || utf16(members[i - 1].name) < utf16(members[i].name));
    check_order(members[i].value);
  }
}

/// Whatever the reader accepts must survive every writer, and its canonical bytes must be a fixed point.
void check_round_trip(const Json& value) {
  JsonLimits limits;
  limits.bytes_max = 100'000'000;
  limits.numbers = JsonNumbers::exact;
  const std::string bytes = canonical(value);
  const Result<Json> back = read_json(bytes, limits);
  SETTLE_ASSERT(back && *back == value);
  SETTLE_ASSERT(canonical(*back) == bytes);
  check_order(*back);
  const Result<Json> indented = read_json(write_json(value, 1), limits);
  SETTLE_ASSERT(indented && *indented == value);
  SETTLE_ASSERT(canonical(*indented) == bytes);
  const Result<Json> plain = read_json(write_json(value), limits);
  SETTLE_ASSERT(plain && write_json(*plain) == write_json(value));
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
