#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "storage/store.h"

namespace settle {

/// A loop that runs completions as they come, on the committer's thread, and lets a test wait for them.
class CollectingSink final : public CompletionSink {
 public:
  void deliver(std::vector<Completion> completions) override {
    for (Completion& completion : completions) completion.done(completion.result);
    const std::lock_guard lock(mutex_);
    delivered_ += completions.size();
    ++calls_;
    changed_.notify_all();
  }

  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return delivered_ >= count; });
  }

  std::size_t delivered() const {
    const std::lock_guard lock(mutex_);
    return delivered_;
  }

  std::size_t calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t delivered_ = 0;
  std::size_t calls_ = 0;
};

/// Commits and waits for the answer.
inline CommitResult commit_and_wait(Store& store, WriteBatch batch) {
  CollectingSink sink;
  CommitResult result;
  store.commit(std::move(batch), sink, [&result](const CommitResult& seen) { result = seen; });
  sink.wait_for(1);
  return result;
}

}  // namespace settle
