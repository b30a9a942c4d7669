#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>

#include "storage/committer.h"

namespace settle {

/// One entry of the queue.
struct Submission {
  QueuedCommit commit;
  std::size_t bytes = 0;
  bool is_last = false;         ///< nothing comes after; the committer ends
  Submission* below = nullptr;  ///< the queue's own
};

/// Many producers, one consumer, no lock. Producers push onto a stack with one atomic exchange and wake the consumer
/// only when the stack was empty, so a busy queue costs no system call; the consumer takes the whole stack and turns it
/// round.
class SubmissionQueue {
 public:
  SubmissionQueue() = default;
  ~SubmissionQueue() {
    std::deque<std::unique_ptr<Submission>> left;
    take(left);
  }
  SubmissionQueue(const SubmissionQueue&) = delete;
  SubmissionQueue& operator=(const SubmissionQueue&) = delete;

  /// Thread: any; never blocks.
  void push(std::unique_ptr<Submission> submission) {
    Submission* const pushed = submission.release();
    pushed->below = newest_.load(std::memory_order_relaxed);
    // Once it is exchanged, the submission belongs to the consumer and must not be looked at again.
    Submission* below = pushed->below;
    while (!newest_.compare_exchange_weak(below, pushed, std::memory_order_release, std::memory_order_relaxed)) {
      pushed->below = below;
    }
    if (below == nullptr) newest_.notify_one();
  }

  /// Waits until something is there. Thread: the consumer's.
  void wait() const { newest_.wait(nullptr, std::memory_order_acquire); }

  /// Appends everything pushed so far to `queue`, oldest first. Thread: the consumer's.
  void take(std::deque<std::unique_ptr<Submission>>& queue) {
    Submission* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    Submission* oldest = nullptr;
    while (newest != nullptr) {
      Submission* const below = newest->below;
      newest->below = oldest;
      oldest = newest;
      newest = below;
    }
    while (oldest != nullptr) {
      queue.emplace_back(oldest);
      oldest = oldest->below;
    }
  }

 private:
  std::atomic<Submission*> newest_{nullptr};
};

}  // namespace settle
