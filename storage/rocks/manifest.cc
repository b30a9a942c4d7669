#include "storage/rocks/manifest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <system_error>

#include "base/hash.h"
#include "storage/rocks/fail_stop.h"

namespace settle {
namespace {

constexpr std::string_view name_prefix = "MANIFEST-";

/// The number of the manifest that CURRENT names.
std::optional<std::uint64_t> current_manifest(const std::string& directory) {
  std::ifstream file(directory + "/CURRENT", std::ios::binary);
  std::string name;
  if (!std::getline(file, name) || !name.starts_with(name_prefix)) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + name_prefix.size(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::string path_of(const std::string& directory, std::uint64_t number) {
  char name[40];
  std::snprintf(name, sizeof name, "/MANIFEST-%06llu", static_cast<unsigned long long>(number));
  return directory + name;
}

void sync_or_stop(int file, const std::string& what, const std::string& directory) {
  if (::fsync(file) != 0) fail_stop("sync of " + what, directory, std::generic_category().message(errno));
}

/// The first `bytes` of the open file; null when it is shorter or can't be read.
std::optional<std::string> beginning_of(int file, std::uint64_t bytes) {
  std::string out(bytes, '\0');
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t count = ::pread(file, out.data() + filled, out.size() - filled, static_cast<off_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    filled += static_cast<std::size_t>(count);
  }
  return out;
}

/// A descriptor that closes itself.
struct Opened {
  explicit Opened(const std::string& path, int flags = 0) : file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags)) {}
  ~Opened() {
    if (file >= 0) ::close(file);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  const int file;
};

Error lost_tables(ErrorCode code, const std::string& directory, const std::string& what) {
  return fail(code, "the store in " + directory + " has lost track of its tables: " + what +
                        " (file FLOOR). Rows would be missing. Nothing was changed. Put back the files that belong"
                        " together, or restore a backup with settle restore");
}

}  // namespace

ManifestMark mark_manifest(const std::string& directory, const ManifestMark& known) {
  const std::optional<std::uint64_t> number = current_manifest(directory);
  if (!number) return known;
  const Opened manifest(path_of(directory, *number));
  struct stat seen{};
  if (manifest.file < 0 || ::fstat(manifest.file, &seen) != 0) return known;
  const auto bytes = static_cast<std::uint64_t>(seen.st_size);
  if (*number == known.number && bytes == known.bytes) return known;

  sync_or_stop(manifest.file, "the manifest", directory);
  if (*number != known.number) {
    // Its name in CURRENT must not be forgotten once the floor asks for it.
    const Opened folder(directory, O_DIRECTORY);
    sync_or_stop(folder.file, "the directory", directory);
  }
  const std::optional<std::string> content = beginning_of(manifest.file, bytes);
  if (!content) return known;
  return {*number, bytes, crc32c(*content)};
}

Result<void> check_manifest(const ManifestMark& mark, const std::string& directory) {
  if (mark.number == 0) return {};
  const std::optional<std::uint64_t> number = current_manifest(directory);
  if (!number) return lost_tables(ErrorCode::corruption, directory, "CURRENT names no manifest");
  if (*number > mark.number) return {};
  if (*number < mark.number)
    return lost_tables(
        ErrorCode::data_missing, directory,
        "CURRENT names manifest " + std::to_string(*number) + ", but " + std::to_string(mark.number) + " was in use");
  const std::string path = path_of(directory, mark.number);
  const Opened manifest(path);
  struct stat seen{};
  if (manifest.file < 0 || ::fstat(manifest.file, &seen) != 0)
    return fail(ErrorCode::io_error, "opening of " + path + ": " + std::generic_category().message(errno));
  if (static_cast<std::uint64_t>(seen.st_size) < mark.bytes)
    return lost_tables(
        ErrorCode::data_missing, directory,
        path + " has " + std::to_string(seen.st_size) + " bytes, but " + std::to_string(mark.bytes) + " were durable");
  const std::optional<std::string> content = beginning_of(manifest.file, mark.bytes);
  if (!content) return fail(ErrorCode::io_error, "read of " + path + ": " + std::generic_category().message(errno));
  if (crc32c(*content) != mark.checksum)
    return lost_tables(ErrorCode::corruption, directory, path + " differs from what was durable");
  return {};
}

}  // namespace settle
