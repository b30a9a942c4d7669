#pragma once

#include <cstdint>
#include <string>

#include "storage/store.h"

namespace settle {

/// Numbers from 0 on, each one batch over five families, so that a batch in part, a gap, a doubled or a changed row
/// shows. `life` tells apart a number that was written again because nobody had been told of the first time.
WriteBatch numbered_batch(std::uint64_t number, std::uint64_t life);

/// What a store that holds the numbers below `count` may still be reproached with; empty: nothing.
struct NumberedRows {
  std::uint64_t count = 0;
  std::string wrong;
  bool is_unreadable = false;  ///< `wrong` is what the store itself said
};
NumberedRows numbered_rows_in(const Store& store);
NumberedRows numbered_rows_in(const Reader& reader, std::uint64_t ledger_size);

}  // namespace settle
