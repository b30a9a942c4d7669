#include "storage/rocks/families.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/statistics.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <algorithm>
#include <thread>

#include "storage/rocks/workflow_prefix.h"

namespace settle {
namespace {

rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  // Index and filter blocks count against the cache too, so that its size bounds what reading takes.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // In parts, of which only those in use take room: whole ones of a large file push each other out.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = 8 << 10;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  return table;
}

/// A part of the key that `Length` cuts off. As the prefix of a family it lets the filters of a file answer whether it
/// has anything of a workflow, and the memtable remembers where the last key with that prefix went. Only about speed: a
/// store whose files were written with another transform, or none, is read without it.
template <std::size_t (*Length)(std::string_view)>
class KeyPrefix final : public rocksdb::SliceTransform {
 public:
  explicit KeyPrefix(const char* name) : name_(name) {}
  const char* Name() const override { return name_; }
  bool InDomain(const rocksdb::Slice& key) const override { return length(key) > 0; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    const std::size_t bytes = length(key);
    return {key.data(), bytes > 0 ? bytes : key.size()};
  }

 private:
  static std::size_t length(const rocksdb::Slice& key) { return Length({key.data(), key.size()}); }
  const char* const name_;
};

rocksdb::ColumnFamilyOptions family_options(Family family, const RocksOptions& options,
                                            const std::shared_ptr<rocksdb::TableFactory>& table) {
  rocksdb::ColumnFamilyOptions out;
  out.table_factory = table;
  // What is written is hardly ever written again once it has left memory, and its keys lie anywhere: levels would be
  // rewritten for each file that comes, while sorted runs of like sizes are merged a few times in all.
  out.compaction_style = rocksdb::kCompactionStyleUniversal;
  // Eight at a time instead of four: a record is rewritten a third less often, and a look-up asks a few filters more.
  out.level0_file_num_compaction_trigger = 8;
  out.compression = rocksdb::kLZ4Compression;
  out.bottommost_compression = rocksdb::kZSTD;
  out.bottommost_compression_opts.enabled = true;
  out.bottommost_compression_opts.level = 1;
  // The families share db_write_buffer_size; small arena blocks keep seven families that idle from holding memory.
  out.write_buffer_size = options.write_buffer_bytes / 3;
  out.max_write_buffer_number = 3;
  out.arena_block_size = 128 << 10;
  out.memtable_protection_bytes_per_key = 8;
  out.paranoid_file_checks = true;
  out.force_consistency_checks = true;
  if (is_read_by_workflow(family)) {
    out.prefix_extractor = std::make_shared<KeyPrefix<workflow_prefix_length>>("settle.WorkflowPrefix");
    out.memtable_insert_with_hint_prefix_extractor = out.prefix_extractor;
  } else if (family == Family::receipts) {
    out.memtable_insert_with_hint_prefix_extractor =
        std::make_shared<KeyPrefix<receipt_prefix_length>>("settle.ReceiptPrefix");
  }
  // Each submission asks whether its id and its key are there already, and hardly ever they are.
  if (family == Family::state || family == Family::keys) {
    out.memtable_whole_key_filtering = true;
    out.memtable_prefix_bloom_size_ratio = 0.02;
  }
  // Marks that came and went stay in memory until a flush, and listings have to pass them.
  if (family == Family::index) out.write_buffer_size = std::min<std::size_t>(out.write_buffer_size, 8 << 20);
  if (family == Family::due) {
    // Timers and outbox are queues: files full of deletions are compacted before seeks have to wade through them.
    out.table_properties_collector_factories.push_back(rocksdb::NewCompactOnDeletionCollectorFactory(1024, 256));
  }
  return out;
}

}  // namespace

const char* family_name(Family family) {
  static constexpr std::array<const char*, family_count> names = {"meta",     "state", "history", "due",
                                                                  "receipts", "index", "keys"};
  return names[static_cast<std::size_t>(family)];
}

bool is_read_by_workflow(Family family) {
  return family == Family::state || family == Family::history;
}

rocksdb::DBOptions database_options(const RocksOptions& options) {
  rocksdb::DBOptions out;
  if (options.env_for_tests != nullptr) out.env = options.env_for_tests;

  // One thread writes, so nothing of RocksDB's own ways to let writers share a sync is wanted.
  out.enable_pipelined_write = false;
  out.unordered_write = false;
  out.two_write_queues = false;
  out.manual_wal_flush = false;
  out.allow_concurrent_memtable_write = false;
  out.enable_write_thread_adaptive_yield = false;

  // Recovery stops at the first thing wrong, never skips; the durable floor then tells whether that was the end.
  out.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  out.track_and_verify_wals_in_manifest = false;
  out.recycle_log_file_num = 0;
  out.best_efforts_recovery = false;
  // The floor remembers the manifest by its whole content, which is read again whenever it has grown.
  out.max_manifest_file_size = 4 << 20;
  out.paranoid_checks = true;
  out.verify_sst_unique_id_in_manifest = true;
  out.flush_verify_memtable_count = true;
  out.max_bgerror_resume_count = 0;

  // Memory, replay time and disk of the log are bounded.
  out.db_write_buffer_size = options.write_buffer_bytes;
  out.max_total_wal_size = options.wal_bytes;
  out.max_background_jobs = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 2U, 4U));
  out.max_open_files = 512;
  // Each of these is made anew for each family at each start; sixteen of them cost more than they open.
  out.max_file_opening_threads = out.max_background_jobs;

  out.use_fsync = false;
  out.bytes_per_sync = 1 << 20;
  out.wal_bytes_per_sync = 0;
  out.allow_mmap_reads = false;
  out.allow_mmap_writes = false;

  // The database's own log stays small; its numbers go out through RocksStore::stats() instead.
  out.max_log_file_size = 4 << 20;
  out.keep_log_file_num = 4;
  out.stats_dump_period_sec = 0;
  out.stats_persist_period_sec = 0;
  return out;
}

std::vector<rocksdb::ColumnFamilyDescriptor> family_descriptors(const RocksOptions& options) {
  // Few threads read, and a shard has to have room for the largest blocks.
  constexpr int shard_bits = 2;
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes, shard_bits);
  const std::shared_ptr<rocksdb::TableFactory> table(rocksdb::NewBlockBasedTableFactory(table_options(cache)));
  std::vector<rocksdb::ColumnFamilyDescriptor> out;
  out.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options(Family::meta, options, table));
  for (const Family family : all_families)
    out.emplace_back(family_name(family), family_options(family, options, table));
  return out;
}

Error translate(const rocksdb::Status& status, const std::string& what, const std::string& directory) {
  const std::string words = status.ToString();
  const auto says = [&words](std::string_view part) { return words.find(part) != std::string::npos; };
  const bool is_locked = status.IsIOError() && (says("lock hold by current process") || says("While lock file"));
  if (is_locked) {
    return fail(ErrorCode::in_use, "the store in " + directory +
                                       " is in use by another engine; stop that one, or give"
                                       " this one a data directory of its own");
  }
  ErrorCode code = ErrorCode::internal;
  if (status.IsIOError()) code = ErrorCode::io_error;
  if (status.IsNoSpace()) code = ErrorCode::disk_full;
  if (status.IsCorruption()) code = ErrorCode::corruption;
  return fail(code, what + " in " + directory + ": " + words);
}

rocksdb::DBOptions Database::on_our_files(rocksdb::DBOptions options, const std::string& directory) {
  files_ = std::make_shared<StoreFileSystem>(options.env->GetFileSystem(), directory);
  env_ = rocksdb::NewCompositeEnv(files_);
  options.env = env_.get();
  return options;
}

std::uint64_t Database::oldest_log() const {
  std::uint64_t number = 0;
  db_->GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &number);
  return number;
}

rocksdb::Status Database::open(const rocksdb::DBOptions& options, const std::string& directory,
                               const std::vector<rocksdb::ColumnFamilyDescriptor>& families) {
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(on_our_files(options, directory), directory, families, &handles_, &db);
  db_.reset(db);
  return status;
}

rocksdb::Status Database::open_read_only(const rocksdb::DBOptions& options, const std::string& directory,
                                         const std::vector<rocksdb::ColumnFamilyDescriptor>& families) {
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::OpenForReadOnly(on_our_files(options, directory), directory, families, &handles_, &db);
  db_.reset(db);
  return status;
}

void Database::close() {
  if (!db_) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  handles_.clear();
  db_.reset();
}

}  // namespace settle
