#include <rocksdb/iterator.h>
#include <rocksdb/snapshot.h>

#include <utility>

#include "base/hash.h"
#include "storage/keys.h"
#include "storage/rocks/families.h"
#include "storage/rocks/workflow_prefix.h"

namespace settle {
namespace {

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

class RocksReader final : public Reader {
 public:
  RocksReader(const Database& database, const rocksdb::Snapshot* snapshot, const std::string& directory)
      : database_(database), snapshot_(snapshot), directory_(directory) {}

  ~RocksReader() override {
    if (snapshot_ != nullptr) database_->ReleaseSnapshot(snapshot_);
  }
  RocksReader(const RocksReader&) = delete;
  RocksReader& operator=(const RocksReader&) = delete;

  Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
    std::string value;
    const rocksdb::Status status = database_->Get(read_options(), database_.family(family), slice(key), &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return failure(status, family, key);
    return std::optional(std::move(value));
  }

  Result<void> scan(Family family, const Range& range,
                    const std::function<bool(std::string_view key, std::string_view value)>& visit) const override {
    if (!range.to.empty() && range.to <= range.from) return {};
    rocksdb::ReadOptions read = read_options();
    const rocksdb::Slice from = slice(range.from);
    const rocksdb::Slice to = slice(range.to);
    read.iterate_lower_bound = &from;
    if (!range.to.empty()) read.iterate_upper_bound = &to;
    read.total_order_seek = !is_within_one_workflow(family, range);
    read.prefix_same_as_start = !read.total_order_seek;

    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator(read, database_.family(family)));
    if (!range.reverse) {
      for (at->Seek(from); at->Valid() && visit(view(at->key()), view(at->value()));) at->Next();
    } else {
      for (at->SeekToLast(); at->Valid() && visit(view(at->key()), view(at->value()));) at->Prev();
    }
    if (!at->status().ok()) return failure(at->status(), family, range.from);
    return {};
  }

 private:
  rocksdb::ReadOptions read_options() const {
    rocksdb::ReadOptions read;
    read.snapshot = snapshot_;
    read.verify_checksums = true;
    return read;
  }

  /// Whether the prefix filters may answer: only when every key of the range begins with the prefix of `from`.
  static bool is_within_one_workflow(Family family, const Range& range) {
    if (!is_read_by_workflow(family) || range.reverse || range.to.empty()) return false;
    const std::size_t length = workflow_prefix_length(range.from);
    return length > 0 && range.to <= keys::after(range.from.substr(0, length));
  }

  Error failure(const rocksdb::Status& status, Family family, std::string_view key) const {
    return translate(status, std::string("read of ") + family_name(family) + " at key 0x" + to_hex(key), directory_);
  }

  const Database& database_;
  const rocksdb::Snapshot* const snapshot_;
  const std::string directory_;
};

}  // namespace

std::unique_ptr<Reader> make_reader(const Database& database, const rocksdb::Snapshot* snapshot,
                                    const std::string& directory) {
  return std::make_unique<RocksReader>(database, snapshot, directory);
}

}  // namespace settle
