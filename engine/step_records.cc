#include "engine/step_records.h"

#include <algorithm>
#include <iterator>

#include "engine/approvals.h"
#include "receipts/entry.h"
#include "receipts/packed.h"
#include "storage/codec.h"
#include "storage/keys.h"
#include "workflows/receipt.h"

namespace settle {
namespace {

template <class T>
void append(std::vector<T>& into, std::vector<T>&& more) {
  into.insert(into.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// What a set of indexes is, however often something was put in.
template <class T>
void unite(std::vector<T>& into, const std::vector<T>& more) {
  into.insert(into.end(), more.begin(), more.end());
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

/// A receipt takes the place of an earlier one that has its number. A list's end may bring thousands, so only those
/// that are not newer than all before are looked for.
void append_receipts(std::vector<IssuedReceipt>& into, const std::vector<IssuedReceipt>& more) {
  std::uint32_t newest = 0;
  for (const IssuedReceipt& one : into) newest = std::max(newest, one.number);
  for (const IssuedReceipt& receipt : more) {
    const auto is_same = [&](const IssuedReceipt& one) { return one.number == receipt.number; };
    const auto same = receipt.number > newest ? into.end() : std::find_if(into.begin(), into.end(), is_same);
    newest = std::max(newest, receipt.number);
    if (same == into.end()) {
      into.push_back(receipt);
    } else {
      *same = receipt;
    }
  }
}

/// Inputs, outputs and what was looked at before: as they are now. What one step brought, a later one of the same batch
/// may have taken back.
class Payloads {
 public:
  Payloads(const Workflow& workflow, const keys::OfWorkflow& records, KeptBytes& kept, WriteBatch& batch)
      : workflow_(workflow), records_(records), kept_(kept), batch_(batch) {}

  void write(const Transition& transition) {
    const std::vector<ActionState>& runs = workflow_.actions;
    for (const ActionIndex index : transition.new_inputs) put(KeptBytes::Of::input, index, runs[index].input);
    for (const ActionIndex index : transition.new_outputs) put(KeptBytes::Of::output, index, runs[index].output);
    for (const ActionIndex index : transition.new_befores) put(KeptBytes::Of::before, index, runs[index].before);
    for (const ActionIndex index : transition.old_inputs) erase(KeptBytes::Of::input, index, runs[index].input);
    for (const ActionIndex index : transition.old_outputs) erase(KeptBytes::Of::output, index, runs[index].output);
    kept_.signals(workflow_.signals);
  }

  PayloadsWithin within(ActionIndex index) const {
    return {is_within(KeptBytes::Of::input, index), is_within(KeptBytes::Of::output, index)};
  }

 private:
  bool is_within(KeptBytes::Of of, ActionIndex index) const {
    return of != KeptBytes::Of::before && kept_.of(of, index) <= payload_within_max;
  }
  std::string key(KeptBytes::Of of, ActionIndex index) const {
    if (of == KeptBytes::Of::input) return records_.input(index);
    return of == KeptBytes::Of::output ? records_.output(index) : records_.before(index);
  }

  void put(KeptBytes::Of of, ActionIndex index, const std::shared_ptr<const Json>& value) {
    if (value == nullptr) return;
    std::string bytes = canonical(*value);
    const bool replaces = kept_.of(of, index) > 0;
    kept_.set(of, index, bytes.size());
    if (!is_within(of, index)) {
      batch_.put(Family::state, key(of, index), std::move(bytes));
    } else if (replaces) {  // what may have had a record of its own
      batch_.erase(Family::state, key(of, index));
    }
  }

  /// What was there before may have had a record of its own.
  void erase(KeptBytes::Of of, ActionIndex index, const std::shared_ptr<const Json>& now) {
    if (now == nullptr) kept_.set(of, index, 0);
    if (is_within(of, index)) batch_.erase(Family::state, key(of, index));
  }

  const Workflow& workflow_;
  const keys::OfWorkflow& records_;
  KeptBytes& kept_;
  WriteBatch& batch_;
};

}  // namespace

std::optional<Time> due_of(const Workflow& workflow) {
  const bool under_way = workflow.gated > 0 || workflow.calling > 0 || workflow.children > 0;
  return under_way ? workflow.header.created_at : workflow.next_wake();
}

void merge(Transition& into, Transition&& next) {
  into.changed = into.changed || next.changed;
  unite(into.actions, next.actions);
  unite(into.new_inputs, next.new_inputs);
  unite(into.new_outputs, next.new_outputs);
  unite(into.old_inputs, next.old_inputs);
  unite(into.old_outputs, next.old_outputs);
  unite(into.new_befores, next.new_befores);
  unite(into.signals, next.signals);
  append(into.history, std::move(next.history));
  append_receipts(into.receipts, next.receipts);
  append(into.calls, std::move(next.calls));
  for (const ChildEffect& effect : next.children) {
    const auto same = [&](const ChildEffect& one) { return one.action == effect.action && one.child == effect.child; };
    if (effect.cancel) std::erase_if(into.children, same);  // not begun only to be cancelled
  }
  append(into.children, std::move(next.children));
  append(into.approvals, std::move(next.approvals));
}

void write_step(const Workflow& workflow, const Transition& transition, const std::optional<Time>& due, KeptBytes& kept,
                WriteBatch& batch) {
  const WorkflowHeader& header = workflow.header;
  const keys::OfWorkflow records(header.name_space, header.id);
  const auto retries = [](const HistoryEvent& event) { return event.type == "workflow.retried"; };
  const std::vector<HistoryEvent>& history = transition.history;
  // What stays as it was submitted is written once, and again with the versions of tools that a retry goes on with.
  const bool whole = header.version == 1 || std::any_of(history.begin(), history.end(), retries);
  Payloads payloads(workflow, records, kept, batch);
  payloads.write(transition);  // first, since how much is kept is part of the record
  if (whole) batch.put(Family::state, records.header(), encode_header(workflow, due, kept.total()));
  if (header.version > 1) batch.put(Family::state, records.progress(), encode_progress(header, due, kept.total()));
  for (const ActionIndex index : transition.actions)
    batch.put(Family::state, records.action(index), encode_action(workflow.actions[index], payloads.within(index)));
  for (const std::uint32_t index : transition.signals)
    batch.put(Family::state, records.signal(index + 1), encode_signal(workflow.signals[index]));
  for (const ApprovalChange& change : transition.approvals) put_approval(workflow, change, batch);
  if (!transition.history.empty()) {
    const auto first = static_cast<std::uint32_t>(header.events - transition.history.size() + 1);
    batch.put(Family::history, records.events(first), encode_events(transition.history));
    batch.feed.push_back({header.name_space, header.id, first, static_cast<std::uint32_t>(transition.history.size())});
  }
  for (const IssuedReceipt& issued : transition.receipts) {
    LedgerEntry entry{records.receipt(issued.number),
                      receipt_bytes(workflow, issued.action, issued.number, issued.supersedes, issued.at),
                      {}};
    entry.hash = ledger_entry(entry.bytes);
    entry.bytes = pack_receipt(entry.bytes);
    batch.ledger.push_back(std::move(entry));
  }
  const auto shows = [](const HistoryEvent& event) { return event.type.starts_with("workflow."); };
  const bool listed = std::any_of(transition.history.begin(), transition.history.end(), shows);
  if (listed || header.version == 1)
    batch.put(Family::index, keys::summary(header.name_space, header.created_at, header.id), encode_summary(workflow));
}

}  // namespace settle
