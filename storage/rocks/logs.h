#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace settle {

/// A write-ahead log that has a newer one beside it, so it no longer grows and all of it is durable. RocksDB replays
/// the logs that it finds and misses none; this is how Settle notices one that is gone or has lost its end.
struct LogMark {
  std::uint64_t number = 0;  ///< of the file, as in 000012.log
  std::uint64_t bytes = 0;

  bool operator==(const LogMark&) const = default;
};

inline constexpr std::size_t log_marks_max = 24;

/// The logs in the directory but the newest, oldest first; of more than `log_marks_max` the newest of them.
std::vector<LogMark> mark_logs(const std::string& directory);

/// Checks that the marked logs from `oldest_needed` on are there, as long as they were. Errors: data_missing.
Result<void> check_logs(const std::vector<LogMark>& marks, std::uint64_t oldest_needed, const std::string& directory);

}  // namespace settle
