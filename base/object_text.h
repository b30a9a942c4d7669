#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace settle {

/// Writes a JSON object member by member, for documents whose members are known: no tree is built. Names are ASCII
/// without escapes, each given once. Appends to the string that it was given; end() closes the object. Thread: any.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : ObjectText(out, false) {}
  ObjectText(const ObjectText&) = delete;
  ObjectText& operator=(const ObjectText&) = delete;

  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, std::int64_t value);  ///< within ±(2^53-1)
  void boolean(std::string_view name, bool value);
  void null(std::string_view name);
  /// `value` is JSON, of the form that the whole is to have.
  void raw(std::string_view name, std::string_view value);
  /// A name that may need escapes, such as one of a user's.
  void text_of_any_name(std::string_view name, std::string_view value);
  /// Begins a member whose value is to be appended to the string.
  std::string& member(std::string_view name);
  void end() { out_.push_back('}'); }

 protected:
  ObjectText(std::string& out, bool ascending) : out_(out), ascending_(ascending) { out_.push_back('{'); }

 private:
  void separate();

  std::string& out_;
  const bool ascending_;
  bool begun_ = false;
  std::string_view last_;
};

/// The same in canonical form (RFC 8785): the names come in ascending order, which is asserted, so that nothing has to
/// be put into order.
class CanonicalObject : public ObjectText {
 public:
  explicit CanonicalObject(std::string& out) : ObjectText(out, true) {}

  void json(std::string_view name, const Json& value) { write_canonical(value, member(name)); }
};

}  // namespace settle
