#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "storage/rocks/logs.h"
#include "storage/rocks/manifest.h"

namespace settle {

/// Version of everything that the store keeps; an older engine refuses a newer one.
inline constexpr std::uint32_t store_format = 5;
inline constexpr const char* floor_file = "FLOOR";

/// The durable floor: what the store must at least hold when it is opened, kept apart from it, since RocksDB can't tell
/// a log that lost its acknowledged end from one that never had it. Bytes: docs/formats/store.md.
struct FloorRecord {
  std::uint32_t format = store_format;
  std::uint32_t partitions = 0;
  std::uint64_t sequence = 0;  ///< counts the writes of the floor; the slot is its parity
  std::uint64_t group = 0;     ///< the last commit group known to be durable
  Hash chain{};                ///< its chain hash
  ManifestMark manifest;       ///< the list of tables, as far as it was durable then
  std::vector<LogMark> logs;   ///< the logs that no longer grew then
};

inline constexpr std::size_t floor_slot_bytes = 512;
/// The slots stand in different blocks, so that no torn write of one block can damage both.
inline constexpr std::size_t floor_slot_stride = 4096;

std::string encode_slot(const FloorRecord& record);
/// Errors: corruption (not a slot, or its checksum is wrong), newer_format.
Result<FloorRecord> decode_slot(std::string_view bytes);

/// The refusal of a store that a newer Settle wrote.
Error newer_store_format(std::uint32_t found);

/// Writes a new floor file and makes it and its name durable; replaces one that is there. Errors: io_error, disk_full.
Result<void> create_floor(const std::string& directory, FloorRecord record);

/// The newer of the intact slots. Errors: data_missing (there is no such file), corruption (no slot is intact),
/// newer_format, io_error.
Result<FloorRecord> read_floor(const std::string& directory);

/// The refusal of a store whose database is gone, though the floor names a group.
Error without_database(const std::string& directory, const FloorRecord& floor);

/// Raises the floor on a thread of its own: the newest pushed value is written at most every 100 ms, once when pushes
/// pause, when the manifest has grown, and at destruction. A write that fails ends the process.
class FloorKeeper {
 public:
  /// Goes on from what `read_floor` gave, and writes it once more at once: to the slot that was not used, so that a
  /// damaged one is whole again before there is anything new to tell. `on_look` is called on the keeper's thread
  /// about once per second, and every other one while nothing is pushed.
  static Result<std::unique_ptr<FloorKeeper>> open(std::string directory, FloorRecord current,
                                                   std::function<void()> on_look);
  ~FloorKeeper();
  FloorKeeper(const FloorKeeper&) = delete;
  FloorKeeper& operator=(const FloorKeeper&) = delete;

  /// Group `group` is durable (call it after the sync returned, never before). Groups only go up. Thread: any.
  void push(std::uint64_t group, const Hash& chain);

  /// Waits until everything pushed before has reached the disk. Thread: any but the keeper's.
  void sync();

  /// The group of the last finished write. Thread: any.
  std::uint64_t group_on_disk() const;

 private:
  FloorKeeper(std::string directory, int file, FloorRecord current, std::function<void()> on_look);
  void run();
  void write(const FloorRecord& record) const;

  const std::string directory_;
  const int file_;
  const std::function<void()> on_look_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  FloorRecord newest_;           ///< what was pushed
  std::uint64_t group_on_disk_;  ///< of the last finished write
  std::uint64_t pushes_ = 1;     ///< opening counts as one
  std::uint64_t written_ = 0;    ///< pushes that the last finished write covers
  bool is_urgent_ = false;       ///< somebody waits in sync()
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace settle
