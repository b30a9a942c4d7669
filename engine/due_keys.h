#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/keys.h"

namespace settle {

/// Keys of the family `due`, one behind the other in one piece of memory: a start may find a million of them.
class DueKeys {
 public:
  /// Errors: none; what is no such key is left out by next().
  void add(std::string_view key);
  /// The one that was added first, which is then gone. Null: there is none left.
  std::optional<keys::Due> next();
  bool empty() const { return at_ == bytes_.size(); }

 private:
  std::string bytes_;  ///< of each key its size (4 bytes, big-endian) and itself
  std::size_t at_ = 0;
};

}  // namespace settle
