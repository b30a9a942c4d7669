#pragma once

#include <memory>

#include "base/json.h"
#include "storage/access_codec.h"
#include "storage/store.h"

namespace settle {

/// What is to be written about one call of the API. Shared by whoever answers it and by whoever makes the change, one
/// after the other; whoever makes it puts the record into the batch of the change.
struct AuditNote {
  AuditEntry entry;
  bool settled = false;  ///< it is part of a batch that was queued, or there is nothing to write

  void put_into(WriteBatch& batch, std::string outcome = "done") {
    entry.outcome = std::move(outcome);
    if (entry.status == 0) entry.status = 200;
    batch.audit.push_back(encode_audit(entry));
    settled = true;
  }
};
using AuditNotePtr = std::shared_ptr<AuditNote>;

/// {"records": […], "next_after"}: those after number `after` that a token of `name_space` may see (all_name_spaces: of
/// all, and of nobody's), at most `limit`, in commit order. One page looks at a bounded number of records, so it may
/// be short; `next_after` goes on behind what was looked at. Errors: corruption.
Result<Json> audit_page(const Reader& reader, std::string_view name_space, std::uint64_t after, std::size_t limit);

}  // namespace settle
