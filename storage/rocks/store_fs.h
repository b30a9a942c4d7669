#pragma once

// Inner part of the room, as families.h.

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace settle {

/// Where RocksDB's files go, with three rules of ours:
/// - once armed, the first write, sync, truncation or change of a name that fails ends the process, in that very call.
///   RocksDB would go on: retry, decide by itself that the disk is well again, or fail an assertion of its own.
/// - of a manifest, only whole records are shown. What stands behind them is a write that a power cut interrupted;
///   RocksDB refuses to open over it when it is neither nothing nor zeros. What had been durable is compared with the
///   floor apart from this (manifest.h).
/// - its own log of what it does is written as far as there is room for it.
class StoreFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  StoreFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target, std::string directory)
      : rocksdb::FileSystemWrapper(target), directory_(std::move(directory)) {}

  const char* Name() const override { return "settle.StoreFileSystem"; }

  void arm() { is_armed_ = true; }
  /// `status` itself when it is good or nothing is armed yet; else ends the process.
  rocksdb::IOStatus check(rocksdb::IOStatus status, const char* what, const std::string& file) const;

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  /// RocksDB's own log (diagnostic_log.h), which may fail without a consequence.
  rocksdb::IOStatus NewLogger(const std::string& name, const rocksdb::IOOptions& options,
                              std::shared_ptr<rocksdb::Logger>* logger, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  const std::string directory_;
  std::atomic<bool> is_armed_{false};
};

/// Where the last whole record ends in the bytes of a file in RocksDB's log format (blocks of 32 KiB; records of a
/// masked CRC-32C, a length, a type and bytes; rocksdb/db/log_format.h).
std::size_t end_of_whole_records(std::string_view bytes);

}  // namespace settle
