#include "storage/rocks/floor.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include "storage/big_endian.h"
#include "storage/hash_bytes.h"
#include "storage/rocks/fail_stop.h"

namespace settle {
namespace {

constexpr std::string_view magic = "SETTLEFL";
constexpr std::uint32_t file_version = 1;
constexpr std::size_t file_bytes = 2 * floor_slot_stride;
constexpr std::size_t checksum_offset = floor_slot_bytes - 4;
constexpr std::size_t chain_offset = 32;
constexpr std::size_t partitions_offset = 64;
constexpr std::size_t manifest_offset = 68;
constexpr std::size_t logs_offset = 88;
constexpr std::size_t log_mark_bytes = 16;
static_assert(logs_offset + 4 + log_marks_max * log_mark_bytes <= checksum_offset);

constexpr std::chrono::milliseconds write_interval{100};
constexpr std::chrono::seconds look_interval{1};
constexpr std::chrono::seconds idle_look_interval{2};  // nothing was pushed since the look before

Error io_failure(const std::string& what, int error) {
  const ErrorCode code = error == ENOSPC || error == EDQUOT ? ErrorCode::disk_full : ErrorCode::io_error;
  return fail(code, what + ": " + std::generic_category().message(error));
}

/// A file descriptor that closes itself.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

/// Writes all of `bytes` at `offset`; 0 or the errno.
int write_all(int file, std::string_view bytes, std::size_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return EIO;
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::size_t>(count);
  }
  return 0;
}

/// Reads what there is, up to `bytes`; the errno in `error`.
std::string read_up_to(int file, std::size_t bytes, int& error) {
  std::string out(bytes, '\0');
  std::size_t filled = 0;
  while (filled < bytes) {
    const ssize_t count = ::pread(file, out.data() + filled, bytes - filled, static_cast<off_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) error = errno;
    if (count <= 0) break;
    filled += static_cast<std::size_t>(count);
  }
  out.resize(filled);
  return out;
}

Result<void> sync_directory(const std::string& directory) {
  const File opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0 || ::fsync(opened.get()) != 0) return io_failure("sync of directory " + directory, errno);
  return {};
}

std::string both_slots(FloorRecord record) {
  std::string bytes(file_bytes, '\0');
  for (record.sequence = 0; record.sequence < 2; ++record.sequence) {
    bytes.replace(record.sequence * floor_slot_stride, floor_slot_bytes, encode_slot(record));
  }
  return bytes;
}

}  // namespace

std::string encode_slot(const FloorRecord& record) {
  std::string out(magic);
  append_be32(out, file_version);
  append_be32(out, record.format);
  append_be64(out, record.sequence);
  append_be64(out, record.group);
  append_hash(out, record.chain);
  append_be32(out, record.partitions);
  append_be32(out, record.manifest.checksum);
  append_be64(out, record.manifest.number);
  append_be64(out, record.manifest.bytes);
  SETTLE_ASSERT(record.logs.size() <= log_marks_max);
  append_be32(out, static_cast<std::uint32_t>(record.logs.size()));
  for (const LogMark& log : record.logs) {
    append_be64(out, log.number);
    append_be64(out, log.bytes);
  }
  out.resize(checksum_offset, '\0');
  append_be32(out, crc32c(out));
  return out;
}

Result<FloorRecord> decode_slot(std::string_view bytes) {
  const bool is_whole = bytes.size() == floor_slot_bytes && bytes.substr(0, magic.size()) == magic &&
                        read_be32(bytes, checksum_offset) == crc32c(bytes.substr(0, checksum_offset));
  if (!is_whole) return fail(ErrorCode::corruption, "a slot of the file FLOOR is damaged");
  // The places of the two versions and of the checksum stay the same in all versions to come.
  const std::uint32_t version = read_be32(bytes, 8);
  FloorRecord record;
  record.format = read_be32(bytes, 12);
  if (version > file_version || record.format > store_format)
    return newer_store_format(std::max(version, record.format));
  record.sequence = read_be64(bytes, 16);
  record.group = read_be64(bytes, 24);
  record.chain = read_hash(bytes, chain_offset);
  record.partitions = read_be32(bytes, partitions_offset);
  record.manifest.checksum = read_be32(bytes, manifest_offset);
  record.manifest.number = read_be64(bytes, manifest_offset + 4);
  record.manifest.bytes = read_be64(bytes, manifest_offset + 12);
  const std::size_t logs = std::min<std::size_t>(read_be32(bytes, logs_offset), log_marks_max);
  for (std::size_t i = 0; i < logs; ++i) {
    const std::size_t at = logs_offset + 4 + i * log_mark_bytes;
    record.logs.push_back({read_be64(bytes, at), read_be64(bytes, at + 8)});
  }
  return record;
}

Error newer_store_format(std::uint32_t found) {
  return fail(ErrorCode::newer_format, "the store was written in format " + std::to_string(found) +
                                           "; this Settle reads up to format " + std::to_string(store_format) +
                                           ". Nothing was changed. Run the newer Settle that wrote it");
}

Error without_database(const std::string& directory, const FloorRecord& floor) {
  return fail(ErrorCode::data_missing, "the store in " + directory +
                                           " has lost its file CURRENT, though commit group " +
                                           std::to_string(floor.group) +
                                           " was acknowledged (file FLOOR). Nothing was changed. Put back the files"
                                           " that are missing, or restore a backup with settle restore");
}

Result<void> create_floor(const std::string& directory, FloorRecord record) {
  const std::string path = directory + "/" + floor_file;
  const std::string fresh = path + ".new";
  {
    const File file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0) return io_failure("creation of " + fresh, errno);
    const int error = write_all(file.get(), both_slots(record), 0);
    if (error != 0) return io_failure("write of " + fresh, error);
    if (::fsync(file.get()) != 0) return io_failure("sync of " + fresh, errno);
  }
  // The name appears only with whole content behind it, so a floor without an intact slot is always damage.
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return io_failure("renaming of " + fresh, errno);
  return sync_directory(directory);
}

Result<FloorRecord> read_floor(const std::string& directory) {
  const std::string path = directory + "/" + floor_file;
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) {
    return fail(ErrorCode::data_missing,
                "the store in " + directory +
                    " has no file FLOOR, so nobody can tell whether acknowledged data is"
                    " missing. Nothing was changed. Put the file back, or restore a backup with settle restore");
  }
  if (file.get() < 0) return io_failure("opening of " + path, errno);
  int error = 0;
  const std::string bytes = read_up_to(file.get(), file_bytes, error);
  if (error != 0) return io_failure("read of " + path, error);

  std::optional<FloorRecord> best;
  for (std::size_t offset = 0; offset < file_bytes; offset += floor_slot_stride) {
    Result<FloorRecord> slot =
        decode_slot(std::string_view(bytes).substr(std::min(offset, bytes.size()), floor_slot_bytes));
    if (!slot && slot.error().code == ErrorCode::newer_format) return std::move(slot.error());
    if (slot && (!best || slot->sequence > best->sequence)) best = *slot;
  }
  if (best) return *best;
  return fail(ErrorCode::corruption, "both slots of " + path +
                                         " are damaged, so nobody can tell whether acknowledged data"
                                         " is missing. Nothing was changed. Put back a good copy of the file, or "
                                         "restore a backup with settle restore");
}

Result<std::unique_ptr<FloorKeeper>> FloorKeeper::open(std::string directory, FloorRecord current,
                                                       std::function<void()> on_look) {
  const std::string path = directory + "/" + floor_file;
  File file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return io_failure("opening of " + path, errno);
  return std::unique_ptr<FloorKeeper>(
      new FloorKeeper(std::move(directory), file.release(), current, std::move(on_look)));
}

FloorKeeper::FloorKeeper(std::string directory, int file, FloorRecord current, std::function<void()> on_look)
    : directory_(std::move(directory)),
      file_(file),
      on_look_(std::move(on_look)),
      newest_(current),
      group_on_disk_(current.group),
      thread_([this] { run(); }) {}

FloorKeeper::~FloorKeeper() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  ::close(file_);
}

void FloorKeeper::push(std::uint64_t group, const Hash& chain) {
  bool was_clean = false;
  {
    const std::lock_guard lock(mutex_);
    SETTLE_ASSERT(group >= newest_.group);
    was_clean = pushes_ == written_;
    ++pushes_;
    newest_.group = group;
    newest_.chain = chain;
  }
  if (was_clean) changed_.notify_all();
}

void FloorKeeper::sync() {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = pushes_;
  if (written_ >= wanted) return;
  is_urgent_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return written_ >= wanted; });
}

std::uint64_t FloorKeeper::group_on_disk() const {
  const std::lock_guard lock(mutex_);
  return group_on_disk_;
}

void FloorKeeper::run() {
  pthread_setname_np(pthread_self(), "floor");
  using Clock = std::chrono::steady_clock;
  Clock::time_point next_write = Clock::now();
  Clock::time_point next_look = Clock::now() + look_interval;
  std::uint64_t seen = 0;  // pushes by the latest look
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool is_dirty = pushes_ != written_;
    const Clock::time_point now = Clock::now();
    if (is_dirty && (now >= next_write || is_urgent_ || is_stopping_)) {
      // An older good slot is never overwritten by the write after it: parity alternates with the sequence.
      ++newest_.sequence;
      FloorRecord record = newest_;
      const std::uint64_t covered = pushes_;
      is_urgent_ = false;
      lock.unlock();
      record.manifest = mark_manifest(directory_, record.manifest);
      record.logs = mark_logs(directory_);
      write(record);
      lock.lock();
      newest_.manifest = record.manifest;
      group_on_disk_ = record.group;
      written_ = covered;
      next_write = Clock::now() + write_interval;
      changed_.notify_all();
    } else if (is_stopping_ || now >= next_look) {
      const bool is_last = is_stopping_;
      const ManifestMark known = newest_.manifest;
      lock.unlock();
      if (!is_last) on_look_();
      const bool has_grown = mark_manifest(directory_, known) != known;
      lock.lock();
      if (has_grown) ++pushes_;
      if (is_last && !has_grown) return;
      next_look = Clock::now() + (pushes_ == seen ? idle_look_interval : look_interval);
      seen = pushes_;
    } else {
      changed_.wait_until(lock, is_dirty ? std::min(next_write, next_look) : next_look);
    }
  }
}

void FloorKeeper::write(const FloorRecord& record) const {
  const int error = write_all(file_, encode_slot(record), (record.sequence % 2) * floor_slot_stride);
  if (error != 0) fail_stop("write of FLOOR", directory_, std::generic_category().message(error));
  if (::fdatasync(file_) != 0) fail_stop("sync of FLOOR", directory_, std::generic_category().message(errno));
}

}  // namespace settle
