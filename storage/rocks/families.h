#pragma once

// Inner part of the room: the only headers that name RocksDB stay below storage/rocks.

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/rocks/rocks_store.h"
#include "storage/rocks/store_fs.h"
#include "storage/store.h"

namespace settle {

/// The name of the column family.
const char* family_name(Family family);
inline constexpr std::array<Family, family_count> all_families = {
    Family::meta, Family::state, Family::history, Family::due, Family::receipts, Family::index, Family::keys};

/// Whether the filters of the family also answer for whole workflows.
bool is_read_by_workflow(Family family);

/// Settings of the database and of each family; what they are and why: docs/formats/store.md.
rocksdb::DBOptions database_options(const RocksOptions& options);
/// RocksDB's own family "default" first (it insists on it; nothing is in it), then ours in the order of the
/// enumeration.
std::vector<rocksdb::ColumnFamilyDescriptor> family_descriptors(const RocksOptions& options);

/// RocksDB's words for a failure, in ours: corruption, disk_full, in_use, io_error or internal. `what` was tried there.
Error translate(const rocksdb::Status& status, const std::string& what, const std::string& directory);

/// An open database with the handles of its families.
class Database {
 public:
  Database() = default;
  ~Database() { close(); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::Status open(const rocksdb::DBOptions& options, const std::string& directory,
                       const std::vector<rocksdb::ColumnFamilyDescriptor>& families);
  rocksdb::Status open_read_only(const rocksdb::DBOptions& options, const std::string& directory,
                                 const std::vector<rocksdb::ColumnFamilyDescriptor>& families);
  void close();

  /// From here on a failed write ends the process (store_fs.h).
  void arm() { files_->arm(); }
  /// The number of the oldest write-ahead log whose commits are not all in tables.
  std::uint64_t oldest_log() const;

  rocksdb::DB& operator*() const { return *db_; }
  rocksdb::DB* operator->() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* family(Family family) const { return handles_[static_cast<std::size_t>(family) + 1]; }
  const std::vector<rocksdb::ColumnFamilyHandle*>& handles() const { return handles_; }

 private:
  rocksdb::DBOptions on_our_files(rocksdb::DBOptions options, const std::string& directory);

  std::shared_ptr<StoreFileSystem> files_;
  std::unique_ptr<rocksdb::Env> env_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  std::unique_ptr<rocksdb::DB> db_;
};

/// A view of `database` at `snapshot`, which it releases; null: as the database stands at each call.
std::unique_ptr<Reader> make_reader(const Database& database, const rocksdb::Snapshot* snapshot,
                                    const std::string& directory);

}  // namespace settle
