#include "storage/rocks/store_fs.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/hash.h"
#include "storage/rocks/diagnostic_log.h"
#include "storage/rocks/fail_stop.h"

namespace settle {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr std::size_t block_bytes = 32'768;
constexpr std::size_t header_bytes = 7;
enum class RecordPart : std::uint8_t { none, full, first, middle, last };

std::uint32_t read_le(std::string_view bytes, std::size_t count) {
  std::uint32_t out = 0;
  for (std::size_t i = count; i > 0; --i) out = out << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return out;
}

std::uint32_t masked(std::uint32_t checksum) {
  return (checksum >> 15 | checksum << 17) + 0xa282ead8U;
}

/// The part at the front of `rest`, which is what its block has left; none when it is not whole.
RecordPart part_at(std::string_view rest, std::size_t& length) {
  if (rest.size() < header_bytes) return RecordPart::none;
  length = read_le(rest.substr(4), 2);
  const auto type = static_cast<unsigned char>(rest[6]);
  const bool is_known = type >= static_cast<unsigned char>(RecordPart::full) &&
                        type <= static_cast<unsigned char>(RecordPart::last) && header_bytes + length <= rest.size();
  if (!is_known || read_le(rest, 4) != masked(crc32c(rest.substr(6, 1 + length)))) return RecordPart::none;
  return static_cast<RecordPart>(type);
}

/// A file that is written; errors go through the file system's check.
class CheckedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  CheckedFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::string name, const StoreFileSystem& fs)
      : rocksdb::FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), fs_(fs) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* debug) override {
    return fs_.check(target()->Append(data, options, debug), "write", name_);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& info,
                  IODebugContext* debug) override {
    return fs_.check(target()->Append(data, options, info, debug), "write", name_);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    return fs_.check(target()->Truncate(size, options, debug), "truncation", name_);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return fs_.check(target()->Close(options, debug), "closing", name_);
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    return fs_.check(target()->Flush(options, debug), "write", name_);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return fs_.check(target()->Sync(options, debug), "sync", name_);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return fs_.check(target()->Fsync(options, debug), "sync", name_);
  }
  IOStatus RangeSync(std::uint64_t offset, std::uint64_t bytes, const IOOptions& options,
                     IODebugContext* debug) override {
    return fs_.check(target()->RangeSync(offset, bytes, options, debug), "sync", name_);
  }

 private:
  const std::string name_;
  const StoreFileSystem& fs_;
};

class CheckedDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  CheckedDirectory(std::unique_ptr<rocksdb::FSDirectory>&& directory, std::string name, const StoreFileSystem& fs)
      : rocksdb::FSDirectoryWrapper(std::move(directory)), name_(std::move(name)), fs_(fs) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return fs_.check(FSDirectoryWrapper::Fsync(options, debug), "sync", name_);
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& how) override {
    return fs_.check(FSDirectoryWrapper::FsyncWithDirOptions(options, debug, how), "sync", name_);
  }

 private:
  const std::string name_;
  const StoreFileSystem& fs_;
};

/// The beginning of a file, read before.
class Beginning final : public rocksdb::FSSequentialFile {
 public:
  explicit Beginning(std::string bytes) : bytes_(std::move(bytes)) {}

  IOStatus Read(std::size_t count, const IOOptions& /*options*/, rocksdb::Slice* result, char* scratch,
                IODebugContext* /*debug*/) override {
    const std::size_t given = bytes_.copy(scratch, count, at_);
    at_ += given;
    *result = rocksdb::Slice(scratch, given);
    return IOStatus::OK();
  }
  IOStatus Skip(std::uint64_t count) override {
    at_ += std::min<std::size_t>(count, bytes_.size() - at_);
    return IOStatus::OK();
  }

 private:
  const std::string bytes_;
  std::size_t at_ = 0;
};

IOStatus read_all(rocksdb::FSSequentialFile& file, std::string& out) {
  std::string piece(std::size_t{1} << 16, '\0');
  for (;;) {
    rocksdb::Slice read;
    IOStatus status = file.Read(piece.size(), IOOptions(), &read, piece.data(), nullptr);
    if (!status.ok() || read.empty()) return status;
    out.append(read.data(), read.size());
  }
}

bool is_manifest(const std::string& path) {
  return std::filesystem::path(path).filename().string().starts_with("MANIFEST-");
}

}  // namespace

std::size_t end_of_whole_records(std::string_view bytes) {
  std::size_t whole = 0;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t left_in_block = block_bytes - at % block_bytes;
    if (left_in_block < header_bytes) {
      at += left_in_block;
      continue;
    }
    std::size_t length = 0;
    const RecordPart part = part_at(bytes.substr(at, left_in_block), length);
    if (part == RecordPart::none) break;
    at += header_bytes + length;
    if (part == RecordPart::full || part == RecordPart::last) whole = at;
  }
  return whole;
}

IOStatus StoreFileSystem::check(IOStatus status, const char* what, const std::string& file) const {
  if (status.ok() || status.IsNotSupported() || !is_armed_) return status;
  fail_stop(std::string(what) + " of " + std::filesystem::path(file).filename().string(), directory_,
            status.ToString());
}

IOStatus StoreFileSystem::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> real;
  IOStatus made = check(FileSystemWrapper::NewWritableFile(name, options, &real, debug), "creation", name);
  if (made.ok()) *file = std::make_unique<CheckedFile>(std::move(real), name, *this);
  return made;
}

IOStatus StoreFileSystem::NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                            std::unique_ptr<rocksdb::FSSequentialFile>* file, IODebugContext* debug) {
  IOStatus opened = FileSystemWrapper::NewSequentialFile(name, options, file, debug);
  if (!opened.ok() || !is_manifest(name)) return opened;
  std::string bytes;
  IOStatus read = read_all(**file, bytes);
  if (!read.ok()) return read;
  bytes.resize(end_of_whole_records(bytes));
  *file = std::make_unique<Beginning>(std::move(bytes));
  return read;
}

IOStatus StoreFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                       std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> real;
  IOStatus opened = FileSystemWrapper::NewDirectory(name, options, &real, debug);
  if (opened.ok()) *directory = std::make_unique<CheckedDirectory>(std::move(real), name, *this);
  return opened;
}

IOStatus StoreFileSystem::NewLogger(const std::string& name, const IOOptions& /*options*/,
                                    std::shared_ptr<rocksdb::Logger>* logger, IODebugContext* /*debug*/) {
  const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return IOStatus::IOError("the log " + name + " can't be opened");
  *logger = std::make_shared<DiagnosticLog>(descriptor);
  return IOStatus::OK();
}

IOStatus StoreFileSystem::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                     IODebugContext* debug) {
  return check(FileSystemWrapper::RenameFile(from, to, options, debug), "renaming", to);
}

}  // namespace settle
