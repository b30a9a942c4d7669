#include "storage/memory/memory_store.h"

#include <utility>

#include "base/error.h"

namespace settle {

class MemoryStore::Snapshot final : public Reader {
 public:
  Snapshot(Tables tables, std::mutex& mutex) : tables_(std::move(tables)), mutex_(mutex) {}

  // The store looks at the use counts of the tables under its mutex, so they only change under it.
  ~Snapshot() override {
    const std::lock_guard lock(mutex_);
    tables_ = {};
  }

  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  Result<std::optional<std::string>> get(Family family, std::string_view key) const override {
    const Table& table = *tables_[static_cast<std::size_t>(family)];
    const auto at = table.find(key);
    if (at == table.end()) return std::optional<std::string>();
    return std::optional(at->second);
  }

  Result<void> scan(Family family, const Range& range,
                    const std::function<bool(std::string_view key, std::string_view value)>& visit) const override {
    const Table& table = *tables_[static_cast<std::size_t>(family)];
    if (!range.to.empty() && range.to <= range.from) return {};
    const auto first = table.lower_bound(range.from);
    const auto last = range.to.empty() ? table.end() : table.lower_bound(range.to);
    if (!range.reverse) {
      for (auto at = first; at != last && visit(at->first, at->second);) ++at;
      return {};
    }
    for (auto at = last; at != first;) {
      --at;
      if (!visit(at->first, at->second)) break;
    }
    return {};
  }

 private:
  Tables tables_;
  std::mutex& mutex_;
};

MemoryStore::MemoryStore(bool auto_sync) : auto_sync_(auto_sync) {
  for (std::shared_ptr<Table>& table : tables_) table = std::make_shared<Table>();
}

void MemoryStore::commit(WriteBatch batch, CompletionSink& sink, CompletionSink::Done done) {
  std::unique_lock lock(mutex_);
  queue_.push_back({std::move(batch), &sink, std::move(done)});
  if (auto_sync_) sync_locked(lock);
}

void MemoryStore::sync() {
  std::unique_lock lock(mutex_);
  sync_locked(lock);
}

void MemoryStore::sync_locked(std::unique_lock<std::mutex>& lock) {
  CommitGroup group = decide(std::exchange(queue_, {}));
  apply(group);
  for (Delivery& delivery : group.deliveries) deliveries_.push_back(std::move(delivery));
  // A sink may commit again from within deliver(), and two threads may sync at once: whoever delivers already goes on
  // with what was added, so completions keep the order of their commits and no sink is called under the lock.
  if (is_delivering_) return;
  is_delivering_ = true;
  while (!deliveries_.empty()) {
    Delivery next = std::move(deliveries_.front());
    deliveries_.pop_front();
    lock.unlock();
    next.sink->deliver(std::move(next.completions));
    lock.lock();
  }
  is_delivering_ = false;
}

void MemoryStore::crash(std::size_t keep) {
  const std::lock_guard lock(mutex_);
  std::vector<QueuedCommit> queue = std::exchange(queue_, {});
  if (keep < queue.size()) queue.resize(keep);
  CommitGroup group = decide(std::move(queue));
  apply(group);
  deliveries_.clear();
}

CommitGroup MemoryStore::decide(std::vector<QueuedCommit> queue) const {
  const DurableLookup durable = [this](Family family, std::string_view key) -> Result<std::optional<std::string>> {
    const Table& table = *tables_[static_cast<std::size_t>(family)];
    const auto at = table.find(key);
    if (at == table.end()) return std::optional<std::string>();
    return std::optional(at->second);
  };
  Result<CommitGroup> group = decide_group(std::move(queue), ledger_size_, durable, audit_size_, feed_size_);
  SETTLE_ASSERT(group);  // a look-up in memory has no way to fail
  return *std::move(group);
}

void MemoryStore::apply(CommitGroup& group) {
  for (const Write& write : group.writes) apply(write);
  ledger_size_ = group.ledger_size;
  audit_size_ = group.audit_size;
  feed_size_ = group.feed_size;
}

void MemoryStore::apply(const Write& write) {
  std::shared_ptr<Table>& table = tables_[static_cast<std::size_t>(write.family)];
  if (table.use_count() > 1) table = std::make_shared<Table>(*table);
  SETTLE_ASSERT(!write.is_mark || table->contains(write.key) != write.value.has_value());
  if (write.value) table->insert_or_assign(write.key, *write.value);
  if (!write.value) table->erase(write.key);
}

std::unique_ptr<Reader> MemoryStore::snapshot() const {
  const std::lock_guard lock(mutex_);
  return std::make_unique<Snapshot>(tables_, mutex_);
}

std::uint64_t MemoryStore::ledger_size() const {
  const std::lock_guard lock(mutex_);
  return ledger_size_;
}

std::uint64_t MemoryStore::feed_size() const {
  const std::lock_guard lock(mutex_);
  return feed_size_;
}

bool MemoryStore::has_room() const {
  const std::lock_guard lock(mutex_);
  return has_room_;
}

std::size_t MemoryStore::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void MemoryStore::set_has_room(bool has_room) {
  const std::lock_guard lock(mutex_);
  has_room_ = has_room;
}

}  // namespace settle
