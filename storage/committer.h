#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/store.h"

namespace settle {

/// One batch on its way to the disk, and where its answer goes. An empty `done` asks for no answer.
struct QueuedCommit {
  WriteBatch batch;
  CompletionSink* sink = nullptr;
  CompletionSink::Done done;
};

/// The completions of one event loop, in the order of the queue.
struct Delivery {
  CompletionSink* sink = nullptr;
  std::vector<CompletionSink::Completion> completions;
};

/// What one group of queued batches comes to. The writes go to the disk in one atomic step; only then may the
/// deliveries leave, those of batches that lost a race included, since what they lost to may be in the same group.
struct CommitGroup {
  std::vector<Write> writes;         ///< ordered by family and key, one per key: the last one of the queue
  std::vector<Delivery> deliveries;  ///< one per sink, ordered by its first batch
  std::uint64_t ledger_size = 0;     ///< once the group is durable
  std::uint64_t audit_size = 0;      ///< the same of the audit log
  std::uint64_t feed_size = 0;       ///< number of the feed's last record
};

/// The durable value at a key, without what the group writes.
using DurableLookup = std::function<Result<std::optional<std::string>>(Family family, std::string_view key)>;

/// Decides a group: tries the guards of each batch in queue order (against the durable state and what earlier batches
/// of the group write), drops the batches that lose, and gives ledger entries their index from `ledger_size` on,
/// records of the audit log their number after `audit_size`, and what the batches add to the feed one record, the next
/// after `feed_size`. A batch whose guard does not hold leaves no trace but its completion. Pure but for `durable`.
/// Errors: those of `durable`.
Result<CommitGroup> decide_group(std::vector<QueuedCommit> queue, std::uint64_t ledger_size,
                                 const DurableLookup& durable, std::uint64_t audit_size = 0,
                                 std::uint64_t feed_size = 0);

/// Roughly the bytes that a batch takes in a write-ahead log; bounds the size of a group.
std::size_t bytes_of(const WriteBatch& batch);

/// Hands every delivery to its sink.
void deliver(std::vector<Delivery> deliveries);

}  // namespace settle
