#include "tests/sim/oracles.h"

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "engine/listing.h"
#include "receipts/packed.h"
#include "storage/big_endian.h"
#include "storage/keys.h"
#include "storage/ledger.h"
#include "tests/sim/judged.h"
#include "workflows/receipt.h"

namespace settle::sim {
namespace {

using Shadow = Monitor::Shadow;

/// Calls `judge` with every `for_each` and each of its elements' runs, fallbacks included.
template <class Judge>
void for_each_list(const Evidence& evidence, const Judge& judge) {
  for (const auto& [id, workflow] : evidence.durable.workflows()) {
    for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
      const ActionState& run = workflow.runs[i];
      if (run.element && !is_undoing(run.role)) judge(workflow, run.planned, i);
    }
  }
}

/// By a person, or by what runs it: a parent that is cancelled itself, or whose time is over.
bool asked_to_cancel(const Evidence& evidence, const Shadow& workflow) {
  if (evidence.engine.asked_to_cancel(workflow.header.id)) return true;
  if (!workflow.header.parent) return false;
  const Shadow& parent = evidence.durable.workflows().at(workflow.header.parent->workflow);
  return parent.header.deadline_at || asked_to_cancel(evidence, parent);
}

std::string text_of(const Json* value) {
  return value != nullptr && value->is_string() ? value->as_string() : "";
}

/// Two children of one run do the same to the same record, where a person has retried the older one.
bool done_by_sibling(const Evidence& evidence, const Judged& judged) {
  const WorkflowHeader& header = judged.workflow.header;
  if (!header.parent) return false;
  for (const std::string& id : evidence.durable.children_of(header.parent->workflow, header.parent->run)) {
    const auto truth = evidence.world.truths.find(id + judged.value.substr(judged.value.find('.')));
    if (id != header.id && truth != evidence.world.truths.end() && !truth->second.effects.empty()) return true;
  }
  return false;
}

}  // namespace

void judge_durability(const Evidence& evidence) {
  for (const auto& [id, body] : evidence.engine.acknowledged()) {
    if (!evidence.durable.workflows().contains(id)) evidence.verdict.violated("P1", id, "was acknowledged and is lost");
  }
}

void judge_duplicates(const Evidence& evidence) {
  for_each_run(evidence, [&](const Judged& judged) {
    const Truth& truth = judged.truth;
    const bool once = judged.tool.mode == IdempotencyMode::key || judged.tool.mode == IdempotencyMode::lookup;
    if (!once || judged.tool.reads_only() || truth.broken() || evidence.engine.clock_ahead) return;
    if (evidence.engine.clock_back && judged.tool.mode == IdempotencyMode::key) return;
    if (truth.effects.size() > 1)
      violated(evidence, "P3", judged, "has " + std::to_string(truth.effects.size()) + " effects");
  });
}

void judge_evidence(const Evidence& evidence) {
  for_each_run(evidence, [&](const Judged& judged) {
    const ActionState& run = judged.run;
    const auto looks = evidence.world.looks.find(judged.value);
    const auto saw = [&](const std::function<bool(const Look&)>& fits) {
      return looks != evidence.world.looks.end() && std::any_of(looks->second.begin(), looks->second.end(), fits);
    };
    const bool by_word = run.word && run.word->happened;
    const bool answered = std::any_of(judged.truth.sends.begin(), judged.truth.sends.end(), [&](const Send& send) {
      return run.executed_at && send.known == Known::answered && send.ended == *run.executed_at;
    });
    const bool adopted =
        saw([&](const Look& look) { return run.executed_at && look.ended == *run.executed_at && look.records == 1; });
    if (run.executed_at && !judged.tool.reads_only() && !by_word && !answered && !adopted)
      violated(evidence, "P4", judged, "executed without an answer or a found record");
    if (run.stage != Stage::verified || judged.tool.verify != VerifyKind::read_back) return;
    const Time from = run.executed_at.value_or(run.first_send_at.value_or(Time::max()));
    if (!saw([&](const Look& look) { return look.ended == *run.verified_at && look.started >= from; }))
      violated(evidence, "P4", judged, "verified without a look after its execution that showed it");
    if (judged.tool.reads_only()) return;
    const bool as_asked = run.confidence == Confidence::state_match && done_by_sibling(evidence, judged);
    if (judged.truth.effects.empty() && !as_asked) violated(evidence, "P4", judged, "verified, and it never happened");
    const bool unseen = judged.tool.promises.unseen && !run.executed_at;
    const bool tied = judged.tool.is_tied(unseen ? *judged.tool.promises.unseen : judged.tool.read_by);
    // A person who confirms what the tool itself has said takes nothing from that evidence.
    if (by_word && !answered && !adopted && run.confidence != Confidence::operator_)
      violated(evidence, "P4", judged, "claims more than an operator's word");
    if (run.doubted && !tied && !run.adopted && !by_word && run.confidence != Confidence::state_match)
      violated(evidence, "P4", judged, "claims to be its own doing without a tie");
  });
}

void judge_absence(const Evidence& evidence) {
  for_each_run(evidence, [&](const Judged& judged) {
    const ActionState& run = judged.run;
    const Truth& truth = judged.truth;
    if (run.stage == Stage::in_doubt) {
      // An intent whose call never left (a crash came between) is one that may have, as far as anybody knows.
      const bool never_left = truth.sends.size() < run.attempt;
      const bool may_have = never_left || std::any_of(truth.sends.begin(), truth.sends.end(), [](const Send& send) {
                              return send.known != Known::not_sent && send.known != Known::rejected;
                            });
      if (!may_have) violated(evidence, "P5", judged, "in doubt though no send can have happened");
    }
    if (judged.tool.reads_only() || truth.broken() || evidence.engine.clock_ahead) return;
    // What the plan itself has overwritten since is not there, though it happened: what fell, or was retried after
    // that.
    const bool gone = truth.overwritten && !evidence.world.holds(judged.value);
    const bool denied = is_final(run.stage) && run.effect == Effect::none && !gone;
    if (denied && (!truth.effects.empty() || truth.pending > 0))
      violated(evidence, "P5", judged, "says effect none, and it happened");
    const bool claimed = is_final(run.stage) && run.effect == Effect::complete;
    const bool as_asked = run.confidence == Confidence::state_match && done_by_sibling(evidence, judged);
    if (claimed && truth.effects.empty() && !as_asked)
      violated(evidence, "P5", judged, "says effect complete, and it never happened");
  });
  for_each_list(evidence, [&](const Shadow& workflow, ActionIndex list, ActionIndex element) {
    const auto truth = evidence.world.truths.find(workflow.value_of(element));
    const bool untouched = truth == evidence.world.truths.end() || truth->second.tool->reads_only();
    if (untouched || truth->second.broken() || evidence.engine.clock_ahead || truth->second.effects.empty()) return;
    if (is_final(workflow.runs[list].stage) && workflow.runs[list].effect == Effect::none)
      evidence.verdict.violated("P5", workflow.header.id, truth->first + " happened, and its list says effect none");
  });
}

void judge_undoing(const Evidence& evidence) {
  const auto happened = [](const ActionState& run) {
    return run.effect == Effect::complete || run.effect == Effect::partial;
  };
  for (const auto& [id, workflow] : evidence.durable.workflows()) {
    bool failed = false;  // before the end: what falls after it is only told
    for (ActionIndex i = 0; i < workflow.sketch->actions.size(); ++i) {
      const ActionState& run = workflow.effective(i);
      failed = failed || (run.stage == Stage::failed && !fell_after_the_end(workflow, run));
    }
    const bool undo = workflow.sketch->on_failure == OnFailure::compensate &&
                      workflow.header.status == WorkflowStatus::ended && failed;
    std::set<ActionIndex> undone;
    for (const ActionState& run : workflow.runs) {
      if (is_undoing(run.role) && !undone.insert(run.parent).second)
        evidence.verdict.violated("P6", id, "a run was undone twice");
    }
    if (undo) evidence.counters.note(undone.empty() ? "nothing to undo" : "undone");
    if (!undo || (undone.empty() && asked_to_cancel(evidence, workflow))) continue;  // what is cancelled is not undone
    for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
      const ActionState& run = workflow.runs[i];
      const bool declared = workflow.sketch->actions[run.planned].undoing_of(run.role) != nullptr;
      if (declared && !workflow.is_list(i) && happened(run) && !undone.contains(i) &&
          !fell_after_the_end(workflow, run))
        evidence.verdict.violated("P6", id, workflow.value_of(i) + " was not undone");
    }
  }
}

void judge_liveness(const Evidence& evidence) {
  for (const auto& [id, workflow] : evidence.durable.workflows()) {
    const bool ended = workflow.header.status == WorkflowStatus::ended;
    if (workflow.header.retries > 0) evidence.counters.note("retried");
    evidence.counters.note("workflow " +
                           (ended ? std::string(name_of(workflow.header.outcome)) : "waits for a person"));
    if (!ended && !workflow.header.attention) evidence.verdict.violated("P7", id, "is stuck in a healthy world");
    for (ActionIndex i = 0; i < workflow.runs.size(); ++i) {
      const ActionState& run = workflow.runs[i];
      const bool waits = run.stage == Stage::blocked || run.stage == Stage::revived || is_final(run.stage) ||
                         is_parked(run.stage) || run.stage == Stage::gathering || run.child_attention;
      if (!waits)
        evidence.verdict.violated("P7", id, workflow.value_of(i) + " is still " + std::string(name_of(run.stage)));
      if (is_parked(run.stage) && (!run.error || run.error->code.empty() || run.receipt == 0))
        evidence.verdict.violated("P7", id, workflow.value_of(i) + " waits for a person without a reason");
      const SketchAction& planned = workflow.sketch->actions[run.planned];
      evidence.counters.note("stage " + std::string(name_of(run.stage)));
      if (run.stage == Stage::in_doubt || run.stage == Stage::unverified || run.stage == Stage::failed)
        evidence.counters.note("code " + run.error->code);
      if (!workflow.calls(i) || planned.tool_of(run.role).reads_only()) continue;
      evidence.counters.note(std::string(name_of(planned.tool_of(run.role).mode)) + " " +
                             std::string(name_of(run.stage)));
      if (run.adopted) evidence.counters.note("adopted");
      if (run.word) evidence.counters.note(run.word->happened ? "an operator saw it" : "an operator saw nothing");
      if (run.refusal) evidence.counters.note("a repeat was refused");
      if (run.stage == Stage::verified) evidence.counters.note("confidence " + std::string(name_of(run.confidence)));
    }
  }
}

void judge_receipts(const Evidence& evidence) {
  for (const auto& [id, workflow] : evidence.durable.workflows()) {
    const Result<std::vector<std::string>> all = load_receipts(*evidence.reader, "default", id);
    if (!all || all->size() != workflow.header.receipts) {
      evidence.verdict.violated("receipts", id, "there are not as many as the workflow says");
      continue;
    }
    std::map<std::string, std::string> last;  // by run
    for (std::size_t i = 0; i < all->size(); ++i) {
      const Json receipt = *read_receipt((*all)[i]);
      const std::string name = text_of(receipt.find("receipt"));
      const Json* element = receipt.find("element");
      const std::string run = text_of(receipt.find("action")) + "." + text_of(receipt.find("role")) + "." +
                              (element->is_null() ? "-" : std::to_string(element->as_integer()));
      if (name != receipt_id(id, static_cast<std::uint32_t>(i + 1)))
        evidence.verdict.violated("receipts", id, name + " is out of order");
      if (text_of(receipt.find("supersedes")) != last[run])
        evidence.verdict.violated("receipts", id, name + " does not supersede the one before");
      last[run] = name;
      const Json* input = receipt.find("input");
      if (!input->is_null() && text_of(receipt.find("input_digest")) != "sha256:" + to_hex(sha256(canonical(*input))))
        evidence.verdict.violated("receipts", id, name + " has a wrong digest");
    }
  }
  std::uint64_t entries = 0;
  const auto judge_leaf = [&](const LedgerLeaf& leaf) {
    const auto receipt = evidence.reader->get(Family::receipts, leaf.key);
    const bool good = receipt && *receipt && read_be64(**receipt, 0) == entries &&
                      sha256(*unpack_receipt((*receipt)->substr(8))) == leaf.hash;
    if (!good) evidence.verdict.violated("receipts", "", "entry " + std::to_string(entries) + " of the ledger");
    ++entries;
  };
  const auto judge_group = [&](std::string_view key, std::string_view value) {
    if (key != ledger_key(entries)) return false;
    const std::vector<LedgerLeaf> leaves = *decode_leaves(value);
    for (const LedgerLeaf& leaf : leaves) judge_leaf(leaf);
    return true;
  };
  const Result<void> scanned = evidence.reader->scan(Family::receipts, {.from = ledger_key(0), .to = "H"}, judge_group);
  if (!scanned || entries != evidence.engine.store.ledger_size())
    evidence.verdict.violated("receipts", "", "the ledger has gaps");
}

void judge_listings(const Evidence& evidence) {
  const auto judge = [&](const ListQuery& query, const auto& fits) {
    const Result<Json> page = list_workflows(*evidence.reader, query);
    std::set<std::string> listed, expected;
    for (const Json& workflow : page->find("workflows")->as_array()) listed.insert(text_of(workflow.find("id")));
    for (const auto& [id, workflow] : evidence.durable.workflows()) {
      if (fits(workflow.header)) expected.insert(id);
    }
    if (listed != expected) evidence.verdict.violated("listings", "", "a list has others than it says");
  };
  const std::size_t limit = 1'000;
  judge({.limit = limit}, [](const WorkflowHeader&) { return true; });
  judge({.attention = true, .limit = limit}, [](const WorkflowHeader& header) { return header.attention; });
  for (const WorkflowStatus status : {WorkflowStatus::running, WorkflowStatus::paused, WorkflowStatus::ended})
    judge({.status = status, .limit = limit}, [&](const auto& header) { return shown_status(header) == status; });
  for (const WorkflowOutcome outcome : {WorkflowOutcome::failed, WorkflowOutcome::cancelled})
    judge({.outcome = outcome, .limit = limit}, [&](const auto& header) { return header.outcome == outcome; });
}

void judge_all(SimEngine& engine, Verdict& verdict, Counters& counters) {
  const Evidence evidence{engine, engine.monitor, engine.world, engine.store.snapshot(), verdict, counters};
  judge_durability(evidence);
  judge_duplicates(evidence);
  judge_evidence(evidence);
  judge_absence(evidence);
  judge_undoing(evidence);
  judge_liveness(evidence);
  judge_flows(evidence);
  judge_approvals(evidence);
  judge_receipts(evidence);
  judge_looks(evidence);
  judge_rechecks(evidence);
  judge_listings(evidence);
  judge_secrets(evidence);
}

}  // namespace settle::sim
