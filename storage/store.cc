#include "storage/store.h"

#include "storage/big_endian.h"

namespace settle {

std::string ledger_key(std::uint64_t index) {
  std::string key = "L";
  append_be64(key, index);
  return key;
}

}  // namespace settle
