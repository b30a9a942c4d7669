#include "storage/rocks/opening.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "storage/keys.h"
#include "storage/rocks/families.h"
#include "storage/rocks/inspect.h"

namespace settle {
namespace {

namespace fs = std::filesystem;

Error io_failure(const std::string& what, const std::error_code& error) {
  const bool is_full = error == std::errc::no_space_on_device;
  return fail(is_full ? ErrorCode::disk_full : ErrorCode::io_error, what + ": " + error.message());
}

std::error_code last_error() {
  return {errno, std::generic_category()};
}

Result<void> sync_directory(const fs::path& directory) {
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const std::error_code error = last_error();
  if (file >= 0) ::close(file);
  if (!synced) return io_failure("sync of directory " + directory.string(), error);
  return {};
}

/// Makes the directory and those above it durably; the last one is for its owner only.
Result<void> make_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return {};
  const fs::path above = directory.parent_path();
  if (above != directory) {
    Result<void> made = make_directory(above);
    if (!made) return made;
  }
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return io_failure("creation of data directory " + directory.string(), last_error());
  }
  if (!fs::is_directory(directory, error)) {
    return fail(ErrorCode::configuration, "data directory " + directory.string() + " is a file; name a directory");
  }
  return sync_directory(above);
}

/// A name that may stand in the directory of a store that was never finished.
bool is_left_over(const std::string& name) {
  static constexpr std::array<std::string_view, 6> names = {"LOCK",    "LOG",      "FLOOR.new",
                                                            "BALLAST", "IDENTITY", "lost+found"};
  return std::find(names.begin(), names.end(), name) != names.end() || name.starts_with("LOG.old.");
}

/// Refuses to settle down among somebody else's files.
Result<void> refuse_foreign(const fs::path& directory) {
  std::error_code error;
  std::string stranger;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name == "CURRENT" || name == floor_file) return {};
    if (!is_left_over(name)) stranger = name;
  }
  if (error) return io_failure("reading of data directory " + directory.string(), error);
  if (stranger.empty()) return {};
  return fail(ErrorCode::configuration,
              "data directory " + directory.string() + " holds \"" + stranger +
                  "\" but no store of Settle; name an empty directory, or one that Settle made");
}

/// Whether the database is one of ours, by its families.
Result<void> refuse_foreign_database(const RocksOptions& options) {
  std::vector<std::string> found;
  const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(database_options(options), options.directory, &found);
  if (!listed.ok()) return translate(listed, "listing of column families", options.directory);
  for (const Family family : all_families) {
    if (std::find(found.begin(), found.end(), family_name(family)) != found.end()) continue;
    return fail(ErrorCode::configuration, "data directory " + options.directory +
                                              " holds a RocksDB database that is not Settle's; name another directory");
  }
  return {};
}

/// RocksDB's own lock of the directory, held while we look around.
class DirectoryLock {
 public:
  explicit DirectoryLock(const RocksOptions& options)
      : env_(options.env_for_tests != nullptr ? options.env_for_tests : rocksdb::Env::Default()),
        status_(env_->LockFile(options.directory + "/LOCK", &lock_)) {}
  ~DirectoryLock() {
    if (lock_ != nullptr) env_->UnlockFile(lock_).PermitUncheckedError();
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  const rocksdb::Status& status() const { return status_; }

 private:
  rocksdb::Env* const env_;
  rocksdb::FileLock* lock_ = nullptr;
  rocksdb::Status status_;
};

Result<Opening> begin_new(const RocksOptions& options) {
  Opening opening;
  opening.is_new = true;
  opening.floor.partitions = options.partitions.value_or(partition_count);
  Result<void> created = create_floor(options.directory, opening.floor);
  if (!created) return std::move(created.error());
  return opening;
}

/// Compares store and floor without writing anything: opening for writing would replay a damaged log and throw it away.
Result<Opening> check_existing(const RocksOptions& options, const FloorRecord& floor) {
  if (options.partitions && *options.partitions != floor.partitions) {
    return fail(ErrorCode::configuration, "the store in " + options.directory + " was made with " +
                                              std::to_string(floor.partitions) +
                                              " partitions, which can't be changed to " +
                                              std::to_string(*options.partitions) + "; leave the setting out");
  }
  Opening opening;
  opening.floor = floor;
  opening.is_new = floor.group == 0;
  if (opening.is_new) return opening;
  Result<std::unique_ptr<ReadOnlyStore>> view = open_read_only(options.directory);
  if (!view) return std::move(view.error());
  // Asked for again once the store is open for writing: damage in its way has to be found before that.
  const Result<std::uint64_t> audited = audit_size(*(*view)->snapshot());
  if (!audited) return audited.error();
  const Result<std::uint64_t> fed = feed_size(*(*view)->snapshot());
  if (!fed) return fed.error();
  return opening;
}

}  // namespace

Result<Opening> prepare_directory(const RocksOptions& options) {
  if (options.directory.empty()) return fail(ErrorCode::configuration, "the data directory has no name");
  if (options.partitions == 0U) return fail(ErrorCode::configuration, "a store needs at least one partition");
  std::error_code error;
  const fs::path directory = fs::absolute(options.directory, error);
  Result<void> made = make_directory(directory);
  if (!made) return std::move(made.error());
  Result<void> ours = refuse_foreign(directory);
  if (!ours) return std::move(ours.error());

  const DirectoryLock lock(options);
  if (!lock.status().ok()) return translate(lock.status(), "locking of the store", options.directory);

  const bool has_database = fs::exists(directory / "CURRENT", error);
  Result<FloorRecord> floor = read_floor(options.directory);
  const bool lacks_floor = !floor && floor.error().code == ErrorCode::data_missing;
  if (lacks_floor && !has_database) return begin_new(options);
  if (lacks_floor) {
    Result<void> named = refuse_foreign_database(options);
    if (!named) return std::move(named.error());
  }
  if (!floor) return std::move(floor.error());
  if (floor->group > 0 && !has_database) return without_database(options.directory, *floor);
  return check_existing(options, *floor);
}

}  // namespace settle
