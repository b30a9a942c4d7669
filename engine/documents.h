#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "storage/codec.h"
#include "workflows/state.h"

namespace settle {

// The documents of docs/api.md, from state. Pure. Thread: any.

/// A workflow's document, written at once: nearly all are only passed on.
struct WorkflowText {
  WorkflowHeader header;
  std::string text;

  /// The same as a tree, for those who put it into another document.
  Json document() const;
};
WorkflowText workflow_text(const Workflow& workflow);
Json summary_document(const Summary& summary);
/// `plan` gives actions their ids.
Json event_document(const StoredEvent& event, const Plan& plan);
/// Written from receipts alone: `receipts` in the order in which they were issued, each in its canonical bytes.
Result<Json> report_document(const WorkflowHeader& header, const Plan& plan, const std::vector<std::string>& receipts);

}  // namespace settle
