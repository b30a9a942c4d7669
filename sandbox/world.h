#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "sandbox/faults.h"
#include "sandbox/records.h"

namespace settle {

/// How an answer leaves.
enum class AnswerDelivery : std::uint8_t {
  whole,
  half,     ///< half of it, then the connection is cut
  nothing,  ///< the connection is cut
};

/// What to answer, and what to write down first.
struct Decision {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  AnswerDelivery delivery = AnswerDelivery::whole;
  Duration delay{0};          ///< before the answer
  std::optional<Json> entry;  ///< for the journal, then for apply(); null: nothing is written down
  bool durable = false;       ///< the entry must have reached the disk before the answer leaves
};

/// The sandbox as a state machine: decide() says what a request does, apply() does it, and a restart is apply() over
/// the journal. Pure: no clock, no file, no socket. Journal entries: docs/formats/sandbox-journal.md.
class World {
 public:
  /// Changes nothing.
  Decision decide(const SandboxRequest& request, Time now) const;

  /// Applies one journal entry. Errors: corruption (no decide() can have written it); then nothing has changed but what
  /// can't be told, and the world must not be used further.
  Result<void> apply(const Json& entry);

  /// The effects that are still to come (fault `late`), by the sequence number of their request.
  std::map<std::int64_t, Time> pending() const;
  /// The journal entry by which a pending effect comes. The number must be one of pending().
  Json land(std::int64_t seq, Time now) const;

 private:
  struct Late {
    SandboxRequest request;
    Time due{};
  };
  /// What is known of all writes with one key (or, without a key, with one body).
  struct Tally {
    std::optional<std::string> key;
    std::string method;
    std::string path;
    std::int64_t sends = 0;
    std::int64_t effects = 0;
    std::int64_t order = 0;
  };

  Decision decide_admin(const SandboxRequest& request, Time now) const;
  Decision decide_service(const SandboxRequest& request, Time now) const;
  Json log(const SandboxRequest& request) const;
  Json summary() const;
  Json armed() const;
  const Fault* due_fault(const SandboxRequest& request) const;
  Result<void> apply_request(const Json& entry);
  Result<void> apply_late(const Json& entry);
  Result<void> apply_effect(const Json& entry, const std::string& tally);
  void remember(const Json& entry);

  SandboxRecords records_;
  std::vector<Fault> faults_;
  std::map<std::int64_t, Late> late_;
  std::map<std::string, Tally> tallies_;
  std::deque<Json> log_;  ///< the latest, for /_sandbox/log
  std::int64_t seq_ = 0;
  std::int64_t requests_ = 0;
  std::int64_t effects_ = 0;
  std::int64_t faults_made_ = 0;
};

}  // namespace settle
