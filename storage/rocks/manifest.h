#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace settle {

/// How far RocksDB's manifest, the list of its table files, was known to be durable. RocksDB reads a manifest that lost
/// its end without complaint, and without the tables that were named there; this is how Settle notices.
struct ManifestMark {
  std::uint64_t number = 0;    ///< of the file, as in MANIFEST-000005; 0: not known
  std::uint64_t bytes = 0;     ///< its length
  std::uint32_t checksum = 0;  ///< CRC-32C of these bytes

  bool operator==(const ManifestMark&) const = default;
};

/// Makes durable what the manifest holds now, and its name, and says what that is; `known` itself when nothing has
/// changed since, or when there is no database. A sync that fails ends the process. Thread: one.
ManifestMark mark_manifest(const std::string& directory, const ManifestMark& known);

/// Checks that the manifest still begins with what was marked. One with a higher number was written whole by RocksDB
/// afterwards. Errors: data_missing, corruption, io_error; each message says what to do.
Result<void> check_manifest(const ManifestMark& mark, const std::string& directory);

}  // namespace settle
