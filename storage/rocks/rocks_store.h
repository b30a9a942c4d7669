#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "storage/rocks/disk.h"
#include "storage/store.h"

namespace rocksdb {
class Env;
}

namespace settle {

struct RocksOptions {
  std::string directory;  ///< made when it is not there; belongs to the store alone

  /// Of a new store; 64 when null. An existing store keeps the number it was made with: another one is refused.
  std::optional<std::uint32_t> partitions = std::nullopt;

  std::size_t block_cache_bytes = 64U << 20;
  std::size_t write_buffer_bytes = 96U << 20;  ///< of all families together
  std::size_t wal_bytes = 96U << 20;           ///< bounds the replay after a crash

  /// Largest group that is synced at once.
  std::size_t group_bytes_max = 8U << 20;
  std::size_t group_batches_max = 4096;

  rocksdb::Env* env_for_tests = nullptr;                              ///< outlives the store
  std::function<Result<DiskSpace>()> disk_space_for_tests = nullptr;  ///< in the place of the file system's answer
};

/// What the store counts, since it was opened.
struct RocksStats {
  std::uint64_t groups = 0;   ///< synced
  std::uint64_t batches = 0;  ///< committed or lost to a guard
  std::uint64_t floor_group = 0;
  std::uint64_t last_group = 0;
  std::uint64_t wal_syncs = 0;
  std::uint64_t wal_sync_micros = 0;  ///< sum
  double wal_sync_micros_p99 = 0;
  std::uint64_t stall_micros = 0;  ///< writers held back by flushes or compactions
  std::uint64_t background_errors = 0;
  std::uint64_t deletes_in_memory = 0;  ///< tombstones of all families that are not yet in a file
  std::uint64_t memtable_bytes = 0;
  std::uint64_t block_cache_bytes = 0;
};

/// The store on RocksDB. One thread commits: it takes every batch that is queued, writes them as one batch, syncs once
/// and hands the completions back. A second thread keeps the durable floor. Readers must not outlive the store.
class RocksStore final : public Store {
 public:
  /// Opens the store, or makes a new one in a directory that is empty or not there. Before anything in the directory is
  /// changed it is read and compared with the durable floor.
  /// Errors: configuration (not a data directory of Settle, or another number of partitions), in_use, newer_format,
  /// data_missing, corruption, disk_full, io_error. Each message says what to do.
  static Result<std::unique_ptr<RocksStore>> open(const RocksOptions& options);

  /// Commits what is queued, delivers its completions, raises the floor and closes. No commit() may come after.
  ~RocksStore() override;

  void commit(WriteBatch batch, CompletionSink& sink, CompletionSink::Done done) override;
  std::unique_ptr<Reader> snapshot() const override;
  std::uint64_t ledger_size() const override;
  std::uint64_t feed_size() const override;
  bool has_room() const override;

  /// The number of logical partitions, fixed when the store was made.
  std::uint32_t partitions() const;

  /// Waits until the durable floor covers every commit that has been completed. For tests and backups; blocks.
  void sync_floor();

  RocksStats stats() const;

 private:
  class Impl;
  explicit RocksStore(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace settle
