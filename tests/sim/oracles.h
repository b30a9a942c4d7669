#pragma once

#include "tests/sim/sim_engine.h"

namespace settle::sim {

/// What a seed has left behind, read from the durable store, the receipts and the truth about the outside alone.
struct Evidence {
  SimEngine& engine;
  const Monitor& durable;  ///< read anew from the store
  const World& world;
  std::unique_ptr<Reader> reader;
  Verdict& verdict;
  Counters& counters;
};

// One function for each promise of FINDINGS §5 that can be judged when all is over. The others (P2, P6, P21 and what is
// acknowledged) are judged at the moment itself, in monitor.cc and sim_engine.cc.

/// Each list has just the workflows that it says.
void judge_listings(const Evidence& evidence);
/// P1: every acknowledged workflow is there.
void judge_durability(const Evidence& evidence);
/// P3: at most one effect for `key` and `lookup`, whatever happened.
void judge_duplicates(const Evidence& evidence);
/// P4: verified only on the strength of a look that is newer than the execution and showed just that; executed only on
/// the strength of an answer or an adopted record.
void judge_evidence(const Evidence& evidence);
/// P5: "failed" or "cancelled" with effect none only where nothing happened; in doubt only where something may have.
void judge_absence(const Evidence& evidence);
/// P6: what can be seen of order only at the end: whatever is to be undone was undone.
void judge_undoing(const Evidence& evidence);
/// P7: all ended, or wait for a person and say why.
void judge_liveness(const Evidence& evidence);
/// P1 and P7 of Settle's own tools: acknowledged signals are there, and what waits for a workflow waits for one that
/// goes on, or says that it needs a person.
void judge_flows(const Evidence& evidence);
/// P1, P7: the index shows each request for approval as its run has it, and the list of open ones no other.
void judge_approvals(const Evidence& evidence);
/// P16: of no token that anybody has, the secret is stored anywhere.
void judge_secrets(const Evidence& evidence);
/// Receipts: complete, in a chain, of the right digests, and in the ledger with their hash.
void judge_receipts(const Evidence& evidence);
/// P4, P5: the looks beside the plain read-back show what the tool's document demands of them.
void judge_looks(const Evidence& evidence);
/// P4, P21: what was verified is looked at again as often as declared, and falls only when it no longer holds.
void judge_rechecks(const Evidence& evidence);

void judge_all(SimEngine& engine, Verdict& verdict, Counters& counters);

}  // namespace settle::sim
