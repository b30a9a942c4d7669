#include "storage/rocks/inspect.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "storage/rocks/families.h"
#include "storage/rocks/head.h"

namespace settle {
namespace {

/// RocksDB opens a log file in the directory unless it is given a place to write to; here that is nowhere.
class SilentLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

class OpenedView final : public ReadOnlyStore {
 public:
  explicit OpenedView(const std::string& directory) {
    options_.directory = directory;
    options_.block_cache_bytes = 8U << 20;
  }

  rocksdb::Status open() {
    rocksdb::DBOptions settings = database_options(options_);
    settings.info_log = std::make_shared<SilentLog>();
    // Every file is opened now, so that what a running engine deletes later stays readable.
    settings.max_open_files = -1;
    // The log is replayed into memory only; nothing of it may be flushed.
    settings.db_write_buffer_size = 0;
    return database_.open_read_only(settings, options_.directory, family_descriptors(options_));
  }

  /// Reads the head; with a floor, compares the two.
  Result<void> check(const FloorRecord* floor) {
    const std::unique_ptr<Reader> reader = snapshot();
    Result<StoreHead> head = read_head(*reader);
    if (!head) return std::move(head.error());
    head_ = *head;
    if (floor == nullptr) return {};
    return check_against_floor(*floor, head_, *reader, database_.oldest_log(), options_.directory);
  }

  std::unique_ptr<Reader> snapshot() const override { return make_reader(database_, nullptr, options_.directory); }
  std::uint64_t ledger_size() const override { return head_.ledger_size; }
  std::uint32_t partitions() const override { return head_.partitions; }
  std::uint64_t last_group() const override { return head_.group; }

 private:
  RocksOptions options_;
  Database database_;
  StoreHead head_;
};

std::set<std::string> files_in(const std::string& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    names.insert(at->path().filename());
  }
  return names;
}

/// Whether a log of `before` is gone. Logs go oldest first, so when none is, none that came in between is either.
bool lost_a_log(const std::set<std::string>& before, const std::set<std::string>& after) {
  return std::any_of(before.begin(), before.end(), [&after](const std::string& name) {
    return std::filesystem::path(name).extension() == ".log" && !after.contains(name);
  });
}

Result<std::unique_ptr<ReadOnlyStore>> try_open(const std::string& directory, const FloorRecord* floor) {
  auto view = std::make_unique<OpenedView>(directory);
  const rocksdb::Status opened = view->open();
  if (!opened.ok()) return translate(opened, "opening of the store", directory);
  Result<void> checked = view->check(floor);
  if (!checked) return std::move(checked.error());
  return std::unique_ptr<ReadOnlyStore>(std::move(view));
}

}  // namespace

Result<std::unique_ptr<ReadOnlyStore>> open_read_only(const std::string& directory, ReadOnlyOptions options) {
  std::error_code ignored;
  const std::filesystem::path path(directory);
  const bool is_store =
      std::filesystem::exists(path / "CURRENT", ignored) || std::filesystem::exists(path / floor_file, ignored);
  if (!is_store) return fail(ErrorCode::not_found, "there is no store in " + directory);

  // The floor is read first: the store is then at least as new.
  Result<FloorRecord> floor = read_floor(directory);
  const bool has_floor = static_cast<bool>(floor);
  const bool is_fatal = !has_floor && (!options.accept_missing || floor.error().code == ErrorCode::newer_format);
  if (is_fatal) return std::move(floor.error());
  const bool has_lost_all = has_floor && floor->group > 0 && !std::filesystem::exists(path / "CURRENT", ignored);
  if (has_lost_all) return without_database(directory, *floor);
  const FloorRecord* const compared = has_floor && !options.accept_missing ? &*floor : nullptr;

  // A running engine may replace files while they are being opened: a failure then means nothing, and a view that was
  // made while a log went away may have a hole. Both are tried again.
  constexpr int tries_max = 8;
  for (int tries = 0; tries < tries_max; ++tries) {
    const std::set<std::string> before = files_in(directory);
    Result<std::unique_ptr<ReadOnlyStore>> view = try_open(directory, compared);
    const std::set<std::string> after = files_in(directory);
    const bool moved_on = view ? lost_a_log(before, after) : before != after;
    if (!moved_on) return view;
  }
  return fail(ErrorCode::io_error, "the engine on " + directory + " changed its files during each of " +
                                       std::to_string(tries_max) + " tries to look at them; try again");
}

}  // namespace settle
