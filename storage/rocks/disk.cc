#include "storage/rocks/disk.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace settle {

Result<DiskSpace> disk_space(const std::string& directory) {
  struct statvfs seen{};
  if (::statvfs(directory.c_str(), &seen) != 0) {
    return fail(ErrorCode::io_error, "free space of " + directory + ": " + std::generic_category().message(errno));
  }
  return DiskSpace{std::uint64_t{seen.f_bavail} * seen.f_frsize, std::uint64_t{seen.f_blocks} * seen.f_frsize};
}

std::uint64_t room_needed(const DiskSpace& space) {
  constexpr std::uint64_t cap = 512U << 20;
  return std::min(space.total_bytes / 10, cap);
}

bool has_room(const DiskSpace& space) {
  return space.free_bytes >= room_needed(space);
}

bool is_nearly_full(const DiskSpace& space) {
  constexpr std::uint64_t least = 4U << 20;
  return space.free_bytes < least;
}

bool take_ballast(const std::string& directory, const DiskSpace& space) {
  const std::string path = directory + "/" + ballast_file;
  if (::access(path.c_str(), F_OK) == 0) return true;
  if (space.free_bytes < room_needed(space) + ballast_bytes) return false;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool taken = ::posix_fallocate(file, 0, ballast_bytes) == 0;
  ::close(file);
  if (!taken) ::unlink(path.c_str());
  return taken;
}

bool release_ballast(const std::string& directory) {
  return ::unlink((directory + "/" + ballast_file).c_str()) == 0;
}

}  // namespace settle
