#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace settle {

/// Writes an object in canonical form (RFC 8785) member by member, for documents whose members are known: no tree is
/// built, and nothing has to be put into order. Names are ASCII without escapes and come in ascending order, which is
/// asserted. Appends to the string that it was given; end() closes the object. Thread: any.
class CanonicalObject {
 public:
  explicit CanonicalObject(std::string& out) : out_(out) { out_.push_back('{'); }
  CanonicalObject(const CanonicalObject&) = delete;
  CanonicalObject& operator=(const CanonicalObject&) = delete;

  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, std::int64_t value);  ///< within ±(2^53-1)
  void null(std::string_view name);
  void json(std::string_view name, const Json& value);
  /// `value` is canonical JSON.
  void raw(std::string_view name, std::string_view value);
  /// Begins a member whose value is to be appended to the string.
  std::string& member(std::string_view name);
  void end() { out_.push_back('}'); }

 private:
  std::string& out_;
  std::string_view last_;
};

}  // namespace settle
