#pragma once

#include <memory>
#include <string>

#include "api/http/server.h"
#include "engine/actor.h"
#include "engine/audit.h"
#include "engine/loop.h"

namespace settle {

/// Sees to it that every control call is in the audit log before it is answered (docs/audit.md). What a change itself
/// has not put into its batch is written here: refusals, and what changed nothing. Refusals are bounded, so that nobody
/// can fill the disk with them; those beyond are counted in the next record. Loop: its own; outlives its requests.
class AuditTrail {
 public:
  AuditTrail(Store& store, Loop& loop) : store_(store), loop_(loop) {}

  static AuditNotePtr note_of(const HttpRequest& request, const Actor& actor, std::string action, std::string target);

  /// The responder of a control call, in place of the request's own. What the note says when the answer is given is
  /// written first, unless it is settled by then, or the answer repeats one that was given before.
  std::shared_ptr<Responder> follow(AuditNotePtr note, std::shared_ptr<Responder> responder);
  /// Writes the refusal or success that `response` is, then sends it.
  void write(const AuditNotePtr& note, HttpResponse response, std::shared_ptr<Responder> responder);

 private:
  bool may_write_refusal();

  Store& store_;
  Loop& loop_;
  double refusals_left_ = 0;
  Time refilled_at_ = Time::min();
  std::uint64_t unwritten_ = 0;
};

}  // namespace settle
