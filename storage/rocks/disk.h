#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace settle {

struct DiskSpace {
  std::uint64_t free_bytes = 0;  ///< available to this user
  std::uint64_t total_bytes = 0;
};

/// The file system under `directory`. Errors: io_error.
Result<DiskSpace> disk_space(const std::string& directory);

/// The watermark under which new work is refused: a tenth of the file system, at most 512 MiB.
std::uint64_t room_needed(const DiskSpace& space);
bool has_room(const DiskSpace& space);

/// Whether the reserve is needed now, so that what runs can be finished: less than 4 MiB are left.
bool is_nearly_full(const DiskSpace& space);

/// The reserve file of a data directory: 16 MiB that are given back when the disk is nearly full. Takes it when it is
/// not there and the disk has room; false when there is none then, which is no error, only no reserve.
bool take_ballast(const std::string& directory, const DiskSpace& space);
/// Gives the reserve back; false when there was none.
bool release_ballast(const std::string& directory);

inline constexpr std::uint64_t ballast_bytes = 16U << 20;
inline constexpr const char* ballast_file = "BALLAST";

}  // namespace settle
