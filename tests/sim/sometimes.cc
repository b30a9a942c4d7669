#include "tests/sim/sometimes.h"

#include "tests/sim/faults.h"

namespace settle::sim {
namespace {

constexpr std::string_view wanted[] = {
    // how workflows end
    "workflow verified",
    "workflow executed",
    "workflow failed",
    "workflow cancelled",
    "workflow waits for a person",
    // how runs end, by mode
    "key verified",
    "key executed",
    "key failed",
    "key in_doubt",
    "key unverified",
    "key cancelled",
    "key skipped",
    "lookup verified",
    "lookup executed",
    "lookup failed",
    "lookup in_doubt",
    "lookup unverified",
    "lookup cancelled",
    "natural verified",
    "natural failed",
    "natural in_doubt",
    "natural unverified",
    "natural cancelled",
    "none verified",
    "none executed",
    "none failed",
    "none in_doubt",
    "none unverified",
    "none cancelled",
    "stage fallback_held",
    // on what evidence
    "confidence read_back",
    "confidence lookup",
    "confidence state_match",
    "confidence operator",
    // rare ways
    "adopted",
    "a repeat was refused",
    "fallback begun",
    "compensation begun",
    "undone",
    "nothing to undo",
    "a new generation of a key",
    "a guard did not hold",
    "retried",
    "an operator saw it",
    "an operator saw nothing",
    // Settle's own tools
    "flow.sleep verified",
    "flow.sleep cancelled",
    "flow.sleep deadline_exceeded",
    "flow.assert verified",
    "flow.assert assertion_failed",
    "flow.wait_signal verified",
    "flow.wait_signal signal_timeout",
    "flow.wait_signal cancelled",
    "flow.wait_signal deadline_exceeded",
    "flow.run_plan verified",
    "flow.run_plan executed",
    "flow.run_plan child_failed",
    "flow.run_plan child_cancelled",
    "flow.run_plan cancelled",
    "flow.run_plan deadline_exceeded",
    "flow.run_plan invalid_plan",
    "flow.run_plan fallback_held",
    // signals
    "signal delivered",
    "signal replayed",
    "signal refused: idempotency_key_reused",
    "signal refused: not_found",
    "signal refused: wrong_state",
    "signal refused: shutting_down",
    "a signal ended a wait",
    "a signal had come before it was waited for",
    "a signal that nobody took",
    // workflows of workflows
    "a child began, depth 1",
    "a child began, depth 2",
    "a child began, depth 3",
    "a child was never begun",
    "a new generation of a child",
    "a parent shows its child's attention",
    "child verified",
    "child executed",
    "child failed",
    "child cancelled",
    "child waits for a person",
    // codes
    "code attempts_exhausted",
    "code call_unresolved",
    "code connection_lost",
    "code deadline_exceeded",
    "code did_not_happen",
    "code duplicate_found",
    "code elements_failed",
    "code endpoint_changed",
    "code engine_restart",
    "code look_up_unreadable",
    "code output_schema_violation",
    "code read_back_unreadable",
    "code reference_unresolved",
    "code schedule_to_close_timeout",
    "code success_rule",
    "code timeout",
    "code verification_mismatch",
    // limits, and looks beside the plain read-back
    "rate limited: per_second",
    "rate limited: concurrency",
    "rate limited: retry_after",
    "shown as rate limited",
    "busy, and processed, as the tool foresees",
    "code before_unreadable",
    "code verification_pending",
    "code no_longer_holds",
    "no longer holds",
    "looked at again",
    "looked at again after the end",
    "seen to",
    // agreement
    "asked for agreement",
    "asked for agreement, of a fallback",
    "asked for agreement, of a compensation",
    "asked for agreement over a doubt",
    "asked anew after a retry",
    "asked anew, since it would go elsewhere",
    "sent with the agreement of one",
    "sent with the agreement of several",
    "approval approved",
    "approval rejected",
    "approval expired",
    "approval withdrawn",
    "an approval waits on after its time",
    "decision taken",
    "decision refused: approval_changed",
    "decision refused: wrong_state",
    "decision refused: forbidden",
    "decision refused: not_found",
    "flow.approve verified",
    "flow.approve approval_rejected",
    "flow.approve approval_expired",
    "flow.approve cancelled",
    // what people do
    "submission created",
    "submission replayed",
    "submission refused: conflict",
    "submission refused: idempotency_key_reused",
    "cancelled by the operator",
    "paused",
    "resumed",
    "resolved",
    "retry accepted",
    "document shown",
    // what happens to the engine
    "crash",
    "crash at an operation of the store",
    "crash during recovery",
    "orderly stop",
    "the disk died",
    "the configuration moved the endpoint",
    "the clock leapt ahead",
    "the clock went back",
};

}  // namespace

std::vector<std::string> never_reached(const Counters& counters) {
  std::vector<std::string> out;
  for (const std::string_view what : wanted) {
    if (counters.of(what) == 0) out.emplace_back(what);
  }
  for (std::size_t i = 0; i < fault_count; ++i) {
    const std::string fault = "fault " + std::string(name_of(static_cast<Fault>(i)));
    if (counters.of(fault) == 0) out.push_back(fault);
  }
  return out;
}

}  // namespace settle::sim
