#include "storage/rocks/background.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace settle {

void CompactionGivesWay::OnCompactionBegin(rocksdb::DB* /*database*/, const rocksdb::CompactionJobInfo& /*job*/) {
  // The thread is one of the pool for compactions alone, and stays as it is: whoever is not root can't take it back.
  constexpr int nice = 5;
  thread_local bool gives_way = false;
  if (std::exchange(gives_way, true)) return;
  // On Linux a thread has a nice value of its own (setpriority(2)). One that can't be set is as it was.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
}

}  // namespace settle
