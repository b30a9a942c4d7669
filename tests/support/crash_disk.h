#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace settle {

/// What a power cut leaves of the bytes that were written to a file and not yet synced.
enum class Cut : std::uint8_t {
  clean,      ///< nothing of them, nor of any name that was not synced
  torn,       ///< the first ones, up to any byte
  garbage,    ///< the same, and behind the tear some sectors of zeros or noise
  scattered,  ///< any of their sectors, in no order; zeros where one is missing
};
inline constexpr int cut_count = 4;

/// One failure of the disk: the `after` next operations of this kind on files whose name has `part` work, one fails.
struct DiskFault {
  enum class Operation : std::uint8_t { write, sync };
  Operation operation = Operation::write;
  std::string part;
  std::uint64_t after = 0;
  int error = 0;          ///< the errno
  bool is_short = false;  ///< a write stores its first half and says so; the write after it fails
};

/// A directory whose power can be cut. It knows of every file which bytes, and of the directory which names, were
/// synced, and writes down what a cut at this moment would leave. The calls of crash_disk_calls.cc tell it what the
/// process does, RocksDB and the durable floor alike. The real files are always as the process wrote them. Thread: any.
class CrashDisk {
 public:
  /// What stands in `directory` counts as durable. Only files right in it are followed.
  explicit CrashDisk(std::string directory);

  /// Called before each operation that could change what is durable, with the disk held still. `what` names it.
  using Watch = std::function<void(const std::string& what)>;
  void watch(Watch watch);

  /// Writes what a cut at this moment would leave into `target`, which is made. Of a watch, or of a disk at rest.
  void write_image(const std::string& target, Cut cut, std::mt19937_64& random);

  /// A disk that lies: syncs of files whose name has `part` do nothing from now on; "" means all, directories too.
  void ignore_syncs_of(std::string part);
  /// Writes to the file of this name never reach the disk, synced or not.
  void drop_writes_of(std::string name);

  void fail(DiskFault fault);
  /// Called once, when the fault has struck.
  void when_failed(std::function<void()> told);

  /// Keeps the disk still, so that a call and what is told of it are one step.
  std::unique_lock<std::recursive_mutex> hold() const { return std::unique_lock(mutex_); }

  // What the process does. Each returns the errno with which the call has to fail, or 0.
  bool holds(std::string_view path) const;
  bool follows(int file) const;
  void opened(int file, const std::string& path, int flags);
  void closed(int file);
  int before_write(int file, std::uint64_t& bytes);
  void written(int file, std::optional<std::uint64_t> offset, std::string_view bytes);
  int synced(int file);
  void truncated(int file, std::uint64_t size);
  void renamed(const std::string& from, const std::string& to);
  void linked(const std::string& from, const std::string& to);
  void unlinked(const std::string& path);

 private:
  struct Change {
    std::uint64_t offset = 0;
    std::string bytes;
    bool is_truncation = false;  ///< to `offset`
  };
  struct File {
    std::string durable;
    std::vector<Change> pending;
    std::uint64_t size = 0;
  };
  using FilePtr = std::shared_ptr<File>;
  using Names = std::map<std::string, FilePtr>;
  /// Names that change together; a null file removes.
  using NameChange = std::vector<std::pair<std::string, FilePtr>>;
  struct Handle {
    FilePtr file;  ///< null: the directory itself
    std::string name;
    std::uint64_t offset = 0;
    bool appends = false;
  };

  std::string name_of(std::string_view path) const;
  Handle* handle(int file);
  void touch(const char* what, const std::string& name);
  bool strikes(DiskFault::Operation operation, const std::string& name);
  void change_names(NameChange change);
  static void apply(std::string& content, const Change& change);
  static void apply(Names& names, const NameChange& change);
  static std::string content_after(const File& file, Cut cut, std::mt19937_64& random);
  static void tear(std::string& content, const File& file, Cut cut, std::mt19937_64& random);
  static void scatter(std::string& content, const Change& change, std::mt19937_64& random);

  const std::string directory_;
  mutable std::recursive_mutex mutex_;  ///< recursive, since a watch writes images
  Watch watch_;
  std::function<void()> when_failed_;
  std::optional<std::string> lying_;
  std::optional<std::string> dropping_;
  std::optional<DiskFault> fault_;
  Names names_;
  Names durable_names_;
  std::vector<NameChange> pending_names_;
  std::unordered_map<int, Handle> handles_;
};

/// The disk that this process's calls are told to; null for none. One at a time, while no store is open.
void mount(CrashDisk* disk);

}  // namespace settle
