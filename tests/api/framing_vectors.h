#pragma once

#include <string>
#include <vector>

namespace settle::test {

/// Bytes as they come over one connection, and what they must bring: 200 for each request that reaches the handler, the
/// status of a refusal (nothing follows it), `waits` when the last request is not complete.
struct FramingVector {
  const char* name;
  std::string bytes;
  std::vector<int> want;
};

constexpr int waits = 0;

/// Limits that the vectors assume: header 8 KiB and 64 fields, body 64 KiB.
const std::vector<FramingVector>& framing_vectors();

}  // namespace settle::test
