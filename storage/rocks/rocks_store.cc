#include "storage/rocks/rocks_store.h"

#include <pthread.h>
#include <rocksdb/listener.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/statistics.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "storage/committer.h"
#include "storage/rocks/background.h"
#include "storage/rocks/fail_stop.h"
#include "storage/rocks/families.h"
#include "storage/rocks/floor.h"
#include "storage/rocks/head.h"
#include "storage/rocks/opening.h"
#include "storage/rocks/submission_queue.h"

namespace settle {
namespace {

const char* name_of(rocksdb::BackgroundErrorReason reason) {
  switch (reason) {
    case rocksdb::BackgroundErrorReason::kFlush:
    case rocksdb::BackgroundErrorReason::kFlushNoWAL:
      return "flush";
    case rocksdb::BackgroundErrorReason::kCompaction:
      return "compaction";
    case rocksdb::BackgroundErrorReason::kWriteCallback:
      return "write or sync of the log";
    case rocksdb::BackgroundErrorReason::kMemTable:
      return "insertion into memory";
    case rocksdb::BackgroundErrorReason::kManifestWrite:
    case rocksdb::BackgroundErrorReason::kManifestWriteNoWAL:
      return "write of the manifest";
  }
  return "background work";
}

/// Ends the process on an error of RocksDB's own threads, which would otherwise decide by themselves whether to go on.
/// While the store is being opened, errors come back from the call instead.
class FailStopListener final : public rocksdb::EventListener {
 public:
  explicit FailStopListener(std::string directory) : directory_(std::move(directory)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    const ErrorCode code = error->IsCorruption() ? ErrorCode::corruption : ErrorCode::io_error;
    if (is_armed_) fail_stop(name_of(reason), directory_, error->ToString(), code);
    had_error_ = true;
  }

  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

  /// From here on errors end the process. False when there was one already.
  bool arm() {
    is_armed_ = true;
    return !had_error_;
  }

 private:
  const std::string directory_;
  std::atomic<bool> is_armed_{false};
  std::atomic<bool> had_error_{false};
};

rocksdb::Status put(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family, const Write& write) {
  if (write.value) return batch.Put(family, write.key, *write.value);
  return write.is_mark ? batch.SingleDelete(family, write.key) : batch.Delete(family, write.key);
}

/// Bytes of all log files: the replay may write as much again, as tables.
std::uint64_t log_bytes(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() != ".log") continue;
    const std::uintmax_t size = at->file_size(error);
    if (!error) bytes += size;
  }
  return bytes;
}

}  // namespace

class RocksStore::Impl {
 public:
  explicit Impl(const RocksOptions& options)
      : options_(options), listener_(std::make_shared<FailStopListener>(options.directory)) {}
  ~Impl();

  Result<void> open();
  void submit(QueuedCommit commit);
  std::unique_ptr<Reader> snapshot() const {
    return make_reader(database_, database_->GetSnapshot(), options_.directory);
  }
  std::uint64_t ledger_size() const { return ledger_size_.load(std::memory_order_acquire); }
  std::uint64_t feed_size() const { return feed_size_.load(std::memory_order_acquire); }
  bool has_room() const { return has_room_.load(std::memory_order_relaxed); }
  std::uint32_t partitions() const { return head_.partitions; }
  FloorKeeper& floor() { return *floor_; }
  RocksStats stats() const;

 private:
  Result<void> make_space() const;
  Result<void> open_database(const Opening& opening);
  Result<void> adopt(const Opening& opening);
  void look_at_disk();
  Result<DiskSpace> measure() const;
  void run();
  bool commit_next_group(std::deque<std::unique_ptr<Submission>>& queue);
  void commit_group(std::vector<QueuedCommit> queue);
  rocksdb::Status write(const CommitGroup& group);
  void flush_if_large();

  const RocksOptions options_;
  const std::shared_ptr<FailStopListener> listener_;
  const std::shared_ptr<rocksdb::Statistics> statistics_ = rocksdb::CreateDBStatistics();
  Database database_;
  StoreHead head_;  ///< written by the committer's thread only; `partitions` never changes once open
  std::atomic<std::uint64_t> ledger_size_{0};
  std::uint64_t audit_size_ = 0;  ///< the committer's
  std::atomic<std::uint64_t> feed_size_{0};
  std::atomic<std::uint64_t> last_group_{0};
  std::atomic<std::uint64_t> groups_{0};
  std::atomic<std::uint64_t> batches_{0};
  std::atomic<bool> has_room_{true};
  bool is_reserve_given_ = false;  ///< and not yet taken again; of the opening, then of the floor's thread
  SubmissionQueue queue_;
  std::unique_ptr<FloorKeeper> floor_;
  std::thread committer_;
};

Result<void> RocksStore::Impl::open() {
  Result<Opening> opening = prepare_directory(options_);
  if (!opening) return std::move(opening.error());
  Result<void> has_space = make_space();
  if (!has_space) return has_space;
  Result<void> opened = open_database(*opening);
  if (!opened) return opened;
  Result<void> adopted = adopt(*opening);
  if (!adopted) return adopted;
  database_.arm();
  if (!listener_->arm()) {
    return fail(ErrorCode::io_error,
                "the store in " + options_.directory + " failed while it was opened; see its file LOG");
  }
  look_at_disk();
  committer_ = std::thread([this] { run(); });
  return {};
}

/// RocksDB 7.8 fails an assertion, instead of the call, when it finds no room for a table while it opens. So on a disk
/// that may not suffice for the replay the reserve is given back before, and if that is not enough, nothing is tried.
Result<void> RocksStore::Impl::make_space() const {
  constexpr std::uint64_t least_bytes = 4U << 20;
  const std::uint64_t needed = log_bytes(options_.directory) + least_bytes;
  const auto is_short = [&] {
    const Result<DiskSpace> space = disk_space(options_.directory);
    return space && space->free_bytes < needed;
  };
  if (!is_short()) return {};
  release_ballast(options_.directory);
  if (!is_short()) return {};
  return fail(ErrorCode::disk_full, "the disk of the store in " + options_.directory +
                                        " is full, and the reserve is used up; make room of " +
                                        std::to_string((needed >> 20) + 1) + " MiB, which the start may need");
}

Result<void> RocksStore::Impl::open_database(const Opening& opening) {
  rocksdb::DBOptions settings = database_options(options_);
  settings.create_if_missing = opening.is_new;
  settings.create_missing_column_families = opening.is_new;
  settings.listeners.push_back(listener_);
  settings.listeners.push_back(std::make_shared<CompactionGivesWay>());
  statistics_->set_stats_level(rocksdb::StatsLevel::kExceptDetailedTimers);
  settings.statistics = statistics_;
  const rocksdb::Status opened = database_.open(settings, options_.directory, family_descriptors(options_));
  if (!opened.ok()) return translate(opened, "opening of the store", options_.directory);
  return {};
}

/// Takes over where the store stands. Floor and store are compared a second time, now that nobody else can write.
Result<void> RocksStore::Impl::adopt(const Opening& opening) {
  const std::unique_ptr<Reader> reader = snapshot();
  Result<StoreHead> head = read_head(*reader);
  if (!head) return std::move(head.error());
  Result<void> checked = check_against_floor(opening.floor, *head, *reader, database_.oldest_log(), options_.directory);
  if (!checked) return checked;
  head_ = *head;
  head_.format = store_format;  // an older store is one of this format from its next group on
  const Result<std::uint64_t> audited = audit_size(*reader);
  if (!audited) return audited.error();
  audit_size_ = *audited;
  const Result<std::uint64_t> fed = settle::feed_size(*reader);
  if (!fed) return fed.error();
  feed_size_ = *fed;
  if (head_.group == 0) {
    // The first group holds nothing but the head itself: format and partitions.
    head_.partitions = opening.floor.partitions;
    const rocksdb::Status written = write(CommitGroup{});
    if (!written.ok()) return translate(written, "first write of the store", options_.directory);
  }
  ledger_size_ = head_.ledger_size;
  last_group_ = head_.group;
  Result<std::unique_ptr<FloorKeeper>> floor =
      FloorKeeper::open(options_.directory, opening.floor, [this] { look_at_disk(); });
  if (!floor) return std::move(floor.error());
  floor_ = *std::move(floor);
  // What recovery found is durable, and nothing is acknowledged on a floor of zero.
  floor_->push(head_.group, head_.chain);
  floor_->sync();
  return {};
}

RocksStore::Impl::~Impl() {
  if (committer_.joinable()) {
    auto last = std::make_unique<Submission>();
    last->is_last = true;
    queue_.push(std::move(last));
    committer_.join();
    flush_if_large();
  }
  floor_.reset();
}

/// A large log would be replayed at the next start; a small one is replayed in no time.
void RocksStore::Impl::flush_if_large() {
  constexpr std::uint64_t large = 4U << 20;
  std::uint64_t held = 0;
  const bool known = database_->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &held);
  if (!known || held < large) return;
  const rocksdb::Status flushed = database_->Flush(rocksdb::FlushOptions(), database_.handles());
  if (!flushed.ok()) fail_stop("flush at the end", options_.directory, flushed.ToString());
}

Result<DiskSpace> RocksStore::Impl::measure() const {
  return options_.disk_space_for_tests ? options_.disk_space_for_tests() : disk_space(options_.directory);
}

void RocksStore::Impl::look_at_disk() {
  const Result<DiskSpace> space = measure();
  if (space && is_nearly_full(*space)) {
    is_reserve_given_ = release_ballast(options_.directory) || is_reserve_given_;
  } else if (space && take_ballast(options_.directory, *space)) {
    is_reserve_given_ = false;
  }
  // A disk that can't even be asked gets no new work, and what the reserve gave is not for new work.
  const bool has_room = space && settle::has_room(*space) && !is_reserve_given_;
  has_room_.store(has_room, std::memory_order_relaxed);
}

void RocksStore::Impl::submit(QueuedCommit commit) {
  auto submission = std::make_unique<Submission>();
  submission->bytes = bytes_of(commit.batch);
  submission->commit = std::move(commit);
  queue_.push(std::move(submission));
}

void RocksStore::Impl::run() {
  pthread_setname_np(pthread_self(), "committer");
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);  // this thread compares most of the keys, each of them counted
  std::deque<std::unique_ptr<Submission>> queue;
  do {
    if (queue.empty()) queue_.wait();
    queue_.take(queue);
  } while (commit_next_group(queue));
}

/// Takes a group from the front of the queue and commits it. False when the store is being closed and all is done.
bool RocksStore::Impl::commit_next_group(std::deque<std::unique_ptr<Submission>>& queue) {
  std::vector<QueuedCommit> group;
  std::size_t bytes = 0;
  bool is_closing = false;
  while (!queue.empty() && !is_closing && group.size() < options_.group_batches_max) {
    Submission& next = *queue.front();
    const bool is_too_much = !group.empty() && bytes + next.bytes > options_.group_bytes_max;
    if (is_too_much) break;
    bytes += next.bytes;
    is_closing = next.is_last;
    if (!next.is_last) group.push_back(std::move(next.commit));
    queue.pop_front();
  }
  if (!group.empty()) commit_group(std::move(group));
  return !is_closing;
}

void RocksStore::Impl::commit_group(std::vector<QueuedCommit> queue) {
  const std::size_t count = queue.size();
  const std::unique_ptr<Reader> durable = make_reader(database_, nullptr, options_.directory);
  const DurableLookup lookup = [&durable](Family family, std::string_view key) { return durable->get(family, key); };
  Result<CommitGroup> group = decide_group(std::move(queue), head_.ledger_size, lookup, audit_size_, feed_size());
  if (!group) fail_stop("look-up of a guard", options_.directory, group.error().message);

  // A group in which every batch lost writes nothing: what they lost to is durable already.
  if (!group->writes.empty()) {
    const rocksdb::Status written = write(*group);
    if (!written.ok()) fail_stop("commit", options_.directory, written.ToString());
    audit_size_ = group->audit_size;
    feed_size_.store(group->feed_size, std::memory_order_release);
    ledger_size_.store(head_.ledger_size, std::memory_order_release);
    last_group_.store(head_.group, std::memory_order_relaxed);
    groups_.fetch_add(1, std::memory_order_relaxed);
    floor_->push(head_.group, head_.chain);
  }
  batches_.fetch_add(count, std::memory_order_relaxed);
  deliver(std::move(group->deliveries));
}

/// Writes and syncs a group together with the head that it leads to.
rocksdb::Status RocksStore::Impl::write(const CommitGroup& group) {
  std::size_t bytes = 1024;
  for (const Write& write : group.writes) bytes += 16 + write.key.size() + (write.value ? write.value->size() : 0);
  constexpr std::size_t protection_bytes_per_key = 8;
  rocksdb::WriteBatch batch(bytes, 0, protection_bytes_per_key, 0);
  for (const Write& write : group.writes) {
    const rocksdb::Status added = put(batch, database_.family(write.family), write);
    if (!added.ok()) return added;
  }

  StoreHead next = head_;
  ++next.group;
  next.ledger_size = group.ledger_size;
  next.chain = next_chain(head_.chain, next.group, batch.Data());
  const Write own[] = {{Family::meta, std::string(head_key), encode_head(next)},
                       {Family::meta, ring_key(next.group), encode_ring(next.group, next.chain)}};
  for (const Write& write : own) {
    const rocksdb::Status added = put(batch, database_.family(write.family), write);
    if (!added.ok()) return added;
  }

  rocksdb::WriteOptions durably;
  durably.sync = true;
  const rocksdb::Status written = database_->Write(durably, &batch);
  if (written.ok()) head_ = next;
  return written;
}

RocksStats RocksStore::Impl::stats() const {
  RocksStats out;
  out.groups = groups_.load(std::memory_order_relaxed);
  out.batches = batches_.load(std::memory_order_relaxed);
  out.last_group = last_group_.load(std::memory_order_relaxed);
  out.floor_group = floor_->group_on_disk();
  rocksdb::HistogramData syncs;
  statistics_->histogramData(rocksdb::WAL_FILE_SYNC_MICROS, &syncs);
  out.wal_syncs = syncs.count;
  out.wal_sync_micros = syncs.sum;
  out.wal_sync_micros_p99 = syncs.percentile99;
  out.stall_micros = statistics_->getTickerCount(rocksdb::STALL_MICROS);
  out.background_errors = statistics_->getTickerCount(rocksdb::ERROR_HANDLER_BG_ERROR_COUNT);
  const auto sum = [this](const std::string& property) {
    std::uint64_t value = 0;
    database_->GetAggregatedIntProperty(property, &value);
    return value;
  };
  out.deletes_in_memory =
      sum(rocksdb::DB::Properties::kNumDeletesActiveMemTable) + sum(rocksdb::DB::Properties::kNumDeletesImmMemTables);
  out.memtable_bytes = sum(rocksdb::DB::Properties::kCurSizeAllMemTables);
  // The families share one cache, so any of them answers for all.
  database_->GetIntProperty(database_.family(Family::state), rocksdb::DB::Properties::kBlockCacheUsage,
                            &out.block_cache_bytes);
  return out;
}

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

Result<std::unique_ptr<RocksStore>> RocksStore::open(const RocksOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  Result<void> opened = impl->open();
  const bool is_full = !opened && opened.error().code == ErrorCode::disk_full;
  if (is_full && release_ballast(options.directory)) {
    // The reserve is for this moment: work in progress can be finished and removed, new work is refused meanwhile.
    impl.reset();
    impl = std::make_unique<Impl>(options);
    opened = impl->open();
  }
  if (!opened) return std::move(opened.error());
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

void RocksStore::commit(WriteBatch batch, CompletionSink& sink, CompletionSink::Done done) {
  impl_->submit({std::move(batch), &sink, std::move(done)});
}

std::unique_ptr<Reader> RocksStore::snapshot() const {
  return impl_->snapshot();
}
std::uint64_t RocksStore::ledger_size() const {
  return impl_->ledger_size();
}
std::uint64_t RocksStore::feed_size() const {
  return impl_->feed_size();
}
bool RocksStore::has_room() const {
  return impl_->has_room();
}
std::uint32_t RocksStore::partitions() const {
  return impl_->partitions();
}
void RocksStore::sync_floor() {
  impl_->floor().sync();
}
RocksStats RocksStore::stats() const {
  return impl_->stats();
}

}  // namespace settle
