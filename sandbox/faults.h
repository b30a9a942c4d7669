#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "sandbox/records.h"

namespace settle {

/// What can go wrong on request. The order is that of fault_names().
enum class FaultKind : std::uint8_t {
  drop_before,  ///< connection cut, no effect
  drop_after,   ///< effect, then connection cut
  e500_before,  ///< 500, no effect
  e500_after,   ///< effect, then 500
  truncate,     ///< effect, then half an answer
  malformed,    ///< effect, then a complete answer that is no JSON
  delay,        ///< effect, then the answer after the delay
  r429,         ///< 429 with Retry-After, no effect
  r503,         ///< 503 with Retry-After, no effect
  lie,          ///< answers success, no effect
  partial,      ///< answers success, half of the effect
  late,         ///< connection cut, the effect comes after the delay
};

const std::vector<std::string_view>& fault_names();
std::string_view name_of(FaultKind kind);

/// One armed fault. It meets the requests from the nth matching one on, `times` of them.
struct Fault {
  std::int64_t id = 0;
  FaultKind kind = FaultKind::drop_before;
  std::string method;       ///< empty: any
  std::string path_prefix;  ///< empty: any
  std::int64_t nth = 1;
  std::int64_t times = 1;
  Duration delay{1'000};
  std::int64_t seen = 0;  ///< matching requests so far

  bool matches(const SandboxRequest& request) const;
  /// It meets the next matching request.
  bool is_due() const { return seen + 1 >= nth && seen + 1 < nth + times; }
  bool is_spent() const { return seen + 1 >= nth + times; }
  Json document() const;
};

/// Reads the body of POST /_sandbox/faults. Errors: invalid_argument, the message says what would be accepted.
Result<Fault> read_fault(const Json& document);

}  // namespace settle
