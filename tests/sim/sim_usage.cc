// What the engine counts of a namespace's quota, beside what the durable store holds.

#include "storage/keys.h"
#include "tests/sim/sim_engine.h"

namespace settle::sim {
namespace {

/// Of what has not ended, by every single record.
Share stored_share(const Reader& reader) {
  std::map<std::string, std::int64_t> bytes;
  std::map<std::string, bool> open;
  const Result<void> scanned = reader.scan(Family::state, {}, [&](std::string_view key, std::string_view value) {
    const std::size_t end = key.find('\0', key.find('\0', 2) + 1);
    const std::string workflow(key.substr(0, end));
    const char kind = key[end + 1];
    StoredHeader header;
    if (kind == 'w') header = *decode_header(value);
    if (kind == 'x') SETTLE_ASSERT(apply_progress(value, header));
    if (kind == 'w' || kind == 'x') open[workflow] = header.header.status != WorkflowStatus::ended;  // `x` comes later
    if (kind == 'p' || kind == 'i' || kind == 'o' || kind == 'b')
      bytes[workflow] += static_cast<std::int64_t>(value.size());
    if (kind == 'a') bytes[workflow] += static_cast<std::int64_t>(payload_bytes_within(value));
    if (kind == 's') bytes[workflow] += static_cast<std::int64_t>(canonical(*decode_signal(value)->payload).size());
    return true;
  });
  SETTLE_ASSERT(scanned);
  Share out;
  for (const auto& [workflow, is_open] : open) {
    if (!is_open) continue;
    ++out.workflows;
    out.bytes += bytes[workflow];
  }
  return out;
}

std::string text_of(const Share& share) {
  return std::to_string(share.workflows) + " workflows with " + std::to_string(share.bytes) + " bytes";
}

}  // namespace

Share SimEngine::counted() const {
  return engine_->usage().of("default").now();
}

/// At no moment less than what is durable, whichever part of what was queued that is; and just that when nothing is
/// under way. Else a limit would let too much in, or too little.
void SimEngine::judge_usage(const Share& counted, bool at_rest) {
  const Share stored = stored_share(*store.snapshot());
  const bool enough = counted.workflows >= stored.workflows && counted.bytes >= stored.bytes;
  const bool just = counted.workflows == stored.workflows && counted.bytes == stored.bytes;
  if (at_rest ? just : enough) return;
  verdict_.violated("quota", "", "the engine counts " + text_of(counted) + ", and stored are " + text_of(stored));
}

/// At the moment of the refusal; what was there before is answered as ever.
bool SimEngine::had_no_room(const SimSubmission& submission, bool known_before, ErrorCode code) const {
  if (known_before) return false;
  const QuotaLimits& usual = quotas.usual;
  // A plan, and at most so much that its first actions are given.
  const auto most = static_cast<std::int64_t>(4 * canonical(monitor.sketch_of(submission.id)->document()).size());
  if (code == ErrorCode::payload_too_large) return most > *usual.bytes;
  if (code != ErrorCode::quota_exceeded) return false;
  const Share used = counted();
  return (usual.open_workflows && used.workflows >= *usual.open_workflows) || used.bytes + most > *usual.bytes;
}

/// A refusal is held back until what it was said beside is durable, so that what is used then says nothing.
bool SimEngine::may_be_full_for(std::size_t signal_bytes, ErrorCode code) const {
  const bool too_large = static_cast<std::int64_t>(signal_bytes) > *quotas.usual.bytes;
  if (code == ErrorCode::payload_too_large) return too_large;
  return code == ErrorCode::quota_exceeded && is_limited() && signal_bytes > 1'024 && !too_large;
}

}  // namespace settle::sim
