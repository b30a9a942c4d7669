// The system calls by which a store writes, in the place of the C library's: this program's, its libraries' and, when
// this is a library that is loaded before the others, any program's. Each does what it always did and tells the disk.

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <optional>

#include "tests/support/crash_disk.h"

namespace settle {
namespace {

std::atomic<CrashDisk*> mounted{nullptr};

CrashDisk* disk() {
  return mounted.load(std::memory_order_acquire);
}

CrashDisk* disk_of(const char* path) {
  CrashDisk* const at = disk();
  return at != nullptr && path != nullptr && at->holds(path) ? at : nullptr;
}

int open_and_tell(const char* path, int flags, mode_t mode) {
  CrashDisk* const at = disk_of(path);
  if (at == nullptr) return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  const auto held = at->hold();
  const auto file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (file >= 0) at->opened(file, path, flags);
  return file;
}

/// Null also when the disk does not follow this file: sockets and pipes must not hold it still.
CrashDisk* disk_of(int file) {
  CrashDisk* const at = disk();
  return at != nullptr && at->follows(file) ? at : nullptr;
}

ssize_t write_bytes(int file, const void* bytes, std::size_t count, std::optional<std::uint64_t> offset) {
  return offset ? ::syscall(SYS_pwrite64, file, bytes, count, *offset) : ::syscall(SYS_write, file, bytes, count);
}

ssize_t write_and_tell(int file, const void* bytes, std::size_t count, std::optional<std::uint64_t> offset) {
  CrashDisk* const at = disk_of(file);
  if (at == nullptr) return write_bytes(file, bytes, count, offset);
  const auto held = at->hold();
  std::uint64_t allowed = count;
  const int error = at->before_write(file, allowed);
  if (error != 0) {
    errno = error;
    return -1;
  }
  const ssize_t written = write_bytes(file, bytes, allowed, offset);
  if (written > 0) at->written(file, offset, {static_cast<const char*>(bytes), static_cast<std::size_t>(written)});
  return written;
}

int sync_and_tell(int file, long call) {
  CrashDisk* const at = disk_of(file);
  if (at == nullptr) return static_cast<int>(::syscall(call, file));
  const auto held = at->hold();
  const int error = at->synced(file);
  if (error == 0) return static_cast<int>(::syscall(call, file));
  errno = error;
  return -1;
}

}  // namespace

void mount(CrashDisk* disk) {
  mounted.store(disk, std::memory_order_release);
}

}  // namespace settle

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return settle::open_and_tell(path, flags, mode);
}

// What a hardened build calls for an open() without a mode.
int __open_2(const char* path, int flags) {
  return settle::open_and_tell(path, flags, 0);
}

int close(int file) {
  if (settle::CrashDisk* const at = settle::disk_of(file)) at->closed(file);
  return static_cast<int>(::syscall(SYS_close, file));
}

ssize_t write(int file, const void* bytes, std::size_t count) {
  return settle::write_and_tell(file, bytes, count, std::nullopt);
}

ssize_t pwrite(int file, const void* bytes, std::size_t count, off_t offset) {
  return settle::write_and_tell(file, bytes, count, static_cast<std::uint64_t>(offset));
}

int fsync(int file) {
  return settle::sync_and_tell(file, SYS_fsync);
}

int fdatasync(int file) {
  return settle::sync_and_tell(file, SYS_fdatasync);
}

int ftruncate(int file, off_t size) noexcept {
  settle::CrashDisk* const at = settle::disk_of(file);
  if (at == nullptr) return static_cast<int>(::syscall(SYS_ftruncate, file, size));
  const auto held = at->hold();
  const auto done = static_cast<int>(::syscall(SYS_ftruncate, file, size));
  if (done == 0) at->truncated(file, static_cast<std::uint64_t>(size));
  return done;
}

int rename(const char* from, const char* to) noexcept {
  settle::CrashDisk* const at = settle::disk_of(to);
  if (at == nullptr) return static_cast<int>(::syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
  const auto held = at->hold();
  const auto done = static_cast<int>(::syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
  if (done == 0) at->renamed(from, to);
  return done;
}

int link(const char* from, const char* to) noexcept {
  settle::CrashDisk* const at = settle::disk_of(to);
  if (at == nullptr) return static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
  const auto held = at->hold();
  const auto done = static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
  if (done == 0) at->linked(from, to);
  return done;
}

int unlink(const char* path) noexcept {
  settle::CrashDisk* const at = settle::disk_of(path);
  if (at == nullptr) return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
  const auto held = at->hold();
  const auto done = static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
  if (done == 0) at->unlinked(path);
  return done;
}

}  // extern "C"
