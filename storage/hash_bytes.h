#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/hash.h"

namespace settle {

/// Hashes as the records of the store hold them: their 32 bytes.
inline void append_hash(std::string& out, const Hash& hash) {
  out.append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

/// Reads the hash at `offset`, which must lie within `bytes` with all its bytes.
inline Hash read_hash(std::string_view bytes, std::size_t offset) {
  Hash hash;
  SETTLE_ASSERT(bytes.size() >= hash.size() && offset <= bytes.size() - hash.size());
  bytes.copy(reinterpret_cast<char*>(hash.data()), hash.size(), offset);
  return hash;
}

}  // namespace settle
