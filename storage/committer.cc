#include "storage/committer.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
#include "storage/big_endian.h"
#include "storage/feed.h"
#include "storage/ledger.h"

namespace settle {
namespace {

std::size_t writes_of(const WriteBatch& batch) {
  return batch.writes.size() + batch.ledger.size() + batch.audit.size();
}

class GroupBuilder {
 public:
  GroupBuilder(const std::vector<QueuedCommit>& queue, std::uint64_t ledger_size, const DurableLookup& durable,
               std::uint64_t audit_size, std::uint64_t feed_size)
      : durable_(durable), ledger_size_(ledger_size), audit_size_(audit_size), feed_size_(feed_size) {
    std::size_t count = 2;  // the feed's record, the ledger's
    for (const QueuedCommit& commit : queue) {
      count += writes_of(commit.batch);
      for (const Guard& guard : commit.batch.guards) is_guarded_[static_cast<std::size_t>(guard.family)] = true;
    }
    // The views in `written_` point into these writes, so the vector must never move them.
    writes_.reserve(count);
  }

  Result<void> add(QueuedCommit commit) {
    Result<std::optional<CommitResult>> loss = find_loss(commit.batch.guards);
    if (!loss) return std::move(loss.error());
    if (!loss->has_value()) apply(std::move(commit.batch));
    answer(commit, loss->has_value() ? std::move(**loss) : CommitResult{});
    return {};
  }

  CommitGroup finish() {
    if (!feed_.empty()) push({Family::index, feed_key(++feed_size_), encode_feed(feed_)});
    if (!leaves_.empty()) push({Family::receipts, ledger_key(ledger_size_), encode_leaves(leaves_)});
    return {last_writes(), std::move(deliveries_), ledger_size_ + leaves_.size(), audit_size_, feed_size_};
  }

 private:
  /// The result of a batch of which a guard does not hold; null when all hold.
  Result<std::optional<CommitResult>> find_loss(const std::vector<Guard>& guards) const {
    for (std::size_t i = 0; i < guards.size(); ++i) {
      Result<std::optional<std::string>> standing = find(guards[i].family, guards[i].key);
      if (!standing) return std::move(standing.error());
      if (standing->has_value()) return std::optional(CommitResult{false, i, std::move(**standing)});
    }
    return std::optional<CommitResult>();
  }

  Result<std::optional<std::string>> find(Family family, std::string_view key) const {
    const auto& written = written_[static_cast<std::size_t>(family)];
    const auto at = written.find(key);
    if (at != written.end()) return writes_[at->second].value;
    return durable_(family, key);
  }

  void apply(WriteBatch batch) {
    for (Write& write : batch.writes) push(std::move(write));
    for (LedgerEntry& entry : batch.ledger) append(std::move(entry));
    for (std::string& record : batch.audit) push({Family::index, audit_key(++audit_size_), std::move(record)});
    for (FeedEntry& entry : batch.feed) feed_.push_back(std::move(entry));
  }

  void append(LedgerEntry entry) {
    const std::uint64_t index = ledger_size_ + leaves_.size();
    std::string receipt;
    receipt.reserve(sizeof(index) + entry.bytes.size());
    append_be64(receipt, index);
    receipt += entry.bytes;
    leaves_.push_back({entry.hash, entry.key});
    push({Family::receipts, std::move(entry.key), std::move(receipt)});
  }

  void push(Write write) {
    SETTLE_ASSERT(writes_.size() < writes_.capacity());
    const auto family = static_cast<std::size_t>(write.family);
    SETTLE_ASSERT(family < family_count);
    writes_.push_back(std::move(write));
    // Only what a guard of this group may ask for is worth remembering.
    if (is_guarded_[family]) written_[family].insert_or_assign(writes_.back().key, writes_.size() - 1);
  }

  void answer(QueuedCommit& commit, CommitResult result) {
    if (!commit.done) return;
    SETTLE_ASSERT(commit.sink != nullptr);
    // There are as many sinks as event loops: few enough to look through.
    auto at = std::find_if(deliveries_.begin(), deliveries_.end(),
                           [&](const Delivery& delivery) { return delivery.sink == commit.sink; });
    if (at == deliveries_.end()) at = deliveries_.insert(at, Delivery{commit.sink, {}});
    at->completions.push_back({std::move(commit.done), std::move(result)});
  }

  /// Sorted, since neighbouring keys make the store's own insertion about twice as fast, and without the writes that a
  /// later one of the group covers. A mark that comes and goes in one group, or goes and comes, was never touched.
  std::vector<Write> last_writes() {
    std::vector<std::size_t> order(writes_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      if (writes_[a].family != writes_[b].family) return writes_[a].family < writes_[b].family;
      const int keys = writes_[a].key.compare(writes_[b].key);
      return keys != 0 ? keys < 0 : a < b;
    });
    std::vector<Write> last;
    last.reserve(order.size());
    for (const std::size_t index : order) {
      Write& write = writes_[index];
      const bool covers = !last.empty() && last.back().family == write.family && last.back().key == write.key;
      if (covers && write.is_mark) {
        last.pop_back();
      } else if (covers) {
        last.back() = std::move(write);
      } else {
        last.push_back(std::move(write));
      }
    }
    return last;
  }

  const DurableLookup& durable_;
  const std::uint64_t ledger_size_;  ///< before the group
  std::uint64_t audit_size_;
  std::uint64_t feed_size_;
  std::vector<FeedEntry> feed_;
  std::vector<LedgerLeaf> leaves_;
  std::array<bool, family_count> is_guarded_{};
  std::vector<Write> writes_;
  std::array<std::unordered_map<std::string_view, std::size_t>, family_count> written_;
  std::vector<Delivery> deliveries_;
};

}  // namespace

Result<CommitGroup> decide_group(std::vector<QueuedCommit> queue, std::uint64_t ledger_size,
                                 const DurableLookup& durable, std::uint64_t audit_size, std::uint64_t feed_size) {
  GroupBuilder builder(queue, ledger_size, durable, audit_size, feed_size);
  for (QueuedCommit& commit : queue) {
    Result<void> added = builder.add(std::move(commit));
    if (!added) return std::move(added.error());
  }
  return builder.finish();
}

std::size_t bytes_of(const WriteBatch& batch) {
  constexpr std::size_t per_write = 16;  // tag, family, lengths
  std::size_t bytes = writes_of(batch) * per_write;
  for (const Write& write : batch.writes) bytes += write.key.size() + (write.value ? write.value->size() : 0);
  for (const std::string& record : batch.audit) bytes += 9 + record.size();
  for (const FeedEntry& entry : batch.feed)
    bytes += per_write + entry.name_space.size() + entry.workflow.size() + entry.notice.size();
  for (const LedgerEntry& entry : batch.ledger) bytes += 2 * entry.key.size() + entry.bytes.size() + sizeof(Hash);
  return bytes;
}

void deliver(std::vector<Delivery> deliveries) {
  for (Delivery& delivery : deliveries) delivery.sink->deliver(std::move(delivery.completions));
}

}  // namespace settle
