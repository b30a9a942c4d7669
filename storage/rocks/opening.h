#pragma once

#include "base/result.h"
#include "storage/rocks/floor.h"
#include "storage/rocks/rocks_store.h"

namespace settle {

/// What is known of a data directory before the database in it is opened for writing.
struct Opening {
  FloorRecord floor;
  bool is_new = false;  ///< nothing was ever acknowledged: the database may have to be made, or its making finished
};

/// Makes the directory and its floor when the store is new; otherwise only reads, and compares store and floor, so that
/// a store that is refused is left exactly as it was found, for repair. Holds the store's lock meanwhile. Errors: those
/// of RocksStore::open.
Result<Opening> prepare_directory(const RocksOptions& options);

}  // namespace settle
