#pragma once

#include <rocksdb/listener.h>

namespace settle {

/// Lets RocksDB's threads that compact wait for those that somebody waits for: loops, committer, flushes. Where there
/// is CPU time to spare this changes nothing; where there is none, a compaction takes about a third of what a loop
/// does. Thread: RocksDB's.
class CompactionGivesWay final : public rocksdb::EventListener {
 public:
  void OnCompactionBegin(rocksdb::DB* database, const rocksdb::CompactionJobInfo& job) override;
};

}  // namespace settle
