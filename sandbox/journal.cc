#include "sandbox/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace settle {

namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;
// A request of 1 MiB, escaped as a string inside of an entry, with its record and its remembered answer.
constexpr std::size_t kLineBytesMax = 32 << 20;

Error system_error(const std::string& file, const char* doing) {
  return fail(ErrorCode::io_error, file + ": " + doing + ": " + std::strerror(errno));
}

Result<void> sync_folder_of(const std::string& file) {
  const std::filesystem::path parent = std::filesystem::path(file).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error(folder, "open");
  const bool synced = ::fsync(fd) == 0;
  ::close(fd);
  return synced ? Result<void>() : system_error(folder, "fsync");
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const std::string& file,
                                               const std::function<Result<void>(const Json&)>& replay) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return system_error(file, "open");
  std::unique_ptr<Journal> journal(new Journal(fd, file));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error(file, "lock");
    return fail(ErrorCode::in_use, file + ": another sandbox holds this file; give this one its own with --file");
  }
  // The name of a new file is durable only once its folder is.
  if (Result<void> synced = sync_folder_of(file); !synced) return std::move(synced).error();
  if (Result<void> read = journal->read(replay); !read) return std::move(read).error();
  return journal;
}

Journal::~Journal() {
  ::close(fd_);
}

Result<void> Journal::read(const std::function<Result<void>(const Json&)>& replay) {
  std::string rest;
  std::string chunk(kChunkBytes, '\0');
  std::size_t line_number = 0;
  off_t whole_bytes = 0;  // up to the end of the last whole line
  while (true) {
    const ssize_t got = ::read(fd_, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(file_, "read");
    if (got == 0) break;
    // Lines end only in the new bytes, so those alone are searched.
    std::size_t search = rest.size();
    rest.append(chunk, 0, static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n', search); end != std::string::npos; end = rest.find('\n', begin)) {
      const std::string_view line = std::string_view(rest).substr(begin, end - begin);
      const std::string place = file_ + ": line " + std::to_string(++line_number) + ": ";
      Result<Json> entry = read_json(line, {.bytes_max = kLineBytesMax, .depth_max = 128, .nodes_max = 1'000'000});
      if (!entry) return fail(ErrorCode::corruption, place + entry.error().message);
      if (Result<void> done = replay(*entry); !done) return fail(ErrorCode::corruption, place + done.error().message);
      begin = end + 1;
    }
    whole_bytes += static_cast<off_t>(begin);
    rest.erase(0, begin);
    if (rest.size() > kLineBytesMax) return fail(ErrorCode::corruption, file_ + ": a line without an end");
  }
  // Entries end in a line feed that is written with them: a line without one was being written when the process died,
  // and its request was never answered.
  if (!rest.empty() && ::ftruncate(fd_, whole_bytes) != 0) return system_error(file_, "truncate");
  return {};
}

Result<void> Journal::append(const Json& entry, bool durable) {
  std::string line = write_json(entry);
  line += '\n';
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t wrote = ::write(fd_, left.data(), left.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_error(file_, "write");
    left.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (durable && ::fdatasync(fd_) != 0) return system_error(file_, "fdatasync");
  return {};
}

}  // namespace settle
