#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "storage/store.h"

namespace settle {

struct ReadOnlyOptions {
  /// Shows a store that lacks acknowledged commits, or that has no floor to tell: what remains, for repair.
  bool accept_missing = false;
};

/// A view of a store as it was when opened. Takes no lock and writes nothing, so the engine may run or not. It may show
/// the last commits of a running engine before they are acknowledged. Readers must not outlive it. Thread: any.
class ReadOnlyStore {
 public:
  virtual ~ReadOnlyStore() = default;
  virtual std::unique_ptr<Reader> snapshot() const = 0;
  virtual std::uint64_t ledger_size() const = 0;
  virtual std::uint32_t partitions() const = 0;
  virtual std::uint64_t last_group() const = 0;
};

/// Opens the store of a stopped or running engine to look at it.
/// Errors: not_found (no store there), newer_format, data_missing, corruption, io_error.
Result<std::unique_ptr<ReadOnlyStore>> open_read_only(const std::string& directory, ReadOnlyOptions options = {});

}  // namespace settle
