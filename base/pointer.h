#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace settle {

/// A JSON Pointer (RFC 6901), split and unescaped once.
struct Pointer {
  std::vector<std::string> tokens;

  /// Null when `text` is no pointer: it must be empty or begin with "/", with ~ only as ~0 or ~1.
  static std::optional<Pointer> parse(std::string_view text);
  std::string text() const;
  /// The value at this place, or null. Array elements by decimal index without leading zeros; "-" is never there.
  const Json* find(const Json& document) const;
  friend bool operator==(const Pointer&, const Pointer&) = default;
};

/// `token` with ~ and / escaped, for building pointers.
std::string escape_token(std::string_view token);

}  // namespace settle
